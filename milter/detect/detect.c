/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detect/detect.c - the thread, and what callbacks hand to it.  What
 * operators say is done in their own threads (milter/detect/word.c).
 */
#include <config.h>

#include "milter/detect/detect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "milter/detect/inside.h"
#include "milter/wait.h"
#include "policy/zombie.h"

enum {
    REST_MS = 2,     /* between two looks at who is to be judged at once */
    HOT_SOME = 256,  /* of them, in one go */
    HOT_BETWEEN = 8, /* in between something else */
    TELL_MS = 60000  /* between two lines about what is lost */
};

/* ----- making it */

static void
freeze(void *arg, int64_t until_s)
{
    const struct detect *detect = arg;

    detect->is.freeze(detect->is.arg, until_s);
}

static uint64_t
frozen(void *arg, struct wall now)
{
    const struct detect *detect = arg;

    return detect->is.frozen(detect->is.arg, now);
}

static enum ms_err
make_parts(struct detect *detect)
{
    bool fleet = detect->is.freeze != NULL && detect->is.frozen != NULL;
    const struct brake_needs needs = {
        .store = detect->is.store,
        .journal = daemon_journal(detect->is.daemon),
        .freeze = fleet ? freeze : NULL,
        .frozen = fleet ? frozen : NULL,
        .arg = detect,
    };
    enum ms_err err = detect_queue_create(DETECT_SUBJECTS, &detect->queue);

    if (err == MS_OK)
        err = brake_create(&needs, &detect->brake);
    if (err == MS_OK)
        err = trail_create(&detect->trail);
    if (err == MS_OK)
        err = doubts_create(&detect->doubts);
    return err;
}

enum ms_err
detect_create(const struct detect_needs *needs, struct detect **out)
{
    struct detect *detect = calloc(1, sizeof(*detect));
    enum ms_err err;

    if (detect == NULL)
        return MS_NOMEM;
    detect->is = *needs;
    (void)pthread_mutex_init(&detect->lock, NULL);
    wait_init(&detect->wake);
    wait_init(&detect->settled);
    detect->last_held = &detect->held;
    err = make_parts(detect);
    if (err != MS_OK) {
        detect_destroy(detect);
        return err;
    }
    *out = detect;
    return MS_OK;
}

static void
free_held(struct held_node *list)
{
    while (list != NULL) {
        struct held_node *next = list->next;

        free(list);
        list = next;
    }
}

void
detect_destroy(struct detect *detect)
{
    if (detect == NULL)
        return;
    free_held(detect->held);
    doubts_destroy(detect->doubts);
    trail_destroy(detect->trail);
    brake_destroy(detect->brake);
    detect_queue_destroy(detect->queue);
    (void)pthread_cond_destroy(&detect->settled);
    (void)pthread_cond_destroy(&detect->wake);
    (void)pthread_mutex_destroy(&detect->lock);
    free(detect);
}

const struct hashes *
detect_hashes(const struct detect *detect)
{
    return detect->is.hashes;
}

/* ----- from callbacks */

static void
wake(struct detect *detect)
{
    (void)pthread_mutex_lock(&detect->lock);
    if (!detect->hot && !detect->resting)
        (void)pthread_cond_signal(&detect->wake);
    detect->hot = true;
    (void)pthread_mutex_unlock(&detect->lock);
}

static struct detector_event
event_of(const struct detect *detect, const struct scene *scene,
         const struct detect_message *m)
{
    size_t n = m->n_recipients < DETECT_RECIPIENTS ? m->n_recipients
                                                   : DETECT_RECIPIENTS;
    struct detector_event event = {
        .at = scene->now,
        .recipients = m->recipients,
        .n_recipients = n,
        .more = m->more + (uint32_t)(m->n_recipients - n),
        .messages = 1,
        .spam = m->flag == FLAG_SPAM,
        .clean = m->flag == FLAG_CLEAN,
        .message_id = m->message_id,
        .unknown = m->unknown,
        .network = hashes_network(detect->is.hashes, scene->client),
        .sender = m->from,
    };

    return event;
}

static void
note_one(struct detect *detect, const struct config *config,
         const struct scene *scene, const struct detect_message *message,
         const struct zombie *rule)
{
    struct detector_event event = event_of(detect, scene, message);
    const struct detect_about about = {
        .rule = rule->id,
        .class = zombie_class(config, rule, scene),
        .observed = zombie_mode(rule, scene) != MODE_ENFORCE,
    };
    char text[SUBJECT_TEXT];
    struct subject subject;

    if (!zombie_subject(rule, scene, &subject))
        return;
    if (detect_queue_add(detect->queue, &subject, &about, &event, message->id))
        wake(detect);
    if (message->passed)
        trail_add(detect->trail, message->id, subject_print(&subject, text),
                  scene->now.s);
}

