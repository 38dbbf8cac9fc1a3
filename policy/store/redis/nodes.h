/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/nodes.h - which server is asked about a key: the one
 * there is, the master that Sentinels name, or the owner of the key's slot in
 * a Cluster.  Each has a link and a breaker.  A call follows MOVED and ASK (at
 * most 5), asks again on TRYAGAIN, and loads a script that a server lacks;
 * all within one deadline.  All functions are thread-safe.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_NODES_H
#define MORTSAFE_POLICY_STORE_REDIS_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/endpoint.h"
#include "policy/err.h"
#include "policy/store/redis/codec.h"
#include "policy/store/redis/tls.h"
#include "policy/store/sqlite.h"
#include "policy/store/store.h"

struct redis_nodes;
struct redis_call;

enum redis_layout { REDIS_SINGLE, REDIS_SENTINEL, REDIS_CLUSTER };

enum { REDIS_SEEDS = 16, REDIS_HOPS = 5, REDIS_SLOTS = 16384 };

/* All is copied, but what is said to be borrowed. */
struct redis_where {
    enum redis_layout layout;
    struct endpoint seed[REDIS_SEEDS]; /* the server; Sentinels; nodes */
    size_t n_seeds;
    char master[64]; /* its name among Sentinels */
    bool tls;        /* with REDIS_SENTINEL: to Sentinels and servers */
    char user[ENDPOINT_USER];
    unsigned db;                         /* 0 with REDIS_CLUSTER */
    const char *password;                /* borrowed; NULL: none */
    const char *sentinel_password;       /* the same */
    struct link_tls_options tls_options; /* strings borrowed */
    uint32_t deadline_ms;
};

/* Lua that servers are to know, by index; borrowed, for good. */
struct redis_lua {
    const char *name; /* "charge" */
    const char *text;
    size_t len;
};

struct redis_nodes_needs {
    const struct redis_where *where;
    const struct redis_lua *scripts;
    size_t n_scripts;
    struct store_clock clock; /* of spans that really pass */
    /*
     * Write a probe to OUT: a command that writes to a key with hash tag TAG,
     * which belongs to the server in question.  What it points to must live
     * until the next call; one thread calls.  SCRIPT is the script's index.
     */
    void (*probe)(void *arg, const char *tag, struct codec_command *out,
                  size_t *script);
    /* Is the reply to a probe as it should be? */
    bool (*probe_is_good)(void *arg, const struct reply *reply);
    /* A server is asked (the first time, too), or is not any more (WHY tells):
     * told once each time, by a thread of ours, no lock held.  NODE may also be
     * the master's name or "cluster": then nobody is known to ask about some
     * keys, or is again.  DEGRADED: some server is not asked now. */
    void (*changed)(void *arg, const char *node, bool up, bool degraded,
                    const struct why *why);
    void *arg;
};

/*
 * Make them in *OUT; redis_nodes_destroy() ends them.  Nothing is waited for:
 * until a server is found and has answered a probe, calls fail.  MS_UNAVAIL:
 * WHY names the TLS file that cannot be used.  MS_NOMEM.
 */
enum ms_err redis_nodes_create(const struct redis_nodes_needs *needs,
                               struct redis_nodes **out, struct why *why);
void redis_nodes_destroy(struct redis_nodes *nodes);

/* Wait until all servers are asked, or DEADLINE; are they? */
bool redis_nodes_wait_up(struct redis_nodes *nodes, struct mono deadline);

/* CRC16 of the part of KEY in braces, if there is one, modulo 16384
 * (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec).
 */
unsigned redis_slot(const void *key, size_t len);

/* REDIS_CALL_PLAIN: ARGS is the whole command.  Else ARGS is what follows
 * EVALSHA and its hash: the number of keys, keys, arguments. */
#define REDIS_CALL_PLAIN SIZE_MAX

/*
 * Ask about KEY.  ARGS are copied.  *OUT is ended by redis_call_wait() or
 * redis_call_leave().  Never waits.  MS_UNAVAIL: its server is not asked now
 * (an open breaker, no connection, no owner of the slot), MS_NOMEM; nothing
 * was sent then.
 */
enum ms_err redis_nodes_call(struct redis_nodes *nodes, const void *key,
                             size_t key_len, size_t script,
                             const struct codec_command *args,
                             struct redis_call **out);

/*
 * Wait until the call's own deadline, and end the call.  After UNTIL it is not
 * waited for at all, and no redirect is followed any more; a wait that has
 * begun before may last longer, by less than the deadline of a call.  *OUT is
 * the reply, the caller's; never an error that says the server
 * cannot serve (those open the breaker), but it may be an error about this
 * call (WRONGTYPE, a script's own).  *UNKNOWN on failure: it may have been
 * carried out.  MS_TIMEOUT, MS_UNAVAIL.
 */
enum ms_err redis_call_wait(struct redis_call *call, struct mono until,
                            struct reply **out, bool *waited, bool *unknown);

/* Nobody will wait.  DONE as of redis_link_leave(), with one reply; NULL:
 * nobody cares.  It still follows redirects, within its deadline. */
void redis_call_leave(struct redis_call *call,
                      void (*done)(void *arg, enum ms_err err,
                                   const struct reply *reply),
                      void *arg);

/*
 * For the operator's lists: ask every server that is asked now PLAIN commands
 * one after the other.  How many there are, and the reply of the Ith to ARGS;
 * waits until its deadline.  Servers may come and go meanwhile: MS_UNAVAIL.
 */
size_t redis_nodes_count(struct redis_nodes *nodes);
enum ms_err redis_nodes_ask(struct redis_nodes *nodes, size_t i,
                            const struct codec_command *args,
                            struct reply **out);

/*
 * Subscribe to CHANNEL on any server, for good: MESSAGE is called with each
 * message, LOST when some may have been missed (also at the beginning); by a
 * thread of ours, no lock held.  Once.  MS_NOMEM.
 */
enum ms_err
redis_nodes_subscribe(struct redis_nodes *nodes, const char *channel,
                      void (*message)(void *arg, const char *text, size_t len),
                      void (*lost)(void *arg), void *arg);

/* The server that is asked about KEY has answered a script of ours with REPLY,
 * which is none of its answers: it counts as one that cannot serve. */
void redis_nodes_blame(struct redis_nodes *nodes, const void *key,
                       size_t key_len, const struct reply *reply);

/* This store must not be used: every call fails from now on, WHY is the
 * trouble of all nodes. */
void redis_nodes_refuse(struct redis_nodes *nodes, const char *why);

/* Fill in nodes, degraded, since, commands, redirects, scripts. */
void redis_nodes_stats(struct redis_nodes *nodes, struct store_shared *out);

#endif
