/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/script.c - requests to the two scripts and their replies,
 * whose forms the header tells.  A request is measured before it is written; a
 * reply is read through a cursor that knows where it ends.
 */
#include <config.h>

#include "policy/store/redis/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy/window.h"

enum {
    LETTERS = 22, /* of a hash in a key */
    OP_CHARGE = 1,
    OP_REFUND = 2,
    KIND_NONE = 3, /* an entry that a delta alone names */

    HEAD = 25,   /* bytes of a request before its subjects */
    SUBJECT = 2, /* of each */
    ENTRY = 28,
    DELTA = 12,
    COUNT = 13,
    RECEIPT = 32,
    FIXED = 79, /* of what is fixed for change.lua */
    PUT_WINDOW = 72,
    ENTRIES = CHARGE_ITEMS + SCRIPT_DELTAS,

    META = 36,   /* bytes of field `m` */
    FIELD = 12,  /* of a window's name */
    STORED = 60, /* of a window */
    DATA = 6,    /* of `:d` before the name */

    ITEM_OVER = 1,
    ITEM_NEVER = 2,
    ITEM_ADDED = 4,
    ITEM_FLAGS = 7,

    TOLD_NAME_DUE = 1,
    TOLD_NEWER = 2,
    TOLD_MERGED = 4,
    TOLD_ANEW = 8,
    TOLD_FLAGS = 15,

    BEAT_OTHER = 1,
    TEXT = 32
};

/* Times are stored in 32 bits: 2096. */
static const uint64_t clock_most_ms = UINT64_C(4000000000000);

_Static_assert(ENTRIES <= UINT8_MAX, "an entry's number has one byte");
_Static_assert(WINDOW_BYTES + 4 == STORED, "as the header says");

struct script_room {
    char keys[CHARGE_SUBJECTS][SCRIPT_KEY];
    char many[24]; /* how many keys, in digits */
    uint8_t *at;
    size_t room;
};

enum ms_err
script_room_create(struct script_room **out)
{
    struct script_room *room = calloc(1, sizeof(*room));

    if (room == NULL)
        return MS_NOMEM;
    *out = room;
    return MS_OK;
}

void
script_room_destroy(struct script_room *room)
{
    if (room == NULL)
        return;
    free(room->at);
    free(room);
}

/* Room for SIZE bytes, or NULL. */
static uint8_t *
reserve(struct script_room *room, size_t size)
{
    if (size > room->room) {
        uint8_t *at = realloc(room->at, size);

        if (at == NULL)
            return NULL;
        room->at = at;
        room->room = size;
    }
    return room->at;
}

/* ----- bytes */

static uint8_t *
put(uint8_t *at, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *at++ = (uint8_t)(n >> (8 * i));
    return at;
}

static uint8_t *
put_bytes(uint8_t *at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(at, bytes, len);
    return at + len;
}

/* A window's field and the length of its slices. */
static uint8_t *
put_window(uint8_t *at, uint64_t window, uint32_t span_s)
{
    at = put(at, window, 8);
    at = put(at, span_s, 4);
    return put(at, window_slice_s(span_s), 4);
}

/* What is left of a reply; too little of it makes all that follows bad. */
struct cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static struct cursor
cursor_of(const struct reply *reply)
{
    return (struct cursor){(const uint8_t *)reply->text, reply->len, false};
}

/* The next LEN bytes, or NULL. */
static const uint8_t *
take_bytes(struct cursor *in, size_t len)
{
    const uint8_t *at = in->at;

    if (in->bad || len > in->left) {
        in->bad = true;
        return NULL;
    }
    in->at += len;
    in->left -= len;
    return at;
}

static uint64_t
take(struct cursor *in, unsigned bytes)
{
    const uint8_t *at = take_bytes(in, bytes);
    uint64_t n = 0;

    for (unsigned i = 0; at != NULL && i < bytes; i++)
        n |= (uint64_t)at[i] << (8 * i);
    return n;
}

static bool
is_span(uint32_t span_s)
{
    return span_s >= WINDOW_SPAN_MIN_S && span_s <= WINDOW_SPAN_MAX_S;
}

