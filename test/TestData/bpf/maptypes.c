// Map definitions in BTF: every type, sizes given as sizes and as types, flags and extras.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct prefix {
    __u32 length;
    __u8 address[4];
};

#define MAP(name, kind, ...) struct { __uint(type, kind); __VA_ARGS__ } name SEC(".maps")
#define ENTRIES __uint(max_entries, 64);
#define KEYED __type(key, __u32); __type(value, __u64);

MAP(hash, BPF_MAP_TYPE_HASH, ENTRIES KEYED __uint(pinning, LIBBPF_PIN_BY_NAME););
MAP(array, BPF_MAP_TYPE_ARRAY, ENTRIES __uint(key_size, 4); __uint(value_size, 12););
MAP(cpu_hash, BPF_MAP_TYPE_PERCPU_HASH, ENTRIES KEYED);
MAP(cpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, ENTRIES KEYED);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, ENTRIES KEYED);
MAP(prefixes, BPF_MAP_TYPE_LPM_TRIE, ENTRIES __type(key, struct prefix); __type(value, __u64); __uint(map_flags, BPF_F_NO_PREALLOC););
MAP(fifo, BPF_MAP_TYPE_QUEUE, ENTRIES __type(value, __u64););
MAP(lifo, BPF_MAP_TYPE_STACK, ENTRIES __type(value, __u64););
MAP(events, BPF_MAP_TYPE_RINGBUF, __uint(max_entries, 65536););
MAP(bloom, BPF_MAP_TYPE_BLOOM_FILTER, ENTRIES __type(value, __u32); __uint(map_extra, 3););
MAP(sketch, 0x4F4B0001, ENTRIES KEYED __uint(map_extra, 4););

SEC("xdp") int maptypes(struct xdp_md *ctx)
{
    __u32 key = 1;
    return bpf_map_lookup_elem(&hash, &key) ? XDP_DROP : XDP_PASS;
}
