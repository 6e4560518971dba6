/* The part of libbpf's bpf_helpers.h that filters use, for native code. A map definition becomes a map (../map.h): the sizes in its type
 * are constants for the compiler, as the map's facts are for the switch's compiler. */
#pragma once
#include "../map.h"

#define SEC(name)
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))

#define __uint(name, value) __uint_##name(value)
#define __uint_type(value) int (*type)[value]
#define __uint_max_entries(value) int (*max_entries)[value]; struct map map
#define __type(name, type) type *name

#define MAP_TYPE(m) (sizeof(*(m)->type) / sizeof(int))
#define MAP_LRU_BYTES(m) (MAP_TYPE(m) == BPF_MAP_TYPE_LRU_HASH ? LRU_BYTES : 0)
#define MAP_MAX_ENTRIES(m) (sizeof(*(m)->max_entries) / sizeof(int))

#define bpf_map_lookup_elem(m, k) \
	(MAP_TYPE(m) == BPF_MAP_TYPE_ARRAY \
		? array_lookup(&(m)->map, k, MAP_MAX_ENTRIES(m), sizeof(*(m)->value)) \
		: hash_lookup(&(m)->map, k, sizeof(*(m)->key), sizeof(*(m)->value), MAP_LRU_BYTES(m)))
#define bpf_map_update_elem(m, k, v, flags) hash_update(&(m)->map, k, v, sizeof(*(m)->key), sizeof(*(m)->value), MAP_LRU_BYTES(m))
#define bpf_map_delete_elem(m, k) hash_delete(&(m)->map, k, sizeof(*(m)->key), sizeof(*(m)->value), MAP_LRU_BYTES(m))
#define bpf_ktime_get_ns() native_clock
