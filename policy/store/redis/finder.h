/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/finder.h - asks one Sentinel after the other who is the
 * master, or one node of a Cluster after the other who owns which slot.  The
 * watch's thread alone uses it, but for finder_trouble().
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_FINDER_H
#define MORTSAFE_POLICY_STORE_REDIS_FINDER_H

#include <stdbool.h>

#include "policy/store/redis/map.h"

struct redis_finder;

/* With REDIS_SINGLE it has nothing to do.  MS_NOMEM. */
enum ms_err finder_create(struct redis_nodes *nodes, struct redis_finder **out);
void finder_destroy(struct redis_finder *finder); /* NULL is fine */

/*
 * Do what is to be done now; the map is told what was found.  TROUBLED: not
 * all is as it should be, so it is asked more often, and whoever is next.
 */
void finder_step(struct redis_finder *finder, struct mono now, bool troubled);

/* Close the connection, for good. */
void finder_close(struct redis_finder *finder);

/* Why nobody was found, if it is known. */
bool finder_trouble(struct redis_finder *finder, struct why *out);

#endif
