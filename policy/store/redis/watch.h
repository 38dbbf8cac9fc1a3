/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/watch.h - the one thread behind redis/nodes.h: it sends
 * probes, looks at latencies, has Sentinels or the Cluster asked, tells what
 * has changed, and sends again what had to wait a moment.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_WATCH_H
#define MORTSAFE_POLICY_STORE_REDIS_WATCH_H

#include <stdbool.h>

#include "policy/store/redis/finder.h"
#include "policy/store/redis/listen.h"
#include "policy/store/redis/map.h"

/* Make it in *OUT, not running yet.  MS_NOMEM (also: no descriptors). */
enum ms_err watch_create(struct redis_nodes *nodes, struct redis_watch **out);

/* Begin.  MS_NOMEM. */
enum ms_err watch_start(struct redis_watch *watch);

/* End the thread; what waits fails.  Then free.  NULL is fine. */
void watch_stop(struct redis_watch *watch);
void watch_destroy(struct redis_watch *watch);

/* Something has happened: look at once. */
void watch_wake(struct redis_watch *watch);

/* Have call_again() called at AT.  False: it has been stopped. */
bool watch_later(struct redis_watch *watch, struct redis_call *call,
                 struct mono at);

struct redis_finder *watch_finder(struct redis_watch *watch);
struct redis_listen *watch_listen(struct redis_watch *watch);

#endif
