/* What the filters share: the way from a frame to its IP and transport headers, behind VLAN tags and IPv6 extension headers. */
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MATCH 1
#define NO_MATCH 0

#define MILLISECOND 1000000ULL
#define SECOND 1000000000ULL

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define MAX_TAGS 2
#define MAX_EXTENSIONS 4

struct vlan_tag {
	__be16 control;
	__be16 type;
};

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
	__be16 window;
	__be16 checksum;
	__be16 urgent;
};

/* The network header, behind up to two VLAN tags; `type` is its EtherType, 0 when the frame ends before it. */
static __always_inline void *network_header(struct xdp_md *ctx, __be16 *type)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct vlan_tag *tag = (void *)(eth + 1);

	*type = 0;
	if ((void *)(eth + 1) > data_end)
		return tag;

	*type = eth->h_proto;
	for (int i = 0; i < MAX_TAGS && (*type == bpf_htons(ETH_P_8021Q) || *type == bpf_htons(ETH_P_8021AD)); i++) {
		if ((void *)(tag + 1) > data_end) {
			*type = 0;
			break;
		}
		*type = tag->type;
		tag++;
	}
	return tag;
}

/* Where IP leads to. */
struct transport {
	void *header;
	__u32 options_size;	/* bytes of IPv4 options or IPv6 extension headers before it */
	__u8 protocol;
	__u8 is_later_fragment;	/* without a transport header */
};

/* 0 unless the header is whole. */
static __always_inline int after_ipv4(struct iphdr *ip, void *data_end, struct transport *transport)
{
	if ((void *)(ip + 1) > data_end || ip->version != 4 || ip->ihl < 5)
		return 0;
	transport->header = (void *)ip + ip->ihl * 4;
	transport->options_size = ip->ihl * 4 - sizeof(*ip);
	transport->protocol = ip->protocol;
	transport->is_later_fragment = (ip->frag_off & bpf_htons(0x1FFF)) != 0;
	return 1;
}

/* 0 unless the header and up to four extension headers behind it are whole. */
static __always_inline int after_ipv6(struct ipv6hdr *ip, void *data_end, struct transport *transport)
{
	__u8 *header = (void *)(ip + 1);
	__u8 kind;

	if ((void *)header > data_end || ip->version != 6)
		return 0;

	kind = ip->nexthdr;
	transport->is_later_fragment = 0;
	transport->options_size = 0;
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		__u32 size = 8;

		if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_DSTOPTS && kind != IPPROTO_FRAGMENT)
			break;
		if ((void *)(header + 8) > data_end)
			return 0;
		if (kind == IPPROTO_FRAGMENT) {
			transport->is_later_fragment = header[2] != 0 || (header[3] & 0xF8) != 0;
		} else {
			size = (header[1] + 1) * 8;
		}
		kind = header[0];
		header += size;
		transport->options_size += size;
		if (transport->is_later_fragment)
			break;
	}
	transport->header = header;
	transport->protocol = kind;
	return 1;
}

/* IPv4 addresses in IPv6's form, ::ffff:a.b.c.d, so that one map holds both. */
static __always_inline struct in6_addr mapped(__be32 address)
{
	/* Read before: compilers join the last read of both families, from an address of which nothing is proven. */
	barrier_var(address);
	return (struct in6_addr){ .s6_addr32 = { 0, 0, bpf_htonl(0xFFFF), address } };
}

struct packet {
	struct in6_addr source;
	struct in6_addr destination;
	struct transport transport;
};

/* Reads either family; 0 when the frame holds no IP header that is whole. */
static __always_inline int read_packet(struct xdp_md *ctx, struct packet *packet)
{
	void *data_end = (void *)(long)ctx->data_end;
	__be16 type;
	void *network = network_header(ctx, &type);

	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = network;

		if (!after_ipv4(ip, data_end, &packet->transport))
			return 0;
		packet->source = mapped(ip->saddr);
		packet->destination = mapped(ip->daddr);
		return 1;
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = network;

		if (!after_ipv6(ip, data_end, &packet->transport))
			return 0;
		packet->source = ip->saddr;
		packet->destination = ip->daddr;
		return 1;
	}
	return 0;
}
