/* A load generator and sink for veth links, in one program.
 *
 *   pktload [-f FLOWS] [-p PPS [-l | -s]] FROM_NETNS FROM_IF TO_NETNS TO_IF SECONDS SIZE
 *
 * FLOWS is N (source addresses from 10.98.0.0 on and UDP source ports from 1024 on, counted together), hosts:N (N
 * hosts, each of which sends to one other, told apart by Ethernet addresses) or random (each packet has a source
 * address in 10.0.0.0/8 and a source port of its own). Without -p packets are sent as fast as they can be made.
 *
 * The generator runs an XDP program in the kernel's live-frames mode (BPF_PROG_TEST_RUN), which redirects
 * frames into FROM_IF without building an skb: more packets a second than any switch on veth forwards. With -l packets
 * leave one at a time by a packet socket instead and carry the time; with -s one frame in 64 carries it. The sink is an XDP
 * program on TO_IF that counts frames of the generator, and how long they took if they say when they left, and drops them.
 * Prints one line of JSON: packets sent and received after a warm-up of half a second, and the rates; with -l and -s also the
 * median and the 99th percentile.
 *
 * Only the kernel's headers are used. The generator's program is attached to FROM_IF as well (where it passes
 * everything on), since the kernel otherwise patches its dispatcher at each test run, which takes milliseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MAP(r, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, r, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_##f)
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ALU(op, d, i) INSN(BPF_ALU64 | op | BPF_K, d, 0, 0, i)
#define LOAD(sz, d, s, o) INSN(BPF_LDX | BPF_MEM | sz, d, s, o, 0)
#define STORE(sz, d, o, s) INSN(BPF_STX | BPF_MEM | sz, d, s, o, 0)
#define RETURN(i) SET(0, i), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* r0 = where the value of a map is whose key stands at r10 - 4 */
#define LOOK_UP(map) MOV(2, 10), ALU(BPF_ADD, 2, -4), MAP(1, map), CALL(map_lookup_elem)
/* adds one to what r0 points to */
#define COUNT SET(1, 1), INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD)

#define LIVE_BATCH 256
#define MAX_FLOWS 60000
#define MARK 0x4f4b4f21u	/* at the start of the UDP payload, tells our frames from others */
#define MARK_AT 42
#define TIME_AT 48		/* when the frame left, or 0; nanoseconds of CLOCK_MONOTONIC */
#define HEADER TIME_AT		/* bytes that differ from flow to flow, and the mark */
#define LEAST (TIME_AT + 8)
#define TIME_SHIFT 8		/* a bucket of the histogram is 256 ns wide */
#define TIME_BUCKETS 65536

enum pattern { FLOWS, HOSTS, RANDOM };

static void fail(const char *what)
{
	fprintf(stderr, "pktload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* Enters the namespace of a device; the device's index. */
static unsigned int enter(const char *netns, const char *device)
{
	char path[256];
	unsigned int ifindex;
	int fd;

	snprintf(path, sizeof(path), "/var/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(path);
	close(fd);
	ifindex = if_nametoindex(device);
	if (!ifindex)
		fail(device);
	return ifindex;
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

static int make_array(unsigned int value_size, unsigned int entries)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = value_size, .max_entries = entries };
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		fail("making a map");
	return fd;
}

static uint64_t read_counter(int map, uint32_t key)
{
	uint64_t value = 0;
	union bpf_attr attr = { .map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&value };

	if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
		fail("reading a counter");
	return value;
}

static int sink(int counter, int times)
{
	struct bpf_insn insns[] = {
		LOAD(BPF_W, 2, 1, 0),						/* r2 = data */
		LOAD(BPF_W, 3, 1, 4),						/* r3 = data_end */
		MOV(4, 2),
		ALU(BPF_ADD, 4, LEAST),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 0, 0),			/* short: pass */
		LOAD(BPF_W, 5, 2, MARK_AT),
		INSN(BPF_JMP32 | BPF_JNE | BPF_K, 5, 0, 0, MARK),		/* not ours: pass */
		LOAD(BPF_DW, 6, 2, TIME_AT),
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		LOOK_UP(counter),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0),
		COUNT,
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 0, 0),			/* no time in it: drop */
		CALL(ktime_get_ns),
		INSN(BPF_ALU64 | BPF_SUB | BPF_X, 0, 6, 0, 0),
		ALU(BPF_RSH, 0, TIME_SHIFT),
		INSN(BPF_JMP | BPF_JLT | BPF_K, 0, 0, 1, TIME_BUCKETS),
		SET(0, TIME_BUCKETS - 1),
		STORE(BPF_W, 10, -4, 0),
		LOOK_UP(times),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		COUNT,
		RETURN(XDP_DROP),
		RETURN(XDP_PASS),
	};

	/* Both ways out for frames that are not ours lead to the last RETURN, all others to the one before it. */
	insns[4].off = sizeof(insns) / sizeof(insns[0]) - 2 - 5;
	insns[6].off = sizeof(insns) / sizeof(insns[0]) - 2 - 7;
	insns[14].off = sizeof(insns) / sizeof(insns[0]) - 4 - 15;
	insns[17].off = sizeof(insns) / sizeof(insns[0]) - 4 - 18;
	return load(insns, sizeof(insns) / sizeof(insns[0]));
}

