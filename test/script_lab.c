/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/script_lab.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/unit.h"

void
script_lab_connect(struct script_lab *lab)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (lab->fd >= 0)
        close(lab->fd);
    codec_reader_destroy(lab->reader);
    lab->reader = NULL;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s",
             farm_socket(lab->farm, 0));
    lab->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(lab->fd >= 0);
    assert_int_equal(
        connect(lab->fd, (const struct sockaddr *)&address, sizeof(address)),
        0);
    assert_int_equal(codec_reader_create(&lab->reader), MS_OK);
}

void
script_lab_begin(struct script_lab *lab)
{
    static const uint8_t key[32] = {1, 2, 3};

    *lab = (struct script_lab){.fd = -1};
    lab->farm = farm_start(FARM_UNIX);
    assert_int_equal(script_room_create(&lab->room), MS_OK);
    assert_int_equal(sitekey_from(key, &lab->key), MS_OK);
    script_lab_connect(lab);
    for (int i = 0; i < SCRIPTS; i++) {
        struct codec_command load = {.n = 0};
        const struct reply *reply;

        codec_word(&load, "SCRIPT");
        codec_word(&load, "LOAD");
        codec_arg(&load, script_lua[i].text, script_lua[i].len);
        reply = script_lab_ask(lab, &load);
        if (reply->type != REPLY_TEXT || reply->len != 40)
            fail_msg("%s.lua: %s", script_lua[i].name, reply->text);
        memcpy(lab->sha[i], reply->text, 41);
    }
}

void
script_lab_end(struct script_lab *lab)
{
    reply_destroy(lab->last);
    codec_reader_destroy(lab->reader);
    script_room_destroy(lab->room);
    sitekey_destroy(lab->key);
    close(lab->fd);
    farm_stop(lab->farm);
}

