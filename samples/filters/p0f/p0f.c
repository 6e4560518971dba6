/* Which system sent this SYN? Signatures of p0f.
 *
 * Matches a TCP SYN whose sender is known by one of the signatures in signatures.h, which ./compile makes of a database in p0f's
 * syntax, and counts SYNs by sender in the map `seen`. Looked at is what p0f looks at: time to live, window, the options and their
 * order, and oddities ("quirks"). A flow entry "filter=ID,actions=..." then treats those senders in its own way.
 *
 * The options are read by a plain loop; nothing needs to be unrolled for the verifier.
 *
 * Build: clang -O2 -g -target bpf -c p0f.c -o p0f.o
 *        with -DSIGNATURES='"/path/of/my.h"' for signatures of another database
 */
#include "../packet.h"

#define PSH 0x08
#define URG 0x20
#define ECE 0x40
#define CWR 0x80

#define MAX_OPTIONS 15	/* four bits each in the layout */
#define MAX_PADDING 40

enum quirk {
	DF = 1,			/* may not be fragmented */
	ID_PLUS = 1 << 1,	/* an identification though it may not be fragmented */
	ID_MINUS = 1 << 2,	/* none though it may be */
	ECN = 1 << 3,
	ZERO_PLUS = 1 << 4,	/* the bit that must be zero */
	FLOW = 1 << 5,		/* IPv6 flow label */
	SEQ_MINUS = 1 << 6,	/* sequence number zero */
	ACK_PLUS = 1 << 7,	/* acknowledgement number without ACK */
	ACK_MINUS = 1 << 8,	/* the reverse; not in a SYN */
	UPTR_PLUS = 1 << 9,	/* urgent pointer without URG */
	URGF_PLUS = 1 << 10,	/* URG */
	PUSHF_PLUS = 1 << 11,	/* PSH */
	TS1_MINUS = 1 << 12,	/* own timestamp zero */
	TS2_PLUS = 1 << 13,	/* peer's timestamp not zero */
	OPT_PLUS = 1 << 14,	/* something behind the end of the options */
	EXWS = 1 << 15,		/* scale above 14 */
	BAD = 1 << 16,		/* malformed options */
};

enum layout_code { EOL = 1, NOP, MSS, SCALE, SACK_OK, SACK, STAMP, OTHER = 15 };

struct syn {
	__u64 layout;		/* codes of the options in their order, the last one lowest */
	__u64 others;		/* kinds of those with the code OTHER, likewise, eight bits each */
	__u32 quirks;
	__u32 window;
	__u32 mss;		/* 0: not said */
	__u32 scale;
	__u32 ttl;
	__u32 ip_options;	/* bytes */
	__u32 padding;		/* bytes behind the end of the options */
	__u8 version;
	__u8 has_payload;
};

static __always_inline __u32 headers_size(const struct syn *syn)
{
	return syn->version == 4 ? 40 : 60;
}

#ifndef SIGNATURES
#define SIGNATURES "signatures.h"
#endif
#include SIGNATURES

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYSTEMS);
	__type(key, __u32);	/* number of the system in signatures.h, 0 unknown */
	__type(value, __u64);	/* SYNs */
} seen SEC(".maps");

/* Which systems match, a bit each; bit 0 stands for unknown ones. Changed at run time by `oko map update ID .data`. */
__u64 wanted = ~1ULL;

