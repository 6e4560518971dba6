// Globals of every kind, functions of every kind, several programs in one object: what the loader puts together.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

const volatile __u32 minimum_length = 34;               // .rodata
const volatile __u8 table[16] = { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8 };
volatile __u64 packets;                                 // .bss
static volatile __u32 short_packets;
volatile __u32 limit = 3;                               // .data
volatile __u16 second_limit = 0x1234;

static __attribute__((noinline)) int is_short(__u64 length)
{
    if (length >= minimum_length)
        return 0;
    short_packets++;
    return 1;
}

__attribute__((noinline)) int add(int left, int right)
{
    return left + right + (int)second_limit;
}

__attribute__((weak, noinline)) int twice(int value)
{
    return add(value, value);
}

SEC("xdp/count") int count(struct xdp_md *ctx)
{
    if (is_short((__u64)ctx->data_end - ctx->data))
        return XDP_PASS;
    __sync_fetch_and_add(&packets, 1);
    return packets > limit ? XDP_DROP : XDP_PASS;
}

SEC("xdp.frags") int lookup(struct xdp_md *ctx)
{
    __u32 key = 1;
    __u64 *value = bpf_map_lookup_elem(&counters, &key);
    if (!value)
        return XDP_PASS;
    *value += table[ctx->rx_queue_index & 15];
    return *value == 7 ? XDP_DROP : XDP_PASS;
}

SEC("socket_filter") int sum(struct __sk_buff *skb)
{
    return twice(skb->len) - add(skb->len, skb->len);
}

static long each(__u32 index, void *context)
{
    *(__u64 *)context += index;
    return 0;
}

SEC("oko/filter") __u64 rounds(unsigned char *packet, __u64 length)
{
    __u64 total = 0;
    bpf_loop(4, each, &total, 0);
    return total == 6;
}