/* Takes the head of a random flow for each frame; of pattern RANDOM, draws source address and port as well; stamped, puts the time
 * into one in 64. */
static int generator(unsigned int ifindex, int heads, unsigned int flows, enum pattern pattern, unsigned int checksum, int stamped)
{
	struct bpf_insn start[] = {
		MOV(6, 1),
		LOAD(BPF_W, 2, 6, 12),						/* r2 = ingress_ifindex */
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 2, 1),			/* 1, the loopback: a test run */
		RETURN(XDP_PASS),
		CALL(get_prandom_u32),
		ALU(BPF_MOD, 0, flows),
		STORE(BPF_W, 10, -4, 0),
		LOAD(BPF_W, 7, 6, 0),						/* r7 = data */
		LOAD(BPF_W, 8, 6, 4),						/* r8 = data_end */
		LOOK_UP(heads),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3, 0),
		MOV(1, 7),
		ALU(BPF_ADD, 1, LEAST),
		INSN(BPF_JMP | BPF_JLE | BPF_X, 1, 8, 2, 0),
		RETURN(XDP_DROP),
		LOAD(BPF_DW, 1, 0, 0), STORE(BPF_DW, 7, 0, 1),
		LOAD(BPF_DW, 1, 0, 8), STORE(BPF_DW, 7, 8, 1),
		LOAD(BPF_DW, 1, 0, 16), STORE(BPF_DW, 7, 16, 1),
		LOAD(BPF_DW, 1, 0, 24), STORE(BPF_DW, 7, 24, 1),
		LOAD(BPF_DW, 1, 0, 32), STORE(BPF_DW, 7, 32, 1),
		LOAD(BPF_DW, 1, 0, 40), STORE(BPF_DW, 7, 40, 1),
	}, draw[] = {
		CALL(get_prandom_u32),
		STORE(BPF_H, 7, 28, 0),
		ALU(BPF_RSH, 0, 16),
		STORE(BPF_B, 7, 27, 0),
		LOAD(BPF_H, 1, 7, 26),						/* the checksum: of the rest, and of the address */
		LOAD(BPF_H, 2, 7, 28),
		INSN(BPF_ALU64 | BPF_ADD | BPF_X, 1, 2, 0, 0),
		ALU(BPF_ADD, 1, checksum),
		MOV(2, 1), ALU(BPF_RSH, 2, 16), ALU(BPF_AND, 1, 0xffff), INSN(BPF_ALU64 | BPF_ADD | BPF_X, 1, 2, 0, 0),
		MOV(2, 1), ALU(BPF_RSH, 2, 16), INSN(BPF_ALU64 | BPF_ADD | BPF_X, 1, 2, 0, 0),
		ALU(BPF_XOR, 1, 0xffff),
		STORE(BPF_H, 7, 24, 1),
		CALL(get_prandom_u32),
		STORE(BPF_H, 7, 34, 0),
	}, stamp[] = {
		CALL(get_prandom_u32),
		ALU(BPF_AND, 0, 63),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		SET(0, 0),
		INSN(BPF_JMP | BPF_JA, 0, 0, 1, 0),
		CALL(ktime_get_ns),
		STORE(BPF_DW, 7, TIME_AT, 0),
	}, end[] = {
		SET(1, ifindex),
		SET(2, 0),
		CALL(redirect),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	}, insns[128];
	unsigned int count = sizeof(start) / sizeof(start[0]);

	memcpy(insns, start, sizeof(start));
	if (pattern == RANDOM) {
		memcpy(insns + count, draw, sizeof(draw));
		count += sizeof(draw) / sizeof(draw[0]);
	}
	if (stamped) {
		memcpy(insns + count, stamp, sizeof(stamp));
		count += sizeof(stamp) / sizeof(stamp[0]);
	}
	memcpy(insns + count, end, sizeof(end));
	return load(insns, count + sizeof(end) / sizeof(end[0]));
}

