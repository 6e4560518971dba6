// An object for several hooks, as projects ship them: maps and programs that a filter does not have beside one that it has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} events SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u32);
} ports SEC(".maps");
volatile void *trouble = &events;

__attribute__((noinline)) int shared(int value)
{
    return value * 2;
}

SEC("tracepoint/net/net_dev_xmit") int trace(void *ctx)
{
    __u32 value = shared(1);
    trouble = ctx;
    return bpf_perf_event_output(ctx, &events, 0, &value, sizeof(value));
}

#ifndef ONLY_TRACE
SEC("xdp") int count(struct xdp_md *ctx)
{
    __u32 key = shared(ctx->rx_queue_index);
    return bpf_map_lookup_elem(&ports, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp/report") int report(struct xdp_md *ctx)
{
    __u32 value = 1;
    return bpf_perf_event_output(ctx, &events, 0, &value, sizeof(value));
}

SEC("xdp/remember") int remember(struct xdp_md *ctx)
{
    return trouble == ctx;
}
#endif
