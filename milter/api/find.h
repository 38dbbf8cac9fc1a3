/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/find.h - which subject is meant: names as people write them, and
 * pseudonyms as the status page shows them.
 */
#ifndef MORTSAFE_MILTER_API_FIND_H
#define MORTSAFE_MILTER_API_FIND_H

#include <stdbool.h>
#include <stddef.h>

#include "milter/api/call.h"
#include "policy/config.h"
#include "policy/err.h"
#include "policy/subject.h"

enum { API_FIND_MAX = 16 };

/* What a text may mean, the likeliest first. */
struct api_find {
    bool named; /* a kind was given */
    size_t n;   /* 0: nothing */
    struct subject subject[API_FIND_MAX];
};

/*
 * What TEXT may mean under CONFIG.  With a kind: the subject just so, then as
 * policy would write it, and of a pair each way to part it at a `+'.  Without:
 * client, prefix, user, sender, domain, network.  Pure.
 */
void api_find_candidates(const struct config *config, const char *text,
                         struct api_find *out);

/* Is anything known of SUBJECT in *OUT: counts, pictures, decisions, acts?
 * Errors of the store and the diary. */
enum ms_err api_find_known(struct desk *desk, const struct subject *subject,
                           struct store_time now, bool *out);

/* Is CALL one that is shown pseudonyms, and must name subjects by them? */
bool api_find_hides(const struct api_call *call);

/*
 * The subject with the pseudonymous id TEXT ("user:~K7Q2M9XD"): among those
 * that top keeps, and those that recent decisions name.  False: none is.
 */
bool api_find_alias(struct desk *desk, const char *text, struct subject *out);

/* Answer that nothing is known of ID; whoever sees pseudonyms only, and has
 * named it by one, is not told whose that is. */
void api_find_unknown(struct api_call *call, const char *id);

/* The value of query NAME, which must be an id with a kind, in *OUT if it is
 * *GIVEN.  False: it is none; answered. */
bool api_find_query(struct api_call *call, const char *name, bool *given,
                    struct subject *out);

#endif
