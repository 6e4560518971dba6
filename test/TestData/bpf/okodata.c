/* Oko's form without a section for the maps: they stand in .data. All of its map types and helpers. */
typedef unsigned int u32;
typedef unsigned long long u64;

enum { ARRAY = 1, BLOOM = 2, COUNT_MIN = 3, HASH = 4 };

struct map_def {
	u32 type, key_size, value_size, max_entries, nb_hash_functions;
};

static void *(*map_lookup)(const void *map, const void *key) = (void *)1;
static int (*map_update)(const void *map, const void *key, const void *value) = (void *)2;
static int (*map_delete)(const void *map, const void *key) = (void *)3;
static int (*map_add)(const void *map, const void *item) = (void *)4;
static u64 (*time_get_ns)(void) = (void *)5;
static u32 (*hash)(const void *data, u64 size) = (void *)6;
static void (*print)(const char *format, ...) = (void *)7;

struct map_def totals = { ARRAY, 4, 8, 4, 0 };
struct map_def sources = { BLOOM, 0, 4, 1024, 3 };
struct map_def sizes = { COUNT_MIN, 0, 4, 256, 4 };
struct map_def last_seen = { HASH, 4, 8, 64, 0 };

/* Matches when the source was seen before, and has sent more than two packets. */
u64 entry(void *packet, u64 length)
{
	u32 source, zero = 0, *known, *times;
	u64 now = time_get_ns(), *total;

	if (length < 34)
		return 0;
	source = *(u32 *)(packet + 26);
	known = map_lookup(&sources, &source);
	if (*known == 0) {
		map_add(&sources, &source);
		print("first packet, hash %u\n", hash(&source, sizeof(source)));
	}
	map_add(&sizes, &source);
	times = map_lookup(&sizes, &source);
	map_update(&last_seen, &source, &now);
	total = map_lookup(&totals, &zero);
	if (total)
		*total += 1;
	if (length == 34)
		map_delete(&last_seen, &source);
	return *known == 1 && *times > 2;
}