void
detect_note(struct detect *detect, const struct config *config,
            const struct scene *scene, const struct detect_message *message)
{
    const struct zombie *rules[ZOMBIE_RULES];
    size_t n = zombie_rules(config, scene, rules);

    for (size_t i = 0; i < n; i++)
        note_one(detect, config, scene, message, rules[i]);
}

void
detect_note_held(struct detect *detect, const struct held *held)
{
    struct held_node *node = malloc(sizeof(*node));

    if (node == NULL) {
        journal_say(daemon_journal(detect->is.daemon), LOG_ERR,
                    "no memory to remember that %s is held", held->id);
        return;
    }
    node->next = NULL;
    node->held = *held;
    (void)pthread_mutex_lock(&detect->lock);
    *detect->last_held = node;
    detect->last_held = &node->next;
    (void)pthread_mutex_unlock(&detect->lock);
    wake(detect);
}

bool
detect_frozen(struct detect *detect, struct wall now)
{
    return brake_freeze(detect->brake, now) != 0;
}

/* ----- what is written down */

static void
write_held(struct detect *detect)
{
    struct held_node *list;

    (void)pthread_mutex_lock(&detect->lock);
    list = detect->held;
    detect->held = NULL;
    detect->last_held = &detect->held;
    (void)pthread_mutex_unlock(&detect->lock);
    for (const struct held_node *node = list; node != NULL; node = node->next)
        if (detect->is.held != NULL)
            detect->is.held(detect->is.arg, &node->held);
    free_held(list);
}

/* May what is lost be told of at NOW?  Then not again before *DUE_MS. */
static bool
is_time(int64_t *due_ms, struct store_time now)
{
    if (now.mono.ms < *due_ms)
        return false;
    *due_ms = now.mono.ms + TELL_MS;
    return true;
}

static void
write_trail(struct detect *detect, struct store_time now)
{
    uint64_t lost;

    (void)trail_write(detect->trail, detect->is.diary); /* else it waits */
    lost = trail_lost(detect->trail);
    if (lost == detect->trail_told || !is_time(&detect->trail_ms, now))
        return;
    journal_say(daemon_journal(detect->is.daemon), LOG_WARNING,
                "diary: it is not known any more for whom %llu messages went "
                "out: reports about them count for nobody",
                (unsigned long long)(lost - detect->trail_told));
    detect->trail_told = lost;
}

/* False: nothing is to be told. */
static bool
add_others(struct detect *detect)
{
    struct detect_others *sum = &detect->others, others;
    uint64_t messages = 0;

    (void)detect_queue_take_others(detect->queue, &others);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        sum->messages[i] += others.messages[i];
        sum->recipients[i] += others.recipients[i];
        messages += sum->messages[i];
    }
    return messages > 0;
}

static void
tell_others(struct detect *detect, struct store_time now)
{
    const struct detect_others *others = &detect->others;

    if (!add_others(detect) || !is_time(&detect->others_ms, now))
        return;
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        if (others->messages[i] > 0)
            journal_say(daemon_journal(detect->is.daemon), LOG_WARNING,
                        "detector: more than %d subjects wait: %llu messages "
                        "to %llu recipients are no evidence against any %s",
                        DETECT_SUBJECTS,
                        (unsigned long long)others->messages[i],
                        (unsigned long long)others->recipients[i],
                        subject_kind_name((enum subject_kind)i));
    }
    memset(&detect->others, 0, sizeof(detect->others));
}

/* ----- whose turn it is */

/* The thread's as a rule; before it is there or when it has ended, that of
 * whoever calls. */
static void
take_turn(struct detect *detect)
{
    (void)pthread_mutex_lock(&detect->lock);
    while (detect->turn)
        (void)pthread_cond_wait(&detect->settled, &detect->lock);
    detect->turn = true;
    (void)pthread_mutex_unlock(&detect->lock);
}

static void
end_turn(struct detect *detect)
{
    (void)pthread_mutex_lock(&detect->lock);
    detect->turn = false;
    (void)pthread_cond_broadcast(&detect->settled);
    (void)pthread_mutex_unlock(&detect->lock);
}

/* ----- a beat */

