/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/record.c - whole records of a shared store.
 *
 * The index, `PREFIX:{q}`, is a sorted set of the names of those that do not
 * stand normal, by when they began to: it may name somebody who does, and
 * never lacks one, so an entry comes before the write and goes after it.
 */
#include <config.h>

#include "policy/store/redis/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UPDATE_TRIES = 100, /* lost races */
    SCAN = 1000         /* keys looked at in one go */
};

/* ----- reading */

struct question {
    struct redis_call *hash, *data;
};

static void
ask_word(struct redis *r, const char *word, const char *key, size_t len,
         const char *about, struct redis_call **out)
{
    struct codec_command command = {.n = 0};

    codec_word(&command, word);
    codec_arg(&command, key, len);
    if (redis_core_ask_plain(r, about, &command, out) != MS_OK)
        *out = NULL;
}

static void
ask_record(struct redis *r, const uint8_t hash[SITEKEY_HASH],
           struct question *out)
{
    char key[SCRIPT_KEY], data[SCRIPT_KEY];
    size_t len = script_key(r->prefix, hash, key);
    size_t data_len = script_data_key(r->prefix, hash, data);

    ask_word(r, "HGETALL", key, len, key, &out->hash);
    ask_word(r, "GET", data, data_len, key, &out->data);
}

static struct reply *
answer(struct redis_call *call)
{
    struct reply *reply = NULL;

    if (call == NULL || redis_core_wait(call, &reply) != MS_OK)
        return NULL;
    return reply;
}

static void
read_answer(struct redis *r, const struct question *question,
            struct store_time now, struct redis_record *out)
{
    struct reply *hash = answer(question->hash);
    struct reply *data = answer(question->data);

    out->err = MS_UNAVAIL;
    if (hash != NULL && data != NULL)
        out->err =
            script_read_record(hash, data, r->key, redis_core_clock_ms(r, now),
                               &out->found, &out->record, &out->epoch);
    if (out->err == MS_INVALID) { /* nobody's: whoever writes begins anew */
        memset(out, 0, sizeof(*out));
        out->err = MS_OK;
    }
    out->named = out->err == MS_OK && out->found && out->record.subject.len > 0;
    reply_destroy(hash);
    reply_destroy(data);
}

void
redis_record_read(struct redis *r, const uint8_t (*hash)[SITEKEY_HASH],
                  size_t n, struct store_time now, struct redis_record *out)
{
    struct question question[REDIS_RECORD_BATCH];

    for (size_t i = 0; i < n; i++)
        ask_record(r, hash[i], &question[i]);
    for (size_t i = 0; i < n; i++)
        read_answer(r, &question[i], now, &out[i]);
}

/* The same of one subject, which is known. */
static void
read_one(struct redis *r, const struct subject *subject,
         const uint8_t hash[SITEKEY_HASH], struct store_time now,
         struct redis_record *out)
{
    uint8_t one[1][SITEKEY_HASH];

    memcpy(one[0], hash, SITEKEY_HASH);
    redis_record_read(r, (const uint8_t(*)[SITEKEY_HASH])one, 1, now, out);
    out->record.subject.kind = subject->kind;
    out->record.subject.len = subject->len;
    memcpy(out->record.subject.bytes, subject->bytes, subject->len);
}

enum ms_err
redis_record_get(struct redis *r, const struct subject *subject,
                 struct store_time now, bool *found, struct store_record *out)
{
    uint8_t hash[SITEKEY_HASH];
    struct redis_record record;

    sitekey_hash(r->key, subject, hash);
    read_one(r, subject, hash, now, &record);
    if (record.err == MS_UNAVAIL || record.err == MS_TIMEOUT)
        return store_get(r->shadow, subject, now, found, out);
    if (record.err != MS_OK)
        return record.err;
    *found = record.found;
    if (record.found)
        *out = record.record;
    return MS_OK;
}

/* ----- writing */

/* Ask for CHANGE and wait. */
static enum ms_err
carry_out(struct redis *r, const struct script_change *change, bool *done)
{
    struct redis_call *call;
    struct reply *reply = NULL;
    enum ms_err err = redis_core_ask_change(r, change, &call);

    if (err != MS_OK)
        return err;
    err = redis_core_wait(call, &reply);
    if (err == MS_OK)
        err = script_read_change(reply, done);
    reply_destroy(reply);
    return err == MS_INVALID ? MS_UNAVAIL : err;
}

