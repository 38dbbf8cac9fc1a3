/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/node.c - see the header.  Only the link's own word that
 * the connection is gone opens the breaker, not each request that failed with
 * it: those may be told after it has been cured.
 */
#include <config.h>

#include "policy/store/redis/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/error.h"
#include "policy/store/redis/map.h"
#include "policy/store/redis/watch.h"

enum { WORDS = 160 }; /* of a server, in a trouble */

void
node_unref(struct redis_node *node)
{
    (void)atomic_fetch_sub_explicit(&node->refs, 1, memory_order_release);
}

void
node_fail(struct redis_node *node, const char *why)
{
    struct mono now = map_now(node->nodes);

    (void)pthread_mutex_lock(&node->lock);
    (void)breaker_fail(&node->breaker, now);
    atomic_store(&node->usable, false);
    (void)why_set(&node->trouble, MS_UNAVAIL, "%s", why);
    (void)pthread_mutex_unlock(&node->lock);
    watch_wake(node->nodes->watch);
}

bool
node_is_coming(struct redis_node *node, struct mono now)
{
    return !atomic_load(&node->been_up) &&
           now.ms - node->made.ms < node->nodes->where.deadline_ms;
}

/* ----- what the link tells */

/* The hashes that the server has told: all tell the same. */
static enum ms_err
keep_hashes(struct redis_nodes *nodes, struct reply *const *replies,
            struct why *why)
{
    enum ms_err err = MS_OK;
    char words[WORDS];

    (void)pthread_mutex_lock(&nodes->lock);
    for (size_t i = 0; i < nodes->needs.n_scripts && err == MS_OK; i++) {
        if (replies[i]->type != REPLY_TEXT || replies[i]->len != MAP_SHA - 1)
            err = why_set(why, MS_UNAVAIL, "SCRIPT LOAD: %s",
                          redis_error_print(replies[i], words, sizeof(words)));
        else if (!atomic_load(&nodes->knows_scripts))
            memcpy(nodes->sha[i], replies[i]->text, MAP_SHA);
    }
    if (err == MS_OK)
        atomic_store(&nodes->knows_scripts, true);
    (void)pthread_mutex_unlock(&nodes->lock);
    return err;
}

static enum ms_err
judge_hello(struct redis_nodes *nodes, struct reply *const *replies,
            struct why *why)
{
    const struct reply *role = replies[nodes->needs.n_scripts];
    char words[WORDS];

    if (nodes->where.layout == REDIS_SENTINEL && !slots_is_master(role))
        return why_set(why, MS_UNAVAIL,
                       role->type == REPLY_ERROR ? "ROLE: %s"
                                                 : "it is not the master",
                       redis_error_print(role, words, sizeof(words)));
    return keep_hashes(nodes, replies, why);
}

/* Is it the master where that matters, and does it know the scripts? */
static enum ms_err
hello(void *arg, struct redis_link *link, struct why *why)
{
    struct redis_node *node = arg;
    struct redis_nodes *nodes = node->nodes;
    struct codec_command commands[MAP_SCRIPTS + 1];
    struct reply *replies[MAP_SCRIPTS + 1];
    struct link_request *request;
    size_t n = 0;
    struct mono due = map_now(nodes);
    enum ms_err err;

    memset(commands, 0, sizeof(commands));
    for (; n < nodes->needs.n_scripts; n++) {
        codec_word(&commands[n], "SCRIPT");
        codec_word(&commands[n], "LOAD");
        codec_arg(&commands[n], nodes->needs.scripts[n].text,
                  nodes->needs.scripts[n].len);
    }
    codec_word(&commands[n],
               nodes->where.layout == REDIS_SENTINEL ? "ROLE" : "PING");
    n++;
    due.ms += nodes->where.deadline_ms;
    err = redis_link_send(link, commands, n, due, &request);
    if (err == MS_OK)
        err = redis_link_wait(link, request, replies, NULL);
    if (err != MS_OK)
        return why_set(why, err, "it does not answer");
    err = judge_hello(nodes, replies, why);
    for (size_t i = 0; i < n; i++)
        reply_destroy(replies[i]);
    return err;
}

static void
up(void *arg)
{
    struct redis_node *node = arg;
    struct mono now = map_now(node->nodes);

    (void)pthread_mutex_lock(&node->lock);
    breaker_hurry(&node->breaker, now);
    (void)pthread_mutex_unlock(&node->lock);
    watch_wake(node->nodes->watch);
}

static void
down(void *arg, const struct why *why)
{
    struct redis_node *node = arg;

    node_fail(node, why->text);
    map_refresh(node->nodes);
}

/* ----- its life */

enum ms_err
node_create(struct redis_nodes *nodes, const struct endpoint *at,
            struct redis_node **out)
{
    struct redis_node *node = calloc(1, sizeof(*node));
    struct link_target target = map_target(nodes, at);
    struct link_events events = {
        .hello = hello, .up = up, .down = down, .arg = node};

    if (node == NULL)
        return MS_NOMEM;
    node->nodes = nodes;
    node->at = *at;
    (void)endpoint_print(at, node->name);
    node->made = map_now(nodes);
    atomic_store(&node->listed_ms, node->made.ms);
    breaker_init(&node->breaker,
                 (uint32_t)(uintptr_t)node ^ (uint32_t)node->made.ms,
                 node->made);
    (void)pthread_mutex_init(&node->lock, NULL);
    if (redis_link_create(&target, nodes->needs.clock, events, &node->link) !=
        MS_OK) {
        (void)pthread_mutex_destroy(&node->lock);
        free(node);
        return MS_NOMEM;
    }
    *out = node;
    return MS_OK;
}

