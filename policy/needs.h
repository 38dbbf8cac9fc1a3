/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/needs.h - what a step asks of the store: its items and their subjects,
 * put into a struct policy.  The engine's own.
 */
#ifndef MORTSAFE_POLICY_NEEDS_H
#define MORTSAFE_POLICY_NEEDS_H

#include <stdbool.h>

#include "policy/policy.h"

enum needs { NEEDS_LIMITS = 1, NEEDS_ZOMBIES = 2 };

/* Ask all limits that hold at P's stage, and how all stand whom rules of
 * zombies judge: by the bits of ASKED.  A limit that refuses at once has said
 * so in the verdict, and nothing is asked. */
void needs_ask(struct policy *p, unsigned asked);

/* May this mail to those who help pass unlimited?  False: no limit says so. */
bool needs_desk(struct policy *p);

/* Quarantined, and at MAIL: may the message begin all the same, so that its
 * recipient can be one who helps?  True: that is to be asked. */
bool needs_help(struct policy *p);

/* Over what holds mail, with nothing refused: may one more message of its
 * subject be held?  The same. */
bool needs_room(struct policy *p);

#endif
