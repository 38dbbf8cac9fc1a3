/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/trail.h - which messages went out, on their way from the
 * callbacks to the diary: copied into memory that is there already.  In a full
 * one the newest are lost, and counted.  Thread-safe; a leaf lock, never waits.
 */
#ifndef MORTSAFE_MILTER_DETECT_TRAIL_H
#define MORTSAFE_MILTER_DETECT_TRAIL_H

#include <stddef.h>
#include <stdint.h>

#include "milter/diary/passed.h"
#include "policy/err.h"

enum {
    TRAIL_BYTES = 1 << 20, /* that wait; some 20,000 messages */
    TRAIL_SOME = 1024      /* of one transaction */
};

struct trail;

enum ms_err trail_create(struct trail **out); /* MS_NOMEM */
void trail_destroy(struct trail *trail);      /* NULL is fine */

/* The message ID of SUBJECT (as printed) has gone out at AT_S.  An id or
 * subject that the diary has no room for is none. */
void trail_add(struct trail *trail, const char *id, const char *subject,
               int64_t at_s);

/* Write what waits; where the diary cannot, it waits on.  One thread. */
enum ms_err trail_write(struct trail *trail, struct diary *diary);

/* How many were lost. */
uint64_t trail_lost(struct trail *trail);

#endif
