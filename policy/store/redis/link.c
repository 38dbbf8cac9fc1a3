/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Those who ask: requests in flight, and who writes and reads for all.  How
 * it fits together is told in redis/link_inside.h.
 */
#include <config.h>

#include "policy/store/redis/link.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sodium.h>

#include "policy/store/redis/greeting.h"
#include "policy/store/redis/link_inside.h"

enum {
    CHUNK = 16384,     /* read at once */
    BATCH = 64,        /* replies matched at once */
    KEEP_ROOM = 65536, /* of a buffer that is empty */
    KEEPALIVE_MS = 5000,
    LONGEST_MS = 60000 /* that poll() waits at a time */
};

struct mono
link_now(const struct redis_link *link)
{
    return link->clock.now(link->clock.arg).mono;
}

void
link_lock(struct redis_link *link)
{
    (void)pthread_mutex_lock(&link->lock);
}

void
link_unlock(struct redis_link *link)
{
    (void)pthread_mutex_unlock(&link->lock);
}

static bool
is_self_locked(const struct redis_link *link)
{
    return link->greeting && pthread_equal(link->self, pthread_self());
}

/* ----- requests */

/* End a request and the replies that are still its own. */
static void
request_end(struct link_request *request)
{
    if (request == NULL)
        return;
    for (size_t i = 0; i < request->got; i++)
        reply_destroy(request->reply[i]);
    (void)pthread_cond_destroy(&request->cond);
    free(request);
}

static enum ms_err
request_create(size_t n, struct link_request **out)
{
    struct link_request *request =
        calloc(1, sizeof(*request) + n * sizeof(struct reply *));

    if (request == NULL)
        return MS_NOMEM;
    request->n = n;
    (void)pthread_cond_init(&request->cond, NULL);
    *out = request;
    return MS_OK;
}

/* It is in flight no more. */
static void
request_finish_locked(struct redis_link *link, struct link_request *request,
                      enum ms_err err)
{
    request->err = err;
    request->ended = true;
    if (request->waiting)
        (void)pthread_cond_signal(&request->cond);
    if (request->left) {
        request->next = link->finished;
        link->finished = request;
    }
}

static void
call_done(struct link_request *request)
{
    bool good = request->err == MS_OK;

    if (request->done != NULL)
        request->done(request->arg, request->err, request->reply,
                      good ? request->n : 0);
    request_end(request);
}

/* The order in which they ended. */
static struct link_request *
take_finished_locked(struct redis_link *link)
{
    struct link_request *list = NULL, *request;

    while ((request = link->finished) != NULL) {
        link->finished = request->next;
        request->next = list;
        list = request;
    }
    return list;
}

void
link_tell_finished_locked(struct redis_link *link)
{
    while (link->finished != NULL) {
        struct link_request *list = take_finished_locked(link);

        link->calling++;
        link_unlock(link);
        while (list != NULL) {
            struct link_request *request = list;

            list = request->next;
            call_done(request);
        }
        link_lock(link);
        link->calling--;
    }
    if (link->calling == 0)
        (void)pthread_cond_broadcast(&link->calm);
}

/* ----- connections */

static void
conn_end(struct conn *conn)
{
    if (conn == NULL)
        return;
    wire_destroy(conn->wire);
    codec_reader_destroy(conn->codec);
    codec_bytes_end(&conn->out);
    codec_bytes_end(&conn->current);
    free(conn);
}

enum ms_err
link_conn_create(struct wire *wire, struct conn **out)
{
    struct conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL || codec_reader_create(&conn->codec) != MS_OK) {
        wire_destroy(wire);
        free(conn);
        return MS_NOMEM;
    }
    conn->wire = wire;
    conn->users = 1;
    conn->last = &conn->first;
    conn->earliest_ms = INT64_MAX;
    *out = conn;
    return MS_OK;
}

void
link_release_locked(struct conn *conn)
{
    if (--conn->users == 0)
        conn_end(conn);
}

static void
wake(struct redis_link *link)
{
    (void)eventfd_write(link->wake, 1);
}

/* What is too long ends in dots. */
void
link_set_trouble_locked(struct redis_link *link, const char *why)
{
    int len = snprintf(link->trouble, sizeof(link->trouble), "%s", why);

    if (len >= (int)sizeof(link->trouble))
        memcpy(link->trouble + sizeof(link->trouble) - 4, "...", 4);
}

/* A deadline that is past at NOW was missed; the rest has lost its
 * connection. */
