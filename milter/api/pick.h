/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/pick.h - the best so many of a stream of rows, in memory for just
 * those: however many subjects there are, a page of them costs a page.
 */
#ifndef MORTSAFE_MILTER_API_PICK_H
#define MORTSAFE_MILTER_API_PICK_H

#include <stddef.h>

#include "milter/counts/top.h"
#include "policy/err.h"

/* A row, and which host has told it. */
struct api_picked {
    struct top_row row;
    char host[64]; /* "": this one, or nobody in particular */
};

struct api_pick;

/* For the MOST best for SORT (milter/counts/top.h), at least one, in *OUT,
 * which api_pick_destroy() ends.  MS_NOMEM. */
enum ms_err api_pick_create(unsigned sort, size_t most, struct api_pick **out);
void api_pick_destroy(struct api_pick *pick);

/* ROW is offered, copied if it is among the best; HOST may be NULL.  MS_NOMEM:
 * it is left out. */
enum ms_err api_pick_offer(struct api_pick *pick, const struct top_row *row,
                           const char *host);

/* Of rows about the same subject the one with most use stays. */
void api_pick_merge(struct api_pick *pick);

/* The best first, N of them, until the next call.  Nothing may be offered any
 * more. */
const struct api_picked *const *api_pick_sorted(struct api_pick *pick,
                                                size_t *n);

#endif
