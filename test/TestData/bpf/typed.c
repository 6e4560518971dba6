/* Keys, values and records of many types, for the forms in which people and programs read and write them. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/in6.h>
#include <bpf/bpf_helpers.h>

enum colour { RED, GREEN = 7 };

struct key {
	__be32 address;
	__be16 port;
	__u8 protocol;		/* a byte of padding follows */
};

struct value {
	__u8 mac[6];
	__be16 vlan;
	char name[8];
	__s32 balance;
	bool blocked;
	__u8 low : 4, high : 4;	/* two bytes of padding follow */
	struct in6_addr peer;
	union { __u32 number; __u8 bytes[4]; } either;
	struct { __u16 left, right; };
	enum colour colour;
	struct { __u8 x, y; } points[2];
	__u64 limits[2];
};

struct report {
	__be32 source;
	__u16 length;
	char what[6];
};

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1024); __type(key, struct key); __type(value, struct value); } table SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __uint(key_size, 4); __uint(value_size, 3); } bare SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, __u32); } recent SEC(".maps");
/* The type of a ring buffer's value is that of its records. */
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct report); } reports SEC(".maps");

/* Counts packets, and reports IPv4 packets with their length; short ones by a record that is no report. */
SEC("xdp") int typed(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct report report = { .length = end - data, .what = "packet" };
	struct key key = {};
	__u32 index = 0, short_record = 1;
	__u64 *count = bpf_map_lookup_elem(&counts, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
	if (bpf_map_lookup_elem(&table, &key) || bpf_map_lookup_elem(&bare, &index))
		return 0;
	bpf_map_update_elem(&recent, &index, &index, BPF_ANY);
	if (data + 64 > end)
		return bpf_ringbuf_output(&reports, &short_record, sizeof(short_record), 0) == 0;
	__builtin_memcpy(&report.source, data + 26, sizeof(report.source));
	return bpf_ringbuf_output(&reports, &report, sizeof(report), 0) == 0;
}

char _license[] SEC("license") = "GPL";