static void
fail_all_locked(struct redis_link *link, struct conn *conn, struct mono now)
{
    while (conn->first != NULL) {
        struct link_request *request = conn->first;

        conn->first = request->next;
        request_finish_locked(link, request,
                              request->deadline.ms <= now.ms ? MS_TIMEOUT
                                                             : MS_UNAVAIL);
    }
    conn->last = &conn->first;
}

void
link_drop_locked(struct redis_link *link, struct conn *conn, struct mono now,
                 const char *why)
{
    if (conn->gone)
        return;
    conn->gone = true;
    link->conn = NULL;
    link->up = false;
    link->since = link_now(link);
    link_set_trouble_locked(link, why);
    wire_shut(conn->wire);
    fail_all_locked(link, conn, now);
    wake(link);
    link_release_locked(conn);
}

const struct mono link_never = {INT64_MIN};

void
link_watch_locked(struct redis_link *link, struct conn *conn, int grace_ms)
{
    struct mono now = {link_now(link).ms - grace_ms};
    int64_t earliest = INT64_MAX;

    if (conn->gone || now.ms < conn->earliest_ms)
        return;
    for (struct link_request *r = conn->first; r != NULL; r = r->next)
        if (r->deadline.ms < earliest)
            earliest = r->deadline.ms;
    conn->earliest_ms = earliest;
    if (earliest <= now.ms)
        link_drop_locked(link, conn, now, "no answer within the deadline");
}

/* ----- writing */

void
link_write_locked(struct redis_link *link, struct conn *conn)
{
    struct codec_bytes empty;

    if (conn->writing || conn->blocked != 0)
        return;
    conn->writing = true;
    conn->users++;
    while (!conn->gone && conn->blocked == 0) {
        enum tls_result result;
        struct why why;
        size_t n = 0;

        if (conn->put == conn->current.len) {
            if (conn->out.len == 0)
                break;
            if (conn->current.room > KEEP_ROOM)
                codec_bytes_end(&conn->current);
            empty = conn->current;
            conn->current = conn->out;
            conn->out = empty;
            conn->out.len = conn->put = 0;
        }
        link_unlock(link);
        result = wire_write(conn->wire, conn->current.at + conn->put,
                            conn->current.len - conn->put, &n, &why);
        link_lock(link);
        conn->put += n;
        if (result == TLS_ENDED) {
            link_drop_locked(link, conn, link_never, why.text);
        } else if (result != TLS_DONE) {
            conn->blocked = result == TLS_WANTS_WRITE ? POLLOUT : POLLIN;
            wake(link);
        }
    }
    conn->writing = false;
    link_release_locked(conn);
}

/* ----- reading, by who holds the token */

/* What a server tells its subscribers unasked. */
static bool
is_push(const struct reply *reply)
{
    static const char *const kinds[] = {"message", "pmessage", "smessage"};

    if (reply->type != REPLY_ARRAY || reply->n < 3 ||
        reply->element[0]->type != REPLY_TEXT)
        return false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(reply->element[0]->text, kinds[i]) == 0)
            return true;
    return false;
}

static void
sample_locked(struct conn *conn, int64_t took_ms)
{
    uint32_t *sample = &conn->sample_ms[conn->samples % LINK_SAMPLES];

    *sample = took_ms > 0 ? (uint32_t)took_ms : 0; /* a deadline at most */
    conn->samples++;
    if (conn->samples == 2 * LINK_SAMPLES)
        conn->samples = LINK_SAMPLES;
}

/*
 * Give REPLY (moved) to the first request in flight; false: there is none, and
 * it was not moved.  FRESH: as link_look_locked() has it.
 */
static bool
match_locked(struct redis_link *link, struct conn *conn, struct reply *reply,
             bool fresh)
{
    struct link_request *request = conn->first;
    int64_t took_ms;

    if (request == NULL)
        return false;
    request->reply[request->got++] = reply;
    link->replies++;
    if (request->got < request->n)
        return true;
    took_ms = link_now(link).ms - request->sent.ms;
    if (fresh || took_ms <= LINK_TICK_MS)
        sample_locked(conn, took_ms);
    conn->first = request->next;
    if (conn->first == NULL) {
        conn->last = &conn->first;
        conn->earliest_ms = INT64_MAX;
    }
    request_finish_locked(link, request, MS_OK);
    return true;
}

struct batch {
    struct reply *reply[BATCH];
    size_t n;
    enum ms_err err; /* of what follows */
};

