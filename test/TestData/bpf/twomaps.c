// clang -O2 -g -target bpf -I/usr/include/x86_64-linux-gnu -c twomaps.c -o twomaps.o
// Two maps: BTF leaves the offset of both 0, only the symbols tell them apart.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } first SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } second SEC(".maps");

SEC("xdp") int twomaps(struct xdp_md *ctx)
{
    __u32 key = 3;
    __u32 *count = bpf_map_lookup_elem(&second, &key);
    if (count)
        (*count)++;
    __u64 *seen = bpf_map_lookup_elem(&first, &key);
    return seen ? XDP_DROP : XDP_PASS;
}
