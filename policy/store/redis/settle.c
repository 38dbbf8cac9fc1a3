/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/settle.c - what follows from the replies to one step.
 *
 * All or nothing holds over everything: limits of scope host, the servers that
 * answered, and what this host decides for those that did not.
 */
#include <config.h>

#include "policy/store/redis/settle.h"

#include <string.h>

#include "policy/window.h"

enum { REFUNDS = 64 /* receipts that are looked at together */ };

static struct charge_answer *
answer_of(const struct store_ticket *t, size_t i)
{
    return &t->answer[t->place[i]];
}

static size_t
part_of(const struct ticket_call *call, size_t i)
{
    return call->first_part + call->charge.of[i - call->first_item];
}

/* A step for the shadow, and which of the ticket's items each is. */
struct shade {
    struct charge_item item[CHARGE_ITEMS];
    uint8_t of[CHARGE_ITEMS], part[CHARGE_ITEMS];
    size_t n;
    struct charge_answers answers;
};

static void
shade_add(struct shade *shade, const struct charge_item *item, size_t i,
          size_t part)
{
    shade->item[shade->n] = *item;
    shade->of[shade->n] = (uint8_t)i;
    shade->part[shade->n] = (uint8_t)part;
    shade->n++;
}

static enum ms_err
shade_charge(struct store_ticket *t, struct shade *shade)
{
    struct store_ticket *ticket;
    enum ms_err err =
        store_submit(t->r->shadow, shade->item, shade->n, t->now, &ticket);

    if (err != MS_OK)
        return err;
    return store_collect(t->r->shadow, ticket, t->now.mono, &shade->answers);
}

/* ----- taking back */

static void
refund_key(struct redis *r, const struct receipt *const *receipts, size_t n,
           struct store_time now)
{
    const uint8_t *hash = receipts[0]->shared.key;
    struct script_room *room = r->admitted ? redis_core_room(r) : NULL;
    struct codec_command command;
    struct redis_call *call;
    char key[SCRIPT_KEY];

    if (room == NULL)
        return;
    if (script_ask_refund(r->prefix, hash, receipts, n,
                          redis_core_asked_ms(r, now), room,
                          &command) == MS_OK &&
        redis_nodes_call(r->nodes, key, script_key(r->prefix, hash, key),
                         SCRIPT_CHARGE, &command, &call) == MS_OK)
        redis_call_leave(call, NULL, NULL);
    redis_core_room_back(r, room);
}

/* Those of one key go together. */
static void
refund_shared(struct redis *r, const struct receipt *receipts, size_t n,
              struct store_time now)
{
    uint64_t todo = 0;

    for (size_t i = 0; i < n; i++)
        if (receipts[i].n > 0 && receipts[i].shared.epoch != 0)
            todo |= UINT64_C(1) << i;
    for (size_t i = 0; i < n; i++) {
        const struct receipt *same[REFUNDS];
        size_t n_same = 0;

        for (size_t j = i; j < n && (todo >> i & 1) != 0; j++)
            if ((todo >> j & 1) != 0 &&
                memcmp(receipts[j].shared.key, receipts[i].shared.key,
                       SITEKEY_HASH) == 0)
                same[n_same++] = &receipts[j];
        for (size_t j = 0; j < n_same; j++)
            todo &= ~(UINT64_C(1) << (same[j] - receipts));
        if (n_same > 0)
            refund_key(r, same, n_same, now);
    }
}

static void
take_back_waiting(struct redis *r, const struct receipt *receipt)
{
    const struct script_delta_item item = {.window = receipt->window,
                                           .span_s = receipt->span_s,
                                           .slice = receipt->shared.slice,
                                           .n = receipt->n};

    if (receipt->n > 0 && receipt->shared.waits)
        deltas_take_back(r->deltas, receipt->shared.key, &item);
}

void
redis_settle_refund(struct redis *r, const struct receipt *receipts, size_t n,
                    struct store_time now)
{
    store_refund(r->shadow, receipts, n, now);
    for (size_t i = 0; i < n; i++)
        take_back_waiting(r, &receipts[i]);
    for (size_t i = 0; i < n; i += REFUNDS)
        refund_shared(r, receipts + i, n - i < REFUNDS ? n - i : REFUNDS, now);
}

/* Where a window is named twice, its first item has added; if that is undone,
 * a note of it counts after all.  Which one?  N: there is none. */
