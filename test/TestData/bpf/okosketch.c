/* Oko's bloom filter and count-min sketch, helpers 4 and 7: matches from the third packet of a source on, and says so once. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

struct bpf_map_def {
	u32 type, key_size, value_size, max_entries, nb_hash_functions;
};

#define SEC(name) __attribute__((section(name), used))
static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static int (*map_add)(void *map, const void *item) = (void *)4;
static void (*print)(const char *format, ...) = (void *)7;

struct bpf_map_def SEC("maps") told = { 2, 0, 4, 1000, 3 };
struct bpf_map_def SEC("maps") packets = { 3, 0, 4, 1000, 4 };

u64 entry(void *packet, u64 length)
{
	u32 source, *count, *known;

	if (length < 34)
		return 0;
	source = *(u32 *)(packet + 26);
	map_add(&packets, &source);
	count = map_lookup(&packets, &source);
	if (!count || *count < 3)
		return 0;
	known = map_lookup(&told, &source);
	if (known && *known == 0) {
		print("source %x: %d packets", __builtin_bswap32(source), *count);
		map_add(&told, &source);
	}
	return 1;
}
