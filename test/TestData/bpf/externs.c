// Symbols that only a running kernel or another object has.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern unsigned CONFIG_HZ __kconfig;
extern const void jiffies __ksym;
extern int somewhere_else(int value);

SEC("xdp/kconfig") int kconfig(struct xdp_md *ctx)
{
    return CONFIG_HZ == 1000;
}

SEC("xdp/ksym") int ksym(struct xdp_md *ctx)
{
    return (long)&jiffies == 8;
}

SEC("xdp/function") int function(struct xdp_md *ctx)
{
    return somewhere_else(ctx->rx_queue_index);
}

SEC("xdp/fine") int fine(struct xdp_md *ctx)
{
    return ctx->rx_queue_index == 1;
}
