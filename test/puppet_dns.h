/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/puppet_dns.h - a DNS server of a test's own on a loopback port, by UDP
 * and TCP.  It knows what it was told, a line for each record:
 *
 *      NAME TYPE DATA          one more record
 *      NAME TYPE !FAULT        what befalls a question, in place of an answer
 *
 * NAME is without its last dot, in any case; "*" stands for every name that is
 * not there, "*.zone" for every one below a zone.  TYPE is A, AAAA, CNAME, MX,
 * NS, PTR, TXT, SPF (type 99), or "*": any, for faults.  DATA is what zone
 * files have ("192.0.2.1", "2001:db8::1", "10 mx.example", "host.example"); of
 * TXT and SPF all that follows, as it stands, in strings of 255 octets, or "a"
 * "b" for strings of one's own.  An MX or a name of "." is the root.
 *
 * FAULT is one of
 *
 *      silent          no answer
 *      late MS         the answer there would be, later
 *      servfail, refused, nxdomain, nodata, formerr
 *      truncated       nothing but "ask by TCP"; there the true answer
 *      cut             the same, and by TCP the connection is closed
 *      id              the answer with another question's number
 *      other           the answer to another question
 *      garbage         octets that are no answer
 *      half            the true answer, the last octets missing
 *      many N          N A records, 10.0.0.1 and on (of TXT: "1" and on)
 *      long N          one TXT record of N octets (by TCP, mostly)
 *
 * A name with rows of another type only has no data; one without rows, and
 * without names below it, is NXDOMAIN.  Answers too long for UDP come by TCP.
 * All functions but stop are thread-safe; what cannot be aborts.
 */
#ifndef MORTSAFE_TEST_PUPPET_DNS_H
#define MORTSAFE_TEST_PUPPET_DNS_H

#include <stddef.h>
#include <stdint.h>

struct puppet_dns;

struct puppet_dns *puppet_dns_start(void);    /* on a free port */
void puppet_dns_stop(struct puppet_dns *dns); /* NULL is fine */

/* "127.0.0.1@5301", as a resolver is told; until puppet_dns_stop(). */
const char *puppet_dns_server(const struct puppet_dns *dns);

/* Know LINE too, for 60 seconds (the TTL), or for TTL_S. */
void puppet_dns_add(struct puppet_dns *dns, const char *line);
void puppet_dns_add_ttl(struct puppet_dns *dns, const char *line,
                        uint32_t ttl_s);

/* One more record, its RDATA as it goes over the wire. */
void puppet_dns_add_raw(struct puppet_dns *dns, const char *name, unsigned type,
                        const void *data, size_t length);

/* Forget the rows of NAME; NULL: all. */
void puppet_dns_clear(struct puppet_dns *dns, const char *name);

/* Questions that came for TYPE of NAME; 0: for any type; NULL: for any name. */
unsigned puppet_dns_asked(struct puppet_dns *dns, const char *name,
                          unsigned type);

/*
 * From now on sign what is at and below ZONE (positive answers only), and give
 * the line of a trust anchor file in OUT.
 */
enum { PUPPET_DNS_ANCHOR = 256 };
void puppet_dns_sign(struct puppet_dns *dns, const char *zone,
                     char out[PUPPET_DNS_ANCHOR]);

/* Spoil every signature. */
void puppet_dns_spoil(struct puppet_dns *dns);

#endif
