/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What servers tell of slots, masters and errors, in the words of real ones
 * and in such as nobody should believe.
 */
#include <config.h>

#include "policy/store/redis/slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/error.h"
#include "test/unit.h"

/* What the server sent as BYTES. */
static struct reply *
reply_of(const char *bytes)
{
    struct codec_reader *reader;
    struct reply *reply;

    assert_int_equal(codec_reader_create(&reader), MS_OK);
    assert_int_equal(codec_feed(reader, bytes, strlen(bytes)), MS_OK);
    assert_int_equal(codec_next(reader, &reply), MS_OK);
    assert_non_null(reply);
    codec_reader_destroy(reader);
    return reply;
}

static struct endpoint
asked(void)
{
    return (struct endpoint){
        .host = "192.0.2.1", .port = 6379, .user = "u", .tls = true};
}

static void
test_slot(void **state)
{
    static const struct {
        const char *row, *key;
        unsigned slot;
    } rows[] = {
        {"the specification's check", "123456789", 12739},
        {"no key at all", "", 0},
        {"a word", "foo", 12182},
        {"another", "somekey", 11058},
        {"only what stands in braces counts", "a{foo}b", 12182},
        {"the first pair does", "{foo}{bar}", 12182},
        {"up to the first that closes", "{foo}}", 12182},
        {"nothing in braces is no tag", "foo{}{bar}", 8363},
        {"a brace within is part of the tag", "foo{{bar}}zap", 4015},
        {"a brace that is not closed is no tag", "{foo", 13308},
        {"one that closes first is no tag", "}foo{", 8453},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned slot = redis_slot(rows[i].key, strlen(rows[i].key));

        if (slot != rows[i].slot)
            fail_msg("%s: %u", rows[i].row, slot);
    }
}

static bool
is_the_last(void *arg, unsigned slot)
{
    (void)arg;
    return slot == REDIS_SLOTS - 1;
}

static bool
is_none(void *arg, unsigned slot)
{
    (void)arg;
    (void)slot;
    return false;
}

static void
test_tag(void **state)
{
    char tag[SLOTS_TAG], key[64];

    (void)state;
    assert_true(slots_tag(is_the_last, NULL, tag));
    (void)snprintf(key, sizeof(key), "probe:{%s}", tag);
    assert_int_equal(redis_slot(key, strlen(key)), REDIS_SLOTS - 1);
    assert_false(slots_tag(is_none, NULL, tag));
}

/* ----- CLUSTER SLOTS */

static void
test_slots(void **state)
{
    static const char real[] =
        "*3\r\n"
        "*4\r\n:0\r\n:5460\r\n"
        "*4\r\n$9\r\n127.0.0.1\r\n:7000\r\n$2\r\nid\r\n*0\r\n"
        "*4\r\n$9\r\n127.0.0.1\r\n:7003\r\n$2\r\nid\r\n*0\r\n"
        "*3\r\n:5461\r\n:10922\r\n"
        "*4\r\n$0\r\n\r\n:7001\r\n$2\r\nid\r\n*0\r\n"
        "*3\r\n:10924\r\n:16383\r\n"
        "*4\r\n$-1\r\n:7000\r\n$2\r\nid\r\n"
        "*2\r\n$8\r\nhostname\r\n$1\r\nx\r\n";
    struct reply *reply = reply_of(real);
    struct endpoint from = asked();
    struct slots *slots = malloc(sizeof(*slots));
    struct why why;

    (void)state;
    assert_non_null(slots);
    assert_int_equal(slots_read(reply, &from, slots, &why), MS_OK);
    assert_int_equal(slots->n, 3);
    assert_int_equal(slots->owned, REDIS_SLOTS - 1);
    assert_string_equal(slots->node[0].host, "127.0.0.1");
    assert_int_equal(slots->node[0].port, 7000);
    assert_true(slots->node[0].tls);
    assert_string_equal(slots->node[0].user, "u");
    assert_string_equal(slots->node[1].host, "192.0.2.1");
    assert_int_equal(slots->node[1].port, 7001);
    assert_string_equal(slots->node[2].host, "192.0.2.1");
    assert_int_equal(slots->owner[0], 0);
    assert_int_equal(slots->owner[5460], 0);
    assert_int_equal(slots->owner[5461], 1);
    assert_int_equal(slots->owner[10922], 1);
    assert_int_equal(slots->owner[10923], SLOTS_NOBODY);
    assert_int_equal(slots->owner[10924], 2);
    assert_int_equal(slots->owner[16383], 2);
    reply_destroy(reply);
    free(slots);
}

