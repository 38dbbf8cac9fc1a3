/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/statefile.h - the embedded store's SQLite file.  One thread at a
 * time uses a file.  Every function may also return MS_NOMEM.  After an error
 * in a transaction the file is closed; nothing of that transaction is in it.
 */
#ifndef MORTSAFE_POLICY_STORE_STATEFILE_H
#define MORTSAFE_POLICY_STORE_STATEFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/err.h"
#include "policy/store/ledger.h"
#include "policy/store/row.h"

struct statefile;

enum { STATEFILE_BOOT = 64, STATEFILE_LAYOUT = 1 };

/* Of the last transaction: what is needed to tell how long ago it was. */
struct statefile_meta {
    char boot[STATEFILE_BOOT]; /* the kernel's boot id */
    int64_t boot_ms;           /* CLOCK_BOOTTIME */
    int64_t wall_s;
    int64_t clock_ms; /* the store's clock */
    uint8_t hash_key[LEDGER_HASH_KEY];
    uint64_t subjects; /* about so many rows */
    bool clean;        /* nothing came after it */
};

/* Fill the empty file PATH.  MS_UNAVAIL. */
enum ms_err statefile_create(const char *path,
                             const struct statefile_meta *meta,
                             struct why *why);

/*
 * Open PATH; *OUT is ended by statefile_close().  MS_INVALID: damaged, or no
 * file of ours.  MS_VERSION: of a newer mortsafe, not touched.  MS_BUSY: some
 * other program has it open.  MS_UNAVAIL.
 */
enum ms_err statefile_open(const char *path, struct statefile **out,
                           struct why *why);

/*
 * Open PATH to read it where nothing can be written: SQLite would make a
 * journal first.  A journal that is there is not read; then statefile_open()
 * works.  As above.
 */
enum ms_err statefile_open_unwritable(const char *path, struct statefile **out,
                                      struct why *why);

/* MS_INVALID: damaged. */
enum ms_err statefile_read_meta(struct statefile *file,
                                struct statefile_meta *out, struct why *why);

/* SQLite's quick_check.  MS_INVALID: damaged. */
enum ms_err statefile_check(struct statefile *file, struct why *why);

/*
 * Call EACH for every row, in the order of ids, until it returns an error,
 * which is then returned.  A state without a subject comes as a row without
 * one.  MS_INVALID: damaged here, EACH has had the rows before.
 */
enum ms_err statefile_read(struct statefile *file,
                           enum ms_err (*each)(void *arg,
                                               const struct row *row),
                           void *arg, struct why *why);

/* A transaction.  MS_UNAVAIL; MS_INVALID: damaged. */
enum ms_err statefile_begin(struct statefile *file, struct why *why);
enum ms_err statefile_write(struct statefile *file, const struct row *row,
                            struct why *why);
enum ms_err statefile_commit(struct statefile *file,
                             const struct statefile_meta *meta,
                             struct why *why);

/* Bring everything from the journal into the file.  MS_UNAVAIL. */
enum ms_err statefile_settle(struct statefile *file, struct why *why);

/* A transaction that was not committed is undone.  NULL is fine. */
void statefile_close(struct statefile *file);

#endif
