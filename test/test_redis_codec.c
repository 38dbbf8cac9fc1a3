/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is written to a server, and what may come back.
 */
#include <config.h>

#include "policy/store/redis/codec.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit.h"

/* ----- commands */

static void
test_write(void **state)
{
    static const struct {
        const char *row;
        size_t n;
        struct {
            const char *at;
            size_t len;
        } word[3];
        const char *out;
        size_t len;
    } rows[] = {
        {"one word", 1, {{"PING", 4}}, "*1\r\n$4\r\nPING\r\n", 14},
        {"an empty word",
         2,
         {{"GET", 3}, {"", 0}},
         "*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
         19},
        {"what would end a line is counted",
         2,
         {{"GET", 3}, {"a\r\nb", 4}},
         "*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n",
         23},
        {"a NUL is a byte", 1, {{"a\0b", 3}}, "*1\r\n$3\r\na\0b\r\n", 13},
        {"a percent sign means nothing",
         1,
         {{"%s%n", 4}},
         "*1\r\n$4\r\n%s%n\r\n",
         14},
        {"blanks do not divide a word",
         1,
         {{"a b", 3}},
         "*1\r\n$3\r\na b\r\n",
         13},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct codec_command command = {0};
        struct codec_bytes bytes = {0};

        for (size_t j = 0; j < rows[i].n; j++)
            codec_arg(&command, rows[i].word[j].at, rows[i].word[j].len);
        expect(rows[i].row, codec_write(&command, &bytes) == MS_OK);
        expect(rows[i].row, bytes.len == rows[i].len);
        expect(rows[i].row, memcmp(bytes.at, rows[i].out, bytes.len) == 0);
        codec_bytes_end(&bytes);
        expect(rows[i].row, bytes.at == NULL && bytes.len == 0);
    }
}

/* Commands follow one another, however long, in as many words as there may
 * be. */
static void
test_write_more(void **state)
{
    struct codec_command command = {0};
    struct codec_bytes bytes = {0};
    size_t once;

    (void)state;
    for (int i = 0; i < CODEC_ARGS; i++)
        codec_word(&command, "0123456789");
    assert_int_equal(codec_write(&command, &bytes), MS_OK);
    once = bytes.len;
    for (int i = 1; i < 100; i++)
        assert_int_equal(codec_write(&command, &bytes), MS_OK);
    assert_int_equal(bytes.len, 100 * once);
    for (size_t i = 1; i < 100; i++)
        assert_memory_equal(bytes.at + i * once, bytes.at, once);
    codec_bytes_end(&bytes);
}

/* ----- replies, printed: 7 nil +OK -ERR "text" [a,b] */

static void
print(const struct reply *reply, char *out, size_t size)
{
    size_t len;

    switch (reply->type) {
    case REPLY_NIL:
        (void)snprintf(out, size, "nil");
        break;
    case REPLY_INTEGER:
        (void)snprintf(out, size, "%lld", (long long)reply->integer);
        break;
    case REPLY_TEXT:
        (void)snprintf(out, size, "\"%s\"", reply->text);
        break;
    case REPLY_STATUS:
        (void)snprintf(out, size, "+%s", reply->text);
        break;
    case REPLY_ERROR:
        (void)snprintf(out, size, "-%s", reply->text);
        break;
    case REPLY_ARRAY:
        (void)snprintf(out, size, "[");
        for (size_t i = 0; i < reply->n; i++) {
            len = strlen(out);
            if (i > 0)
                (void)snprintf(out + len, size - len, ",");
            len = strlen(out);
            print(reply->element[i], out + len, size - len);
        }
        len = strlen(out);
        (void)snprintf(out + len, size - len, "]");
        break;
    }
}

/* Feed TEXT, STEP bytes at a time; print all replies, and how it ended. */
static void
read_all(const char *text, size_t len, size_t step, char *out, size_t size)
{
    struct codec_reader *reader;
    enum ms_err err = MS_OK;

    out[0] = '\0';
    assert_int_equal(codec_reader_create(&reader), MS_OK);
    for (size_t at = 0; at < len && err == MS_OK; at += step) {
        struct reply *reply = NULL;

        err = codec_feed(reader, text + at, len - at < step ? len - at : step);
        while (err == MS_OK && (err = codec_next(reader, &reply)) == MS_OK &&
               reply != NULL) {
            size_t used = strlen(out);

            print(reply, out + used, size - used);
            used = strlen(out);
            (void)snprintf(out + used, size - used, " ");
            reply_destroy(reply);
        }
    }
    if (err != MS_OK) {
        struct reply *reply = NULL;
        size_t used = strlen(out);

        (void)snprintf(out + used, size - used, "!%s",
                       err == MS_INVALID ? "invalid" : "memory");
        /* and so it stays */
        assert_int_not_equal(codec_next(reader, &reply), MS_OK);
        assert_null(reply);
        assert_int_not_equal(codec_feed(reader, "+OK\r\n", 5), MS_OK);
    }
    codec_reader_destroy(reader);
}