static __always_inline __u32 word(const __u8 *bytes)
{
	return (__u32)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/* Reads the options from `option` to `end` as p0f does: one of a known size has that whatever its length says, and after one that cannot be
 * read no more follow. 0 when there are more than `layout` and `others` hold. */
static __always_inline int read_options(__u8 *option, __u8 *end, void *data_end, struct syn *syn)
{
	for (int i = 0; i <= MAX_OPTIONS; i++) {
		__u8 kind, code, size;

		if (option >= end || (void *)(option + 1) > data_end)
			return 1;
		if (i == MAX_OPTIONS)
			return 0;
		kind = option[0];
		if (kind == 0) {
			syn->layout = (syn->layout << 4) | EOL;
			for (int j = 0; j < MAX_PADDING; j++) {
				option++;
				if (option >= end || (void *)(option + 1) > data_end)
					break;
				syn->padding++;
				if (option[0])
					syn->quirks |= OPT_PLUS;
			}
			return 1;
		}
		if (kind == 1) {
			syn->layout = (syn->layout << 4) | NOP;
			option++;
			continue;
		}

		code = kind == 2 ? MSS : kind == 3 ? SCALE : kind == 4 ? SACK_OK : kind == 5 ? SACK : kind == 8 ? STAMP : OTHER;
		syn->layout = (syn->layout << 4) | code;
		if (code == OTHER) {
			if (syn->others >> 56)
				return 0;
			syn->others = (syn->others << 8) | kind;
		}
		if (option + 2 > end || (void *)(option + 2) > data_end) {
			syn->quirks |= BAD;
			return 1;
		}
		size = kind == 2 ? 4 : kind == 3 ? 3 : kind == 4 ? 2 : kind == 8 ? 10 : option[1];
		if (size != option[1])
			syn->quirks |= BAD;
		if (size < (code == SACK ? 10 : 2) || (code == SACK && size > 34) || option + size > end || (void *)(option + size) > data_end) {
			syn->quirks |= BAD;
			return 1;
		}
		if (code == MSS && (void *)(option + 4) <= data_end) {
			syn->mss = option[2] << 8 | option[3];
		} else if (code == SCALE && (void *)(option + 3) <= data_end) {
			syn->scale = option[2];
			if (syn->scale > 14)
				syn->quirks |= EXWS;
		} else if (code == STAMP && (void *)(option + 10) <= data_end) {
			if (word(option + 2) == 0)
				syn->quirks |= TS1_MINUS;
			if (word(option + 6) != 0)
				syn->quirks |= TS2_PLUS;
		}
		option += size;
	}
	return 0;
}

/* The rest of a SYN behind its IP header; `length` is what IP says that follows its header and options. */
static __always_inline int judge(void *header, void *data_end, __u32 length, struct syn *syn)
{
	struct tcp_start *tcp = header;
	__u32 size, system;
	__u64 *count;

	if ((void *)(tcp + 1) > data_end || (tcp->flags & (SYN | ACK | FIN | RST)) != SYN)
		return NO_MATCH;

	size = (tcp->data_offset >> 4) * 4;
	if (size < 20 || header + size > data_end)
		return NO_MATCH;

	syn->window = bpf_ntohs(tcp->window);
	syn->has_payload = length != size;
	if (tcp->flags & (ECE | CWR))
		syn->quirks |= ECN;
	if (tcp->sequence == 0)
		syn->quirks |= SEQ_MINUS;
	if (tcp->acknowledged != 0)
		syn->quirks |= ACK_PLUS;
	if (tcp->flags & URG)
		syn->quirks |= URGF_PLUS;
	else if (tcp->urgent != 0)
		syn->quirks |= UPTR_PLUS;
	if (tcp->flags & PSH)
		syn->quirks |= PUSHF_PLUS;

	system = read_options((void *)(tcp + 1), header + size, data_end, syn) ? recognise(syn) : 0;
	count = bpf_map_lookup_elem(&seen, &system);
	if (count)
		__sync_fetch_and_add(count, 1);
	return (wanted >> (system & 63)) & 1 ? MATCH : NO_MATCH;
}

static __always_inline int filter_ipv4(struct iphdr *ip, void *data_end)
{
	struct transport transport;
	struct syn syn = { .version = 4 };
	__u16 fragment;

	if (!after_ipv4(ip, data_end, &transport) || transport.protocol != IPPROTO_TCP)
		return NO_MATCH;
	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & 0x3FFF)
		return NO_MATCH;

	syn.ttl = ip->ttl;
	syn.ip_options = transport.options_size;
	if (fragment & 0x4000)
		syn.quirks |= ip->id ? DF | ID_PLUS : DF;
	else if (!ip->id)
		syn.quirks |= ID_MINUS;
	if (fragment & 0x8000)
		syn.quirks |= ZERO_PLUS;
	if (ip->tos & 3)
		syn.quirks |= ECN;
	return judge(transport.header, data_end, bpf_ntohs(ip->tot_len) - ip->ihl * 4, &syn);
}

static __noinline int filter_ipv6(struct ipv6hdr *ip, void *data_end)
{
	struct transport transport;
	struct syn syn = { .version = 6 };

	if (!after_ipv6(ip, data_end, &transport) || transport.protocol != IPPROTO_TCP || transport.is_later_fragment)
		return NO_MATCH;

	syn.ttl = ip->hop_limit;
	syn.ip_options = transport.options_size;
	if ((ip->flow_lbl[0] & 15) | ip->flow_lbl[1] | ip->flow_lbl[2])
		syn.quirks |= FLOW;
	if (ip->flow_lbl[0] >> 4 & 3)
		syn.quirks |= ECN;
	return judge(transport.header, data_end, bpf_ntohs(ip->payload_len) - syn.ip_options, &syn);
}

SEC("xdp")
int p0f(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	__be16 type;
	void *network = network_header(ctx, &type);

	if (type == bpf_htons(ETH_P_IP))
		return filter_ipv4(network, data_end);
	if (type == bpf_htons(ETH_P_IPV6))
		return filter_ipv6(network, data_end);
	return NO_MATCH;
}

char LICENSE[] SEC("license") = "Apache-2.0";