/* Parse some of what was fed.  What was pushed is told at once. */
static void
parse(struct redis_link *link, struct conn *conn, struct batch *out)
{
    out->n = 0;
    out->err = MS_OK;
    while (out->n < BATCH) {
        struct reply *reply = NULL;

        out->err = codec_next(conn->codec, &reply);
        if (out->err != MS_OK || reply == NULL)
            return;
        if (!link->target.subscriber || !is_push(reply)) {
            out->reply[out->n++] = reply;
            continue;
        }
        if (link->events.pushed != NULL)
            link->events.pushed(link->events.arg, reply);
        reply_destroy(reply);
    }
}

/* A server that refuses us says so before it is asked, and closes. */
static void
refuse_locked(struct redis_link *link, struct conn *conn, struct reply *reply)
{
    struct why why;

    if (reply->type == REPLY_ERROR)
        (void)greeting_why(&why, "the server", reply);
    else
        (void)why_set(&why, MS_UNAVAIL,
                      "the server answered what was not asked");
    link_drop_locked(link, conn, link_never, why.text);
    reply_destroy(reply);
}

static void
dispatch_locked(struct redis_link *link, struct conn *conn,
                const struct batch *batch, bool fresh)
{
    for (size_t i = 0; i < batch->n; i++)
        if (conn->gone)
            reply_destroy(batch->reply[i]);
        else if (!match_locked(link, conn, batch->reply[i], fresh))
            refuse_locked(link, conn, batch->reply[i]);
    if (batch->err == MS_NOMEM)
        link_drop_locked(link, conn, link_never, "out of memory for a reply");
    else if (batch->err != MS_OK)
        link_drop_locked(
            link, conn, link_never,
            "what the server says is not Redis's protocol, or beyond "
            "all bounds");
}

/*
 * Read once what is there and deal with it.  Returns what poll() must wait for
 * before there can be more; 0: try again, or look whether CONN is gone.
 */
static short
read_locked(struct redis_link *link, struct conn *conn, bool fresh)
{
    uint8_t chunk[CHUNK];
    enum tls_result result;
    struct batch batch;
    struct why why;
    size_t got = 0;

    link_unlock(link);
    result = wire_read(conn->wire, chunk, sizeof(chunk), &got, &why);
    batch.err =
        result == TLS_DONE ? codec_feed(conn->codec, chunk, got) : MS_OK;
    batch.n = 0;
    if (result == TLS_DONE && batch.err == MS_OK)
        parse(link, conn, &batch);
    link_lock(link);
    if (result == TLS_ENDED)
        link_drop_locked(link, conn, link_never, why.text);
    if (result == TLS_WANTS_READ)
        return POLLIN;
    if (result == TLS_WANTS_WRITE)
        return POLLOUT;
    dispatch_locked(link, conn, &batch, fresh);
    while (batch.n == BATCH && !conn->gone) {
        link_unlock(link);
        parse(link, conn, &batch);
        link_lock(link);
        dispatch_locked(link, conn, &batch, fresh);
    }
    return 0;
}

static void
begin_reading_locked(struct conn *conn)
{
    conn->reading = true;
    conn->users++;
}

/* Whoever still waits goes on reading; one of them is enough. */
static void
end_reading_locked(struct conn *conn)
{
    struct link_request *request = conn->first;

    conn->reading = false;
    while (request != NULL && !request->waiting)
        request = request->next;
    if (request != NULL)
        (void)pthread_cond_signal(&request->cond);
    link_release_locked(conn);
}

void
link_look_locked(struct redis_link *link, struct conn *conn, bool fresh)
{
    if (conn->reading || conn->gone)
        return;
    begin_reading_locked(conn);
    while (!conn->gone && read_locked(link, conn, fresh) == 0)
        link_tell_finished_locked(link);
    end_reading_locked(conn);
}

int
link_until_earliest_locked(const struct redis_link *link,
                           const struct conn *conn, int most_ms)
{
    int64_t left = conn->earliest_ms - link_now(link).ms;

    if (conn->earliest_ms == INT64_MAX || left > most_ms)
        return most_ms;
    return left > 0 ? (int)left : 0;
}

/* Read for all until REQUEST has ended; *SLEPT: it took a wait. */
static void
lead_locked(struct redis_link *link, struct conn *conn,
            const struct link_request *request, bool *slept)
{
    struct pollfd polled = {.fd = wire_fd(conn->wire)};
    bool fresh = false;

    begin_reading_locked(conn);
    while (!request->ended) {
        int left;

        polled.events = read_locked(link, conn, fresh);
        link_tell_finished_locked(link);
        fresh = false;
        if (polled.events == 0 || request->ended)
            continue;
        link_watch_locked(link, conn, 0);
        if (request->ended)
            break;
        left = link_until_earliest_locked(link, conn, LONGEST_MS);
        link_unlock(link);
        fresh = poll(&polled, 1, left) > 0;
        link_lock(link);
        *slept = true;
    }
    end_reading_locked(conn);
}

