/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/listed/mine.h - the addresses by which the world knows this host: those
 * of its interfaces that are routed on the Internet, and of the operator's
 * other hosts.
 */
#ifndef MORTSAFE_CTL_LISTED_MINE_H
#define MORTSAFE_CTL_LISTED_MINE_H

#include <stddef.h>

#include "policy/config.h"
#include "policy/err.h"
#include "policy/prefix.h"

enum { MINE_ADDRESSES = 256 /* at most; more are left out */ };

struct mine {
    struct prefix address[MINE_ADDRESSES];
    size_t n;
};

/* Add ADDRESS, unless it stands there or OUT is full. */
void mine_add(struct mine *mine, struct prefix address);

/* Those of this host's interfaces that others can reach.  MS_UNAVAIL. */
enum ms_err mine_interfaces(struct mine *mine, struct why *why);

/* Those of CONFIG's own_hosts; names are looked up as this host does it.  A
 * name that cannot be is handed to LINE. */
void mine_hosts(struct mine *mine, const struct config *config,
                void (*line)(void *arg, const char *text), void *arg);

#endif
