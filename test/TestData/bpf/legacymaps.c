// Maps before BTF. TYPE: of the map. FORM: 20 = libbpf's first form, 28 = the kernel samples', 36 = iproute2's, 24 = none; INNER = names another map.
typedef unsigned int u32;
#define SEC(name) __attribute__((section(name), used))
static void *(*map_lookup)(void *map, const void *key) = (void *)1;

#ifndef TYPE
#define TYPE 1
#endif

struct definition {
    u32 type, key_size, value_size, max_entries, flags, rest[(FORM - 20) / 4];
};

#if FORM == 20
struct definition SEC("maps") seen = { TYPE, 4, 8, 64, 1 };
#elif FORM == 28
struct definition SEC("maps") seen = { 1, 4, 8, 64, 1, { INNER, 1 } };
#elif FORM == 36
struct definition SEC("maps") seen = { 1, 4, 8, 64, 1, { 7, 2, INNER, 0 } };
#else
struct definition SEC("maps") seen = { 1, 4, 8, 64, 1, { INNER } };
#endif

struct xdp_md {
    u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index;
};

SEC("xdp") int legacy(struct xdp_md *ctx)
{
    u32 key = ctx->rx_queue_index;
    return map_lookup(&seen, &key) ? 1 : 2;
}

#ifdef MIXED
SEC("oko/filter") unsigned long long other(void *packet, unsigned long long length)
{
    u32 key = length;
    return map_lookup(&seen, &key) != 0;
}
#endif
