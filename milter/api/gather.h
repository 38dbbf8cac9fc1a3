/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/gather.h - decisions from several places, this host's diary and
 * the fleet's board: each once, the newest first.
 */
#ifndef MORTSAFE_MILTER_API_GATHER_H
#define MORTSAFE_MILTER_API_GATHER_H

#include <stddef.h>

#include <jansson.h>

#include "milter/api/desk.h"
#include "milter/diary/decision.h"
#include "milter/diary/diary.h"
#include "policy/err.h"
#include "policy/subject.h"

struct api_gather;

/* An empty one in *OUT, which api_gather_destroy() ends.  MS_NOMEM. */
enum ms_err api_gather_create(struct api_gather **out);
void api_gather_destroy(struct api_gather *gather);

/* Add what the diary of DESK has for QUERY.  Its errors, MS_NOMEM. */
enum ms_err api_gather_diary(struct api_gather *gather, struct desk *desk,
                             const struct diary_query *query);

/* Add at most QUERY->limit of those that other hosts tell under NAME
 * (clerk_fleet_decisions()) and QUERY asks for, too.  Without a fleet there are
 * none; a fleet that does not answer is none.  MS_NOMEM. */
enum ms_err api_gather_fleet(struct api_gather *gather, struct desk *desk,
                             const char *name, const struct diary_query *query);

/* Add those about SUBJECT, or that name it as user or client, from both: at
 * most MOST of each. */
enum ms_err api_gather_subject(struct api_gather *gather, struct desk *desk,
                               const struct subject *subject, unsigned most);

/* A list of MOST in this ORDER, each once.  NULL without memory. */
enum api_gather_order { API_NEWEST_FIRST, API_OLDEST_FIRST };
json_t *api_gather_json(struct api_gather *gather, size_t most,
                        enum api_gather_order order);

size_t api_gather_count(const struct api_gather *gather);
/* The highest seq of what has been added; 0: nothing was. */
uint64_t api_gather_seq(const struct api_gather *gather);

#endif
