/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/link.h - one connection to one server, shared by all
 * threads: what they ask is pipelined, replies are matched in order.  Each
 * request has one absolute deadline, and a connection on which one was missed
 * is thrown away with all that is in flight on it.  Nothing is ever queued for
 * a server that cannot be reached.
 *
 * Who waits reads: the thread that waits for a reply and finds nobody reading
 * reads for all, so that a round trip costs no change of threads.  A thread of
 * the link's own (signals blocked) does the rest: it resolves the name,
 * connects (TCP, Unix, TLS), says who we are, and watches deadlines when
 * nobody waits.  All functions are thread-safe.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_LINK_H
#define MORTSAFE_POLICY_STORE_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/endpoint.h"
#include "policy/err.h"
#include "policy/store/redis/codec.h"
#include "policy/store/sqlite.h" /* struct store_clock */

struct redis_link;
struct link_request;
struct link_tls; /* redis/tls.h: an SSL_CTX, shared by links */

/* How to reach a server and what to say first; strings are copied. */
struct link_target {
    struct endpoint at;
    const char *password;  /* NULL: none */
    struct link_tls *tls;  /* borrowed for the link's life; NULL: plain */
    uint32_t deadline_ms;  /* of one attempt: name, connect, TLS, AUTH, SELECT,
                              CLIENT SETNAME, and `hello` below */
    bool subscriber;       /* messages come unasked: see link_events.pushed */
    uint32_t keepalive_ms; /* a subscriber's PING; 0: 5 s */
};

/*
 * Called by the link's own thread, without a lock, with what it needs to know
 * of the link's life.  Any may be NULL.
 */
struct link_events {
    /* Connected and authenticated: ask what else must be true (ROLE, SCRIPT
     * LOAD) with redis_link_send() and redis_link_wait().  Until it returns
     * MS_OK nobody else's requests are taken. */
    enum ms_err (*hello)(void *arg, struct redis_link *link, struct why *why);
    void (*up)(void *arg);
    /* The connection is gone, or an attempt has failed; WHY tells. */
    void (*down)(void *arg, const struct why *why);
    /* What a subscriber's server pushed: an array of three elements or more,
     * whose first is the text message, pmessage or smessage; the others are
     * not checked.  Borrowed. */
    void (*pushed)(void *arg, const struct reply *reply);
    void *arg;
};

/* Make a link in *OUT and begin to connect.  redis_link_destroy() ends it;
 * CLOCK is of spans that really pass, not a test's.  MS_NOMEM. */
enum ms_err redis_link_create(const struct link_target *target,
                              struct store_clock clock,
                              struct link_events events,
                              struct redis_link **out);

/* Fail all requests in flight (their `done` runs), close, end the thread.
 * Never waits for a name server.  NULL is fine. */
void redis_link_destroy(struct redis_link *link);

/* May requests be sent? */
bool redis_link_is_up(struct redis_link *link);

/* Throw the connection away (WHY becomes the trouble), fail all in flight, and
 * connect again: at once the first time, then with a jittered back-off from 50
 * ms to 1 s. */
void redis_link_drop(struct redis_link *link, const char *why);

/*
 * Send N commands back to back, as one request with N replies, due at
 * DEADLINE.  *OUT is ended by redis_link_wait() or redis_link_leave().  Never
 * waits; what the socket does not take at once is written by the link's thread.
 * MS_UNAVAIL: not up, or over LINK_BACKLOG bytes unsent; MS_TIMEOUT: DEADLINE
 * is past already; MS_NOMEM; then nothing was sent.
 */
enum { LINK_BACKLOG = 4 << 20, LINK_COMMANDS = 64 };
enum ms_err redis_link_send(struct redis_link *link,
                            const struct codec_command *commands, size_t n,
                            struct mono deadline, struct link_request **out);

/*
 * Wait for the replies, at most until the request's deadline, and end the
 * request.  N replies go to REPLIES (the caller's to destroy).  WAITED (NULL:
 * nobody asks) tells whether there was a wait at all.  MS_TIMEOUT: the
 * deadline was missed, and with it the connection; MS_UNAVAIL: the connection
 * is gone; either way the outcome is unknown.
 */
enum ms_err redis_link_wait(struct redis_link *link,
                            struct link_request *request,
                            struct reply **replies, bool *waited);

/*
 * Nobody will wait: DONE(ARG, err, replies, n) is called once, by whatever
 * thread reads (a lock of the link may not be held; replies are borrowed;
 * err as above, then n = 0).  DONE may send, and must not wait.  NULL: nobody
 * cares.
 */
typedef void link_done(void *arg, enum ms_err err, struct reply *const *replies,
                       size_t n);
void redis_link_leave(struct redis_link *link, struct link_request *request,
                      link_done *done, void *arg);

struct link_stats {
    bool up;
    struct mono since;
    char trouble[256];
    uint64_t commands, replies, connects;
    uint32_t in_flight; /* requests */
};
void redis_link_stats(struct redis_link *link, struct link_stats *out);

/* How long the last replies took, for a breaker: the mean of the last 20, in
 * microseconds; 0 until there were 20 on this connection. */
uint32_t redis_link_latency_us(struct redis_link *link);

#endif
