/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/answers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 4, ROWS = ANSWERS / WAYS };

_Static_assert((ROWS & (ROWS - 1)) == 0, "a power of two");

/* Who is asked about: a name in small letters, without its last dot. */
struct key {
    enum resolver_type type;
    size_t len;
    char name[RESOLVER_NAME];
};

struct known {
    struct key key;
    enum resolver_status status;
    bool secure, cut;
    struct mono until;
    uint64_t wanted; /* when last, in numbers of questions */
    size_t n, size;
    size_t length[RESOLVER_RECORDS];
    uint8_t data[]; /* of SIZE, record by record */
};

struct answers {
    pthread_mutex_t lock; /* guards all below */
    uint64_t questions;
    struct known *known[ROWS][WAYS]; /* NULL: free */
};

enum ms_err
answers_create(struct answers **out)
{
    struct answers *answers = calloc(1, sizeof(*answers));

    if (answers == NULL)
        return MS_NOMEM;
    (void)pthread_mutex_init(&answers->lock, NULL);
    *out = answers;
    return MS_OK;
}

void
answers_destroy(struct answers *answers)
{
    if (answers == NULL)
        return;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < WAYS; j++)
            free(answers->known[i][j]);
    (void)pthread_mutex_destroy(&answers->lock);
    free(answers);
}

/* ----- where it is */

/* False: no such name can be. */
static bool
make_key(const char *name, enum resolver_type type, struct key *out)
{
    size_t len = strlen(name);

    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || len >= RESOLVER_NAME)
        return false;
    for (size_t i = 0; i < len; i++)
        out->name[i] = name[i] >= 'A' && name[i] <= 'Z'
                           ? (char)(name[i] - 'A' + 'a')
                           : name[i];
    out->len = len;
    out->type = type;
    return true;
}

static bool
is_about(const struct known *known, const struct key *key)
{
    return known->key.type == key->type && known->key.len == key->len &&
           memcmp(known->key.name, key->name, key->len) == 0;
}

/* FNV-1a: names that somebody picks to share a row push out each other, and at
 * worst what is in it. */
static struct known **
row_of(struct answers *answers, const struct key *key)
{
    uint32_t hash = 2166136261u ^ (uint32_t)key->type;

    for (size_t i = 0; i < key->len; i++)
        hash = (hash ^ (uint8_t)key->name[i]) * 16777619u;
    return answers->known[(hash ^ hash >> 16) & (ROWS - 1)];
}

/* The place of KEY, or the one that it may have. */
static struct known **
find_place_locked(struct answers *answers, const struct key *key)
{
    struct known **row = row_of(answers, key), **place = row;

    for (struct known **p = row; p < row + WAYS; p++) {
        if (*p != NULL && is_about(*p, key))
            return p;
        if (*place != NULL && (*p == NULL || (*p)->wanted < (*place)->wanted))
            place = p;
    }
    return place;
}

/* ----- in */

static size_t
size_of(const struct resolver_answer *answer)
{
    size_t size = 0;

    for (size_t i = 0; i < answer->n; i++) {
        if (answer->record[i].length > ANSWERS_SIZE - size)
            return ANSWERS_SIZE + 1;
        size += answer->record[i].length;
    }
    return size;
}

static bool
is_worth_keeping(const struct resolver_answer *answer)
{
    switch (answer->status) {
    case RESOLVER_DATA:
    case RESOLVER_NODATA:
    case RESOLVER_NXDOMAIN:
        return answer->ttl_s >= ANSWERS_LEAST_S &&
               answer->n <= RESOLVER_RECORDS && size_of(answer) <= ANSWERS_SIZE;
    case RESOLVER_FAILED:
    case RESOLVER_CROWDED:
        break;
    }
    return false;
}

/* NULL: no memory. */
static struct known *
make_known(const struct key *key, const struct resolver_answer *answer,
           struct mono now)
{
    uint32_t ttl_s =
        answer->ttl_s < ANSWERS_KEPT_S ? answer->ttl_s : ANSWERS_KEPT_S;
    size_t size = size_of(answer);
    struct known *known = malloc(sizeof(*known) + size);
    uint8_t *at;

    if (known == NULL)
        return NULL;
    *known = (struct known){.key = *key,
                            .status = answer->status,
                            .secure = answer->secure,
                            .cut = answer->cut,
                            .until = {now.ms + (int64_t)ttl_s * 1000},
                            .n = answer->n,
                            .size = size};
    at = known->data;
    for (size_t i = 0; i < answer->n; i++) {
        known->length[i] = answer->record[i].length;
        if (known->length[i] > 0)
            memcpy(at, answer->record[i].data, known->length[i]);
        at += known->length[i];
    }
    return known;
}

void
answers_put(struct answers *answers, const char *name, enum resolver_type type,
            const struct resolver_answer *answer, struct mono now)
{
    struct known *known, *before, **place;
    struct key key = {.len = 0};

    if (!is_worth_keeping(answer) || !make_key(name, type, &key))
        return;
    known = make_known(&key, answer, now);
    if (known == NULL)
        return;
    (void)pthread_mutex_lock(&answers->lock);
    place = find_place_locked(answers, &key);
    before = *place;
    known->wanted = ++answers->questions;
    *place = known;
    (void)pthread_mutex_unlock(&answers->lock);
    free(before);
}

/* ----- out */

static void
read_known(const struct known *known, struct mono now, struct answers_room *out)
{
    const uint8_t *at = out->data;

    out->answer = (struct resolver_answer){
        .status = known->status,
        .secure = known->secure,
        .cut = known->cut,
        .ttl_s = (uint32_t)((known->until.ms - now.ms + 999) / 1000),
        .n = known->n,
        .record = out->record};
    memcpy(out->data, known->data, known->size);
    for (size_t i = 0; i < known->n; i++) {
        out->record[i] = (struct resolver_record){at, known->length[i]};
        at += known->length[i];
    }
}

bool
answers_get(struct answers *answers, const char *name, enum resolver_type type,
            struct mono now, struct answers_room *out)
{
    struct key key = {.len = 0};
    struct known *known;
    bool found;

    if (!make_key(name, type, &key))
        return false;
    (void)pthread_mutex_lock(&answers->lock);
    known = *find_place_locked(answers, &key);
    found = known != NULL && is_about(known, &key) && now.ms < known->until.ms;
    if (found) {
        known->wanted = ++answers->questions;
        read_known(known, now, out);
    }
    (void)pthread_mutex_unlock(&answers->lock);
    return found;
}
