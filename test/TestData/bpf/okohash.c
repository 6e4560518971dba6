/* Oko's helper 6 on the words of lookup3's own test, in Oko's form: 20-byte map definition, helpers by number. */
struct oko_map { unsigned type, key_size, value_size, max_entries, hash_functions; };
struct oko_map seen __attribute__((section("maps"))) = { 4, 4, 4, 16, 0 };

static unsigned (*oko_hash)(const void *, unsigned long) = (void *)6;
static void *(*oko_lookup)(void *, const void *) = (void *)1;

unsigned long entry(unsigned char *packet, unsigned long length)
{
	unsigned key;

	if (length < 30)
		return 0;
	key = oko_hash(packet, 30);
	oko_lookup(&seen, &key);
	return key == 0x17770551;
}
