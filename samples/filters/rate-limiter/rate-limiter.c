/* A token bucket per IPv4 source address.
 *
 * Matches a packet whose source has sent more than its share allows for longer than its burst lasts; a flow entry
 * "filter=ID,actions=drop" above the forwarding entries then polices each source on its own.
 *
 * A bucket is kept as one number, the time at which it will be full again (GCRA): a packet moves that time on by what one
 * packet costs, and is too much when the time would lie further ahead than the burst reaches.
 *
 * Build: clang -O2 -g -target bpf -c rate-limiter.c -o rate-limiter.o
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MATCH 1
#define NO_MATCH 0

struct bucket {
	__u64 full_at;		/* nanoseconds */
	__u64 refused;		/* packets */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __be32);	/* source address as it stands in the packet */
	__type(value, struct bucket);
} buckets SEC(".maps");

/* Changed at run time by `oko map update ID .data`. */
__u64 packet_cost = 1000000;	/* nanoseconds per packet: 1,000 packets per second */
__u64 burst = 20000000;		/* nanoseconds: 20 packets at once */

SEC("xdp")
int rate_limiter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct bucket *bucket;
	__u64 now, full_at;
	__be32 source;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return NO_MATCH;

	now = bpf_ktime_get_ns();
	source = ip->saddr;
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		struct bucket first = { .full_at = now + packet_cost };

		/* When the map is full new sources are not limited. */
		bpf_map_update_elem(&buckets, &source, &first, BPF_ANY);
		return NO_MATCH;
	}

	full_at = bucket->full_at;
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

char LICENSE[] SEC("license") = "Apache-2.0";
