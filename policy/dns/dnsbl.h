/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/dnsbl.h - questions to DNS lists (RFC 5782) and whether a list can
 * be believed: one that lists everybody, or nobody, or says that it does not
 * answer this resolver, is off until it is sound again.
 */
#ifndef MORTSAFE_POLICY_DNS_DNSBL_H
#define MORTSAFE_POLICY_DNS_DNSBL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/dns/resolver.h"
#include "policy/lookups.h"
#include "policy/prefix.h"

/*
 * The name that is asked about CLIENT (a host: octets or nibbles backwards,
 * RFC 5782 sections 2.1 and 2.4) in ZONE.  False: it is too long for a name, or
 * CLIENT is no host.  Pure.
 */
bool dnsbl_name(struct prefix client, const char *zone,
                char out[RESOLVER_NAME]);

/* What ANSWER of LIST says.  An answer that only says that the list does not
 * talk to us is a failure.  Pure. */
void dnsbl_read(const struct dnsbl *list, const struct resolver_answer *answer,
                struct list_finding *out);

/* ----- whether lists are sound */

enum dnsbl_health {
    DNSBL_UNTRIED, /* believed */
    DNSBL_SOUND,
    DNSBL_EVERYBODY, /* lists 127.0.0.1, which RFC 5782 section 5 forbids, or
                        an address that nobody has: off */
    DNSBL_BLOCKED,   /* says that it does not answer us: off */
    DNSBL_SILENT,    /* does not answer at all: asked all the same */
    DNSBL_EMPTY      /* does not list 127.0.0.2: told, but believed */
};

enum {
    DNSBL_HOUR_S = 3600,  /* between two trials of a list; up to a tenth more */
    DNSBL_SOON_S = 300,   /* the same of a list that is silent */
    DNSBL_TRIAL_MS = 5000 /* an answer to a trial comes by then */
};

/*
 * The care for all lists of a configuration.  A list is tried by asking about
 * what must be listed, what must not be, and an address at random that nobody
 * has (for lists without IPv4 by their IPv6 forms).
 */
struct dnsbl_care;

/*
 * Make it in *OUT, for no list yet; RESOLVER is borrowed until
 * dnsbl_care_destroy().  SAY is told, from any thread, when a list goes off and
 * when it comes back: one line without its end.  MS_NOMEM.
 */
enum ms_err dnsbl_care_create(struct resolver *resolver,
                              struct mono (*now)(void),
                              void (*say)(void *arg, const char *text),
                              void *arg, struct dnsbl_care **out);

/* End it; NULL is fine.  It may wait for a callback that runs just now. */
void dnsbl_care_destroy(struct dnsbl_care *care);

/* From now on CONFIG's lists; those with a zone that was there keep their
 * health and their numbers.  Thread-safe; may wait as dnsbl_care_destroy().
 * MS_NOMEM: it has those of before. */
enum ms_err dnsbl_care_set(struct dnsbl_care *care,
                           const struct config *config);

/* To be called now and then: tries lists whose hour has come.  Thread-safe;
 * never waits for an answer. */
void dnsbl_care_beat(struct dnsbl_care *care);

/* May LIST be asked?  One that is not known is.  Thread-safe. */
bool dnsbl_care_usable(struct dnsbl_care *care, const struct dnsbl *list);

/* LIST gave ANSWER about somebody: that is counted, and codes that mean
 * "blocked" switch it off at once, for an hour.  Thread-safe. */
void dnsbl_care_note(struct dnsbl_care *care, const struct dnsbl *list,
                     const struct resolver_answer *answer);

struct dnsbl_state {
    char name[64 + 1], zone[RESOLVER_NAME];
    enum dnsbl_health health;
    uint64_t asked, listed, failed;
};

/* The state of at most N lists into OUT, in the order of the configuration; how
 * many there are.  Thread-safe. */
size_t dnsbl_care_states(struct dnsbl_care *care, struct dnsbl_state *out,
                         size_t n);

/* "untried", "sound", "everybody", "blocked", "silent", "empty". */
const char *dnsbl_health_name(enum dnsbl_health health);

/* Is a list of this health asked? */
bool dnsbl_health_usable(enum dnsbl_health health);

#endif
