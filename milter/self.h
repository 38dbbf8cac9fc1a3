/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/self.h - what this host tells the others of its fleet about itself:
 * its name, version, mode, and a hash of the configuration in force, so that
 * an operator sees where they differ.
 */
#ifndef MORTSAFE_MILTER_SELF_H
#define MORTSAFE_MILTER_SELF_H

#include "policy/config.h"
#include "policy/err.h"
#include "policy/store/store.h"

struct self;

/* Make it for a host called NAME (cut if it is longer than there is room for)
 * in *OUT; self_destroy() ends it.  MS_NOMEM. */
enum ms_err self_create(const char *name, struct self **out);
void self_destroy(struct self *self); /* NULL is fine */

/* CONFIG is in force from now on.  Without memory for it, its hash is told as
 * "".  Thread-safe. */
void self_set(struct self *self, const struct config *config);

/* What to tell in *OUT; `form` and `seen_s` are not ours.  Thread-safe. */
void self_get(struct self *self, struct store_host *out);

#endif
