/* Made by compile from example.fp. */
#define SYSTEMS 16

/* The number of the system that sends such SYNs, 0 if it is not known:
 *  1  g:unix:Linux:
 *  2  s:unix:Linux:4.20 and newer
 *  3  s:win:Windows:10 and 11
 *  4  s:win:Windows:7
 *  5  s:unix:macOS:
 *  6  s:unix:FreeBSD:
 *  7  s:!:scanner:SYN
 *  8  s:other:example:window in units of its MTU
 *  9  s:other:example:window in units of 512 and sends data at once
 * 10  s:other:example:IPv6 with a flow label
 * 11  s:other:example:with IP options and old bugs
 * 12  g:other:no options:
 * 13  s:other:example:options without a name
 * 14  s:other:example:seen 10 hops away
 * 15  s:other:example:malformed options
 */
static __always_inline __u32 recognise(const struct syn *syn)
{
	switch (syn->layout) {
	case 0x35724ULL: /* mss,sok,ts,nop,ws */
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->mss &&
		    syn->window == syn->mss * 44 && syn->scale == 7 && syn->ip_options == 0 && !syn->has_payload)
			return 2;
		if (syn->quirks == (FLOW) && syn->version == 6 && syn->ttl <= 64 && syn->ttl >= 29 && syn->mss && syn->window ==
		    syn->mss * 45 && syn->scale == 7 && syn->ip_options == 0 && !syn->has_payload)
			return 2;
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS | ECN : ECN) && syn->ttl <= 64 && syn->ttl >= 29 && syn->mss &&
		    syn->window == syn->mss * 44 && syn->scale == 7 && syn->ip_options == 0 && !syn->has_payload)
			return 2;
		if (syn->quirks == (FLOW | TS1_MINUS) && syn->version == 6 && syn->ttl <= 64 && syn->ttl >= 29 && syn->mss &&
		    syn->window == syn->mss * 16 && syn->scale == 3 && syn->ip_options == 0)
			return 10;
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->mss &&
		    syn->window == syn->mss * 20 && syn->ip_options == 0 && !syn->has_payload)
			return 1;
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->mss &&
		    syn->window == syn->mss * 10 && syn->ip_options == 0 && !syn->has_payload)
			return 1;
		return 0;
	case 0x324225ULL: /* mss,nop,ws,nop,nop,sok */
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 128 && syn->ttl >= 93 && syn->window == 64240
		    && syn->scale == 8 && syn->ip_options == 0 && !syn->has_payload)
			return 3;
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 128 && syn->ttl >= 93 && syn->window == 65535
		    && syn->scale == 8 && syn->ip_options == 0 && !syn->has_payload)
			return 3;
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 128 && syn->ttl >= 93 && syn->window == 8192
		    && syn->scale == 2 && syn->ip_options == 0 && !syn->has_payload)
			return 4;
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 128 && syn->ttl >= 93 && syn->window == 8192
		    && syn->scale == 8 && syn->ip_options == 0 && !syn->has_payload)
			return 4;
		return 0;
	case 0x32422751ULL: /* mss,nop,ws,nop,nop,ts,sok,eol */
		if (syn->quirks == (syn->version == 4 ? DF : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->window == 65535 &&
		    syn->scale == 6 && syn->ip_options == 0 && syn->padding == 1 && !syn->has_payload)
			return 5;
		if (syn->quirks == (syn->version == 4 ? DF | ECN : ECN) && syn->ttl <= 64 && syn->ttl >= 29 && syn->window == 65535 &&
		    syn->scale == 6 && syn->ip_options == 0 && syn->padding == 1 && !syn->has_payload)
			return 5;
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->window == 65535
		    && syn->scale == 6 && syn->ip_options == 0 && syn->padding == 1 && !syn->has_payload)
			return 5;
		return 0;
	case 0x32457ULL: /* mss,nop,ws,sok,ts */
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->window == 65535
		    && syn->scale == 6 && syn->ip_options == 0 && !syn->has_payload)
			return 6;
		return 0;
	case 0x3ULL: /* mss */
		if (syn->quirks == (0) && syn->version == 4 && syn->ttl <= 64 && syn->window == 1024 && syn->scale == 0 && syn->mss ==
		    1460 && syn->ip_options == 0 && !syn->has_payload)
			return 7;
		return 0;
	case 0x3225ULL: /* mss,nop,nop,sok */
		if (syn->quirks == (syn->version == 4 ? DF : 0) && syn->ttl <= 255 && syn->ttl >= 220 && syn->mss && syn->window ==
		    (syn->mss + headers_size(syn)) * 4 && syn->scale == 0 && syn->ip_options == 0 && !syn->has_payload)
			return 8;
		return 0;
	case 0x3451ULL: /* mss,ws,sok,eol */
		if (syn->quirks == (syn->version == 4 ? ID_MINUS : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->window % 512 == 0 &&
		    syn->ip_options == 0 && syn->padding == 0 && syn->has_payload)
			return 9;
		return 0;
	case 0x3622ULL: /* mss,sack,nop,nop */
		if (syn->quirks == (ZERO_PLUS | SEQ_MINUS | ACK_PLUS | UPTR_PLUS | PUSHF_PLUS | OPT_PLUS) && syn->version == 4 &&
		    syn->ttl <= 255 && syn->ttl >= 220 && syn->scale == 0 && syn->mss == 536 && syn->ip_options == 4 &&
		    !syn->has_payload)
			return 11;
		return 0;
	case 0x0ULL: /* none */
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->window == 4096
		    && syn->scale == 0 && syn->ip_options == 0)
			return 12;
		return 0;
	case 0x3f2fULL: /* mss,?,nop,? */
		if (syn->quirks == (syn->version == 4 ? DF | ID_PLUS : 0) && syn->ttl <= 64 && syn->ttl >= 29 && syn->window == 8192
		    && syn->ip_options == 0 && syn->others == 0x1efdULL && !syn->has_payload)
			return 13;
		return 0;
	case 0x35ULL: /* mss,sok */
		if (syn->quirks == (DF) && syn->version == 4 && syn->ttl <= 64 && syn->ttl >= 29 && syn->scale == 0 && syn->mss ==
		    1400 && syn->ip_options == 0 && !syn->has_payload)
			return 14;
		return 0;
	case 0x322ULL: /* mss,nop,nop */
		if (syn->quirks == (syn->version == 4 ? DF | BAD : BAD) && syn->ttl <= 64 && syn->ttl >= 29 && syn->window == 4096 &&
		    syn->scale == 0 && syn->mss == 1460 && syn->ip_options == 0 && !syn->has_payload)
			return 15;
		return 0;
	default:
		return 0;
	}
}
