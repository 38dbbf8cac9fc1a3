/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/fleet.h - the hosts that share a store, as their
 * heartbeats tell: how many limits are shared among while it is away, and which
 * form of records all of them read.  The number outlives the daemon in a small
 * file. Thread-safe; times are handed in.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_FLEET_H
#define MORTSAFE_POLICY_STORE_REDIS_FLEET_H

#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/err.h"
#include "policy/store/store.h"

enum {
    FLEET_BEAT_MS = 5000, /* between heartbeats, with some jitter */
    FLEET_ALIVE_S = 30,   /* since the last one */
    FLEET_HOUR_S = 3600   /* the most hosts alive in it count */
};

struct fleet;

/*
 * PATH: the file that keeps the number (NULL: none); a missing or damaged one
 * is as good as none.  LEAST: `hosts =` of the configuration.  MS_NOMEM.
 */
enum ms_err fleet_create(const char *path, unsigned least, struct fleet **out);
void fleet_destroy(struct fleet *fleet);

/* The heartbeats that the store knows, ours among them, at NOW. */
void fleet_heard(struct fleet *fleet, const struct store_host *hosts, size_t n,
                 struct mono now);

/* The most hosts that were alive at one time in the last hour (at least LEAST,
 * and 1); while nothing is heard, as it was. */
unsigned fleet_hosts(struct fleet *fleet, struct mono now);

/* The form that all live hosts read, at most OURS. */
uint8_t fleet_form(struct fleet *fleet, uint8_t ours);

/* Copy what was last heard. */
void fleet_stats(struct fleet *fleet, struct store_shared *out);

#endif
