/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/nodes.c - how all begins and ends, and what an operator is
 * told.  Calls: redis/call.c; who is asked: redis/map.c; one server:
 * redis/node.c; the thread: redis/watch.c.
 */
#include <config.h>

#include "policy/store/redis/nodes.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/error.h"
#include "policy/store/redis/map.h"
#include "policy/store/redis/watch.h"

enum { WORDS = 160, LOOK_MS = 2 };

/* ----- beginning and ending */

static enum ms_err
copy_text(const char **text)
{
    char *copy = *text != NULL ? strdup(*text) : NULL;

    if (*text != NULL && copy == NULL)
        return MS_NOMEM;
    *text = copy;
    return MS_OK;
}

static void
end_text(const char *text)
{
    char *copy = (char *)(uintptr_t)text; /* made by copy_text() */

    if (copy != NULL)
        explicit_bzero(copy, strlen(copy));
    free(copy);
}

/* Servers that are given by themselves know user and database; if one of a
 * Cluster is reached by TLS, so are those that it names. */
static void
complete_seeds(struct redis_where *where)
{
    if (where->layout == REDIS_CLUSTER)
        where->tls |= where->seed[0].tls;
    for (size_t i = 0; i < where->n_seeds; i++) {
        struct endpoint *seed = &where->seed[i];

        seed->tls |= where->tls;
        if (where->layout == REDIS_SENTINEL)
            continue;
        if (seed->user[0] == '\0')
            memcpy(seed->user, where->user, sizeof(seed->user));
        if (seed->db == 0)
            seed->db = where->db;
    }
}

static bool
needs_tls(const struct redis_where *where)
{
    bool tls = where->tls;

    for (size_t i = 0; i < where->n_seeds; i++)
        tls |= where->seed[i].tls;
    return tls;
}

static void
nodes_free(struct redis_nodes *nodes)
{
    watch_destroy(nodes->watch);
    link_tls_destroy(nodes->tls);
    end_text(nodes->where.password);
    end_text(nodes->where.sentinel_password);
    (void)pthread_mutex_destroy(&nodes->lock);
    (void)pthread_mutex_destroy(&nodes->probe);
    free(nodes);
}

static enum ms_err
nodes_init(struct redis_nodes *nodes, struct why *why)
{
    enum ms_err err = MS_OK;

    if (nodes->needs.n_scripts > MAP_SCRIPTS || nodes->where.n_seeds == 0 ||
        nodes->where.n_seeds > REDIS_SEEDS)
        return why_set(why, MS_INVALID, "no server, or too many");
    complete_seeds(&nodes->where);
    if (needs_tls(&nodes->where))
        err = link_tls_create(&nodes->where.tls_options, &nodes->tls, why);
    if (err == MS_OK)
        err = watch_create(nodes, &nodes->watch);
    return err;
}

enum ms_err
redis_nodes_create(const struct redis_nodes_needs *needs,
                   struct redis_nodes **out, struct why *why)
{
    struct redis_nodes *nodes = calloc(1, sizeof(*nodes));
    enum ms_err err;

    if (nodes == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&nodes->lock, NULL);
    (void)pthread_mutex_init(&nodes->probe, NULL);
    nodes->needs = *needs;
    nodes->where = *needs->where;
    nodes->needs.where = &nodes->where;
    err = copy_text(&nodes->where.password);
    if (err != MS_OK)
        nodes->where.sentinel_password = NULL;
    else
        err = copy_text(&nodes->where.sentinel_password);
    if (err == MS_OK)
        err = nodes_init(nodes, why);
    if (err == MS_OK && nodes->where.layout == REDIS_SINGLE)
        map_set_master(nodes, &nodes->where.seed[0]);
    if (err == MS_OK && nodes->where.layout == REDIS_SINGLE && nodes->n == 0)
        err = MS_NOMEM;
    if (err == MS_OK)
        err = watch_start(nodes->watch);
    if (err == MS_OK)
        *out = nodes;
    else
        redis_nodes_destroy(nodes);
    return err;
}

