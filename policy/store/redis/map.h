/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/map.h - which servers there are and who owns which slot:
 * what is behind redis/nodes.h, for the modules behind it.  Thread-safe.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_MAP_H
#define MORTSAFE_POLICY_STORE_REDIS_MAP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "policy/store/redis/node.h"
#include "policy/store/redis/nodes.h"

enum { MAP_SCRIPTS = 8, MAP_SHA = 41, MAP_RETIRED = 4 * SLOTS_NODES };

struct redis_watch;
struct redis_call;

struct redis_nodes {
    /* unchanging */
    struct redis_nodes_needs needs; /* WHERE points to the next */
    struct redis_where where;       /* strings are ours */
    struct link_tls *tls;
    struct redis_watch *watch;

    _Atomic uint64_t redirects, scripts;
    _Atomic bool stopping, refused;
    _Atomic unsigned following; /* threads that handle what was left */
    _Atomic bool refresh;       /* who owns what is to be asked again, soon */
    pthread_mutex_t probe; /* needs.probe and its judge are one at a time */

    pthread_mutex_t lock; /* guards these; a leaf */
    _Atomic bool knows_scripts;
    char sha[MAP_SCRIPTS][MAP_SHA]; /* unchanging once they are known */
    size_t n, n_retired;
    struct redis_node *node[SLOTS_NODES];
    struct redis_node *retired[MAP_RETIRED]; /* until nobody holds them */
    struct redis_node *owner[REDIS_SLOTS];   /* with REDIS_CLUSTER */
    unsigned owned;                          /* slots with an owner */
    struct mono torn; /* since when no slot, or not each, has an owner */
    struct why refusal;
    uint64_t past_commands; /* of nodes that are gone */
};

/* Now, of spans that really pass. */
struct mono map_now(const struct redis_nodes *nodes);

/* With what a link is made that leads to the server AT. */
struct link_target map_target(const struct redis_nodes *nodes,
                              const struct endpoint *at);

/* Is there somebody to ask about every key?  Are they all asked, too? */
bool map_is_whole(struct redis_nodes *nodes);
bool map_is_up(struct redis_nodes *nodes);

/* The server that is asked about SLOT, lent: node_unref(); NULL: none is. */
struct redis_node *map_owner(struct redis_nodes *nodes, unsigned slot);

/* The Ith server, lent; NULL: there are no more. */
struct redis_node *map_at(struct redis_nodes *nodes, size_t i);

/* The server AT, lent, which is added to the map if it is new; NULL: no room
 * or no memory. */
struct redis_node *map_find(struct redis_nodes *nodes,
                            const struct endpoint *at);

/* SLOT is NODE's (lent; NULL: nobody's) until more is known, which is asked
 * for. */
void map_moved(struct redis_nodes *nodes, unsigned slot,
               struct redis_node *node);

/* Ask soon who owns what, or is the master. */
void map_refresh(struct redis_nodes *nodes);

/* All slots as SLOTS has them.  Whom it does not list is retired, but for those
 * that never owned any and were named since BEFORE: slots move to them. */
void map_set_slots(struct redis_nodes *nodes, const struct slots *slots,
                   struct mono before);

/* AT is the only server now. */
void map_set_master(struct redis_nodes *nodes, const struct endpoint *at);

/* See to it that NODE's tag belongs to one of its slots, if it has any.  By
 * the watch alone, while no probe is on its way. */
void map_tag(struct redis_nodes *nodes, struct redis_node *node);

/* End what is retired and held by nobody.  By the watch alone. */
void map_sweep(struct redis_nodes *nodes);

/* Retire all. */
void map_clear(struct redis_nodes *nodes);

#endif
