/* A controller that does one thing as fast as it can, to measure a switch's control path.
 *
 *   ofload flow-mods HOST PORT COUNT             adds COUNT entries, each followed by a barrier that is waited for
 *   ofload barriers HOST PORT SECONDS RATE       barrier round trips while another connection adds entries: RATE a second,
 *                                                or as many as the switch takes (0)
 *   ofload churn HOST PORT SECONDS RATE ENTRIES change|replace
 *                                                with ENTRIES in place: RATE flow-mods a second, one entry added and the oldest
 *                                                deleted in turn, or entries replaced by an ADD. Says "ready" when all are in place
 *   ofload packets HOST PORT SECONDS WINDOW FROM_NETNS FROM_IF TO_NETNS TO_IF
 *                                                frames into FROM_IF (port 1), answered packet-in by packet-out to port 2,
 *                                                counted at TO_IF; at most WINDOW frames are under way
 *
 * Prints one line of JSON; times are in microseconds. Speaks OpenFlow 1.3 over TCP as a tool on a listening switch.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HELLO = 0, ERROR = 1, ECHO_REQUEST = 2, ECHO_REPLY = 3, SET_CONFIG = 9, PACKET_IN = 10, PACKET_OUT = 13, FLOW_MOD = 14,
       BARRIER_REQUEST = 20, BARRIER_REPLY = 21 };

#define FLOW_MOD_BYTES 104
#define ENTRIES 100000		/* different entries that are added; further ones replace the first */
#define BUFFER (1 << 20)
#define MAX_SAMPLES (1 << 22)
#define FRAME 100
#define MARK 0x4f4b4f21u	/* at the start of the UDP payload, tells our frames from others */
#define PAYLOAD 42
#define BATCH 64
#define NANOSECONDS 1000000000ull

struct connection {
	int fd;
	size_t have;
	unsigned char in[BUFFER];
};

static uint32_t *samples;
static size_t sample_count;

static void fail(const char *what)
{
	fprintf(stderr, "ofload: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NANOSECONDS + (uint64_t)t.tv_nsec;
}

static void put16(unsigned char *to, uint16_t value)
{
	value = htons(value);
	memcpy(to, &value, 2);
}

static void put32(unsigned char *to, uint32_t value)
{
	value = htonl(value);
	memcpy(to, &value, 4);
}

static unsigned int get16(const unsigned char *from)
{
	return (unsigned int)from[0] << 8 | from[1];
}

static void header(unsigned char *to, int type, unsigned int size, uint32_t xid)
{
	to[0] = 4;
	to[1] = (unsigned char)type;
	put16(to + 2, (uint16_t)size);
	put32(to + 4, xid);
}

static void write_all(int fd, const unsigned char *data, size_t size)
{
	while (size) {
		ssize_t done = send(fd, data, size, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			fail("sending");
		if (done > 0) {
			data += done;
			size -= (size_t)done;
		}
	}
}

static void take_sample(uint64_t nanoseconds)
{
	if (sample_count < MAX_SAMPLES)
		samples[sample_count++] = (uint32_t)(nanoseconds > UINT32_MAX ? UINT32_MAX : nanoseconds);
}

static int by_size(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

static double percentile(double part)
{
	return sample_count ? samples[(size_t)(part * (double)(sample_count - 1))] / 1000.0 : 0;
}

/* Reads once and hands each whole message to the function; echo requests are answered here. */
static void receive(struct connection *c, void (*handle)(const unsigned char *message, unsigned int size, void *context), void *context)
{
	ssize_t got = recv(c->fd, c->in + c->have, BUFFER - c->have, 0);
	size_t at = 0;

	if (got <= 0) {
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		errno = got < 0 ? errno : ECONNRESET;
		fail("receiving");
	}
	c->have += (size_t)got;
	while (c->have - at >= 8) {
		unsigned char *message = c->in + at;
		unsigned int size = get16(message + 2);

		if (size < 8) {
			errno = EPROTO;
			fail("a message of less than 8 bytes");
		}
		if (c->have - at < size)
			break;
		if (message[1] == ERROR) {
			fprintf(stderr, "ofload: the switch reports error type %u code %u\n", get16(message + 8), get16(message + 10));
			exit(1);
		} else if (message[1] == ECHO_REQUEST) {
			message[1] = ECHO_REPLY;
			write_all(c->fd, message, size);
		} else {
			handle(message, size, context);
		}
		at += size;
	}
	memmove(c->in, c->in + at, c->have - at);
	c->have -= at;
}

static void note_barrier(const unsigned char *message, unsigned int size, void *context)
{
	(void)size;
	if (message[1] == BARRIER_REPLY)
		*(int *)context = 1;
}

static void barrier(struct connection *c)
{
	unsigned char request[8];
	int done = 0;

	header(request, BARRIER_REQUEST, 8, 7);
	write_all(c->fd, request, 8);
	while (!done)
		receive(c, note_barrier, &done);
}

static struct connection *open_connection(const char *host, const char *port)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	unsigned char hello[8];
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)))
		fail("connecting");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	header(hello, HELLO, 8, 1);
	write_all(c->fd, hello, 8);
	barrier(c);
	return c;
}