void
node_destroy(struct redis_node *node)
{
    if (node == NULL)
        return;
    redis_link_destroy(node->link);
    (void)pthread_mutex_destroy(&node->lock);
    free(node);
}

/* ----- probes */

/* TROUBLE is told what is wrong. */
static bool
is_good(struct redis_node *node, const struct reply *reply, struct why *trouble)
{
    struct redis_nodes *nodes = node->nodes;
    char words[WORDS];
    bool good;

    if (reply->type == REPLY_ERROR) {
        enum redis_error means = redis_error_means(reply);

        if ((means == REDIS_ERROR_MOVED && node->tag[0] != '\0') ||
            means == REDIS_ERROR_STALE || means == REDIS_ERROR_UNSERVED)
            map_refresh(nodes);
        (void)why_set(trouble, MS_UNAVAIL, "%s",
                      redis_error_print(reply, words, sizeof(words)));
        /* who owns no slot yet may well be asked by ASK */
        return means == REDIS_ERROR_MOVED && node->tag[0] == '\0' &&
               nodes->where.layout == REDIS_CLUSTER;
    }
    (void)pthread_mutex_lock(&nodes->probe);
    good = nodes->needs.probe_is_good(nodes->needs.arg, reply);
    (void)pthread_mutex_unlock(&nodes->probe);
    if (!good)
        (void)why_set(trouble, MS_INVALID, "its answer makes no sense");
    return good;
}

/* (N replies: to SCRIPT LOAD, and to the probe) */
static void
probed(void *arg, enum ms_err err, struct reply *const *replies, size_t n)
{
    struct redis_node *node = arg;
    struct mono now = map_now(node->nodes);
    struct why trouble = {"it answers slowly"};
    bool good = err == MS_OK && is_good(node, replies[n - 1], &trouble);

    (void)pthread_mutex_lock(&node->lock);
    if (breaker_probed(&node->breaker, good, now.ms - node->probe_sent.ms,
                       now)) {
        node->trouble.text[0] = '\0';
        atomic_store(&node->been_up, true);
        atomic_store(&node->usable, true);
    } else if (err == MS_OK && (!good || node->trouble.text[0] == '\0')) {
        node->trouble = trouble;
    }
    (void)pthread_mutex_unlock(&node->lock);
    atomic_store(&node->probing, false);
    watch_wake(node->nodes->watch);
    node_unref(node);
}

/* The script goes with it: it may be what the server has forgotten. */
static enum ms_err
send_probe(struct redis_node *node, struct mono now, struct link_request **out)
{
    struct redis_nodes *nodes = node->nodes;
    struct codec_command commands[2], args;
    struct mono due = {now.ms + nodes->where.deadline_ms};
    size_t script = REDIS_CALL_PLAIN, n = 0;
    enum ms_err err;

    memset(commands, 0, sizeof(commands));
    memset(&args, 0, sizeof(args));
    (void)pthread_mutex_lock(&nodes->probe);
    nodes->needs.probe(nodes->needs.arg, node->tag[0] != '\0' ? node->tag : "0",
                       &args, &script);
    if (script != REDIS_CALL_PLAIN) {
        codec_word(&commands[0], "SCRIPT");
        codec_word(&commands[0], "LOAD");
        codec_arg(&commands[0], nodes->needs.scripts[script].text,
                  nodes->needs.scripts[script].len);
        codec_word(&commands[1], "EVALSHA");
        codec_word(&commands[1], nodes->sha[script]);
        n = 1;
    }
    for (size_t i = 0; i < args.n; i++)
        codec_arg(&commands[n], args.arg[i], args.len[i]);
    err = redis_link_send(node->link, commands, n + 1, due, out);
    (void)pthread_mutex_unlock(&nodes->probe);
    return err;
}

void
node_probe(struct redis_node *node, struct mono now)
{
    struct link_request *request;
    bool due;

    if (atomic_load(&node->probing) || !redis_link_is_up(node->link))
        return;
    (void)pthread_mutex_lock(&node->lock);
    due = breaker_probe_due(&node->breaker, now);
    if (due)
        node->probe_sent = now;
    (void)pthread_mutex_unlock(&node->lock);
    if (!due)
        return;
    map_tag(node->nodes, node);
    atomic_store(&node->probing, true);
    (void)atomic_fetch_add(&node->refs, 1);
    if (send_probe(node, now, &request) == MS_OK) {
        redis_link_leave(node->link, request, probed, node);
        return;
    }
    atomic_store(&node->probing, false);
    node_unref(node);
}

void
node_watch_latency(struct redis_node *node, struct mono now)
{
    uint32_t mean_us = redis_link_latency_us(node->link);
    bool opened;

    (void)pthread_mutex_lock(&node->lock);
    opened = breaker_latency(&node->breaker, mean_us, now);
    if (opened) {
        atomic_store(&node->usable, false);
        (void)why_set(&node->trouble, MS_UNAVAIL, "it answers slowly");
    }
    (void)pthread_mutex_unlock(&node->lock);
    /* (the mean begins anew with the connection) */
    if (opened)
        redis_link_drop(node->link, "it answers slowly");
}
