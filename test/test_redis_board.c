/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The board: what hosts of a fleet tell one another beside counts, on real
 * servers in all layouts.
 */
#include <config.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/board.h"
#include "policy/store/redis/script.h"
#include "test/redis_lab.h"
#include "test/unit.h"

enum { MOST = 20, KEEP_S = 1000, SOON_MS = 1000, WHILE_MS = 15000 };

static const enum farm_layout layouts[] = {FARM_UNIX, FARM_TLS, FARM_SENTINEL,
                                           FARM_CLUSTER};

static void
host_on(struct redis_host *host, enum farm_layout layout, const char *name)
{
    static char prefix[64][32];
    static unsigned n;

    memset(host, 0, sizeof(*host));
    redis_lab_prefix(prefix[n % ROWS(prefix)]);
    host->prefix = prefix[n++ % ROWS(prefix)];
    host->farm = redis_lab_farm(layout);
    host->deadline_ms = 2000; /* of a machine that others use, too */
    snprintf(host->name, sizeof(host->name), "%s", name);
}

/* Another host of the same fleet. */
static void
host_beside(struct redis_host *host, const struct redis_host *first,
            const char *name)
{
    host_on(host, FARM_UNIX, name);
    host->farm = first->farm;
    host->prefix = first->prefix;
}

/* ----- what is on it */

static struct board_blob
blob_of(const char *field, const char *text)
{
    return (struct board_blob){field, (const uint8_t *)text, strlen(text)};
}

static void
put(struct redis_host *host, const char *name, const char *field,
    const char *text)
{
    const struct board_blob blob = blob_of(field, text);

    assert_int_equal(store_board_put(host->store, name, &blob, KEEP_S, false),
                     MS_OK);
}

static void
add(struct redis_host *host, const char *name, const char *text)
{
    const struct board_blob blob = blob_of("", text);

    assert_int_equal(store_board_add(host->store, name, &blob, MOST, KEEP_S),
                     MS_OK);
}

/* All that was found, as "field=text " or "text ". */
struct seen {
    char text[8192];
    unsigned n, stop; /* 0: never */
};

static bool
see(void *arg, const struct board_blob *blob)
{
    struct seen *seen = arg;
    size_t at = strlen(seen->text);

    seen->n++;
    snprintf(seen->text + at, sizeof(seen->text) - at, "%s%s%.*s ", blob->field,
             blob->field[0] != '\0' ? "=" : "", (int)blob->len,
             (const char *)blob->bytes);
    return seen->n != seen->stop;
}

static const char *
fields(struct redis_host *host, const char *name)
{
    static struct seen seen;

    memset(&seen, 0, sizeof(seen));
    assert_int_equal(store_board_fields(host->store, name, see, &seen), MS_OK);
    return seen.text;
}

static const char *
list(struct redis_host *host, const char *name)
{
    static struct seen seen;

    memset(&seen, 0, sizeof(seen));
    assert_int_equal(store_board_list(host->store, name, see, &seen), MS_OK);
    return seen.text;
}

/* The key of NAME, and who has it. */
static const char *
key_of(const struct redis_host *host, const char *name)
{
    static char key[SCRIPT_KEY];
    uint8_t hash[SITEKEY_HASH];

    sitekey_hash_text(redis_lab_key(), name, hash);
    (void)board_key(host->prefix, hash, key);
    return key;
}

static size_t
server_of(const struct redis_host *host, const char *key)
{
    struct redis_where where;

    farm_where(host->farm, &where);
    switch (where.layout) {
    case REDIS_SENTINEL:
        return farm_master(host->farm);
    case REDIS_CLUSTER:
        return farm_owner(host->farm, key);
    case REDIS_SINGLE:
        break;
    }
    return 0;
}

/* Ask the server of NAME "BEFORE its key BEHIND". */
static const char *
ask(const struct redis_host *host, const char *before, const char *name,
    const char *behind)
{
    const char *key = key_of(host, name);
    char command[1024];

    snprintf(command, sizeof(command), "%s %s %s", before, key, behind);
    return farm_ask(host->farm, server_of(host, key), command);
}

static long
life_of(const struct redis_host *host, const char *name)
{
    return strtol(ask(host, "PTTL", name, "") + strlen("(integer) "), NULL, 10);
}

