/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/finder.c - see the header.  Replies come by a thread of
 * the link's: it reads them, and the watch's thread acts on them.  Between
 * asking and the answer nobody else touches what the answer is written to.
 */
#include <config.h>

#include "policy/store/redis/finder.h"

#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/error.h"
#include "policy/store/redis/watch.h"

enum {
    MASTER_MS = 1000, /* between questions while all is well */
    SLOTS_MS = 30000,
    TROUBLED_MS = 250,
    HASTE_MS = 100,  /* at least, between questions */
    AGAIN_MS = 50,   /* until the next is tried after one that failed */
    KEEP_MS = 10000, /* a server that nobody has named since is dropped; what
                        is told of an older epoch is not believed as long */
    WORDS = 160
};

enum finder_state { FINDER_IDLE, FINDER_ASKED, FINDER_ANSWERED, FINDER_FAILED };

struct redis_finder {
    struct redis_nodes *nodes;
    struct redis_link *link; /* NULL: none now */
    struct endpoint at;      /* whom it leads to */
    size_t turn;
    bool has_answered; /* who is at AT */
    bool closed;
    struct mono since;   /* the link was made */
    struct mono open_at; /* or is to be */
    struct mono ask_at, asked_at;
    uint32_t random;
    uint64_t epoch; /* the latest that was believed, and when */
    struct mono epoch_at;

    struct slots slots; /* the answer; see above */
    struct endpoint master;
    uint64_t told_epoch;

    pthread_mutex_t lock; /* guards these; a leaf */
    enum finder_state state;
    struct why trouble; /* "": none */
};

/* Up to A FIFTH of MS more, so that hosts do not all ask at once. */
static int64_t
jittered(struct redis_finder *finder, int64_t ms)
{
    finder->random = finder->random * 1664525 + 1013904223;
    return ms + (int64_t)((finder->random >> 8) % (uint32_t)(ms / 5 + 1));
}

static void
set_state(struct redis_finder *finder, enum finder_state state,
          const struct why *trouble)
{
    (void)pthread_mutex_lock(&finder->lock);
    finder->state = state;
    if (trouble != NULL)
        finder->trouble = *trouble;
    (void)pthread_mutex_unlock(&finder->lock);
}

/* ----- answers, by a thread of the link's */

static enum ms_err
read_answer(struct redis_finder *finder, struct reply *const *replies,
            struct why *why)
{
    const struct redis_where *where = &finder->nodes->where;
    struct endpoint like = {.tls = where->tls, .db = where->db};
    char words[WORDS];

    if (replies[0]->type == REPLY_ERROR)
        return why_set(why, MS_UNAVAIL, "%s",
                       redis_error_print(replies[0], words, sizeof(words)));
    if (where->layout == REDIS_CLUSTER)
        return slots_read(replies[0], &finder->at, &finder->slots, why);
    memcpy(like.user, where->user, sizeof(like.user));
    finder->told_epoch = slots_read_epoch(replies[1]);
    return slots_read_master(replies[0], &like, &finder->master, why);
}

static void
answered(void *arg, enum ms_err err, struct reply *const *replies, size_t n)
{
    struct redis_finder *finder = arg;
    struct why what = {"it does not answer"}, why;
    char name[ENDPOINT_NAME];

    (void)n;
    if (err == MS_OK)
        err = read_answer(finder, replies, &what);
    if (err != MS_OK)
        (void)why_set(&why, err, "%s: %s", endpoint_print(&finder->at, name),
                      what.text);
    set_state(finder, err == MS_OK ? FINDER_ANSWERED : FINDER_FAILED,
              err == MS_OK ? NULL : &why);
    watch_wake(finder->nodes->watch);
}

static void
link_up(void *arg)
{
    struct redis_finder *finder = arg;

    watch_wake(finder->nodes->watch);
}

static void
link_down(void *arg, const struct why *what)
{
    struct redis_finder *finder = arg;
    char name[ENDPOINT_NAME];
    struct why why;

    (void)why_set(&why, MS_UNAVAIL, "%s: %s", endpoint_print(&finder->at, name),
                  what->text);
    set_state(finder, FINDER_FAILED, &why);
    watch_wake(finder->nodes->watch);
}

