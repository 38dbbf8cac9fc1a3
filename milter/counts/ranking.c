/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap with the lowest score in front, and buckets to find a subject.  The
 * score in front of a full one stands in an atomic, so that whoever would not
 * come in is sent away without a lock.
 *
 * A change costs a lock that is held for a few steps through the heap, some
 * 100 ns.  A full ranking of ordinary names takes 70 KB.
 */
#include <config.h>

#include "milter/counts/ranking.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, NONE = UINT16_MAX };

_Static_assert((int)RANKING_MOST < (int)NONE, "16 bits name them");

struct entry {
    uint64_t score, hash;
    uint8_t *name; /* the subject's bytes */
    uint16_t len;
    uint16_t next;  /* of the same bucket */
    uint16_t place; /* in the heap */
};

struct ranking {
    pthread_mutex_t lock;
    _Atomic uint64_t threshold; /* to come in, one must be above it */
    size_t n;
    size_t names;             /* bytes of them in all */
    uint16_t bucket[BUCKETS]; /* one more than an entry; 0: none */
    uint16_t heap[RANKING_MOST];
    struct entry entry[RANKING_MOST];
};

/* ----- making and ending */

enum ms_err
ranking_create(struct ranking **out)
{
    struct ranking *ranking = calloc(1, sizeof(*ranking));

    if (ranking == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&ranking->lock, NULL);
    *out = ranking;
    return MS_OK;
}

void
ranking_destroy(struct ranking *ranking)
{
    if (ranking == NULL)
        return;
    for (size_t i = 0; i < ranking->n; i++)
        free(ranking->entry[i].name);
    (void)pthread_mutex_destroy(&ranking->lock);
    free(ranking);
}

/* ----- buckets */

static uint16_t
find_locked(const struct ranking *ranking, uint64_t hash,
            const struct subject *subject)
{
    uint16_t link = ranking->bucket[hash % BUCKETS];

    while (link != 0) {
        const struct entry *entry = &ranking->entry[link - 1];

        if (entry->hash == hash && entry->len == subject->len &&
            memcmp(entry->name, subject->bytes, entry->len) == 0)
            return (uint16_t)(link - 1);
        link = entry->next;
    }
    return NONE;
}

static void
link_locked(struct ranking *ranking, uint16_t at)
{
    uint16_t *bucket = &ranking->bucket[ranking->entry[at].hash % BUCKETS];

    ranking->entry[at].next = *bucket;
    *bucket = (uint16_t)(at + 1);
}

static void
unlink_locked(struct ranking *ranking, uint16_t at)
{
    uint16_t *link = &ranking->bucket[ranking->entry[at].hash % BUCKETS];

    while (*link != at + 1)
        link = &ranking->entry[*link - 1].next;
    *link = ranking->entry[at].next;
}

/* ----- the heap */

static void
put_locked(struct ranking *ranking, size_t place, uint16_t at)
{
    ranking->heap[place] = at;
    ranking->entry[at].place = (uint16_t)place;
}

static uint64_t
score_at(const struct ranking *ranking, size_t place)
{
    return ranking->entry[ranking->heap[place]].score;
}

