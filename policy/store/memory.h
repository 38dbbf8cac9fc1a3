/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/memory.h - the store in this process: sharded hash tables, no
 * input or output in any call.  The embedded store is this one with a saver
 * (policy/store/sqlite.h) behind it.
 */
#ifndef MORTSAFE_POLICY_STORE_MEMORY_H
#define MORTSAFE_POLICY_STORE_MEMORY_H

#include "policy/store/store.h"

/* Make a store of at most MEMORY bytes of records (1 MiB at least) in *OUT.
 * MS_NOMEM, MS_INVALID. */
enum ms_err store_memory_create(uint64_t memory, struct store **out);

#endif