/* ----- who is asked */

/* The next in turn: those of the configuration, then those of the map. */
static void
choose(struct redis_finder *finder)
{
    const struct redis_where *where = &finder->nodes->where;
    size_t i = finder->turn++;
    struct redis_node *node = NULL;

    if (i >= where->n_seeds && where->layout == REDIS_CLUSTER)
        node = map_at(finder->nodes, i - where->n_seeds);
    if (i >= where->n_seeds && node == NULL) {
        i = 0;
        finder->turn = 1;
    }
    finder->at = node != NULL ? node->at : where->seed[i];
    if (node != NULL)
        node_unref(node);
}

static void
open_link(struct redis_finder *finder, struct mono now)
{
    const struct redis_where *where = &finder->nodes->where;
    struct link_events events = {
        .up = link_up, .down = link_down, .arg = finder};
    struct link_target target;

    choose(finder);
    target = map_target(finder->nodes, &finder->at);
    if (where->layout == REDIS_SENTINEL)
        target.password = where->sentinel_password;
    finder->has_answered = false;
    finder->since = now;
    set_state(finder, FINDER_IDLE, NULL);
    if (redis_link_create(&target, finder->nodes->needs.clock, events,
                          &finder->link) != MS_OK)
        finder->link = NULL;
}

static void
close_link(struct redis_finder *finder, struct mono now, int64_t pause_ms)
{
    redis_link_destroy(finder->link);
    finder->link = NULL;
    finder->open_at.ms = now.ms + jittered(finder, pause_ms);
}

static void
ask(struct redis_finder *finder, struct mono now)
{
    const struct redis_where *where = &finder->nodes->where;
    struct codec_command commands[2];
    struct mono due = {now.ms + where->deadline_ms};
    struct link_request *request;
    bool sentinel = where->layout == REDIS_SENTINEL;

    memset(commands, 0, sizeof(commands));
    codec_word(&commands[0], sentinel ? "SENTINEL" : "CLUSTER");
    codec_word(&commands[0], sentinel ? "get-master-addr-by-name" : "SLOTS");
    codec_word(&commands[1], "SENTINEL");
    codec_word(&commands[1], "MASTER");
    if (sentinel) {
        codec_word(&commands[0], where->master);
        codec_word(&commands[1], where->master);
    }
    atomic_store(&finder->nodes->refresh, false);
    finder->asked_at = now;
    set_state(finder, FINDER_ASKED, NULL);
    if (redis_link_send(finder->link, commands, sentinel ? 2 : 1, due,
                        &request) == MS_OK)
        redis_link_leave(finder->link, request, answered, finder);
    else
        set_state(finder, FINDER_FAILED, NULL);
}

/* ----- what comes of it */

/*
 * A Sentinel that was cut off names an old master, with an older epoch: not to
 * be believed while there is another that serves, nor for a while after.
 * (After that: all Sentinels may have been set up anew.)
 */
static bool
is_behind(const struct redis_finder *finder, struct mono now)
{
    return finder->told_epoch < finder->epoch &&
           (map_is_up(finder->nodes) || now.ms - finder->epoch_at.ms < KEEP_MS);
}

static bool
use_master(struct redis_finder *finder, struct mono now)
{
    struct redis_node *node = map_at(finder->nodes, 0);
    bool same = node != NULL && endpoint_same(&node->at, &finder->master);

    if (node != NULL)
        node_unref(node);
    if (!same && is_behind(finder, now))
        return false;
    if (!same || finder->told_epoch >= finder->epoch) {
        finder->epoch = finder->told_epoch;
        finder->epoch_at = now;
    }
    map_set_master(finder->nodes, &finder->master);
    node = map_at(finder->nodes, 0);
    if (node != NULL) {
        node->confirmed = finder->asked_at;
        node_unref(node);
    }
    return true;
}

