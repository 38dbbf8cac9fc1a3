/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/statedir.h - the directory of the embedded store, ours alone
 * from statedir_open() to statedir_close(): whose it is, who may write to it,
 * and what lies where our files should be.
 */
#ifndef MORTSAFE_POLICY_STORE_STATEDIR_H
#define MORTSAFE_POLICY_STORE_STATEDIR_H

#include <stdbool.h>

#include "policy/clock.h"
#include "policy/err.h"

struct statedir;

enum { STATEDIR_PATH = 4096 };

/*
 * Make PATH (0700) if it is missing, check it, and lock it.  *OUT is ended by
 * statedir_close().  MS_BUSY: another daemon's.  MS_UNAVAIL: a link, another
 * user's, writable by others, not to be locked; WHY names path and cure.
 * MS_NOMEM.
 */
enum ms_err statedir_open(const char *path, struct statedir **out,
                          struct why *why);
void statedir_close(struct statedir *dir);

/*
 * The same for another file, NAME (a literal, at most 30 letters), of PATH,
 * which the caller has locked by statedir_open() until this is closed: all that
 * is said of state.db below holds for it.
 */
enum ms_err statedir_beside(const char *path, const char *name,
                            struct statedir **out, struct why *why);

/* PATH/state.db, and the name under which a new one is made; borrowed. */
const char *statedir_file(const struct statedir *dir);
const char *statedir_draft(const struct statedir *dir);

/*
 * *FOUND: is there a state.db?  MS_UNAVAIL: something that is not ours lies
 * where it or its journals should be (WHY names path and cure).
 */
enum ms_err statedir_look(struct statedir *dir, bool *found, struct why *why);

/* Is state.db the file that the last statedir_look() found? */
bool statedir_is_same(const struct statedir *dir);

/* Can anything be written there? */
bool statedir_is_writable(const struct statedir *dir);

/* Make an empty draft, 0600; an older one goes.  MS_UNAVAIL. */
enum ms_err statedir_begin_draft(struct statedir *dir, struct why *why);

/* The draft becomes state.db, and is so on the disk.  MS_UNAVAIL. */
enum ms_err statedir_end_draft(struct statedir *dir, struct why *why);

/*
 * Rename state.db and its journals to a name with NOW in it, which ASIDE is
 * told.  MS_UNAVAIL.
 */
enum ms_err statedir_move_aside(struct statedir *dir, struct wall now,
                                char aside[STATEDIR_PATH], struct why *why);

#endif
