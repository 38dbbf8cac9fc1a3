/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/node.h - one server that is asked: its link, its breaker,
 * and how many hold it.  Inside of redis/nodes.h; its threads call each other
 * with no lock held.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_NODE_H
#define MORTSAFE_POLICY_STORE_REDIS_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "policy/store/redis/breaker.h"
#include "policy/store/redis/link.h"
#include "policy/store/redis/slots.h"

enum node_told { TOLD_NOTHING, TOLD_UP, TOLD_DOWN };

struct redis_node {
    struct redis_nodes *nodes;
    struct endpoint at;
    char name[ENDPOINT_NAME];
    struct redis_link *link;
    struct mono made;
    _Atomic unsigned refs;     /* of calls and the like; grows only while the
                                  map lists it */
    _Atomic bool usable;       /* its breaker is closed */
    _Atomic bool been_up;      /* it has been usable once */
    _Atomic bool probing;      /* a probe is on its way */
    _Atomic uint64_t errors;   /* commands without a good reply */
    _Atomic int64_t listed_ms; /* when last somebody named it */

    pthread_mutex_t lock; /* guards these; a leaf */
    struct breaker breaker;
    struct why trouble; /* "": none is known */
    struct mono probe_sent;

    /* the watch's own */
    enum node_told told;
    bool owns;             /* it has been in a map */
    char tag[SLOTS_TAG];   /* "": it owns no slot */
    struct mono confirmed; /* when a Sentinel was asked that named it */
};

/* Make a node and begin to connect.  MS_NOMEM. */
enum ms_err node_create(struct redis_nodes *nodes, const struct endpoint *at,
                        struct redis_node **out);

/* Nobody holds it; NULL is fine.  Not by a link's thread. */
void node_destroy(struct redis_node *node);

/* Give back what the map has lent. */
void node_unref(struct redis_node *node);

/* It cannot serve, WHY. */
void node_fail(struct redis_node *node, const char *why);

/* Is it so new that it is worth to wait for it? */
bool node_is_coming(struct redis_node *node, struct mono now);

/* Send a probe if one is due and can be sent.  By the watch alone. */
void node_probe(struct redis_node *node, struct mono now);

/* Look at its latency. */
void node_watch_latency(struct redis_node *node, struct mono now);

#endif
