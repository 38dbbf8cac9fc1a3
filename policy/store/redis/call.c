/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/call.c - calls.  One allocation holds a call and its copy
 * of the arguments, which are sent again where a redirect leads.  What a reply
 * means for the call is decided in one place, call_heard(), whether somebody
 * waits for it or not.
 */
#include <config.h>

#include "policy/store/redis/call.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/error.h"
#include "policy/store/redis/map.h"
#include "policy/store/redis/watch.h"

enum {
    REPLIES = 3,   /* to SCRIPT LOAD, ASKING, and the command */
    COMING_MS = 5, /* between looks at a server that is new */
    WORDS = 160
};

/* What is next. */
enum next { NEXT_ANSWER, NEXT_FAIL, NEXT_SEND, NEXT_WAIT };

struct redis_call {
    struct redis_nodes *nodes;
    struct redis_node *node; /* lent */
    struct link_request *request;
    struct mono due;
    size_t script;
    unsigned hops;
    bool load, ask; /* SCRIPT LOAD, ASKING go before it */
    size_t sent;    /* commands */
    struct call_wait wait;
    int64_t pause_ms; /* from now, that it has to wait */
    void (*done)(void *arg, enum ms_err err, const struct reply *reply);
    void *arg;
    struct codec_command command;
    char bytes[];
};

struct call_wait *
call_wait(struct redis_call *call)
{
    return &call->wait;
}

static void
call_destroy(struct redis_call *call)
{
    if (call->node != NULL)
        node_unref(call->node);
    free(call);
}

/* ----- sending */

static enum ms_err
call_send(struct redis_call *call)
{
    const struct redis_lua *lua = call->nodes->needs.scripts;
    struct codec_command commands[REPLIES];
    size_t n = 0;

    call->sent = 1;
    if (!call->load && !call->ask)
        return redis_link_send(call->node->link, &call->command, 1, call->due,
                               &call->request);
    memset(commands, 0, sizeof(commands));
    if (call->load) {
        codec_word(&commands[n], "SCRIPT");
        codec_word(&commands[n], "LOAD");
        codec_arg(&commands[n++], lua[call->script].text,
                  lua[call->script].len);
    }
    if (call->ask)
        codec_word(&commands[n++], "ASKING");
    commands[n++] = call->command;
    call->sent = n;
    return redis_link_send(call->node->link, commands, n, call->due,
                           &call->request);
}

/* ----- judging */

static enum next
hop(struct redis_call *call, enum next next)
{
    return ++call->hops > REDIS_HOPS ? NEXT_FAIL : next;
}

/* It leads to no server, or to ever more of them. */
static enum next
call_lost(struct redis_call *call, const char *why)
{
    node_fail(call->node, why);
    map_refresh(call->nodes);
    return NEXT_FAIL;
}

/* Its node is known: may it be sent there now? */
static enum next
call_try(struct redis_call *call)
{
    struct mono now = map_now(call->nodes);

    if (atomic_load(&call->nodes->refused))
        return NEXT_FAIL;
    if (atomic_load(&call->node->usable))
        return NEXT_SEND;
    if (!node_is_coming(call->node, now) || now.ms + COMING_MS >= call->due.ms)
        return NEXT_FAIL;
    call->pause_ms = COMING_MS;
    return NEXT_WAIT;
}

static enum next
call_redirected(struct redis_call *call, const struct reply *reply, bool ask)
{
    struct redis_nodes *nodes = call->nodes;
    struct redis_node *node;
    struct endpoint at;
    unsigned slot;

    if (nodes->where.layout != REDIS_CLUSTER) {
        node_fail(call->node, "it is part of a Cluster, and not used as one");
        return NEXT_FAIL;
    }
    if (hop(call, NEXT_SEND) == NEXT_FAIL)
        return call_lost(call, "servers send us on to one another");
    if (!slots_read_redirect(reply, &call->node->at, &slot, &at))
        return call_lost(call, "it sends us on to no server");
    node = map_find(nodes, &at);
    if (node == NULL)
        return NEXT_FAIL;
    (void)atomic_fetch_add(&nodes->redirects, 1);
    node_unref(call->node);
    call->node = node;
    call->ask = ask;
    if (!ask)
        map_moved(nodes, slot, node);
    return call_try(call);
}