/* Sum of the 16-bit words of an IPv4 header in the byte order of this machine. */
static unsigned int sum_ipv4(const unsigned char *frame)
{
	unsigned int sum = 0, i;
	uint16_t word;

	for (i = 14; i < 34; i += 2) {
		memcpy(&word, frame + i, 2);
		sum += word;
	}
	return sum;
}

/* The head of a frame of a flow; UDP without a checksum. */
static void make_head(unsigned char *head, enum pattern pattern, unsigned int flow, unsigned int flows, unsigned int size)
{
	static const unsigned char model[] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,			/* Ethernet: host 1 to host 2 */
		0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 98, 0, 0, 10, 99, 0, 2,
		4, 0, 0x07, 0xd0, 0, 0, 0, 0 };					/* UDP to port 2000 */
	uint32_t mark = MARK, sum;
	uint16_t checksum, port = htons(1024 + flow), length;

	memset(head, 0, HEADER);
	memcpy(head, model, sizeof(model));
	memcpy(head + MARK_AT, &mark, 4);
	if (pattern == HOSTS) {
		unsigned int peer = (flow * 7 + 3) % flows;

		head[1] = 2;
		head[7] = 1;
		head[4] = peer >> 8;
		head[5] = peer;
		head[10] = flow >> 8;
		head[11] = flow;
		head[32] = peer >> 8;
		head[33] = peer;
	}
	head[28] = flow >> 8;
	head[29] = flow;
	memcpy(head + 34, &port, 2);
	length = htons(size - 14);
	memcpy(head + 16, &length, 2);
	length = htons(size - 34);
	memcpy(head + 38, &length, 2);
	sum = sum_ipv4(head);
	sum = (sum & 0xffff) + (sum >> 16);
	checksum = ~(sum + (sum >> 16));
	memcpy(head + 24, &checksum, 2);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static unsigned int send_live_frames(int program, unsigned char *frame, unsigned int size, double pps)
{
	/* Paced, 50 microseconds' worth at a time. */
	unsigned int count = pps == 0 ? 32 * LIVE_BATCH : pps > 20000.0 * LIVE_BATCH ? LIVE_BATCH : pps < 20000 ? 1 : pps / 20000;
	union bpf_attr attr = { .test = { .prog_fd = program, .data_in = (uintptr_t)frame, .data_size_in = size, .repeat = count,
					  .batch_size = count < LIVE_BATCH ? count : LIVE_BATCH, .flags = BPF_F_TEST_XDP_LIVE_FRAMES } };

	/* ENOSPC: the kernel now and then finds no room before a frame that it made itself. */
	if (bpf(BPF_PROG_TEST_RUN, &attr) && errno != EINTR && errno != EAGAIN && errno != ENOSPC)
		fail("sending frames");
	return count;
}

static int open_packet_socket(unsigned int ifindex)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)))
		fail("a packet socket");
	return fd;
}

static unsigned int send_stamped(int fd, unsigned char *frame, unsigned int size)
{
	struct timespec t;
	uint64_t stamp;

	clock_gettime(CLOCK_MONOTONIC, &t);
	stamp = t.tv_sec * 1000000000ull + t.tv_nsec;
	memcpy(frame + TIME_AT, &stamp, sizeof(stamp));
	if (send(fd, frame, size, 0) < 0 && errno != ENOBUFS)
		fail("sending a frame");
	return 1;
}

/* The upper bounds of the buckets where half and 99 of 100 of the packets are reached. */
static void print_latency(int times, const uint64_t *before)
{
	static uint64_t counts[TIME_BUCKETS];
	uint64_t total = 0, seen = 0;
	unsigned int i;
	double median = 0, p99 = 0;

	for (i = 0; i < TIME_BUCKETS; i++)
		total += counts[i] = read_counter(times, i) - before[i];
	for (i = 0; i < TIME_BUCKETS && !p99; i++) {
		seen += counts[i];
		if (!median && seen * 2 >= total)
			median = ((i + 1) << TIME_SHIFT) / 1e3;
		if (seen * 100 >= total * 99)
			p99 = ((i + 1) << TIME_SHIFT) / 1e3;
	}
	printf(", \"median_us\": %.2f, \"p99_us\": %.2f", median, p99);
}

