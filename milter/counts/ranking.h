/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/ranking.h - the thousand subjects with the highest scores, each
 * as it was last told.  Thread-safe: a lock for each, held briefly.
 */
#ifndef MORTSAFE_MILTER_COUNTS_RANKING_H
#define MORTSAFE_MILTER_COUNTS_RANKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"
#include "policy/subject.h"

enum { RANKING_MOST = 1000 };

struct ranking;

enum ms_err ranking_create(struct ranking **out); /* MS_NOMEM */
void ranking_destroy(struct ranking *ranking);    /* NULL is fine */

/* Would somebody with SCORE come in, who is not?  Takes no lock. */
bool ranking_admits(struct ranking *ranking, uint64_t score);

/* SUBJECT's score is SCORE now; 0: it goes.  HASH is of the subject, with a
 * random key.  A newcomer who is no higher than the lowest, or for whom there
 * is no memory, is passed over. */
void ranking_set(struct ranking *ranking, uint64_t hash,
                 const struct subject *subject, uint64_t score);

/* All of them, the highest first: *OUT is the caller's to free().  MS_NOMEM. */
enum ms_err ranking_list(struct ranking *ranking, struct subject **out,
                         size_t *n);

#endif