/* What waits is judged, or written down.  False: the store is away. */
static bool
settle(struct detect *detect)
{
    bool works = judge_all(detect);
    struct store_time now = detect->is.now(detect->is.arg);

    write_held(detect);
    write_trail(detect, now);
    tell_others(detect, now);
    return works;
}

/* However much is hot, the quiet ones have their turn. */
static bool
is_past(const struct timespec *until)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec != until->tv_sec ? now.tv_sec > until->tv_sec
                                       : now.tv_nsec >= until->tv_nsec;
}

static void
answer(struct detect *detect, uint64_t asked)
{
    (void)pthread_mutex_lock(&detect->lock);
    if (detect->answered < asked)
        detect->answered = asked;
    (void)pthread_cond_broadcast(&detect->settled);
    (void)pthread_mutex_unlock(&detect->lock);
}

bool
detect_between(struct detect *detect)
{
    uint64_t asked;
    bool is_asked, stop;

    (void)pthread_mutex_lock(&detect->lock);
    asked = detect->asked;
    is_asked = asked != detect->answered;
    stop = detect->stop;
    (void)pthread_mutex_unlock(&detect->lock);
    if (stop)
        return false;
    if (!is_asked && !is_past(&detect->until)) {
        (void)judge_hot(detect, HOT_BETWEEN);
        return true;
    }
    detect->until = wait_until(DETECT_BEAT_MS);
    (void)settle(detect);
    answer(detect, asked);
    return true;
}

static bool
beat(struct detect *detect)
{
    bool works;

    detect->until = wait_until(DETECT_BEAT_MS);
    works = settle(detect);
    if (works) {
        update_settle(detect);
        pass_freeze(detect, detect->is.now(detect->is.arg));
        pass_all(detect, detect->is.now(detect->is.arg));
    }
    return works;
}

void
detect_beat(struct detect *detect)
{
    take_turn(detect);
    (void)beat(detect);
    end_turn(detect);
}

/* What the thread is to do next. */
enum duty { DUTY_STOP, DUTY_HOT, DUTY_BEAT };

/* Wait until there is something to do, until the next beat at most; ASKED: how
 * often detect_settle() had been called. */
static enum duty
wait_duty(struct detect *detect, const struct timespec *until, bool works,
          uint64_t *asked)
{
    enum duty duty = DUTY_BEAT;
    int rc = is_past(until) ? ETIMEDOUT : 0;

    (void)pthread_mutex_lock(&detect->lock);
    while (!detect->stop && !(detect->hot && works) &&
           detect->asked == detect->answered && rc == 0)
        rc = pthread_cond_timedwait(&detect->wake, &detect->lock, until);
    *asked = detect->asked;
    if (detect->stop)
        duty = DUTY_STOP;
    else if (rc == 0 && detect->asked == detect->answered)
        duty = DUTY_HOT;
    detect->hot = false;
    (void)pthread_mutex_unlock(&detect->lock);
    return duty;
}

/* A moment without being woken for each message: then for all at once. */
static void
rest(struct detect *detect)
{
    struct timespec until = wait_until(REST_MS);
    int rc = 0;

    (void)pthread_mutex_lock(&detect->lock);
    detect->resting = true;
    while (!detect->stop && detect->asked == detect->answered && rc == 0)
        rc = pthread_cond_timedwait(&detect->wake, &detect->lock, &until);
    detect->resting = false;
    (void)pthread_mutex_unlock(&detect->lock);
}

/* Do it; false: the store is away. */
static bool
do_duty(struct detect *detect, enum duty duty)
{
    bool works;

    take_turn(detect);
    works = duty == DUTY_HOT ? judge_hot(detect, HOT_SOME) : beat(detect);
    end_turn(detect);
    if (detect_queue_is_hot(detect->queue)) /* those that have come since */
        wake(detect);
    return works;
}

static void *
run(void *arg)
{
    struct detect *detect = arg;
    struct timespec until = wait_until(DETECT_BEAT_MS);
    bool works = true; /* the store: else nobody is in a hurry */
    uint64_t asked;
    enum duty duty;

    while ((duty = wait_duty(detect, &until, works, &asked)) != DUTY_STOP) {
        if (duty == DUTY_BEAT)
            until = wait_until(DETECT_BEAT_MS);
        works = do_duty(detect, duty);
        if (duty == DUTY_BEAT)
            answer(detect, asked);
        else
            rest(detect);
    }
    return NULL;
}