static size_t
note_beside(const struct store_ticket *t, size_t i)
{
    for (size_t j = 0; j < t->n_fleet; j++) {
        const struct charge_item *note = &t->item[j];

        if (note->kind == CHARGE_NOTE && note->n > 0 &&
            note->subject == t->item[i].subject &&
            note->window == t->item[i].window &&
            note->span_s == t->item[i].span_s && answer_of(t, j)->used > 0 &&
            answer_of(t, j)->receipt.n == 0)
            return j;
    }
    return t->n;
}

/* What RECEIPT proves now is note J's, as far as it goes; the rest
 * of the note waits. */
static void
keep_for_note(struct store_ticket *t, size_t j, struct receipt *receipt)
{
    struct receipt *note = &answer_of(t, j)->receipt;
    uint32_t n = t->item[j].n, kept = n < receipt->n ? n : receipt->n;
    const struct script_delta_item rest = {.window = receipt->window,
                                           .span_s = receipt->span_s,
                                           .slice = receipt->shared.slice,
                                           .n = n - kept,
                                           .limit = t->item[j].limit};

    *note = *receipt;
    note->n = n;
    receipt->n -= kept;
    deltas_add(t->r->deltas, receipt->shared.key, &rest);
}

/* The step is refused: what was added of it goes, but for notes. */
static void
undo(struct store_ticket *t)
{
    struct receipt back[CHARGE_ITEMS];
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++) {
        struct charge_answer *answer = answer_of(t, i);
        size_t note;

        if (t->item[i].kind == CHARGE_NOTE || answer->receipt.n == 0)
            continue;
        back[n] = answer->receipt;
        memset(&answer->receipt, 0, sizeof(answer->receipt));
        note = i < t->n_fleet ? note_beside(t, i) : t->n;
        if (note < t->n)
            keep_for_note(t, note, &back[n]);
        n++;
    }
    if (n > 0)
        redis_settle_refund(t->r, back, n, t->now);
}

/* ----- what this host decides */

/* Which subjects are this host's to decide; are there any? */
static bool
mark_local(struct store_ticket *t)
{
    bool any = false;

    for (size_t c = 0; c < t->n_calls; c++) {
        const struct ticket_call *call = &t->call[c];

        for (size_t p = 0; p < call->charge.n_subjects; p++) {
            struct ticket_part *part = &t->part[call->first_part + p];

            part->local = !call->answered || part->told.newer;
            any = any || part->local;
        }
    }
    t->degraded = any && !t->refused;
    return any;
}

/* What decides item I, of PART: only where a server is away its fallback. */
static enum charge_fallback
fallback_of(const struct store_ticket *t, const struct ticket_part *part,
            size_t i)
{
    return t->refused || part->told.newer ? FALLBACK_LOCAL
                                          : t->item[i].fallback;
}

/* Is it left undecided?  A note decides nothing. */
static bool
is_unknown(const struct store_ticket *t, const struct ticket_part *part,
           size_t i)
{
    return fallback_of(t, part, i) == FALLBACK_TEMPFAIL &&
           t->item[i].kind != CHARGE_NOTE;
}

/* Item I as the shadow is asked it. */
static struct charge_item
local_item(const struct store_ticket *t, const struct ticket_part *part,
           size_t i, unsigned hosts, bool passes)
{
    struct charge_item local = t->item[i];
    enum charge_fallback fallback = fallback_of(t, part, i);

    local.hosts = t->degraded ? (uint16_t)hosts : 0;
    if (local.kind == CHARGE_NOTE) {
        if (fallback == FALLBACK_ACCEPT)
            local.kind = CHARGE_LOOK;
    } else if (!passes || fallback != FALLBACK_LOCAL) {
        local.kind = CHARGE_LOOK;
    }
    if (local.kind == CHARGE_LOOK && fallback != FALLBACK_LOCAL)
        local.observe = true; /* only to be told how it stands */
    return local;
}

static void
shade_local(const struct store_ticket *t, bool passes, struct shade *shade)
{
    unsigned hosts = fleet_hosts(t->r->fleet, redis_core_now(t->r).mono);

    hosts = hosts < UINT16_MAX ? hosts : UINT16_MAX;
    shade->n = 0;
    for (size_t c = 0; c < t->n_calls; c++) {
        const struct ticket_call *call = &t->call[c];

        for (size_t i = call->first_item; i < call->first_item + call->charge.n;
             i++) {
            const struct ticket_part *part = &t->part[part_of(call, i)];
            struct charge_item item;

            if (!part->local)
                continue;
            item = local_item(t, part, i, hosts, passes);
            shade_add(shade, &item, i, part_of(call, i));
        }
    }
}

