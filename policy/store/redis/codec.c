/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hiredis parses; what it makes are our own replies, and it asks us before it
 * takes memory for one.  What it keeps in its buffer is bounded in
 * codec_feed() and look_ahead().
 */
#include <config.h>

#include "policy/store/redis/codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

/* Since 1.0 an array's length is a size_t, and RESP3, which we never ask for,
 * has types of its own. */
#if HIREDIS_MAJOR >= 1
#define ARRAY_LENGTH size_t
#define OTHER_TYPES .createDouble = refuse_double, .createBool = refuse_bool,
#else
#define ARRAY_LENGTH int
#define OTHER_TYPES
#endif

enum {
    LINE = 65536,                   /* of what is not a bulk */
    BUFFER = CODEC_BULK + 2 * LINE, /* not parsed yet */
    FIRST_ROOM = 1024
};

struct codec_reader {
    redisReader *hiredis;
    size_t elements, bytes; /* of the reply that is being read */
    bool refused;           /* beyond a bound, rather than no memory */
};

/* ----- commands */

void
codec_arg(struct codec_command *command, const void *bytes, size_t len)
{
    assert(command->n < CODEC_ARGS);
    command->arg[command->n] = bytes;
    command->len[command->n++] = len;
}

void
codec_word(struct codec_command *command, const char *word)
{
    codec_arg(command, word, strlen(word));
}

void
codec_bytes_end(struct codec_bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct codec_bytes){NULL, 0, 0};
}

static enum ms_err
append(struct codec_bytes *out, const char *bytes, size_t len)
{
    if (len > out->room - out->len) {
        size_t room = out->room < FIRST_ROOM ? FIRST_ROOM : out->room;
        uint8_t *at;

        while (room - out->len < len)
            room *= 2;
        at = realloc(out->at, room);
        if (at == NULL)
            return MS_NOMEM;
        out->at = at;
        out->room = room;
    }
    memcpy(out->at + out->len, bytes, len);
    out->len += len;
    return MS_OK;
}

enum ms_err
codec_write(const struct codec_command *command, struct codec_bytes *out)
{
    const char *words[CODEC_ARGS];
    char *made = NULL;
    enum ms_err err;
    long long len;

    memcpy(words, command->arg, command->n * sizeof(words[0]));
    len = redisFormatCommandArgv(&made, (int)command->n, words, command->len);
    if (len < 0)
        return MS_NOMEM;
    err = append(out, made, (size_t)len);
    redisFreeCommand(made);
    return err;
}

/* ----- replies */

void
reply_destroy(struct reply *reply)
{
    if (reply == NULL)
        return;
    for (size_t i = 0; i < reply->n; i++)
        reply_destroy(reply->element[i]);
    free(reply);
}

bool
reply_is(const struct reply *reply, enum reply_type type, const char *word)
{
    size_t len = strlen(word);

    return reply != NULL && reply->type == type &&
           (type == REPLY_ERROR || type == REPLY_STATUS) && reply->len >= len &&
           memcmp(reply->text, word, len) == 0 &&
           (reply->len == len ||
            (type == REPLY_ERROR && reply->text[len] == ' '));
}

static void *
refuse(struct codec_reader *reader)
{
    reader->refused = true;
    return NULL;
}

/* Put REPLY where the array it belongs to expects it. */
static void *
place(const redisReadTask *task, struct reply *reply)
{
    if (reply != NULL && task->parent != NULL) {
        struct reply *parent = task->parent->obj;

        parent->element[task->idx] = reply;
    }
    return reply;
}

/* A reply with ROOM bytes behind it, in one piece. */
static struct reply *
make_reply(enum reply_type type, size_t room)
{
    struct reply *reply = malloc(sizeof(*reply) + room);

    if (reply != NULL)
        *reply = (struct reply){.type = type};
    return reply;
}

static void *
make_text(const redisReadTask *task, char *bytes, size_t len)
{
    struct codec_reader *reader = task->privdata;
    enum reply_type type;
    struct reply *reply;
    char *text;

    if (task->type == REDIS_REPLY_STRING)
        type = REPLY_TEXT;
    else if (task->type == REDIS_REPLY_STATUS)
        type = REPLY_STATUS;
    else if (task->type == REDIS_REPLY_ERROR)
        type = REPLY_ERROR;
    else
        return refuse(reader);
    if (len > CODEC_BULK - reader->bytes)
        return refuse(reader);
    reply = make_reply(type, len + 1);
    if (reply == NULL)
        return NULL;
    reader->bytes += len;
    text = (char *)(reply + 1);
    memcpy(text, bytes, len);
    text[len] = '\0';
    reply->text = text;
    reply->len = len;
    return place(task, reply);
}

