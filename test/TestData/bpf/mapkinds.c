/* Maps of the other types, each program for one of them; each returns 1 when the map did what it should. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define BPF_MAP_TYPE_OKO_COUNT_MIN 0x4F4B0001

struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } perarray SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } perhash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } lru SEC(".maps");
struct prefix { __u32 length; __u32 address; };
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 8); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct prefix); __type(value, __u32); } lpm SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 2); __uint(key_size, 0); __type(value, __u64); } queue SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(max_entries, 100); __uint(key_size, 0); __type(value, __u32); } bloom SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_OKO_COUNT_MIN); __uint(max_entries, 1024); __type(key, __u32); __type(value, __u64); } sketch SEC(".maps");

SEC("xdp/percpu") int percpu(struct xdp_md *ctx)
{
	__u32 key = 2, cpu = bpf_get_smp_processor_id();
	__u64 value = 5, *found;

	found = bpf_map_lookup_elem(&perarray, &key);
	if (!found || *found)
		return 0;
	*found = 40 + cpu;
	if (bpf_map_update_elem(&perhash, &key, &value, BPF_NOEXIST))
		return 0;
	found = bpf_map_lookup_elem(&perhash, &key);
	return found && *found == 5 && bpf_map_delete_elem(&perhash, &key) == 0 && !bpf_map_lookup_elem(&perhash, &key);
}

SEC("xdp/lru") int recent(struct xdp_md *ctx)
{
	__u32 there = 0;

	/* As many as one likes; the last one is there, and no more than four or so are. */
	for (__u32 key = 0; key < 12; key++) {
		__u64 value = key;

		if (bpf_map_update_elem(&lru, &key, &value, 0))
			return 0;
	}
	for (__u32 key = 0; key < 12; key++)
		there += bpf_map_lookup_elem(&lru, &key) != 0;
	return there == 4;
}

SEC("xdp/lpm") int longest(struct xdp_md *ctx)
{
	struct prefix key = { 8, 0x0a };		/* 10.0.0.0/8 */
	__u32 value = 8, *found;

	if (bpf_map_update_elem(&lpm, &key, &value, 0))
		return 0;
	key = (struct prefix){ 16, 0x010a };		/* 10.1.0.0/16 */
	value = 16;
	if (bpf_map_update_elem(&lpm, &key, &value, 0))
		return 0;
	key = (struct prefix){ 32, 0x0302010a };
	found = bpf_map_lookup_elem(&lpm, &key);
	if (!found || *found != 16)
		return 0;
	key.address = 0x0302020a;
	found = bpf_map_lookup_elem(&lpm, &key);
	if (!found || *found != 8)
		return 0;
	key.address = 0x0302020b;
	return !bpf_map_lookup_elem(&lpm, &key);
}

SEC("xdp/queue") int fifo(struct xdp_md *ctx)
{
	__u64 value = 7, out;

	if (bpf_map_pop_elem(&queue, &out) != -2 || bpf_map_push_elem(&queue, &value, 0))
		return 0;
	value = 8;
	if (bpf_map_push_elem(&queue, &value, 0) || bpf_map_push_elem(&queue, &value, 0) != -7)
		return 0;
	if (bpf_map_peek_elem(&queue, &out) || out != 7 || bpf_map_pop_elem(&queue, &out) || out != 7)
		return 0;
	return bpf_map_pop_elem(&queue, &out) == 0 && out == 8 && bpf_map_pop_elem(&queue, &out) != 0;
}

SEC("xdp/bloom") int seen(struct xdp_md *ctx)
{
	__u32 value = 77, other = 78;

	return bpf_map_peek_elem(&bloom, &value) != 0 && bpf_map_push_elem(&bloom, &value, 0) == 0 && bpf_map_peek_elem(&bloom, &value) == 0
		&& bpf_map_peek_elem(&bloom, &other) != 0;
}

struct event { __u32 number; __u32 length; };

SEC("xdp/ring") int events(struct xdp_md *ctx)
{
	struct event *event, whole = { 3, 4 };

	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event)
		return 0;
	event->number = 1;
	event->length = (long)ctx->data_end - (long)ctx->data;
	bpf_ringbuf_submit(event, 0);
	event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
	if (!event)
		return 0;
	bpf_ringbuf_discard(event, 0);
	return bpf_ringbuf_output(&ring, &whole, sizeof(whole), 0) == 0 && bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= 32 && bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) == 4096;
}

SEC("xdp/sketch") int heavy(struct xdp_md *ctx)
{
	__u32 key = 9;
	__u64 delta = 100, *estimate;

	if (bpf_map_update_elem(&sketch, &key, &delta, 0) || bpf_map_update_elem(&sketch, &key, &delta, 0))
		return 0;
	estimate = bpf_map_lookup_elem(&sketch, &key);
	return estimate && *estimate == 200;
}

char _license[] SEC("license") = "GPL";