/* ----- sending */

static bool
may_send_locked(const struct redis_link *link)
{
    return link->conn != NULL && (link->up || is_self_locked(link));
}

/* Those who would take a subscriber's messages are not to be any thread. */
static bool
may_read_locked(const struct redis_link *link)
{
    return !link->target.subscriber || is_self_locked(link);
}

/*
 * Before anything is in flight nothing may have come: neither the end of the
 * connection nor a reply that the next request would take for its own.
 */
static bool
is_ready_locked(struct redis_link *link)
{
    struct conn *conn = link->conn;

    if (!may_send_locked(link))
        return false;
    if (conn->first == NULL && may_read_locked(link))
        link_look_locked(link, conn, false);
    return may_send_locked(link);
}

static enum ms_err
append_locked(struct conn *conn, const struct codec_bytes *bytes)
{
    struct codec_bytes *out = &conn->out;
    size_t unsent = out->len + conn->current.len - conn->put;

    if (unsent > LINK_BACKLOG || bytes->len > LINK_BACKLOG - unsent)
        return MS_UNAVAIL;
    if (bytes->len > out->room - out->len) {
        size_t room = 2 * (out->len + bytes->len);
        uint8_t *at = realloc(out->at, room);

        if (at == NULL)
            return MS_NOMEM;
        out->at = at;
        out->room = room;
    }
    memcpy(out->at + out->len, bytes->at, bytes->len);
    out->len += bytes->len;
    return MS_OK;
}

/* Put REQUEST behind those in flight, and BYTES behind theirs. */
static enum ms_err
launch_locked(struct redis_link *link, struct link_request *request,
              const struct codec_bytes *bytes)
{
    struct conn *conn;
    enum ms_err err;

    if (!is_ready_locked(link))
        return MS_UNAVAIL;
    conn = link->conn;
    err = append_locked(conn, bytes);
    if (err != MS_OK)
        return err;
    request->sent = link->last_sent = link_now(link);
    if (link->greeting && request->deadline.ms > link->greet_until.ms)
        request->deadline = link->greet_until;
    *conn->last = request;
    conn->last = &request->next;
    if (request->deadline.ms < conn->earliest_ms)
        conn->earliest_ms = request->deadline.ms;
    link->refs++;
    link->commands += request->n;
    if (link->idle) {
        link->idle = false;
        wake(link);
    }
    link_write_locked(link, conn);
    return MS_OK;
}

enum ms_err
redis_link_send(struct redis_link *link, const struct codec_command *commands,
                size_t n, struct mono deadline, struct link_request **out)
{
    struct link_request *request = NULL;
    struct codec_bytes bytes = {NULL, 0, 0};
    enum ms_err err = MS_TIMEOUT;

    assert(n > 0 && n <= LINK_COMMANDS);
    if (deadline.ms > link_now(link).ms)
        err = request_create(n, &request);
    for (size_t i = 0; i < n && err == MS_OK; i++)
        err = codec_write(&commands[i], &bytes);
    if (err == MS_OK) {
        request->deadline = deadline;
        link_lock(link);
        err = launch_locked(link, request, &bytes);
        link_tell_finished_locked(link);
        link_unlock(link);
    }
    codec_bytes_end(&bytes);
    if (err == MS_OK)
        *out = request;
    else
        request_end(request);
    return err;
}

/* ----- waiting, leaving */

static void
link_end(struct redis_link *link)
{
    dialer_destroy(link->dialer);
    if (link->wake >= 0)
        close(link->wake);
    if (link->quit >= 0)
        close(link->quit);
    if (link->password != NULL)
        sodium_memzero(link->password, strlen(link->password));
    free(link->password);
    (void)pthread_cond_destroy(&link->calm);
    (void)pthread_mutex_destroy(&link->lock);
    free(link);
}

/* Give up the lock and a reference. */
static void
unlock_and_release(struct redis_link *link)
{
    bool last = --link->refs == 0;

    link_unlock(link);
    if (last)
        link_end(link);
}

enum ms_err
redis_link_wait(struct redis_link *link, struct link_request *request,
                struct reply **replies, bool *waited)
{
    bool slept = false;
    enum ms_err err;

