/* Sources that try many services, found by counting how many different ones each has tried.
 *
 * Matches TCP packets that open or probe (without ACK and RST: SYN, and the FIN, NULL and Xmas scans) of a source that has tried more than
 * `max_services` different services (address and port) within `window` of the first. Its open connections go on. Tells of each such
 * source once per window, by a record in the ring buffer `events`.
 *
 * The counts are exact, as long as the map `tried` holds what is tried within a window; a source whose entries made room is counted
 * again, so it is rather found too early than too late.
 *
 * Build: clang -O2 -g -target bpf -c port-scan.c -o port-scan.o
 */
#include "../packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct in6_addr);		/* source */
	__type(value, struct scan {
		__u64 since;			/* nanoseconds: first try of this window */
		__u64 services;			/* different ones since then */
		__u64 dropped;			/* packets matched */
	});
} scans SEC(".maps");

struct try {
	struct in6_addr source;
	struct in6_addr target;
	__be16 port;
	__u16 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 262144);
	__type(key, struct try);
	__type(value, __u64);			/* the window it was counted in, by its beginning */
} tried SEC(".maps");

struct event {
	struct in6_addr source;
	struct in6_addr target;			/* the one that was too much */
	__be16 port;
	__u16 services;
	__u32 milliseconds;			/* since the first */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
	__type(value, struct event);	/* for `oko filter events`; Linux does not take it */
} events SEC(".maps");

/* Changed at run time by `oko map update ID .data`. */
__u64 max_services = 50;
__u64 window = 10 * SECOND;

SEC("xdp")
int port_scan(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	__u64 now = bpf_ktime_get_ns();
	struct packet packet;
	struct tcp_start *tcp;
	struct scan *scan;
	struct try try = {};
	__u64 *counted;

	if (!read_packet(ctx, &packet) || packet.transport.protocol != IPPROTO_TCP || packet.transport.is_later_fragment)
		return NO_MATCH;
	tcp = packet.transport.header;
	if ((void *)(tcp + 1) > data_end || tcp->flags & (ACK | RST))
		return NO_MATCH;

	scan = bpf_map_lookup_elem(&scans, &packet.source);
	if (!scan) {
		struct scan first = { .since = now };

		bpf_map_update_elem(&scans, &packet.source, &first, BPF_ANY);
		scan = bpf_map_lookup_elem(&scans, &packet.source);
		if (!scan)
			return NO_MATCH;
	} else if (now - scan->since >= window) {
		scan->since = now;
		scan->services = 0;
	}

	try.source = packet.source;
	try.target = packet.destination;
	try.port = tcp->ports.destination;
	counted = bpf_map_lookup_elem(&tried, &try);
	if (!counted || *counted != scan->since) {
		bpf_map_update_elem(&tried, &try, &scan->since, BPF_ANY);
		scan->services++;
		if (scan->services == max_services + 1) {
			struct event event = { packet.source, packet.destination, try.port, scan->services, (now - scan->since) / MILLISECOND };

			bpf_ringbuf_output(&events, &event, sizeof(event), 0);
		}
	}
	if (scan->services <= max_services)
		return NO_MATCH;
	scan->dropped++;
	return MATCH;
}

char LICENSE[] SEC("license") = "Apache-2.0";
