/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/crowd.h - many machines behind one trusted address.  A network that
 * may relay and turns out to be a NAT, a proxy or a container gateway is the
 * open relay of today; many HELO names or foreign sender domains from one of
 * its addresses give it away.
 */
#ifndef MORTSAFE_MILTER_CROWD_H
#define MORTSAFE_MILTER_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/err.h"
#include "policy/prefix.h"

enum crowd_of { CROWD_HELO, CROWD_DOMAINS, CROWD_KINDS };

enum {
    CROWD_HELO_MOST = 10,    /* names a day that one machine may have */
    CROWD_DOMAINS_MOST = 20, /* sender domains, not our own */
    CROWD_DAY_MS = 86400000
};

struct crowd;

/* Make an empty table (of 1,024 addresses at most, the one seen least lately
 * goes) in *OUT; crowd_destroy() ends it.  MS_NOMEM. */
enum ms_err crowd_create(struct crowd **out);
void crowd_destroy(struct crowd *crowd);

/*
 * HOST, which may relay without a login, has said NAME.  True if it has now
 * said more than one machine would within a day; once a day for each kind.
 * *NAMES is how many, at least.  Thread-safe.
 */
bool crowd_note(struct crowd *crowd, enum crowd_of kind, struct prefix host,
                const char *name, struct mono now, unsigned *names);

/* An address that has said more names than one machine would, today. */
struct crowd_row {
    struct prefix host;
    unsigned names[CROWD_KINDS]; /* at least */
    struct mono told;            /* when it was found out first */
};

/* At most ROOM of them at NOW in OUT; returns how many.  Thread-safe. */
size_t crowd_list(struct crowd *crowd, struct mono now, struct crowd_row *out,
                  size_t room);

#endif