enum ms_err
detect_start(struct detect *detect)
{
    bool runs;

    (void)pthread_mutex_lock(&detect->lock);
    detect->started = true; /* whoever settles from now on waits for it */
    (void)pthread_mutex_unlock(&detect->lock);
    runs = pthread_create(&detect->thread, NULL, run, detect) == 0;
    if (runs)
        return MS_OK;
    (void)pthread_mutex_lock(&detect->lock);
    detect->started = false;
    (void)pthread_cond_broadcast(&detect->settled);
    (void)pthread_mutex_unlock(&detect->lock);
    return MS_UNAVAIL;
}

static void
end_thread(struct detect *detect)
{
    bool runs;

    (void)pthread_mutex_lock(&detect->lock);
    runs = detect->started && !detect->stop;
    detect->stop = true;
    (void)pthread_cond_signal(&detect->wake);
    (void)pthread_mutex_unlock(&detect->lock);
    if (runs)
        (void)pthread_join(detect->thread, NULL);
}

/* Judge what is left, and tell what is not told yet. */
static void
judge_last(struct detect *detect)
{
    take_turn(detect);
    detect->trail_ms = detect->others_ms = 0;
    (void)settle(detect);
    end_turn(detect);
    (void)pthread_mutex_lock(&detect->lock);
    detect->ended = true;
    (void)pthread_cond_broadcast(&detect->settled);
    (void)pthread_mutex_unlock(&detect->lock);
}

void
detect_stop(struct detect *detect)
{
    struct detect_queue_counts counts;

    if (detect == NULL)
        return;
    end_thread(detect);
    judge_last(detect);
    detect_queue_count(detect->queue, &counts);
    if (counts.waiting > 0)
        journal_say(daemon_journal(detect->is.daemon), LOG_WARNING,
                    "detector: the store does not answer: what %llu subjects "
                    "have sent last is lost to it",
                    (unsigned long long)counts.waiting);
}

/* Is there a thread that answers MINE, or one that ends and judges what is
 * left? */
static bool
is_waiting_locked(const struct detect *detect, uint64_t mine)
{
    if (detect->stop)
        return !detect->ended;
    return detect->started && detect->answered < mine;
}

void
detect_settle(struct detect *detect)
{
    uint64_t mine;
    bool alone;

    (void)pthread_mutex_lock(&detect->lock);
    mine = ++detect->asked;
    (void)pthread_cond_signal(&detect->wake);
    while (is_waiting_locked(detect, mine))
        (void)pthread_cond_wait(&detect->settled, &detect->lock);
    alone = !detect->started && !detect->stop;
    (void)pthread_mutex_unlock(&detect->lock);
    if (alone)
        detect_beat(detect);
}

/* ----- what must not be kept */

static bool
is_about(void *arg, const struct subject *what)
{
    const struct subject *subject = arg;
    char of_one[SUBJECT_PART_MAX + 1], of_other[SUBJECT_PART_MAX + 1];
    enum subject_kind kind, other;

    if (subject_same(what, subject))
        return true;
    if (!subject_part(subject, 0, &kind, of_one) ||
        subject->kind == SUBJECT_PAIR)
        return false;
    for (size_t i = 0; subject_part(what, i, &other, of_other); i++) {
        if (other == kind && strcmp(of_one, of_other) == 0)
            return true;
    }
    return false;
}

void
detect_forget(struct detect *detect, const struct subject *subject)
{
    void *arg = (void *)(uintptr_t)subject;
    size_t at = 0;

    while (detect_queue_weed(detect->queue, &at, is_about, arg))
        ;                  /* others have the queue in between */
    detect_settle(detect); /* what has gone out is in the diary then */
}

/* ----- counts */

void
detect_counts(struct detect *detect, struct detect_counts *out)
{
    struct wall now = detect->is.now(detect->is.arg).wall;
    struct detect_queue_counts queue;

    detect_queue_count(detect->queue, &queue);
    memset(out, 0, sizeof(*out));
    out->queued = queue.waiting;
    out->events = queue.events;
    out->merged = queue.merged;
    out->updates = atomic_load(&detect->updates);
    out->retries = atomic_load(&detect->retries);
    out->failed = atomic_load(&detect->failed);
    out->damaged = atomic_load(&detect->damaged);
    out->newer = atomic_load(&detect->newer);
    out->braked = atomic_load(&detect->braked);
    for (int i = 0; i <= STANDING_PROBATION; i++) {
        out->changes[i] = atomic_load(&detect->changes[i]);
        out->standing[i] = atomic_load(&detect->standing[i]);
    }
    out->braking = brake_is_braking(detect->brake, now);
    out->frozen = detect_frozen(detect, now);
}