/* ADD of an entry for one IPv4 source and TCP port 80, output to port 2. */
static void make_flow_mod(unsigned char *to, uint32_t number)
{
	static const unsigned char match[] = {
		0, 1, 0, 0,
		0x80, 0, 10, 2, 8, 0, 0x80, 0, 20, 1, 6, 0x80, 0, 22, 4, 10, 0, 0, 0, 0x80, 0, 28, 2, 0, 80 };

	memset(to, 0, FLOW_MOD_BYTES);
	header(to, FLOW_MOD, FLOW_MOD_BYTES, number);
	put16(to + 30, 100);				/* priority */
	memset(to + 32, 0xff, 12);			/* no buffer, any port, any group */
	memcpy(to + 48, match, sizeof(match));
	put16(to + 50, sizeof(match));
	put32(to + 67, 0x0a000000u + number);
	put16(to + 80, 4);				/* apply-actions */
	put16(to + 82, 24);
	put16(to + 90, 16);				/* output */
	put32(to + 92, 2);
}

static void flow_mods(struct connection *c, unsigned int count)
{
	unsigned char message[FLOW_MOD_BYTES];
	uint64_t start = now();

	for (uint32_t number = 0; number < count; number++) {
		uint64_t begin = now();

		make_flow_mod(message, number);
		write_all(c->fd, message, sizeof(message));
		barrier(c);
		take_sample(now() - begin);
	}
	qsort(samples, sample_count, sizeof(*samples), by_size);
	printf("{\"flow_mods\": %u, \"seconds\": %.3f, \"median_us\": %.1f, \"p99_us\": %.1f}\n",
	       count, (double)(now() - start) / NANOSECONDS, percentile(0.5), percentile(0.99));
}

struct load {
	struct connection *connection;
	uint64_t end;
	double rate;
	uint64_t sent;
	double seconds;
};

static void *send_load(void *context)
{
	struct load *load = context;
	static unsigned char batch[FLOW_MOD_BYTES * BATCH];
	uint64_t start = now();

	for (uint64_t t = start; t < load->end; t = now()) {
		uint64_t due = load->rate > 0 ? (uint64_t)(load->rate * (double)(t - start) / NANOSECONDS) - load->sent : BATCH;
		unsigned int count = 0;

		for (; count < due && count < BATCH; count++)
			make_flow_mod(batch + count * FLOW_MOD_BYTES, (uint32_t)(load->sent++ % ENTRIES));
		if (count)
			write_all(load->connection->fd, batch, (size_t)count * FLOW_MOD_BYTES);
		else
			usleep(200);
	}
	barrier(load->connection);
	load->seconds = (double)(now() - start) / NANOSECONDS;
	return NULL;
}

static void barriers(struct connection *c, struct load *load, double seconds)
{
	pthread_t sender;

	load->end = now() + (uint64_t)(seconds * NANOSECONDS);
	if (pthread_create(&sender, NULL, send_load, load))
		fail("starting a thread");
	while (now() < load->end) {
		uint64_t begin = now();

		barrier(c);
		take_sample(now() - begin);
		usleep(1000);
	}
	pthread_join(sender, NULL);
	qsort(samples, sample_count, sizeof(*samples), by_size);
	printf("{\"flow_mods_per_second\": %.0f, \"barriers\": %zu, \"median_us\": %.1f, \"p99_us\": %.1f}\n",
	       (double)load->sent / load->seconds, sample_count, percentile(0.5), percentile(0.99));
}

