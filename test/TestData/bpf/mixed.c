// What filters are made of, for each -mcpu (see build): header chains, variable lengths, maps of both kinds, all entry
// conventions.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
struct key {
    __u32 s, d;
    __u16 sp, dp;
    __u8 p;
};
struct val {
    __u64 packets, bytes;
    __u32 state;
    __u32 pad;
};
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct key);
    __type(value, struct val);
} conns SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 256);
    __type(key, __u32);
    __type(value, __u64);
} protos SEC(".maps");

SEC("xdp/flow") int connections(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    if ((void *)(eth + 1) > end)
        return XDP_PASS;
    __u16 proto = eth->h_proto;
    void *p = eth + 1;
    for (int i = 0; i < 2; i++) {
        if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
            break;
        if (p + 4 > end)
            return XDP_PASS;
        proto = *(__u16 *)(p + 2);
        p += 4;
    }
    struct key k = {};
    if (proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    struct iphdr *ip = p;
    if ((void *)(ip + 1) > end)
        return XDP_PASS;
    if (ip->ihl < 5)
        return XDP_PASS;
    k.s = ip->saddr;
    k.d = ip->daddr;
    k.p = ip->protocol;
    p = (void *)ip + ip->ihl * 4;
    if (ip->protocol == IPPROTO_TCP) {
        struct tcphdr *t = p;
        if ((void *)(t + 1) > end)
            return XDP_PASS;
        k.sp = t->source;
        k.dp = t->dest;
        if (t->syn && !t->ack)
            k.p |= 0x80;
    } else if (ip->protocol == IPPROTO_UDP) {
        struct udphdr *u = p;
        if ((void *)(u + 1) > end)
            return XDP_PASS;
        k.sp = u->source;
        k.dp = u->dest;
    } else
        return XDP_PASS;
    struct val *v = bpf_map_lookup_elem(&conns, &k);
    if (!v) {
        struct val n = {};
        n.packets = 1;
        n.bytes = end - data;
        bpf_map_update_elem(&conns, &k, &n, BPF_ANY);
        return XDP_PASS;
    }
    __sync_fetch_and_add(&v->packets, 1);
    v->bytes += end - data;
    __u32 idx = ip->protocol;
    __u64 *c = bpf_map_lookup_elem(&protos, &idx);
    if (c)
        __sync_fetch_and_add(c, 1);
    return v->packets > 100 ? XDP_DROP : XDP_PASS;
}
SEC("xdp/ip6") int ipv6_ssh(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    __u32 off = sizeof(*eth);
    if (data + off + sizeof(struct ipv6hdr) > end)
        return XDP_PASS;
    if (eth->h_proto != bpf_htons(ETH_P_IPV6))
        return XDP_PASS;
    struct ipv6hdr *h = data + off;
    __u8 nh = h->nexthdr;
    off += sizeof(*h);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (nh != 0 && nh != 43 && nh != 60)
            break;
        __u8 *o = data + off;
        if ((void *)(o + 2) > end)
            return XDP_PASS;
        nh = o[0];
        off += (o[1] + 1) * 8;
    }
    if (nh != IPPROTO_TCP)
        return XDP_PASS;
    struct tcphdr *t = data + off;
    if ((void *)(t + 1) > end)
        return XDP_PASS;
    return t->dest == bpf_htons(22) ? XDP_DROP : XDP_PASS;
}
SEC("oko/filter") unsigned long http_get(unsigned char *pkt, unsigned long len)
{
    if (len < 34)
        return 0;
    unsigned ihl = (pkt[14] & 15) * 4;
    if (ihl < 20)
        return 0;
    unsigned long off = 14 + ihl;
    if (off + 20 > len)
        return 0;
    unsigned doff = (pkt[off + 12] >> 4) * 4;
    unsigned long pay = off + doff;
    if (pay + 4 > len)
        return 0;
    return pkt[pay] == 'G' && pkt[pay + 1] == 'E' && pkt[pay + 2] == 'T';
}
SEC("oko/filter2") unsigned long checksum(unsigned char *pkt, unsigned long len)
{
    unsigned long s = 0;
    if (len < 64)
        return 0;
#pragma unroll
    for (int i = 0; i < 64; i++)
        s = s * 31 + pkt[i];
    return (s & 7) == 1;
}
struct counters {
    __u32 arr[16];
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct counters);
} st SEC(".maps");
SEC("xdp/idx") int buckets(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + 60 > end)
        return 0;
    __u32 z = 0;
    struct counters *s = bpf_map_lookup_elem(&st, &z);
    if (!s)
        return 0;
    __u32 i = *(__u8 *)(data + 20);
    if (i >= 16)
        return 0;
    s->arr[i]++;
    s->arr[(i * 7) & 15] += 2;
    int q = *(signed char *)(data + 21);
    if (q < 0 || q > 15)
        return 0;
    s->arr[q] -= 1;
    return s->arr[i] > 10;
}
SEC("xdp/end") int trailer(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    long n = end - data;
    if (n < 34)
        return 0;
    if (data + 34 > end)
        return 0;
    struct iphdr *ip = data + 14;
    unsigned tot = bpf_ntohs(ip->tot_len);
    if (tot > 1500)
        return 0;
    __u8 *last = data + 14 + tot;
    if ((void *)last > end)
        return 0;
    __u64 now = bpf_ktime_get_ns();
    return (now & 1) + ip->ttl == 64;
}
SEC("socket") int port_one(struct __sk_buff *skb)
{
    if (skb->protocol != bpf_htons(ETH_P_IP))
        return 0;
    return skb->len > 100 && skb->ingress_ifindex == 1;
}
