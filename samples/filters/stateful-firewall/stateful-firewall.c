/* A stateful firewall: connections are opened from the inside only.
 *
 * Matches a packet that may pass: one that opens a connection from the inside, or one of a connection that is open, in either
 * direction. A flow entry "priority=100,filter=ID,actions=..." then forwards, and one of lower priority drops the rest.
 *
 * TCP connections follow the handshake and the end from both sides; UDP ones live as long as packets come. A connection
 * without packets for longer than its state allows is gone: the next packet finds it too old.
 *
 * Build: clang -O2 -g -target bpf -c stateful-firewall.c -o stateful-firewall.o
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MATCH 1
#define NO_MATCH 0

#define SECOND 1000000000ULL

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

enum state {
	OPENING,	/* SYN seen from the inside, or first packet of UDP */
	ANSWERED,	/* SYN+ACK, or a first answer, seen from the outside */
	OPEN,		/* handshake complete */
	CLOSING_INSIDE,	/* FIN from the inside */
	CLOSING_OUTSIDE,/* FIN from the outside */
	CLOSED,		/* FIN from both */
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

struct connection {
	__u64 expires;		/* nanoseconds */
	__u32 state;
	__u32 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct connection_key);
	__type(value, struct connection);
} connections SEC(".maps");

/* The inside: source addresses with these bits. Changed at run time by `oko map update ID .data`. */
__be32 inside_network = bpf_htonl(0x0A000000);
__be32 inside_mask = bpf_htonl(0xFF000000);

/* The ports of TCP and UDP are the first four bytes of both headers. */
struct ports {
	__be16 source;
	__be16 destination;
};

struct tcp_start {
	struct ports ports;
	__be32 sequence;
	__be32 acknowledged;
	__u8 data_offset;
	__u8 flags;
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
	switch (state) {
	case OPENING:
		return !from_inside && (flags & (SYN | ACK)) == (SYN | ACK) ? ANSWERED : state;
	case ANSWERED:
		return from_inside && (flags & (SYN | ACK)) == ACK ? OPEN : state;
	case OPEN:
		if (flags & FIN)
			return from_inside ? CLOSING_INSIDE : CLOSING_OUTSIDE;
		return state;
	case CLOSING_INSIDE:
		return !from_inside && flags & FIN ? CLOSED : state;
	case CLOSING_OUTSIDE:
		return from_inside && flags & FIN ? CLOSED : state;
	default:
		return state;
	}
}

SEC("xdp")
int stateful_firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct connection_key key = {};
	struct connection *connection;
	struct ports *ports;
	__u64 now;
	__u8 flags = 0;
	int from_inside;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return NO_MATCH;

	/* Later fragments have no ports. They are let through: without the first one they cannot be put together. */
	if (ip->frag_off & bpf_htons(0x1FFF))
		return MATCH;

	ports = (void *)ip + (ip->ihl & 15) * 4;
	if (ip->ihl < 5 || (void *)(ports + 1) > data_end)
		return NO_MATCH;

	if (ip->protocol == IPPROTO_TCP) {
		struct tcp_start *tcp = (void *)ports;

		if ((void *)(tcp + 1) > data_end)
			return NO_MATCH;
		flags = tcp->flags;
	} else if (ip->protocol != IPPROTO_UDP) {
		return NO_MATCH;
	}

	from_inside = (ip->saddr & inside_mask) == inside_network;
	if (from_inside) {
		key.inside = ip->saddr;
		key.outside = ip->daddr;
		key.inside_port = ports->source;
		key.outside_port = ports->destination;
	} else {
		key.inside = ip->daddr;
		key.outside = ip->saddr;
		key.inside_port = ports->destination;
		key.outside_port = ports->source;
	}
	key.protocol = ip->protocol;

	now = bpf_ktime_get_ns();
	connection = bpf_map_lookup_elem(&connections, &key);
	if (connection && connection->expires > now) {
		__u32 state = connection->state;

		if (ip->protocol == IPPROTO_TCP) {
			if (flags & RST) {
				bpf_map_delete_elem(&connections, &key);
				return MATCH;
			}
			/* A new connection between the same ports begins where the last one has ended. */
			if (state == CLOSED && from_inside && (flags & (SYN | ACK)) == SYN)
				state = OPENING;
			else
				state = next_state(state, flags, from_inside);
		} else if (!from_inside) {
			state = ANSWERED;
		}

		connection->state = state;
		connection->expires = now + lifetime(state, ip->protocol);
		connection->packets++;
		return MATCH;
	}

	/* Nobody knows it: only the inside may open it, TCP with a SYN. */
	if (from_inside && (ip->protocol == IPPROTO_UDP || (flags & (SYN | ACK | RST | FIN)) == SYN)) {
		struct connection opening = { .expires = now + lifetime(OPENING, ip->protocol), .state = OPENING, .packets = 1 };

		return bpf_map_update_elem(&connections, &key, &opening, BPF_ANY) == 0 ? MATCH : NO_MATCH;
	}

	return NO_MATCH;
}

char LICENSE[] SEC("license") = "Apache-2.0";