static void make_delete(unsigned char *to, uint32_t number)
{
	make_flow_mod(to, number);
	to[25] = 4;					/* OFPFC_DELETE_STRICT */
}

/* Sends what is due once a millisecond, as a controller does that works off events. */
static void churn(struct connection *c, double seconds, double rate, uint32_t entries, int replaces)
{
	static unsigned char batch[FLOW_MOD_BYTES * BATCH];
	uint64_t start, end, sent = 0;
	uint32_t added = entries, deleted = 0;

	for (uint32_t number = 0; number < entries; number++) {
		make_flow_mod(batch, number);
		write_all(c->fd, batch, FLOW_MOD_BYTES);
	}
	barrier(c);
	puts("ready");
	fflush(stdout);
	start = now();
	end = start + (uint64_t)(seconds * NANOSECONDS);
	for (uint64_t t = start; t < end; t = now()) {
		uint64_t due = (uint64_t)(rate * (double)(t - start) / NANOSECONDS);
		unsigned int count = 0;

		for (; sent < due && count < BATCH; count++, sent++) {
			unsigned char *message = batch + count * FLOW_MOD_BYTES;

			if (replaces)
				make_flow_mod(message, (uint32_t)(sent % entries));
			else if (sent % 2)
				make_delete(message, deleted++);
			else
				make_flow_mod(message, added++);
		}
		if (count)
			write_all(c->fd, batch, (size_t)count * FLOW_MOD_BYTES);
		if (sent >= due)
			usleep(1000);
	}
	barrier(c);
	printf("{\"flow_mods_per_second\": %.0f}\n", (double)sent / ((double)(now() - start) / NANOSECONDS));
}

static int open_interface(const char *netns, const char *name)
{
	char path[256];
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), other, fd, size = 1 << 22;
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	snprintf(path, sizeof(path), "/var/run/netns/%s", netns);
	other = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || other < 0 || setns(other, CLONE_NEWNET))
		fail(path);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	address.sll_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail(name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (setns(own, CLONE_NEWNET))
		fail("own network namespace");
	close(own);
	close(other);
	return fd;
}

struct answers {
	unsigned char out[BUFFER * 2];
	size_t size;
};

static void answer(const unsigned char *message, unsigned int size, void *context)
{
	struct answers *answers = context;
	unsigned char *to = answers->out + answers->size;
	unsigned int data, length;

	if (message[1] != PACKET_IN || size < 34)
		return;
	data = 24 + (get16(message + 26) + 7) / 8 * 8 + 2;
	length = size - data;
	memset(to, 0, 40);
	header(to, PACKET_OUT, 40 + length, 9);
	put32(to + 8, 0xffffffffu);			/* no buffer */
	put32(to + 12, 1);				/* in_port */
	put16(to + 16, 16);				/* one action: output to port 2 */
	put16(to + 26, 16);
	put32(to + 28, 2);
	memcpy(to + 40, message + data, length);
	answers->size += 40 + length;
}

/* The table-miss entry that sends whole packets to the controller, and the wish to get them on this connection. */
static void ask_for_packets(struct connection *c)
{
	unsigned char message[80] = { 0 };

	header(message, SET_CONFIG, 12, 2);
	put16(message + 10, 0xffff);
	write_all(c->fd, message, 12);
	memset(message, 0, sizeof(message));
	header(message, FLOW_MOD, 80, 3);
	memset(message + 32, 0xff, 12);
	put16(message + 48, 1);				/* an empty match */
	put16(message + 50, 4);
	put16(message + 56, 4);				/* apply-actions */
	put16(message + 58, 24);
	put16(message + 66, 16);			/* output to the controller, whole packets */
	put32(message + 68, 0xfffffffdu);
	put16(message + 72, 0xffff);
	write_all(c->fd, message, sizeof(message));
	barrier(c);
}

