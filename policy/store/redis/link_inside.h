/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/link_inside.h - what the two halves of a link share: those
 * who ask (redis/link.c) and its own thread (redis/link_thread.c).
 *
 * One lock guards the link and all that is in flight.  It is not held across
 * a read, a write, a poll or a call of somebody else's: those belong to who
 * holds the connection's token, `reading` or `writing`.  A connection is closed
 * by the last of its users; who throws it away shuts it, and so wakes them.
 *
 * Who waits and finds nobody reading reads, until its own replies are there,
 * and then wakes one of those who still wait.  Nobody else needs a time to wake
 * up by: the reader watches the earliest deadline, and the link's thread looks
 * every LINK_TICK_MS while anything is in flight.  The thread sleeps for good
 * only after a while without a request; who sends then wakes it (`idle`).
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_LINK_INSIDE_H
#define MORTSAFE_POLICY_STORE_REDIS_LINK_INSIDE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/store/redis/dial.h"
#include "policy/store/redis/link.h"
#include "policy/store/redis/wire.h"

enum {
    LINK_TICK_MS = 25,
    LINK_SAMPLES = 20 /* of how long replies took */
};

struct link_request {
    struct link_request *next; /* in flight, or to be called */
    struct mono sent, deadline;
    size_t n, got; /* replies */
    enum ms_err err;
    bool ended, waiting, left;
    link_done *done;
    void *arg;
    pthread_cond_t cond; /* it has ended, or its owner is to read */
    struct reply *reply[];
};

struct conn {
    struct wire *wire;
    struct codec_reader *codec; /* of who is reading */
    unsigned users;             /* the link, and who is outside its lock */
    bool gone;                  /* thrown away: not the link's any more */
    bool reading, writing;      /* somebody is */
    short blocked;              /* what writing waits for (POLLOUT), or 0 */
    struct link_request *first, **last;
    int64_t earliest_ms; /* no deadline in flight is earlier */
    struct codec_bytes out;
    struct codec_bytes current; /* of who is writing, PUT bytes of it are */
    size_t put;
    uint32_t sample_ms[LINK_SAMPLES], samples;
};

struct redis_link {
    struct link_target target;
    char *password;
    int keepalive_ms;
    struct store_clock clock;
    struct link_events events;
    struct dialer *dialer; /* the thread's */
    pthread_t thread;
    int wake, quit; /* eventfds to the thread; QUIT stays readable */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t calm;  /* nobody is in a `done` */
    unsigned refs;        /* its owner, and each request's owner */
    bool stop, up, idle;
    bool greeting; /* only SELF may send, until GREET_UNTIL */
    pthread_t self;
    struct mono greet_until;
    struct conn *conn; /* NULL: none */
    struct link_request *finished;
    unsigned calling; /* threads in a `done` */
    struct mono since, last_sent;
    char trouble[256];
    uint64_t commands, replies, connects;
};

/* The link's thread, until `stop`; signals are to be blocked. */
void *link_thread(void *link);

struct mono link_now(const struct redis_link *link);
void link_lock(struct redis_link *link);
void link_unlock(struct redis_link *link);

/* Over WIRE (moved); one of its users is the link.  MS_NOMEM. */
enum ms_err link_conn_create(struct wire *wire, struct conn **out);

/* One of CONN's users is done with it. */
void link_release_locked(struct conn *conn);

/* Throw CONN away, if it is not.  Whose deadline is past at NOW has missed it;
 * the rest has lost its connection. */
void link_drop_locked(struct redis_link *link, struct conn *conn,
                      struct mono now, const char *why);
extern const struct mono link_never; /* nobody has missed a deadline */

void link_set_trouble_locked(struct redis_link *link, const char *why);

/* Drop CONN if a deadline in flight is past GRACE_MS ago; else find out which
 * is the earliest now. */
void link_watch_locked(struct redis_link *link, struct conn *conn,
                       int grace_ms);

/* How long until the earliest deadline; at most MOST_MS. */
int link_until_earliest_locked(const struct redis_link *link,
                               const struct conn *conn, int most_ms);

/* Of these three the lock is given up meanwhile; CONN may be gone then. */

/* Write what there is to write, unless somebody does. */
void link_write_locked(struct redis_link *link, struct conn *conn);

/* Read what has come, if nobody else does, and do not wait.  FRESH: it has just
 * come; else it may have lain there for a while. */
void link_look_locked(struct redis_link *link, struct conn *conn, bool fresh);

/* Call `done` of those who left. */
void link_tell_finished_locked(struct redis_link *link);

#endif
