/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/self.h - what this host tells the others of its fleet about itself:
 * its name, version, mode, and a hash of the configuration in force, so that
 * an operator sees where they differ.
 */
#ifndef MORTSAFE_MILTER_SELF_H
#define MORTSAFE_MILTER_SELF_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/err.h"
#include "policy/store/store.h"

struct self;

/* Make it for a host called NAME (cut if it is longer than there is room for)
 * in *OUT; self_destroy() ends it.  MS_NOMEM. */
enum ms_err self_create(const char *name, struct self **out);
void self_destroy(struct self *self); /* NULL is fine */

/* CONFIG is in force from now on, but for its mode, which is only taken the
 * first time.  Without memory for it, its hash is told as
 * "".  Thread-safe. */
void self_set(struct self *self, const struct config *config);

/* Its mode, as the acts of operators have it.  Is it another than before?
 * Thread-safe. */
bool self_set_mode(struct self *self, enum mode mode);

/* When self_set() was called last, by the wall clock.  Thread-safe. */
int64_t self_loaded_s(struct self *self);

/* What to tell in *OUT; `form` and `seen_s` are not ours.  Thread-safe. */
void self_get(struct self *self, struct store_host *out);

#endif