/* Counts of this host go to the store when it can be asked. */
static void
keep_counts(struct store_ticket *t, size_t part, size_t i)
{
    const struct charge_item *item = &t->item[i];
    struct receipt *receipt = &answer_of(t, i)->receipt;
    const uint8_t *hash = t->subject[part].hash;
    uint64_t clock_s = redis_core_clock_ms(t->r, t->now) / 1000;
    const struct script_delta_item counts = {
        .window = item->window,
        .span_s = item->span_s,
        .slice = (uint32_t)(clock_s / window_slice_s(item->span_s)),
        .n = receipt->n,
        .limit = item->throttled ? 0 : item->limit};

    if (receipt->n == 0)
        return;
    memcpy(receipt->shared.key, hash, SITEKEY_HASH);
    receipt->shared.slice = counts.slice;
    receipt->shared.waits = true;
    deltas_add(t->r->deltas, hash, &counts);
}

/* The answer to item I as the shadow has given it.  False: it stops the
 * step. */
static bool
take_answer(struct store_ticket *t, const struct shade *shade, size_t s)
{
    size_t i = shade->of[s];
    const struct charge_item *item = &t->item[i];
    const struct ticket_part *part = &t->part[shade->part[s]];
    struct charge_answer *answer = answer_of(t, i);

    *answer = shade->answers.item[s];
    if (part->told.newer)
        answer->standing = part->told.standing;
    /* what counts in throttled standing only does not count in another */
    answer->unknown =
        is_unknown(t, part, i) &&
        (!item->throttled || answer->standing == STANDING_THROTTLED);
    if (answer->unknown || (!t->refused && item->fallback == FALLBACK_ACCEPT)) {
        answer->over = false;
        answer->room_ms = 0;
    }
    return !answer->unknown || item->observe;
}

static bool
stops_at_once(const struct store_ticket *t, const struct shade *shade)
{
    for (size_t s = 0; s < shade->n; s++) {
        const struct charge_item *item = &t->item[shade->of[s]];

        if (!item->observe && !item->throttled &&
            is_unknown(t, &t->part[shade->part[s]], shade->of[s]))
            return true;
    }
    return false;
}

/* Decide what the store did not, now that all else passes or does not. */
static bool
decide(struct store_ticket *t, bool passes)
{
    struct shade shade;

    shade_local(t, passes, &shade);
    if (passes && stops_at_once(t, &shade)) {
        passes = false;
        shade_local(t, passes, &shade);
    }
    t->err = shade_charge(t, &shade);
    if (t->err != MS_OK) {
        for (size_t s = 0; s < shade.n; s++)
            memset(answer_of(t, shade.of[s]), 0, sizeof(t->answer[0]));
        return false;
    }
    passes = passes && shade.answers.added;
    for (size_t s = 0; s < shade.n; s++)
        if (!take_answer(t, &shade, s))
            passes = false;
    for (size_t s = 0; s < shade.n; s++)
        keep_counts(t, shade.part[s], shade.of[s]);
    if (!t->refused)
        t->r->local++;
    return passes;
}

/* ----- what the store has told */

/* What its answer on a standing means, where this host has known another. */
static enum standing
heed(struct store_ticket *t, size_t p)
{
    struct ticket_part *part = &t->part[p];
    const uint8_t *hash = t->subject[p].hash;
    const struct redis_core_news news = {.standing = part->told.standing,
                                         .throttle = part->told.throttle,
                                         .epoch = part->told.epoch};
    struct mono look_at = redis_core_now(t->r).mono;
    enum standing standing;
    uint64_t epoch;

    /* a record that was made anew knows nothing: has it been lost? */
    if (news.standing == STANDING_NORMAL &&
        known_get(t->r->known, hash, &standing, &epoch, NULL) &&
        (news.epoch == 0 || epoch != news.epoch)) {
        look_at.ms += KNOWN_DOUBT_MS;
        known_doubt(t->r->known, hash, look_at);
        return standing;
    }
    redis_core_adopt(t->r, hash, part->subject, t->now, &news);
    return news.standing;
}

static void
send_name(struct store_ticket *t, size_t p)
{
    struct redis *r = t->r;
    uint8_t sealed[SITEKEY_SEALED];
    struct script_change change =
        redis_core_change(r, SCRIPT_NAME, t->subject[p].hash, t->now);
    struct redis_call *call;

    change.sealed = sealed;
    change.sealed_len = sitekey_seal(r->key, t->part[p].subject, sealed);
    if (redis_core_ask_change(r, &change, &call) == MS_OK)
        redis_call_leave(call, NULL, NULL);
}