/* ----- fields and lists, everywhere */

static void
test_fields(void **state)
{
    struct redis_host host;

    (void)state;
    for (size_t i = 0; i < ROWS(layouts); i++) {
        host_on(&host, layouts[i], "mx1");
        redis_host_start(&host);
        assert_string_equal(fields(&host, "acts"), "");
        put(&host, "acts", "b", "two");
        put(&host, "acts", "ab", "one and a half");
        put(&host, "acts", "a", "one");
        put(&host, "other", "a", "of another name");
        assert_string_equal(fields(&host, "acts"),
                            "a=one ab=one and a half b=two ");
        put(&host, "acts", "a", "1");
        assert_string_equal(fields(&host, "acts"),
                            "a=1 ab=one and a half b=two ");
        assert_int_equal(store_board_remove(host.store, "acts", "ab"), MS_OK);
        assert_int_equal(store_board_remove(host.store, "acts", "none"), MS_OK);
        assert_string_equal(fields(&host, "acts"), "a=1 b=two ");
        assert_int_equal(store_board_drop(host.store, "acts"), MS_OK);
        assert_int_equal(store_board_drop(host.store, "acts"), MS_OK);
        assert_string_equal(fields(&host, "acts"), "");
        assert_string_equal(fields(&host, "other"), "a=of another name ");
        redis_host_stop(&host);
    }
}

static void
test_list(void **state)
{
    struct redis_host host;
    char text[16], want[256];

    (void)state;
    for (size_t i = 0; i < ROWS(layouts); i++) {
        host_on(&host, layouts[i], "mx1");
        redis_host_start(&host);
        assert_string_equal(list(&host, "audit"), "");
        for (int n = 1; n <= MOST + 5; n++) {
            snprintf(text, sizeof(text), "%d", n);
            add(&host, "audit", text);
        }
        want[0] = '\0';
        for (int n = MOST + 5; n > 5; n--)
            snprintf(want + strlen(want), sizeof(want) - strlen(want), "%d ",
                     n);
        assert_string_equal(list(&host, "audit"), want);
        assert_string_equal(list(&host, "audits"), "");
        redis_host_stop(&host);
    }
}

static void
test_several_at_once(void **state)
{
    static const enum farm_layout some[] = {FARM_UNIX, FARM_CLUSTER};
    struct board_add adds[BOARD_ADDS + 1];
    char names[BOARD_ADDS + 1][8];
    struct redis_host host;

    (void)state;
    for (size_t l = 0; l < ROWS(some); l++) {
        for (size_t i = 0; i < ROWS(adds); i++) {
            snprintf(names[i], sizeof(names[i]), "n%zu", i);
            adds[i] =
                (struct board_add){names[i], blob_of("", names[i]), 2, 60};
        }
        host_on(&host, some[l], "mx1");
        redis_host_start(&host);
        assert_int_equal(store_board_add_all(host.store, adds, ROWS(adds)),
                         MS_INVALID);
        assert_string_equal(list(&host, "n0"), "");
        assert_int_equal(store_board_add_all(host.store, adds, BOARD_ADDS),
                         MS_OK);
        assert_string_equal(list(&host, "n0"), "n0 ");
        assert_string_equal(list(&host, "n11"), "n11 ");
        assert_in_range(life_of(&host, "n11"), 1, 60000);
        assert_int_equal(store_board_add_all(host.store, NULL, 0), MS_OK);
        adds[1].blob.len = BOARD_BLOB + 1; /* none is added */
        assert_int_equal(store_board_add_all(host.store, adds, 3), MS_INVALID);
        assert_string_equal(list(&host, "n1"), "n1 ");
        assert_string_equal(list(&host, "n0"), "n0 ");
        redis_host_stop(&host);
    }
}

