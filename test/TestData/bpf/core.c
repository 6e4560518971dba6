// CO-RE, as programs that include vmlinux.h have it: contexts by name, headers of packets as they are, and what no filter sees.
#define SEC(name) __attribute__((section(name), used))
#define core __attribute__((preserve_access_index))
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

// Fewer members than the context has, in another order.
struct xdp_md {
    u32 rx_queue_index;
    u32 data_end;
    u32 data;
} core;
struct xdp_md___later {
    u32 data;
    u32 not_yet;
} core;
struct __sk_buff {
    u32 ingress_ifindex;
    u32 cb[5];
    u32 len;
} core;
struct iphdr {
    u8 ihl : 4, version : 4;
    u8 tos;
    u16 tot_len, id, frag_off;
    u8 ttl, protocol;
    u16 check;
    u32 saddr, daddr;
} core;
struct task_struct {
    int pid;
} core;

SEC("xdp") int context(struct xdp_md *ctx)
{
    u8 *data = (u8 *)(u64)ctx->data, *end = (u8 *)(u64)ctx->data_end;
    struct iphdr *ip = (struct iphdr *)(data + 14);
    if ((u8 *)(ip + 1) > end)
        return 2;
    return ip->protocol == 17 && ip->version == 4 && ctx->rx_queue_index == 3 ? 1 : 2;
}

SEC("xdp/exists") int exists(struct xdp_md *ctx)
{
    int known = __builtin_preserve_field_info(ctx->rx_queue_index, 2);
    int unknown = __builtin_preserve_field_info(((struct xdp_md___later *)ctx)->not_yet, 2);
    int size = __builtin_preserve_field_info(ctx->data, 1);
    int whole = __builtin_preserve_type_info(*ctx, 1);
    return known + 2 * unknown + size + whole == 1 + 4 + 24;
}

SEC("socket") int length(struct __sk_buff *skb)
{
    return skb->len > 40 && skb->ingress_ifindex == 5;
}

SEC("socket/scratch") int scratch(struct __sk_buff *skb)
{
    return skb->cb[2] == 1;
}

SEC("xdp/missing") int missing(struct xdp_md *ctx)
{
    return ((struct xdp_md___later *)ctx)->not_yet == 1;
}

SEC("xdp/task") int task(struct xdp_md *ctx)
{
    return ((struct task_struct *)(u64)ctx->data)->pid == 1;
}
