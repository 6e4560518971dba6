/* Against DNS amplification: servers that are made to answer much to forged questions, and those who get the answers.
 *
 * Matches UDP packets from or to port 53 to be dropped:
 *   - questions for everything a server has on a name (type ANY), the favourite of such attacks;
 *   - answers that nobody asked for: no question of that client, port and id went to that server lately;
 *   - answers larger than `max_answer`, also when asked for. The client gets nothing and asks again, over TCP or with a smaller buffer;
 *   - what is no DNS: without a whole header and question, or with the wrong direction.
 * Fragments behind the first have no ports and do not match; the first says how long the whole is.
 *
 * Packets in both directions must pass the filter; with refuse_unasked=0 those of clients need not.
 *
 * Build: clang -O2 -g -target bpf -c dns-guard.c -o dns-guard.o
 */
#include "../packet.h"
#include <linux/udp.h>

#define DNS_PORT 53
#define TYPE_ANY 255
#define MAX_LABELS 128
#define MAX_NAME 255

struct dns_header {
	__be16 id;
	__be16 flags;
	__be16 questions;
	__be16 answers;
	__be16 authorities;
	__be16 additional;
};

#define IS_ANSWER 0x8000
#define OPCODE 0x7800	/* 0: a question */

struct question_key {
	struct in6_addr client;
	struct in6_addr server;
	__be16 client_port;
	__be16 id;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct question_key);
	__type(value, __u64);	/* nanoseconds: when it was asked */
} questions SEC(".maps");

enum reason { MALFORMED, ANY, UNASKED, LARGE, REASONS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);	/* enum reason */
	__type(value, __u64);	/* packets */
} dropped SEC(".maps");

/* Changed at run time by `oko map update ID .data`. */
__u64 answer_within = 5 * SECOND;	/* nanoseconds */
__u32 max_answer = 1232;		/* bytes of DNS: what passes every network in one piece */
__u32 refuse_any = 1;
__u32 refuse_unasked = 1;

static __always_inline int drop(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&dropped, &reason);

	if (count)
		__sync_fetch_and_add(count, 1);
	return MATCH;
}

/* The type of the question that begins at `name`, 0 when it is not whole. */
static __always_inline __u32 question_type(__u8 *name, void *data_end)
{
	__u8 *start = name;

	for (int i = 0; i < MAX_LABELS; i++) {
		__u32 size;

		if ((void *)(name + 1) > data_end)
			return 0;
		size = *name;
		if (size == 0 || size >= 0xC0) {
			/* The end of the name: an empty label, or a reference to another name. */
			name += size ? 2 : 1;
			if ((void *)(name + 4) > data_end)
				return 0;
			return name[0] << 8 | name[1];
		}
		name += size + 1;
		if (name > start + MAX_NAME)
			return 0;
	}
	return 0;
}

SEC("xdp")
int dns_guard(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	__u64 now = bpf_ktime_get_ns();
	struct question_key key;
	struct dns_header *dns;
	struct packet packet;
	struct udphdr *udp;
	__u64 *asked;
	__u16 flags;

	if (!read_packet(ctx, &packet) || packet.transport.protocol != IPPROTO_UDP || packet.transport.is_later_fragment)
		return NO_MATCH;
	udp = packet.transport.header;
	if ((void *)(udp + 1) > data_end || (udp->source != bpf_htons(DNS_PORT) && udp->dest != bpf_htons(DNS_PORT)))
		return NO_MATCH;

	dns = (void *)(udp + 1);
	if ((void *)(dns + 1) > data_end)
		return drop(MALFORMED);

	flags = bpf_ntohs(dns->flags);
	if (!(flags & IS_ANSWER)) {
		if (udp->dest != bpf_htons(DNS_PORT))
			return drop(MALFORMED);
		if (!(flags & OPCODE)) {
			__u32 type = question_type((void *)(dns + 1), data_end);

			if (dns->questions != bpf_htons(1) || type == 0)
				return drop(MALFORMED);
			if (type == TYPE_ANY && refuse_any)
				return drop(ANY);
		}
		key = (struct question_key){ packet.source, packet.destination, udp->source, dns->id };
		bpf_map_update_elem(&questions, &key, &now, BPF_ANY);
		return NO_MATCH;
	}

	if (udp->source != bpf_htons(DNS_PORT))
		return drop(MALFORMED);
	if (refuse_unasked) {
		key = (struct question_key){ packet.destination, packet.source, udp->dest, dns->id };
		asked = bpf_map_lookup_elem(&questions, &key);
		if (!asked || now - *asked > answer_within)
			return drop(UNASKED);
		bpf_map_delete_elem(&questions, &key);
	}
	if (bpf_ntohs(udp->len) > max_answer + sizeof(*udp))
		return drop(LARGE);
	return NO_MATCH;
}

char LICENSE[] SEC("license") = "Apache-2.0";