    link_lock(link);
    request->waiting = true;
    while (!request->ended) {
        struct conn *conn = link->conn; /* what is in flight has one */

        if (!conn->reading && may_read_locked(link)) {
            lead_locked(link, conn, request, &slept);
            continue;
        }
        slept = true;
        (void)pthread_cond_wait(&request->cond, &link->lock);
    }
    link_tell_finished_locked(link);
    unlock_and_release(link);
    err = request->err;
    if (err == MS_OK) {
        memcpy(replies, request->reply, request->n * sizeof(replies[0]));
        request->got = 0;
    }
    request_end(request);
    if (waited != NULL)
        *waited = slept;
    return err;
}

void
redis_link_leave(struct redis_link *link, struct link_request *request,
                 link_done *done, void *arg)
{
    link_lock(link);
    request->done = done;
    request->arg = arg;
    request->left = true;
    if (request->ended) {
        request->next = link->finished;
        link->finished = request;
        link_tell_finished_locked(link);
    }
    unlock_and_release(link);
}

/* ----- the owner */

static enum ms_err
start(struct redis_link *link)
{
    sigset_t all, before;
    int failed;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&link->thread, NULL, link_thread, link);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? MS_OK : MS_NOMEM;
}

static enum ms_err
fill(struct redis_link *link, const struct link_target *target)
{
    struct dialer_needs needs = {target->at, target->tls, link->clock, -1};

    link->target = *target;
    link->target.password = NULL;
    link->keepalive_ms =
        target->keepalive_ms != 0 ? (int)target->keepalive_ms : KEEPALIVE_MS;
    if (target->password != NULL) {
        link->password = strdup(target->password);
        if (link->password == NULL)
            return MS_NOMEM;
    }
    link->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    link->quit = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (link->wake < 0 || link->quit < 0)
        return MS_NOMEM;
    needs.quit = link->quit;
    return dialer_create(&needs, &link->dialer);
}

enum ms_err
redis_link_create(const struct link_target *target, struct store_clock clock,
                  struct link_events events, struct redis_link **out)
{
    struct redis_link *link = calloc(1, sizeof(*link));
    enum ms_err err;

    if (link == NULL)
        return MS_NOMEM;
    link->clock = clock;
    link->events = events;
    link->wake = link->quit = -1;
    link->refs = 1;
    (void)pthread_mutex_init(&link->lock, NULL);
    (void)pthread_cond_init(&link->calm, NULL);
    link->since = link_now(link);
    link_set_trouble_locked(link, "connecting");
    err = fill(link, target);
    if (err == MS_OK)
        err = start(link);
    if (err == MS_OK)
        *out = link;
    else
        link_end(link);
    return err;
}

void
redis_link_destroy(struct redis_link *link)
{
    if (link == NULL)
        return;
    link_lock(link);
    link->stop = true;
    if (link->conn != NULL)
        link_drop_locked(link, link->conn, link_never, "closed");
    (void)eventfd_write(link->quit, 1);
    wake(link);
    link_tell_finished_locked(link);
    link_unlock(link);
    (void)pthread_join(link->thread, NULL);
    link_lock(link);
    link_tell_finished_locked(link);
    while (link->calling > 0)
        (void)pthread_cond_wait(&link->calm, &link->lock);
    unlock_and_release(link);
}

bool
redis_link_is_up(struct redis_link *link)
{
    bool up;

    link_lock(link);
    up = link->up;
    link_unlock(link);
    return up;
}

void
redis_link_drop(struct redis_link *link, const char *why)
{
    link_lock(link);
    if (link->conn != NULL)
        link_drop_locked(link, link->conn, link_never, why);
    link_tell_finished_locked(link);
    link_unlock(link);
}

void
redis_link_stats(struct redis_link *link, struct link_stats *out)
{
    memset(out, 0, sizeof(*out));
    link_lock(link);
    out->up = link->up;
    out->since = link->since;
    memcpy(out->trouble, link->trouble, sizeof(out->trouble));
    out->commands = link->commands;
    out->replies = link->replies;
    out->connects = link->connects;
    if (link->conn != NULL)
        for (struct link_request *r = link->conn->first; r != NULL; r = r->next)
            out->in_flight++;
    link_unlock(link);
}

uint32_t
redis_link_latency_us(struct redis_link *link)
{
    uint64_t sum_ms = 0;

    link_lock(link);
    if (link->conn != NULL && link->conn->samples >= LINK_SAMPLES)
        for (unsigned i = 0; i < LINK_SAMPLES; i++)
            sum_ms += link->conn->sample_ms[i];
    link_unlock(link);
    return (uint32_t)(sum_ms * 1000 / LINK_SAMPLES);
}
