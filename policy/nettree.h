/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/nettree.h - prefixes to numbers, by longest match: a path-compressed
 * binary trie.  Built once, then read by any number of threads.
 */
#ifndef MORTSAFE_POLICY_NETTREE_H
#define MORTSAFE_POLICY_NETTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"
#include "policy/prefix.h"

struct nettree;

/* Make an empty tree in *OUT; nettree_destroy() ends it.  MS_NOMEM. */
enum ms_err nettree_create(struct nettree **out);
void nettree_destroy(struct nettree *tree);

/*
 * Give PREFIX (family 4 or 6) the number VALUE.  A prefix that is already
 * there keeps its number, which is written to *HAD (may be NULL) with
 * *KNOWN true.  MS_NOMEM.  Not thread-safe.
 */
enum ms_err nettree_add(struct nettree *tree, struct prefix prefix,
                        uint32_t value, bool *known, uint32_t *had);

/*
 * The number of the longest prefix that covers HOST in *VALUE; false if none
 * does (family 0 never matches).  Thread-safe on a finished tree.
 */
bool nettree_longest(const struct nettree *tree, struct prefix host,
                     uint32_t *value);

/* The smallest number among all prefixes that cover HOST; else false. */
bool nettree_least(const struct nettree *tree, struct prefix host,
                   uint32_t *value);

/* How many prefixes it holds. */
size_t nettree_count(const struct nettree *tree);

/* Hand all of them to EACH, in no order, until it returns false. */
void nettree_each(const struct nettree *tree,
                  bool (*each)(void *arg, struct prefix prefix, uint32_t value),
                  void *arg);

#endif
