/* Maps in Oko's 20-byte form, helpers in its numbering: matches when the destination is in the map. */
typedef unsigned int u32;
typedef unsigned long long u64;

struct bpf_map_def {
	u32 type, key_size, value_size, max_entries, nb_hash_functions;
};

#define SEC(name) __attribute__((section(name), used))
static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static int (*map_update)(void *map, const void *key, const void *value) = (void *)2;

struct bpf_map_def SEC("maps") seen = { 4, 4, 8, 64, 0 };

u64 entry(void *packet, u64 length)
{
	u32 key;
	u64 one = 1, *count;

	if (length < 34)
		return 0;
	key = *(u32 *)(packet + 30);
	count = map_lookup(&seen, &key);
	if (count) {
		*count += 1;
		return 1;
	}
	map_update(&seen, &key, &one);
	return 0;
}
