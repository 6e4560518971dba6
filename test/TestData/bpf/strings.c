// String literals (.rodata.str1.1) and a format for the log.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp") int strings(struct xdp_md *ctx)
{
    char text[8] = {};
    __builtin_memcpy(text, (ctx->rx_queue_index & 1) ? "GET " : "PUT ", 4);
    bpf_printk("queue %d", ctx->rx_queue_index);
    return bpf_strncmp(text, 4, "GET ") == 0 ? XDP_DROP : XDP_PASS;
}