static void
test_expiry(void **state)
{
    const struct board_blob blob = blob_of("f", "x");
    struct redis_host host;

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    put(&host, "kept", "f", "x");
    assert_in_range(life_of(&host, "kept"), (KEEP_S - 20) * 1000,
                    KEEP_S * 1000);
    add(&host, "added", "x");
    assert_in_range(life_of(&host, "added"), (KEEP_S - 20) * 1000,
                    KEEP_S * 1000);
    assert_int_equal(store_board_add(host.store, "added", &blob, 2, 7), MS_OK);
    assert_in_range(life_of(&host, "added"), 1, 7000);
    assert_int_equal(store_board_put(host.store, "kept", &blob, 0, false),
                     MS_OK);
    assert_int_equal(life_of(&host, "kept"), -1);
    assert_int_equal(
        store_board_put(host.store, "kept", &blob, UINT32_MAX, false), MS_OK);
    assert_true(life_of(&host, "kept") > 4000000000000);
    assert_int_equal(store_board_add(host.store, "added", &blob, 2, 0), MS_OK);
    assert_int_equal(life_of(&host, "added"), -1);
    redis_host_stop(&host);
}

/* ----- sizes */

static char *
text_of(size_t len)
{
    char *text = malloc(len + 1);

    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 26);
    text[len] = '\0';
    return text;
}

struct whole {
    const char *text;
    size_t len;
    unsigned n;
};

static bool
see_whole(void *arg, const struct board_blob *blob)
{
    struct whole *whole = arg;

    whole->n++;
    assert_int_equal(blob->len, whole->len);
    assert_memory_equal(blob->bytes, whole->text, blob->len);
    return true;
}

static void
test_sizes(void **state)
{
    static const struct {
        const char *name;
        size_t blob, called, field;
        enum ms_err err;
    } rows[] = {
        {"an empty blob is a blob", 0, 4, 1, MS_OK},
        {"one byte", 1, 4, 1, MS_OK},
        {"just below the padding", 63, 4, 1, MS_OK},
        {"the longest blob", BOARD_BLOB, 4, 1, MS_OK},
        {"one byte too many", BOARD_BLOB + 1, 4, 1, MS_INVALID},
        {"far too many", 100 * BOARD_BLOB, 4, 1, MS_INVALID},
        {"the longest name and field", BOARD_BLOB, BOARD_NAME, BOARD_FIELD,
         MS_OK},
        {"a name that is too long", 1, BOARD_NAME + 1, 1, MS_INVALID},
        {"a field that is too long", 1, 4, BOARD_FIELD + 1, MS_INVALID},
        {"a field without a name", 1, 4, 0, MS_INVALID},
    };
    struct redis_host host;

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text = text_of(rows[i].blob), *name = text_of(rows[i].called);
        char *field = text_of(rows[i].field);
        struct board_blob blob = {field, (const uint8_t *)text, rows[i].blob};
        struct whole whole = {text, rows[i].blob, 0};
        enum ms_err err =
            store_board_put(host.store, name, &blob, KEEP_S, false);

        expect(rows[i].name, err == rows[i].err);
        if (err == MS_OK) {
            (void)store_board_fields(host.store, name, see_whole, &whole);
            expect(rows[i].name, whole.n == 1);
        }
        (void)store_board_drop(host.store, name);
        err = store_board_add(host.store, name, &blob, MOST, KEEP_S);
        if (rows[i].err == MS_OK || rows[i].blob > BOARD_BLOB ||
            rows[i].called > BOARD_NAME)
            expect(rows[i].name, err == rows[i].err);
        (void)store_board_drop(host.store, name);
        free(text);
        free(name);
        free(field);
    }
    assert_int_equal(store_board_add(host.store, "n",
                                     &(struct board_blob){.field = ""}, 0,
                                     KEEP_S),
                     MS_INVALID);
    redis_host_stop(&host);
}

static bool
count_in_order(void *arg, const struct board_blob *blob)
{
    struct seen *seen = arg;

    if (seen->n > 0 && strcmp(blob->field, seen->text) <= 0)
        fail_msg("%s after %s", blob->field, seen->text);
    seen->n++;
    snprintf(seen->text, sizeof(seen->text), "%s", blob->field);
    return seen->n != seen->stop;
}

