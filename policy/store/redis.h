/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis.h - the store that a fleet shares.  Limits of scope host
 * stay in the store of this host, the shadow, which is also fed with all that
 * this host admits, and decides while the shared one is away.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_H
#define MORTSAFE_POLICY_STORE_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/store/redis/nodes.h"
#include "policy/store/sitekey.h"
#include "policy/store/sqlite.h"
#include "policy/store/store.h"

/* All is borrowed for the store's life unless it is said to be moved. */
struct redis_needs {
    const struct redis_where *where; /* copied */
    const char *prefix;              /* 1 to 31 letters, digits, - and _ */
    const struct sitekey *key;
    struct store *shadow;       /* moved */
    const char *hosts_file;     /* fleet.h; NULL: none */
    unsigned hosts;             /* at least, while none are known */
    uint32_t keep_s;            /* privacy { state } */
    uint64_t memory;            /* for counts that wait to be added */
    struct store_clock clock;   /* of spans that really pass */
    struct store_events events; /* what an operator is told */
    /* What our heartbeat says: name, version, config, mode are filled in. */
    void (*describe)(void *arg, struct store_host *out);
    /* A subject of KEY has changed elsewhere; NULL: any may have. */
    void (*changed)(void *arg, const uint8_t *key);
    /* Something on the board (below) has changed, or may have; NULL: nobody
     * asks.  By the store's own thread, once our heartbeat is taken: it may ask
     * the board, but should not make that thread wait long. */
    void (*board)(void *arg);
    void *arg;
    bool handed_clock; /* tests: count by the times of requests */
    uint8_t form;      /* tests: that we read and write; 0: SCRIPT_FORM */
};

/*
 * Make the store in *OUT; store_destroy() ends it and the shadow.  A server
 * that cannot be reached is no error: NEEDS->events tells, and the shadow
 * decides.  MS_UNAVAIL (WHY: a TLS file), MS_NOMEM; then the shadow is still
 * the caller's.
 */
enum ms_err store_redis_create(const struct redis_needs *needs,
                               struct store **out, struct why *why);

/* Wait until the store is in use, or DEADLINE; is it? */
bool store_redis_wait_up(struct store *store, struct mono deadline);

/* The store of this host behind it: borrowed, as long as STORE. */
struct store *store_redis_shadow(struct store *store);

/* Send what waits now: tests need not wait for the clock. */
void store_redis_beat(struct store *store);

/*
 * ----- the board: what hosts tell one another beside counts
 *
 * Blobs under names, sealed with the site's key, the names hashed with it, so
 * that the servers learn neither.  A name holds either fields or a list.
 * STORE is this store itself, not a layer above it.  All wait for the reply,
 * until the store's deadline: never from a callback.  Thread-safe.
 * MS_UNAVAIL (at once, if the store is not in use; also a reply that cannot be
 * ours), MS_TIMEOUT (the outcome is unknown), MS_NOMEM, MS_INVALID (a blob over
 * BOARD_BLOB, a name over BOARD_NAME, a field over BOARD_FIELD or empty).
 */
enum {
    BOARD_NAME = 600,
    BOARD_BLOB = 16384,
    BOARD_FIELD = 160,
    BOARD_FIELDS = 10000, /* of one name, and entries of a list */
    BOARD_ADDS = 12
};

struct board_blob {
    const char *field; /* of a list: "" */
    const uint8_t *bytes;
    size_t len;
};

/* Set BLOB->field (told to the servers as it is) of NAME; the whole of NAME is
 * kept KEEP_S seconds from now (0: for ever).  Other hosts are told on the
 * channel if TELL.  MS_NOMEM also: NAME has BOARD_FIELDS others. */
enum ms_err store_board_put(struct store *store, const char *name,
                            const struct board_blob *blob, uint32_t keep_s,
                            bool tell);
/* Remove FIELD of NAME; the others are told. */
enum ms_err store_board_remove(struct store *store, const char *name,
                               const char *field);
/* Call EACH for each field of NAME, by their names, until it returns false;
 * what was not sealed for it with our key is left out.  EACH may use the
 * board; the blob is borrowed until it returns. */
enum ms_err store_board_fields(struct store *store, const char *name,
                               bool (*each)(void *arg,
                                            const struct board_blob *blob),
                               void *arg);

/* Put BLOB in front of the list NAME, of which the newest MOST (1 or more)
 * stay, KEEP_S seconds from now (0: for ever). */
enum ms_err store_board_add(struct store *store, const char *name,
                            const struct board_blob *blob, unsigned most,
                            uint32_t keep_s);

/* N such (at most BOARD_ADDS), sent together and waited for once.  On an error
 * but MS_INVALID and MS_NOMEM some may have been added. */
struct board_add {
    const char *name;
    struct board_blob blob;
    unsigned most;
    uint32_t keep_s;
};
enum ms_err store_board_add_all(struct store *store,
                                const struct board_add *adds, size_t n);

/* Call EACH for each of the list, the newest first; the rest as of fields. */
enum ms_err store_board_list(struct store *store, const char *name,
                             bool (*each)(void *arg,
                                          const struct board_blob *blob),
                             void *arg);

/* The same for a list of which some are to go, or to be others (*INSTEAD,
 * borrowed until the next call) in their places. */
enum board_edit { BOARD_KEEP, BOARD_REMOVE, BOARD_REPLACE };
enum ms_err store_board_edit(
    struct store *store, const char *name,
    enum board_edit (*edit)(void *arg, const struct board_blob *blob,
                            struct board_blob *instead),
    void *arg);

/* Remove all of NAME. */
enum ms_err store_board_drop(struct store *store, const char *name);

#endif
