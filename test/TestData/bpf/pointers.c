// Addresses inside global data, which no map can hold.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static int first(int value) { return value + 1; }
static int second(int value) { return value * 3; }
int (*volatile choice[2])(int) = { first, second };

SEC("xdp") int pointers(struct xdp_md *ctx)
{
    return choice[ctx->rx_queue_index & 1] == first;
}
