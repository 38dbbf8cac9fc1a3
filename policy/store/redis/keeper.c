/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/keeper.c - what is done for a shared store beside
 * messages.
 */
#include <config.h>

#include "policy/store/redis/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "policy/store/redis/board.h"
#include "policy/store/redis/drain.h"
#include "policy/store/redis/record.h"
#include "policy/store/redis/standing.h"

enum {
    TURN_MS = 20,  /* between two turns while there is work: so counts of 1,000
                      subjects go in a second */
    IDLE_MS = 200, /* while there is none */
    BEAT_JITTER_MS = 1000,
    BEAT_RETRY_MS = 500,
    HERD_MS = 1000,     /* hosts do not come back all at once */
    NOT_NOW_MS = 1000,  /* until counts are tried again that did not go */
    CHECK_MS = 2000,    /* between two looks at the index */
    NEWS = 4096,        /* names that wait to be read */
    FLEET = STORE_NODES /* hosts that are told of */
};

struct redis_keeper {
    struct redis *r;
    pthread_t thread;
    int pipe[2]; /* to wake the thread: no clock is needed to wait by it */

    /* the thread's */
    struct mono beat_at, check_at;
    _Atomic bool taken;      /* our last heartbeat was */
    struct store_host *host; /* FLEET */

    pthread_mutex_t lock; /* guards all below; a leaf */
    pthread_cond_t done;
    bool runs, stop;
    bool missed; /* some news may not have come */
    bool board;  /* is another, or may be */
    struct mono deltas_at;
    uint64_t wanted, finished; /* turns that somebody waits for */
    size_t n_news;
    uint8_t news[NEWS][SITEKEY_HASH];
};

static struct mono
later(struct mono now, uint32_t ms, uint32_t jitter_ms)
{
    return (struct mono){now.ms + ms + randombytes_uniform(jitter_ms + 1)};
}

static void
wake(struct redis_keeper *keeper)
{
    while (write(keeper->pipe[1], "", 1) < 0 && errno == EINTR)
        ;
}

/* ----- heartbeats */

static void
describe(struct redis *r, struct store_host *self)
{
    memset(self, 0, sizeof(*self));
    if (r->describe != NULL)
        r->describe(r->arg, self);
    if (self->name[0] == '\0')
        (void)snprintf(self->name, sizeof(self->name), "nameless");
    self->form = r->form;
}

static void
refuse(struct redis *r, const char *other)
{
    char ours[SITEKEY_PRINT];
    struct why why;

    if (r->foreign)
        return;
    sitekey_fingerprint(r->key, ours);
    why_set(&why, MS_INVALID,
            "another site's key is in use there (%s; ours is %s): give all "
            "hosts the same privacy { key_file }, or this one another store { "
            "prefix }",
            other, ours);
    r->foreign = true;
    redis_nodes_refuse(r->nodes, why.text);
    why_set(&why, MS_INVALID,
            "the store is refused, and limits are decided from this host's "
            "counts: another site's key is in use there (%s; ours is %s): give "
            "all hosts the same privacy { key_file }, or this one another "
            "store { prefix }",
            other, ours);
    if (r->events.tell != NULL)
        r->events.tell(r->events.arg, MS_INVALID, why.text);
}

static enum ms_err
ask_beat(struct redis *r, struct reply **out)
{
    struct script_room *room = redis_core_room(r);
    struct codec_command command;
    struct redis_call *call;
    struct store_host self;
    char print[SITEKEY_PRINT];
    enum ms_err err = MS_NOMEM;

    describe(r, &self);
    sitekey_fingerprint(r->key, print);
    if (room != NULL)
        err = script_ask_beat(r->prefix, &self, print, 0, room, &command);
    if (err == MS_OK)
        err = redis_nodes_call(r->nodes, r->fleet_key, strlen(r->fleet_key),
                               SCRIPT_CHANGE, &command, &call);
    if (room != NULL)
        redis_core_room_back(r, room);
    return err == MS_OK ? redis_core_wait(call, out) : err;
}