static void packets(struct connection *c, double seconds, unsigned int window, int source, int sink)
{
	static struct answers answers;
	static unsigned char out[BATCH][FRAME], in[BATCH][FRAME * 2];
	static const unsigned char head[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, FRAME - 14, 0, 0, 0, 0, 64, 17, 0, 0,
					      10, 98, 0, 1, 10, 98, 0, 2, 4, 0, 7, 0xd0, 0, FRAME - 34, 0, 0 };
	struct mmsghdr send_messages[BATCH], receive_messages[BATCH];
	struct iovec send_parts[BATCH], receive_parts[BATCH];
	struct pollfd fds[] = { { .fd = c->fd, .events = POLLIN }, { .fd = sink, .events = POLLIN } };
	uint32_t mark = MARK;
	uint64_t start = now(), warm = start + NANOSECONDS / 2, end = warm + (uint64_t)(seconds * NANOSECONDS), progress = start, trips = 0, lost = 0;
	unsigned int outstanding = 0;

	for (unsigned int index = 0; index < BATCH; index++) {
		memcpy(out[index], head, sizeof(head));
		memcpy(out[index] + PAYLOAD, &mark, 4);
		send_parts[index] = (struct iovec){ out[index], FRAME };
		receive_parts[index] = (struct iovec){ in[index], sizeof(in[index]) };
		send_messages[index] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &send_parts[index], .msg_iovlen = 1 } };
		receive_messages[index] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &receive_parts[index], .msg_iovlen = 1 } };
	}
	for (uint64_t t = start; t < end; t = now()) {
		unsigned int free_places = window - outstanding;

		if (free_places > BATCH)
			free_places = BATCH;
		if (free_places) {
			for (unsigned int index = 0; index < free_places; index++)
				memcpy(out[index] + PAYLOAD + 4, &t, 8);
			int sent = sendmmsg(source, send_messages, free_places, 0);
			if (sent > 0)
				outstanding += (unsigned int)sent;
		}
		if (poll(fds, 2, 10) < 0 && errno != EINTR)
			fail("waiting");
		if (fds[0].revents) {
			receive(c, answer, &answers);
			write_all(c->fd, answers.out, answers.size);
			answers.size = 0;
		}
		if (fds[1].revents) {
			int count = recvmmsg(sink, receive_messages, BATCH, MSG_DONTWAIT, NULL);
			uint64_t arrived = now();

			for (int index = 0; index < count; index++) {
				uint64_t sent_at;

				if (receive_messages[index].msg_len < PAYLOAD + 12 || memcmp(in[index] + PAYLOAD, &mark, 4))
					continue;
				memcpy(&sent_at, in[index] + PAYLOAD + 4, 8);
				progress = arrived;
				if (outstanding)
					outstanding--;
				if (arrived >= warm) {
					trips++;
					take_sample(arrived - sent_at);
				}
			}
		}
		if (outstanding == window && now() - progress > NANOSECONDS / 20) {
			lost += outstanding;		/* what is on its way that long does not come any more */
			outstanding = 0;
			progress = now();
		}
	}
	qsort(samples, sample_count, sizeof(*samples), by_size);
	printf("{\"round_trips_per_second\": %.0f, \"lost\": %llu, \"median_us\": %.1f, \"p99_us\": %.1f}\n",
	       (double)trips / seconds, (unsigned long long)lost, percentile(0.5), percentile(0.99));
}

int main(int count, char **arguments)
{
	struct connection *c;

	if (count < 5) {
		fprintf(stderr, "usage: ofload flow-mods|barriers|churn|packets HOST PORT ...; see the head of ofload.c\n");
		return 2;
	}
	samples = malloc(MAX_SAMPLES * sizeof(*samples));
	c = open_connection(arguments[2], arguments[3]);
	if (!strcmp(arguments[1], "flow-mods")) {
		flow_mods(c, (unsigned int)atoi(arguments[4]));
	} else if (!strcmp(arguments[1], "barriers") && count == 6) {
		struct load load = { .connection = open_connection(arguments[2], arguments[3]), .rate = atof(arguments[5]) };

		barriers(c, &load, atof(arguments[4]));
	} else if (!strcmp(arguments[1], "churn") && count == 8) {
		churn(c, atof(arguments[4]), atof(arguments[5]), (uint32_t)atoi(arguments[6]), !strcmp(arguments[7], "replace"));
	} else if (!strcmp(arguments[1], "packets") && count == 10) {
		int source = open_interface(arguments[6], arguments[7]), sink = open_interface(arguments[8], arguments[9]);

		ask_for_packets(c);
		packets(c, atof(arguments[4]), (unsigned int)atoi(arguments[5]), source, sink);
	} else {
		fprintf(stderr, "ofload: unknown mode or wrong number of arguments; see the head of ofload.c\n");
		return 2;
	}
	return 0;
}
