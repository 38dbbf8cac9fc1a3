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

/* The name that is asked about CLIENT (a host: octets or nibbles backwards) in
 * ZONE.  False: it is too long for a name, or CLIENT is no address. */
bool dnsbl_name(struct prefix client, const char *zone,
                char out[RESOLVER_NAME]);

/* What ANSWER of LIST says. */
void dnsbl_read(const struct dnsbl *list, const struct resolver_answer *answer,
                struct list_finding *out);

/* ----- whether lists are sound */

enum dnsbl_health {
    DNSBL_UNTRIED, /* believed */
    DNSBL_SOUND,
    DNSBL_EVERYBODY, /* lists 127.0.0.1, which RFC 5782 section 5 forbids, or
                        a name that cannot be listed */
    DNSBL_BLOCKED,   /* says that it does not answer us */
    DNSBL_SILENT,    /* does not answer at all: asked all the same */
    DNSBL_EMPTY      /* does not list 127.0.0.2: told, but believed */
};

struct dnsbl_care; /* of all lists of a configuration */

/* SAY is told, from any thread, when a list goes off and when it comes back:
 * one line without its end. */
enum ms_err dnsbl_care_create(struct resolver *resolver,
                              struct mono (*now)(void),
                              void (*say)(void *arg, const char *text),
                              void *arg, struct dnsbl_care **out);
void dnsbl_care_destroy(struct dnsbl_care *care);

/* From now on CONFIG's lists; those with a zone that was there keep their
 * health.  MS_NOMEM. */
enum ms_err dnsbl_care_set(struct dnsbl_care *care,
                           const struct config *config);

/* To be called now and then: asks the test points of lists whose hour has come.
 * Never waits. */
void dnsbl_care_beat(struct dnsbl_care *care);

/* May LIST be asked?  Thread-safe. */
bool dnsbl_care_usable(struct dnsbl_care *care, const struct dnsbl *list);

/* An ANSWER for anybody: codes that mean "blocked" switch its list off at
 * once. */
void dnsbl_care_note(struct dnsbl_care *care, const struct dnsbl *list,
                     const struct resolver_answer *answer);

struct dnsbl_state {
    char name[64], zone[RESOLVER_NAME];
    enum dnsbl_health health;
    uint64_t asked, listed, failed;
};
/* The state of at most N lists into OUT; how many there are. */
size_t dnsbl_care_states(struct dnsbl_care *care, struct dnsbl_state *out,
                         size_t n);
const char *dnsbl_health_name(enum dnsbl_health health); /* "sound" */

#endif
