/* One program per helper; each returns 1 when the helper did what it should. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } numbers SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); } table SEC(".maps");

struct bpf_map;
struct sum { __u64 keys; __u64 values; __u32 rounds; };

static long add_index(__u32 index, void *context)
{
	struct sum *sum = context;

	sum->values += index;
	sum->rounds++;
	return index == 40;
}

/* 0 + ... + 40, stopped by the callback; none; too many. */
SEC("xdp/loop") int loop(struct xdp_md *ctx)
{
	struct sum sum = {};

	return bpf_loop(100, add_index, &sum, 0) == 41 && sum.values == 820 && sum.rounds == 41
		&& bpf_loop(0, add_index, &sum, 0) == 0 && bpf_loop(10, add_index, &sum, 1) == -22 && sum.rounds == 41
		&& bpf_loop(10, add_index, &sum, 0) == 10 && sum.values == 865;
}

static long add_element(struct bpf_map *map, __u32 *key, __u64 *value, void *context)
{
	struct sum *sum = context;

	sum->keys += *key;
	sum->values += *value;
	*value += 1;
	return 0;
}

SEC("xdp/each") int each(struct xdp_md *ctx)
{
	struct sum first = {}, second = {};
	__u32 key = 7;
	__u64 value = 70;

	if (bpf_map_update_elem(&numbers, &key, &value, 0) || bpf_map_update_elem(&table, &key, &value, 0))
		return 0;
	key = 9;
	if (bpf_map_update_elem(&table, &key, &value, 0))
		return 0;
	return bpf_for_each_map_elem(&numbers, add_element, &first, 0) == 8 && first.keys == 28 && first.values == 70
		&& bpf_for_each_map_elem(&table, add_element, &second, 0) == 2 && second.keys == 16 && second.values == 140;
}

/* RFC 1071's example, and what changes when one word of it does. */
SEC("xdp/csum") int csum(struct xdp_md *ctx)
{
	unsigned char bytes[8] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	__u32 old = 0x03f20100, new = 0x01020304;
	__s64 whole = bpf_csum_diff(0, 0, (__be32 *)bytes, sizeof(bytes), 0), changed = bpf_csum_diff(&old, 4, &new, 4, whole);
	__u32 folded = (whole & 0xffff) + ((__u32)whole >> 16), sum;

	folded = (folded & 0xffff) + (folded >> 16);
	sum = (changed & 0xffff) + ((__u32)changed >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	/* ddf2 in network order; then f1f1, with 0403 0201 in the place of 0001 f203. */
	return folded == 0xf2dd && sum == 0xf1f1;
}

SEC("xdp/compare") int compare(struct xdp_md *ctx)
{
	const char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 4 > end)
		return 0;
	return bpf_strncmp(data, 4, "GET ") == 0 && bpf_strncmp(data, 3, "GEX") < 0 && bpf_strncmp(data, 2, "G") > 0;
}

SEC("xdp/numbers") int number(struct xdp_md *ctx)
{
	__u32 first = bpf_get_prandom_u32(), second = bpf_get_prandom_u32(), third = bpf_get_prandom_u32();

	return (first != second || second != third) && bpf_get_smp_processor_id() == 3 && bpf_jiffies64() == bpf_ktime_get_ns() / 4000000;
}

char _license[] SEC("license") = "GPL";
