// Lines for the log: the format in read-only data, and on the stack.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int trace(struct xdp_md *ctx)
{
	bpf_printk("port %d, address %08x, %llu%% of all\n", -(int)ctx->ingress_ifindex, 0xA000001, 12345678901ULL);
	return bpf_printk("second");
}
