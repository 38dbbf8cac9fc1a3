/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/worker/name.h - names as they are asked for.
 */
#ifndef MORTSAFE_POLICY_DNS_WORKER_NAME_H
#define MORTSAFE_POLICY_DNS_WORKER_NAME_H

#include <stdbool.h>

#include "policy/dns/spf_wire.h"

/*
 * NAME as it is asked for: without its last dot, and if it is too long without
 * labels at its left (RFC 7208 section 7.3).  False: there can be no such name
 * (an empty or too long label, an octet that no host's name has).
 */
bool name_clean(const char *name, char out[RESOLVER_NAME]);

/* The name that tells the client's names. */
void name_arpa(const struct spf_request *ask, char out[RESOLVER_NAME]);

/* %{i}: the client's octets or nibbles, the first in front. */
void name_client(const struct spf_request *ask, char out[RESOLVER_NAME]);

/* How much rather NAME is told as %{p} than others: 3 is the domain itself, 2
 * below it, 1 elsewhere (RFC 7208 section 7.3). */
int name_rank(const char *name, const char *domain);

/* Is NAME one that a host can have, letters, digits, dots, hyphens and
 * underscores? */
bool name_is_plain(const char *name);

#endif
