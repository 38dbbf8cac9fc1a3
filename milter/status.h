/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/status.h - how the daemon and its store are, in lines for people:
 * key=value, each in a fixed order.  It reads no clock and asks nobody.
 */
#ifndef MORTSAFE_MILTER_STATUS_H
#define MORTSAFE_MILTER_STATUS_H

#include <stddef.h>

#include "milter/daemon.h"
#include "policy/config.h"
#include "policy/store/store.h"

enum { STATUS_LINE = 768, STATUS_SHORT = 160 };

/* What is told of; all borrowed. */
struct status {
    struct store_time now;
    enum store_type type;
    const struct store_stats *store;
    const struct daemon_counts *counts;
};

/*
 * Hand each line to LINE(ARG): one for the store, one for each server of a
 * shared one, one for each host of the fleet, one of counts.  What others have
 * said in them is printable ASCII; a line that would be too long ends in "...".
 */
void status_tell(const struct status *status,
                 void (*line)(void *arg, const char *text), void *arg);

/* "embedded", "memory", "redis". */
const char *status_store_type(enum store_type type);

/*
 * The store in a few words, "store redis degraded since 11:00:00Z, 123
 * decisions made here"; returns OUT.
 */
char *status_short(const struct status *status, char out[STATUS_SHORT]);

#endif
