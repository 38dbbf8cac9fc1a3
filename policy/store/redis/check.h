/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/check.h - is a shared store fit for use?  What an
 * operator is told by `mortsafe -n --connect`: a line for each thing looked
 * at, with the cure where there is something wrong.
 */
#ifndef MORTSAFE_POLICY_STORE_REDIS_CHECK_H
#define MORTSAFE_POLICY_STORE_REDIS_CHECK_H

#include "policy/store/redis/nodes.h"
#include "policy/store/sitekey.h"

enum check_result { CHECK_OK, CHECK_WARN, CHECK_FAIL };

/*
 * Look at each server of WHERE: reachable (how it is), its version, our
 * rights (each command is tried on a key of its own under PREFIX, and a right
 * that is missing is named with the ACL rule that grants it), eviction, its
 * clock against WALL, scripts, role, the site's key, and for Sentinels and a
 * Cluster that they agree and cover all slots.  TELL is called with each
 * result; returns the worst.  Waits for seconds at most.
 */
enum check_result
redis_check(const struct redis_where *where, const char *prefix,
            const struct sitekey *key, struct store_clock clock,
            void (*tell)(void *arg, enum check_result result, const char *line),
            void *arg);

#endif