static void usage(void)
{
	fprintf(stderr, "usage: pktload [-f N|hosts:N|random] [-p PPS [-l | -s]] FROM_NETNS FROM_IF TO_NETNS TO_IF SECONDS SIZE(%d..1514); N is 1 to %d\n",
		LEAST, MAX_FLOWS);
	exit(2);
}

int main(int argc, char **argv)
{
	static uint64_t times_before[TIME_BUCKETS];
	static unsigned char frame[2048];
	unsigned int size, flows = 1, from, i;
	uint64_t sent = 0, sent_before = 0, received_before = 0, received;
	double seconds, pps = 0, start, begun = 0, end, due;
	int counter, times, heads, program, option, latency = 0, stamped = 0, out = -1;
	enum pattern pattern = FLOWS;
	cpu_set_t cpus;

	while ((option = getopt(argc, argv, "f:p:ls")) != -1) {
		if (option == 'l') {
			latency = 1;
		} else if (option == 's') {
			stamped = 1;
		} else if (option == 'p') {
			pps = atof(optarg);
		} else if (option == 'f' && !strcmp(optarg, "random")) {
			pattern = RANDOM;
		} else if (option == 'f') {
			pattern = strncmp(optarg, "hosts:", 6) ? FLOWS : HOSTS;
			flows = atoi(optarg + (pattern == HOSTS ? 6 : 0));
		} else {
			usage();
		}
	}
	if (argc - optind != 6 || (size = atoi(argv[optind + 5])) < LEAST || size > 1514 || flows < 1 || flows > MAX_FLOWS || pps < 0 || ((latency || stamped) && !pps))
		usage();
	argv += optind;
	seconds = atof(argv[4]);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		fail("pinning to CPU 0");

	counter = make_array(8, 1);
	times = make_array(8, TIME_BUCKETS);
	heads = make_array(HEADER, flows);
	for (i = 0; i < flows; i++) {
		union bpf_attr attr = { .map_fd = heads, .key = (uintptr_t)&i, .value = (uintptr_t)frame };

		make_head(frame, pattern, i, flows, size);
		if (bpf(BPF_MAP_UPDATE_ELEM, &attr))
			fail("storing a head");
	}
	make_head(frame, pattern, 0, flows, size);
	attach(sink(counter, times), enter(argv[2], argv[3]));
	from = enter(argv[0], argv[1]);

	memset(frame + 24, 0, 2);
	memset(frame + 26, 0, 4);
	program = generator(from, heads, flows, pattern, sum_ipv4(frame), stamped);
	make_head(frame, pattern, 0, flows, size);
	attach(program, from);
	if (latency)
		out = open_packet_socket(from);

	due = start = now();
	for (;;) {
		unsigned int count;

		if (pps) {
			while ((end = now()) < due)
				;
			/* What was missed while others had the processor is not sent in one burst. */
			if (end > due + 1e-3)
				due = end;
		}
		count = latency ? send_stamped(out, frame, size) : send_live_frames(program, frame, size, pps);
		sent += count;
		if (pps)
			due += count / pps;
		end = now();
		if (!begun && end - start >= 0.5) {
			if (latency || stamped)
				for (i = 0; i < TIME_BUCKETS; i++)
					times_before[i] = read_counter(times, i);
			begun = end = due = now();
			sent_before = sent;
			received_before = read_counter(counter, 0);
		}
		if (begun && end - begun >= seconds)
			break;
	}
	if (pps)
		usleep(20000);		/* the last ones arrive */
	received = read_counter(counter, 0);
	printf("{\"seconds\": %.3f, \"sent\": %llu, \"received\": %llu, \"sent_kpps\": %.0f, \"received_kpps\": %.0f", end - begun,
	       (unsigned long long)(sent - sent_before), (unsigned long long)(received - received_before),
	       (sent - sent_before) / (end - begun) / 1e3, (received - received_before) / (end - begun) / 1e3);
	if (latency || stamped)
		print_latency(times, times_before);
	printf("}\n");
	return 0;
}
