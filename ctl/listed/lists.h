/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/listed/lists.h - asking DNS lists (RFC 5782) about addresses: slowly, and
 * only lists that were tried first, for one that lists everybody or nobody
 * says nothing.
 */
#ifndef MORTSAFE_CTL_LISTED_LISTS_H
#define MORTSAFE_CTL_LISTED_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/dns/dnsbl.h"
#include "policy/err.h"
#include "policy/prefix.h"

enum {
    LISTS_RATE = 20,     /* questions a second, unless said otherwise */
    LISTS_FEW = 32,      /* addresses; about more not every list may be asked */
    LISTS_WAIT_MS = 5000 /* for one answer */
};

/* Why a list is not asked, or not believed. */
enum lists_left {
    LISTS_ASKED,
    LISTS_KEY,       /* it wants one to register */
    LISTS_VOLUME,    /* it is not asked about that many addresses */
    LISTS_EVERYBODY, /* from here on: as the test points have it */
    LISTS_BLOCKED,
    LISTS_SILENT,
    LISTS_EMPTY
};

struct lists_one {
    const char *zone, *name; /* "zen.spamhaus.org", "Spamhaus ZEN" */
    const char *off;         /* how to get off it; "": not known */
    enum lists_left left;
    bool usable; /* it is asked: nothing is left, or it is empty and the
                    operator's own wish */
    uint64_t asked, listed, failed;
};

struct lists_options {
    const struct config *config; /* its resolver and dnsbl blocks; NULL: none */
    const char *catalog;         /* the data file; NULL: the one installed */
    const char *const *zones;    /* only these; none: all of both */
    size_t n_zones;
    const char *const *servers; /* as resolver_options; none: CONFIG's */
    size_t n_servers;
    unsigned rate; /* 0: LISTS_RATE */
};

/* An address that is listed, or of which it could not be found out; borrowed
 * for the call. */
struct lists_found {
    struct prefix address;
    const struct lists_one *list;
    bool failed;       /* else: listed */
    uint8_t code[4];   /* 127.x.x.x */
    const char *means; /* in words; "": not known */
    const char *off;   /* how to get off; "": not known */
    bool policy;       /* it says what the address is, nothing of what it did */
};

/* Addresses to be asked about, one after another: number I in *OUT. */
struct lists_about {
    uint64_t n;
    struct prefix (*at)(void *arg, uint64_t i);
    void *arg;
};

struct lists_hear {
    void (*found)(void *arg, const struct lists_found *found);
    /* Now and then: DONE of ALL questions have been answered, and addresses
     * below SETTLED are done with.  False: no more. */
    bool (*step)(void *arg, uint64_t done, uint64_t all, uint64_t settled);
    void *arg;
};

struct lists;

/*
 * Lists to be asked in *OUT, which lists_destroy() ends: those of OPTIONS
 * (borrowed until then).  Starts the resolver's threads.  MS_INVALID,
 * MS_UNAVAIL (the data file, a server), MS_NOMEM, each with WHY.
 */
enum ms_err lists_create(const struct lists_options *options,
                         struct lists **out, struct why *why);
void lists_destroy(struct lists *lists); /* NULL is fine */

/* Leave out what must not be asked about N addresses, then ask the test points
 * of the others: `left' is known then.  False: STEP (NULL: none) wants no
 * more. */
bool lists_try(struct lists *lists, uint64_t n, const struct lists_hear *hear);

size_t lists_count(const struct lists *lists);
const struct lists_one *lists_at(const struct lists *lists, size_t i);
size_t lists_usable(const struct lists *lists); /* how many are asked */

/* How many of these know of addresses of FAMILY, 4 or 6. */
size_t lists_usable_for(const struct lists *lists, unsigned family);

/* Ask all usable lists about all of ABOUT, behind lists_try(); HEAR is called
 * from this thread.  False: it was ended before. */
bool lists_ask(struct lists *lists, const struct lists_about *about,
               const struct lists_hear *hear);

/* "needs a key", ...; "" of LISTS_ASKED. */
const char *lists_left_text(enum lists_left left);

/*
 * All in one, for few addresses: N of them, each handed to FOUND where it is
 * listed or could not be found out.  *USABLE (may be NULL) is how many lists
 * answered all that they were asked.  Errors as lists_create().
 */
enum ms_err
lists_check(const struct lists_options *options, const struct prefix *addresses,
            size_t n, void (*found)(void *arg, const struct lists_found *found),
            void *arg, size_t *usable, struct why *why);

#endif
