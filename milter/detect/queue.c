/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/queue.c - places by subject in a hash table; each is also in
 * one list, of those that are idle, quiet, due or hot, or taken by whoever
 * judges it.
 */
#include <config.h>

#include "milter/detect/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "milter/detect/detect.h"

enum {
    BUCKETS = 1 << 16,
    WEED_BUCKETS = 256 /* in one go */
};

/* Which of the two in the middle is that of the quiet ones changes with each
 * beat; the other has those that are due. */
enum list { LIST_IDLE, LIST_ONE, LIST_OTHER, LIST_HOT, LISTS };

struct detect_place {
    struct detect_place *chain;       /* of its bucket */
    struct detect_place *prev, *next; /* in its list */
    enum list list;
    uint32_t bucket;
    bool taken; /* it is in no list */
    bool hot;   /* at the last look */
    bool late;  /* it was put back: in no hurry until it has been judged */
    bool gone;  /* to be dropped when it is not taken any more */
    struct detect_about about;
    struct detect_queued *first, **last;
    unsigned n;                 /* events */
    size_t bytes;               /* of them */
    uint32_t recipients;        /* that wait */
    struct detector_event rest; /* of those that were merged */
    bool has_rest;
    char ids[CHANGE_IDS][DETECT_ID]; /* a ring; "": free */
    unsigned next_id;
    uint16_t len;
    uint8_t subject[];
};

struct ring {
    struct detect_place *first, *last;
    size_t n;
};

struct detect_queue {
    unsigned char key[crypto_shorthash_KEYBYTES];
    size_t most;

    pthread_mutex_t lock; /* guards all below; a leaf */
    struct ring list[LISTS];
    enum list quiet, due;
    size_t n;     /* places */
    size_t bytes; /* of all events that wait */
    struct detect_others others;
    bool has_others;
    struct detect_queue_counts counts; /* but `waiting` */
    struct detect_place *bucket[BUCKETS];
};

enum ms_err
detect_queue_create(size_t most, struct detect_queue **out)
{
    struct detect_queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL)
        return MS_NOMEM;
    crypto_shorthash_keygen(queue->key);
    (void)pthread_mutex_init(&queue->lock, NULL);
    queue->most = most;
    queue->quiet = LIST_ONE;
    queue->due = LIST_OTHER;
    *out = queue;
    return MS_OK;
}

static void
free_events(struct detect_queued *list)
{
    while (list != NULL) {
        struct detect_queued *next = list->next;

        free(list);
        list = next;
    }
}

static void
free_place(struct detect_place *place)
{
    if (place != NULL)
        free_events(place->first);
    free(place);
}

void
detect_queue_destroy(struct detect_queue *queue)
{
    if (queue == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (queue->bucket[i] != NULL) {
            struct detect_place *place = queue->bucket[i];

            queue->bucket[i] = place->chain;
            free_place(place);
        }
    }
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

/* ----- lists */

static void
leave_list_locked(struct detect_queue *queue, struct detect_place *place)
{
    struct ring *ring = &queue->list[place->list];

    *(place->prev != NULL ? &place->prev->next : &ring->first) = place->next;
    *(place->next != NULL ? &place->next->prev : &ring->last) = place->prev;
    ring->n--;
}

static void
enter_list_locked(struct detect_queue *queue, struct detect_place *place,
                  enum list list)
{
    struct ring *ring = &queue->list[list];

    place->list = list;
    place->prev = ring->last;
    place->next = NULL;
    *(ring->last != NULL ? &ring->last->next : &ring->first) = place;
    ring->last = place;
    ring->n++;
}

static void
move_locked(struct detect_queue *queue, struct detect_place *place,
            enum list list)
{
    leave_list_locked(queue, place);
    enter_list_locked(queue, place, list);
}

/* ----- places */

static size_t
bucket_of(const struct detect_queue *queue, const struct subject *subject)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t hash;

    (void)crypto_shorthash(out, subject->bytes, subject->len, queue->key);
    memcpy(&hash, out, sizeof(hash));
    return hash % BUCKETS;
}

