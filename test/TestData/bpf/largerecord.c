/* A record of SIZE bytes, unless that is said longer than an OpenFlow message can be, then a short one. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifndef SIZE
#define SIZE 70000
#endif

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 20); } ring SEC(".maps");

SEC("xdp") int largerecord(struct xdp_md *ctx)
{
	__u32 number = 7;
	__u32 *large = bpf_ringbuf_reserve(&ring, SIZE, 0);

	if (!large)
		return 0;
	*large = number;
	bpf_ringbuf_submit(large, 0);
	return bpf_ringbuf_output(&ring, &number, sizeof(number), 0) == 0;
}

char _license[] SEC("license") = "GPL";