void
redis_nodes_destroy(struct redis_nodes *nodes)
{
    if (nodes == NULL)
        return;
    (void)pthread_mutex_lock(&nodes->lock);
    atomic_store(&nodes->stopping, true);
    (void)pthread_mutex_unlock(&nodes->lock);
    atomic_store(&nodes->refused, true);
    if (nodes->watch != NULL)
        watch_stop(nodes->watch);
    while (atomic_load(&nodes->following) > 0)
        (void)poll(NULL, 0, LOOK_MS);
    /* with its link a node loses what was left on it; no other is asked */
    for (size_t i = 0; i < nodes->n; i++)
        redis_link_destroy(nodes->node[i]->link);
    for (size_t i = 0; i < nodes->n_retired; i++)
        redis_link_destroy(nodes->retired[i]->link);
    for (size_t i = 0; i < nodes->n; i++) {
        nodes->node[i]->link = NULL;
        node_destroy(nodes->node[i]);
    }
    for (size_t i = 0; i < nodes->n_retired; i++) {
        nodes->retired[i]->link = NULL;
        node_destroy(nodes->retired[i]);
    }
    nodes_free(nodes);
}

bool
redis_nodes_wait_up(struct redis_nodes *nodes, struct mono deadline)
{
    while (!map_is_up(nodes)) {
        if (map_now(nodes).ms >= deadline.ms)
            return false;
        (void)poll(NULL, 0, LOOK_MS);
    }
    return true;
}

void
redis_nodes_blame(struct redis_nodes *nodes, const void *key, size_t key_len,
                  const struct reply *reply)
{
    char words[160] = "an answer of another kind";
    struct redis_node *node = map_owner(
        nodes,
        nodes->where.layout == REDIS_CLUSTER ? redis_slot(key, key_len) : 0);

    if (node == NULL)
        return;
    if (reply->type == REPLY_ERROR)
        (void)redis_error_print(reply, words, sizeof(words));
    (void)atomic_fetch_add(&node->errors, 1);
    node_fail(node, words);
    node_unref(node);
}

void
redis_nodes_refuse(struct redis_nodes *nodes, const char *why)
{
    (void)pthread_mutex_lock(&nodes->lock);
    (void)why_set(&nodes->refusal, MS_UNAVAIL, "%s", why);
    atomic_store(&nodes->refused, true);
    (void)pthread_mutex_unlock(&nodes->lock);
    watch_wake(nodes->watch);
}

enum ms_err
redis_nodes_subscribe(struct redis_nodes *nodes, const char *channel,
                      void (*message)(void *arg, const char *text, size_t len),
                      void (*lost)(void *arg), void *arg)
{
    return listen_begin(watch_listen(nodes->watch), channel, message, lost,
                        arg);
}

/* ----- for lists */

/* The Ith of those that are asked now, lent. */
static struct redis_node *
usable_at(struct redis_nodes *nodes, size_t i)
{
    struct redis_node *node;

    for (size_t at = 0; (node = map_at(nodes, at)) != NULL; at++) {
        if (atomic_load(&node->usable) && i-- == 0)
            return node;
        node_unref(node);
    }
    return NULL;
}

size_t
redis_nodes_count(struct redis_nodes *nodes)
{
    struct redis_node *node;
    size_t n = 0;

    for (size_t at = 0; (node = map_at(nodes, at)) != NULL; at++) {
        n += atomic_load(&node->usable);
        node_unref(node);
    }
    return n;
}

/* Errors that tell that the server cannot serve are not handed on. */
static enum ms_err
ask_node(struct redis_node *node, const struct codec_command *args,
         struct reply **out)
{
    struct mono due = map_now(node->nodes);
    struct link_request *request;
    struct reply *reply;
    char words[WORDS];
    enum ms_err err;

    due.ms += node->nodes->where.deadline_ms;
    err = redis_link_send(node->link, args, 1, due, &request);
    if (err == MS_OK)
        err = redis_link_wait(node->link, request, &reply, NULL);
    if (err != MS_OK)
        return err;
    if (reply->type == REPLY_ERROR &&
        (redis_error_means(reply) == REDIS_ERROR_SICK ||
         redis_error_means(reply) == REDIS_ERROR_STALE)) {
        node_fail(node, redis_error_print(reply, words, sizeof(words)));
        reply_destroy(reply);
        return MS_UNAVAIL;
    }
    *out = reply;
    return MS_OK;
}

