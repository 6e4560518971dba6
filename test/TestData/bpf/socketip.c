/* A socket program with legacy packet loads: matches IPv4. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

unsigned long long load_half(void *skb, unsigned long long offset) asm("llvm.bpf.load.half");

SEC("socket")
int socketip(struct __sk_buff *skb)
{
	return load_half(skb, 12) == 0x0800 && skb->len > 20;
}
