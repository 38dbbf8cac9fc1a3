/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/queue.h - evidence that waits to be judged, by subject: a
 * bounded number of subjects, a bounded number of events of each, and of bytes
 * of all together.  What is more is merged, and counted.  Places of those who
 * were judged stay as long as there is room, so that it is known who is to be
 * judged at once, and which messages were the last.  Thread-safe; a leaf lock,
 * never waits.
 */
#ifndef MORTSAFE_MILTER_DETECT_QUEUE_H
#define MORTSAFE_MILTER_DETECT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/diary/change.h"
#include "policy/detector/detector.h"
#include "policy/err.h"
#include "policy/subject.h"

enum {
    DETECT_HURRY = 5, /* recipients that wait; with more it is judged at once */
    DETECT_ID = 32    /* of a queue id that is remembered, NUL included */
};

struct detect_queue;
struct detect_place;

/* By which rule somebody is judged. */
struct detect_about {
    uint64_t rule; /* id; 0: it is to be found by the subject's name */
    enum network_class class;
    bool observed; /* it only looks on */
};

/* An event that waits; its recipients are behind it. */
struct detect_queued {
    struct detect_queued *next;
    uint64_t token; /* of the last write that may have had it; 0: none */
    struct detector_event event;
    uint64_t recipients[];
};

/* All that waited for one subject, taken off the queue until
 * detect_queue_done(). */
struct detect_work {
    struct detect_place *place;
    struct subject subject;
    struct detect_about about;
    struct detect_queued *events; /* the oldest first */
};

/* For MOST subjects.  MS_NOMEM. */
enum ms_err detect_queue_create(size_t most, struct detect_queue **out);
void detect_queue_destroy(struct detect_queue *queue); /* NULL is fine */

/*
 * EVENT (copied) is about SUBJECT, whom ABOUT judges; ID is the MTA's, "":
 * none.  True: it is to be judged at once, and nobody has been told so yet.
 * Without room or memory it is merged, at last with others of SUBJECT's kind.
 */
bool detect_queue_add(struct detect_queue *queue, const struct subject *subject,
                      const struct detect_about *about,
                      const struct detector_event *event, const char *id);

/* All that waits now is due; false: not yet, for something has been due since
 * before. */
bool detect_queue_due(struct detect_queue *queue);

/*
 * Those who wait now, hot or (of DETECT_ALL) due: however fast others become
 * hot, a round ends.  Between any two that are due a hot one is taken, whenever
 * it came.
 */
enum detect_whom { DETECT_ONLY_HOT, DETECT_ALL };
struct detect_round {
    size_t hot, due; /* that are left; less may be taken, never more */
    bool was_hot;    /* the last one */
};
void detect_queue_round(struct detect_queue *queue, enum detect_whom whom,
                        struct detect_round *out);

/* Take the next one of ROUND; false: it is over. */
bool detect_queue_take(struct detect_queue *queue, struct detect_round *round,
                       struct detect_work *out);

/* Does anybody wait to be judged at once? */
bool detect_queue_is_hot(struct detect_queue *queue);

/* WORK is judged, HOT: what comes next of its subject is to be judged at once;
 * or it could not be, and waits until all is due again, whatever comes. */
enum detect_heat { DETECT_COLD, DETECT_HOT };
void detect_queue_done(struct detect_queue *queue, struct detect_work *work,
                       enum detect_heat heat);
void detect_queue_put_back(struct detect_queue *queue,
                           struct detect_work *work);

/* The message ID of SUBJECT is spoken of, if SUBJECT has a place. */
void detect_queue_note_id(struct detect_queue *queue,
                          const struct subject *subject, const char *id);

/* The ids of the last messages of SUBJECT, the newest first; how many. */
size_t detect_queue_ids(struct detect_queue *queue,
                        const struct subject *subject,
                        char out[CHANGE_IDS][DECISION_HOST]);

/* Drop all that is known of those who are BAD, of some: from *AT (0: the first)
 * on, which is moved; false: there are no more. */
bool detect_queue_weed(struct detect_queue *queue, size_t *at,
                       bool (*bad)(void *arg, const struct subject *subject),
                       void *arg);

/* What could not be told apart since this was asked last, by kind. */
struct detect_others {
    uint64_t messages[SUBJECT_KINDS], recipients[SUBJECT_KINDS];
};
bool detect_queue_take_others(struct detect_queue *queue,
                              struct detect_others *out);

struct detect_queue_counts {
    uint64_t waiting; /* subjects */
    uint64_t events, merged;
};
void detect_queue_count(struct detect_queue *queue,
                        struct detect_queue_counts *out);

#endif