static void
test_read(void **state)
{
    static const struct {
        const char *row, *text, *out;
    } rows[] = {
        {"a status", "+OK\r\n", "+OK "},
        {"an empty status", "+\r\n", "+ "},
        {"an error", "-ERR no\r\n", "-ERR no "},
        {"an integer", ":7\r\n", "7 "},
        {"a negative integer", ":-7\r\n", "-7 "},
        {"the greatest integer", ":9223372036854775807\r\n",
         "9223372036854775807 "},
        {"the least integer", ":-9223372036854775808\r\n",
         "-9223372036854775808 "},
        {"a text", "$3\r\nabc\r\n", "\"abc\" "},
        {"a text with a line in it", "$4\r\na\r\nb\r\n", "\"a\r\nb\" "},
        {"an empty text", "$0\r\n\r\n", "\"\" "},
        {"nil", "$-1\r\n", "nil "},
        {"nil in an array's stead", "*-1\r\n", "nil "},
        {"an array", "*2\r\n:1\r\n$1\r\na\r\n", "[1,\"a\"] "},
        {"an empty array", "*0\r\n", "[] "},
        {"arrays in an array", "*2\r\n*1\r\n:1\r\n*0\r\n", "[[1],[]] "},
        {"an error in an array", "*2\r\n-ERR x\r\n$-1\r\n", "[-ERR x,nil] "},
        {"several", "+OK\r\n:1\r\n*1\r\n:2\r\n$-1\r\n", "+OK 1 [2] nil "},
        {"a part of one", "+OK\r\n$5\r\nabc", "+OK "},
        {"a part of an array", "*2\r\n:1\r\n", ""},
        {"seven arrays, one in the other",
         "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
         "[[[[[[[1]]]]]]] "},
        {"eight", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
         "!invalid"},
        {"eight of which the last is empty",
         "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n", "!invalid"},
        {"what came before is told", "+OK\r\nx", "+OK !invalid"},
        {"HTTP", "HTTP/1.1 400 Bad Request\r\n", "!invalid"},
        {"SMTP", "220 mx.example.net ESMTP\r\n", "!invalid"},
        {"a blank line", "\r\n", "!invalid"},
        {"TLS", "\x15\x03\x01\x00\x02\x02", "!invalid"},
        {"letters in an integer", ":12a\r\n", "!invalid"},
        {"an empty integer", ":\r\n", "!invalid"},
        {"an integer too large", ":9223372036854775808\r\n", "!invalid"},
        {"letters in a length", "$abc\r\n", "!invalid"},
        {"a negative length", "$-2\r\n", "!invalid"},
        {"a very negative length", "$-9223372036854775808\r\n", "!invalid"},
        {"a length of 8 MB and a byte", "$8388609\r\n", "!invalid"},
        {"a length beyond 64 bits", "$99999999999999999999\r\n", "!invalid"},
        {"a length of 512 MB", "$536870912\r\nabc", "!invalid"},
        {"letters in a count", "*x\r\n", "!invalid"},
        {"a negative count", "*-2\r\n", "!invalid"},
        {"65537 elements", "*65537\r\n", "!invalid"},
        {"100 million elements", "*100000000\r\n", "!invalid"},
        {"2^31 elements", "*2147483648\r\n", "!invalid"},
        {"2^61 elements", "*2305843009213693953\r\n", "!invalid"},
        {"many elements deeper down", "*2\r\n*1\r\n:1\r\n*100000000\r\n",
         "!invalid"},
        {"an error in the middle of an array", "*3\r\n$2\r\nab\r\n:1\r\nx",
         "!invalid"},
        {"RESP3: a map", "%1\r\n+a\r\n:1\r\n", "!invalid"},
        {"RESP3: a set", "~1\r\n:1\r\n", "!invalid"},
        {"RESP3: a push", ">1\r\n:1\r\n", "!invalid"},
        {"RESP3: a double", ",1.5\r\n", "!invalid"},
        {"RESP3: a boolean", "#t\r\n", "!invalid"},
        {"RESP3: a large number", "(123\r\n", "!invalid"},
        {"RESP3: a verbatim string", "=5\r\ntxt:a\r\n", "!invalid"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (size_t step = 1; step < 64; step = step * 2 + 1) {
            char out[300];

            read_all(rows[i].text, strlen(rows[i].text), step, out,
                     sizeof(out));
            if (strcmp(out, rows[i].out) != 0)
                fail_msg("%s, by %zu: %s", rows[i].row, step, out);
        }
}

/* All errors that a server has for us, cut anywhere. */
static void
test_errors(void **state)
{
    static const char *const rows[] = {
        "OOM command not allowed when used memory > 'maxmemory'.",
        "READONLY You can't write against a read only replica.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data",
        "NOSCRIPT No matching script. Please use EVAL.",
        "NOREPLICAS Not enough good replicas to write.",
        "NOAUTH Authentication required.",
        "NOPERM this user has no permissions to run the 'evalsha' command",
        "BUSY Redis is busy running a script.",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "ERR value is not an integer or out of range",
        "LOADING Redis is loading the dataset in memory",
        "CLUSTERDOWN Hash slot not served",
        "MOVED 3999 127.0.0.1:6381",
        "ASK 3999 127.0.0.1:6381",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "TRYAGAIN Multiple keys request during rehashing of slot",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct codec_reader *reader;
        struct reply *reply = NULL;
        char line[200], word[32];
        size_t len;

        (void)snprintf(line, sizeof(line), "-%s\r\n", rows[i]);
        (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(rows[i], " "),
                       rows[i]);
        len = strlen(line);
        assert_int_equal(codec_reader_create(&reader), MS_OK);
        for (size_t cut = 1; cut < len; cut++) {
            assert_int_equal(codec_feed(reader, line, cut), MS_OK);
            assert_int_equal(codec_next(reader, &reply), MS_OK);
            expect(rows[i], reply == NULL);
            assert_int_equal(codec_feed(reader, line + cut, len - cut), MS_OK);
            assert_int_equal(codec_next(reader, &reply), MS_OK);
            expect(rows[i], reply_is(reply, REPLY_ERROR, word));
            expect(rows[i], strcmp(reply->text, rows[i]) == 0);
            reply_destroy(reply);
            reply = NULL;
        }
        codec_reader_destroy(reader);
    }
}

static void
test_is(void **state)
{
    static const struct {
        const char *row;
        enum reply_type of;
        const char *text;
        enum reply_type type;
        const char *word;
        bool is;
    } rows[] = {
        {"a status", REPLY_STATUS, "OK", REPLY_STATUS, "OK", true},
        {"a status is compared in whole", REPLY_STATUS, "OK no", REPLY_STATUS,
         "OK", false},
        {"an error by its word", REPLY_ERROR, "BUSY x", REPLY_ERROR, "BUSY",
         true},
        {"an error of one word", REPLY_ERROR, "BUSY", REPLY_ERROR, "BUSY",
         true},
        {"a longer word is another", REPLY_ERROR, "BUSYGROUP x", REPLY_ERROR,
         "BUSY", false},
        {"a shorter word is another", REPLY_ERROR, "BUS", REPLY_ERROR, "BUSY",
         false},
        {"an error is no status", REPLY_ERROR, "OK", REPLY_STATUS, "OK", false},
        {"a text is neither", REPLY_TEXT, "OK", REPLY_TEXT, "OK", false},
    };

    (void)state;
    assert_false(reply_is(NULL, REPLY_STATUS, "OK"));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reply reply = {.type = rows[i].of,
                              .text = rows[i].text,
                              .len = strlen(rows[i].text)};

        expect(rows[i].row,
               reply_is(&reply, rows[i].type, rows[i].word) == rows[i].is);
    }
}

/* ----- bounds */

/* Feed UNIT until COUNT times or it is refused; then the next reply. */
static enum ms_err
feed_many(struct codec_reader *reader, const char *unit, size_t count,
          struct reply **out)
{
    size_t len = strlen(unit), per = 16384 / len, left = count;
    char *block = malloc(per * len);
    enum ms_err err = MS_OK;

    assert_non_null(block);
    for (size_t i = 0; i < per; i++)
        memcpy(block + i * len, unit, len);
    *out = NULL;
    while (left > 0 && err == MS_OK && *out == NULL) {
        size_t n = left < per ? left : per;

        err = codec_feed(reader, block, n * len);
        if (err == MS_OK)
            err = codec_next(reader, out);
        left -= n;
    }
    free(block);
    return err;
}

static void
test_bounds(void **state)
{
    static const struct {
        const char *row, *head, *unit;
        size_t count;
        const char *tail;
        enum ms_err err;
    } rows[] = {
        {"a text of 8 MB", "$8388608\r\n", "abcdefgh", 1 << 20, "\r\n", MS_OK},
        {"a status of 64 KB", "+", "abcdefgh", 8192 - 2, "\r\n", MS_OK},
        {"a line that does not end", "+", "abcdefgh", 16384, "", MS_INVALID},
        {"an error that does not end", "-", "abcdefgh", 16384, "", MS_INVALID},
        {"a length that does not end", "$", "11111111", 16384, "", MS_INVALID},
        {"a length of many zeros", "$", "00000000", 16384, "", MS_INVALID},
        {"65536 elements", "*65536\r\n", ":1\r\n", 65536, "", MS_OK},
        {"262144 elements in all", "*65535\r\n", "*3\r\n:1\r\n:1\r\n:1\r\n",
         65535, "", MS_OK},
        {"more elements in all", "*65536\r\n", "*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
         65536, "", MS_INVALID},
        {"8 MB in many texts", "*8192\r\n", "$16\r\n0123456789abcdef\r\n", 8192,
         "", MS_OK},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct codec_reader *reader;
        struct reply *reply = NULL;
        enum ms_err err;

        assert_int_equal(codec_reader_create(&reader), MS_OK);
        assert_int_equal(codec_feed(reader, rows[i].head, strlen(rows[i].head)),
                         MS_OK);
        assert_int_equal(codec_next(reader, &reply), MS_OK);
        err = feed_many(reader, rows[i].unit, rows[i].count, &reply);
        if (err == MS_OK && rows[i].tail[0] != '\0') {
            err = codec_feed(reader, rows[i].tail, strlen(rows[i].tail));
            if (err == MS_OK)
                err = codec_next(reader, &reply);
        }
        expect(rows[i].row, err == rows[i].err);
        expect(rows[i].row, (reply != NULL) == (err == MS_OK));
        reply_destroy(reply);
        codec_reader_destroy(reader);
    }
}

/* Texts that are short each but not in all. */
static void
test_bytes_in_all(void **state)
{
    enum { EACH = 1 << 20, PARTS = 8 };
    struct codec_reader *reader;
    struct reply *reply = NULL;
    char *text = malloc(EACH);
    char head[32];

    (void)state;
    assert_non_null(text);
    memset(text, 'x', EACH);
    assert_int_equal(codec_reader_create(&reader), MS_OK);
    assert_int_equal(codec_feed(reader, "*9\r\n", 4), MS_OK);
    (void)snprintf(head, sizeof(head), "$%d\r\n", EACH);
    for (int i = 0; i < PARTS; i++) {
        assert_int_equal(codec_feed(reader, head, strlen(head)), MS_OK);
        assert_int_equal(codec_next(reader, &reply), MS_OK);
        assert_int_equal(codec_feed(reader, text, EACH), MS_OK);
        assert_int_equal(codec_feed(reader, "\r\n", 2), MS_OK);
        assert_int_equal(codec_next(reader, &reply), MS_OK);
        assert_null(reply);
    }
    assert_int_equal(codec_feed(reader, "$1\r\nx\r\n", 7), MS_OK);
    assert_int_equal(codec_next(reader, &reply), MS_INVALID);
    codec_reader_destroy(reader);
    free(text);
}

/* A bound is of one reply: the next begins anew. */
static void
test_bounds_begin_anew(void **state)
{
    struct codec_reader *reader;
    struct reply *reply;

    (void)state;
    assert_int_equal(codec_reader_create(&reader), MS_OK);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(codec_feed(reader, "*65536\r\n", 8), MS_OK);
        assert_int_equal(feed_many(reader, ":1\r\n", 65536, &reply), MS_OK);
        assert_non_null(reply);
        assert_int_equal(reply->n, 65536);
        reply_destroy(reply);
    }
    codec_reader_destroy(reader);
}

/* A header alone takes no memory for what it promises. */
static void
test_header_takes_nothing(void **state)
{
    static const char *const rows[] = {"*100000000\r\n", "*2147483647\r\n",
                                       "*65537\r\n", "$8388608\r\n"};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct codec_reader *reader;
        struct reply *reply = NULL;
        size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;

        assert_int_equal(codec_reader_create(&reader), MS_OK);
        (void)codec_feed(reader, rows[i], strlen(rows[i]));
        (void)codec_next(reader, &reply);
        expect(rows[i], reply == NULL);
        expect(rows[i],
               mallinfo2().uordblks + mallinfo2().hblkhd < before + 65536);
        codec_reader_destroy(reader);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_more),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_is),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bytes_in_all),
        cmocka_unit_test(test_bounds_begin_anew),
        cmocka_unit_test(test_header_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