/* The index is told; an error of the server's own is one. */
static enum ms_err
tell_index(struct redis *r, const uint8_t hash[SITEKEY_HASH],
           const char *const *words, size_t n)
{
    struct codec_command command = {.n = 0};
    struct redis_call *call;
    struct reply *reply = NULL;
    char key[SCRIPT_KEY];
    size_t len = script_key(r->prefix, hash, key);
    enum ms_err err;

    codec_word(&command, words[0]);
    codec_word(&command, r->index);
    for (size_t i = 1; i < n; i++)
        codec_word(&command, words[i]);
    codec_arg(&command, key, len);
    err = redis_core_ask_plain(r, r->index, &command, &call);
    if (err == MS_OK)
        err = redis_core_wait(call, &reply);
    if (err == MS_OK && reply->type == REPLY_ERROR)
        err = MS_UNAVAIL;
    reply_destroy(reply);
    return err;
}

enum ms_err
redis_record_index(struct redis *r, const uint8_t hash[SITEKEY_HASH],
                   struct store_time now)
{
    char score[24];
    const char *const words[] = {"ZADD", "NX", score};

    (void)snprintf(score, sizeof(score), "%" PRIu64,
                   redis_core_clock_ms(r, now) / 1000);
    return tell_index(r, hash, words, 3);
}

static enum ms_err
leave_index(struct redis *r, const uint8_t hash[SITEKEY_HASH])
{
    static const char *const words[] = {"ZREM"};

    return tell_index(r, hash, words, 1);
}

/* What a record is written with: its sealed name. */
static void
seal(struct redis *r, const struct subject *subject,
     uint8_t sealed[SITEKEY_SEALED], struct script_change *change)
{
    change->sealed = sealed;
    change->sealed_len = sitekey_seal(r->key, subject, sealed);
}

static enum ms_err
write_state(struct redis *r, const struct subject *subject,
            const struct redis_record *had, const struct store_state *state,
            struct store_time now, const uint8_t hash[SITEKEY_HASH], bool *done)
{
    uint8_t sealed[SITEKEY_SEALED];
    struct script_change change = redis_core_change(r, SCRIPT_WRITE, hash, now);
    enum ms_err err = MS_OK;

    seal(r, subject, sealed, &change);
    change.epoch = had->epoch;
    change.version = had->record.state.version;
    change.state = state;
    if (state->standing != STANDING_NORMAL &&
        had->record.state.standing == STANDING_NORMAL)
        err = redis_record_index(r, hash, now);
    if (err == MS_OK)
        err = carry_out(r, &change, done);
    if (err == MS_OK && *done && state->standing == STANDING_NORMAL &&
        had->record.state.standing != STANDING_NORMAL)
        (void)leave_index(r, hash); /* it may name who is normal */
    return err;
}

static bool
is_blank(const struct store_state *state)
{
    return state->standing == STANDING_NORMAL && state->throttle == 0 &&
           state->len == 0;
}

/* HAD was made anew, or is not there, and this host knows that the subject did
 * not stand normal: it is looked at in a moment. */
static bool
is_doubted(struct redis *r, const uint8_t hash[SITEKEY_HASH],
           const struct redis_record *had)
{
    struct mono look_at = redis_core_now(r).mono;
    enum standing standing;
    uint64_t epoch;

    if (had->record.state.standing != STANDING_NORMAL ||
        had->record.state.version != 0 ||
        !known_get(r->known, hash, &standing, &epoch, NULL) ||
        (had->epoch != 0 && had->epoch == epoch))
        return false;
    look_at.ms += KNOWN_DOUBT_MS;
    known_doubt(r->known, hash, look_at);
    return true;
}

static enum ms_err
update(struct redis *r, const struct subject *subject, struct store_time now,
       enum ms_err (*change)(void *arg, struct store_state *state), void *arg,
       bool restores)
{
    uint8_t hash[SITEKEY_HASH];
    struct redis_record had;
    struct store_state state;
    bool done = false;

    sitekey_hash(r->key, subject, hash);
    for (int i = 0; i < UPDATE_TRIES && !done; i++) {
        enum ms_err err;

        read_one(r, subject, hash, now, &had);
        if (had.err != MS_OK)
            return had.err;
        if (!restores && is_doubted(r, hash, &had))
            return MS_BUSY;
        state = had.record.state;
        err = change(arg, &state);
        if (err != MS_OK)
            return err;
        if (state.len > STORE_STATE_MAX || state.standing > STANDING_PROBATION)
            return MS_INVALID;
        if (!had.found && is_blank(&state))
            return MS_OK; /* no record is as good as an empty one */
        err = write_state(r, subject, &had, &state, now, hash, &done);
        if (err != MS_OK)
            return err;
    }
    if (done)
        redis_core_adopt(r, hash, subject, now,
                         &(struct redis_core_news){.standing = state.standing,
                                                   .throttle = state.throttle,
                                                   .epoch = had.epoch,
                                                   .state = &state});
    return done ? MS_OK : MS_BUSY;
}

