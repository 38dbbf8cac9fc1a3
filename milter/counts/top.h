/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/top.h - the busiest subjects of this host: the thousand of each
 * kind that have used most of a metric, and those nearest to a limit, without
 * looking through a million.  Thread-safe; noting costs next to nothing for
 * those below the thousandth.
 */
#ifndef MORTSAFE_MILTER_COUNTS_TOP_H
#define MORTSAFE_MILTER_COUNTS_TOP_H

#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/config.h"
#include "policy/err.h"
#include "policy/policy.h"
#include "policy/store/store.h"

enum {
    TOP_KEPT = 1000,
    TOP_SHARE = METRICS, /* beside the metrics: used of a limit */
    TOP_SORTS
};

/* "connections", ..., "share"; and back (TOP_SORTS: none such). */
const char *top_sort_name(unsigned sort);
unsigned top_sort_of(const char *name);

/* One subject in the light of one of its windows. */
struct top_row {
    struct subject subject;
    enum standing standing;
    char limit[64]; /* name */
    enum metric metric;
    struct rate rate; /* n: that it was last compared with */
    uint64_t used;
    uint32_t share; /* permille of rate.n, may be over 1000 */
    struct wall first_seen, last_seen;
};

struct top;

enum ms_err top_create(struct top **out); /* MS_NOMEM */
void top_destroy(struct top *top);

/* A step of a message was answered: note the subjects of its items.  To be
 * called before policy_answer(), which may ask for other items. */
void top_note(struct top *top, const struct policy *p,
              const struct charge_answers *answers);

/* RECORD as it is now, under CONFIG: for a slow walk through all records, and
 * to look again at those that are kept.  One without use leaves. */
void top_rank(struct top *top, const struct config *config,
              const struct store_record *record);

/*
 * The row of RECORD under CONFIG for SORT: of a metric the window whose span
 * is nearest to an hour from above, else the longest; of TOP_SHARE the one
 * fullest.  False: it has none that CONFIG knows, or has used nothing of it;
 * *OUT is left alone.  Pure.
 */
bool top_row(const struct config *config, const struct store_record *record,
             unsigned sort, struct top_row *out);

/* Candidates of KIND for SORT, the busiest first as last known: N subjects
 * (the caller's to free()), of at most TOP_KEPT.  MS_NOMEM, MS_INVALID. */
enum ms_err top_list(struct top *top, enum subject_kind kind, unsigned sort,
                     struct subject **out, size_t *n);

/* Forget SUBJECT. */
void top_forget(struct top *top, const struct subject *subject);

#endif
