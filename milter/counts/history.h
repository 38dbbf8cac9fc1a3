/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/history.h - recipients a minute by outcome, for 24 hours, and
 * an hour for 30 days, of this host.  Thread-safe; noting takes no lock that is
 * held long and never waits.
 */
#ifndef MORTSAFE_MILTER_COUNTS_HISTORY_H
#define MORTSAFE_MILTER_COUNTS_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/err.h"

enum history_outcome {
    HISTORY_ACCEPTED,
    HISTORY_DEFERRED,
    HISTORY_REJECTED,
    HISTORY_HELD,
    HISTORY_WOULD, /* let through, but enforcing would have refused it */
    HISTORY_OUTCOMES
};

enum { HISTORY_MINUTES = 1440, HISTORY_HOURS = 720 };

enum history_range { HISTORY_DAY, HISTORY_MONTH };

struct history;

enum ms_err history_create(struct history **out); /* MS_NOMEM */
void history_destroy(struct history *history);

/* "accepted", ... */
const char *history_outcome_name(enum history_outcome outcome);

void history_note(struct history *history, enum history_outcome outcome,
                  uint32_t recipients, struct wall now);

/* Counts of RANGE that ends with the current minute or hour at NOW, oldest
 * first: N of them (1440 or 720) of STEP_S from START. */
struct history_view {
    struct wall start;
    uint32_t step_s;
    size_t n;
    uint32_t count[HISTORY_OUTCOMES][HISTORY_MINUTES];
};
void history_view(struct history *history, enum history_range range,
                  struct wall now, struct history_view *out);

/* As bytes of a fixed form, and back: what is loaded is all there is from then
 * on.  *BYTES is the caller's to free().  MS_NOMEM; MS_INVALID: damaged, or a
 * newer form; nothing is changed. */
enum ms_err history_save(struct history *history, void **bytes, size_t *len);
enum ms_err history_load(struct history *history, const void *bytes,
                         size_t len);

#endif