static void
test_pages(void **state)
{
    enum { FIELDS = 500, LONG = 60 };
    char *text = text_of(BOARD_BLOB), field[16];
    struct board_blob blob = {"", (const uint8_t *)text, BOARD_BLOB};
    struct whole whole = {text, BOARD_BLOB, 0};
    struct seen seen = {.n = 0};
    struct redis_host host;

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    for (int i = 0; i < FIELDS; i++) {
        snprintf(field, sizeof(field), "%d", i * 7919 % FIELDS);
        put(&host, "many", field, "small");
    }
    (void)store_board_fields(host.store, "many", count_in_order, &seen);
    assert_int_equal(seen.n, FIELDS);
    seen = (struct seen){.stop = 40};
    (void)store_board_fields(host.store, "many", count_in_order, &seen);
    assert_int_equal(seen.n, 40);
    for (int i = 0; i < LONG; i++)
        assert_int_equal(
            store_board_add(host.store, "long", &blob, LONG, KEEP_S), MS_OK);
    (void)store_board_list(host.store, "long", see_whole, &whole);
    assert_int_equal(whole.n, LONG);
    free(text);
    redis_host_stop(&host);
}

static void
test_full(void **state)
{
    const struct board_blob one = blob_of("f1", "x"), more = blob_of("g", "x");
    struct redis_host host;
    char script[256];

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    put(&host, "acts", "f1", "x");
    snprintf(script, sizeof(script),
             "EVAL for\ti=2,%d\tdo\tredis.call('ZADD',KEYS[1],0,'f'..i.."
             "'\\0x')end 1",
             (int)BOARD_FIELDS);
    assert_string_equal(ask(&host, script, "acts", ""), "(nil)");
    assert_int_equal(store_board_put(host.store, "acts", &more, 60, false),
                     MS_NOMEM);
    assert_int_equal(store_board_put(host.store, "acts", &one, 60, false),
                     MS_OK);
    assert_string_equal(fields(&host, "acts"), "f1=x ");
    redis_host_stop(&host);
}

/* ----- lists that are edited */

static enum board_edit
edit(void *arg, const struct board_blob *blob, struct board_blob *instead)
{
    (void)arg;
    if (blob->len == 1 && blob->bytes[0] == '2')
        return BOARD_REMOVE;
    if (blob->len == 1 && blob->bytes[0] == '3') {
        *instead = blob_of("", "three");
        return BOARD_REPLACE;
    }
    return BOARD_KEEP;
}

static void
test_edit(void **state)
{
    struct redis_host host;

    (void)state;
    host_on(&host, FARM_CLUSTER, "mx1");
    redis_host_start(&host);
    assert_int_equal(store_board_edit(host.store, "l", edit, NULL), MS_OK);
    add(&host, "l", "1");
    add(&host, "l", "2");
    add(&host, "l", "3");
    add(&host, "l", "4");
    assert_int_equal(store_board_edit(host.store, "l", edit, NULL), MS_OK);
    assert_string_equal(list(&host, "l"), "4 three 1 ");
    assert_true(life_of(&host, "l") > 0);
    redis_host_stop(&host);
}

/* ----- what is not ours */

