/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/listen.h - a subscription that follows the servers: to
 * one that is asked, to another if it goes.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_LISTEN_H
#define MORTSAFE_POLICY_STORE_REDIS_LISTEN_H

#include "policy/store/redis/map.h"

struct redis_listen;

enum ms_err listen_create(struct redis_nodes *nodes, struct redis_listen **out);
void listen_destroy(struct redis_listen *listen); /* NULL is fine */

/* What redis_nodes_subscribe() is told; once. */
enum ms_err listen_begin(struct redis_listen *listen, const char *channel,
                         void (*message)(void *arg, const char *text,
                                         size_t len),
                         void (*lost)(void *arg), void *arg);

/* See to the connection; close it for good.  By the watch's thread. */
void listen_step(struct redis_listen *listen, struct mono now);
void listen_close(struct redis_listen *listen);

#endif