enum ms_err
redis_record_update(struct redis *r, const struct subject *subject,
                    struct store_time now,
                    enum ms_err (*change)(void *arg, struct store_state *state),
                    void *arg)
{
    return update(r, subject, now, change, arg, false);
}

enum ms_err
redis_record_restore(
    struct redis *r, const struct subject *subject, struct store_time now,
    enum ms_err (*change)(void *arg, struct store_state *state), void *arg)
{
    return update(r, subject, now, change, arg, true);
}

enum ms_err
redis_record_forget(struct redis *r, const struct subject *subject,
                    struct store_time now, bool *found)
{
    uint8_t hash[SITEKEY_HASH];
    struct script_change change;
    enum ms_err err;
    bool shadows;

    sitekey_hash(r->key, subject, hash);
    change = redis_core_change(r, SCRIPT_FORGET, hash, now);
    deltas_forget(r->deltas, hash, 0);
    err = carry_out(r, &change, found);
    if (err != MS_OK)
        return err;
    known_set(r->known, hash, subject, STANDING_NORMAL, 0);
    (void)leave_index(r, hash);
    return store_forget(r->shadow, subject, now, &shadows);
}

enum ms_err
redis_record_reset(struct redis *r, const struct subject *subject,
                   uint64_t window, struct store_time now, bool *found)
{
    uint8_t hash[SITEKEY_HASH];
    struct script_change change;
    enum ms_err err;
    bool shadows;

    sitekey_hash(r->key, subject, hash);
    change = redis_core_change(r, SCRIPT_RESET, hash, now);
    change.window = window;
    deltas_forget(r->deltas, hash, window);
    err = carry_out(r, &change, found);
    if (err != MS_OK)
        return err;
    return store_reset(r->shadow, subject, window, now, &shadows);
}

enum ms_err
redis_record_put(struct redis *r, const struct store_record *record,
                 struct store_time now)
{
    uint8_t hash[SITEKEY_HASH], sealed[SITEKEY_SEALED];
    struct script_change change;
    enum ms_err err = store_put(r->shadow, record, now);
    bool done;

    if (err != MS_OK)
        return err; /* it has looked at every field */
    sitekey_hash(r->key, &record->subject, hash);
    change = redis_core_change(r, SCRIPT_PUT, hash, now);
    seal(r, &record->subject, sealed, &change);
    change.record = record;
    if (record->state.standing != STANDING_NORMAL)
        err = redis_record_index(r, hash, now);
    if (err == MS_OK)
        err = carry_out(r, &change, &done);
    if (err != MS_OK)
        return err;
    if (record->state.standing == STANDING_NORMAL)
        (void)leave_index(r, hash);
    deltas_forget(r->deltas, hash, 0);
    known_set(r->known, hash, &record->subject, record->state.standing, 0);
    return MS_OK;
}

/* ----- all of a kind */

struct names {
    uint8_t (*at)[SITEKEY_HASH];
    size_t n, room;
};

static enum ms_err
add_name(struct names *names, const uint8_t hash[SITEKEY_HASH])
{
    if (names->n == names->room) {
        size_t room = names->room > 0 ? 2 * names->room : SCAN;
        uint8_t(*at)[SITEKEY_HASH] =
            realloc(names->at, room * sizeof(names->at[0]));

        if (at == NULL)
            return MS_NOMEM;
        names->at = at;
        names->room = room;
    }
    memcpy(names->at[names->n++], hash, SITEKEY_HASH);
    return MS_OK;
}

/* One part of server I's keys, from CURSOR on. */
static enum ms_err
scan_some(struct redis *r, size_t i, char cursor[24], struct names *names)
{
    char pattern[SCRIPT_KEY], count[24];
    struct codec_command command = {.n = 0};
    struct reply *reply = NULL;
    enum ms_err err;

    (void)snprintf(pattern, sizeof(pattern), "%s:{*}:d", r->prefix);
    (void)snprintf(count, sizeof(count), "%d", SCAN);
    codec_word(&command, "SCAN");
    codec_word(&command, cursor);
    codec_word(&command, "MATCH");
    codec_word(&command, pattern);
    codec_word(&command, "COUNT");
    codec_word(&command, count);
    err = redis_nodes_ask(r->nodes, i, &command, &reply);
    if (err == MS_OK && (reply->type != REPLY_ARRAY || reply->n != 2 ||
                         reply->element[0]->type != REPLY_TEXT ||
                         reply->element[0]->len >= 24 ||
                         reply->element[1]->type != REPLY_ARRAY))
        err = MS_UNAVAIL;
    if (err == MS_OK)
        memcpy(cursor, reply->element[0]->text, reply->element[0]->len + 1);
    for (size_t k = 0; err == MS_OK && k < reply->element[1]->n; k++) {
        const struct reply *key = reply->element[1]->element[k];
        uint8_t hash[SITEKEY_HASH];

        if (key->type == REPLY_TEXT &&
            script_key_read(r->prefix, key->text, key->len, hash))
            err = add_name(names, hash);
    }
    reply_destroy(reply);
    return err;
}