static enum next
call_without_script(struct redis_call *call, const struct reply *first)
{
    char words[WORDS];

    if (call->script == REDIS_CALL_PLAIN)
        return NEXT_ANSWER;
    if (call->load) { /* it was loaded, in vain */
        node_fail(call->node, redis_error_print(first, words, sizeof(words)));
        return NEXT_FAIL;
    }
    call->load = true;
    (void)atomic_fetch_add(&call->nodes->scripts, 1);
    return hop(call, NEXT_SEND);
}

static enum next
call_refused(struct redis_call *call, const struct reply *reply, bool stale)
{
    char words[WORDS];

    node_fail(call->node, redis_error_print(reply, words, sizeof(words)));
    if (stale)
        map_refresh(call->nodes);
    return NEXT_FAIL;
}

/* The replies are here; the last is the call's. */
static enum next
call_heard(struct redis_call *call, struct reply *const *replies)
{
    const struct reply *reply = replies[call->sent - 1];

    if (reply->type != REPLY_ERROR)
        return NEXT_ANSWER;
    switch (redis_error_means(reply)) {
    case REDIS_ERROR_OTHER:
        break;
    case REDIS_ERROR_SICK:
        return call_refused(call, reply, false);
    case REDIS_ERROR_STALE:
        return call_refused(call, reply, true);
    case REDIS_ERROR_UNSERVED:
        map_refresh(call->nodes);
        return NEXT_FAIL;
    case REDIS_ERROR_MOVED:
        return call_redirected(call, reply, false);
    case REDIS_ERROR_ASK:
        return call_redirected(call, reply, true);
    case REDIS_ERROR_TRYAGAIN:
        call->pause_ms = 2 << call->hops;
        return hop(call, NEXT_WAIT);
    case REDIS_ERROR_NOSCRIPT:
        return call_without_script(call, replies[0]);
    }
    return NEXT_ANSWER;
}

/* ----- making one */

static struct redis_call *
call_make(struct redis_nodes *nodes, size_t script,
          const struct codec_command *args)
{
    struct redis_call *call;
    size_t room = 0;
    char *at;

    for (size_t i = 0; i < args->n; i++)
        room += args->len[i];
    call = malloc(sizeof(*call) + room);
    if (call == NULL)
        return NULL;
    memset(call, 0, offsetof(struct redis_call, command));
    call->command.n = 0;
    call->nodes = nodes;
    call->script = script;
    if (script != REDIS_CALL_PLAIN) {
        codec_word(&call->command, "EVALSHA");
        codec_word(&call->command, nodes->sha[script]);
    }
    at = call->bytes;
    for (size_t i = 0; i < args->n; i++) {
        memcpy(at, args->arg[i], args->len[i]);
        codec_arg(&call->command, at, args->len[i]);
        at += args->len[i];
    }
    return call;
}

enum ms_err
redis_nodes_call(struct redis_nodes *nodes, const void *key, size_t key_len,
                 size_t script, const struct codec_command *args,
                 struct redis_call **out)
{
    struct redis_node *node;
    struct redis_call *call;
    enum ms_err err;

    if (atomic_load(&nodes->refused))
        return MS_UNAVAIL;
    node = map_owner(nodes, nodes->where.layout == REDIS_CLUSTER
                                ? redis_slot(key, key_len)
                                : 0);
    if (node == NULL)
        return MS_UNAVAIL;
    /* (once it is usable, the hashes of all scripts are known) */
    call = atomic_load(&node->usable) ? call_make(nodes, script, args) : NULL;
    if (call == NULL) {
        err = atomic_load(&node->usable) ? MS_NOMEM : MS_UNAVAIL;
        node_unref(node);
        return err;
    }
    call->node = node;
    call->due.ms = map_now(nodes).ms + nodes->where.deadline_ms;
    err = call_send(call);
    if (err != MS_OK)
        call_destroy(call);
    else
        *out = call;
    return err;
}

/* ----- somebody waits */

/* Wait once for replies; the call's own goes to *OUT if it is the answer. */
static enum next
call_listen(struct redis_call *call, struct reply **out, bool *waited,
            enum ms_err *err)
{
    struct reply *replies[REPLIES];
    bool this_time = false;
    enum next next;

