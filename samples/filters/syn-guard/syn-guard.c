/* Against SYN floods, without SYN cookies: while a service has too many half-open connections, a client must ask twice.
 *
 * Matches TCP SYNs to be dropped. For each service (address and port) a bucket holds the SYNs that were let through and whose handshake was
 * not finished; it drains with time. As long as there is room, everything passes. Then the first SYN of each connection is dropped and
 * remembered: a client's TCP sends it again after about a second, and that one passes; a flood with forged sources does not. Clients
 * that have finished a handshake, with the right acknowledgement of the server's sequence number, are known and pass for ten minutes.
 *
 * Packets in both directions must pass the filter; without those of the server no client becomes known.
 *
 * Build: clang -O2 -g -target bpf -c syn-guard.c -o syn-guard.o
 */
#include "../packet.h"

struct connection_key {
	struct in6_addr client;
	struct in6_addr server;
	__be16 client_port;
	__be16 server_port;
};

enum state {
	HELD,		/* the first SYN was dropped */
	PASSED,		/* a SYN went to the server */
	ANSWERED,	/* the server's SYN+ACK was seen */
};

struct attempt {
	__u64 since;		/* nanoseconds: when it was held or passed */
	__u32 expected;		/* acknowledgement that finishes the handshake */
	__u32 state;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct connection_key);
	__type(value, struct attempt);
} attempts SEC(".maps");

struct service_key {
	struct in6_addr address;
	__be16 port;
	__u16 zero;
};

struct service {
	__u64 empty_at;		/* nanoseconds: when the bucket will have drained */
	__u64 dropped;		/* SYNs */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct service_key);
	__type(value, struct service);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct in6_addr);	/* client */
	__type(value, __u64);		/* nanoseconds: until when it is known */
} known SEC(".maps");

/* Changed at run time by `oko map update ID .data`; nanoseconds. */
__u64 syn_cost = 10 * MILLISECOND;	/* a half-open connection drains in this time: 100 per second */
__u64 burst = 2 * SECOND;		/* the bucket: 200 half-open connections at once */
__u64 retry_after = 500 * MILLISECOND;	/* a SYN that comes again earlier is no retransmission */
__u64 retry_before = 16 * SECOND;	/* nor one that comes later */
__u64 known_for = 600 * SECOND;

static __always_inline int on_syn(struct connection_key *key, __u64 now)
{
	struct service_key service_key = { .address = key->server, .port = key->server_port };
	struct service *service = bpf_map_lookup_elem(&services, &service_key);
	struct attempt *attempt, passed = { .since = now, .state = PASSED };
	__u64 *known_until, empty_at, age = ~0ULL;
	__u32 state = HELD;
	int has_room;

	if (!service) {
		struct service first = { .empty_at = now };

		bpf_map_update_elem(&services, &service_key, &first, BPF_ANY);
		service = bpf_map_lookup_elem(&services, &service_key);
		if (!service)
			return NO_MATCH;
	}

	empty_at = service->empty_at > now ? service->empty_at : now;
	has_room = empty_at + syn_cost <= now + burst;
	known_until = bpf_map_lookup_elem(&known, &key->client);
	attempt = bpf_map_lookup_elem(&attempts, key);
	if (attempt) {
		age = now - attempt->since;
		state = attempt->state;
	}
	if (age <= retry_before && state != HELD)
		return NO_MATCH;	/* the server has it already */

	if (!has_room && !(known_until && *known_until > now)) {
		if (age > retry_before) {
			struct attempt held = { .since = now, .state = HELD };

			bpf_map_update_elem(&attempts, key, &held, BPF_ANY);
			service->dropped++;
			return MATCH;
		}
		if (age < retry_after) {
			service->dropped++;
			return MATCH;
		}
	}

	/* What passes without room counts too, but the bucket must not take for ever to drain. */
	if (empty_at + syn_cost <= now + 2 * burst)
		service->empty_at = empty_at + syn_cost;
	bpf_map_update_elem(&attempts, key, &passed, BPF_ANY);
	return NO_MATCH;
}

static __always_inline void on_finished(struct connection_key *key, __u64 now)
{
	struct service_key service_key = { .address = key->server, .port = key->server_port };
	struct service *service = bpf_map_lookup_elem(&services, &service_key);
	__u64 until = now + known_for;

	if (service && service->empty_at > now + syn_cost)
		service->empty_at -= syn_cost;
	else if (service)
		service->empty_at = now;
	bpf_map_update_elem(&known, &key->client, &until, BPF_ANY);
	bpf_map_delete_elem(&attempts, key);
}

SEC("xdp")
int syn_guard(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	__u64 now = bpf_ktime_get_ns();
	struct connection_key key;
	struct attempt *attempt;
	struct tcp_start *tcp;
	struct packet packet;
	__u8 flags;

	if (!read_packet(ctx, &packet) || packet.transport.protocol != IPPROTO_TCP || packet.transport.is_later_fragment)
		return NO_MATCH;
	tcp = packet.transport.header;
	if ((void *)(tcp + 1) > data_end)
		return NO_MATCH;

	flags = tcp->flags & (SYN | ACK | RST | FIN);
	if (flags == (SYN | ACK)) {
		key = (struct connection_key){ packet.destination, packet.source, tcp->ports.destination, tcp->ports.source };
		attempt = bpf_map_lookup_elem(&attempts, &key);
		if (attempt && attempt->state != HELD) {
			attempt->expected = bpf_ntohl(tcp->sequence) + 1;
			attempt->state = ANSWERED;
		}
		return NO_MATCH;
	}

	key = (struct connection_key){ packet.source, packet.destination, tcp->ports.source, tcp->ports.destination };
	if (flags == SYN)
		return on_syn(&key, now);
	if (flags == ACK) {
		attempt = bpf_map_lookup_elem(&attempts, &key);
		if (attempt && attempt->state == ANSWERED && attempt->expected == bpf_ntohl(tcp->acknowledged))
			on_finished(&key, now);
	}
	return NO_MATCH;
}

char LICENSE[] SEC("license") = "Apache-2.0";
