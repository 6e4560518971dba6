/* A blocklist by IPv4 source address.
 *
 * Matches a packet whose source address is a key of the map `blocked`, and counts it there. A flow entry
 * "filter=ID,actions=drop" above the forwarding entries then drops what is blocked; the controller or
 * `oko map update` changes the list while packets run.
 *
 * Build: clang -O2 -g -target bpf -c blocklist.c -o blocklist.o
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MATCH 1
#define NO_MATCH 0

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);	/* source address as it stands in the packet */
	__type(value, __u64);	/* packets matched since it was blocked */
} blocked SEC(".maps");

SEC("xdp")
int blocklist(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	__u64 *hits;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return NO_MATCH;

	hits = bpf_map_lookup_elem(&blocked, &ip->saddr);
	if (!hits)
		return NO_MATCH;

	__sync_fetch_and_add(hits, 1);
	return MATCH;
}

char LICENSE[] SEC("license") = "Apache-2.0";