/* One of LUA's ways to spoil what is at KEYS[1] (KEYS[2] is another's). */
static void
test_spoiled(void **state)
{
    static const struct {
        const char *name, *lua, *fields, *list;
    } rows[] = {
        {"left alone", "return\t1", "a=one b=two ", "new old "},
        {"a byte changed",
         "local\tm=redis.call('ZRANGE',KEYS[1],0,0)[1]redis.call('ZREM',"
         "KEYS[1],m)redis.call('ZADD',KEYS[1],ARGV[1],m:sub(1,-9)..'x'.."
         "m:sub(-7))return\t1",
         "b=two ", "new "},
        {"the end cut off",
         "local\tm=redis.call('ZRANGE',KEYS[1],0,0)[1]redis.call('ZREM',"
         "KEYS[1],m)redis.call('ZADD',KEYS[1],ARGV[1],m:sub(1,-2))return\t1",
         "b=two ", "new "},
        {"brought here from another name",
         "redis.call('DEL',KEYS[1])local\tm=redis.call('ZRANGE',KEYS[2],0,0)[1]"
         "return\tredis.call('ZADD',KEYS[1],ARGV[1],m)",
         "", ""},
        {"under another field",
         "local\tm=redis.call('ZRANGE',KEYS[1],0,0)[1]redis.call('ZREM',"
         "KEYS[1],m)redis.call('ZADD',KEYS[1],ARGV[1],'z'..m:sub(2))return\t1",
         "b=two ", "new "},
        {"rubbish beside it",
         "redis.call('ZADD',KEYS[1],ARGV[1],'','0','r','0','q\\0',0,"
         "('y'):rep(20000),0,('f'):rep(200)..'\\0x')return\t1",
         "a=one b=two ", "new old "},
        {"a string in its place", "return\tredis.call('SET',KEYS[1],'x').ok",
         "", ""},
        {"a hash in its place",
         "redis.call('DEL',KEYS[1])return\tredis.call('HSET',KEYS[1],'a','b')",
         "", ""},
        {"gone", "return\tredis.call('DEL',KEYS[1])", "", ""},
    };
    struct redis_host host;
    char script[512], other[SCRIPT_KEY + 4];

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    put(&host, "elsewhere", "a", "elsewhere");
    add(&host, "elsewhere too", "elsewhere");
    for (size_t i = 0; i < ROWS(rows); i++) {
        (void)store_board_drop(host.store, "f");
        put(&host, "f", "a", "one");
        put(&host, "f", "b", "two");
        snprintf(script, sizeof(script), "EVAL %s 2", rows[i].lua);
        snprintf(other, sizeof(other), "%s 0", key_of(&host, "elsewhere"));
        expect(rows[i].name,
               strstr(ask(&host, script, "f", other), "(error)") == NULL);
        if (strcmp(fields(&host, "f"), rows[i].fields) != 0)
            fail_msg("%s: %s", rows[i].name, fields(&host, "f"));
        put(&host, "f", "c", "goes on");
        expect(rows[i].name, strstr(fields(&host, "f"), "c=goes on ") != NULL);

        (void)store_board_drop(host.store, "l");
        add(&host, "l", "old");
        add(&host, "l", "new");
        snprintf(other, sizeof(other), "%s 1", key_of(&host, "elsewhere too"));
        expect(rows[i].name,
               strstr(ask(&host, script, "l", other), "(error)") == NULL);
        if (strcmp(list(&host, "l"), rows[i].list) != 0)
            fail_msg("%s: %s", rows[i].name, list(&host, "l"));
        add(&host, "l", "goes on");
        expect(rows[i].name,
               strncmp(list(&host, "l"), "goes on ", strlen("goes on ")) == 0);
    }
    redis_host_stop(&host);
}

/* The server's clock has gone back, or a score is of no time. */
static void
test_scores(void **state)
{
    static const struct {
        const char *name, *score, *list;
    } rows[] = {
        {"of a time to come", "5000000000000000", "2 1 x "},
        {"beyond all numbers", "inf", "2 1 "},
        {"before all numbers", "-inf", "2 1 x "},
    };
    struct redis_host host;
    char script[256];

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    for (size_t i = 0; i < ROWS(rows); i++) {
        (void)store_board_drop(host.store, "l");
        add(&host, "l", "x");
        snprintf(script, sizeof(script),
                 "EVAL return\tredis.call('ZADD',KEYS[1],'%s',redis.call("
                 "'ZRANGE',KEYS[1],0,0)[1]) 1",
                 rows[i].score);
        (void)ask(&host, script, "l", "");
        add(&host, "l", "1");
        add(&host, "l", "2");
        if (strcmp(list(&host, "l"), rows[i].list) != 0)
            fail_msg("%s: %s", rows[i].name, list(&host, "l"));
    }
    redis_host_stop(&host);
}

/* ----- who may not, and when */

static const char *
keys_of(const struct redis_host *host)
{
    char command[64];

    snprintf(command, sizeof(command), "KEYS %s:*:b", host->prefix);
    return farm_ask(host->farm, 0, command);
}

static void
expect_unavailable(struct redis_host *host)
{
    const struct board_blob blob = blob_of("f", "x");
    const int64_t from = redis_lab_now(NULL).mono.ms;
    struct seen seen = {.n = 0};

    assert_int_equal(store_board_put(host->store, "n", &blob, 60, true),
                     MS_UNAVAIL);
    assert_int_equal(store_board_remove(host->store, "n", "f"), MS_UNAVAIL);
    assert_int_equal(store_board_add(host->store, "n", &blob, 9, 60),
                     MS_UNAVAIL);
    assert_int_equal(store_board_fields(host->store, "n", see, &seen),
                     MS_UNAVAIL);
    assert_int_equal(store_board_list(host->store, "n", see, &seen),
                     MS_UNAVAIL);
    assert_int_equal(store_board_edit(host->store, "n", edit, NULL),
                     MS_UNAVAIL);
    assert_int_equal(store_board_drop(host->store, "n"), MS_UNAVAIL);
    assert_int_equal(seen.n, 0);
    /* seven of them: none has waited for a deadline of two seconds */
    assert_true(redis_lab_now(NULL).mono.ms - from < 1000);
}

