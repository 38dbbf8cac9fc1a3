/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/host.h - by which names the status port may be asked: against
 * pages of others that a browser has been led to take for ours (DNS
 * rebinding).  Pure.
 */
#ifndef MORTSAFE_MILTER_API_HOST_H
#define MORTSAFE_MILTER_API_HOST_H

#include <stdbool.h>

#include "policy/config.h"

/* Does HOST, a header of that name (NULL: there was none), call this host,
 * with or without a port: localhost, a loopback address, the address in
 * CONFIG's `status { listen }', one of its `hosts'? */
bool api_host_fits(const struct config *config, const char *host);

/* Is ORIGIN, a header of that name, http:// or https:// and HOST (NULL: none)?
 */
bool api_origin_fits(const char *origin, const char *host);

#endif