/* Is it taken? */
static bool
beat(struct redis_keeper *keeper, struct store_time now)
{
    struct redis *r = keeper->r;
    struct reply *reply = NULL;
    char other[SITEKEY_PRINT];
    uint64_t clock_ms;
    size_t n = 0;
    enum ms_err err = ask_beat(r, &reply);

    keeper->beat_at = later(now.mono, BEAT_RETRY_MS, BEAT_RETRY_MS / 5);
    if (err == MS_OK)
        err =
            script_read_beat(reply, &clock_ms, keeper->host, FLEET, &n, other);
    reply_destroy(reply);
    if (err == MS_BUSY)
        refuse(r, other);
    if (err != MS_OK)
        return false;
    keeper->beat_at =
        later(now.mono, FLEET_BEAT_MS - BEAT_JITTER_MS / 2, BEAT_JITTER_MS);
    redis_core_learn_clock(r, now, clock_ms);
    fleet_heard(r->fleet, keeper->host, n, now.mono);
    r->admitted = true;
    return true;
}

/* ----- turns */

/* What there is to do, copied from under the lock. */
struct turn {
    bool wanted, missed, board, deltas, stop;
    uint64_t number;
    size_t n_news;
    uint8_t news[REDIS_RECORD_BATCH][SITEKEY_HASH];
};

static void
begin_turn(struct redis_keeper *keeper, struct store_time now,
           struct turn *turn)
{
    size_t n;

    pthread_mutex_lock(&keeper->lock);
    turn->stop = keeper->stop;
    turn->number = keeper->wanted;
    turn->wanted = keeper->wanted > keeper->finished;
    turn->deltas = turn->wanted || now.mono.ms >= keeper->deltas_at.ms;
    turn->missed = keeper->missed && keeper->r->admitted;
    if (turn->missed)
        keeper->missed = false;
    turn->board = keeper->board && keeper->r->admitted;
    if (turn->board)
        keeper->board = false;
    n = keeper->n_news < REDIS_RECORD_BATCH ? keeper->n_news
                                            : REDIS_RECORD_BATCH;
    turn->n_news = n;
    memcpy(turn->news, keeper->news, n * SITEKEY_HASH);
    keeper->n_news -= n;
    memmove(keeper->news, keeper->news + n, keeper->n_news * SITEKEY_HASH);
    pthread_mutex_unlock(&keeper->lock);
}

static void
end_turn(struct redis_keeper *keeper, const struct turn *turn, bool went)
{
    struct mono now = redis_core_now(keeper->r).mono;

    pthread_mutex_lock(&keeper->lock);
    if (!went && keeper->deltas_at.ms < now.ms)
        keeper->deltas_at = later(now, NOT_NOW_MS, NOT_NOW_MS / 5);
    if (turn->wanted)
        keeper->finished = turn->number;
    pthread_cond_broadcast(&keeper->done);
    pthread_mutex_unlock(&keeper->lock);
}

static void
catch_up_later(struct redis_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->missed = true;
    pthread_mutex_unlock(&keeper->lock);
}

static void
take_turn(struct redis_keeper *keeper, const struct turn *turn,
          struct store_time now)
{
    struct redis *r = keeper->r;
    struct store_time stores = redis_core_time(r);
    bool went = true;

    if (!r->foreign && (turn->wanted || now.mono.ms >= keeper->beat_at.ms))
        keeper->taken = beat(keeper, now);
    if (turn->board && r->board != NULL)
        r->board(r->arg);
    if (turn->missed && !redis_standing_catch_up(r, stores))
        catch_up_later(keeper);
    if (turn->n_news > 0)
        redis_standing_read(r, (const uint8_t(*)[SITEKEY_HASH])turn->news,
                            turn->n_news, stores);
    if (r->admitted) {
        redis_standing_doubts(r, stores);
        if (turn->wanted || now.mono.ms >= keeper->check_at.ms) {
            redis_standing_check(r, stores);
            keeper->check_at = later(now.mono, CHECK_MS, CHECK_MS / 10);
        }
    }
    if (turn->deltas)
        do
            went = redis_drain_some(r);
        while (turn->wanted && went && r->admitted &&
               deltas_waiting(r->deltas) > 0);
    end_turn(keeper, turn, went);
}

static void
rest(struct redis_keeper *keeper)
{
    struct pollfd fd = {.fd = keeper->pipe[0], .events = POLLIN};
    char bytes[64];
    bool busy;

    pthread_mutex_lock(&keeper->lock);
    busy = keeper->n_news > 0 || keeper->wanted > keeper->finished;
    pthread_mutex_unlock(&keeper->lock);
    busy = busy || deltas_waiting(keeper->r->deltas) > 0;
    if (poll(&fd, 1, busy ? TURN_MS : IDLE_MS) > 0)
        while (read(keeper->pipe[0], bytes, sizeof(bytes)) > 0)
            ;
}

