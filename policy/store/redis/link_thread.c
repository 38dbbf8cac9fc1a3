/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A link's own thread: connects, greets, watches, and begins again.  How it
 * fits together is told in redis/link_inside.h.
 */
#include <config.h>

#include "policy/store/redis/link_inside.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include <sodium.h>

#include "policy/store/redis/greeting.h"

enum {
    QUIET_MS = 1000, /* without a request: then the thread sleeps */
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 1000,
    STEADY_MS = 1000 /* who was up for so long may come back at once */
};

/* ----- connecting */

/* Say who we are; then what the owner has to say. */
static enum ms_err
greet(struct redis_link *link, struct mono deadline, struct why *why)
{
    struct reply *replies[GREETINGS];
    struct link_request *request;
    struct greeting greeting;
    enum ms_err err;

    greeting_compose(link->target.at.user, link->password, link->target.at.db,
                     &greeting);
    err =
        redis_link_send(link, greeting.command, greeting.n, deadline, &request);
    if (err == MS_OK)
        err = redis_link_wait(link, request, replies, NULL);
    if (err != MS_OK)
        return err;
    err = greeting_judge(&greeting, replies, why);
    for (size_t i = 0; i < greeting.n; i++)
        reply_destroy(replies[i]);
    if (err == MS_OK && link->events.hello != NULL)
        err = link->events.hello(link->events.arg, link, why);
    return err;
}

static enum ms_err
dial(struct redis_link *link, struct mono deadline, struct conn **out,
     struct why *why)
{
    struct wire *wire = NULL;
    enum ms_err err = dialer_connect(link->dialer, deadline, &wire, why);

    if (err == MS_OK && link_conn_create(wire, out) != MS_OK)
        err = why_set(why, MS_NOMEM, "out of memory for a connection");
    return err;
}

/* What stands for the words that nobody has given. */
static const char *
words_for(enum ms_err err, const struct why *why)
{
    if (why->text[0] != '\0')
        return why->text;
    if (err == MS_TIMEOUT)
        return "no answer within the deadline";
    return err == MS_NOMEM ? "out of memory" : "the server does not fit";
}

/* Has CONN been greeted well?  Then it is everybody's. */
static bool
open_locked(struct redis_link *link, struct conn *conn, enum ms_err err,
            const struct why *why)
{
    link->greeting = false;
    if (err != MS_OK)
        link_drop_locked(link, conn, link_never, words_for(err, why));
    link_tell_finished_locked(link);
    if (conn->gone)
        return false;
    link->up = true;
    link->since = link_now(link);
    link->trouble[0] = '\0';
    link->connects++;
    return true;
}

/* One attempt.  True: CONN is up, and one of its users is the caller. */
static bool
connect_once(struct redis_link *link, struct conn **out)
{
    struct mono deadline = {link_now(link).ms + link->target.deadline_ms};
    struct conn *conn = NULL;
    struct why why = {""};
    enum ms_err err = dial(link, deadline, &conn, &why);
    bool good = false;

    link_lock(link);
    if (err != MS_OK) {
        link_set_trouble_locked(link, why.text);
        link_unlock(link);
        return false;
    }
    conn->users++;
    link->conn = conn;
    link->greeting = true;
    link->greet_until = deadline;
    if (link->stop)
        link_drop_locked(link, conn, link_never, "closed");
    link_unlock(link);
    err = greet(link, deadline, &why);
    link_lock(link);
    good = open_locked(link, conn, err, &why);
    if (good)
        *out = conn;
    else
        link_release_locked(conn);
    link_unlock(link);
    return good;
}

/* ----- watching */

/* Wait for an event on the thread's eventfd, or POLLED (fd -1: none). */
static void
sleep_on(struct redis_link *link, struct pollfd *polled, int timeout_ms)
{
    struct pollfd both[] = {{.fd = link->wake, .events = POLLIN}, *polled};
    eventfd_t count;

    if (poll(both, 2, timeout_ms) <= 0)
        both[0].revents = both[1].revents = 0;
    if (both[0].revents != 0)
        (void)eventfd_read(link->wake, &count);
    polled->revents = both[1].revents;
}

/* A subscriber asks nothing; so it asks whether the server is still there. */
static void
keep_alive_locked(struct redis_link *link, const struct conn *conn)
{
    struct mono now = link_now(link);
    struct mono deadline = {now.ms + link->target.deadline_ms};
    struct codec_command ping = {0};
    struct link_request *request;

    if (!link->target.subscriber || conn->first != NULL ||
        now.ms - link->last_sent.ms < link->keepalive_ms)
        return;
    link->last_sent = now;
    codec_word(&ping, "PING");
    link_unlock(link);
    if (redis_link_send(link, &ping, 1, deadline, &request) == MS_OK)
        redis_link_leave(link, request, NULL, NULL);
    link_lock(link);
}

