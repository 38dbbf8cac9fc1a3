/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a server answers to the scripts: the first byte says whether the rest
 * is the reply to a charge, to a heartbeat, to a change, or a record (fields
 * and values, each behind its length; what is left over is the second key).
 */
#include <config.h>

#include "policy/store/redis/script.h"

#include <string.h>

#include "policy/window.h"
#include "test/fuzz/fuzz.h"

enum { CHARGE, BEAT, CHANGE, RECORD, FORMS, ELEMENTS = 160 };

static const struct charge_item items[] = {
    {.window = 1, .span_s = 60, .n = 1, .limit = 9},
    {.window = 2, .span_s = 3600, .n = 3, .limit = 2, .observe = true},
    {.window = 3, .span_s = 60, .n = 1, .limit = 0, .kind = CHARGE_NOTE},
    {.window = 1, .span_s = 60, .n = 1, .limit = 9, .kind = CHARGE_LOOK},
    {.window = 4, .span_s = 12, .n = 1, .limit = 9, .throttled = true},
};
enum { ITEMS = sizeof(items) / sizeof(items[0]) };
static const uint8_t of[ITEMS] = {0, 1, 0, 1, 1};
static const struct script_subject subjects[2] = {{.hash = {1}}, {.hash = {2}}};
static const struct script_charge charge = {.prefix = "t",
                                            .subjects = subjects,
                                            .n_subjects = 2,
                                            .items = items,
                                            .of = of,
                                            .n = ITEMS};

static void
read_charge(const struct reply *reply)
{
    static struct script_answer answer;

    if (script_read_charge(&charge, reply, &answer) != MS_OK)
        return;
    must(answer.answers.n == ITEMS);
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct charge_answer *a = &answer.answers.item[i];

        must(a->standing <= STANDING_PROBATION && !a->unknown);
        must(a->receipt.n == 0 ||
             (a->receipt.n == items[i].n && items[i].kind != CHARGE_LOOK &&
              a->receipt.shared.epoch != 0));
        must(a->over || a->room_ms == 0);
        must(!answer.answers.added || !a->over || items[i].observe ||
             items[i].kind == CHARGE_NOTE);
    }
}

static void
read_beat(const struct reply *reply)
{
    struct store_host hosts[3];
    char other[SITEKEY_PRINT];
    uint64_t clock_ms;
    size_t n = 0;
    enum ms_err err = script_read_beat(reply, &clock_ms, hosts, 3, &n, other);

    must(err == MS_OK || err == MS_BUSY || err == MS_INVALID);
    must(err != MS_BUSY || strlen(other) < SITEKEY_PRINT);
    must(n <= 3);
    for (size_t i = 0; i < n; i++) {
        must(strlen(hosts[i].name) < sizeof(hosts[i].name));
        must(strlen(hosts[i].mode) < sizeof(hosts[i].mode));
        must(hosts[i].seen_s >= 0 && hosts[i].form > 0);
    }
}

/* Up to RECORD's bytes as one element, which ends where it ends. */
static struct reply *
element(const uint8_t **data, size_t *size)
{
    struct reply *reply = calloc(1, sizeof(*reply));
    size_t len = **data;
    char *text;

    must(reply != NULL);
    (*data)++, (*size)--;
    len = len < *size ? len : *size;
    text = malloc(len > 0 ? len : 1);
    must(text != NULL);
    memcpy(text, *data, len);
    *data += len;
    *size -= len;
    *reply = (struct reply){.type = REPLY_TEXT, .text = text, .len = len};
    return reply;
}

static void
read_record(const uint8_t *data, size_t size)
{
    static struct store_record record;
    static const uint8_t bytes[32] = {1, 2, 3};
    static struct sitekey *key;
    struct reply *elements[ELEMENTS];
    struct reply hash = {.type = REPLY_ARRAY, .element = elements};
    size_t n = size > 0 ? data[0] % ELEMENTS : 0;
    struct reply *rest;
    uint64_t epoch = 0;
    enum ms_err err;
    bool found;

    must(key != NULL || sitekey_from(bytes, &key) == MS_OK);
    data++, size -= size > 0;
    while (hash.n < n && size > 0)
        elements[hash.n++] = element(&data, &size);
    rest = calloc(1, sizeof(*rest));
    must(rest != NULL);
    if (size > 0) {
        char *text = malloc(size);

        must(text != NULL);
        memcpy(text, data, size);
        *rest = (struct reply){.type = REPLY_TEXT, .text = text, .len = size};
    }
    err = script_read_record(&hash, rest, key, UINT64_C(1800000000000), &found,
                             &record, &epoch);
    must(err == MS_OK || err == MS_INVALID || err == MS_VERSION);
    if (err != MS_INVALID) {
        must(record.state.standing <= STANDING_PROBATION);
        must(record.state.len <= STORE_STATE_MAX);
        must(record.n_windows <= STORE_WINDOWS);
        must(record.subject.len <= SUBJECT_BYTES);
        for (size_t i = 0; i < record.n_windows; i++)
            must(record.windows[i].span_s >= WINDOW_SPAN_MIN_S &&
                 record.windows[i].span_s <= WINDOW_SPAN_MAX_S);
    }
    for (size_t i = 0; i < hash.n; i++) {
        free((char *)(uintptr_t)elements[i]->text);
        free(elements[i]);
    }
    free((char *)(uintptr_t)rest->text);
    free(rest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reply reply = {.type = REPLY_TEXT};
    uint8_t hash[SITEKEY_HASH];
    char *text;
    bool done;

    if (size == 0)
        return 0;
    reply.len = size - 1;
    text = malloc(size);
    must(text != NULL);
    memcpy(text, data + 1, size - 1);
    reply.text = text;
    if (size > 1)
        reply.integer = (int8_t)data[1];
    switch (data[0] % FORMS) {
    case CHARGE:
        read_charge(&reply);
        break;
    case BEAT:
        read_beat(&reply);
        break;
    case CHANGE:
        (void)script_key_read("t", text, reply.len, hash);
        (void)script_told_read(text, reply.len, hash);
        reply.type = REPLY_INTEGER;
        (void)script_read_change(&reply, &done);
        break;
    case RECORD:
        read_record(data + 1, size - 1);
        break;
    }
    free(text);
    return 0;
}
