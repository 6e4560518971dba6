/* Which system sent this SYN? Signatures in the manner of p0f.
 *
 * Matches a TCP SYN whose sender looks like one of the signatures below, and counts each in the map `seen`. Looked at are the time to
 * live, the window, and the options: their order, the segment size and the window scale. A flow entry "filter=ID,actions=..."
 * then treats those senders in its own way.
 *
 * The options are read by a plain loop; nothing needs to be unrolled for the verifier.
 *
 * Build: clang -O2 -g -target bpf -c p0f.c -o p0f.o
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MATCH 1
#define NO_MATCH 0

#define MAX_OPTIONS 10

/* Kinds of options; a layout is the kinds in their order, four bits each. */
#define EOL 0
#define NOP 1
#define MSS 2
#define SCALE 3
#define SACK_OK 4
#define STAMP 8
#define LAYOUT1(a) (a)
#define LAYOUT3(a, b, c) (((a) << 8) | ((b) << 4) | (c))
#define LAYOUT5(a, b, c, d, e) ((LAYOUT3(a, b, c) << 8) | ((d) << 4) | (e))
#define LAYOUT6(a, b, c, d, e, f) ((LAYOUT5(a, b, c, d, e) << 4) | (f))
#define LAYOUT8(a, b, c, d, e, f, g, h) (((__u64)LAYOUT6(a, b, c, d, e, f) << 8) | ((g) << 4) | (h))

enum system { UNKNOWN, LINUX, WINDOWS, MACOS, FREEBSD, SCANNER, SYSTEMS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYSTEMS);
	__type(key, __u32);	/* enum system */
	__type(value, __u64);	/* SYNs */
} seen SEC(".maps");

struct fingerprint {
	__u64 layout;
	__u32 window;
	__u32 segment;		/* 0: not said */
	__u32 scale;
	__u32 ttl;		/* as sent: the next of 64, 128, 255 */
};

static __always_inline __u32 recognise(struct fingerprint print)
{
	switch (print.layout) {
	case LAYOUT5(MSS, SACK_OK, STAMP, NOP, SCALE):
		/* Linux' window is a multiple of the segment size. */
		if (print.ttl == 64 && print.segment && print.window % print.segment == 0 && print.scale >= 5)
			return LINUX;
		return UNKNOWN;
	case LAYOUT6(MSS, NOP, SCALE, NOP, NOP, SACK_OK):
		return print.ttl == 128 && (print.window == 64240 || print.window == 65535 || print.window == 8192) ? WINDOWS : UNKNOWN;
	case LAYOUT8(MSS, NOP, SCALE, NOP, NOP, STAMP, SACK_OK, EOL):
		return print.ttl == 64 && print.window == 65535 && print.scale >= 3 ? MACOS : UNKNOWN;
	case LAYOUT5(MSS, NOP, SCALE, SACK_OK, STAMP):
		return print.ttl == 64 && print.window == 65535 && print.scale == 6 ? FREEBSD : UNKNOWN;
	case LAYOUT1(MSS):
		return print.window == 1024 ? SCANNER : UNKNOWN;
	default:
		return UNKNOWN;
	}
}

SEC("xdp")
int p0f(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct fingerprint print = {};
	struct tcphdr *tcp;
	__u8 *option, *end;
	__u32 system;
	__u64 *count;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_TCP)
		return NO_MATCH;

	tcp = (void *)ip + (ip->ihl & 15) * 4;
	if (ip->ihl < 5 || (void *)(tcp + 1) > data_end || !tcp->syn || tcp->ack)
		return NO_MATCH;

	print.window = bpf_ntohs(tcp->window);
	print.ttl = ip->ttl <= 64 ? 64 : ip->ttl <= 128 ? 128 : 255;
	option = (void *)(tcp + 1);
	end = (void *)tcp + (tcp->doff & 15) * 4;

	for (int i = 0; i < MAX_OPTIONS; i++) {
		__u8 kind, size;

		if (option >= end || (void *)(option + 1) > data_end)
			break;
		kind = option[0];
		print.layout = (print.layout << 4) | (kind & 15);
		if (kind == EOL)
			break;
		if (kind == NOP) {
			option++;
			continue;
		}
		if ((void *)(option + 2) > data_end)
			break;
		size = option[1];
		if (size < 2)
			break;
		if (kind == MSS && size == 4 && (void *)(option + 4) <= data_end)
			print.segment = (option[2] << 8) | option[3];
		else if (kind == SCALE && size == 3 && (void *)(option + 3) <= data_end)
			print.scale = option[2];
		option += size;
	}

	system = recognise(print);
	count = bpf_map_lookup_elem(&seen, &system);
	if (count)
		__sync_fetch_and_add(count, 1);
	return system == UNKNOWN ? NO_MATCH : MATCH;
}

char LICENSE[] SEC("license") = "Apache-2.0";
