/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/ticket.c - one step of a message, asked and collected.
 *
 * A ticket is one block of memory: itself, its items in the order in which
 * they are asked, and copies of their subjects, of the bytes that they have.
 */
#include <config.h>

#include "policy/store/redis/ticket.h"

#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/settle.h"
#include "policy/window.h"

enum {
    CALL_PARTS = 24, /* subjects of one call: a command has 32 words */
    NO_PART = UINT8_MAX
};

/* What a step is made of, before there is a ticket. */
struct plan {
    uint8_t of[CHARGE_ITEMS]; /* part; NO_PART: scope host */
    const struct subject *subject[CHARGE_ITEMS];
    size_t n_parts, n_fleet;
};

static bool
same_subject(const struct subject *a, const struct subject *b)
{
    return a == b ||
           (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0);
}

static uint8_t
part_of(struct plan *plan, const struct subject *subject)
{
    size_t i = 0;

    while (i < plan->n_parts && !same_subject(plan->subject[i], subject))
        i++;
    if (i == plan->n_parts)
        plan->subject[plan->n_parts++] = subject;
    return (uint8_t)i;
}

static enum ms_err
make_plan(const struct charge_item *items, size_t n, struct plan *plan)
{
    plan->n_parts = plan->n_fleet = 0;
    if (n > CHARGE_ITEMS)
        return MS_INVALID;
    for (size_t i = 0; i < n; i++) {
        if (items[i].span_s < WINDOW_SPAN_MIN_S ||
            items[i].span_s > WINDOW_SPAN_MAX_S)
            return MS_INVALID;
        plan->of[i] = NO_PART;
        if (items[i].host)
            continue;
        plan->of[i] = part_of(plan, items[i].subject);
        plan->n_fleet++;
    }
    return MS_OK;
}

/* ----- the ticket's block */

static size_t
aligned(size_t size)
{
    return (size + 7) / 8 * 8;
}

static size_t
subject_size(const struct subject *subject)
{
    return aligned(offsetof(struct subject, bytes) + subject->len);
}

static void *
carve(uint8_t **at, size_t size)
{
    void *piece = *at;

    *at += aligned(size);
    return piece;
}

static size_t
block_size(const struct plan *plan, size_t n, size_t n_calls)
{
    size_t size = aligned(sizeof(struct store_ticket)) +
                  aligned(n * sizeof(struct charge_item)) +
                  aligned(n * sizeof(struct charge_answer)) + 2 * aligned(n) +
                  aligned(plan->n_parts * sizeof(struct ticket_part)) +
                  aligned(plan->n_parts * sizeof(struct script_subject)) +
                  aligned(n_calls * sizeof(struct ticket_call));

    for (size_t i = 0; i < plan->n_parts; i++)
        size += subject_size(plan->subject[i]);
    return size;
}

static struct store_ticket *
make_block(struct redis *r, const struct plan *plan, size_t n)
{
    size_t each = r->one_node ? CALL_PARTS : 1;
    size_t n_calls = (plan->n_parts + each - 1) / each;
    uint8_t *at = malloc(block_size(plan, n, n_calls));
    struct store_ticket *t = (struct store_ticket *)at;

    if (t == NULL)
        return NULL;
    carve(&at, sizeof(*t));
    memset(t, 0, sizeof(*t));
    t->r = r;
    t->n = n;
    t->n_fleet = plan->n_fleet;
    t->n_parts = plan->n_parts;
    t->n_calls = n_calls;
    t->item = carve(&at, n * sizeof(t->item[0]));
    t->answer = carve(&at, n * sizeof(t->answer[0]));
    t->of = carve(&at, n);
    t->place = carve(&at, n);
    t->part = carve(&at, t->n_parts * sizeof(t->part[0]));
    t->subject = carve(&at, t->n_parts * sizeof(t->subject[0]));
    t->call = carve(&at, n_calls * sizeof(t->call[0]));
    memset(t->call, 0, n_calls * sizeof(t->call[0]));
    for (size_t i = 0; i < t->n_parts; i++) {
        size_t size = subject_size(plan->subject[i]);
        struct subject *copy = carve(&at, size);

        copy->kind = plan->subject[i]->kind;
        copy->len = plan->subject[i]->len;
        memcpy(copy->bytes, plan->subject[i]->bytes, copy->len);
        t->part[i] = (struct ticket_part){.subject = copy};
        t->subject[i].delta = NULL;
        sitekey_hash(r->key, copy, t->subject[i].hash);
    }
    return t;
}

