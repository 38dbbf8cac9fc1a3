/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/listen.c - see the header.  Messages may be missed while
 * there is no subscription: that is told when it goes and when there is one
 * again.
 */
#include <config.h>

#include "policy/store/redis/listen.h"

#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/watch.h"

enum { PATIENCE_MS = 1500, PAUSE_MS = 200 };

struct redis_listen {
    struct redis_nodes *nodes;
    struct redis_link *link; /* the watch's */
    struct endpoint at;
    struct mono up_at; /* when it was last seen up, or made */
    struct mono next;  /* attempt */
    bool subscribed;   /* the link's */

    pthread_mutex_t lock; /* guards these, which are set once */
    bool wanted;
    char *channel;
    void (*message)(void *arg, const char *text, size_t len);
    void (*lost)(void *arg);
    void *arg;
};

/* ----- what the link tells */

static bool
is_word(const struct reply *reply, const char *word)
{
    return reply->type == REPLY_TEXT && strcmp(reply->text, word) == 0;
}

static bool
is_triple(const struct reply *reply, const char *word)
{
    return reply->type == REPLY_ARRAY && reply->n == 3 &&
           is_word(reply->element[0], word);
}

static enum ms_err
hello(void *arg, struct redis_link *link, struct why *why)
{
    struct redis_listen *listen = arg;
    struct codec_command command = {0};
    struct link_request *request;
    struct reply *reply;
    struct mono due = map_now(listen->nodes);
    bool subscribed;
    enum ms_err err;

    codec_word(&command, "SUBSCRIBE");
    codec_word(&command, listen->channel);
    due.ms += listen->nodes->where.deadline_ms;
    err = redis_link_send(link, &command, 1, due, &request);
    if (err == MS_OK)
        err = redis_link_wait(link, request, &reply, NULL);
    if (err != MS_OK)
        return why_set(why, err, "it does not answer");
    subscribed = is_triple(reply, "subscribe");
    reply_destroy(reply);
    return subscribed ? MS_OK
                      : why_set(why, MS_UNAVAIL, "it lets nobody subscribe");
}

static void
up(void *arg)
{
    struct redis_listen *listen = arg;

    listen->subscribed = true;
    listen->lost(listen->arg);
}

static void
down(void *arg, const struct why *why)
{
    struct redis_listen *listen = arg;

    (void)why;
    if (listen->subscribed)
        listen->lost(listen->arg);
    listen->subscribed = false;
    watch_wake(listen->nodes->watch);
}

static void
pushed(void *arg, const struct reply *reply)
{
    struct redis_listen *listen = arg;

    if (is_triple(reply, "message") && reply->element[2]->type == REPLY_TEXT)
        listen->message(listen->arg, reply->element[2]->text,
                        reply->element[2]->len);
}

/* ----- which server */

/* Is it still among the servers? */
static bool
is_current(struct redis_listen *listen)
{
    struct redis_node *node;
    bool found = false;

    for (size_t i = 0; (node = map_at(listen->nodes, i)) != NULL && !found;
         i++) {
        found = endpoint_same(&node->at, &listen->at);
        node_unref(node);
    }
    if (node != NULL)
        node_unref(node);
    return found;
}

/* One that is asked now. */
static bool
choose(struct redis_listen *listen)
{
    struct redis_node *node;
    bool found = false;

    for (size_t i = 0; !found && (node = map_at(listen->nodes, i)) != NULL;
         i++) {
        found = atomic_load(&node->usable);
        if (found)
            listen->at = node->at;
        node_unref(node);
    }
    return found;
}

static void
open_link(struct redis_listen *listen, struct mono now)
{
    struct link_target target;
    struct link_events events = {

        .hello = hello,
        .up = up,
        .down = down,
        .pushed = pushed,
        .arg = listen};

    listen->next.ms = now.ms + PAUSE_MS;
    listen->up_at = now;
    if (!choose(listen))
        return;
    listen->subscribed = false;
    target = map_target(listen->nodes, &listen->at);
    target.subscriber = true;
    if (redis_link_create(&target, listen->nodes->needs.clock, events,
                          &listen->link) != MS_OK)
        listen->link = NULL;
}

void
listen_step(struct redis_listen *listen, struct mono now)
{
    bool wanted;

    (void)pthread_mutex_lock(&listen->lock);
    wanted = listen->wanted;
    (void)pthread_mutex_unlock(&listen->lock);
    if (!wanted)
        return;
    if (listen->link != NULL && redis_link_is_up(listen->link))
        listen->up_at = now;
    if (listen->link != NULL &&
        (!is_current(listen) || now.ms - listen->up_at.ms > PATIENCE_MS)) {
        redis_link_destroy(listen->link);
        listen->link = NULL;
    }
    if (listen->link == NULL && now.ms >= listen->next.ms)
        open_link(listen, now);
}

void
listen_close(struct redis_listen *listen)
{
    redis_link_destroy(listen->link);
    listen->link = NULL;
    listen->next.ms = INT64_MAX;
}

/* ----- its life */

enum ms_err
listen_begin(struct redis_listen *listen, const char *channel,
             void (*message)(void *arg, const char *text, size_t len),
             void (*lost)(void *arg), void *arg)
{
    char *copy = strdup(channel);

    if (copy == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_lock(&listen->lock);
    listen->channel = copy;
    listen->message = message;
    listen->lost = lost;
    listen->arg = arg;
    listen->wanted = true;
    (void)pthread_mutex_unlock(&listen->lock);
    watch_wake(listen->nodes->watch);
    return MS_OK;
}

enum ms_err
listen_create(struct redis_nodes *nodes, struct redis_listen **out)
{
    struct redis_listen *listen = calloc(1, sizeof(*listen));

    if (listen == NULL)
        return MS_NOMEM;
    listen->nodes = nodes;
    (void)pthread_mutex_init(&listen->lock, NULL);
    *out = listen;
    return MS_OK;
}

void
listen_destroy(struct redis_listen *listen)
{
    if (listen == NULL)
        return;
    redis_link_destroy(listen->link);
    (void)pthread_mutex_destroy(&listen->lock);
    free(listen->channel);
    free(listen);
}
