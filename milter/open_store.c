/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/open_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/memory.h"
#include "policy/store/redis.h"

enum {
    TOOL_MEMORY = 16 << 20, /* of a shadow that shadows nothing */
    DELTA_PART = 8          /* of the memory, for counts that wait */
};

_Static_assert((int)REDIS_SEEDS >= (int)CONFIG_SERVERS,
               "room for all that can be named");

/* ----- where a shared store is */

static size_t
copy_seeds(struct redis_where *out, const struct endpoint *seeds, size_t n)
{
    memcpy(out->seed, seeds, n * sizeof *seeds);
    return n;
}

void
open_store_where(const struct config *config, struct redis_where *out)
{
    const struct endpoint *url = &config->store.urls[0];
    const bool sentinel = config->store.n_sentinels > 0;

    memset(out, 0, sizeof *out);
    out->layout = sentinel                ? REDIS_SENTINEL
                  : config->store.cluster ? REDIS_CLUSTER
                                          : REDIS_SINGLE;
    out->n_seeds =
        sentinel ? copy_seeds(out, config->store.sentinels,
                              config->store.n_sentinels)
                 : copy_seeds(out, config->store.urls, config->store.n_urls);
    if (sentinel)
        (void)snprintf(out->master, sizeof out->master, "%s",
                       config->store.master);
    out->tls = url->tls;
    memcpy(out->user, url->user, sizeof out->user);
    out->db = url->db;
    out->password = config->store.password;
    out->sentinel_password = config->store.sentinel_password;
    out->tls_options = (struct link_tls_options){
        .ca_file = config->store.ca_file,
        .cert_file = config->store.cert_file,
        .key_file = config->store.key_file,
        .name = config->store.tls_name,
    };
    out->deadline_ms = config->store.deadline_ms;
}

/* ----- what a store borrows */

/* Keep a copy of *TEXT (NULL is fine) as long as the store, and point *TEXT
 * to it. */
static enum ms_err
keep(struct open_store *open, const char **text)
{
    char *copy;

    if (*text == NULL)
        return MS_OK;
    copy = strdup(*text);
    if (copy == NULL)
        return MS_NOMEM;
    open->texts[open->n_texts++] = copy;
    *text = copy;
    return MS_OK;
}

/* The same for each text of WHERE. */
static enum ms_err
keep_where(struct open_store *open, struct redis_where *where)
{
    const char **const texts[] = {
        &where->password,
        &where->sentinel_password,
        &where->tls_options.ca_file,
        &where->tls_options.cert_file,
        &where->tls_options.key_file,
        &where->tls_options.name,
    };
    enum ms_err err = MS_OK;
    size_t i;

    for (i = 0; i < sizeof texts / sizeof *texts && err == MS_OK; i++)
        err = keep(open, texts[i]);
    return err;
}

/* The file of DIR that remembers how many hosts there are. */
static enum ms_err
keep_hosts_file(struct open_store *open, const char *dir, const char **out)
{
    const size_t size = strlen(dir) + sizeof "/hosts";
    char *path = malloc(size);

    if (path == NULL)
        return MS_NOMEM;
    (void)snprintf(path, size, "%s/hosts", dir);
    open->texts[open->n_texts++] = path;
    *out = path;
    return MS_OK;
}

/* ----- opening */

static enum ms_err
open_shadow(const struct config *config, const struct open_store_needs *needs,
            struct store **out, struct why *why)
{
    switch (needs->use) {
    case OPEN_STORE_TOOL:
        return store_memory_create(TOOL_MEMORY, out);
    case OPEN_STORE_DAEMON:
        break;
    }
    return store_sqlite_open(config->store.path, config->store.memory,
                             needs->clock, needs->events, out, why);
}

static enum ms_err
open_redis(const struct config *config, const struct open_store_needs *needs,
           struct open_store *open, struct why *why)
{
    struct redis_where where;
    struct redis_needs redis = {
        .where = &where,
        .prefix = config->store.prefix,
        .hosts = config->store.hosts,
        .keep_s = (uint32_t)config->privacy.state_s,
        .memory = config->store.memory / DELTA_PART,
        .clock = needs->clock,
        .events = needs->events,
        .describe = needs->describe,
        .changed = needs->changed,
        .board = needs->board,
        .arg = needs->arg,
    };
    struct store *shadow = NULL;
    enum ms_err err;

    open_store_where(config, &where);
    err = sitekey_read(config->privacy.key_file, &open->key, why);
    if (err == MS_OK)
        err = keep_where(open, &where);
    if (err == MS_OK)
        err = keep(open, &redis.prefix);
    if (err == MS_OK && needs->use == OPEN_STORE_DAEMON)
        err = keep_hosts_file(open, config->store.path, &redis.hosts_file);
    if (err == MS_OK)
        err = open_shadow(config, needs, &shadow, why);
    if (err != MS_OK)
        return err;
    redis.key = open->key;
    redis.shadow = shadow;
    err = store_redis_create(&redis, &open->store, why);
    if (err != MS_OK)
        store_destroy(shadow);
    return err;
}

static enum ms_err
open_kind(const struct config *config, const struct open_store_needs *needs,
          struct open_store *out, struct why *why)
{
    why_set(why, MS_NOMEM, "no memory");
    switch (config->store.type) {
    case STORE_MEMORY:
        return store_memory_create(config->store.memory, &out->store);
    case STORE_EMBEDDED:
        return store_sqlite_open(config->store.path, config->store.memory,
                                 needs->clock, needs->events, &out->store, why);
    case STORE_REDIS:
        break;
    }
    return open_redis(config, needs, out, why);
}

enum ms_err
open_store(const struct config *config, const struct open_store_needs *needs,
           struct open_store *out, struct why *why)
{
    enum ms_err err = open_kind(config, needs, out, why);

    if (err == MS_OK)
        store_keep_states(out->store, (uint32_t)config->privacy.state_s);
    return err;
}

void
open_store_close(struct open_store *open)
{
    size_t i;

    store_destroy(open->store);
    sitekey_destroy(open->key);
    for (i = 0; i < open->n_texts; i++) {
        explicit_bzero(open->texts[i], strlen(open->texts[i]));
        free(open->texts[i]);
    }
    memset(open, 0, sizeof *open);
}
