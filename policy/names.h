/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/names.h - strings to numbers, by hash.  It borrows the strings: who
 * adds one keeps it alive.
 */
#ifndef MORTSAFE_POLICY_NAMES_H
#define MORTSAFE_POLICY_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

struct names;

/* Make an empty map in *OUT; names_destroy() ends it.  MS_NOMEM. */
enum ms_err names_create(struct names **out);
void names_destroy(struct names *names);

/*
 * Give NAME (borrowed) the number VALUE.  A name that is already there keeps
 * its number; *SLOT (may be NULL) points to the number in force, until the
 * next call, with *KNOWN (may be NULL) saying whether it was there.
 * MS_NOMEM.  Not thread-safe.
 */
enum ms_err names_add(struct names *names, const char *name, uint32_t value,
                      bool *known, uint32_t **slot);

/* The number of NAME in *VALUE; false if it has none.  Thread-safe on a
 * finished map. */
bool names_get(const struct names *names, const char *name, uint32_t *value);

size_t names_count(const struct names *names);

#endif