/* Item I of the request is the ticket's next. */
static void
place_item(struct store_ticket *t, const struct charge_item *items,
           const struct plan *plan, size_t i, size_t *next)
{
    t->item[*next] = items[i];
    t->place[*next] = (uint8_t)i;
    if (plan->of[i] != NO_PART)
        t->item[*next].subject = t->part[plan->of[i]].subject;
    (*next)++;
}

static void
place_items(struct store_ticket *t, const struct charge_item *items,
            const struct plan *plan)
{
    size_t each = t->r->one_node ? CALL_PARTS : 1;
    size_t next = 0;

    for (size_t c = 0; c < t->n_calls; c++) {
        struct ticket_call *call = &t->call[c];

        call->ticket = t;
        call->first_part = c * each;
        call->first_item = next;
        for (size_t i = 0; i < t->n; i++) {
            if (plan->of[i] == NO_PART || plan->of[i] / each != c)
                continue;
            t->of[next] = (uint8_t)(plan->of[i] - call->first_part);
            place_item(t, items, plan, i, &next);
        }
        call->charge.subjects = t->subject + call->first_part;
        call->charge.items = t->item + call->first_item;
        call->charge.of = t->of + call->first_item;
        call->charge.n = next - call->first_item;
        call->charge.n_subjects = t->n_parts - call->first_part < each
                                      ? t->n_parts - call->first_part
                                      : each;
    }
    for (size_t i = 0; i < t->n; i++)
        if (plan->of[i] == NO_PART)
            place_item(t, items, plan, i, &next);
}

static void
ticket_free(struct store_ticket *t)
{
    for (size_t i = 0; i < t->n_parts; i++)
        free(t->part[i].delta);
    free(t);
}

/* ----- asking */

/* The items of scope host are charged here and now. */
static enum ms_err
charge_host(struct store_ticket *t)
{
    struct charge_answers answers;
    enum ms_err err;
    struct store_ticket *host;

    err = store_submit(t->r->shadow, t->item + t->n_fleet, t->n - t->n_fleet,
                       t->now, &host);
    if (err == MS_OK)
        err = store_collect(t->r->shadow, host, t->now.mono, &answers);
    if (err != MS_OK)
        return err;
    for (size_t i = t->n_fleet; i < t->n; i++)
        t->answer[t->place[i]] = answers.item[i - t->n_fleet];
    t->refused = !answers.added;
    return MS_OK;
}

/*
 * What waits for a subject goes along.  False: it cannot all go, and so the
 * store must not be asked: it would let in what it does not know to be over.
 */
static bool
take_deltas(struct store_ticket *t, const struct ticket_call *call)
{
    bool all = true, more;

    for (size_t i = 0; i < call->charge.n_subjects; i++) {
        struct ticket_part *part = &t->part[call->first_part + i];
        struct script_subject *subject = &t->subject[call->first_part + i];

        part->delta = malloc(sizeof(*part->delta));
        if (part->delta == NULL)
            return false;
        if (deltas_take(t->r->deltas, subject->hash, part->delta, &more)) {
            subject->delta = part->delta;
        } else {
            free(part->delta);
            part->delta = NULL;
        }
        all = all && !more;
    }
    return all;
}

static void
send_call(struct store_ticket *t, struct ticket_call *call)
{
    struct redis *r = t->r;
    struct script_room *room;
    struct codec_command command;
    char key[SCRIPT_KEY];
    size_t len;

    if (deltas_waiting(r->deltas) > 0 && !take_deltas(t, call))
        return;
    call->charge.prefix = r->prefix;
    call->charge.subjects = t->subject + call->first_part;
    call->charge.items = t->item + call->first_item;
    call->charge.clock_ms = redis_core_asked_ms(r, t->now);
    call->charge.form = fleet_form(r->fleet, r->form);
    call->charge.reads = r->form;
    call->charge.keep_s = r->keep_s;
    room = redis_core_room(r);
    if (room == NULL)
        return;
    len = script_key(r->prefix, call->charge.subjects[0].hash, key);
    if (script_ask_charge(&call->charge, room, &command) != MS_OK ||
        redis_nodes_call(r->nodes, key, len, SCRIPT_CHARGE, &command,
                         &call->call) != MS_OK)
        call->call = NULL;
    call->sent = call->call != NULL;
    redis_core_room_back(r, room);
}