static struct detect_place *
find_locked(const struct detect_queue *queue, const struct subject *subject,
            size_t bucket)
{
    struct detect_place *place = queue->bucket[bucket];

    while (place != NULL &&
           (place->gone || place->len != subject->len ||
            memcmp(place->subject, subject->bytes, subject->len) != 0))
        place = place->chain;
    return place;
}

static void
read_subject(const struct detect_place *place, struct subject *out)
{
    (void)subject_read(place->subject, place->len, out);
}

/* Take PLACE, which is in no list, out of the table. */
static void
drop_locked(struct detect_queue *queue, struct detect_place *place)
{
    struct detect_place **at = &queue->bucket[place->bucket];

    while (*at != place)
        at = &(*at)->chain;
    *at = place->chain;
    queue->n--;
    queue->bytes -= place->bytes;
    free_place(place);
}

static bool
has_room_locked(struct detect_queue *queue)
{
    struct detect_place *idle = queue->list[LIST_IDLE].first;

    if (queue->n < queue->most)
        return true;
    if (idle == NULL)
        return false;
    leave_list_locked(queue, idle);
    drop_locked(queue, idle);
    return true;
}

/* A new place, in the list of those that are idle; NULL: no room, no memory. */
static struct detect_place *
make_locked(struct detect_queue *queue, const struct subject *subject,
            size_t bucket)
{
    struct detect_place *place;

    if (!has_room_locked(queue))
        return NULL;
    place = malloc(sizeof(*place) + subject->len);
    if (place == NULL)
        return NULL;
    memset(place, 0, sizeof(*place));
    place->last = &place->first;
    place->len = subject->len;
    memcpy(place->subject, subject->bytes, subject->len);
    place->bucket = (uint32_t)bucket;
    place->chain = queue->bucket[bucket];
    queue->bucket[bucket] = place;
    queue->n++;
    enter_list_locked(queue, place, LIST_IDLE);
    return place;
}

/* ----- events */

