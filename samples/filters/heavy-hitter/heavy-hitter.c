/* Sources that send too much, found with a count-min sketch.
 *
 * Matches packets of a source address that has sent more than `threshold` bytes in the present window, and tells of each such source and
 * window once, by a record in the ring buffer `events`.
 *
 * The sketch has four rows of counters; each source adds to one of them in each row, chosen by another hash. The least of the four is
 * the estimate: never too low, and too high only when other sources share all four. So any number of sources takes 256 KiB, and
 * no source can push another out. Counters carry the number of their window and start anew in the next one, when they are used.
 *
 * Build: clang -O2 -g -target bpf -c heavy-hitter.c -o heavy-hitter.o
 */
#include "../packet.h"

#define ROWS 4
#define COLUMNS 4096	/* a power of two */

struct counter {
	__u64 window;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ROWS * COLUMNS);
	__type(key, __u32);	/* row * COLUMNS + column */
	__type(value, struct counter);
} sketch SEC(".maps");

struct event {
	struct in6_addr source;	/* IPv4 as ::ffff:a.b.c.d */
	__u64 bytes;		/* estimate, with the packet that was too much */
	__u64 window;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
	__type(value, struct event);	/* for `oko filter events`; Linux does not take it */
} events SEC(".maps");

/* Changed at run time by `oko map update ID .data`. */
__u64 threshold = 1250000;	/* bytes of frames per window: 10 Mbit/s */
__u64 window = SECOND;		/* nanoseconds */
__u64 seed = 0x9E3779B97F4A7C15;	/* of the hashes: choose one that senders do not know */

static __always_inline __u32 column(const struct in6_addr *source, __u64 row)
{
	__u64 hash = seed * (2 * row + 1);

	for (int i = 0; i < 4; i++) {
		hash = (hash ^ source->s6_addr32[i]) * 0xD6E8FEB86659FD93;
		hash ^= hash >> 32;
	}
	return hash & (COLUMNS - 1);
}

SEC("xdp")
int heavy_hitter(struct xdp_md *ctx)
{
	__u64 size = (void *)(long)ctx->data_end - (void *)(long)ctx->data;
	__u64 present, before = ~0ULL;
	struct packet packet;

	if (!read_packet(ctx, &packet))
		return NO_MATCH;

	present = bpf_ktime_get_ns() / window;
	for (__u32 row = 0; row < ROWS; row++) {
		__u32 place = row * COLUMNS + column(&packet.source, row);
		struct counter *counter = bpf_map_lookup_elem(&sketch, &place);

		if (!counter)
			return NO_MATCH;
		if (counter->window != present) {
			counter->window = present;
			counter->bytes = 0;
		}
		if (counter->bytes < before)
			before = counter->bytes;
		__sync_fetch_and_add(&counter->bytes, size);
	}

	if (before + size <= threshold)
		return NO_MATCH;
	if (before <= threshold) {
		struct event event = { .source = packet.source, .bytes = before + size, .window = present };

		bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	}
	return MATCH;
}

char LICENSE[] SEC("license") = "Apache-2.0";
