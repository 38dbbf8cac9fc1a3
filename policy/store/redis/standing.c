/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis/standing.c - standings, here and there.
 */
#include <config.h>

#include "policy/store/redis/standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/record.h"

enum { PAGE = 1000 /* names of the index at a time */ };

static void
adopt(struct redis *r, const uint8_t hash[SITEKEY_HASH],
      const struct subject *subject, const struct redis_record *record,
      struct store_time now)
{
    const struct redis_core_news news = {
        .standing = record->record.state.standing,
        .throttle = record->record.state.throttle,
        .epoch = record->epoch,
        .state = record->record.state.len > 0 ? &record->record.state : NULL};

    redis_core_adopt(r, hash, subject, now, &news);
}

/* The store has lost STATE: unless somebody has judged since, it holds. */
static enum ms_err
write_back(void *arg, struct store_state *state)
{
    const struct store_state *lost = arg;

    if (state->version > 0)
        return MS_OK;
    *state = *lost;
    return MS_OK;
}

static void
publish(struct redis *r, const uint8_t hash[SITEKEY_HASH],
        const struct subject *subject, struct store_time now)
{
    struct store_record record;
    enum standing standing;
    uint64_t epoch;
    bool found = false;

    if (store_get(r->shadow, subject, now, &found, &record) != MS_OK ||
        !known_get(r->known, hash, &standing, &epoch, NULL))
        return;
    if (!found)
        memset(&record.state, 0, sizeof(record.state));
    record.state.standing = standing;
    record.state.version = 0;
    (void)redis_record_restore(r, subject, now, write_back, &record.state);
    (void)redis_record_index(r, hash, now);
}

/* The store's RECORD of one who is known here not to be normal. */
static void
compare(struct redis *r, const uint8_t hash[SITEKEY_HASH],
        const struct redis_record *record, bool lost, struct store_time now)
{
    struct subject subject;
    enum standing standing;
    uint64_t epoch;

    if (!known_get(r->known, hash, &standing, &epoch, &subject))
        return;
    if (record->err != MS_OK && record->err != MS_VERSION)
        return;                      /* nobody knows */
    if (record->err == MS_VERSION) { /* obeyed, and left alone */
        adopt(r, hash, &subject, record, now);
    } else if (record->found &&
               record->record.state.standing != STANDING_NORMAL) {
        adopt(r, hash, &subject, record, now);
        (void)redis_record_index(r, hash, now);
    } else if (lost && record->record.state.version == 0) {
        publish(r, hash, &subject, now);
    } else {
        adopt(r, hash, &subject, record, now); /* normal */
    }
}

/* Names in the index, all of which the store holds; false: nobody knows. */
static bool
count_index(struct redis *r, int64_t *count)
{
    struct codec_command command = {.n = 0};
    struct redis_call *call;
    struct reply *reply = NULL;
    bool ok;

    codec_word(&command, "ZCARD");
    codec_word(&command, r->index);
    ok = redis_core_ask_plain(r, r->index, &command, &call) == MS_OK &&
         redis_core_wait(call, &reply) == MS_OK && reply->type == REPLY_INTEGER;
    if (ok)
        *count = reply->integer;
    reply_destroy(reply);
    return ok;
}

/* Compare all that is known here with the store. */
static void
compare_all(struct redis *r, bool lost, struct store_time now)
{
    struct redis_record *record = calloc(REDIS_RECORD_BATCH, sizeof(*record));
    uint8_t(*all)[SITEKEY_HASH] = NULL;
    size_t n = 0;

    if (record == NULL || known_list(r->known, &all, &n) != MS_OK)
        n = 0;
    for (size_t i = 0; i < n; i += REDIS_RECORD_BATCH) {
        size_t some = n - i < REDIS_RECORD_BATCH ? n - i : REDIS_RECORD_BATCH;

        redis_record_read(r, (const uint8_t(*)[SITEKEY_HASH])all + i, some, now,
                          record);
        for (size_t j = 0; j < some; j++)
            compare(r, all[i + j], &record[j], lost, now);
    }
    free(all);
    free(record);
}

void
redis_standing_read(struct redis *r, const uint8_t (*hash)[SITEKEY_HASH],
                    size_t n, struct store_time now)
{
    struct redis_record *record = calloc(n, sizeof(*record));
    enum standing standing;
    uint64_t epoch;

    if (record == NULL)
        return;
    redis_record_read(r, hash, n, now, record);
    for (size_t i = 0; i < n; i++) {
        if (known_get(r->known, hash[i], &standing, &epoch, NULL))
            compare(r, hash[i], &record[i], true, now);
        else if (record[i].named)
            adopt(r, hash[i], &record[i].record.subject, &record[i], now);
    }
    free(record);
}

bool
redis_standing_unlearn(struct redis *r, const uint8_t hash[SITEKEY_HASH],
                       struct subject *subject)
{
    enum standing standing;
    uint64_t epoch;

    deltas_forget(r->deltas, hash, 0);
    if (!known_get(r->known, hash, &standing, &epoch, subject))
        return false;
    known_set(r->known, hash, subject, STANDING_NORMAL, 0);
    return true;
}

/* One page of the index; how many names there were. */
static size_t
read_page(struct redis *r, size_t start, struct store_time now)
{
    char from[24], to[24];
    struct codec_command command = {.n = 0};
    struct redis_call *call;
    struct reply *reply = NULL;
    uint8_t some[REDIS_RECORD_BATCH][SITEKEY_HASH];
    size_t n = 0, many = 0;
    enum standing standing;
    uint64_t epoch;

    (void)snprintf(from, sizeof(from), "%zu", start);
    (void)snprintf(to, sizeof(to), "%zu", start + PAGE - 1);
    codec_word(&command, "ZRANGE");
    codec_word(&command, r->index);
    codec_word(&command, from);
    codec_word(&command, to);
    if (redis_core_ask_plain(r, r->index, &command, &call) == MS_OK &&
        redis_core_wait(call, &reply) == MS_OK && reply->type == REPLY_ARRAY)
        many = reply->n;
    for (size_t i = 0; i < many; i++) {
        const struct reply *key = reply->element[i];

        if (key->type == REPLY_TEXT &&
            script_key_read(r->prefix, key->text, key->len, some[n]) &&
            !known_get(r->known, some[n], &standing, &epoch, NULL))
            n++;
        if (n == REDIS_RECORD_BATCH || (n > 0 && i + 1 == many)) {
            redis_standing_read(r, (const uint8_t(*)[SITEKEY_HASH])some, n,
                                now);
            n = 0;
        }
    }
    reply_destroy(reply);
    return many;
}

bool
redis_standing_catch_up(struct redis *r, struct store_time now)
{
    int64_t count = 0;
    size_t start = 0, many;

    if (!count_index(r, &count))
        return false;
    compare_all(r, count == 0, now);
    do {
        many = read_page(r, start, now);
        start += many;
    } while (many == PAGE);
    return true;
}

void
redis_standing_check(struct redis *r, struct store_time now)
{
    int64_t count = 0;

    if (known_count(r->known) > 0 && count_index(r, &count) &&
        (uint64_t)count < known_count(r->known))
        compare_all(r, true, now);
}

void
redis_standing_doubts(struct redis *r, struct store_time now)
{
    uint8_t hash[1][SITEKEY_HASH];
    struct mono passed = redis_core_now(r).mono;

    for (int i = 0;
         i < REDIS_RECORD_BATCH && known_due(r->known, passed, hash[0]); i++)
        redis_standing_read(r, (const uint8_t(*)[SITEKEY_HASH])hash, 1, now);
}
