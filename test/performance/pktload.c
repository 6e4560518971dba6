/* A load generator and sink for veth links, in one program.
 *
 *   pktload FROM_NETNS FROM_IF TO_NETNS TO_IF SECONDS SIZE [FLOWS]
 *
 * The generator runs an XDP program in the kernel's live-frames mode (BPF_PROG_TEST_RUN), which redirects
 * frames into FROM_IF without building an skb: more packets a second than any switch on veth forwards. The
 * sink is an XDP program on TO_IF that counts frames of the generator and drops them. Prints one line of JSON:
 * packets sent and received after a warm-up of half a second, and the rates.
 *
 * Only the kernel's headers are used. The generator's program is attached to FROM_IF as well (where it passes
 * everything on), since the kernel otherwise patches its dispatcher at each test run, which takes milliseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define LIVE_BATCH 256
#define MARK 0x4f4b4f21u	/* at the start of the UDP payload, tells our frames from others */
#define PAYLOAD 42

static void fail(const char *what)
{
	fprintf(stderr, "pktload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static void enter(const char *netns)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/var/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(path);
	close(fd);
}

static int load(const struct bpf_insn *insns, unsigned int count)
{
	static char log[65536];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_XDP, .insns = (uintptr_t)insns, .insn_cnt = count,
				.license = (uintptr_t)"GPL", .log_buf = (uintptr_t)log, .log_size = sizeof(log), .log_level = 1 };
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0) {
		fputs(log, stderr);
		fail("loading a program");
	}
	return fd;
}

static void attach(int prog, unsigned int ifindex)
{
	union bpf_attr attr = { .link_create = { .prog_fd = prog, .target_ifindex = ifindex, .attach_type = BPF_XDP,
						 .flags = XDP_FLAGS_DRV_MODE } };

	if (bpf(BPF_LINK_CREATE, &attr) < 0)
		fail("attaching a program");
}

static int make_counter(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		fail("making a map");
	return fd;
}

static uint64_t read_counter(int map)
{
	uint32_t key = 0;
	uint64_t value = 0;
	union bpf_attr attr = { .map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&value };

	if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
		fail("reading the counter");
	return value;
}

static int sink(int map)
{
	struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 0, 0),			/* r2 = data */
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, 4, 0),			/* r3 = data_end */
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, PAYLOAD + 4),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 13, 0),			/* short: pass */
		INSN(BPF_LDX | BPF_MEM | BPF_W, 5, 2, PAYLOAD, 0),
		INSN(BPF_JMP32 | BPF_JNE | BPF_K, 5, 0, 11, MARK),		/* not ours: pass */
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return load(insns, sizeof(insns) / sizeof(insns[0]));
}

static int generator(unsigned int ifindex, unsigned int flows)
{
	struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 12, 0),			/* r2 = ingress_ifindex */
		INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 16, 1),			/* not a test run: pass */
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32),
		INSN(BPF_ALU64 | BPF_MOD | BPF_K, 0, 0, 0, (int)flows),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1024),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 6, 4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, PAYLOAD + 4),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 6, 0),			/* short: drop */
		INSN(BPF_ALU | BPF_END | BPF_TO_BE, 0, 0, 0, 16),
		INSN(BPF_STX | BPF_MEM | BPF_H, 2, 0, 34, 0),			/* UDP source port */
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, (int)ifindex),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return load(insns, sizeof(insns) / sizeof(insns[0]));
}

static void make_frame(unsigned char *frame, unsigned int size)
{
	static const unsigned char head[] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,			/* Ethernet: host 1 to host 2 */
		0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 98, 0, 1, 10, 98, 0, 2,
		4, 0, 0x07, 0xd0, 0, 0, 0, 0 };					/* UDP to port 2000, no checksum */
	uint32_t mark = MARK, sum = 0;
	unsigned int i;

	memset(frame, 0, size);
	memcpy(frame, head, sizeof(head));
	memcpy(frame + PAYLOAD, &mark, 4);
	frame[16] = (size - 14) >> 8;
	frame[17] = (size - 14) & 255;
	frame[38] = (size - 34) >> 8;
	frame[39] = (size - 34) & 255;
	for (i = 14; i < 34; i += 2)
		sum += frame[i] << 8 | frame[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	frame[24] = sum >> 8;
	frame[25] = sum;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static unsigned char frame[2048];
	unsigned int size, flows = argc > 7 ? atoi(argv[7]) : 1, from, to;
	uint64_t sent = 0, sent_before = 0, received_before = 0, received;
	double seconds, start, begun = 0, end;
	int map, program;
	cpu_set_t cpus;

	if (argc < 7 || (size = atoi(argv[6])) < PAYLOAD + 4 || size > 1514 || flows < 1 || flows > 60000) {
		fprintf(stderr, "usage: pktload FROM_NETNS FROM_IF TO_NETNS TO_IF SECONDS SIZE(46..1514) [FLOWS(1..60000)]\n");
		return 2;
	}
	seconds = atof(argv[5]);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		fail("pinning to CPU 0");

	map = make_counter();
	enter(argv[3]);
	to = if_nametoindex(argv[4]);
	if (!to)
		fail(argv[4]);
	attach(sink(map), to);
	enter(argv[1]);
	from = if_nametoindex(argv[2]);
	if (!from)
		fail(argv[2]);
	program = generator(from, flows);
	attach(program, from);
	make_frame(frame, size);

	start = now();
	for (;;) {
		union bpf_attr attr = { .test = { .prog_fd = program, .data_in = (uintptr_t)frame, .data_size_in = size,
						  .repeat = 32 * LIVE_BATCH, .batch_size = LIVE_BATCH,
						  .flags = BPF_F_TEST_XDP_LIVE_FRAMES } };

		if (bpf(BPF_PROG_TEST_RUN, &attr) && errno != EINTR && errno != EAGAIN)
			fail("sending frames");
		sent += 32 * LIVE_BATCH;
		end = now();
		if (!begun && end - start >= 0.5) {
			begun = end;
			sent_before = sent;
			received_before = read_counter(map);
		}
		if (begun && end - begun >= seconds)
			break;
	}
	received = read_counter(map);
	printf("{\"seconds\": %.3f, \"sent\": %llu, \"received\": %llu, \"sent_kpps\": %.0f, \"received_kpps\": %.0f}\n", end - begun,
	       (unsigned long long)(sent - sent_before), (unsigned long long)(received - received_before),
	       (sent - sent_before) / (end - begun) / 1e3, (received - received_before) / (end - begun) / 1e3);
	return 0;
}