static void *
make_array(const redisReadTask *task, ARRAY_LENGTH length)
{
    struct codec_reader *reader = task->privdata;
    size_t n = (size_t)length, depth = 1;
    struct reply *reply;

    for (const redisReadTask *up = task->parent; up != NULL; up = up->parent)
        depth++;
    if (task->type != REDIS_REPLY_ARRAY || depth > CODEC_DEPTH ||
        n > CODEC_ARRAY || n > CODEC_ELEMENTS - reader->elements)
        return refuse(reader);
    reply = make_reply(REPLY_ARRAY, n * sizeof(struct reply *));
    if (reply == NULL)
        return NULL;
    reader->elements += n;
    reply->element = (struct reply **)(reply + 1);
    reply->n = n;
    memset(reply->element, 0, n * sizeof(struct reply *));
    return place(task, reply);
}

static void *
make_integer(const redisReadTask *task, long long value)
{
    struct reply *reply = make_reply(REPLY_INTEGER, 0);

    if (reply != NULL)
        reply->integer = value;
    return place(task, reply);
}

static void *
make_nil(const redisReadTask *task)
{
    return place(task, make_reply(REPLY_NIL, 0));
}

static void
free_reply(void *reply)
{
    reply_destroy(reply);
}

#if HIREDIS_MAJOR >= 1
static void *
refuse_double(const redisReadTask *task, double value, char *text, size_t len)
{
    (void)value, (void)text, (void)len;
    return refuse(task->privdata);
}

static void *
refuse_bool(const redisReadTask *task, int value)
{
    (void)value;
    return refuse(task->privdata);
}
#endif

/* ----- reading */

enum ms_err
codec_reader_create(struct codec_reader **out)
{
    static redisReplyObjectFunctions functions = {.createString = make_text,
                                                  .createArray = make_array,
                                                  .createInteger = make_integer,
                                                  .createNil = make_nil,
                                                  .freeObject = free_reply,
                                                  OTHER_TYPES};
    struct codec_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL)
        return MS_NOMEM;
    reader->hiredis = redisReaderCreateWithFunctions(&functions);
    if (reader->hiredis == NULL) {
        free(reader);
        return MS_NOMEM;
    }
    reader->hiredis->privdata = reader;
    *out = reader;
    return MS_OK;
}

void
codec_reader_destroy(struct codec_reader *reader)
{
    if (reader == NULL)
        return;
    redisReaderFree(reader->hiredis);
    free(reader);
}

static enum ms_err
failed(const struct codec_reader *reader)
{
    return reader->hiredis->err == REDIS_ERR_OOM && !reader->refused
               ? MS_NOMEM
               : MS_INVALID;
}

enum ms_err
codec_feed(struct codec_reader *reader, const void *bytes, size_t len)
{
    redisReader *hiredis = reader->hiredis;

    if (reader->refused || len > BUFFER - (hiredis->len - hiredis->pos)) {
        reader->refused = true;
        return MS_INVALID;
    }
    if (redisReaderFeed(hiredis, bytes, len) != REDIS_OK)
        return failed(reader);
    return MS_OK;
}

/* The length of the bulk whose first line is at AT; 0: that is none. */
static size_t
declared(const char *at, size_t len)
{
    size_t n = 0, i;

    for (i = 0; i < len && at[i] >= '0' && at[i] <= '9'; i++)
        if (n <= CODEC_BULK)
            n = n * 10 + (size_t)(at[i] - '0');
    return i + 1 < len && at[i] == '\r' && at[i + 1] == '\n' ? n : 0;
}

/*
 * No whole item is at hand.  What is must be the beginning of a line that has
 * an end, or of a bulk that may be as long as it says.
 */
static enum ms_err
look_ahead(struct codec_reader *reader)
{
    const redisReader *hiredis = reader->hiredis;
    const char *at = hiredis->buf + hiredis->pos;
    size_t len = hiredis->len - hiredis->pos;

    if (declared(at, len) <= CODEC_BULK - reader->bytes &&
        (len <= LINE || memchr(at, '\n', LINE) != NULL))
        return MS_OK;
    reader->refused = true;
    return MS_INVALID;
}

enum ms_err
codec_next(struct codec_reader *reader, struct reply **out)
{
    void *reply = NULL;

    if (reader->refused)
        return MS_INVALID;
    if (redisReaderGetReply(reader->hiredis, &reply) != REDIS_OK)
        return failed(reader);
    if (reply == NULL) {
        enum ms_err err = look_ahead(reader);

        if (err == MS_OK)
            *out = NULL;
        return err;
    }
    reader->elements = reader->bytes = 0;
    *out = reply;
    return MS_OK;
}