static void
test_foreign_key(void **state)
{
    static const uint8_t bytes[32] = {9, 9, 9};
    struct redis_host host, foreign;
    struct sitekey *key = NULL;

    (void)state;
    assert_int_equal(sitekey_from(bytes, &key), MS_OK);
    host_on(&host, FARM_UNIX, "mx1");
    host_beside(&foreign, &host, "mx9");
    foreign.key = key;
    redis_host_start(&host);
    put(&host, "n", "f", "ours");
    redis_host_open(&foreign);
    expect_unavailable(&foreign); /* before it is known */
    store_redis_beat(foreign.store);
    while (foreign.n_told == 0)
        store_redis_beat(foreign.store);
    expect_unavailable(&foreign); /* and after */
    assert_int_equal(foreign.board, 0);
    assert_string_equal(fields(&host, "n"), "f=ours ");
    assert_null(strstr(keys_of(&host), "2)"));
    redis_host_stop(&foreign);
    redis_host_stop(&host);
    sitekey_destroy(key);
}

static void
test_server_away(void **state)
{
    const struct board_blob blob = blob_of("f", "x");
    struct redis_host host;
    unsigned before;
    enum ms_err err;

    (void)state;
    host_on(&host, FARM_TCP, "mx1");
    host.deadline_ms = 200;
    redis_host_start(&host);
    add(&host, "n", "kept");
    farm_signal(host.farm, 0, SIGSTOP);
    err = store_board_add(host.store, "n", &blob, 9, 60);
    assert_true(err == MS_TIMEOUT || err == MS_UNAVAIL);
    while (store_board_drop(host.store, "m") != MS_UNAVAIL)
        redis_lab_pause(1);
    expect_unavailable(&host);
    before = host.board;
    farm_signal(host.farm, 0, SIGCONT);
    for (int ms = 0; ms < WHILE_MS && host.board == before; ms += 10)
        redis_lab_pause(10);
    assert_true(host.board > before); /* who asks can read it again */
    assert_int_equal(store_board_add(host.store, "n", &blob, 9, 60), MS_OK);
    assert_true(strncmp(list(&host, "n"), "x ", 2) == 0);
    assert_non_null(strstr(list(&host, "n"), "kept "));
    redis_host_stop(&host);
}

static void
set_slot_owner(struct redis_host *host, unsigned slot, size_t owner)
{
    char command[128], id[64];

    snprintf(id, sizeof(id), "%.40s",
             farm_ask(host->farm, owner, "CLUSTER MYID") + 1);
    snprintf(command, sizeof(command), "CLUSTER SETSLOT %u NODE %s", slot, id);
    assert_string_equal(farm_ask(host->farm, owner, command), "OK");
    for (size_t i = 0; i < 3; i++)
        if (i != owner)
            assert_string_equal(farm_ask(host->farm, i, command), "OK");
}

static void
test_cluster_redirects(void **state)
{
    static struct store_stats stats;
    struct redis_host host;
    const char *key;
    unsigned slot;
    size_t owner;

    (void)state;
    host_on(&host, FARM_CLUSTER, "mx1");
    redis_host_start(&host);
    key = key_of(&host, "moved");
    slot = redis_slot(key, strlen(key));
    owner = farm_owner(host.farm, key);
    set_slot_owner(&host, slot, (owner + 1) % 3);
    add(&host, "moved", "x");
    put(&host, "acts", "f", "y");
    assert_string_equal(list(&host, "moved"), "x ");
    assert_string_equal(fields(&host, "acts"), "f=y ");
    store_stats(host.store, &stats);
    assert_true(stats.shared.redirects > 0);
    assert_false(stats.shared.degraded);
    (void)store_board_drop(host.store, "moved");
    set_slot_owner(&host, slot, owner);
    redis_host_stop(&host);
}

