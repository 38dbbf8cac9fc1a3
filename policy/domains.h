/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/domains.h - a set of domain names: "example.org" is that name alone,
 * ".example.org" that name and all below it.
 */
#ifndef MORTSAFE_POLICY_DOMAINS_H
#define MORTSAFE_POLICY_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/err.h"

struct domains;

/* Make an empty set in *OUT; domains_destroy() ends it.  MS_NOMEM. */
enum ms_err domains_create(struct domains **out);
void domains_destroy(struct domains *set);

/*
 * Add NAME (UTF-8 or A-labels, any case; a leading dot or SUBDOMAINS takes
 * the names below it too).  MS_INVALID if it is no domain name, MS_NOMEM.
 */
enum ms_err domains_add(struct domains *set, const char *name, bool subdomains);

/* Is DOMAIN, as address_domain() writes it, in SET?  Thread-safe. */
bool domains_has(const struct domains *set, const char *domain);

size_t domains_count(const struct domains *set);

#endif
