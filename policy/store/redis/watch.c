/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/store/redis/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/store/redis/call.h"

enum {
    CALM_MS = 100, /* between looks while all is well */
    TROUBLED_MS = 20,
    UNCONFIRMED_MS = 3000 /* so long the word of Sentinels is waited for */
};

struct redis_watch {
    struct redis_nodes *nodes;
    struct redis_finder *finder;
    struct redis_listen *listen;
    pthread_t thread;
    bool running;
    int pipe[2];         /* to wake it */
    _Atomic bool woken;  /* a byte is in the pipe */
    enum node_told told; /* of the map as a whole; the thread's */
    bool has_closed;     /* all connections, as the store is refused */

    pthread_mutex_t lock; /* guards these; a leaf */
    bool stop;
    struct redis_call *later;
};

struct redis_finder *
watch_finder(struct redis_watch *watch)
{
    return watch->finder;
}

struct redis_listen *
watch_listen(struct redis_watch *watch)
{
    return watch->listen;
}

void
watch_wake(struct redis_watch *watch)
{
    if (!atomic_exchange(&watch->woken, true))
        (void)!write(watch->pipe[1], "", 1);
}

/* ----- what had to wait a moment */

bool
watch_later(struct redis_watch *watch, struct redis_call *call, struct mono at)
{
    struct call_wait *wait = call_wait(call);
    bool taken;

    (void)pthread_mutex_lock(&watch->lock);
    taken = !watch->stop;
    if (taken) {
        wait->at = at;
        wait->next = watch->later;
        watch->later = call;
    }
    (void)pthread_mutex_unlock(&watch->lock);
    watch_wake(watch);
    return taken;
}

/* Those whose time has come; *NEXT_MS: when the next one's does. */
static struct redis_call *
take_due(struct redis_watch *watch, struct mono now, int64_t *next_ms)
{
    struct redis_call *due = NULL, **link = &watch->later;

    (void)pthread_mutex_lock(&watch->lock);
    while (*link != NULL) {
        struct redis_call *call = *link;
        struct call_wait *wait = call_wait(call);

        if (wait->at.ms > now.ms) {
            *next_ms = wait->at.ms < *next_ms ? wait->at.ms : *next_ms;
            link = &wait->next;
            continue;
        }
        *link = wait->next;
        wait->next = due;
        due = call;
    }
    (void)pthread_mutex_unlock(&watch->lock);
    return due;
}

static void
for_each(struct redis_call *calls, void (*each)(struct redis_call *call))
{
    while (calls != NULL) {
        struct redis_call *next = call_wait(calls)->next;

        each(calls);
        calls = next;
    }
}

/* ----- telling */

static void
tell(struct redis_watch *watch, const char *name, bool up,
     const struct why *why)
{
    struct redis_nodes *nodes = watch->nodes;

    if (nodes->needs.changed != NULL && !atomic_load(&nodes->refused))
        nodes->needs.changed(nodes->needs.arg, name, up, !map_is_up(nodes),
                             why);
}

static void
tell_of_node(struct redis_watch *watch, struct redis_node *node)
{
    struct why trouble;
    bool up;

    (void)pthread_mutex_lock(&node->lock);
    up = !node->breaker.open;
    trouble = node->trouble;
    (void)pthread_mutex_unlock(&node->lock);
    if (up ? node->told == TOLD_UP
           : node->told == TOLD_DOWN || trouble.text[0] == '\0')
        return;
    node->told = up ? TOLD_UP : TOLD_DOWN;
    tell(watch, node->name, up, &trouble);
}

/* Why there is not somebody to ask about each key; false: nothing is known. */
static bool
why_torn(struct redis_watch *watch, struct why *why)
{
    struct redis_nodes *nodes = watch->nodes;
    bool some;

    (void)pthread_mutex_lock(&nodes->lock);
    some = nodes->n > 0;
    (void)pthread_mutex_unlock(&nodes->lock);
    if (finder_trouble(watch->finder, why) || !some)
        return why->text[0] != '\0';
    (void)why_set(why, MS_UNAVAIL, "there are slots that nobody owns");
    return true;
}

static void
tell_of_map(struct redis_watch *watch)
{
    struct redis_nodes *nodes = watch->nodes;
    bool whole = map_is_whole(nodes);
    struct why why = {""};

    if (nodes->where.layout == REDIS_SINGLE ||
        whole == (watch->told != TOLD_DOWN))
        return;
    if (!whole && !why_torn(watch, &why))
        return;
    watch->told = whole ? TOLD_UP : TOLD_DOWN;
    tell(watch,
         nodes->where.layout == REDIS_CLUSTER ? "cluster" : nodes->where.master,
         whole, &why);
}

/* ----- a round */

