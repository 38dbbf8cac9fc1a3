/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/pairs.h - pairs that a subject is a part of, to be forgotten with
 * it.  Begins as all zero but SUBJECT; LIST is to be free()d.
 */
#ifndef MORTSAFE_MILTER_API_PAIRS_H
#define MORTSAFE_MILTER_API_PAIRS_H

#include <stddef.h>

#include "policy/store/store.h"

struct pairs {
    const struct subject *subject;
    struct subject *list;
    size_t n, room;
    enum ms_err err;
};

/* Add those in STORE, each once; none has a pair for its part.  Errors of
 * store_list(), MS_NOMEM. */
enum ms_err pairs_find(struct pairs *pairs, struct store *store,
                       struct store_time now);

#endif