/* What a record of another form stands, too. */
static enum standing
read_standing(uint64_t standing, bool newer)
{
    if (standing > STANDING_PROBATION)
        return newer ? STANDING_WATCHED : STANDING_NORMAL;
    return (enum standing)standing;
}

static uint8_t
form_or_ours(uint8_t form)
{
    return form > 0 ? form : SCRIPT_FORM;
}

/* ----- names */

size_t
script_key(const char *prefix, const uint8_t hash[SITEKEY_HASH],
           char out[SCRIPT_KEY])
{
    char letters[LETTERS + 1];
    int len;

    sodium_bin2base64(letters, sizeof(letters), hash, SITEKEY_HASH,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    len = snprintf(out, SCRIPT_KEY, "%.*s:{%s}", (int)SCRIPT_PREFIX, prefix,
                   letters);
    return (size_t)len;
}

size_t
script_data_key(const char *prefix, const uint8_t hash[SITEKEY_HASH],
                char out[SCRIPT_KEY])
{
    size_t len = script_key(prefix, hash, out);

    memcpy(out + len, ":d", sizeof(":d"));
    return len + 2;
}

static bool
read_letters(const char *letters, uint8_t hash[SITEKEY_HASH])
{
    uint8_t bytes[SITEKEY_HASH];
    size_t len;

    if (sodium_base642bin(bytes, sizeof(bytes), letters, LETTERS, NULL, &len,
                          NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len != SITEKEY_HASH)
        return false;
    memcpy(hash, bytes, SITEKEY_HASH);
    return true;
}

bool
script_key_read(const char *prefix, const char *key, size_t len,
                uint8_t hash[SITEKEY_HASH])
{
    size_t start = strlen(prefix) + 2, end = start + LETTERS;

    if (len != end + 1 && len != end + 3)
        return false;
    if (memcmp(key, prefix, start - 2) != 0 || key[start - 2] != ':' ||
        key[start - 1] != '{' || key[end] != '}' ||
        (len == end + 3 && memcmp(key + end + 1, ":d", 2) != 0))
        return false;
    return read_letters(key + start, hash);
}

bool
script_told_read(const char *text, size_t len, uint8_t hash[SITEKEY_HASH])
{
    return len > LETTERS && text[LETTERS] == ' ' && read_letters(text, hash);
}

/* ----- asking */

/* A new epoch, which is never 0. */
static uint64_t
new_epoch(void)
{
    uint64_t epoch;

    do
        randombytes_buf(&epoch, sizeof(epoch));
    while (epoch == 0);
    return epoch;
}

static uint64_t
clock_of(uint64_t clock_ms)
{
    return clock_ms < clock_most_ms ? clock_ms : clock_most_ms;
}

/* OUT begins anew with N keys that stand in ROOM. */
static void
begin(struct script_room *room, size_t n, struct codec_command *out)
{
    out->n = 0;
    snprintf(room->many, sizeof(room->many), "%zu", n);
    codec_word(out, room->many);
    for (size_t i = 0; i < n; i++)
        codec_word(out, room->keys[i]);
}

struct head {
    uint8_t op, reads, writes, subjects;
    uint32_t keep_s;
    uint64_t clock_ms;
};

static uint8_t *
put_head(uint8_t *at, const struct head *head)
{
    at = put(at, SCRIPT_ASK, 1);
    at = put(at, head->op, 1);
    at = put(at, head->reads, 1);
    at = put(at, head->writes, 1);
    at = put(at, head->subjects, 1);
    at = put(at, head->keep_s, 4);
    at = put(at, clock_of(head->clock_ms), 8);
    return put(at, new_epoch(), 8);
}

/* The windows of one subject's request: each item's, then what else its delta
 * has. */
struct entries {
    uint8_t *at; /* where they stand in the request */
    size_t n;
    struct entry {
        uint64_t window;
        uint32_t span_s;
    } entry[ENTRIES];
};

/* The number, from 1, of the first entry of that window; 0: there is none. */
static unsigned
entry_of(const struct entries *entries, uint64_t window, uint32_t span_s)
{
    for (unsigned i = 0; i < entries->n; i++)
        if (entries->entry[i].window == window &&
            entries->entry[i].span_s == span_s)
            return i + 1;
    return 0;
}

static uint8_t *
put_entry(uint8_t *at, struct entries *entries, const struct charge_item *item,
          unsigned kind)
{
    unsigned first = entry_of(entries, item->window, item->span_s);

    if (first > 0)
        put(entries->at + (first * ENTRY) - 1, first, 1);
    at = put_window(at, item->window, item->span_s);
    at = put(at, item->n, 4);
    at = put(at, item->limit, 4);
    at = put(at, kind, 1);
    at = put(at, item->observe, 1);
    at = put(at, item->throttled, 1);
    entries->entry[entries->n++] = (struct entry){item->window, item->span_s};
    return put(at, first, 1);
}

static uint8_t *
put_delta(uint8_t *at, const struct entries *entries,
          const struct script_delta *delta)
{
    at = put_bytes(at, delta->host, sizeof(delta->host));
    at = put(at, delta->seq, 4);
    for (size_t i = 0; i < delta->n; i++) {
        const struct script_delta_item *item = &delta->item[i];

        at = put(at, entry_of(entries, item->window, item->span_s), 1);
        at = put(at, item->slice, 4);
        at = put(at, item->n, 4);
        at = put(at, item->limit, 4);
    }
    return at;
}

static uint8_t *
put_subject(uint8_t *at, const struct script_charge *charge, unsigned subject)
{
    const struct script_delta *delta = charge->subjects[subject].delta;
    struct entries entries = {.at = at + SUBJECT};
    uint8_t *many = at;

    at += SUBJECT;
    for (size_t i = 0; i < charge->n; i++)
        if (charge->of[i] == subject)
            at = put_entry(at, &entries, &charge->items[i],
                           charge->items[i].kind);
    for (size_t i = 0; delta != NULL && i < delta->n; i++) {
        const struct charge_item item = {.window = delta->item[i].window,
                                         .span_s = delta->item[i].span_s};

        if (entry_of(&entries, item.window, item.span_s) == 0)
            at = put_entry(at, &entries, &item, KIND_NONE);
    }
    put(many, entries.n, 1);
    put(many + 1, delta != NULL ? delta->n : 0, 1);
    return delta != NULL && delta->n > 0 ? put_delta(at, &entries, delta) : at;
}

/* The most bytes that it can take; 0: it cannot be asked. */
static size_t
measure(const struct script_charge *charge)
{
    size_t size = HEAD + charge->n * ENTRY;

    if (charge->n > CHARGE_ITEMS || charge->n_subjects > CHARGE_SUBJECTS)
        return 0;
    for (size_t i = 0; i < charge->n; i++)
        if (!is_span(charge->items[i].span_s) ||
            charge->items[i].kind > CHARGE_LOOK ||
            charge->of[i] >= charge->n_subjects)
            return 0;
    for (size_t i = 0; i < charge->n_subjects; i++) {
        const struct script_delta *delta = charge->subjects[i].delta;

        if (delta != NULL && delta->n > SCRIPT_DELTAS)
            return 0;
        for (size_t j = 0; delta != NULL && j < delta->n; j++)
            if (!is_span(delta->item[j].span_s))
                return 0;
        size += SUBJECT;
        if (delta != NULL)
            size += DELTA + delta->n * (ENTRY + COUNT);
    }
    return size;
}

enum ms_err
script_ask_charge(const struct script_charge *charge, struct script_room *room,
                  struct codec_command *out)
{
    const struct head head = {.op = OP_CHARGE,
                              .reads = form_or_ours(charge->reads),
                              .writes = form_or_ours(charge->form),
                              .subjects = (uint8_t)charge->n_subjects,
                              .keep_s = charge->keep_s,
                              .clock_ms = charge->clock_ms};
    size_t size = measure(charge);
    uint8_t *at;

    if (size == 0)
        return MS_INVALID;
    at = reserve(room, size);
    if (at == NULL)
        return MS_NOMEM;
    at = put_head(at, &head);
    for (unsigned i = 0; i < charge->n_subjects; i++) {
        script_key(charge->prefix, charge->subjects[i].hash, room->keys[i]);
        at = put_subject(at, charge, i);
    }
    begin(room, charge->n_subjects, out);
    codec_arg(out, room->at, (size_t)(at - room->at));
    return MS_OK;
}

static bool
proves(const struct receipt *receipt)
{
    return receipt->n > 0 && receipt->shared.epoch != 0;
}

static uint8_t *
put_receipt(uint8_t *at, const struct receipt *receipt)
{
    at = put(at, receipt->shared.epoch, 8);
    at = put_window(at, receipt->window, receipt->span_s);
    at = put(at, receipt->shared.slice, 4);
    return put(at, receipt->n, 4);
}

enum ms_err
script_ask_refund(const char *prefix, const uint8_t hash[SITEKEY_HASH],
                  const struct receipt *const *receipts, size_t n,
                  uint64_t clock_ms, struct script_room *room,
                  struct codec_command *out)
{
    const struct head head = {.op = OP_REFUND,
                              .reads = SCRIPT_FORM,
                              .writes = SCRIPT_FORM,
                              .subjects = 1,
                              .clock_ms = clock_ms};
    size_t proofs = 0;
    uint8_t *at;

    if (n > SCRIPT_RECEIPTS)
        return MS_INVALID;
    for (size_t i = 0; i < n; i++) {
        if (proves(receipts[i]) && !is_span(receipts[i]->span_s))
            return MS_INVALID;
        proofs += proves(receipts[i]);
    }
    at = reserve(room, HEAD + 2 + n * RECEIPT);
    if (at == NULL)
        return MS_NOMEM;
    at = put_head(at, &head);
    at = put(at, proofs, 2);
    for (size_t i = 0; i < n; i++)
        if (proves(receipts[i]))
            at = put_receipt(at, receipts[i]);
    script_key(prefix, hash, room->keys[0]);
    begin(room, 1, out);
    codec_arg(out, room->at, (size_t)(at - room->at));
    return MS_OK;
}

/* ----- the answer to a charge */

/* Can what was told of ITEM be true? */
static bool
item_fits(const struct charge_item *item, unsigned flags,
          const struct charge_answer *answer, bool added)
{
    bool over = (flags & ITEM_OVER) != 0, adds = (flags & ITEM_ADDED) != 0;
    bool may_add = item->n > 0 && item->kind != CHARGE_LOOK &&
                   (added || item->kind == CHARGE_NOTE);

    if (flags > ITEM_FLAGS || ((flags & ITEM_NEVER) != 0 && !over) ||
        (adds && (!may_add || answer->receipt.shared.epoch == 0)))
        return false;
    if (over && item->kind != CHARGE_NOTE &&
        (adds || (added && !item->observe)))
        return false;
    return answer->used <= UINT64_C(14) * UINT32_MAX &&
           (over || answer->room_ms == 0) &&
           answer->room_ms <= UINT64_C(2000) * 14 * WINDOW_SPAN_MAX_S;
}

static bool
read_item(struct cursor *in, const struct script_charge *charge, size_t i,
          const struct script_told *told, struct charge_answers *answers)
{
    const struct charge_item *item = &charge->items[i];
    struct charge_answer *answer = &answers->item[i];
    unsigned flags = (unsigned)take(in, 1);
    uint32_t slice = (uint32_t)take(in, 4);

    *answer = (struct charge_answer){.over = (flags & ITEM_OVER) != 0,
                                     .used = take(in, 8),
                                     .room_ms = 0,
                                     .standing = told->standing};
    answer->room_ms = take(in, 8);
    if ((flags & ITEM_ADDED) != 0) {
        struct receipt *receipt = &answer->receipt;

        receipt->window = item->window;
        receipt->span_s = item->span_s;
        receipt->n = item->n;
        receipt->shared.epoch = told->epoch;
        receipt->shared.slice = slice;
        memcpy(receipt->shared.key, charge->subjects[charge->of[i]].hash,
               SITEKEY_HASH);
    }
    if (!item_fits(item, flags, answer, answers->added))
        return false;
    if ((flags & ITEM_NEVER) != 0)
        answer->room_ms = UINT64_MAX;
    return true;
}

static bool
read_subject(struct cursor *in, struct script_told *told)
{
    unsigned standing = (unsigned)take(in, 1), flags = (unsigned)take(in, 1);

    told->newer = (flags & TOLD_NEWER) != 0;
    told->standing = read_standing(standing, told->newer);
    told->throttle = (uint32_t)take(in, 4);
    told->first_s = (uint32_t)take(in, 4);
    told->epoch = take(in, 8);
    told->name_due = (flags & TOLD_NAME_DUE) != 0;
    told->merged = (flags & TOLD_MERGED) != 0;
    told->anew = (flags & TOLD_ANEW) != 0;
    return flags <= TOLD_FLAGS &&
           (told->newer || standing <= STANDING_PROBATION);
}

enum ms_err
script_read_charge(const struct script_charge *charge,
                   const struct reply *reply, struct script_answer *out)
{
    struct cursor in;
    unsigned added;

    if (reply->type != REPLY_TEXT || charge->n > CHARGE_ITEMS ||
        charge->n_subjects > CHARGE_SUBJECTS)
        return MS_INVALID;
    in = cursor_of(reply);
    if (take(&in, 1) != SCRIPT_ASK || (added = (unsigned)take(&in, 1)) > 1 ||
        take(&in, 1) != charge->n_subjects || take(&in, 1) != charge->n)
        return MS_INVALID;
    out->clock_ms = take(&in, 8);
    if (out->clock_ms > INT64_MAX)
        return MS_INVALID;
    out->answers.added = added == 1;
    out->answers.degraded = out->answers.waited = false;
    out->answers.n = charge->n;
    for (unsigned s = 0; s < charge->n_subjects; s++) {
        if (!read_subject(&in, &out->subject[s]))
            return MS_INVALID;
        for (size_t i = 0; i < charge->n; i++)
            if (charge->of[i] == s &&
                !read_item(&in, charge, i, &out->subject[s], &out->answers))
                return MS_INVALID;
    }
    return in.bad || in.left > 0 ? MS_INVALID : MS_OK;
}

/* ----- changes */

static uint32_t
to_stamp(struct wall time)
{
    if (time.s < 0)
        return 0;
    return time.s < UINT32_MAX ? (uint32_t)time.s : UINT32_MAX - 1;
}

static bool
state_fits(const struct store_state *state)
{
    return state->len <= STORE_STATE_MAX &&
           state->standing <= STANDING_PROBATION;
}

static bool
windows_fit(const struct store_record *record)
{
    const struct store_window *w = record->windows;

    for (size_t i = 0; i < record->n_windows; i++) {
        if (!is_span(w[i].span_s))
            return false;
        for (size_t j = 0; j < i; j++)
            if (w[j].window == w[i].window && w[j].span_s == w[i].span_s)
                return false;
    }
    return true;
}

static bool
change_fits(const struct script_change *change)
{
    const struct store_record *record = change->record;

    if (change->sealed_len > SITEKEY_SEALED)
        return false;
    switch (change->deed) {
    case SCRIPT_WRITE:
        return change->state != NULL && state_fits(change->state);
    case SCRIPT_PUT:
        if (record == NULL || record->n_windows > STORE_WINDOWS ||
            !state_fits(&record->state))
            return false;
        return windows_fit(record);
    case SCRIPT_NAME:
        return change->sealed_len > 0;
    case SCRIPT_RESET:
    case SCRIPT_FORGET:
        return true;
    case SCRIPT_BEAT:
        break;
    }
    return false;
}

/*
 * Nobody knows how far into its newest slice the window was, nor how far into
 * its own the store is now: so that nothing goes before its span is over, what
 * is a slice old or older becomes a slice younger.
 */
static uint8_t *
put_stored(uint8_t *at, const struct store_window *window)
{
    const uint32_t *slices = window->slices;
    uint32_t newest = slices[WINDOW_SLICES - 1];
    uint32_t second = slices[WINDOW_SLICES - 2];

    at = put_window(at, window->window, window->span_s);
    at = put(at, window->limit, 4);
    at = put(at, 0, 4);
    for (unsigned i = 0; i < WINDOW_SLICES - 2; i++)
        at = put(at, slices[i], 4);
    return put(at, second > UINT32_MAX - newest ? UINT32_MAX : newest + second,
               4);
}

/* What is fixed; of a heartbeat only the clock counts. */
static uint8_t *
put_fixed(uint8_t *at, const struct script_change *change,
          const char letters[LETTERS])
{
    const struct store_record *record = change->record;
    const struct store_state *state =
        record != NULL ? &record->state : change->state;

    at = put(at, SCRIPT_ASK, 1);
    at = put(at, change->deed, 1);
    at = put(at, form_or_ours(change->reads), 1);
    at = put(at, form_or_ours(change->form), 1);
    at = put(at, change->keep_s, 4);
    at = put(at, clock_of(change->clock_ms), 8);
    at = put(at, new_epoch(), 8);
    at = put(at, change->epoch, 8);
    at = put(at, record != NULL ? record->state.version : change->version, 4);
    at = put(at, state != NULL ? state->standing : STANDING_NORMAL, 1);
    at = put(at, state != NULL ? state->throttle : 0, 4);
    at = put(at, change->window, 8);
    at = put(at, record != NULL ? to_stamp(record->first_seen) : 0, 4);
    at = put(at, record != NULL ? to_stamp(record->last_seen) : 0, 4);
    return put_bytes(at, letters, LETTERS);
}

enum ms_err
script_ask_change(const struct script_change *change, struct script_room *room,
                  struct codec_command *out)
{
    const struct store_record *record =
        change->deed == SCRIPT_PUT ? change->record : NULL;
    const struct store_state *state = record != NULL ? &record->state
                                      : change->deed == SCRIPT_WRITE
                                          ? change->state
                                          : NULL;
    struct script_change only = *change;
    uint8_t *at, *windows;

    if (!change_fits(change))
        return MS_INVALID;
    at = reserve(room,
                 FIXED + (record != NULL ? record->n_windows : 0) * PUT_WINDOW);
    if (at == NULL)
        return MS_NOMEM;
    only.record = record;
    only.state = state;
    script_key(change->prefix, change->hash, room->keys[0]);
    script_data_key(change->prefix, change->hash, room->keys[1]);
    at = windows = put_fixed(at, &only, strchr(room->keys[0], '{') + 1);
    for (size_t i = 0; record != NULL && i < record->n_windows; i++)
        at = put_stored(at, &record->windows[i]);
    begin(room, 2, out);
    codec_arg(out, room->at, FIXED);
    codec_arg(out, change->sealed != NULL ? (const char *)change->sealed : "",
              change->sealed != NULL ? change->sealed_len : 0);
    codec_arg(out, state != NULL ? (const char *)state->bytes : "",
              state != NULL ? state->len : 0);
    codec_word(out, change->channel != NULL ? change->channel : "");
    codec_arg(out, windows, (size_t)(at - windows));
    return MS_OK;
}

enum ms_err
script_read_change(const struct reply *reply, bool *done)
{
    if (reply->type != REPLY_INTEGER || reply->integer < 0 ||
        reply->integer > 2)
        return MS_INVALID;
    if (reply->integer == 2)
        return MS_VERSION;
    *done = reply->integer == 1;
    return MS_OK;
}

/* ----- records */

/* Field `m`: the state but for its bytes, times, epoch.  False: damaged. */
static enum ms_err
read_meta(const struct reply *m, struct store_record *out, uint64_t *epoch)
{
    struct cursor in = cursor_of(m);
    uint64_t form = take(&in, 1), standing = take(&in, 1);
    bool newer = form > SCRIPT_FORM;

    if (form == 0 ||
        (newer ? m->len < 8 : m->len != META || standing > STANDING_PROBATION))
        return MS_INVALID;
    out->state.standing = read_standing(standing, newer);
    take(&in, 2);
    out->state.throttle = (uint32_t)take(&in, 4);
    if (newer)
        return MS_VERSION;
    out->state.version = (uint32_t)take(&in, 4);
    out->first_seen.s = (int64_t)take(&in, 4);
    out->last_seen.s = (int64_t)take(&in, 4);
    take(&in, 8);
    *epoch = take(&in, 8);
    return MS_OK;
}

/* A window's field, if it is one. */
static bool
read_window(const struct reply *field, const struct reply *value,
            uint64_t clock_s, struct store_window *out)
{
    struct cursor name = cursor_of(field), in = cursor_of(value);
    const uint8_t *packed = take_bytes(&in, WINDOW_BYTES);
    struct window w;

    if (field->len != FIELD || value->len != STORED)
        return false;
    out->window = take(&name, 8);
    out->span_s = (uint32_t)take(&name, 4);
    out->limit = (uint32_t)take(&in, 4);
    if (!is_span(out->span_s))
        return false;
    window_unpack(packed, &w);
    window_turn(&w, out->span_s, clock_s);
    out->used = window_sum(&w);
    for (unsigned i = 0; i < WINDOW_SLICES; i++) /* the oldest is next */
        out->slices[i] =
            w.count[(w.slice % WINDOW_SLICES + 1 + i) % WINDOW_SLICES];
    return true;
}

/* `:d`: the name and the state's bytes, if it is not damaged. */
static void
read_data(const struct reply *data, const struct sitekey *key,
          struct store_record *out)
{
    struct cursor in = cursor_of(data);
    uint64_t form = take(&in, 1), zero = take(&in, 1);
    size_t name_len = (size_t)take(&in, 2), len = (size_t)take(&in, 2);
    const uint8_t *name = take_bytes(&in, name_len);
    const uint8_t *bytes = take_bytes(&in, len);

    if (in.bad || in.left > 0 || form == 0 || form > SCRIPT_FORM || zero != 0)
        return;
    if (key != NULL && name_len > 0 &&
        !sitekey_open(key, name, name_len, &out->subject))
        out->subject.len = 0;
    if (len == 0 || len > STORE_STATE_MAX)
        return;
    out->state.len = (uint16_t)len;
    memcpy(out->state.bytes, bytes, len);
}

static bool
is_hash(const struct reply *reply)
{
    if (reply->type != REPLY_ARRAY || reply->n % 2 != 0)
        return false;
    for (size_t i = 0; i < reply->n; i++)
        if (reply->element[i]->type != REPLY_TEXT)
            return false;
    return true;
}

static const struct reply *
find_meta(const struct reply *hash)
{
    for (size_t i = 0; i < hash->n; i += 2)
        if (hash->element[i]->len == 1 && hash->element[i]->text[0] == 'm')
            return hash->element[i + 1];
    return NULL;
}

enum ms_err
script_read_record(const struct reply *hash, const struct reply *data,
                   const struct sitekey *key, uint64_t clock_ms, bool *found,
                   struct store_record *out, uint64_t *epoch)
{
    const struct reply *m;
    uint64_t clock_s;

    if (!is_hash(hash) || (data->type != REPLY_TEXT && data->type != REPLY_NIL))
        return MS_INVALID;
    memset(out, 0, sizeof(*out));
    *epoch = 0;
    *found = hash->n > 0;
    if (!*found)
        return MS_OK;
    m = find_meta(hash);
    if (m != NULL && read_meta(m, out, epoch) == MS_VERSION)
        return MS_VERSION;
    clock_s = clock_ms > 0 ? clock_ms / 1000 : (uint64_t)out->last_seen.s;
    for (size_t i = 0; i < hash->n && out->n_windows < STORE_WINDOWS; i += 2)
        if (read_window(hash->element[i], hash->element[i + 1], clock_s,
                        &out->windows[out->n_windows]))
            out->n_windows++;
    if (data->type == REPLY_TEXT)
        read_data(data, key, out);
    return MS_OK;
}

/* ----- heartbeats */

static uint8_t *
put_text(uint8_t *at, const char *text, size_t room)
{
    size_t len = strnlen(text, room - 1);

    at = put(at, len, 1);
    return put_bytes(at, text, len);
}

enum ms_err
script_ask_beat(const char *prefix, const struct store_host *self,
                const char *fingerprint, uint64_t clock_ms,
                struct script_room *room, struct codec_command *out)
{
    const struct script_change beat = {.deed = SCRIPT_BEAT,
                                       .clock_ms = clock_ms};
    const char letters[LETTERS] = {0};
    uint8_t *at, *rest;

    at = reserve(room, FIXED + 1 + 3 + sizeof(self->version) +
                           sizeof(self->config) + sizeof(self->mode));
    if (at == NULL)
        return MS_NOMEM;
    rest = put_fixed(at, &beat, letters);
    at = put(rest, self->form, 1);
    at = put_text(at, self->version, sizeof(self->version));
    at = put_text(at, self->config, sizeof(self->config));
    at = put_text(at, self->mode, sizeof(self->mode));
    snprintf(room->keys[0], SCRIPT_KEY, "%.*s:{fleet}", (int)SCRIPT_PREFIX,
             prefix);
    begin(room, 1, out);
    codec_arg(out, room->at, FIXED);
    codec_arg(out, self->name, strnlen(self->name, sizeof(self->name) - 1));
    codec_word(out, fingerprint);
    codec_arg(out, rest, (size_t)(at - rest));
    return MS_OK;
}

/* LEN printable characters into OUT, which has ROOM. */
static void
take_text(struct cursor *in, size_t len, char *out, size_t room)
{
    const uint8_t *at = take_bytes(in, len);

    if (at == NULL || len >= room) {
        in->bad = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (at[i] < ' ' || at[i] > '~')
            in->bad = true;
        out[i] = (char)at[i];
    }
    out[len] = '\0';
}

/* One host.  What some other program wrote there spoils only its own. */
static bool
read_host(struct cursor *in, struct store_host *out)
{
    size_t name_len = (size_t)take(in, 1);
    uint32_t ago_s = (uint32_t)take(in, 4);
    size_t rest_len = (size_t)take(in, 1);
    struct cursor name = {take_bytes(in, name_len), name_len, false};
    struct cursor rest = {take_bytes(in, rest_len), rest_len, false};

    if (in->bad)
        return false;
    memset(out, 0, sizeof(*out));
    out->seen_s = ago_s;
    take_text(&name, name_len, out->name, sizeof(out->name));
    out->form = (uint8_t)take(&rest, 1);
    take_text(&rest, (size_t)take(&rest, 1), out->version,
              sizeof(out->version));
    take_text(&rest, (size_t)take(&rest, 1), out->config, sizeof(out->config));
    take_text(&rest, (size_t)take(&rest, 1), out->mode, sizeof(out->mode));
    return !name.bad && !rest.bad && name_len > 0 && out->form > 0;
}

static enum ms_err
read_other(struct cursor *in, char other[SITEKEY_PRINT])
{
    take_text(in, in->left < SITEKEY_PRINT ? in->left : SITEKEY_PRINT - 1,
              other, SITEKEY_PRINT);
    return in->bad ? MS_INVALID : MS_BUSY;
}

enum ms_err
script_read_beat(const struct reply *reply, uint64_t *clock_ms,
                 struct store_host *hosts, size_t room, size_t *n,
                 char other[SITEKEY_PRINT])
{
    struct cursor in;
    uint64_t status, many, clock;
    size_t read = 0;

    if (reply->type != REPLY_TEXT)
        return MS_INVALID;
    in = cursor_of(reply);
    if (take(&in, 1) != SCRIPT_ASK)
        return MS_INVALID;
    status = take(&in, 1);
    clock = take(&in, 8);
    if (in.bad || status > BEAT_OTHER || clock > INT64_MAX)
        return MS_INVALID;
    *clock_ms = clock;
    if (status == BEAT_OTHER)
        return read_other(&in, other);
    many = take(&in, 2);
    for (uint64_t i = 0; i < many && !in.bad; i++) {
        struct store_host host;

        if (read_host(&in, &host) && read < room)
            hosts[read++] = host;
    }
    if (in.bad || in.left > 0)
        return MS_INVALID;
    *n = read;
    return MS_OK;
}
