/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/use.h - what a subject has used of each limit that counts it: the
 * windows of its record in the light of the configuration and of what
 * operators have set.
 */
#ifndef MORTSAFE_MILTER_API_USE_H
#define MORTSAFE_MILTER_API_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/acts.h"
#include "policy/config.h"
#include "policy/store/store.h"
#include "policy/subject.h"

/* Whose word the rate is. */
enum api_use_by { API_USE_CONFIGURATION, API_USE_TABLE, API_USE_RAISED };

enum { API_USES = 256 };

struct api_use {
    const struct limit *limit;
    struct rate rate;
    enum api_use_by by;
    const struct act *raised;          /* or NULL */
    const struct store_window *window; /* NULL: nothing is counted */
};

/* Under which all below is borrowed. */
struct api_use_of {
    const struct config *config;
    const struct acts *acts; /* NULL: none */
    const struct subject *subject;
    const struct store_record *record; /* NULL: none */
    struct store_time now;
};

/* "configuration", ... */
const char *api_use_by_name(enum api_use_by by);

/*
 * Each rate of each limit of OF->config that counts OF->subject, or would: in
 * the order of the configuration, at most ROOM of them in OUT.  Windows that
 * no limit has any more are left out.  Pure.
 */
size_t api_use_list(const struct api_use_of *of, struct api_use *out,
                    size_t room);

/* The rates by which LIMIT holds OF->subject, acts left aside; *TABLE: they
 * are from its table.  Pure. */
void api_use_rates(const struct api_use_of *of, const struct limit *limit,
                   struct rates *out, bool *table);

/* May LIMIT count SUBJECT, by its kind and its prefix's length?  Pure. */
bool api_use_counts(const struct limit *limit, const struct subject *subject);

/* Milliseconds until USE has room for one more; 0: it has; UINT64_MAX: never.
 * Where the store's clock is not OF->now's, up to a slice wrong.  Pure. */
uint64_t api_use_room_ms(const struct api_use_of *of,
                         const struct api_use *use);

/* Is LIMIT only watched for OF->subject, all modes together?  Pure. */
enum mode api_use_mode(const struct api_use_of *of, const struct limit *limit);

/*
 * Does EXEMPT speak of OF->subject?  Keys that OF->subject says nothing about
 * are added to *BESIDES, bits of enum exempt_key: they must match too.  Pure.
 */
bool api_use_exempts(const struct api_use_of *of, const struct exempt *exempt,
                     unsigned *besides);

#endif
