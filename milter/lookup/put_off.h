/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/lookup/put_off.h - which clients were put off within the last hour for
 * what was not yet known: once is enough.  Of a fixed size; where too many are
 * remembered, the oldest go.
 */
#ifndef MORTSAFE_MILTER_LOOKUP_PUT_OFF_H
#define MORTSAFE_MILTER_LOOKUP_PUT_OFF_H

#include <stdbool.h>

#include "policy/clock.h"
#include "policy/err.h"
#include "policy/prefix.h"

enum { PUT_OFF_FOR_MS = 3600 * 1000 };

struct put_off;

enum ms_err put_off_create(struct put_off **out); /* MS_NOMEM */
void put_off_destroy(struct put_off *put_off);    /* NULL is fine */

/* CLIENT (an IPv6 one by its /64) is put off at NOW.  Thread-safe. */
void put_off_note(struct put_off *put_off, struct prefix client,
                  struct mono now);

/* Was it, within the hour before NOW?  Thread-safe. */
bool put_off_has(struct put_off *put_off, struct prefix client,
                 struct mono now);

#endif
