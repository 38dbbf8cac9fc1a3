/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/acts.h - the acts that hold on this host: its own, from the
 * diary, and the fleet's, from the board, which the diary keeps for times
 * without one.  Whenever they become others a snapshot is handed over.
 * Thread-safe; one change at a time, whose lock is held over I/O.
 */
#ifndef MORTSAFE_MILTER_CLERK_ACTS_H
#define MORTSAFE_MILTER_CLERK_ACTS_H

#include <stdbool.h>

#include "milter/clerk/clerk.h"

struct clerk_acts;

/* Hand over what the diary knows.  NEEDS (borrowed): diary, shared, host,
 * acts(), now().  A diary that cannot be read is read again later.  MS_NOMEM.
 */
enum ms_err clerk_acts_create(const struct clerk_needs *needs,
                              struct clerk_acts **out);
void clerk_acts_destroy(struct clerk_acts *acts); /* NULL is fine */

/* As clerk_set() and clerk_unset(). */
enum ms_err clerk_acts_set(struct clerk_acts *acts, struct act *act,
                           struct why *why);
enum ms_err clerk_acts_unset(struct clerk_acts *acts, const char *id,
                             bool *found, struct why *why);

/* As clerk_acts_forget(). */
enum ms_err clerk_acts_drop(struct clerk_acts *acts,
                            const struct subject *subject, uint64_t *n);

/* Take over what the board says.  Its errors; then nothing has changed. */
enum ms_err clerk_acts_pull(struct clerk_acts *acts);

/* Some may have ended, or hold again. */
void clerk_acts_tick(struct clerk_acts *acts);

/* NOW is to be relied on: those that ended over 30 days ago go, and from the
 * board, with the next pull, what is old there. */
void clerk_acts_trim(struct clerk_acts *acts, struct wall now);

#endif
