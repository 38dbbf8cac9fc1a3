/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/sqlfile.h - what every SQLite file of ours has in common: how
 * it is opened, what its errors mean, how it tells whose it is.  Whoever uses
 * it includes sqlite3.h.
 */
#ifndef MORTSAFE_POLICY_STORE_SQLFILE_H
#define MORTSAFE_POLICY_STORE_SQLFILE_H

#include <stdint.h>

#include "policy/err.h"

struct sqlite3;

struct sqlfile_bounds {
    int value_bytes; /* no text or blob is longer */
    int cache_kib;
    int journal_pages; /* that are copied to the file at once */
};

/*
 * Open PATH (":memory:": none) with FLAGS of sqlite3_open_v2(); *OUT is ended
 * by sqlite3_close().  One thread at a time uses it.  Errors as below.
 */
enum ms_err sqlfile_connect(const char *path, int flags,
                            const struct sqlfile_bounds *bounds,
                            struct sqlite3 **out, struct why *why);

/*
 * MS_OK, or what RC means, in words: MS_INVALID (damaged), MS_NOMEM, MS_BUSY
 * (another program has it open), MS_UNAVAIL.
 */
enum ms_err sqlfile_told(struct sqlite3 *db, int rc, struct why *why);

/* The same while reading.  Our statements are right, so that one cannot be run
 * ("SQL logic error") means that the file's head or schema is damaged. */
enum ms_err sqlfile_told_reading(struct sqlite3 *db, int rc, struct why *why);

/* MS_INVALID: WHAT is wrong with it. */
enum ms_err sqlfile_damaged(struct sqlite3 *db, struct why *why,
                            const char *what);

/* Make an empty file one of ours: a journal, and who has written it.  A
 * transaction is open then. */
enum ms_err sqlfile_begin(struct sqlite3 *db, int application, int layout,
                          struct why *why);

/* The layout of the file, at most NEWEST, in *OUT.  MS_VERSION: newer;
 * MS_INVALID: no file of APPLICATION. */
enum ms_err sqlfile_layout(struct sqlite3 *db, int application, int newest,
                           int64_t *out, struct why *why);

/* SQLite's quick_check.  MS_INVALID: damaged. */
enum ms_err sqlfile_check(struct sqlite3 *db, struct why *why);

/* Bring everything from the journal into the file; then closing removes it. */
enum ms_err sqlfile_settle(struct sqlite3 *db, struct why *why);

#endif
