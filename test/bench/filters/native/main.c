/* A filter compiled natively, in the loop of `oko bench filter` (Oko.Bpf/Execution/FilterBenchmark.cs): the same packets, rounds and clock.
 * FILTER is its source, ENTRY its function, MAPS its maps as X(name).
 * Usage: main FILE.pcap ROUNDS; prints "median best accepted". */
#include FILTER
#include <stdio.h>
#include <time.h>

#define BATCH 32

struct captured {
	__u8 *start;
	__u32 length;
};

static __u8 *buffer;
static struct captured *packets;
static size_t packet_count;

static void fail(const char *text)
{
	fprintf(stderr, "%s\n", text);
	exit(2);
}

static void read_packets(const char *path)
{
	FILE *file = fopen(path, "rb");
	__u32 header[4];
	size_t used = 0;

	buffer = aligned_alloc(64, 64 << 20);
	packets = calloc(1 << 17, sizeof(*packets));
	if (!file || !buffer || !packets || fseek(file, 24, SEEK_SET))
		fail("the capture cannot be read");
	while (fread(header, sizeof(header), 1, file) == 1) {
		if (packet_count == 1 << 17 || used + header[2] > 64 << 20 || fread(buffer + used, 1, header[2], file) != header[2])
			fail("the capture is too large, or cut short");
		packets[packet_count++] = (struct captured){ buffer + used, header[2] };
		used += padded(header[2]);
	}
	fclose(file);
}

static int (*volatile filter)(struct xdp_md *) = ENTRY;

static long run_once(void)
{
	int (*run)(struct xdp_md *) = filter;
	struct xdp_md context = { .ingress_ifindex = 1 };
	long accepted = 0;

	for (size_t at = 0; at < packet_count;) {
		size_t end = at + BATCH < packet_count ? at + BATCH : packet_count;

		native_clock += BATCH * 1000;
		for (; at < end; at++) {
			context.data = (__u64)packets[at].start;
			context.data_end = context.data + packets[at].length;
			accepted += run(&context) == 1;
		}
	}
	return accepted;
}

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

int main(int count, char **arguments)
{
	int rounds = count == 3 ? atoi(arguments[2]) : 0;
	double *times = calloc(rounds + 1, sizeof(*times));
	long accepted = 0;

	if (rounds < 1 || !times)
		fail("usage: main FILE.pcap ROUNDS");
#define X(name) map_create(&name.map, MAP_TYPE(&name), MAP_MAX_ENTRIES(&name), sizeof(*name.key), sizeof(*name.value));
	MAPS
	read_packets(arguments[1]);
	native_clock = 1000000000;
	for (int warm_up = 0; warm_up < 3; warm_up++)
		run_once();
	for (int round = 0; round < rounds; round++) {
		struct timespec start, end;

		clock_gettime(CLOCK_MONOTONIC, &start);
		accepted += run_once();
		clock_gettime(CLOCK_MONOTONIC, &end);
		times[round] = ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / packet_count;
	}
	qsort(times, rounds, sizeof(*times), by_value);
	printf("%.2f %.2f %ld\n", times[rounds / 2], times[0], accepted);
	return 0;
}
