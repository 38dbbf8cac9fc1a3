/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/cases.h - changes of standings and messages held on their way
 * into the diary and onto the fleet's board: they wait where one of the two is
 * away.  Thread-safe; a lock is held over I/O by who sends.
 */
#ifndef MORTSAFE_MILTER_CLERK_CASES_H
#define MORTSAFE_MILTER_CLERK_CASES_H

#include "milter/clerk/inside.h"

enum { CLERK_CASES_WAIT = 4096 }; /* more: the oldest go */

struct clerk_cases;

/* CLERK is borrowed; MS_NOMEM. */
enum ms_err clerk_cases_create(struct clerk *clerk, struct clerk_cases **out);
void clerk_cases_destroy(struct clerk_cases *cases); /* NULL is fine */

/* As clerk_share_change() and clerk_share_held(). */
void clerk_cases_change(struct clerk_cases *cases, struct change *change);
void clerk_cases_held(struct clerk_cases *cases, const struct held *held);

/* Write and share what waits, until something is away. */
void clerk_cases_send(struct clerk_cases *cases);

/* Drop what other hosts were told is held here no more. */
void clerk_cases_follow(struct clerk_cases *cases);

/* As clerk_drop_held(). */
enum ms_err clerk_cases_drop(struct clerk_cases *cases,
                             const struct clerk_gone *gone, size_t n,
                             unsigned *dropped);

/* As clerk_weed(). */
void clerk_cases_weed(struct clerk_cases *cases, const struct clerk_weed *weed);

/* How many could not wait any more, not even written. */
uint64_t clerk_cases_lost(struct clerk_cases *cases);

#endif