/* A server that forgets its scripts is told them again. */
static void
test_script_is_loaded(void **state)
{
    struct redis_host host;

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    (void)farm_ask(host.farm, 0, "SCRIPT FLUSH");
    add(&host, "n", "x");
    assert_string_equal(list(&host, "n"), "x ");
    redis_host_stop(&host);
}

/* ----- what the servers learn */

/* How many keys have MARK in their names or values. */
static long
found_in_server(struct farm *farm, const char *mark)
{
    char command[256];

    snprintf(command, sizeof(command),
             "EVAL local\tn=0\tfor\t_,k\tin\tipairs(redis.call('KEYS','*'))"
             "do\tif\t(k..redis.call('DUMP',k)):find(ARGV[1],1,true)then\t"
             "n=n+1\tend\tend\treturn\tn 0 %s",
             mark);
    return strtol(farm_ask(farm, 0, command) + strlen("(integer) "), NULL, 10);
}

static void
test_no_clear_text(void **state)
{
    static const char mark[] = "MARKED9";
    const struct board_blob blob = blob_of("field", mark);
    struct redis_host host;
    struct farm *farm;

    (void)state;
    host_on(&host, FARM_TCP, "mx1");
    farm = host.farm;
    redis_host_start(&host);
    (void)farm_ask(farm, 0, "SET control MARKED9");
    assert_int_equal(found_in_server(farm, mark), 1); /* it would be found */
    (void)farm_ask(farm, 0, "DEL control");
    assert_int_equal(store_board_put(host.store, mark, &blob, 60, true), MS_OK);
    assert_int_equal(
        store_board_add(host.store, "decisions MARKED9", &blob, 9, 60), MS_OK);
    assert_int_equal(found_in_server(farm, mark), 0);
    assert_int_equal(found_in_server(farm, "decisions"), 0);
    assert_int_equal(found_in_server(farm, "field"), 1); /* as is said */
    redis_host_stop(&host);
}

/* Names of the board and subjects never meet, and no list of records has
 * them. */
static bool
count_record(void *arg, const struct store_record *record)
{
    (void)record;
    ++*(unsigned *)arg;
    return true;
}

static void
test_beside_subjects(void **state)
{
    struct subject ann = lab_subject("user:ann");
    uint8_t ours[SITEKEY_HASH], its[SITEKEY_HASH];
    const char *const told = "board";
    static struct charge_answers answers;
    struct redis_host host;
    unsigned records = 0;
    char text[SUBJECT_BYTES + 1];
    bool found;

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    /* even a name of the same bytes */
    memcpy(text, ann.bytes, ann.len);
    text[ann.len] = '\0';
    sitekey_hash(redis_lab_key(), &ann, ours);
    sitekey_hash_text(redis_lab_key(), text, its);
    assert_memory_not_equal(ours, its, SITEKEY_HASH);
    /* what is told of the board is of no subject, for any release */
    assert_true(board_told_read(told, strlen(told)));
    assert_false(script_told_read(told, strlen(told), its));
    assert_false(board_told_read("boards", 6));
    assert_false(board_told_read("", 0));
    assert_true(redis_host_take(&host, &ann, 9, &answers));
    add(&host, "user:ann", "x");
    put(&host, "n", "f", "x");
    assert_int_equal(store_list(host.store, SUBJECT_USER, redis_lab_now(NULL),
                                count_record, &records),
                     MS_OK);
    assert_int_equal(records, 1);
    assert_int_equal(
        store_forget(host.store, &ann, redis_lab_now(NULL), &found), MS_OK);
    assert_string_equal(list(&host, "user:ann"), "x ");
    redis_host_stop(&host);
}

/* ----- news */

static void
await_board(struct redis_host *host, unsigned more_than)
{
    for (int ms = 0; ms < SOON_MS; ms += 5) {
        if (host->board > more_than)
            return;
        redis_lab_pause(5);
    }
    fail_msg("%s has heard nothing within a second", host->name);
}

/* What HOST has heard, once all that was told before is heard. */
static unsigned
heard_by(struct redis_host *host, struct redis_host *teller)
{
    struct subject ann = lab_subject("user:ann");
    static struct charge_answers answers;
    unsigned before = host->changed;
    bool found;

    (void)redis_host_take(teller, &ann, 9999, &answers);
    for (int ms = 0; ms < WHILE_MS && host->changed == before; ms += 100) {
        /* (it may not listen yet) */
        assert_int_equal(
            store_reset(teller->store, &ann, 0, redis_lab_now(NULL), &found),
            MS_OK);
        for (int i = 0; i < 20 && host->changed == before; i++)
            redis_lab_pause(5);
    }
    assert_true(host->changed > before);
    store_redis_beat(host->store); /* its thread has done all of it */
    return host->board;
}