/* Until when nothing needs to be done; -1: for good. */
static int
nap_ms_locked(struct redis_link *link, const struct conn *conn)
{
    int64_t since = link_now(link).ms - link->last_sent.ms;
    int left;

    link->idle = false;
    if (conn->first != NULL) {
        left = link_until_earliest_locked(link, conn, LINK_TICK_MS);
        return left > 0 ? left : 1;
    }
    link->idle = link->target.subscriber;
    if (link->target.subscriber)
        return since < link->keepalive_ms ? (int)(link->keepalive_ms - since)
                                          : 0;
    if (since < QUIET_MS)
        return LINK_TICK_MS;
    link->idle = true;
    return -1;
}

/* SEEN is what poll() saw. */
static void
look_around_locked(struct redis_link *link, struct conn *conn, short seen)
{
    if ((seen & conn->blocked) != 0 || (seen & POLLERR) != 0) {
        conn->blocked = 0;
        link_write_locked(link, conn);
    }
    link_look_locked(link, conn, (seen & POLLIN) != 0);
    /* who is reading may just not have come to it */
    link_watch_locked(link, conn, conn->reading ? LINK_TICK_MS : 0);
    link_tell_finished_locked(link);
}

/*
 * The end of the connection is told without POLLIN, which would wake this
 * thread for every reply.  Once seen it is left to who reads, or it would be
 * seen again and again.
 */
static void
watch(struct redis_link *link, struct conn *conn)
{
    const short wanted = link->target.subscriber ? POLLIN : POLLRDHUP;
    struct pollfd polled = {.fd = -1};

    link_lock(link);
    link->last_sent = link_now(link);
    while (!conn->gone) {
        bool ended = (polled.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
        int nap;

        look_around_locked(link, conn, polled.revents);
        if (conn->gone)
            break;
        keep_alive_locked(link, conn);
        nap = nap_ms_locked(link, conn);
        polled.fd = ended ? -1 : wire_fd(conn->wire);
        polled.events = (short)(wanted | conn->blocked);
        link_unlock(link);
        sleep_on(link, &polled, ended && nap < 0 ? LINK_TICK_MS : nap);
        link_lock(link);
    }
    link->idle = false;
    link_release_locked(conn);
    link_unlock(link);
}

/* ----- its life */

struct patience {
    unsigned tries; /* in vain, lately */
    bool hasty;     /* the last connection did not last */
};

/* The connection that is gone was up for so long. */
static void
be_patient(struct patience *patience, int64_t lasted_ms)
{
    if (lasted_ms >= STEADY_MS || !patience->hasty)
        patience->tries = 0;
    patience->hasty = lasted_ms < STEADY_MS;
}

/* At once, then between half and all of 50 ms, 100 ms, ... 1 s. */
static int
pause_ms(struct patience *patience)
{
    uint32_t ms = BACKOFF_MIN_MS;

    if (patience->tries++ == 0)
        return 0;
    for (unsigned i = 2; i < patience->tries && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    return (int)(ms / 2 + randombytes_uniform(ms / 2 + 1));
}

static void
tell_down(struct redis_link *link)
{
    struct why why;

    link_lock(link);
    (void)why_set(&why, MS_UNAVAIL, "%s", link->trouble);
    link_unlock(link);
    if (link->events.down != NULL)
        link->events.down(link->events.arg, &why);
}

static bool
is_stopped(struct redis_link *link)
{
    bool stop;

    link_lock(link);
    stop = link->stop;
    link_unlock(link);
    return stop;
}

void *
link_thread(void *arg)
{
    struct redis_link *link = arg;
    struct patience patience = {0, false};
    struct pollfd quit = {.fd = link->quit, .events = POLLIN};

    link_lock(link);
    link->self = pthread_self();
    link_unlock(link);
    while (!is_stopped(link)) {
        struct conn *conn;

        if (poll(&quit, 1, pause_ms(&patience)) > 0)
            break;
        if (connect_once(link, &conn)) {
            int64_t up_ms = link_now(link).ms;

            if (link->events.up != NULL)
                link->events.up(link->events.arg);
            watch(link, conn);
            be_patient(&patience, link_now(link).ms - up_ms);
        }
        if (!is_stopped(link))
            tell_down(link);
    }
    return NULL;
}