static void
test_bad_slots(void **state)
{
    static const struct {
        const char *row, *bytes;
    } rows[] = {
        {"an error", "-ERR This instance has cluster support disabled\r\n"},
        {"a number", ":1\r\n"},
        {"a range that is a number", "*1\r\n:1\r\n"},
        {"a range without an owner", "*1\r\n*2\r\n:0\r\n:1\r\n"},
        {"an owner that is a text", "*1\r\n*3\r\n:0\r\n:1\r\n$1\r\na\r\n"},
        {"an owner without a port",
         "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\na\r\n"},
        {"a slot that is a text",
         "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n*2\r\n$1\r\na\r\n:1\r\n"},
        {"a slot below the first",
         "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\na\r\n:1\r\n"},
        {"a slot beyond the last",
         "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n"},
        {"a range that ends before it begins",
         "*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n$1\r\na\r\n:1\r\n"},
        {"port 0", "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n"},
        {"port 65536", "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:65536\r\n"},
        {"a port that is a text",
         "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"},
        {"a host with a blank",
         "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$3\r\na b\r\n:1\r\n"},
        {"a host that is a path",
         "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$4\r\n/tmp\r\n:1\r\n"},
        {"a host that is a number",
         "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n:7\r\n:1\r\n"},
    };
    struct endpoint from = asked();
    struct slots *slots = malloc(sizeof(*slots));

    (void)state;
    assert_non_null(slots);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reply *reply = reply_of(rows[i].bytes);
        struct why why = {""};

        expect(rows[i].row,
               slots_read(reply, &from, slots, &why) == MS_INVALID);
        expect(rows[i].row, why.text[0] != '\0');
        reply_destroy(reply);
    }
    free(slots);
}

/* N masters of a slot each. */
static enum ms_err
read_masters(unsigned n, struct slots *slots)
{
    size_t room = n * 64 + 64, len;
    char *bytes = malloc(room);
    struct endpoint from = asked();
    struct reply *reply;
    struct why why;
    enum ms_err err;

    assert_non_null(bytes);
    len = (size_t)snprintf(bytes, room, "*%u\r\n", n);
    for (unsigned i = 0; i < n; i++)
        len += (size_t)snprintf(bytes + len, room - len,
                                "*3\r\n:%u\r\n:%u\r\n*2\r\n$1\r\na\r\n"
                                ":%u\r\n",
                                i, i, i + 1);
    assert_true(len < room);
    reply = reply_of(bytes);
    err = slots_read(reply, &from, slots, &why);
    reply_destroy(reply);
    free(bytes);
    return err;
}

static void
test_many_masters(void **state)
{
    struct slots *slots = malloc(sizeof(*slots));

    (void)state;
    assert_non_null(slots);
    assert_int_equal(read_masters(SLOTS_NODES, slots), MS_OK);
    assert_int_equal(slots->n, SLOTS_NODES);
    assert_int_equal(read_masters(SLOTS_NODES + 1, slots), MS_INVALID);
    assert_int_equal(slots->n, SLOTS_NODES);
    free(slots);
}

/* ----- redirects */