static void
up_locked(struct ranking *ranking, size_t place)
{
    uint16_t at = ranking->heap[place];

    while (place > 0 &&
           ranking->entry[at].score < score_at(ranking, (place - 1) / 2)) {
        put_locked(ranking, place, ranking->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put_locked(ranking, place, at);
}

static void
down_locked(struct ranking *ranking, size_t place)
{
    uint16_t at = ranking->heap[place];
    size_t child;

    while ((child = 2 * place + 1) < ranking->n) {
        if (child + 1 < ranking->n &&
            score_at(ranking, child + 1) < score_at(ranking, child))
            child++;
        if (ranking->entry[at].score <= score_at(ranking, child))
            break;
        put_locked(ranking, place, ranking->heap[child]);
        place = child;
    }
    put_locked(ranking, place, at);
}

/* ----- coming and going */

/* Make what is asked without the lock follow. */
static void
publish_locked(struct ranking *ranking)
{
    atomic_store_explicit(&ranking->threshold,
                          ranking->n == RANKING_MOST ? score_at(ranking, 0) : 0,
                          memory_order_relaxed);
}

static void
remove_locked(struct ranking *ranking, uint16_t at)
{
    size_t place = ranking->entry[at].place;
    uint16_t last;

    unlink_locked(ranking, at);
    ranking->names -= ranking->entry[at].len;
    free(ranking->entry[at].name);
    last = ranking->heap[--ranking->n];
    if (place < ranking->n) {
        put_locked(ranking, place, last);
        up_locked(ranking, place);
        down_locked(ranking, ranking->entry[last].place);
    }
    if (at != ranking->n) { /* the entry behind the others fills the gap */
        unlink_locked(ranking, (uint16_t)ranking->n);
        ranking->entry[at] = ranking->entry[ranking->n];
        link_locked(ranking, at);
        ranking->heap[ranking->entry[at].place] = at;
    }
}

static void
add_locked(struct ranking *ranking, uint64_t hash,
           const struct subject *subject, uint64_t score)
{
    uint8_t *name;
    uint16_t at;

    if (ranking->n == RANKING_MOST && score <= score_at(ranking, 0))
        return;
    name = malloc(subject->len);
    if (name == NULL)
        return; /* it will be noted again */
    if (ranking->n == RANKING_MOST)
        remove_locked(ranking, ranking->heap[0]);
    memcpy(name, subject->bytes, subject->len);
    at = (uint16_t)ranking->n++;
    ranking->entry[at] = (struct entry){
        .score = score, .hash = hash, .name = name, .len = subject->len};
    ranking->names += subject->len;
    link_locked(ranking, at);
    ranking->heap[at] = at;
    up_locked(ranking, at);
}

void
ranking_set(struct ranking *ranking, uint64_t hash,
            const struct subject *subject, uint64_t score)
{
    uint16_t at;

    (void)pthread_mutex_lock(&ranking->lock);
    at = find_locked(ranking, hash, subject);
    if (at == NONE && score > 0) {
        add_locked(ranking, hash, subject, score);
    } else if (at != NONE && score == 0) {
        remove_locked(ranking, at);
    } else if (at != NONE && score != ranking->entry[at].score) {
        ranking->entry[at].score = score;
        up_locked(ranking, ranking->entry[at].place);
        down_locked(ranking, ranking->entry[at].place);
    }
    publish_locked(ranking);
    (void)pthread_mutex_unlock(&ranking->lock);
}

bool
ranking_admits(struct ranking *ranking, uint64_t score)
{
    return score >
           atomic_load_explicit(&ranking->threshold, memory_order_relaxed);
}

/* ----- the list */

/* A candidate, copied in haste. */
struct copy {
    uint64_t score;
    size_t at; /* in the names */
    uint16_t len;
};

struct copies {
    size_t n;
    struct copy copy[RANKING_MOST];
    uint8_t name[]; /* of all of them */
};

static void
copy_locked(const struct ranking *ranking, struct copies *copies)
{
    size_t at = 0;

    for (size_t i = 0; i < ranking->n; i++) {
        const struct entry *entry = &ranking->entry[i];

        memcpy(copies->name + at, entry->name, entry->len);
        copies->copy[i] = (struct copy){entry->score, at, entry->len};
        at += entry->len;
    }
    copies->n = ranking->n;
}

/* All of RANKING; NULL: no memory.  No callback waits for memory or for the
 * sorting. */
static struct copies *
copy_all(struct ranking *ranking)
{
    struct copies *copies = NULL;
    size_t names = 4096;
    bool done = false;

    while (!done) {
        free(copies);
        copies = malloc(sizeof(*copies) + names);
        if (copies == NULL)
            return NULL;
        (void)pthread_mutex_lock(&ranking->lock);
        done = ranking->names <= names;
        names = ranking->names + 1024;
        if (done)
            copy_locked(ranking, copies);
        (void)pthread_mutex_unlock(&ranking->lock);
    }
    return copies;
}

static int
by_score(const void *a, const void *b)
{
    uint64_t x = ((const struct copy *)a)->score;
    uint64_t y = ((const struct copy *)b)->score;

    return x > y ? -1 : x < y;
}

enum ms_err
ranking_list(struct ranking *ranking, struct subject **out, size_t *n)
{
    struct copies *copies = copy_all(ranking);
    struct subject *list = NULL;

    if (copies != NULL)
        list = calloc(copies->n > 0 ? copies->n : 1, sizeof(list[0]));
    if (list == NULL) {
        free(copies);
        return MS_NOMEM;
    }
    qsort(copies->copy, copies->n, sizeof(copies->copy[0]), by_score);
    for (size_t i = 0; i < copies->n; i++) {
        const struct copy *copy = &copies->copy[i];

        (void)subject_read(copies->name + copy->at, copy->len, &list[i]);
    }
    *out = list;
    *n = copies->n;
    free(copies);
    return MS_OK;
}