    *err =
        redis_link_wait(call->node->link, call->request, replies, &this_time);
    call->request = NULL;
    *waited |= this_time;
    if (*err != MS_OK)
        return NEXT_FAIL;
    next = call_heard(call, replies);
    if (next == NEXT_ANSWER)
        *out = replies[call->sent - 1];
    for (size_t i = 0; i < call->sent; i++)
        if (next != NEXT_ANSWER || i < call->sent - 1)
            reply_destroy(replies[i]);
    return next;
}

/* Pause, and send where it leads.  MS_UNAVAIL: it was not sent. */
static enum ms_err
call_follow(struct redis_call *call, enum next next, struct mono until)
{
    while (next == NEXT_WAIT) {
        int64_t at = map_now(call->nodes).ms + call->pause_ms;

        if (at >= call->due.ms || at >= until.ms)
            return MS_UNAVAIL;
        (void)poll(NULL, 0, (int)call->pause_ms);
        next = call_try(call);
    }
    return next == NEXT_SEND ? call_send(call) : MS_UNAVAIL;
}

enum ms_err
redis_call_wait(struct redis_call *call, struct mono until, struct reply **out,
                bool *waited, bool *unknown)
{
    enum ms_err err = MS_OK;
    bool ignored = false;

    if (waited == NULL)
        waited = &ignored;
    *waited = false;
    *unknown = false;
    if (map_now(call->nodes).ms >= until.ms) {
        redis_call_leave(call, NULL, NULL);
        *unknown = true;
        return MS_TIMEOUT;
    }
    for (;;) {
        enum next next = call_listen(call, out, waited, &err);

        if (next == NEXT_ANSWER)
            break;
        *unknown = err != MS_OK;
        if (next == NEXT_FAIL && err == MS_OK)
            err = MS_UNAVAIL;
        if (next != NEXT_FAIL)
            err = call_follow(call, next, until);
        if (err != MS_OK)
            break;
    }
    if (err != MS_OK)
        (void)atomic_fetch_add(&call->node->errors, 1);
    call_destroy(call);
    return err;
}

/* ----- nobody waits */

static void
call_finish(struct redis_call *call, enum ms_err err, const struct reply *reply)
{
    if (err != MS_OK)
        (void)atomic_fetch_add(&call->node->errors, 1);
    if (call->done != NULL)
        call->done(call->arg, err, reply);
    call_destroy(call);
}

static void heard(void *arg, enum ms_err err, struct reply *const *replies,
                  size_t n);

/* What is next but an answer. */
static void
call_go_on(struct redis_call *call, enum next next)
{
    struct mono at = map_now(call->nodes);

    at.ms += call->pause_ms;
    if (next == NEXT_SEND && call_send(call) == MS_OK)
        redis_link_leave(call->node->link, call->request, heard, call);
    else if (next != NEXT_WAIT || at.ms >= call->due.ms ||
             !watch_later(call->nodes->watch, call, at))
        call_finish(call, MS_UNAVAIL, NULL);
}

/* Once its last use of other links is over, those may end: see
 * redis_nodes_destroy(). */
static void
heard(void *arg, enum ms_err err, struct reply *const *replies, size_t n)
{
    struct redis_call *call = arg;
    struct redis_nodes *nodes = call->nodes;
    enum next next = NEXT_FAIL;

    (void)n;
    (void)atomic_fetch_add(&nodes->following, 1);
    if (err != MS_OK) {
        call_finish(call, err, NULL);
    } else {
        if (!atomic_load(&nodes->refused) ||
            replies[call->sent - 1]->type != REPLY_ERROR)
            next = call_heard(call, replies);
        if (next == NEXT_ANSWER)
            call_finish(call, MS_OK, replies[call->sent - 1]);
        else
            call_go_on(call, next);
    }
    (void)atomic_fetch_sub(&nodes->following, 1);
}

void
redis_call_leave(struct redis_call *call,
                 void (*done)(void *arg, enum ms_err err,
                              const struct reply *reply),
                 void *arg)
{
    call->done = done;
    call->arg = arg;
    redis_link_leave(call->node->link, call->request, heard, call);
}

void
call_again(struct redis_call *call)
{
    call_go_on(call, call_try(call));
}

void
call_end(struct redis_call *call)
{
    call_finish(call, MS_UNAVAIL, NULL);
}