static void
ask(struct store_ticket *t)
{
    bool asked = false;

    for (size_t c = 0; c < t->n_calls && !t->refused && t->r->admitted; c++) {
        send_call(t, &t->call[c]);
        asked = asked || t->call[c].call != NULL;
    }
    if (!asked)
        redis_settle(t);
}

enum ms_err
redis_ticket_submit(struct redis *r, const struct charge_item *items, size_t n,
                    struct store_time now, struct store_ticket **out)
{
    struct plan plan;
    struct store_ticket *t;
    enum ms_err err = make_plan(items, n, &plan);

    if (err != MS_OK)
        return err;
    t = make_block(r, &plan, n);
    if (t == NULL)
        return MS_NOMEM;
    t->now = now;
    place_items(t, items, &plan);
    if (r->handed_clock)
        (void)redis_core_clock_ms(r, now);
    if (t->n_fleet < t->n || n == 0)
        err = charge_host(t);
    if (err == MS_OK)
        ask(t);
    if (err == MS_OK)
        err = t->err;
    if (err != MS_OK) {
        ticket_free(t);
        return err;
    }
    *out = t;
    return MS_OK;
}

/* ----- answers */

/* Who answers a charge with something else cannot be asked more of them. */
static void
blame(const struct store_ticket *t, const struct ticket_call *call,
      const struct reply *reply)
{
    char key[SCRIPT_KEY];
    size_t len = script_key(t->r->prefix, call->charge.subjects[0].hash, key);

    redis_nodes_blame(t->r->nodes, key, len, reply);
}

static void
absorb(struct store_ticket *t, struct ticket_call *call,
       const struct reply *reply)
{
    struct script_answer answer;

    if (script_read_charge(&call->charge, reply, &answer) != MS_OK) {
        blame(t, call, reply);
        return;
    }
    call->answered = true;
    call->added = answer.answers.added;
    redis_core_learn_clock(t->r, t->now, answer.clock_ms);
    for (size_t i = 0; i < call->charge.n_subjects; i++)
        t->part[call->first_part + i].told = answer.subject[i];
    for (size_t i = 0; i < call->charge.n; i++)
        t->answer[t->place[call->first_item + i]] = answer.answers.item[i];
}

static void
wait_for(struct store_ticket *t, struct ticket_call *call, struct mono until)
{
    struct reply *reply = NULL;
    bool waited = false, unknown;

    if (call->call == NULL)
        return;
    if (redis_call_wait(call->call, until, &reply, &waited, &unknown) == MS_OK)
        absorb(t, call, reply);
    reply_destroy(reply);
    call->call = NULL;
    t->waited = t->waited || waited;
}

enum ms_err
redis_ticket_collect(struct store_ticket *t, struct mono deadline,
                     struct charge_answers *out)
{
    enum ms_err err;

    if (t->r->handed_clock)
        deadline.ms = INT64_MAX; /* it is not of spans that pass */
    if (!t->settled) {
        for (size_t c = 0; c < t->n_calls; c++)
            wait_for(t, &t->call[c], deadline);
        redis_settle(t);
    }
    if (t->waited)
        t->r->waits++;
    out->added = t->added;
    out->degraded = t->degraded;
    out->waited = t->waited;
    out->n = t->n;
    memcpy(out->item, t->answer, t->n * sizeof(t->answer[0]));
    err = t->err;
    ticket_free(t);
    return err;
}

/* ----- tickets that nobody collects: the last reply settles */

static void
let_go(struct store_ticket *t)
{
    if (atomic_fetch_sub(&t->pending, 1) > 1)
        return;
    redis_settle(t);
    ticket_free(t);
}

static void
left(void *arg, enum ms_err err, const struct reply *reply)
{
    struct ticket_call *call = arg;

    if (err == MS_OK)
        absorb(call->ticket, call, reply);
    let_go(call->ticket);
}

void
redis_ticket_drop(struct store_ticket *t)
{
    if (t->settled) {
        ticket_free(t);
        return;
    }
    t->pending = (unsigned)t->n_calls + 1;
    for (size_t c = 0; c < t->n_calls; c++) {
        struct redis_call *call = t->call[c].call;

        t->call[c].call = NULL;
        if (call != NULL)
            redis_call_leave(call, left, &t->call[c]);
        else
            let_go(t);
    }
    let_go(t);
}