static void
test_redirects(void **state)
{
    static const struct {
        const char *row, *bytes;
        bool ok;
        unsigned slot;
        const char *host;
        unsigned port;
    } rows[] = {
        {"MOVED", "-MOVED 3999 127.0.0.1:6381\r\n", true, 3999, "127.0.0.1",
         6381},
        {"ASK", "-ASK 16383 127.0.0.1:6381\r\n", true, 16383, "127.0.0.1",
         6381},
        {"an IPv6 address", "-MOVED 0 2001:DB8::1:6381\r\n", true, 0,
         "2001:db8::1", 6381},
        {"a name", "-MOVED 1 Redis-1.example:6381\r\n", true, 1,
         "redis-1.example", 6381},
        {"no host is the one that was asked", "-MOVED 1 :6381\r\n", true, 1,
         "192.0.2.1", 6381},
        {"no slot", "-MOVED 127.0.0.1:6381\r\n", false, 0, "", 0},
        {"a slot too far", "-MOVED 16384 a:1\r\n", false, 0, "", 0},
        {"a slot of many digits", "-MOVED 99999999999999999999 a:1\r\n", false,
         0, "", 0},
        {"a slot below zero", "-MOVED -1 a:1\r\n", false, 0, "", 0},
        {"nothing", "-MOVED\r\n", false, 0, "", 0},
        {"no address", "-MOVED 1 \r\n", false, 0, "", 0},
        {"no port", "-MOVED 1 a\r\n", false, 0, "", 0},
        {"an empty port", "-MOVED 1 a:\r\n", false, 0, "", 0},
        {"port 0", "-MOVED 1 a:0\r\n", false, 0, "", 0},
        {"port 65536", "-MOVED 1 a:65536\r\n", false, 0, "", 0},
        {"a word after the port", "-MOVED 1 a:1 b\r\n", false, 0, "", 0},
        {"a path", "-MOVED 1 /tmp/socket:1\r\n", false, 0, "", 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reply *reply = reply_of(rows[i].bytes);
        struct endpoint from = asked(), at;
        unsigned slot;

        expect(rows[i].row,
               slots_read_redirect(reply, &from, &slot, &at) == rows[i].ok);
        if (rows[i].ok) {
            expect(rows[i].row, slot == rows[i].slot);
            expect(rows[i].row, strcmp(at.host, rows[i].host) == 0);
            expect(rows[i].row, at.port == rows[i].port);
            expect(rows[i].row, at.tls && strcmp(at.user, "u") == 0);
        }
        reply_destroy(reply);
    }
}

/* ----- Sentinels */

static void
test_masters(void **state)
{
    static const struct {
        const char *row, *bytes, *host; /* NULL: refused */
        unsigned port;
    } rows[] = {
        {"an address", "*2\r\n$9\r\n192.0.2.7\r\n$4\r\n6380\r\n", "192.0.2.7",
         6380},
        {"a name", "*2\r\n$2\r\nDb\r\n$1\r\n1\r\n", "db", 1},
        {"no such master", "*-1\r\n", NULL, 0},
        {"nor as an empty list", "*0\r\n", NULL, 0},
        {"no port", "*1\r\n$1\r\na\r\n", NULL, 0},
        {"no host", "*2\r\n$0\r\n\r\n$1\r\n1\r\n", NULL, 0},
        {"a port that is a number", "*2\r\n$1\r\na\r\n:1\r\n", NULL, 0},
        {"a port that is none", "*2\r\n$1\r\na\r\n$2\r\n1x\r\n", NULL, 0},
        {"an error", "-IDONTKNOW of it\r\n", NULL, 0},
        {"a line of text", "+OK\r\n", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reply *reply = reply_of(rows[i].bytes);
        struct endpoint like = {.user = "u"}, at;
        struct why why = {""};
        enum ms_err err = slots_read_master(reply, &like, &at, &why);

        expect(rows[i].row, err == (rows[i].host != NULL ? MS_OK : MS_INVALID));
        expect(rows[i].row, (err == MS_OK) == (why.text[0] == '\0'));
        expect(rows[i].row, err != MS_OK || strcmp(at.host, rows[i].host) == 0);
        expect(rows[i].row, err != MS_OK || at.port == rows[i].port);
        reply_destroy(reply);
    }
}

static void
test_epochs_and_roles(void **state)
{
    static const struct {
        const char *row, *bytes;
        uint64_t epoch;
        bool master;
    } rows[] = {
        {"an epoch",
         "*4\r\n$4\r\nname\r\n$1\r\nm\r\n$12\r\nconfig-epoch\r\n$2\r\n17\r\n",
         17, false},
        {"an epoch that is none", "*2\r\n$12\r\nconfig-epoch\r\n$2\r\n1x\r\n",
         0, false},
        {"an epoch without a number", "*1\r\n$12\r\nconfig-epoch\r\n", 0,
         false},
        {"an error", "-NOPERM\r\n", 0, false},
        {"a master", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", 0, true},
        {"a replica", "*2\r\n$5\r\nslave\r\n$1\r\na\r\n", 0, false},
        {"a Sentinel", "*2\r\n$8\r\nsentinel\r\n*0\r\n", 0, false},
        {"nothing", "*0\r\n", 0, false},
        {"a number", "*1\r\n:1\r\n", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reply *reply = reply_of(rows[i].bytes);

        expect(rows[i].row, slots_read_epoch(reply) == rows[i].epoch);
        expect(rows[i].row, slots_is_master(reply) == rows[i].master);
        reply_destroy(reply);
    }
}

/* ----- errors */

static void
test_errors(void **state)
{
    static const struct {
        const char *bytes;
        enum redis_error means;
    } rows[] = {
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
         REDIS_ERROR_SICK},
        {"-OOM command not allowed when used memory > 'maxmemory'. script: "
         "f00, on @user_script:1.\r\n",
         REDIS_ERROR_SICK},
        {"-ERR Error running script (call to f_f00): @user_script:1: "
         "@user_script: 1: -OOM command not allowed when used memory > "
         "'maxmemory'.\r\n",
         REDIS_ERROR_SICK},
        {"-READONLY You can't write against a read only replica.\r\n",
         REDIS_ERROR_STALE},
        {"-ERR Error running script (call to f_f00): @user_script:1: "
         "@user_script: 1: -READONLY You can't write against a read only "
         "replica.\r\n",
         REDIS_ERROR_STALE},
        {"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data "
         "is set to 'no'.\r\n",
         REDIS_ERROR_STALE},
        {"-NOREPLICAS Not enough good replicas to write.\r\n",
         REDIS_ERROR_SICK},
        {"-LOADING Redis is loading the dataset in memory\r\n",
         REDIS_ERROR_SICK},
        {"-BUSY Redis is busy running a script. You can only call SCRIPT KILL "
         "or SHUTDOWN NOSAVE.\r\n",
         REDIS_ERROR_SICK},
        {"-NOAUTH Authentication required.\r\n", REDIS_ERROR_SICK},
        {"-NOPERM this user has no permissions to run the 'evalsha' "
         "command\r\n",
         REDIS_ERROR_SICK},
        {"-WRONGPASS invalid username-password pair\r\n", REDIS_ERROR_SICK},
        {"-MISCONF Redis is configured to save RDB snapshots\r\n",
         REDIS_ERROR_SICK},
        {"-ERR ACL failure in script: User default has no permissions to run "
         "the 'incrby' command script: f00, on @user_script:1.\r\n",
         REDIS_ERROR_SICK},
        {"-ERR Error running script (call to f_f00): @user_script:1: "
         "@user_script: 1: The user executing the script can't run this "
         "command or subcommand\r\n",
         REDIS_ERROR_SICK},
        {"-CLUSTERDOWN The cluster is down\r\n", REDIS_ERROR_STALE},
        {"-CLUSTERDOWN Hash slot not served\r\n", REDIS_ERROR_UNSERVED},
        {"-MOVED 1 a:1\r\n", REDIS_ERROR_MOVED},
        {"-ASK 1 a:1\r\n", REDIS_ERROR_ASK},
        {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
         REDIS_ERROR_TRYAGAIN},
        {"-NOSCRIPT No matching script. Please use EVAL.\r\n",
         REDIS_ERROR_NOSCRIPT},
        {"-WRONGTYPE Operation against a key holding the wrong kind of "
         "value\r\n",
         REDIS_ERROR_OTHER},
        {"-ERR Error running script (call to f_f00): @user_script:1: "
         "@user_script: 1: -WRONGTYPE Operation against a key holding the "
         "wrong kind of value\r\n",
         REDIS_ERROR_OTHER},
        {"-ERR value is not an integer or out of range\r\n", REDIS_ERROR_OTHER},
        {"-ERR no script: -OOM is but a word here\r\n", REDIS_ERROR_OTHER},
        {"-OOMPH\r\n", REDIS_ERROR_OTHER},
        {"-\r\n", REDIS_ERROR_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reply *reply = reply_of(rows[i].bytes);

        expect(rows[i].bytes, redis_error_means(reply) == rows[i].means);
        reply_destroy(reply);
    }
}

static void
test_print(void **state)
{
    static const struct {
        const char *row, *bytes, *printed;
    } rows[] = {
        {"an error", "-ERR no\r\n", "ERR no"},
        {"one that is too long", "-ERR 0123456789abcdef\r\n",
         "ERR 01234567..."},
        {"what is not printable", "-a\tb\033[1m\377\r\n", "a?b?[1m?"},
        {"a nil", "$-1\r\n", "an unexpecte..."},
        {"a text", "$2\r\nab\r\n", "ab"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reply *reply = reply_of(rows[i].bytes);
        char buf[16];

        expect(rows[i].row, strcmp(redis_error_print(reply, buf, sizeof(buf)),
                                   rows[i].printed) == 0);
        reply_destroy(reply);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slot),
        cmocka_unit_test(test_tag),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_bad_slots),
        cmocka_unit_test(test_many_masters),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_masters),
        cmocka_unit_test(test_epochs_and_roles),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_print),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