static bool
use_answer(struct redis_finder *finder, struct mono now)
{
    if (finder->nodes->where.layout == REDIS_SENTINEL)
        return use_master(finder, now);
    if (finder->slots.owned == 0)
        return false; /* a node that has been reset, or has yet to join */
    map_set_slots(finder->nodes, &finder->slots,
                  (struct mono){now.ms - KEEP_MS});
    return true;
}

static void
take_answer(struct redis_finder *finder, struct mono now, bool troubled)
{
    static const struct why none = {""};
    static const struct why useless = {"it is behind the others"};
    int64_t pause_ms =
        finder->nodes->where.layout == REDIS_SENTINEL ? MASTER_MS : SLOTS_MS;

    finder->has_answered = true;
    finder->ask_at.ms =
        now.ms + jittered(finder, troubled ? TROUBLED_MS : pause_ms);
    if (use_answer(finder, now)) {
        set_state(finder, FINDER_IDLE, &none);
        return;
    }
    set_state(finder, FINDER_IDLE, &useless);
    finder->ask_at = now;
    close_link(finder, now, AGAIN_MS);
}

/* Is somebody in a hurry? */
static void
look_at_wishes(struct redis_finder *finder, struct mono now, bool troubled)
{
    int64_t soon = jittered(finder, HASTE_MS) + finder->asked_at.ms;

    if (troubled && finder->ask_at.ms > now.ms + 2 * TROUBLED_MS)
        finder->ask_at.ms = now.ms + jittered(finder, TROUBLED_MS);
    if (atomic_load(&finder->nodes->refresh) && finder->ask_at.ms > soon)
        finder->ask_at.ms = soon;
}

void
finder_step(struct redis_finder *finder, struct mono now, bool troubled)
{
    enum finder_state state;

    if (finder->closed || finder->nodes->where.layout == REDIS_SINGLE)
        return;
    (void)pthread_mutex_lock(&finder->lock);
    state = finder->state;
    (void)pthread_mutex_unlock(&finder->lock);
    if (state == FINDER_ANSWERED)
        take_answer(finder, now, troubled);
    look_at_wishes(finder, now, troubled);
    if (state == FINDER_FAILED && finder->link != NULL)
        close_link(finder, now, AGAIN_MS);
    if (finder->link != NULL && state != FINDER_ASKED && troubled &&
        finder->has_answered && now.ms >= finder->ask_at.ms)
        close_link(finder, now, 0); /* now somebody else's word */
    if (finder->link == NULL && now.ms >= finder->open_at.ms)
        open_link(finder, now);
    if (finder->link == NULL || state == FINDER_ASKED)
        return;
    if (redis_link_is_up(finder->link)) {
        if (now.ms >= finder->ask_at.ms)
            ask(finder, now);
    } else if (now.ms - finder->since.ms > finder->nodes->where.deadline_ms) {
        close_link(finder, now, AGAIN_MS);
    }
}

void
finder_close(struct redis_finder *finder)
{
    finder->closed = true;
    redis_link_destroy(finder->link);
    finder->link = NULL;
}

bool
finder_trouble(struct redis_finder *finder, struct why *out)
{
    bool troubled;

    (void)pthread_mutex_lock(&finder->lock);
    *out = finder->trouble;
    troubled = out->text[0] != '\0';
    (void)pthread_mutex_unlock(&finder->lock);
    return troubled;
}

enum ms_err
finder_create(struct redis_nodes *nodes, struct redis_finder **out)
{
    struct redis_finder *finder = calloc(1, sizeof(*finder));

    if (finder == NULL)
        return MS_NOMEM;
    finder->nodes = nodes;
    finder->random = (uint32_t)(uintptr_t)finder ^ (uint32_t)map_now(nodes).ms;
    (void)pthread_mutex_init(&finder->lock, NULL);
    *out = finder;
    return MS_OK;
}

void
finder_destroy(struct redis_finder *finder)
{
    if (finder == NULL)
        return;
    redis_link_destroy(finder->link);
    (void)pthread_mutex_destroy(&finder->lock);
    free(finder);
}
