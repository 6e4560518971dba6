/* A stateful firewall: connections are opened from the inside only.
 *
 * Matches a packet that may pass: one that opens a connection from the inside, or one of a connection that is open, in either
 * direction. A flow entry "priority=100,filter=ID,actions=..." then forwards, and one of lower priority drops the rest.
 *
 * TCP connections follow the handshake and the end from both sides, and refuse what does not belong to their state; UDP ones live as
 * long as packets come. A connection without packets for longer than its state allows is gone: the next packet finds it too old. When
 * the map is full, the one that was not used for longest (about) makes room.
 *
 * Build: clang -O2 -g -target bpf -c stateful-firewall.c -o stateful-firewall.o
 */
#include "../packet.h"

enum state {
	OPENING,	/* SYN seen from the inside, or first packet of UDP */
	ANSWERED,	/* SYN+ACK, or a first answer, seen from the outside */
	OPEN,		/* handshake complete */
	CLOSING_INSIDE,	/* FIN from the inside */
	CLOSING_OUTSIDE,/* FIN from the outside */
	CLOSED,		/* FIN from both */
	REFUSED,	/* no state: what a packet that does not belong leads to */
};

/* The addresses as seen from the inside, so that both directions find one entry. */
struct connection_key {
	__be32 inside;
	__be32 outside;
	__be16 inside_port;
	__be16 outside_port;
	__u8 protocol;
	__u8 zero[3];
};

struct connection_key6 {
	struct in6_addr inside;
	struct in6_addr outside;
	__be16 inside_port;
	__be16 outside_port;
	__u8 protocol;
	__u8 zero[3];
};

struct connection {
	__u64 expires;		/* nanoseconds */
	__u32 state;
	__u32 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct connection_key);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct connection_key6);
	__type(value, struct connection);
} connections6 SEC(".maps");

/* The inside: source addresses with these bits, for IPv6 none when the mask is ::. Changed at run time by `oko map update ID .data`. */
__be32 inside_network = bpf_htonl(0x0A000000);
__be32 inside_mask = bpf_htonl(0xFF000000);
struct in6_addr inside_network6 = { .s6_addr = { 0xFD } };
struct in6_addr inside_mask6 = { .s6_addr = { 0xFF } };

struct segment {
	struct ports ports;
	__u8 protocol;
	__u8 flags;
	__u8 from_inside;
};

static __always_inline __u64 lifetime(__u32 state, __u8 protocol)
{
	if (protocol != IPPROTO_TCP)
		return state == OPENING ? 30 * SECOND : 180 * SECOND;
	switch (state) {
	case OPEN:
		return 3600 * SECOND;
	case CLOSED:
		return 5 * SECOND;
	default:
		return 60 * SECOND;
	}
}

/* The state after a TCP packet with these flags; RST is handled before. */
static __always_inline __u32 next_state(__u32 state, __u8 flags, int from_inside)
{
	__u8 handshake = flags & (SYN | ACK);

	/* Only the inside sends a SYN alone, nobody a SYN with a FIN, and all but a first SYN acknowledge. */
	if (handshake == 0 || (handshake == SYN && !from_inside) || (flags & (SYN | FIN)) == (SYN | FIN))
		return REFUSED;

	switch (state) {
	case OPENING:
		if (from_inside)
			return handshake == SYN ? OPENING : REFUSED;
		return handshake == (SYN | ACK) ? ANSWERED : REFUSED;
	case ANSWERED:
		if (!from_inside)
			return handshake == (SYN | ACK) ? ANSWERED : REFUSED;
		if (handshake == SYN)
			return ANSWERED;
		return handshake != ACK ? REFUSED : flags & FIN ? CLOSING_INSIDE : OPEN;
	case OPEN:
		if (flags & FIN)
			return from_inside ? CLOSING_INSIDE : CLOSING_OUTSIDE;
		return OPEN;
	case CLOSING_INSIDE:
		return !from_inside && flags & FIN ? CLOSED : CLOSING_INSIDE;
	case CLOSING_OUTSIDE:
		return from_inside && flags & FIN ? CLOSED : CLOSING_OUTSIDE;
	default:
		/* A new connection between the same ports begins where the last one has ended. */
		return handshake == SYN ? OPENING : CLOSED;
	}
}

/* Ports and flags; 0 when there are none. */
static __always_inline int read_segment(const struct transport *transport, void *data_end, struct segment *segment)
{
	struct tcp_start *tcp = transport->header;

	segment->protocol = transport->protocol;
	segment->flags = 0;
	if (transport->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > data_end)
			return 0;
		segment->flags = tcp->flags;
	} else if (transport->protocol != IPPROTO_UDP || (void *)(&tcp->ports + 1) > data_end) {
		return 0;
	}
	segment->ports = tcp->ports;
	return 1;
}

