/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/listed/nets.h - the addresses of many networks, one after another,
 * without a list of them.  Of an IPv6 network larger than a host it is the
 * first: nobody can ask about all, and lists have /64s by it.
 */
#ifndef MORTSAFE_CTL_LISTED_NETS_H
#define MORTSAFE_CTL_LISTED_NETS_H

#include <stdint.h>

#include "policy/err.h"
#include "policy/prefix.h"

enum { NETS_SHORTEST = 12 }; /* of IPv4; a larger network is refused */

struct nets;

enum ms_err nets_create(struct nets **out); /* MS_NOMEM */
void nets_destroy(struct nets *nets);       /* NULL is fine */

/* MS_NOMEM; MS_INVALID (WHY): it is too large. */
enum ms_err nets_add(struct nets *nets, struct prefix net, struct why *why);

/* Nothing more is added: put them in order, each address once. */
void nets_finish(struct nets *nets);

/* Behind nets_finish(): how many addresses there are; number I below that;
 * the number of ADDRESS, false: it is none of them. */
uint64_t nets_count(const struct nets *nets);
struct prefix nets_at(const struct nets *nets, uint64_t i);
bool nets_find(const struct nets *nets, struct prefix address, uint64_t *i);

/* How many addresses one network counts for. */
uint64_t nets_size(struct prefix net);

#endif