static void
test_news(void **state)
{
    static const enum farm_layout some[] = {FARM_UNIX, FARM_CLUSTER};
    const struct board_blob blob = blob_of("f", "x");
    struct redis_host one, two;
    unsigned before;

    (void)state;
    for (size_t i = 0; i < ROWS(some); i++) {
        host_on(&one, some[i], "mx1");
        host_beside(&two, &one, "mx2");
        redis_host_start(&one);
        redis_host_start(&two);
        before = heard_by(&two, &one);
        assert_true(before > 0); /* at the beginning anything may be new */
        assert_int_equal(store_board_put(one.store, "acts", &blob, 0, true),
                         MS_OK);
        await_board(&two, before);
        before = heard_by(&two, &one);
        assert_int_equal(store_board_remove(one.store, "acts", "f"), MS_OK);
        await_board(&two, before);
        /* what changes nothing, and what is told to nobody */
        before = heard_by(&two, &one);
        assert_int_equal(store_board_remove(one.store, "acts", "f"), MS_OK);
        put(&one, "top", "mx1", "x");
        add(&one, "audit", "x");
        assert_int_equal(heard_by(&two, &one), before);
        redis_host_stop(&two);
        redis_host_stop(&one);
    }
}

static void
test_news_missed(void **state)
{
    struct redis_host host;
    unsigned before;

    (void)state;
    host_on(&host, FARM_TCP, "mx1");
    redis_host_start(&host);
    before = heard_by(&host, &host);
    (void)farm_ask(host.farm, 0, "CLIENT KILL TYPE pubsub");
    for (int ms = 0; ms < WHILE_MS && host.board == before; ms += 10)
        redis_lab_pause(10);
    assert_true(host.board > before);
    redis_host_stop(&host);
}

/* ----- many at once */

struct adder {
    struct redis_host *host;
    pthread_t thread;
    unsigned failed;
};

static void *
add_many(void *arg)
{
    struct adder *adder = arg;
    const struct board_blob blob = blob_of("f", "x");
    struct seen seen;

    for (int i = 0; i < 100; i++) {
        memset(&seen, 0, sizeof(seen));
        adder->failed += store_board_add(adder->host->store, "l", &blob, MOST,
                                         KEEP_S) != MS_OK;
        adder->failed +=
            store_board_put(adder->host->store, "f", &blob, 0, true) != MS_OK;
        adder->failed +=
            store_board_list(adder->host->store, "l", see, &seen) != MS_OK ||
            seen.n == 0;
    }
    return NULL;
}

static void
test_many_threads(void **state)
{
    struct redis_host host;
    struct adder adders[4];
    struct seen seen = {.n = 0};

    (void)state;
    host_on(&host, FARM_UNIX, "mx1");
    redis_host_start(&host);
    for (size_t i = 0; i < ROWS(adders); i++) {
        adders[i] = (struct adder){.host = &host};
        assert_int_equal(
            pthread_create(&adders[i].thread, NULL, add_many, &adders[i]), 0);
    }
    for (size_t i = 0; i < ROWS(adders); i++) {
        pthread_join(adders[i].thread, NULL);
        assert_int_equal(adders[i].failed, 0);
    }
    (void)store_board_list(host.store, "l", see, &seen);
    assert_int_equal(seen.n, MOST);
    redis_host_stop(&host);
}

/* ----- */

static int
end(void **state)
{
    (void)state;
    redis_lab_end_farms();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_edit),
        cmocka_unit_test(test_spoiled),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_foreign_key),
        cmocka_unit_test(test_server_away),
        cmocka_unit_test(test_cluster_redirects),
        cmocka_unit_test(test_script_is_loaded),
        cmocka_unit_test(test_no_clear_text),
        cmocka_unit_test(test_beside_subjects),
        cmocka_unit_test(test_news),
        cmocka_unit_test(test_news_missed),
        cmocka_unit_test(test_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
