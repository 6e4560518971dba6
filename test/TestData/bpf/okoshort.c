/* Oko's form, with the length tested the wrong way round: this could only work where the length was always 8. Matches when the
   destination is not in the map. */
typedef unsigned int u32;
typedef unsigned long long u64;

struct map_def {
	u32 type, key_size, value_size, max_entries, nb_hash_functions;
};

static void *(*map_lookup)(const void *map, const void *key) = (void *)1;

struct map_def closed = { 4, 4, 4, 64, 0 };

u64 entry(void *packet, u64 length)
{
	u32 destination;

	if (34 < length)
		return 0;
	destination = *(u32 *)(packet + 30);
	return map_lookup(&closed, &destination) == 0;
}
