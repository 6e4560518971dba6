/* A token bucket per IPv4 source, in Oko's own convention: matches when the bucket is empty. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bucket {
	__u64 refilled;
	__u64 tokens;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);
	__type(value, struct bucket);
} buckets SEC(".maps");

SEC("oko/filter")
__u64 ratelimit(unsigned char *packet, __u64 length)
{
	struct bucket *bucket, fresh = { 0, 9 };
	__u64 now = bpf_ktime_get_ns();
	__be32 source;

	if (length < 34 || packet[12] != 8 || packet[13] != 0)
		return 0;
	__builtin_memcpy(&source, packet + 26, 4);
	bucket = bpf_map_lookup_elem(&buckets, &source);
	if (!bucket) {
		fresh.refilled = now;
		bpf_map_update_elem(&buckets, &source, &fresh, BPF_ANY);
		return 0;
	}
	if (now - bucket->refilled > 1000000000ULL) {
		bucket->refilled = now;
		bucket->tokens = 10;
	}
	if (bucket->tokens == 0)
		return 1;
	bucket->tokens--;
	return 0;
}