enum step {
	REFUSE,
	PASS,
	BEGIN,		/* pass, with a new entry */
	END,		/* pass, and delete the entry */
};

/* What becomes of a packet of this connection, which may be null or too old. */
static __always_inline enum step follow(struct connection *connection, const struct segment *segment, __u64 now)
{
	if (connection && connection->expires > now) {
		__u32 state = connection->state;

		if (segment->flags & RST)
			return END;
		if (segment->protocol == IPPROTO_TCP)
			state = next_state(state, segment->flags, segment->from_inside);
		else if (!segment->from_inside)
			state = ANSWERED;
		if (state == REFUSED)
			return REFUSE;

		connection->state = state;
		connection->expires = now + lifetime(state, segment->protocol);
		connection->packets++;
		return PASS;
	}

	/* Nobody knows it: only the inside may open it, TCP with a SYN. */
	return segment->from_inside && (segment->protocol == IPPROTO_UDP || (segment->flags & (SYN | ACK | RST | FIN)) == SYN) ? BEGIN : REFUSE;
}

static __always_inline struct connection opening(const struct segment *segment, __u64 now)
{
	return (struct connection){ .expires = now + lifetime(OPENING, segment->protocol), .state = OPENING, .packets = 1 };
}

static __always_inline int filter_ipv4(struct iphdr *ip, void *data_end)
{
	struct connection_key key = {};
	struct transport transport;
	struct connection first;
	struct segment segment;
	__u64 now;

	if (!after_ipv4(ip, data_end, &transport))
		return NO_MATCH;
	/* Later fragments have no ports. They are let through: without the first one they cannot be put together. */
	if (transport.is_later_fragment)
		return MATCH;
	if (!read_segment(&transport, data_end, &segment))
		return NO_MATCH;

	segment.from_inside = (ip->saddr & inside_mask) == inside_network;
	if (segment.from_inside) {
		key.inside = ip->saddr;
		key.outside = ip->daddr;
		key.inside_port = segment.ports.source;
		key.outside_port = segment.ports.destination;
	} else {
		key.inside = ip->daddr;
		key.outside = ip->saddr;
		key.inside_port = segment.ports.destination;
		key.outside_port = segment.ports.source;
	}
	key.protocol = segment.protocol;

	now = bpf_ktime_get_ns();
	switch (follow(bpf_map_lookup_elem(&connections, &key), &segment, now)) {
	case PASS:
		return MATCH;
	case BEGIN:
		first = opening(&segment, now);
		return bpf_map_update_elem(&connections, &key, &first, BPF_ANY) == 0 ? MATCH : NO_MATCH;
	case END:
		bpf_map_delete_elem(&connections, &key);
		return MATCH;
	default:
		return NO_MATCH;
	}
}

static __always_inline int is_inside6(const struct in6_addr *address)
{
	__u32 different = 0, any = 0;

	for (int i = 0; i < 4; i++) {
		different |= (address->s6_addr32[i] & inside_mask6.s6_addr32[i]) ^ inside_network6.s6_addr32[i];
		any |= inside_mask6.s6_addr32[i];
	}
	return any && !different;
}

/* A function of its own: compilers join equal code of both families, and the verifier wants to know which map a value is of. */
static __noinline int filter_ipv6(struct ipv6hdr *ip, void *data_end)
{
	struct connection_key6 key = {};
	struct transport transport;
	struct connection first;
	struct segment segment;
	__u64 now;

	if (!after_ipv6(ip, data_end, &transport))
		return NO_MATCH;
	if (transport.is_later_fragment)
		return MATCH;
	if (!read_segment(&transport, data_end, &segment))
		return NO_MATCH;

	segment.from_inside = is_inside6(&ip->saddr);
	if (segment.from_inside) {
		key.inside = ip->saddr;
		key.outside = ip->daddr;
		key.inside_port = segment.ports.source;
		key.outside_port = segment.ports.destination;
	} else {
		key.inside = ip->daddr;
		key.outside = ip->saddr;
		key.inside_port = segment.ports.destination;
		key.outside_port = segment.ports.source;
	}
	key.protocol = segment.protocol;

	now = bpf_ktime_get_ns();
	switch (follow(bpf_map_lookup_elem(&connections6, &key), &segment, now)) {
	case PASS:
		return MATCH;
	case BEGIN:
		first = opening(&segment, now);
		return bpf_map_update_elem(&connections6, &key, &first, BPF_ANY) == 0 ? MATCH : NO_MATCH;
	case END:
		bpf_map_delete_elem(&connections6, &key);
		return MATCH;
	default:
		return NO_MATCH;
	}
}

SEC("xdp")
int stateful_firewall(struct xdp_md *ctx)
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
