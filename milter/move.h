/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/move.h - all subjects of a store as JSON lines in a file, and from
 * there into a store of any kind.
 */
#ifndef MORTSAFE_MILTER_MOVE_H
#define MORTSAFE_MILTER_MOVE_H

#include <stdint.h>
#include <stdio.h>

#include "policy/err.h"
#include "policy/store/sqlite.h"
#include "policy/store/store.h"

struct move_counts {
    uint64_t subjects, windows;
    uint64_t aged;     /* windows that were over before they were imported */
    uint64_t replaced; /* subjects that the store had */
    uint64_t verified; /* subjects that were read back as they were put */
};

/* Who wants to hear how far it has come: DONE of TOTAL (0: not known)
 * subjects.  NULL: nobody. */
struct move_watch {
    void (*step)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};

/*
 * Write all subjects of STORE to OUT, as from HOST.  MS_UNAVAIL (WHY tells: the
 * store, or the file), MS_NOMEM; then OUT lacks its last line, and nobody
 * takes it.
 */
enum ms_err move_export(struct store *store, struct store_clock clock,
                        const char *host, FILE *out,
                        const struct move_watch *watch,
                        struct move_counts *counts, struct why *why);

/*
 * Read IN, which can be read twice, to its end; if it is whole, put all its
 * subjects into STORE, as old as they are by now, and read each back.
 * MS_INVALID (WHY names the line): damaged, nothing was imported.  MS_VERSION:
 * of a newer mortsafe.  MS_UNAVAIL, MS_NOMEM: the store, or some subjects are
 * not as they were put.
 */
enum ms_err move_import(struct store *store, struct store_clock clock, FILE *in,
                        const struct move_watch *watch,
                        struct move_counts *counts, struct why *why);

#endif