static void
send_all(int fd, const uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        assert_true(n > 0 || errno == EINTR);
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

const struct reply *
script_lab_ask(struct script_lab *lab, const struct codec_command *command)
{
    struct codec_bytes bytes = {NULL, 0, 0};
    char some[16384];

    assert_int_equal(codec_write(command, &bytes), MS_OK);
    send_all(lab->fd, bytes.at, bytes.len);
    codec_bytes_end(&bytes);
    reply_destroy(lab->last);
    lab->last = NULL;
    while (codec_next(lab->reader, &lab->last) == MS_OK && lab->last == NULL) {
        ssize_t n = read(lab->fd, some, sizeof(some));

        if (n < 0 && errno == EINTR)
            continue;
        assert_true(n > 0);
        assert_int_equal(codec_feed(lab->reader, some, (size_t)n), MS_OK);
    }
    assert_non_null(lab->last);
    return lab->last;
}

const struct reply *
script_lab_say(struct script_lab *lab, ...)
{
    struct codec_command command = {.n = 0};
    const char *word;
    va_list words;

    va_start(words, lab);
    while ((word = va_arg(words, const char *)) != NULL)
        codec_word(&command, word);
    va_end(words);
    return script_lab_ask(lab, &command);
}

const struct reply *
script_lab_run(struct script_lab *lab, enum script script,
               const struct codec_command *args)
{
    struct codec_command command = {.n = 0};

    codec_word(&command, "EVALSHA");
    codec_word(&command, lab->sha[script]);
    for (size_t i = 0; i < args->n; i++)
        codec_arg(&command, args->arg[i], args->len[i]);
    return script_lab_ask(lab, &command);
}

void
script_lab_hash(unsigned i, uint8_t hash[SITEKEY_HASH])
{
    memset(hash, 0xa5, SITEKEY_HASH);
    hash[0] = (uint8_t)i;
    hash[1] = (uint8_t)(i >> 8);
}

const char *
script_lab_key(unsigned i)
{
    static char key[SCRIPT_KEY];
    uint8_t hash[SITEKEY_HASH];

    script_lab_hash(i, hash);
    script_key(LAB_PREFIX, hash, key);
    return key;
}

const struct script_answer *
script_lab_charge(struct script_lab *lab, const struct script_charge *charge)
{
    static struct script_answer answer;
    struct codec_command args;
    const struct reply *reply;

    assert_int_equal(script_ask_charge(charge, lab->room, &args), MS_OK);
    reply = script_lab_run(lab, SCRIPT_CHARGE, &args);
    if (reply->type == REPLY_ERROR)
        fail_msg("%s", reply->text);
    assert_int_equal(script_read_charge(charge, reply, &answer), MS_OK);
    return &answer;
}

const struct script_answer *
script_lab_charge_one(struct script_lab *lab, unsigned i,
                      const struct charge_item *items, size_t n,
                      const struct script_delta *delta)
{
    static const uint8_t of[CHARGE_ITEMS];
    struct script_subject subject = {.delta = delta};
    struct script_charge charge = {.prefix = LAB_PREFIX,
                                   .subjects = &subject,
                                   .n_subjects = 1,
                                   .items = items,
                                   .of = of,
                                   .n = n,
                                   .clock_ms = lab->clock_ms};

    script_lab_hash(i, subject.hash);
    return script_lab_charge(lab, &charge);
}

bool
script_lab_take(struct script_lab *lab, unsigned i, uint64_t window,
                uint32_t span_s, uint32_t n, uint32_t limit)
{
    const struct charge_item item = {
        .window = window, .span_s = span_s, .n = n, .limit = limit};

    return script_lab_charge_one(lab, i, &item, 1, NULL)->answers.added;
}

int64_t
script_lab_refund(struct script_lab *lab, unsigned i,
                  const struct receipt *const *receipts, size_t n)
{
    uint8_t hash[SITEKEY_HASH];
    struct codec_command args;
    const struct reply *reply;

    script_lab_hash(i, hash);
    assert_int_equal(script_ask_refund(LAB_PREFIX, hash, receipts, n,
                                       lab->clock_ms, lab->room, &args),
                     MS_OK);
    reply = script_lab_run(lab, SCRIPT_CHARGE, &args);
    if (reply->type != REPLY_INTEGER)
        fail_msg("%s", reply->text);
    return reply->integer;
}

enum ms_err
script_lab_change(struct script_lab *lab, unsigned i,
                  struct script_change *change, bool *done)
{
    struct codec_command args;
    const struct reply *reply;

    change->prefix = LAB_PREFIX;
    change->clock_ms = lab->clock_ms;
    script_lab_hash(i, change->hash);
    assert_int_equal(script_ask_change(change, lab->room, &args), MS_OK);
    reply = script_lab_run(lab, SCRIPT_CHANGE, &args);
    if (reply->type == REPLY_ERROR)
        fail_msg("%s", reply->text);
    return script_read_change(reply, done);
}

enum ms_err
script_lab_read(struct script_lab *lab, unsigned i, bool *found,
                struct store_record *out, uint64_t *epoch)
{
    char data_key[SCRIPT_KEY];
    uint8_t hash[SITEKEY_HASH];
    struct reply *record;
    enum ms_err err;

    script_lab_hash(i, hash);
    script_data_key(LAB_PREFIX, hash, data_key);
    (void)script_lab_say(lab, "HGETALL", script_lab_key(i), (char *)NULL);
    record = lab->last;
    lab->last = NULL;
    err = script_read_record(record,
                             script_lab_say(lab, "GET", data_key, (char *)NULL),
                             lab->key, lab->clock_ms, found, out, epoch);
    reply_destroy(record);
    return err;
}

void
script_lab_judge(struct script_lab *lab, unsigned i, enum standing standing,
                 uint32_t throttle, uint16_t len)
{
    static struct store_record record;
    struct store_state state = {
        .standing = standing, .throttle = throttle, .len = len};
    struct script_change change = {.deed = SCRIPT_WRITE, .state = &state};
    bool found, done = false;

    assert_int_equal(script_lab_read(lab, i, &found, &record, &change.epoch),
                     MS_OK);
    change.version = record.state.version;
    assert_int_equal(script_lab_change(lab, i, &change, &done), MS_OK);
    assert_true(done);
}

uint64_t
script_lab_used(struct script_lab *lab, unsigned i, uint64_t window)
{
    static struct store_record record;
    uint64_t epoch;
    bool found;

    assert_int_equal(script_lab_read(lab, i, &found, &record, &epoch), MS_OK);
    for (size_t j = 0; j < record.n_windows; j++)
        if (record.windows[j].window == window)
            return record.windows[j].used;
    return 0;
}