enum ms_err
redis_nodes_ask(struct redis_nodes *nodes, size_t i,
                const struct codec_command *args, struct reply **out)
{
    struct redis_node *node = usable_at(nodes, i);
    enum ms_err err;

    if (node == NULL)
        return MS_UNAVAIL;
    err = ask_node(node, args, out);
    if (err != MS_OK)
        (void)atomic_fetch_add(&node->errors, 1);
    node_unref(node);
    return err;
}

/* ----- for an operator */

static void
print_name(struct store_node *out, const char *name)
{
    if ((size_t)snprintf(out->name, sizeof(out->name), "%s", name) >=
        sizeof(out->name))
        memcpy(out->name + sizeof(out->name) - 4, "...", 4);
}

static void
print_trouble(struct store_node *out, const struct why *why)
{
    if ((size_t)snprintf(out->trouble, sizeof(out->trouble), "%s", why->text) >=
        sizeof(out->trouble))
        memcpy(out->trouble + sizeof(out->trouble) - 4, "...", 4);
}

/* One more node of OUT that is not up since SINCE. */
static void
is_down(struct store_shared *out, struct mono since)
{
    if (!out->degraded || since.ms < out->since.ms)
        out->since = since;
    out->degraded = true;
}

static void
tell_node(struct redis_node *node, struct store_shared *out)
{
    struct store_node *row = &out->node[out->n_nodes++];
    struct link_stats stats;

    redis_link_stats(node->link, &stats);
    memset(row, 0, sizeof(*row));
    print_name(row, node->name);
    row->commands = stats.commands;
    row->errors = atomic_load(&node->errors);
    row->in_flight = stats.in_flight;
    (void)pthread_mutex_lock(&node->lock);
    row->up = !node->breaker.open;
    row->since = node->breaker.since;
    if (!row->up)
        print_trouble(row, &node->trouble);
    (void)pthread_mutex_unlock(&node->lock);
    out->commands += row->commands;
    if (!row->up)
        is_down(out, row->since);
}

/* A row for all, where there is trouble with none or not with one alone. */
static void
tell_whole(struct redis_nodes *nodes, struct store_shared *out)
{
    struct store_node *row = &out->node[out->n_nodes];
    char name[ENDPOINT_NAME];
    struct why why = {""};
    struct mono since;

    if (out->n_nodes == STORE_NODES)
        return;
    out->n_nodes++;
    memset(row, 0, sizeof(*row));
    (void)finder_trouble(watch_finder(nodes->watch), &why);
    (void)pthread_mutex_lock(&nodes->lock);
    since = nodes->torn;
    if (atomic_load(&nodes->refused))
        why = nodes->refusal;
    else if (nodes->n > 0)
        (void)why_set(&why, MS_UNAVAIL, "%u slots are nobody's",
                      REDIS_SLOTS - nodes->owned);
    (void)pthread_mutex_unlock(&nodes->lock);
    switch (nodes->where.layout) {
    case REDIS_SINGLE:
        print_name(row, endpoint_print(&nodes->where.seed[0], name));
        break;
    case REDIS_SENTINEL:
        print_name(row, nodes->where.master);
        break;
    case REDIS_CLUSTER:
        print_name(row, "cluster");
        break;
    }
    print_trouble(row, &why);
    row->since = since;
    is_down(out, since);
}

void
redis_nodes_stats(struct redis_nodes *nodes, struct store_shared *out)
{
    struct redis_node *node;

    out->n_nodes = 0;
    out->degraded = false;
    out->since = (struct mono){0};
    out->redirects = atomic_load(&nodes->redirects);
    out->scripts = atomic_load(&nodes->scripts);
    (void)pthread_mutex_lock(&nodes->lock);
    out->commands = nodes->past_commands;
    (void)pthread_mutex_unlock(&nodes->lock);
    for (size_t i = 0; i < STORE_NODES && (node = map_at(nodes, i)) != NULL;
         i++) {
        tell_node(node, out);
        node_unref(node);
    }
    if (!map_is_whole(nodes) || atomic_load(&nodes->refused))
        tell_whole(nodes, out);
}