static int
compare_names(const void *a, const void *b)
{
    return memcmp(a, b, SITEKEY_HASH);
}

/* Are all servers asked now?  A list without some would be wrong. */
static bool
is_whole(struct redis *r)
{
    struct store_shared *shared = calloc(1, sizeof(*shared));
    bool whole = false;

    if (shared == NULL)
        return false;
    redis_nodes_stats(r->nodes, shared);
    whole = !shared->degraded;
    free(shared);
    return whole;
}

/* All names, each once: a scan may tell one twice. */
static enum ms_err
scan(struct redis *r, struct names *names)
{
    enum ms_err err = MS_OK;
    size_t servers = redis_nodes_count(r->nodes), kept = 0;

    for (size_t i = 0; i < servers && err == MS_OK; i++) {
        char cursor[24] = "0";

        do
            err = scan_some(r, i, cursor, names);
        while (err == MS_OK && strcmp(cursor, "0") != 0);
    }
    if (names->n > 0)
        qsort(names->at, names->n, SITEKEY_HASH, compare_names);
    for (size_t i = 0; i < names->n; i++)
        if (kept == 0 ||
            memcmp(names->at[kept - 1], names->at[i], SITEKEY_HASH) != 0)
            memmove(names->at[kept++], names->at[i], SITEKEY_HASH);
    names->n = kept;
    return err;
}

/* Hand the records of NAMES that are of KIND (SUBJECT_KINDS: any that stands
 * other than normal) to EACH. */
static enum ms_err
tell_some(struct redis *r, const uint8_t (*names)[SITEKEY_HASH], size_t n_names,
          enum subject_kind kind, struct store_time now,
          bool (*each)(void *arg, const struct store_record *record), void *arg)
{
    struct redis_record *some = malloc(REDIS_RECORD_BATCH * sizeof(*some));
    enum ms_err err = some != NULL ? MS_OK : MS_NOMEM;
    bool more = true;

    for (size_t i = 0; err == MS_OK && more && i < n_names;) {
        size_t n =
            n_names - i < REDIS_RECORD_BATCH ? n_names - i : REDIS_RECORD_BATCH;

        redis_record_read(r, names + i, n, now, some);
        for (size_t j = 0; j < n && more && err == MS_OK; j++) {
            const struct store_record *record = &some[j].record;

            if (some[j].err == MS_UNAVAIL)
                err = MS_UNAVAIL;
            else if (some[j].named &&
                     (kind == SUBJECT_KINDS
                          ? record->state.standing != STANDING_NORMAL
                          : record->subject.kind == kind))
                more = each(arg, record);
        }
        i += n;
    }
    free(some);
    return err;
}

enum ms_err
redis_record_list(struct redis *r, enum subject_kind kind,
                  struct store_time now,
                  bool (*each)(void *arg, const struct store_record *record),
                  void *arg)
{
    struct names names = {NULL, 0, 0};
    enum ms_err err = is_whole(r) ? scan(r, &names) : MS_UNAVAIL;

    if (err == MS_OK && !is_whole(r))
        err = MS_UNAVAIL; /* one has gone meanwhile */
    if (err == MS_OK)
        err = tell_some(r, (const uint8_t(*)[SITEKEY_HASH])names.at, names.n,
                        kind, now, each, arg);
    free(names.at);
    return err;
}

enum ms_err
redis_record_standings(struct redis *r, struct store_time now,
                       bool (*each)(void *arg,
                                    const struct store_record *record),
                       void *arg)
{
    uint8_t(*names)[SITEKEY_HASH] = NULL;
    size_t n = 0;
    enum ms_err err;

    if (!is_whole(r))
        return store_standings(r->shadow, now, each, arg);
    err = known_list(r->known, &names, &n);
    if (err == MS_OK)
        err = tell_some(r, (const uint8_t(*)[SITEKEY_HASH])names, n,
                        SUBJECT_KINDS, now, each, arg);
    free(names);
    return err;
}