static void *
run(void *arg)
{
    struct redis_keeper *keeper = arg;
    struct turn turn;

    for (;;) {
        struct store_time now = redis_core_now(keeper->r);

        begin_turn(keeper, now, &turn);
        if (turn.stop)
            return NULL;
        take_turn(keeper, &turn, now);
        rest(keeper);
    }
}

/* ----- */

enum ms_err
redis_keeper_start(struct redis_keeper *keeper)
{
    sigset_t all, old;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(&keeper->thread, NULL, run, keeper);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    keeper->runs = error == 0;
    return keeper->runs ? MS_OK : MS_NOMEM;
}

static void
keeper_free(struct redis_keeper *keeper)
{
    for (int i = 0; i < 2; i++)
        if (keeper->pipe[i] >= 0)
            close(keeper->pipe[i]);
    pthread_cond_destroy(&keeper->done);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper->host);
    free(keeper);
}

enum ms_err
redis_keeper_create(struct redis *r, struct redis_keeper **out)
{
    struct redis_keeper *keeper = calloc(1, sizeof(*keeper));

    if (keeper == NULL)
        return MS_NOMEM;
    keeper->r = r;
    keeper->pipe[0] = keeper->pipe[1] = -1;
    keeper->missed = keeper->board = true; /* all that was told before */
    keeper->host = calloc(FLEET, sizeof(*keeper->host));
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_cond_init(&keeper->done, NULL);
    if (keeper->host == NULL ||
        pipe2(keeper->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        keeper_free(keeper);
        return MS_NOMEM;
    }
    *out = keeper;
    return MS_OK;
}

void
redis_keeper_stop(struct redis_keeper *keeper)
{
    bool runs;

    pthread_mutex_lock(&keeper->lock);
    keeper->stop = true;
    runs = keeper->runs;
    keeper->runs = false;
    pthread_mutex_unlock(&keeper->lock);
    wake(keeper);
    if (runs)
        pthread_join(keeper->thread, NULL);
}

void
redis_keeper_destroy(struct redis_keeper *keeper)
{
    if (keeper != NULL)
        keeper_free(keeper);
}

void
redis_keeper_returned(struct redis_keeper *keeper)
{
    struct mono now = redis_core_now(keeper->r).mono;

    pthread_mutex_lock(&keeper->lock);
    keeper->deltas_at = later(now, 0, HERD_MS);
    keeper->missed = keeper->board = true;
    pthread_mutex_unlock(&keeper->lock);
    wake(keeper);
}

void
redis_keeper_missed(struct redis_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->missed = keeper->board = true;
    pthread_mutex_unlock(&keeper->lock);
}

/* Does the news end in WORD? */
static bool
ends_in(const char *text, size_t len, const char *word)
{
    size_t n = strlen(word);

    return len >= n && memcmp(text + len - n, word, n) == 0;
}

static void
hear_of_board(struct redis_keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->board = true;
    pthread_mutex_unlock(&keeper->lock);
    wake(keeper);
}

void
redis_keeper_news(struct redis_keeper *keeper, const char *text, size_t len)
{
    struct redis *r = keeper->r;
    uint8_t hash[SITEKEY_HASH];
    struct subject subject;
    bool found;

    if (board_told_read(text, len))
        hear_of_board(keeper);
    if (!script_told_read(text, len, hash))
        return;
    if (r->changed != NULL)
        r->changed(r->arg, hash);
    if (ends_in(text, len, " forget") &&
        redis_standing_unlearn(r, hash, &subject))
        (void)store_forget(r->shadow, &subject, redis_core_time(r), &found);
    else if (ends_in(text, len, " put"))
        (void)redis_standing_unlearn(r, hash, &subject);
    pthread_mutex_lock(&keeper->lock);
    if (keeper->n_news < NEWS)
        memcpy(keeper->news[keeper->n_news++], hash, SITEKEY_HASH);
    else
        keeper->missed = true;
    pthread_mutex_unlock(&keeper->lock);
    wake(keeper);
}

bool
redis_keeper_beat(struct redis_keeper *keeper)
{
    uint64_t number;

    pthread_mutex_lock(&keeper->lock);
    number = ++keeper->wanted;
    pthread_mutex_unlock(&keeper->lock);
    wake(keeper);
    pthread_mutex_lock(&keeper->lock);
    while (keeper->finished < number)
        pthread_cond_wait(&keeper->done, &keeper->lock);
    pthread_mutex_unlock(&keeper->lock);
    return keeper->taken;
}