static uint32_t
sum(uint64_t a, uint64_t b)
{
    uint64_t s = a + b;

    return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

static uint32_t
recipients_of(const struct detector_event *event)
{
    return sum(event->n_recipients, event->more);
}

static int64_t
since_s(const struct detector_event *event)
{
    return event->since.s != 0 ? event->since.s : event->at.s;
}

/* Add EVENT to what is left of others: its recipients only count. */
static void
merge_locked(struct detect_place *place, const struct detector_event *event)
{
    struct detector_event *rest = &place->rest;
    uint32_t more = recipients_of(event);

    if (!place->has_rest) {
        *rest = *event;
        rest->recipients = NULL;
        rest->n_recipients = 0;
        rest->more = more;
        rest->since.s = since_s(event);
        place->has_rest = true;
        return;
    }
    if (since_s(event) < since_s(rest))
        rest->since.s = since_s(event);
    if (event->at.s > rest->at.s)
        rest->at = event->at;
    rest->more = sum(rest->more, more);
    rest->messages = sum(rest->messages, event->messages);
    rest->spam = sum(rest->spam, event->spam);
    rest->clean = sum(rest->clean, event->clean);
    rest->unknown = sum(rest->unknown, event->unknown);
    rest->complaints = sum(rest->complaints, event->complaints);
    if (rest->message_id != event->message_id)
        rest->message_id = 0;
    rest->network = event->network;
    rest->sender = event->sender;
}

/* No place at all: so that it is told, at least, how much that was. */
static void
count_others_locked(struct detect_queue *queue, enum subject_kind kind,
                    const struct detector_event *event)
{
    queue->others.messages[kind] += event->messages;
    queue->others.recipients[kind] += recipients_of(event);
    queue->has_others = true;
}

static size_t
bytes_of(const struct detector_event *event)
{
    return sizeof(struct detect_queued) +
           event->n_recipients * sizeof(event->recipients[0]);
}

static struct detect_queued *
copy_event(const struct detector_event *event)
{
    size_t size = event->n_recipients * sizeof(event->recipients[0]);
    struct detect_queued *queued = malloc(bytes_of(event));

    if (queued == NULL)
        return NULL;
    queued->next = NULL;
    queued->token = 0;
    queued->event = *event;
    queued->event.recipients = queued->recipients;
    if (size > 0)
        memcpy(queued->recipients, event->recipients, size);
    return queued;
}

/* Ids as long as no MTA makes them are not remembered. */
static void
note_id_locked(struct detect_place *place, const char *id)
{
    size_t len = strlen(id);

    if (len == 0 || len >= DETECT_ID)
        return;
    memcpy(place->ids[place->next_id], id, len + 1);
    place->next_id = (place->next_id + 1) % CHANGE_IDS;
}

/* Which list is PLACE to be in, now that something waits there? */
static enum list
list_of(const struct detect_queue *queue, const struct detect_place *place)
{
    bool hurries = place->hot || place->recipients > DETECT_HURRY;

    return hurries && !place->late ? LIST_HOT : queue->quiet;
}

/* Append QUEUED (moved) to what waits at PLACE; false: there is no room. */
static bool
append_locked(struct detect_queue *queue, struct detect_place *place,
              struct detect_queued *queued)
{
    size_t bytes = bytes_of(&queued->event);

    if (place->n >= DETECT_EVENTS || queue->bytes + bytes > DETECT_BYTES)
        return false;
    queued->next = NULL;
    *place->last = queued;
    place->last = &queued->next;
    place->n++;
    place->bytes += bytes;
    queue->bytes += bytes;
    return true;
}

/* *QUEUED (moved if there is room) has come to PLACE; true: somebody is to be
 * told that it is hot. */
static bool
put_locked(struct detect_queue *queue, struct detect_place *place,
           const struct detector_event *event, struct detect_queued **queued)
{
    enum list list;

    if (*queued != NULL && append_locked(queue, place, *queued)) {
        *queued = NULL;
    } else {
        merge_locked(place, event);
        queue->counts.merged++;
    }
    place->recipients = sum(place->recipients, recipients_of(event));
    if (place->taken || place->list == LIST_HOT || place->list == queue->due)
        return false;
    list = list_of(queue, place);
    if (place->list != list)
        move_locked(queue, place, list);
    return list == LIST_HOT;
}

static bool
is_waiting(const struct detect_place *place)
{
    return place->first != NULL || place->has_rest;
}

/* The last one's; what comes of one event that was only looked on is. */
static void
set_about_locked(struct detect_place *place, const struct detect_about *about)
{
    bool observed = is_waiting(place) && place->about.observed;

    place->about = *about;
    place->about.observed = observed || about->observed;
}

bool
detect_queue_add(struct detect_queue *queue, const struct subject *subject,
                 const struct detect_about *about,
                 const struct detector_event *event, const char *id)
{
    size_t bucket = bucket_of(queue, subject);
    struct detect_queued *queued = copy_event(event);
    struct detect_place *place;
    bool hot = false;

    (void)pthread_mutex_lock(&queue->lock);
    queue->counts.events++;
    place = find_locked(queue, subject, bucket);
    if (place == NULL)
        place = make_locked(queue, subject, bucket);
    if (place != NULL) {
        set_about_locked(place, about);
        note_id_locked(place, id);
        hot = put_locked(queue, place, event, &queued);
    } else {
        queue->counts.merged++;
        count_others_locked(queue, subject->kind, event);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    free(queued);
    return hot;
}

/* ----- who judges */

bool
detect_queue_due(struct detect_queue *queue)
{
    bool none;

    (void)pthread_mutex_lock(&queue->lock);
    none = queue->list[queue->due].n == 0;
    if (none) {
        enum list quiet = queue->quiet;

        queue->quiet = queue->due;
        queue->due = quiet;
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return none;
}

void
detect_queue_round(struct detect_queue *queue, enum detect_whom whom,
                   struct detect_round *out)
{
    (void)pthread_mutex_lock(&queue->lock);
    *out = (struct detect_round){.hot = queue->list[LIST_HOT].n};
    if (whom == DETECT_ALL)
        out->due = queue->list[queue->due].n;
    (void)pthread_mutex_unlock(&queue->lock);
}

bool
detect_queue_is_hot(struct detect_queue *queue)
{
    bool is;

    (void)pthread_mutex_lock(&queue->lock);
    is = queue->list[LIST_HOT].n > 0;
    (void)pthread_mutex_unlock(&queue->lock);
    return is;
}

/* PLACE's events are with it no more. */
static void
empty_locked(struct detect_queue *queue, struct detect_place *place)
{
    place->first = NULL;
    place->last = &place->first;
    place->n = 0;
    queue->bytes -= place->bytes;
    place->bytes = 0;
    place->recipients = place->has_rest ? place->rest.more : 0;
}

/* The events of PLACE, those that were merged the last. */
static struct detect_queued *
take_events_locked(struct detect_queue *queue, struct detect_place *place)
{
    struct detect_queued *events, *rest = NULL;

    if (place->has_rest)
        rest = copy_event(&place->rest);
    if (rest != NULL) {
        *place->last = rest;
        place->has_rest = false; /* else it waits on */
    }
    events = place->first;
    empty_locked(queue, place);
    return events;
}

/* Who is next in ROUND?  Hot ones and due ones take it in turns, also hot ones
 * that have come since as long as others are due. */
static struct detect_place *
next_locked(const struct detect_queue *queue, struct detect_round *round)
{
    struct detect_place *hot = queue->list[LIST_HOT].first;
    struct detect_place *due =
        round->due > 0 ? queue->list[queue->due].first : NULL;

    if (round->hot == 0 && due == NULL)
        return NULL;
    if (due != NULL && (hot == NULL || round->was_hot)) {
        round->due--;
        round->was_hot = false;
        return due;
    }
    if (round->hot > 0)
        round->hot--;
    round->was_hot = true;
    return hot;
}

bool
detect_queue_take(struct detect_queue *queue, struct detect_round *round,
                  struct detect_work *out)
{
    struct detect_place *place;

    (void)pthread_mutex_lock(&queue->lock);
    place = next_locked(queue, round);
    if (place != NULL) {
        leave_list_locked(queue, place);
        place->taken = true;
        out->place = place;
        out->about = place->about;
        read_subject(place, &out->subject);
        out->events = take_events_locked(queue, place);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return place != NULL;
}

/* PLACE is not taken any more: into LIST, unless it is to be forgotten. */
static void
give_back_locked(struct detect_queue *queue, struct detect_place *place,
                 enum list list)
{
    place->taken = false;
    if (place->gone)
        drop_locked(queue, place);
    else
        enter_list_locked(queue, place, list);
}

void
detect_queue_done(struct detect_queue *queue, struct detect_work *work,
                  enum detect_heat heat)
{
    struct detect_place *place = work->place;

    (void)pthread_mutex_lock(&queue->lock);
    place->hot = heat == DETECT_HOT;
    place->late = false;
    if (!is_waiting(place))
        give_back_locked(queue, place, LIST_IDLE);
    else if (work->events == NULL) /* no memory: not at once again */
        give_back_locked(queue, place, queue->quiet);
    else
        give_back_locked(queue, place, list_of(queue, place));
    (void)pthread_mutex_unlock(&queue->lock);
    free_events(work->events);
    work->events = NULL;
}

/* EVENTS (moved) come before what has come meanwhile. */
static void
prepend_locked(struct detect_queue *queue, struct detect_place *place,
               struct detect_queued *events)
{
    struct detect_queued *later = place->first;

    empty_locked(queue, place);
    while (events != NULL || later != NULL) {
        struct detect_queued **from = events != NULL ? &events : &later;
        struct detect_queued *one = *from;

        *from = one->next;
        place->recipients = sum(place->recipients, recipients_of(&one->event));
        if (append_locked(queue, place, one))
            continue;
        merge_locked(place, &one->event);
        queue->counts.merged++;
        free(one);
    }
}

void
detect_queue_put_back(struct detect_queue *queue, struct detect_work *work)
{
    (void)pthread_mutex_lock(&queue->lock);
    prepend_locked(queue, work->place, work->events);
    if (work->about.observed)
        work->place->about.observed = true;
    work->place->late = true;
    give_back_locked(queue, work->place, queue->quiet);
    (void)pthread_mutex_unlock(&queue->lock);
    work->events = NULL;
}

/* ----- the rest */

void
detect_queue_note_id(struct detect_queue *queue, const struct subject *subject,
                     const char *id)
{
    size_t bucket = bucket_of(queue, subject);
    struct detect_place *place;

    (void)pthread_mutex_lock(&queue->lock);
    place = find_locked(queue, subject, bucket);
    if (place != NULL)
        note_id_locked(place, id);
    (void)pthread_mutex_unlock(&queue->lock);
}

size_t
detect_queue_ids(struct detect_queue *queue, const struct subject *subject,
                 char out[CHANGE_IDS][DECISION_HOST])
{
    size_t bucket = bucket_of(queue, subject), n = 0;
    const struct detect_place *place;

    (void)pthread_mutex_lock(&queue->lock);
    place = find_locked(queue, subject, bucket);
    for (unsigned i = 1; place != NULL && i <= CHANGE_IDS; i++) {
        const char *id =
            place->ids[(place->next_id + CHANGE_IDS - i) % CHANGE_IDS];

        if (*id != '\0')
            memcpy(out[n++], id, strlen(id) + 1);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return n;
}

static void
forget_locked(struct detect_queue *queue, struct detect_place *place)
{
    place->gone = true;
    if (place->taken)
        return;
    leave_list_locked(queue, place);
    drop_locked(queue, place);
}

static void
weed_locked(struct detect_queue *queue, struct detect_place *place,
            bool (*bad)(void *arg, const struct subject *subject), void *arg)
{
    struct detect_place *next;
    struct subject subject;

    for (; place != NULL; place = next) {
        next = place->chain;
        read_subject(place, &subject);
        if (bad(arg, &subject))
            forget_locked(queue, place);
    }
}

bool
detect_queue_weed(struct detect_queue *queue, size_t *at,
                  bool (*bad)(void *arg, const struct subject *subject),
                  void *arg)
{
    size_t end = *at + WEED_BUCKETS;

    (void)pthread_mutex_lock(&queue->lock);
    for (; *at < end && *at < BUCKETS; ++*at)
        weed_locked(queue, queue->bucket[*at], bad, arg);
    (void)pthread_mutex_unlock(&queue->lock);
    return *at < BUCKETS;
}

bool
detect_queue_take_others(struct detect_queue *queue, struct detect_others *out)
{
    bool has;

    (void)pthread_mutex_lock(&queue->lock);
    has = queue->has_others;
    *out = queue->others;
    memset(&queue->others, 0, sizeof(queue->others));
    queue->has_others = false;
    (void)pthread_mutex_unlock(&queue->lock);
    return has;
}

void
detect_queue_count(struct detect_queue *queue, struct detect_queue_counts *out)
{
    (void)pthread_mutex_lock(&queue->lock);
    *out = queue->counts;
    out->waiting = queue->list[LIST_ONE].n + queue->list[LIST_OTHER].n +
                   queue->list[LIST_HOT].n;
    (void)pthread_mutex_unlock(&queue->lock);
}
