/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/clerk/queue.h - decisions that wait to be written down: a bounded
 * number, and of one subject and minute only some; of the others it is counted
 * who would have been stopped.  Thread-safe; leaf locks, never waits.
 */
#ifndef MORTSAFE_MILTER_CLERK_QUEUE_H
#define MORTSAFE_MILTER_CLERK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/diary/decision.h"
#include "milter/diary/diary.h"
#include "policy/clock.h"
#include "policy/err.h"

struct clerk_queue;

struct clerk_node {
    struct clerk_node *next;
    struct decision decision;
};

enum { CLERK_WOULDS = 512 }; /* that are counted beside the queue */

/* For MOST decisions.  MS_NOMEM. */
enum ms_err clerk_queue_create(size_t most, struct clerk_queue **out);
void clerk_queue_destroy(struct clerk_queue *queue); /* NULL is fine */

/*
 * DECISION (copied) about ABOUT has come: it waits, unless ABOUT has had its
 * part of this minute.  What is held is always kept: Postfix knows no reason
 * for it.  In a full queue the oldest goes, and counts as lost.
 */
void clerk_queue_add(struct clerk_queue *queue, const struct decision *decision,
                     const char *about, struct mono now);

/* LIST (moved) waits, as it is, behind the others. */
void clerk_queue_append(struct clerk_queue *queue, struct clerk_node *list);

/* Take the oldest ones, at most MOST, as a list; NULL: there are none. */
struct clerk_node *clerk_queue_take(struct clerk_queue *queue, size_t most);

/* They could not be written: LIST (moved) is in front again. */
void clerk_queue_put_back(struct clerk_queue *queue, struct clerk_node *list);

/* Take what was counted: N rows, at most CLERK_WOULDS. */
size_t clerk_queue_take_woulds(struct clerk_queue *queue,
                               struct diary_would out[CLERK_WOULDS]);
void clerk_queue_put_back_woulds(struct clerk_queue *queue,
                                 const struct diary_would *woulds, size_t n);

/* Drop those that are BAD; none counts as lost. */
void clerk_queue_weed(struct clerk_queue *queue,
                      bool (*bad)(void *arg, const struct decision *decision),
                      void *arg);

/* Drop all of it; nothing counts as lost. */
void clerk_queue_clear(struct clerk_queue *queue);

uint64_t clerk_queue_count(struct clerk_queue *queue);
uint64_t clerk_queue_lost(struct clerk_queue *queue);

#endif
