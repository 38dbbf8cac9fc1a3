/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/clerk/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "milter/clerk/clerk.h"
#include "milter/quiet.h"

enum { PLACES = 4096, PERIOD_MS = 60000, SLOTS = 2 * CLERK_WOULDS };

_Static_assert((SLOTS & (SLOTS - 1)) == 0, "a power of two");

struct clerk_queue {
    struct quiet *quiet; /* who has had how much of this minute */
    unsigned char key[crypto_shorthash_KEYBYTES];

    pthread_mutex_t lock; /* guards all below; a leaf */
    struct clerk_node *first, **last;
    size_t n, most;
    uint64_t lost;
    size_t n_woulds;
    struct diary_would would[CLERK_WOULDS];
    uint16_t slot[SLOTS]; /* one more than a would's place; 0: free */
};

enum ms_err
clerk_queue_create(size_t most, struct clerk_queue **out)
{
    struct clerk_queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL)
        return MS_NOMEM;
    if (quiet_create(PLACES, CLERK_A_SUBJECT, &queue->quiet) != MS_OK) {
        free(queue);
        return MS_NOMEM;
    }
    crypto_shorthash_keygen(queue->key);
    (void)pthread_mutex_init(&queue->lock, NULL);
    queue->last = &queue->first;
    queue->most = most;
    *out = queue;
    return MS_OK;
}

static void
free_list(struct clerk_node *list)
{
    while (list != NULL) {
        struct clerk_node *next = list->next;

        free(list);
        list = next;
    }
}

void
clerk_queue_destroy(struct clerk_queue *queue)
{
    if (queue == NULL)
        return;
    free_list(queue->first);
    (void)pthread_mutex_destroy(&queue->lock);
    quiet_destroy(queue->quiet);
    free(queue);
}

/* ----- counting */

static uint64_t
hash_of(const struct clerk_queue *queue, const struct diary_would *w)
{
    unsigned char text[sizeof(w->rule) + sizeof(w->subject) + 1];
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t hash;

    memset(text, 0, sizeof(text));
    memcpy(text, w->rule, strlen(w->rule));
    memcpy(text + sizeof(w->rule), w->subject, strlen(w->subject));
    text[sizeof(text) - 1] = (unsigned char)w->action;
    (void)crypto_shorthash(out, text, sizeof(text), queue->key);
    memcpy(&hash, out, sizeof(hash));
    return hash;
}

static bool
is_same(const struct diary_would *a, const struct diary_would *b)
{
    return a->action == b->action && strcmp(a->rule, b->rule) == 0 &&
           strcmp(a->subject, b->subject) == 0;
}

/* Where what is like W is counted; NULL: nowhere, and all places are taken. */
static struct diary_would *
find_would_locked(struct clerk_queue *queue, const struct diary_would *w,
                  uint64_t hash)
{
    size_t i = hash & (SLOTS - 1);

    for (; queue->slot[i] != 0; i = (i + 1) & (SLOTS - 1)) {
        struct diary_would *there = &queue->would[queue->slot[i] - 1];

        if (is_same(there, w))
            return there;
    }
    if (queue->n_woulds == CLERK_WOULDS)
        return NULL;
    queue->would[queue->n_woulds] = *w;
    queue->would[queue->n_woulds].n = 0;
    queue->slot[i] = (uint16_t)++queue->n_woulds;
    return &queue->would[queue->n_woulds - 1];
}

static void
count(struct clerk_queue *queue, const struct diary_would *w)
{
    uint64_t hash = hash_of(queue, w);
    struct diary_would *there;

    (void)pthread_mutex_lock(&queue->lock);
    there = find_would_locked(queue, w, hash);
    if (there != NULL) {
        there->n += w->n;
        if (w->first_s < there->first_s)
            there->first_s = w->first_s;
        if (w->last_s > there->last_s)
            there->last_s = w->last_s;
    } else {
        queue->lost += w->n;
    }
    (void)pthread_mutex_unlock(&queue->lock);
}

static void
count_decision(struct clerk_queue *queue, const struct decision *d)
{
    struct diary_would w = {
        .action = d->action, .n = 1, .first_s = d->at_s, .last_s = d->at_s};

    memcpy(w.rule, d->rule, sizeof(w.rule));
    memcpy(w.subject, d->subject, sizeof(w.subject));
    count(queue, &w);
}

size_t
clerk_queue_take_woulds(struct clerk_queue *queue,
                        struct diary_would out[CLERK_WOULDS])
{
    size_t n;

