/* Walks the TCP options of a SYN in an unrolled loop: matches when the maximum segment size is 1460. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* One option: leaves the program with an answer, or moves on. */
#define STEP                                                                              \
	if (option + 4 > end || option[0] == 0)                                           \
		return 0;                                                                 \
	if (option[0] == 2)                                                               \
		return option[1] == 4 && (option[2] << 8 | option[3]) == 1460;            \
	size = option[0] == 1 ? 1 : option[1];                                            \
	if (size == 0)                                                                    \
		return 0;                                                                 \
	option += size;

SEC("xdp")
int synopts(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *option;
	struct ethhdr *eth = (void *)data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp;
	unsigned int size;

	if ((void *)(ip + 1) > (void *)end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != 6)
		return 0;
	tcp = (void *)ip + ip->ihl * 4;
	if ((void *)(tcp + 1) > (void *)end || !tcp->syn)
		return 0;
	option = (void *)(tcp + 1);
	STEP STEP STEP STEP STEP STEP
	return 0;
}
