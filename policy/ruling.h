/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/ruling.h - what configuration and facts alone decide: who may use a
 * listener, from which sender, to which recipients.  No store, no DNS, no
 * setting about faults has a say in it.
 */
#ifndef MORTSAFE_POLICY_RULING_H
#define MORTSAFE_POLICY_RULING_H

#include <stdbool.h>

#include "policy/address.h"
#include "policy/config.h"
#include "policy/relay.h"
#include "policy/scene.h"
#include "policy/verdict.h"

/* Is this session none of ours (`skip = yes` for its listener)?  Pure. */
bool ruling_skips(const struct scene *scene);

/*
 * MAIL: login, TLS, port and sender.  False: refused, and OUT is the verdict;
 * else OUT is left alone.  Pure.
 */
bool ruling_mail(const struct config *config, const struct facts *facts,
                 const struct scene *scene, struct verdict *out);

/* RCPT, which is at PLACE: may it be written to from here?  The same. */
bool ruling_rcpt(const struct scene *scene, enum relay_place place,
                 struct verdict *out);

#endif
