/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/resolver.h - questions to the DNS, by libunbound: one context, one
 * thread of ours that hands answers out, a cache, and a cap on what is in
 * flight.  A question is counted: an answer that comes late finds that its
 * owner has gone.
 */
#ifndef MORTSAFE_POLICY_DNS_RESOLVER_H
#define MORTSAFE_POLICY_DNS_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/err.h"

struct resolver;
struct resolver_question;
struct why;

enum resolver_type {
    RESOLVER_A = 1,
    RESOLVER_PTR = 12,
    RESOLVER_MX = 15,
    RESOLVER_TXT = 16,
    RESOLVER_AAAA = 28
};

enum {
    RESOLVER_NAME = 254,      /* 253 octets of a name as text, and NUL */
    RESOLVER_IN_FLIGHT = 512, /* questions at one time, unless said otherwise */
    RESOLVER_RECORDS = 64,    /* of an answer that are handed out */
    /* that it may have open, with RESOLVER_IN_FLIGHT */
    RESOLVER_DESCRIPTORS = RESOLVER_IN_FLIGHT + 64
};

struct resolver_options {
    const char *const *servers; /* "192.0.2.53" or "192.0.2.53@5353"; none:
                                   resolv.conf */
    size_t n_servers;
    const char *resolv_conf;  /* read if there are no servers; NULL:
                                 /etc/resolv.conf */
    const char *trust_anchor; /* a file; NULL: no DNSSEC */
    unsigned in_flight;       /* 0: RESOLVER_IN_FLIGHT */
    struct mono (*now)(void);
};

enum resolver_status {
    RESOLVER_DATA,
    RESOLVER_NODATA,   /* the name is there, no such record */
    RESOLVER_NXDOMAIN, /* no such name */
    RESOLVER_FAILED,   /* SERVFAIL, REFUSED, no answer by the deadline, bogus */
    RESOLVER_CROWDED   /* not asked: too many in flight */
};

struct resolver_record {
    const uint8_t *data; /* RDATA as in RFC 1035; names in it uncompressed */
    size_t length;
};

/* Borrowed for the callback. */
struct resolver_answer {
    enum resolver_status status;
    bool secure;    /* DNSSEC has shown it to be true */
    bool cut;       /* there were more records than RESOLVER_RECORDS */
    uint32_t ttl_s; /* at least 1 */
    size_t n;
    const struct resolver_record *record;
};

/*
 * Make a resolver in *OUT; its threads begin with it, all signals blocked: not
 * before privileges are dropped.  MS_INVALID: a server or a trust anchor that
 * cannot be used; MS_UNAVAIL: resolv.conf cannot be read or names no server
 * (WHY says which, and what to do); MS_NOMEM.
 */
enum ms_err resolver_create(const struct resolver_options *options,
                            struct resolver **out, struct why *why);

/*
 * End it, NULL is fine: callbacks of questions that are in flight come before
 * that, with RESOLVER_FAILED.  References may be given back later.  Not to be
 * called by a DONE.
 */
void resolver_destroy(struct resolver *resolver);

/* The servers that are asked, at most N, into OUT; how many there are.  They
 * are borrowed until resolver_destroy(). */
size_t resolver_servers(const struct resolver *resolver, const char **out,
                        size_t n);

/*
 * Ask for TYPE of NAME (with or without its last dot; at most 253 octets), and
 * have DONE(ARG, answer) called once, from the resolver's thread, by DEADLINE:
 * what is not known then has FAILED.  DONE must not wait; it may ask.  *OUT
 * (may be NULL) is a reference for resolver_forget(), set before DONE can run.
 * MS_INVALID: no such name can be; MS_NOMEM; MS_UNAVAIL: the resolver ends.  On
 * an error DONE is not called.  Thread-safe; never waits.
 *
 * Any octet but NUL and the dot may be in a label.  Where NOW stands still (a
 * test's clock) a deadline is noticed within a tenth of a second of real time.
 */
enum ms_err resolver_ask(struct resolver *resolver, const char *name,
                         enum resolver_type type, struct mono deadline,
                         void (*done)(void *arg,
                                      const struct resolver_answer *answer),
                         void *arg, struct resolver_question **out);

/*
 * Give the reference back: behind this call DONE neither runs nor will run,
 * unless it is DONE that calls.  NULL is fine.  It may wait for a DONE that
 * runs just now, so no lock may be held that DONE takes.
 */
void resolver_forget(struct resolver_question *question);

/* What was asked is answered, has failed, is late or crowded, or in flight; or
 * its owner has forgotten it. */
struct resolver_counts {
    uint64_t asked;
    uint64_t answered;  /* with a yes or a no */
    uint64_t failed;    /* by the servers, or untrue */
    uint64_t late;      /* without an answer by its deadline */
    uint64_t crowded;   /* not asked: too many in flight */
    uint64_t in_flight; /* the servers may still answer, if too late */
};
void resolver_counts(struct resolver *resolver, struct resolver_counts *out);

/*
 * A name in RDATA (at DATA for PTR, 2 octets on for MX) as text in OUT, without
 * its last dot; the root is "".  False: it is no name, is too long, or no host
 * can have it (dots, backslashes, blanks or what is not ASCII in a label).
 */
bool resolver_name(const uint8_t *data, size_t length, char out[RESOLVER_NAME]);

#endif
