/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/pairs.h"

#include <stdbool.h>
#include <stdlib.h>

#include "milter/clerk/clerk.h"

static bool
is_known(const struct pairs *pairs, const struct subject *pair)
{
    for (size_t i = 0; i < pairs->n; i++)
        if (subject_same(&pairs->list[i], pair))
            return true;
    return false;
}

static bool
take_pair(void *arg, const struct store_record *record)
{
    struct pairs *pairs = arg;
    size_t room = pairs->room > 0 ? 2 * pairs->room : 16;

    if (!clerk_is_about(&record->subject, pairs->subject) ||
        is_known(pairs, &record->subject))
        return true;
    if (pairs->n == pairs->room) {
        struct subject *list =
            realloc(pairs->list, room * sizeof(struct subject));

        if (list == NULL) {
            pairs->err = MS_NOMEM;
            return false;
        }
        pairs->list = list;
        pairs->room = room;
    }
    pairs->list[pairs->n++] = record->subject;
    return true;
}

enum ms_err
pairs_find(struct pairs *pairs, struct store *store, struct store_time now)
{
    enum ms_err err;

    if (pairs->subject->kind == SUBJECT_PAIR)
        return MS_OK;
    err = store_list(store, SUBJECT_PAIR, now, take_pair, pairs);
    return err == MS_OK ? pairs->err : err;
}
