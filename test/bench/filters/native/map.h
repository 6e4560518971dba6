/* The hash map of the switch (Oko.Bpf/Maps/HashTable.cs) in C: the same index, slab, hash, tombstones and lock. Without what a single thread
 * does not need: entries are free again at once, and the index is never tidied. LRU maps note what is in use, but evict nothing: the packets
 * are of fewer flows than they hold. */
#pragma once
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#define HASH_MARK 0x80000000u
#define TOMBSTONE 1
#define LRU_BYTES 8	/* behind the value of an LRU map: whether it is in use */

struct map {
	__u8 *entries;
	__u64 *index;
	__u64 seed0, seed1;
	__u32 mask, max_entries, count, fresh, free_head;
	__u32 *links;
	int lock;
};

static __u64 native_clock;

static inline size_t padded(size_t size) { return (size + 7) & ~(size_t)7; }

static void map_create(struct map *map, __u32 type, __u32 max_entries, size_t key_size, size_t value_size)
{
	size_t stride = (type == BPF_MAP_TYPE_ARRAY ? 0 : padded(key_size)) + padded(value_size) + (type == BPF_MAP_TYPE_LRU_HASH ? LRU_BYTES : 0);
	__u32 words = 1;

	while (words < 2 * max_entries)
		words *= 2;
	map->max_entries = max_entries;
	map->seed0 = 0x243F6A8885A308D3;
	map->seed1 = 0x13198A2E03707345;
	map->mask = words - 1;
	map->fresh = 1;
	map->entries = aligned_alloc(64, (stride * (max_entries + 1) + 63) & ~63ul);
	map->index = aligned_alloc(64, (8ul * words + 63) & ~63ul);
	map->links = calloc(max_entries + 1, 4);
	if (!map->entries || !map->index || !map->links)
		abort();
	memset(map->index, 0, 8ul * words);
	memset(map->entries, 0, stride * (max_entries + 1));
}

static inline __u64 fold(__u64 left, __u64 right)
{
	unsigned __int128 product = (unsigned __int128)left * right;

	return (__u64)(product >> 64) ^ (__u64)product;
}

static inline __u32 hash_of(const struct map *map, const void *key, size_t key_size)
{
	__u64 words[2] = {}, state = map->seed0;

	if (key_size == 4 || key_size == 8) {
		memcpy(words, key, key_size);
		return (__u32)fold(words[0] ^ map->seed0, map->seed1) | HASH_MARK;
	}
	if (key_size == 16) {
		memcpy(words, key, 16);
		return (__u32)fold(words[0] ^ map->seed0, words[1] ^ map->seed1) | HASH_MARK;
	}
	for (size_t at = 0; at < key_size; at += 8) {
		words[0] = 0;
		memcpy(words, (const __u8 *)key + at, key_size - at < 8 ? key_size - at : 8);
		state = fold(state ^ words[0], map->seed1);
	}
	return (__u32)state | HASH_MARK;
}

static inline void *array_lookup(struct map *map, const __u32 *key, __u32 max_entries, size_t value_size)
{
	return *key < max_entries ? map->entries + *key * padded(value_size) : NULL;
}

static inline void *hash_lookup(struct map *map, const void *key, size_t key_size, size_t value_size, size_t lru)
{
	size_t stride = padded(key_size) + padded(value_size) + lru;
	__u32 hash = hash_of(map, key, key_size), mask = map->mask;
	__u64 *index = __atomic_load_n(&map->index, __ATOMIC_ACQUIRE);

	for (__u32 slot = hash & mask;; slot = (slot + 1) & mask) {
		__u64 word = __atomic_load_n(&index[slot], __ATOMIC_ACQUIRE);

		if (word == 0)
			return NULL;
		if (word >> 32 == hash) {
			__u8 *entry = map->entries + (__u32)word * stride;

			if (memcmp(entry, key, key_size) == 0) {
				__u64 *in_use = (__u64 *)(entry + stride - lru);

				if (lru && !*in_use)
					*in_use = 1;
				return entry + padded(key_size);
			}
		}
	}
}

static inline void map_enter(struct map *map)
{
	while (__atomic_exchange_n(&map->lock, 1, __ATOMIC_ACQUIRE))
		;
}

static inline void map_exit(struct map *map) { __atomic_store_n(&map->lock, 0, __ATOMIC_RELEASE); }

static __attribute__((noinline)) long hash_update(struct map *map, const void *key, const void *value, size_t key_size, size_t value_size, size_t lru)
{
	size_t stride = padded(key_size) + padded(value_size) + lru;
	__u32 hash = hash_of(map, key, key_size), mask = map->mask, slot = hash & mask, place = ~0u, number;
	__u8 *entry;

	map_enter(map);
	for (; map->index[slot]; slot = (slot + 1) & mask) {
		__u64 word = map->index[slot];

		if (word == TOMBSTONE) {
			if (place == ~0u)
				place = slot;
		} else if (word >> 32 == hash && memcmp(map->entries + (__u32)word * stride, key, key_size) == 0) {
			memcpy(map->entries + (__u32)word * stride + padded(key_size), value, value_size);
			map_exit(map);
			return 0;
		}
	}
	if (map->count >= map->max_entries) {
		map_exit(map);
		return -7;
	}
	number = map->free_head;
	if (number)
		map->free_head = map->links[number];
	else
		number = map->fresh++;
	entry = map->entries + number * stride;
	memcpy(entry, key, key_size);
	memcpy(entry + padded(key_size), value, value_size);
	map->count++;
	__atomic_store_n(&map->index[place == ~0u ? slot : place], (__u64)hash << 32 | number, __ATOMIC_RELEASE);
	map_exit(map);
	return 0;
}

static __attribute__((noinline)) long hash_delete(struct map *map, const void *key, size_t key_size, size_t value_size, size_t lru)
{
	size_t stride = padded(key_size) + padded(value_size) + lru;
	__u32 hash = hash_of(map, key, key_size), mask = map->mask;

	map_enter(map);
	for (__u32 slot = hash & mask; map->index[slot]; slot = (slot + 1) & mask) {
		__u64 word = map->index[slot];

		if (word >> 32 != hash || memcmp(map->entries + (__u32)word * stride, key, key_size))
			continue;
		map->index[slot] = TOMBSTONE;
		if (map->index[(slot + 1) & mask] == 0)
			for (; map->index[slot] == TOMBSTONE; slot = (slot - 1) & mask)
				map->index[slot] = 0;
		map->links[(__u32)word] = map->free_head;
		map->free_head = (__u32)word;
		map->count--;
		map_exit(map);
		return 0;
	}
	map_exit(map);
	return -2;
}
