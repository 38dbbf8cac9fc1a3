/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/detect/doubt.h"

#include <pthread.h>
#include <stdlib.h>

struct doubt {
    bool used;
    uint64_t token;
    int64_t since_s;
    struct change change;
};

struct doubts {
    pthread_mutex_t lock; /* guards all below; a leaf */
    unsigned next;        /* to be written over */
    struct doubt doubt[DOUBTS];
};

enum ms_err
doubts_create(struct doubts **out)
{
    struct doubts *doubts = calloc(1, sizeof(*doubts));

    if (doubts == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&doubts->lock, NULL);
    *out = doubts;
    return MS_OK;
}

void
doubts_destroy(struct doubts *doubts)
{
    if (doubts == NULL)
        return;
    (void)pthread_mutex_destroy(&doubts->lock);
    free(doubts);
}

void
doubts_add(struct doubts *doubts, uint64_t token, const struct change *change,
           struct wall now)
{
    struct doubt *doubt;

    (void)pthread_mutex_lock(&doubts->lock);
    doubt = &doubts->doubt[doubts->next];
    doubts->next = (doubts->next + 1) % DOUBTS;
    doubt->used = true;
    doubt->token = token;
    doubt->since_s = now.s;
    doubt->change = *change;
    (void)pthread_mutex_unlock(&doubts->lock);
}

static bool
shows(const struct detector *d, const struct doubt *doubt)
{
    return d->wrote == doubt->token || d->changed == doubt->token;
}

bool
doubts_clear(struct doubts *doubts, const struct subject *subject,
             const struct detector *d, struct change *out)
{
    bool found = false;

    (void)pthread_mutex_lock(&doubts->lock);
    for (unsigned i = 0; !found && i < DOUBTS; i++) {
        struct doubt *doubt = &doubts->doubt[i];

        found = doubt->used && shows(d, doubt) &&
                subject_same(&doubt->change.subject, subject);
        if (found) {
            *out = doubt->change;
            doubt->used = false;
        }
    }
    (void)pthread_mutex_unlock(&doubts->lock);
    return found;
}

static bool
has(const struct subject *subjects, unsigned n, const struct subject *subject)
{
    for (unsigned i = 0; i < n; i++)
        if (subject_same(&subjects[i], subject))
            return true;
    return false;
}

unsigned
doubts_subjects(struct doubts *doubts, struct wall now,
                struct subject out[DOUBTS])
{
    unsigned n = 0;

    (void)pthread_mutex_lock(&doubts->lock);
    for (unsigned i = 0; i < DOUBTS; i++) {
        struct doubt *doubt = &doubts->doubt[i];

        if (now.s - doubt->since_s > DOUBT_S)
            doubt->used = false;
        if (doubt->used && !has(out, n, &doubt->change.subject))
            out[n++] = doubt->change.subject;
    }
    (void)pthread_mutex_unlock(&doubts->lock);
    return n;
}
