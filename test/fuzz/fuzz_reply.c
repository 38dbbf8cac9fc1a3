/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a server sends: the first byte says in what pieces the rest comes.
 * In whatever pieces, the same replies are read, within all bounds.
 */
#include <config.h>

#include "policy/store/redis/codec.h"

#include <stdbool.h>
#include <string.h>

#include "test/fuzz/fuzz.h"

enum { MOST = 60000 }; /* a line that is longer depends on its pieces */

/* What was read, in short. */
struct sum {
    uint64_t hash;
    size_t elements, bytes; /* of the reply at hand */
};

static void
add(struct sum *sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        sum->hash = (sum->hash ^ at[i]) * UINT64_C(1099511628211);
}

static void
look_at(const struct reply *reply, unsigned depth, struct sum *sum)
{
    must(reply != NULL);
    add(sum, &reply->type, sizeof(reply->type));
    add(sum, &reply->integer, sizeof(reply->integer));
    add(sum, &reply->len, sizeof(reply->len));
    add(sum, &reply->n, sizeof(reply->n));
    switch (reply->type) {
    case REPLY_TEXT:
    case REPLY_STATUS:
    case REPLY_ERROR:
        must(reply->text[reply->len] == '\0');
        add(sum, reply->text, reply->len);
        sum->bytes += reply->len;
        (void)reply_is(reply, REPLY_ERROR, "MOVED");
        break;
    case REPLY_ARRAY:
        must(depth < CODEC_DEPTH && reply->n <= CODEC_ARRAY);
        sum->elements += reply->n;
        for (size_t i = 0; i < reply->n; i++)
            look_at(reply->element[i], depth + 1, sum);
        break;
    case REPLY_NIL:
    case REPLY_INTEGER:
        must(reply->text == NULL && reply->n == 0);
        break;
    }
}

/* All replies that are there. */
static enum ms_err
take(struct codec_reader *reader, struct sum *sum)
{
    for (;;) {
        struct reply *reply = NULL;
        enum ms_err err = codec_next(reader, &reply);

        if (err != MS_OK || reply == NULL)
            return err;
        sum->elements = sum->bytes = 0;
        look_at(reply, 0, sum);
        must(sum->elements <= CODEC_ELEMENTS && sum->bytes <= CODEC_BULK);
        reply_destroy(reply);
    }
}

static uint64_t
read_all(const uint8_t *data, size_t size, size_t piece)
{
    struct sum sum = {UINT64_C(14695981039346656037), 0, 0};
    struct codec_reader *reader;
    enum ms_err err = MS_OK;

    must(codec_reader_create(&reader) == MS_OK);
    for (size_t at = 0; at < size && err == MS_OK; at += piece) {
        err = codec_feed(reader, data + at,
                         size - at < piece ? size - at : piece);
        if (err == MS_OK)
            err = take(reader, &sum);
    }
    add(&sum, &err, sizeof(err));
    codec_reader_destroy(reader);
    return sum.hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > MOST)
        return 0;
    must(read_all(data + 1, size - 1, size) ==
         read_all(data + 1, size - 1, (size_t)data[0] % 16 + 1));
    return 0;
}
