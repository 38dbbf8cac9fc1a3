/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/quiet.h - how often something has been told of lately, so that the
 * log stays bounded: a fixed number of keys, each with its count within a
 * period.  When all places of a key are taken, the one told of least goes.
 */
#ifndef MORTSAFE_MILTER_QUIET_H
#define MORTSAFE_MILTER_QUIET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/err.h"

enum { QUIET_LABEL = 96 };

struct quiet;

/* What was kept quiet about a key until its period was over. */
struct quiet_rest {
    uint32_t n; /* 0: nothing */
    char label[QUIET_LABEL];
};

/*
 * Make a table of PLACES keys (a power of two, 8 at least) in *OUT, which
 * tells the first LIMIT of a period.  quiet_destroy() ends it.  MS_NOMEM,
 * MS_INVALID.
 */
enum ms_err quiet_create(size_t places, uint32_t limit, struct quiet **out);
void quiet_destroy(struct quiet *quiet);

/*
 * Count one more of KEY (LEN bytes), whose period of PERIOD_MS begins now if
 * none runs; LABEL (cut to QUIET_LABEL) is what people call it.  True: tell.
 * *REST is what another period kept quiet that had to end for this.
 * Thread-safe.
 */
bool quiet_tell(struct quiet *quiet, const void *key, size_t len,
                const char *label, struct mono now, uint64_t period_ms,
                struct quiet_rest *rest);

/* Take the next period that is over and kept something quiet: in *REST, and
 * true.  Thread-safe. */
bool quiet_over(struct quiet *quiet, struct mono now, struct quiet_rest *rest);

#endif
