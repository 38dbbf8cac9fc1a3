/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/grants.h - what the configuration lets the groups of this machine
 * do over the API.  Their names are looked up when a configuration comes into
 * force, so that no request waits for a directory service.  Thread-safe.
 */
#ifndef MORTSAFE_MILTER_API_GRANTS_H
#define MORTSAFE_MILTER_API_GRANTS_H

#include <stdbool.h>
#include <stddef.h>

#include "milter/api/peer.h"
#include "policy/config.h"
#include "policy/err.h"

struct grants;

enum ms_err grants_create(struct grants **out); /* MS_NOMEM */
void grants_destroy(struct grants *grants);     /* NULL is fine */

/* CONFIG is in force.  MISSING(ARG) hears of each of its groups that this
 * machine does not have.  MS_NOMEM: the old ones stay. */
enum ms_err grants_set(struct grants *grants, const struct config *config,
                       void (*missing)(void *arg, const char *group),
                       void *arg);

/* What PEER may do: root and our own user all, the status port API_READ; else
 * the sum of its groups.  Bits of enum api_right, with those that API_ALL
 * includes. */
unsigned grants_of(struct grants *grants, const struct peer *peer);

/* May one more refusal be written into the audit trail at NOW?  So many a
 * minute at most, or whoever may do nothing could fill it. */
enum { GRANTS_TOLD = 60 };
bool grants_tell(struct grants *grants, struct mono now);

/* How many groups are missing, and the first of them in OUT. */
size_t grants_missing(struct grants *grants, char *out, size_t size);

#endif