    (void)pthread_mutex_lock(&queue->lock);
    n = queue->n_woulds;
    memcpy(out, queue->would, n * sizeof(*out));
    queue->n_woulds = 0;
    if (n > 0)
        memset(queue->slot, 0, sizeof(queue->slot));
    (void)pthread_mutex_unlock(&queue->lock);
    return n;
}

void
clerk_queue_put_back_woulds(struct clerk_queue *queue,
                            const struct diary_would *woulds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        count(queue, &woulds[i]);
}

/* ----- waiting */

static struct clerk_node *
take_first_locked(struct clerk_queue *queue)
{
    struct clerk_node *node = queue->first;

    queue->first = node->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->n--;
    return node;
}

/* The ones that there is no room for any more. */
static struct clerk_node *
overflow_locked(struct clerk_queue *queue)
{
    struct clerk_node *out = NULL;

    while (queue->n > queue->most) {
        struct clerk_node *node = take_first_locked(queue);

        node->next = out;
        out = node;
        queue->lost++;
    }
    return out;
}

void
clerk_queue_append(struct clerk_queue *queue, struct clerk_node *list)
{
    struct clerk_node *over;

    (void)pthread_mutex_lock(&queue->lock);
    *queue->last = list;
    for (; *queue->last != NULL; queue->last = &(*queue->last)->next)
        queue->n++;
    over = overflow_locked(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    free_list(over);
}

void
clerk_queue_add(struct clerk_queue *queue, const struct decision *decision,
                const char *about, struct mono now)
{
    bool held =
        decision->action == VERDICT_HOLD && decision->deed == JOURNAL_DONE;
    struct quiet_rest rest; /* the log tells of it */
    struct clerk_node *node;

    if (!held && !quiet_tell(queue->quiet, about, strlen(about), about, now,
                             PERIOD_MS, &rest)) {
        if (decision->deed == JOURNAL_WOULD)
            count_decision(queue, decision);
        return;
    }
    node = malloc(sizeof(*node));
    if (node == NULL) {
        (void)pthread_mutex_lock(&queue->lock);
        queue->lost++;
        (void)pthread_mutex_unlock(&queue->lock);
        return;
    }
    node->next = NULL;
    node->decision = *decision;
    clerk_queue_append(queue, node);
}

struct clerk_node *
clerk_queue_take(struct clerk_queue *queue, size_t most)
{
    struct clerk_node *list = NULL, **end = &list;

    (void)pthread_mutex_lock(&queue->lock);
    while (queue->n > 0 && most-- > 0) {
        *end = take_first_locked(queue);
        end = &(*end)->next;
    }
    *end = NULL;
    (void)pthread_mutex_unlock(&queue->lock);
    return list;
}

void
clerk_queue_put_back(struct clerk_queue *queue, struct clerk_node *list)
{
    struct clerk_node *over, **end = &list;
    size_t n = 0;

    if (list == NULL)
        return;
    for (; *end != NULL; end = &(*end)->next)
        n++;
    (void)pthread_mutex_lock(&queue->lock);
    *end = queue->first;
    if (queue->first == NULL)
        queue->last = end;
    queue->first = list;
    queue->n += n;
    over = overflow_locked(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    free_list(over);
}

void
clerk_queue_weed(struct clerk_queue *queue,
                 bool (*bad)(void *arg, const struct decision *decision),
                 void *arg)
{
    struct clerk_node **at = &queue->first, *gone = NULL;

    (void)pthread_mutex_lock(&queue->lock);
    while (*at != NULL) {
        struct clerk_node *node = *at;

        if (!bad(arg, &node->decision)) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        node->next = gone;
        gone = node;
        queue->n--;
    }
    queue->last = at;
    (void)pthread_mutex_unlock(&queue->lock);
    free_list(gone);
}

void
clerk_queue_clear(struct clerk_queue *queue)
{
    struct clerk_node *list;

    (void)pthread_mutex_lock(&queue->lock);
    list = queue->first;
    queue->first = NULL;
    queue->last = &queue->first;
    queue->n = 0;
    queue->n_woulds = 0;
    memset(queue->slot, 0, sizeof(queue->slot));
    (void)pthread_mutex_unlock(&queue->lock);
    free_list(list);
}

uint64_t
clerk_queue_count(struct clerk_queue *queue)
{
    uint64_t n;

    (void)pthread_mutex_lock(&queue->lock);
    n = queue->n;
    (void)pthread_mutex_unlock(&queue->lock);
    return n;
}

uint64_t
clerk_queue_lost(struct clerk_queue *queue)
{
    uint64_t n;

    (void)pthread_mutex_lock(&queue->lock);
    n = queue->lost;
    (void)pthread_mutex_unlock(&queue->lock);
    return n;
}
