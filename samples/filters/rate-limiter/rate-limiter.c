/* A token bucket per source: an IPv4 address, or an IPv6 network of 64 bits, which is what one host has.
 *
 * Matches a packet whose source has sent more than its share allows for longer than its burst lasts; a flow entry
 * "filter=ID,actions=drop" above the forwarding entries then polices each source on its own.
 *
 * A bucket is kept as one number, the time at which it will be full again (GCRA): a packet moves that time on by what one
 * packet costs, and is too much when the time would lie further ahead than the burst reaches. When a map is full, a source that was
 * not heard of lately makes room; it begins again with a full bucket, which it would have had by then.
 *
 * Build: clang -O2 -g -target bpf -c rate-limiter.c -o rate-limiter.o
 */
#include "../packet.h"

struct bucket {
	__u64 full_at;		/* nanoseconds */
	__u64 refused;		/* packets */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __be32);	/* source address as it stands in the packet */
	__type(value, struct bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct in6_addr);	/* the first half of the source address */
	__type(value, struct bucket);
} buckets6 SEC(".maps");

/* Changed at run time by `oko map update ID .data`. */
__u64 packet_cost = 1000000;	/* nanoseconds per packet: 1,000 packets per second */
__u64 burst = 20000000;		/* nanoseconds: 20 packets at once */

static __always_inline int take(struct bucket *bucket, __u64 now)
{
	__u64 full_at = bucket->full_at;

	if (full_at < now)
		full_at = now;
	full_at += packet_cost;
	if (full_at > now + burst) {
		bucket->refused++;
		return MATCH;
	}

	bucket->full_at = full_at;
	return NO_MATCH;
}

static __always_inline int filter_ipv4(struct iphdr *ip, void *data_end)
{
	__u64 now = bpf_ktime_get_ns();
	struct bucket first = { .full_at = now + packet_cost };
	struct bucket *bucket;
	__be32 source;

	if ((void *)(ip + 1) > data_end)
		return NO_MATCH;

	source = ip->saddr;
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (bucket)
		return take(bucket, now);
	bpf_map_update_elem(&buckets, &source, &first, BPF_ANY);
	return NO_MATCH;
}

/* A function of its own: compilers join equal code of both families, and the verifier wants to know which map a value is of. */
static __noinline int filter_ipv6(struct ipv6hdr *ip, void *data_end)
{
	__u64 now = bpf_ktime_get_ns();
	struct bucket first = { .full_at = now + packet_cost };
	struct bucket *bucket;
	struct in6_addr source = {};

	if ((void *)(ip + 1) > data_end)
		return NO_MATCH;

	source.s6_addr32[0] = ip->saddr.s6_addr32[0];
	source.s6_addr32[1] = ip->saddr.s6_addr32[1];
	bucket = bpf_map_lookup_elem(&buckets6, &source);
	if (bucket)
		return take(bucket, now);
	bpf_map_update_elem(&buckets6, &source, &first, BPF_ANY);
	return NO_MATCH;
}

SEC("xdp")
int rate_limiter(struct xdp_md *ctx)
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
