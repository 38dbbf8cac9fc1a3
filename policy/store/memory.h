/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/memory.h - the store in this process: sharded hash tables, no
 * input or output in any call.  The embedded store is this one with a saver
 * (policy/store/sqlite.h) behind it.
 */
#ifndef MORTSAFE_POLICY_STORE_MEMORY_H
#define MORTSAFE_POLICY_STORE_MEMORY_H

#include "policy/store/store.h"

/*
 * Make a store of at most MEMORY bytes of records (1 MiB at least) in *OUT.
 * MS_NOMEM, MS_INVALID.
 *
 * Each kind has a share of MEMORY that no other kind can use: user 40 %,
 * client 22, sender 12, pairs 12, prefix 8, domain 5, network 1.  In a full
 * kind the least recent normal subject under half of its limits makes room;
 * if there is none, newcomers share 4,096 records.  Three things may exceed a
 * share, since nobody is forgotten: windows that a known subject needs, those
 * shared records, and subjects that do not stand normal.
 */
enum ms_err store_memory_create(uint64_t memory, struct store **out);

#endif
