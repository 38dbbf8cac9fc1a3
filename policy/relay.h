/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/relay.h - where a recipient is, and who may send there.  Depends on
 * configuration and facts alone: no fault of a store or of DNS, and no
 * setting about faults, can open a relay.
 */
#ifndef MORTSAFE_POLICY_RELAY_H
#define MORTSAFE_POLICY_RELAY_H

#include <stdbool.h>

#include "policy/address.h"
#include "policy/config.h"
#include "policy/scene.h"

enum relay_place {
    RELAY_OURS,     /* in `domains`, without domain, or our own literal */
    RELAY_EXTERNAL, /* somebody else's */
    RELAY_HOP,      /* names a second hop: refused to everybody */
    RELAY_MALFORMED /* no recipient at all: refused to everybody */
};

enum relay_ruling {
    RELAY_GRANTED,
    RELAY_DENIED,     /* not one of our domains, and may not relay */
    RELAY_NEEDS_LOGIN /* relay = none */
};

/* Where RCPT is, by our own strict parse.  Pure. */
enum relay_place relay_place(const struct config *config,
                             const struct facts *facts,
                             const struct address *rcpt);

/* May SCENE send to PLACE (ours or external)?  Pure. */
enum relay_ruling relay_rule(const struct scene *scene, enum relay_place place);

/* Is RCPT, which is ours, postmaster or abuse? */
bool relay_is_desk(const struct address *rcpt);

#endif