/* A server that was away may not be the master any more, and not know. */
static bool
may_probe(const struct redis_nodes *nodes, struct redis_node *node,
          struct mono now)
{
    struct mono since;

    if (nodes->where.layout != REDIS_SENTINEL || !atomic_load(&node->been_up))
        return true;
    (void)pthread_mutex_lock(&node->lock);
    since = node->breaker.since;
    (void)pthread_mutex_unlock(&node->lock);
    return node->confirmed.ms >= since.ms || now.ms - since.ms > UNCONFIRMED_MS;
}

static void
look_at_nodes(struct redis_watch *watch, struct mono now)
{
    struct redis_node *node;

    for (size_t i = 0; (node = map_at(watch->nodes, i)) != NULL; i++) {
        node_watch_latency(node, now);
        if (may_probe(watch->nodes, node, now))
            node_probe(node, now);
        tell_of_node(watch, node);
        node_unref(node);
    }
}

static void
close_all(struct redis_watch *watch)
{
    if (!watch->has_closed) {
        finder_close(watch->finder);
        listen_close(watch->listen);
        watch->has_closed = true;
    }
    map_clear(watch->nodes);
}

static void
pause_until(struct redis_watch *watch, int64_t ms, struct mono now)
{
    struct pollfd in = {.fd = watch->pipe[0], .events = POLLIN};
    char bytes[64];

    if (poll(&in, 1, ms > now.ms ? (int)(ms - now.ms) : 0) <= 0)
        return;
    (void)!read(watch->pipe[0], bytes, sizeof(bytes));
    atomic_store(&watch->woken, false);
}

static void
note_torn(struct redis_nodes *nodes, struct mono now)
{
    bool whole = map_is_whole(nodes) && !atomic_load(&nodes->refused);

    (void)pthread_mutex_lock(&nodes->lock);
    if (whole)
        nodes->torn.ms = 0;
    else if (nodes->torn.ms == 0)
        nodes->torn = now;
    (void)pthread_mutex_unlock(&nodes->lock);
}

static void
round_of(struct redis_watch *watch)
{
    struct redis_nodes *nodes = watch->nodes;
    struct mono now = map_now(nodes);
    bool troubled = !map_is_up(nodes);
    int64_t next_ms = now.ms + (troubled ? TROUBLED_MS : CALM_MS);

    if (atomic_load(&nodes->refused)) {
        close_all(watch);
        next_ms = now.ms + CALM_MS;
    } else {
        finder_step(watch->finder, now, troubled);
        look_at_nodes(watch, now);
        tell_of_map(watch);
        listen_step(watch->listen, now);
    }
    note_torn(nodes, now);
    for_each(take_due(watch, now, &next_ms), call_again);
    map_sweep(nodes);
    pause_until(watch, next_ms, now);
}

static void *
run(void *arg)
{
    struct redis_watch *watch = arg;
    bool stop;

    do {
        round_of(watch);
        (void)pthread_mutex_lock(&watch->lock);
        stop = watch->stop;
        (void)pthread_mutex_unlock(&watch->lock);
    } while (!stop);
    return NULL;
}

/* ----- its life */

enum ms_err
watch_create(struct redis_nodes *nodes, struct redis_watch **out)
{
    struct redis_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return MS_NOMEM;
    watch->nodes = nodes;
    watch->pipe[0] = watch->pipe[1] = -1;
    (void)pthread_mutex_init(&watch->lock, NULL);
    if (pipe2(watch->pipe, O_CLOEXEC | O_NONBLOCK) != 0 ||
        finder_create(nodes, &watch->finder) != MS_OK ||
        listen_create(nodes, &watch->listen) != MS_OK) {
        watch_destroy(watch);
        return MS_NOMEM;
    }
    *out = watch;
    return MS_OK;
}

enum ms_err
watch_start(struct redis_watch *watch)
{
    sigset_t all, old;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    watch->running = pthread_create(&watch->thread, NULL, run, watch) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return watch->running ? MS_OK : MS_NOMEM;
}

void
watch_stop(struct redis_watch *watch)
{
    struct redis_call *rest;

    (void)pthread_mutex_lock(&watch->lock);
    watch->stop = true;
    rest = watch->later;
    watch->later = NULL;
    (void)pthread_mutex_unlock(&watch->lock);
    watch_wake(watch);
    if (watch->running)
        (void)pthread_join(watch->thread, NULL);
    watch->running = false;
    for_each(rest, call_end);
    finder_close(watch->finder);
    listen_close(watch->listen);
}

void
watch_destroy(struct redis_watch *watch)
{
    if (watch == NULL)
        return;
    finder_destroy(watch->finder);
    listen_destroy(watch->listen);
    for (int i = 0; i < 2; i++)
        if (watch->pipe[i] >= 0)
            close(watch->pipe[i]);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
}