/* The shadow counts what was added, and says how it knows the subject. */
static void
shade_told(const struct store_ticket *t, struct shade *shade,
           bool has[CHARGE_ITEMS])
{
    shade->n = 0;
    for (size_t c = 0; c < t->n_calls; c++) {
        const struct ticket_call *call = &t->call[c];
        size_t end = call->first_item + call->charge.n;

        for (size_t i = call->first_item; i < end && call->answered; i++) {
            const struct charge_answer *answer = answer_of(t, i);
            size_t p = part_of(call, i);
            struct charge_item item = t->item[i];

            if (t->part[p].local || (answer->receipt.n == 0 && has[p]))
                continue;
            has[p] = true;
            item.throttled = false;
            item.kind = CHARGE_NOTE;
            item.n = answer->receipt.n;
            item.fleet = answer->used;
            if (item.n == 0) {
                item.kind = CHARGE_LOOK;
                item.observe = true;
                item.fleet = 0;
            }
            shade_add(shade, &item, i, p);
        }
    }
}

/* Part P stands as the store says, or as is known better. */
static void
settle_standing(struct store_ticket *t, size_t p, enum standing shadows)
{
    struct ticket_part *part = &t->part[p];
    enum standing known = part->told.standing;
    uint64_t epoch;

    if (known != shadows)
        known = heed(t, p);
    else if (known != STANDING_NORMAL &&
             (!known_get(t->r->known, t->subject[p].hash, &shadows, &epoch,
                         NULL) ||
              epoch != part->told.epoch))
        known_set(t->r->known, t->subject[p].hash, part->subject, known,
                  part->told.epoch);
    part->told.standing = known;
}

static void
feed(struct store_ticket *t)
{
    bool has[CHARGE_ITEMS] = {false};
    struct shade shade;

    shade_told(t, &shade, has);
    if (shade.n == 0 || shade_charge(t, &shade) != MS_OK)
        return;
    for (size_t s = 0; s < shade.n; s++) {
        struct receipt *receipt = &answer_of(t, shade.of[s])->receipt;
        struct proof shared = receipt->shared;

        if (receipt->n == 0)
            continue;
        *receipt = shade.answers.item[s].receipt;
        receipt->shared = shared;
    }
    for (size_t s = 0; s < shade.n; s++) {
        size_t p = shade.part[s];

        if (has[p])
            settle_standing(t, p, shade.answers.item[s].standing);
        has[p] = false;
    }
}

/* Every answer about a subject tells the same of its standing. */
static void
tell_standings(struct store_ticket *t)
{
    for (size_t c = 0; c < t->n_calls; c++) {
        const struct ticket_call *call = &t->call[c];

        for (size_t i = call->first_item; i < call->first_item + call->charge.n;
             i++) {
            const struct ticket_part *part = &t->part[part_of(call, i)];
            struct charge_answer *answer = answer_of(t, i);

            if (part->local)
                continue;
            answer->standing = part->told.standing;
            answer->throttle = part->told.throttle;
            answer->first_s = part->told.first_s;
        }
    }
}

/* What became of the counts that went along with part P. */
static void
settle_delta(struct store_ticket *t, const struct ticket_call *call, size_t p)
{
    const struct ticket_part *part = &t->part[p];
    const uint8_t *hash = t->subject[p].hash;

    if (part->delta == NULL)
        return;
    if (part->told.merged)
        deltas_arrived(t->r->deltas, hash, part->delta->seq);
    else if (call->sent)
        deltas_unknown(t->r->deltas, hash, part->delta->seq);
    else
        deltas_unsent(t->r->deltas, hash, part->delta->seq);
}

static void
settle_parts(struct store_ticket *t)
{
    for (size_t c = 0; c < t->n_calls; c++) {
        const struct ticket_call *call = &t->call[c];

        for (size_t p = call->first_part;
             p < call->first_part + call->charge.n_subjects; p++) {
            const struct script_told *told = &t->part[p].told;

            settle_delta(t, call, p);
            if (told->name_due && !told->newer && t->r->admitted)
                send_name(t, p);
        }
    }
}

void
redis_settle(struct store_ticket *t)
{
    bool passes = !t->refused, local = mark_local(t);

    for (size_t c = 0; c < t->n_calls; c++)
        if (t->call[c].answered && !t->call[c].added)
            passes = false;
    if (local)
        passes = decide(t, passes);
    if (!passes)
        undo(t);
    feed(t);
    tell_standings(t);
    settle_parts(t);
    t->added = passes;
    t->settled = true;
}
