/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/open_store.h - from a configuration to the store that it describes,
 * with all that the store only borrows: for the daemon, and for the tools that
 * move records.
 */
#ifndef MORTSAFE_MILTER_OPEN_STORE_H
#define MORTSAFE_MILTER_OPEN_STORE_H

#include "policy/config.h"
#include "policy/err.h"
#include "policy/store/redis/nodes.h"
#include "policy/store/sitekey.h"
#include "policy/store/sqlite.h"
#include "policy/store/store.h"

/* Who opens it. */
enum open_store_use {
    OPEN_STORE_DAEMON, /* the shadow of a shared store is kept on disk */
    OPEN_STORE_TOOL    /* it is in memory and small: a daemon may run */
};

struct open_store_needs {
    enum open_store_use use;
    struct store_clock clock;
    struct store_events events;
    /* As in struct redis_needs; only of a shared store. */
    void (*describe)(void *arg, struct store_host *out);
    void (*changed)(void *arg, const uint8_t *key);
    void (*board)(void *arg);
    void *arg;
};

enum { OPEN_STORE_TEXTS = 10 };

/* A store and what it borrows; zero is "not opened yet". */
struct open_store {
    struct store *store; /* NULL: another has it, and has destroyed it before
                            open_store_close() */
    struct sitekey *key; /* NULL: the store needs none */
    char *texts[OPEN_STORE_TEXTS];
    size_t n_texts;
};

/*
 * Open the store of CONFIG, which may go afterwards, in *OUT (all zero).
 * open_store_close() ends it, after a failure too.  A shared store that cannot
 * be reached is no error.  Errors as those of store_sqlite_open(),
 * store_redis_create() and sitekey_read(); WHY tells, also of MS_NOMEM.
 */
enum ms_err open_store(const struct config *config,
                       const struct open_store_needs *needs,
                       struct open_store *out, struct why *why);

/* Destroy the store, if it is still there, and then what it borrowed. */
void open_store_close(struct open_store *open);

/* Where CONFIG's shared store is (type = redis).  *OUT borrows its texts from
 * CONFIG. */
void open_store_where(const struct config *config, struct redis_where *out);

#endif
