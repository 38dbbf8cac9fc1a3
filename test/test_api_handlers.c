/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The API's handlers over a desk made by hand: a memory store, a diary in
 * memory, a clock that stands.  What the answers look like in whole is held to
 * schemas elsewhere; here it is what they say.
 */
#include <config.h>

#include "milter/api/handlers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "milter/api/find.h"
#include "milter/api/json.h"
#include "milter/api/pick.h"
#include "milter/api/use.h"
#include "milter/lookup/lookup.h"
#include "policy/limit.h"
#include "test/api_bench.h"
#include "test/unit.h"

/* The use of limit NAME by SPAN in a subject's answer. */
static json_t *
use_at(json_t *json, const char *name, long span_s)
{
    size_t i;
    json_t *use;

    json_array_foreach(bench_at(json, "limits"), i, use)
    {
        if (strcmp(bench_string(use, "limit"), name) == 0 &&
            bench_number(use, "span_s") == span_s)
            return use;
    }
    return NULL;
}

/* ----- what is counted */

static const struct limit *
limit_called(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_limits; i++) {
        if (strcmp(config->limits[i]->name, name) == 0)
            return config->limits[i];
    }
    fail_msg("no limit %s", name);
    return NULL;
}

static void
count_of(struct bench *b, const struct subject *subject, const char *name,
         struct rate rate, uint32_t n)
{
    struct store *store = daemon_store(b->desk.daemon);
    const struct config *config = daemon_config_get(b->desk.daemon);
    struct charge_item item = {
        .subject = subject,
        .window = limit_window(limit_called(config, name), rate.span_s),
        .span_s = rate.span_s,
        .n = n,
        .limit = rate.n,
        .kind = CHARGE_NOTE};
    struct store_ticket *ticket;
    struct charge_answers answers;
    struct store_record record;
    bool found;

    assert_int_equal(store_submit(store, &item, 1, bench_now(b), &ticket),
                     MS_OK);
    assert_int_equal(
        store_collect(store, ticket, (struct mono){INT64_MAX}, &answers),
        MS_OK);
    assert_int_equal(store_get(store, subject, bench_now(b), &found, &record),
                     MS_OK);
    top_rank(b->desk.top, config, &record);
    daemon_config_put(b->desk.daemon, config);
}

/* ID has caused N events that limit NAME counts by RATE. */
static void
count(struct bench *b, const char *id, const char *name, struct rate rate,
      uint32_t n)
{
    struct subject subject = bench_subject(id);

    count_of(b, &subject, name, rate, n);
}

static const struct rate hour = {300, 3600}, day = {1000, 86400};

static void
add_decision(struct bench *b, const char *subject, const char *user,
             const char *ref, enum journal_deed deed)
{
    struct decision d = {.at_s = b->now_s,
                         .deed = deed,
                         .action = VERDICT_DEFER,
                         .host = "mx1.example.org",
                         .rule = "limit.user",
                         .listener = "submission",
                         .via = "port",
                         .client = "192.0.2.7",
                         .metric = METRIC_EXTERNAL,
                         .rate = {300, 3600},
                         .used = 301,
                         .code = 450,
                         .enhanced = "4.7.1"};

    (void)snprintf(d.ref, sizeof(d.ref), "%s", ref);
    (void)snprintf(d.subject, sizeof(d.subject), "%s", subject);
    (void)snprintf(d.user, sizeof(d.user), "%s", user);
    assert_int_equal(diary_add(b->desk.diary, &d, 1), MS_OK);
}

/* ----- names */

static const struct {
    const char *name, *text, *means; /* candidates, apart by blanks */
} names[] = {
    {"a kind says it all", "user:ann@example.org", "user:ann@example.org"},
    {"a login is folded, but a tenant's name is not", "user:Ann@example.org",
     "user:Ann@example.org user:ann@example.org"},
    {"a login is completed", "user:ann", "user:ann user:ann@example.org"},
    {"a bare address is a client", "192.0.2.7", "client:192.0.2.7"},
    {"a mapped one is IPv4", "::ffff:192.0.2.7", "client:192.0.2.7"},
    {"a bare prefix is a prefix", "192.0.2.0/24", "prefix:192.0.2.0/24"},
    {"of an address the prefix is meant that is counted", "prefix:192.0.2.7",
     "prefix:192.0.2.0/24"},
    {"no address is no client", "client:ann", ""},
    {"bits behind a prefix are none", "prefix:192.0.2.7/24", ""},
    {"an address may be a user or a sender", "ann@example.org",
     "user:ann@example.org sender:ann@example.org"},
    {"a domain may be a user and a network, too", "user.test",
     "user:user.test user:user.test@example.org domain:user.test "
     "network:user.test"},
    {"a kind of its own is no pair", "user+client",
     "user:user+client user:user+client@example.org network:user+client"},
    {"a pair has two kinds", "user+sender:a@b.test+c@d.test",
     "user+sender:a@b.test+c@d.test"},
    {"a pair is parted where one can", "user+client:a+b@c.test+192.0.2.7",
     "user+client:a+b@c.test+192.0.2.7"},
    {"escapes are undone", "sender:a\\x5Cb", "sender:a\\x5Cb"},
    {"what only looks like one is not", "sender:a\\xZZ@b.test",
     "sender:a\\x5CxZZ@b.test"},
    {"nothing is nothing", "user:", ""},
};

static void
test_names(void **state)
{
    struct bench *b = *state;
    const struct config *config = daemon_config_get(b->desk.daemon);

    for (size_t i = 0; i < ROWS(names); i++) {
        char all[API_FIND_MAX * SUBJECT_TEXT] = "", id[SUBJECT_TEXT];
        struct api_find find;

        api_find_candidates(config, names[i].text, &find);
        for (size_t j = 0; j < find.n; j++)
            (void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
                           j > 0 ? " " : "",
                           subject_print(&find.subject[j], id));
        if (strcmp(all, names[i].means) != 0 &&
            strstr(names[i].name, "parted") == NULL)
            fail_msg("%s: %s", names[i].name, all);
        expect(names[i].name, strstr(all, names[i].means) != NULL);
    }
    daemon_config_put(b->desk.daemon, config);
}

static void
test_every_name_finds_itself(void **state)
{
    static const char *const hostile[] = {"<script>alert(1)</script>",
                                          "\"} x 1",
                                          "a\\x41b",
                                          "\\",
                                          "a\xff\x01z",
                                          "a+b:c",
                                          "../../etc/passwd",
                                          "~K7Q2M9XD",
                                          "caf\xc3\xa9@example.org"};
    struct bench *b = *state;
    const struct config *config = daemon_config_get(b->desk.daemon);

    for (size_t i = 0; i < ROWS(hostile); i++) {
        struct subject subject;
        struct api_find find;
        char id[SUBJECT_TEXT];
        bool found = false;

        assert_true(subject_make(SUBJECT_SENDER, hostile[i], &subject));
        api_find_candidates(config, subject_print(&subject, id), &find);
        for (size_t j = 0; j < find.n; j++)
            found |= subject_same(&find.subject[j], &subject);
        expect(hostile[i], found);
    }
    daemon_config_put(b->desk.daemon, config);
}

static void
test_bare_keys(void **state)
{
    struct bench *b = *state;

    bench_get(b, "/v1/subjects/ann@example.org");
    assert_int_equal(b->status, 404);
    count(b, "sender:ann@example.org", "box", (struct rate){20, 3600}, 1);
    bench_get(b, "/v1/subjects/ann@example.org");
    assert_int_equal(b->status, 200);
    assert_string_equal(bench_string(b->answer, "id"),
                        "sender:ann@example.org");
    count(b, "user:ann@example.org", "user", hour, 1);
    bench_get(b, "/v1/subjects/ann@example.org");
    assert_string_equal(bench_string(b->answer, "id"), "user:ann@example.org");
    assert_string_equal(bench_string(b->answer, "also.0"),
                        "sender:ann@example.org");
    bench_get(b, "/v1/subjects/Ann");
    assert_string_equal(bench_string(b->answer, "id"), "user:ann@example.org");
    bench_ask(b, API_POST, "/v1/subjects/bob@example.org/exempt", "{}");
    assert_int_equal(b->status, 400);
    bench_ask(b, API_POST, "/v1/subjects/198.51.100.7/exempt", "{}");
    assert_int_equal(b->status, 200);
    assert_string_equal(bench_string(b->answer, "act.subject"),
                        "client:198.51.100.7");
}

static void
test_pseudonyms(void **state)
{
    struct bench *b = *state;
    char alias[ALIAS_TEXT], target[64];

    count(b, "user:ann@example.org", "user", hour, 7);
    add_decision(b, "user:bob@example.org", "bob@example.org", "0A", 0);
    alias_of(b->desk.alias, "ann@example.org", alias);
    (void)snprintf(target, sizeof(target), "/v1/subjects/user:%s", alias);
    bench_get(b, target);
    assert_string_equal(bench_string(b->answer, "id"), "user:ann@example.org");
    alias_of(b->desk.alias, "bob@example.org", alias);
    b->peer.tcp = true;
    (void)snprintf(target, sizeof(target), "/v1/subjects/user:%s", alias);
    bench_get(b, target);
    assert_int_equal(b->status, 200);
    /* nobody tries names where only pseudonyms are told */
    bench_get(b, "/v1/subjects/user:ann@example.org");
    assert_int_equal(b->status, 404);
    bench_get(b, "/v1/decisions?user=bob@example.org");
    assert_int_equal(b->status, 400);
    bench_get(b, "/v1/decisions?subject=user:bob@example.org");
    assert_int_equal(b->status, 404);
    (void)snprintf(target, sizeof(target), "/v1/decisions?subject=user:%s",
                   alias);
    bench_get(b, target);
    assert_int_equal(bench_size(b->answer, "decisions"), 1);
}

/* Those that were busy are remembered longer than what they did. */
static void
test_a_pseudonym_of_nobody_any_more(void **state)
{
    struct bench *b = *state;
    struct subject cy = bench_subject("sender:cy@example.org");
    char alias[ALIAS_TEXT], target[64];
    bool found;

    count(b, "sender:cy@example.org", "box", (struct rate){20, 3600}, 7);
    alias_of(b->desk.alias, "cy@example.org", alias);
    (void)snprintf(target, sizeof(target), "/v1/subjects/sender:%s", alias);
    assert_int_equal(
        store_forget(daemon_store(b->desk.daemon), &cy, bench_now(b), &found),
        MS_OK);
    bench_get(b, target);
    assert_int_equal(b->status, 404);
    assert_non_null(
        strstr(bench_string(b->answer, "detail"), "cy@example.org"));
    b->peer.tcp = true;
    bench_get(b, target);
    assert_int_equal(b->status, 404);
    assert_null(strstr(bench_string(b->answer, "detail"), "cy@"));
    assert_non_null(strstr(bench_string(b->answer, "detail"), "pseudonym"));
}

/* ----- one subject */

static void
test_uses(void **state)
{
    struct bench *b = *state;
    json_t *use;

    count(b, "user:ann@example.org", "user", hour, 301);
    count(b, "user:ann@example.org", "user", (struct rate){5, 7200}, 1);
    bench_get(b, "/v1/subjects/user:ann@example.org");
    assert_int_equal(b->status, 200);
    use = use_at(b->answer, "user", 3600);
    assert_int_equal(bench_number(use, "used"), 301);
    assert_string_equal(bench_string(use, "rate.text"), "300/1h");
    assert_string_equal(bench_string(use, "by"), "configuration");
    assert_string_equal(bench_string(use, "mode"), "enforce");
    assert_int_equal(bench_number(use, "slices.12"), 301);
    assert_int_equal(bench_number(use, "slice_s"), 300);
    /* the clock stands at 1000000 s: 100 s into a slice of 300 */
    assert_int_equal(bench_number(use, "room_s"), 13 * 300 - 1000000 % 300);
    /* no count yet, but it would be counted */
    use = use_at(b->answer, "user", 86400);
    assert_int_equal(bench_number(use, "used"), 0);
    assert_int_equal(bench_number(use, "room_s"), 0);
    assert_string_equal(
        bench_string(use_at(b->answer, "volume", 86400), "rate.text"),
        "20M/1d");
    /* neither limits of others nor windows that no limit has */
    assert_null(use_at(b->answer, "net", 3600));
    assert_null(use_at(b->answer, "host", 60));
    assert_null(use_at(b->answer, "box", 3600));
    assert_null(use_at(b->answer, "user", 7200));
}

static void
test_table_rates(void **state)
{
    struct bench *b = *state;
    json_t *use;

    count(b, "user:plan@example.org", "user", (struct rate){50, 3600}, 25);
    bench_get(b, "/v1/subjects/user:plan@example.org");
    use = use_at(b->answer, "user", 3600);
    assert_string_equal(bench_string(use, "rate.text"), "50/1h");
    assert_string_equal(bench_string(use, "by"), "table");
    assert_int_equal((int)(json_number_value(bench_at(use, "share")) * 1000),
                     500);
    assert_null(use_at(b->answer, "user", 86400));
}

static void
test_raised_rates(void **state)
{
    struct bench *b = *state;
    json_t *use;

    count(b, "user:ann@example.org", "user", day, 1200);
    bench_ask(
        b, API_POST, "/v1/subjects/user:ann@example.org/raise",
        "{\"limit\": \"user\", \"rates\": \"2000/1d\", \"until\": \"7d\"}");
    assert_int_equal(b->status, 200);
    bench_get(b, "/v1/subjects/user:ann@example.org");
    use = use_at(b->answer, "user", 86400);
    assert_string_equal(bench_string(use, "rate.text"), "2000/1d");
    assert_string_equal(bench_string(use, "by"), "raised");
    assert_string_equal(bench_string(use, "raised.rates"), "2000/1d");
    assert_int_equal(bench_number(use, "room_s"), 0);
    /* the other span stays as it is */
    use = use_at(b->answer, "user", 3600);
    assert_string_equal(bench_string(use, "by"), "configuration");
    assert_int_equal(bench_size(b->answer, "acts"), 1);
    /* once it is over, all is as it was */
    b->now_s += 8 * 86400;
    bench_get(b, "/v1/subjects/user:ann@example.org");
    use = use_at(b->answer, "user", 86400);
    assert_string_equal(bench_string(use, "by"), "configuration");
}

static void
test_prefixes_and_clients(void **state)
{
    struct bench *b = *state;

    count(b, "prefix:192.0.2.0/24", "net", (struct rate){50, 3600}, 1);
    bench_get(b, "/v1/subjects/prefix:192.0.2.0%2F24");
    assert_int_equal(b->status, 200);
    assert_non_null(use_at(b->answer, "net", 3600));
    assert_null(use_at(b->answer, "host", 60));
    count(b, "client:192.0.2.7", "host", (struct rate){30, 60}, 31);
    bench_get(b, "/v1/subjects/192.0.2.7");
    assert_int_equal(bench_number(use_at(b->answer, "host", 60), "used"), 31);
}

static void
test_exemptions(void **state)
{
    struct bench *b = *state;

    count(b, "user:news@example.org", "user", hour, 1);
    count(b, "user:ann@example.org", "user", hour, 1);
    bench_get(b, "/v1/subjects/user:news@example.org");
    assert_int_equal(bench_size(b->answer, "exemptions"), 1);
    assert_string_equal(bench_string(b->answer, "exemptions.0.name"), "news");
    assert_string_equal(bench_string(b->answer, "exemptions.0.note"),
                        "weekly list");
    assert_string_equal(bench_string(b->answer, "exemptions.0.limits.0"),
                        "user");
    assert_int_equal(bench_size(b->answer, "exemptions.0.besides"), 0);
    bench_get(b, "/v1/subjects/user:ann@example.org");
    assert_string_equal(bench_string(b->answer, "exemptions.0.name"), "both");
    assert_string_equal(bench_string(b->answer, "exemptions.0.limits"), "all");
    assert_string_equal(bench_string(b->answer, "exemptions.0.besides.0"),
                        "client");
    /* the same one from the other side; and an act of the prefix around it */
    bench_ask(b, API_POST, "/v1/subjects/prefix:192.0.2.0%2F24/exempt", "{}");
    count(b, "client:192.0.2.9", "host", (struct rate){30, 60}, 1);
    bench_get(b, "/v1/subjects/client:192.0.2.9");
    assert_string_equal(bench_string(b->answer, "exemptions.0.besides.0"),
                        "user");
    assert_string_equal(bench_string(b->answer, "exemptions.1.subject"),
                        "prefix:192.0.2.0/24");
    assert_int_equal(bench_size(b->answer, "acts"), 0);
}

static void
test_decisions_of_a_subject(void **state)
{
    struct bench *b = *state;
    char ref[16];

    for (int i = 0; i < 25; i++) {
        (void)snprintf(ref, sizeof(ref), "%02X", i);
        b->now_s = NOW_S + i;
        add_decision(b, "user:ann@example.org", "ann@example.org", ref, 0);
    }
    /* one that is about no limit names its login all the same */
    b->now_s++;
    add_decision(b, "", "ann@example.org", "FF", 0);
    bench_get(b, "/v1/subjects/user:ann@example.org");
    assert_int_equal(b->status, 200);
    assert_int_equal(bench_size(b->answer, "decisions"), 20);
    assert_string_equal(bench_string(b->answer, "decisions.0.ref"), "FF");
    assert_string_equal(bench_string(b->answer, "decisions.1.ref"), "18");
    bench_get(b, "/v1/subjects/user:ann@example.org/export");
    assert_int_equal(bench_size(b->answer, "subject.decisions"), 26);
}

/* ----- lists */

static void
fill(struct bench *b, unsigned n)
{
    char id[64];

    for (unsigned i = 1; i <= n; i++) {
        (void)snprintf(id, sizeof(id), "user:u%u@example.org", i);
        count(b, id, "user", hour, i);
    }
}

static void
test_pages(void **state)
{
    struct bench *b = *state;
    char target[160], last[SUBJECT_TEXT] = "";
    unsigned seen = 0, pages = 0;
    long before = 1000;

    fill(b, 25);
    (void)snprintf(target, sizeof(target),
                   "/v1/subjects?kind=user&sort=external&limit=10");
    for (;;) {
        json_t *row;
        size_t i;

        bench_get(b, target);
        assert_int_equal(b->status, 200);
        assert_string_equal(bench_string(b->answer, "from"), "top");
        json_array_foreach(bench_at(b->answer, "subjects"), i, row)
        {
            assert_true(bench_number(row, "used") < before);
            before = bench_number(row, "used");
            (void)snprintf(last, sizeof(last), "%s", bench_string(row, "id"));
            seen++;
        }
        pages++;
        if (!json_is_string(bench_at(b->answer, "next")))
            break;
        (void)snprintf(target, sizeof(target),
                       "/v1/subjects?kind=user&sort=external&limit=10&"
                       "cursor=%s",
                       bench_string(b->answer, "next"));
    }
    assert_int_equal(seen, 25);
    assert_int_equal(pages, 3);
    assert_string_equal(last, "user:u1@example.org");
    /* a cursor goes with its question */
    bench_get(b, "/v1/subjects?kind=user&sort=external&limit=10");
    (void)snprintf(target, sizeof(target),
                   "/v1/subjects?kind=user&sort=share&cursor=%s",
                   bench_string(b->answer, "next"));
    bench_get(b, target);
    assert_int_equal(b->status, 400);
}

static void
test_figures_are_of_now(void **state)
{
    struct bench *b = *state;

    fill(b, 3);
    b->now_s += 2 * 3600;
    count(b, "user:u1@example.org", "user", hour, 2);
    bench_get(b, "/v1/subjects?sort=external");
    assert_int_equal(bench_size(b->answer, "subjects"), 1);
    assert_string_equal(bench_string(b->answer, "subjects.0.id"),
                        "user:u1@example.org");
    assert_int_equal(bench_number(b->answer, "subjects.0.used"), 2);
}

static void
test_kinds_are_merged_by_share(void **state)
{
    struct bench *b = *state;

    count(b, "user:ann@example.org", "user", hour, 150);
    count(b, "client:192.0.2.7", "host", (struct rate){30, 60}, 29);
    bench_get(b, "/v1/subjects");
    assert_string_equal(bench_string(b->answer, "sort"), "share");
    assert_string_equal(bench_string(b->answer, "subjects.0.id"),
                        "client:192.0.2.7");
    assert_string_equal(bench_string(b->answer, "subjects.1.id"),
                        "user:ann@example.org");
    assert_string_equal(bench_string(b->answer, "subjects.1.limit"), "user");
}

static enum ms_err
quarantine(void *arg, struct store_state *state)
{
    (void)arg;
    state->standing = STANDING_QUARANTINED;
    return MS_OK;
}

static void
test_standings(void **state)
{
    struct bench *b = *state;
    struct subject subject = bench_subject("user:eve@example.org");

    fill(b, 3);
    assert_int_equal(store_update(daemon_store(b->desk.daemon), &subject,
                                  bench_now(b), quarantine, NULL),
                     MS_OK);
    bench_get(b, "/v1/subjects?standing=quarantined");
    assert_string_equal(bench_string(b->answer, "from"), "standing");
    assert_int_equal(bench_size(b->answer, "subjects"), 1);
    assert_string_equal(bench_string(b->answer, "subjects.0.id"),
                        "user:eve@example.org");
    assert_true(json_is_null(bench_at(b->answer, "subjects.0.rate")));
    assert_true(json_is_true(bench_at(b->answer, "complete")));
}

static bool
not_ready(void *arg)
{
    (void)arg;
    return false;
}

/* One at a time, and none any more once the daemon ends. */
static void
test_standings_take_turns(void **state)
{
    struct bench *b = *state;

    fill(b, 3);
    assert_true(desk_take_turn(&b->desk, DESK_WALK, false, 0));
    bench_get(b, "/v1/subjects?standing=normal");
    assert_int_equal(b->status, 503);
    assert_string_equal(bench_string(b->answer, "type"),
                        "tag:mortsafe,2026:store-unavailable");
    b->peer.tcp = true; /* whoever is there has other turns */
    bench_get(b, "/v1/subjects?standing=normal");
    assert_int_equal(bench_size(b->answer, "subjects"), 3);
    b->peer.tcp = false;
    desk_end_turn(&b->desk, DESK_WALK, false);
    bench_get(b, "/v1/subjects?standing=normal");
    assert_int_equal(bench_size(b->answer, "subjects"), 3);
    b->desk.ready = not_ready;
    bench_get(b, "/v1/subjects?standing=normal");
    assert_int_equal(bench_size(b->answer, "subjects"), 0);
    assert_true(json_is_false(bench_at(b->answer, "complete")));
}

/* The best of many, and of several hosts' words the highest. */
static void
test_pick(void **state)
{
    struct api_pick *pick;
    struct top_row row = {.metric = METRIC_EXTERNAL};
    const struct api_picked *const *rows;
    size_t n;

    (void)state;
    assert_int_equal(api_pick_create(METRIC_EXTERNAL, 10, &pick), MS_OK);
    for (unsigned i = 0; i < 1000; i++) {
        char id[32];

        (void)snprintf(id, sizeof(id), "u%u", i * 7919 % 1000);
        assert_true(subject_make(SUBJECT_USER, id, &row.subject));
        row.used = i * 7919 % 1000;
        assert_int_equal(api_pick_offer(pick, &row, NULL), MS_OK);
    }
    rows = api_pick_sorted(pick, &n);
    assert_int_equal(n, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(rows[i]->row.used, 999 - i);
    api_pick_destroy(pick);

    assert_int_equal(api_pick_create(METRIC_EXTERNAL, 100, &pick), MS_OK);
    for (unsigned i = 0; i < 30; i++) {
        char id[32], host[32];

        (void)snprintf(id, sizeof(id), "u%u", i % 10);
        (void)snprintf(host, sizeof(host), "mx%u", i / 10);
        assert_true(subject_make(SUBJECT_USER, id, &row.subject));
        row.used = i / 10 == i % 3 ? 100 + i % 10 : i % 10;
        assert_int_equal(api_pick_offer(pick, &row, host), MS_OK);
    }
    api_pick_merge(pick);
    rows = api_pick_sorted(pick, &n);
    assert_int_equal(n, 10);
    for (unsigned i = 1; i < 10; i++)
        assert_true(rows[i]->row.used <= rows[i - 1]->row.used);
    api_pick_destroy(pick);
}

/* ----- acts */

static void
test_reset(void **state)
{
    struct bench *b = *state;

    count(b, "user:ann@example.org", "user", hour, 300);
    count(b, "user:ann@example.org", "user", day, 300);
    count(b, "user:ann@example.org", "volume", (struct rate){20480, 86400}, 9);
    bench_ask(b, API_POST, "/v1/subjects/user:ann@example.org/reset",
              "{\"limit\": \"user\"}");
    assert_int_equal(b->status, 200);
    bench_get(b, "/v1/subjects/user:ann@example.org");
    assert_int_equal(bench_number(use_at(b->answer, "user", 3600), "used"), 0);
    assert_int_equal(
        bench_number(bench_at(use_at(b->answer, "user", 86400), ""), "used"),
        0);
    assert_int_equal(bench_number(use_at(b->answer, "volume", 86400), "used"),
                     9);
    bench_ask(b, API_POST, "/v1/subjects/user:ann@example.org/reset", "{}");
    bench_get(b, "/v1/subjects?sort=share");
    assert_int_equal(bench_size(b->answer, "subjects"), 0);
    bench_get(b, "/v1/audit");
    assert_int_equal(bench_size(b->answer, "entries"), 2);
    assert_string_equal(bench_string(b->answer, "entries.0.act"), "reset");
    assert_string_equal(bench_string(b->answer, "entries.0.by"),
                        "ann (uid 1000)");
    assert_string_equal(bench_string(b->answer, "entries.0.subject"),
                        "user:ann@example.org");
    /* of somebody nobody has seen: nothing to do is done */
    bench_ask(b, API_POST, "/v1/subjects/user:new@example.org/reset", "{}");
    assert_int_equal(b->status, 200);
}

static void
test_acts(void **state)
{
    struct bench *b = *state;
    char target[64];

    bench_ask(b, API_POST, "/v1/subjects/user:new@example.org/exempt",
              "{\"limit\": \"limit.user\", \"until\": \"2026-12-24\", "
              "\"note\": \"ticket \\u0022 4711\"}");
    assert_int_equal(b->status, 200);
    assert_string_equal(bench_string(b->answer, "act.limit"), "user");
    assert_string_equal(bench_string(b->answer, "act.until"),
                        "2026-12-25T00:00:00Z");
    assert_string_equal(bench_string(b->answer, "act.note"), "ticket \" 4711");
    assert_true(json_is_false(bench_at(b->answer, "act.fleet")));
    /* a newer one of the same limit replaces it, one of another does not */
    bench_ask(b, API_POST, "/v1/subjects/user:new@example.org/exempt",
              "{\"limit\": \"user\"}");
    bench_ask(b, API_POST, "/v1/subjects/user:new@example.org/exempt", "{}");
    bench_get(b, "/v1/acts");
    assert_int_equal(bench_size(b->answer, "acts"), 2);
    (void)snprintf(target, sizeof(target), "/v1/acts/%s",
                   bench_string(b->answer, "acts.0.id"));
    bench_ask(b, API_DELETE, target, "");
    assert_int_equal(b->status, 200);
    bench_ask(b, API_DELETE, target, "");
    assert_int_equal(b->status, 404);
    bench_get(b, "/v1/acts");
    assert_int_equal(bench_size(b->answer, "acts"), 1);
    bench_get(b, "/v1/audit");
    assert_int_equal(bench_size(b->answer, "entries"), 4);
}

/* Acts are taken back by who may set them; a mode only by who may all. */
static void
test_a_mode_is_not_released(void **state)
{
    struct bench *b = *state;
    struct act act = {.kind = ACT_MODE,
                      .subject = {.kind = SUBJECT_KINDS},
                      .mode = MODE_OBSERVE,
                      .since = {NOW_S},
                      .until = {NOW_S + 60}};
    char target[64];

    assert_int_equal(clerk_set(b->desk.clerk, &act, NULL), MS_OK);
    (void)snprintf(target, sizeof(target), "/v1/acts/%s", act.id);
    b->rights = API_READ | API_RELEASE;
    bench_ask(b, API_DELETE, target, "");
    assert_int_equal(b->status, 403);
    b->rights = API_ALL;
    bench_ask(b, API_DELETE, target, "");
    assert_int_equal(b->status, 200);
}

/* What one host sets for itself, or takes back, the fleet's mode survives. */
static void
test_a_fleets_mode(void **state)
{
    struct bench *b = *state;
    struct act act = {.id = "AAAAAAAA",
                      .kind = ACT_MODE,
                      .subject = {.kind = SUBJECT_KINDS},
                      .mode = MODE_OBSERVE,
                      .since = {NOW_S - 60},
                      .until = {NOW_S + 7200},
                      .fleet = true,
                      .by = "bob (uid 1001)",
                      .host = "mx2.example.org"};

    assert_int_equal(diary_put_act(b->desk.diary, &act), MS_OK);
    clerk_destroy(b->desk.clerk);
    bench_clerk(b); /* which reads it */
    bench_ask(b, API_POST, "/v1/mode", "{\"mode\": \"enforce\"}");
    assert_string_equal(bench_string(b->answer, "mode"), "enforce");
    bench_get(b, "/v1/acts");
    assert_int_equal(bench_size(b->answer, "acts"), 2);
    bench_ask(b, API_POST, "/v1/mode", "{\"mode\": \"configured\"}");
    assert_int_equal(b->status, 200);
    assert_string_equal(bench_string(b->answer, "mode"), "observe");
    bench_get(b, "/v1/acts");
    assert_int_equal(bench_size(b->answer, "acts"), 1);
    assert_string_equal(bench_string(b->answer, "acts.0.id"), "AAAAAAAA");
    bench_ask(b, API_POST, "/v1/mode", "{\"mode\": \"configured\"}");
    assert_int_equal(b->status, 409);
    assert_non_null(
        strstr(bench_string(b->answer, "detail"), "bob (uid 1001)"));
    bench_get(b, "/v1/acts");
    assert_int_equal(bench_size(b->answer, "acts"), 1);
}

static const struct {
    const char *name, *target, *subject, *detail;
    enum api_method method;
} denials[] = {
    {"a name is written as policy has it",
     "/v1/subjects/user%3AAnn%40example.org/reset", "user:ann@example.org",
     "POST /v1/subjects/*/reset: needs reset", API_POST},
    {"a bare one, too", "/v1/subjects/ann%40example.org/reset",
     "user:ann@example.org", "POST /v1/subjects/*/reset: needs reset",
     API_POST},
    {"what names nobody stays out", "/v1/subjects/client%3Aann/reset", "(none)",
     "POST /v1/subjects/*/reset: needs reset", API_POST},
    {"an act is no subject", "/v1/acts/user%3Aann", "(none)",
     "DELETE /v1/acts/*: needs reset", API_DELETE},
};

/* A refusal stands where it is found by whoever must forget a name. */
static void
test_denials(void **state)
{
    struct bench *b = *state;

    for (size_t i = 0; i < ROWS(denials); i++) {
        struct api_call call = {.desk = &b->desk,
                                .peer = &b->peer,
                                .now = bench_now(b),
                                .method = denials[i].method};

        assert_int_equal(api_call_target(&call, denials[i].target, NULL),
                         MS_OK);
        expect(denials[i].name, !api_call_may(&call, API_RESET));
        api_call_end(&call);
        bench_get(b, "/v1/audit?limit=1");
        if (strcmp(bench_string(b->answer, "entries.0.subject"),
                   denials[i].subject) != 0)
            fail_msg("%s: %s", denials[i].name,
                     bench_string(b->answer, "entries.0.subject"));
        expect(denials[i].name,
               strcmp(bench_string(b->answer, "entries.0.detail"),
                      denials[i].detail) == 0);
        b->now_s++;
    }
}

/* What counts bytes is raised in bytes. */
static void
test_bytes_are_raised(void **state)
{
    struct bench *b = *state;
    json_t *use;

    bench_ask(
        b, API_POST, "/v1/subjects/user:ann@example.org/raise",
        "{\"limit\": \"volume\", \"rates\": \"50M/1d\", \"until\": \"7d\"}");
    assert_int_equal(b->status, 200);
    assert_string_equal(bench_string(b->answer, "act.rates"), "50M/1d");
    bench_get(b, "/v1/subjects/user:ann@example.org");
    use = use_at(b->answer, "volume", 86400);
    assert_string_equal(bench_string(use, "rate.text"), "50M/1d");
    assert_string_equal(bench_string(use, "raised.rates"), "50M/1d");
    assert_string_equal(bench_string(b->answer, "acts.0.rates"), "50M/1d");
}

#define ANN "/v1/subjects/user:ann@example.org"

static const struct {
    const char *name;
    enum api_method method;
    const char *target, *body;
    unsigned status;
    const char *type, *says;
} refusals[] = {
    {"an unknown subject", API_GET, ANN, "", 404, "unknown-subject",
     "user:ann@example.org"},
    {"a pseudonym that nobody has is no name", API_POST,
     "/v1/subjects/user:~AAAAAAAA/exempt", "{}", 404, "unknown-subject",
     "pseudonym"},
    {"no name", API_GET, "/v1/subjects/client:ann", "", 400, "bad-request",
     "not the name"},
    {"an unknown parameter", API_GET, "/v1/subjects?colour=red", "", 400,
     "bad-request", "colour"},
    {"an unknown kind", API_GET, "/v1/subjects?kind=people", "", 400,
     "bad-request", "people"},
    {"an unknown standing", API_GET, "/v1/subjects?standing=bad", "", 400,
     "bad-request", "bad"},
    {"an unknown sort", API_GET, "/v1/subjects?sort=name", "", 400,
     "bad-request", "name"},
    {"a foreign cursor", API_GET, "/v1/subjects?cursor=99999999999999999999",
     "", 400, "bad-request", "cursor"},
    {"a limit of none", API_GET, "/v1/subjects?limit=0", "", 400, "bad-request",
     "limit"},
    {"a limit of too many", API_GET, "/v1/subjects?limit=1001", "", 400,
     "bad-request", "limit"},
    {"neither yes nor no", API_GET, "/v1/subjects?fleet=maybe", "", 400,
     "bad-request", "fleet"},
    {"a standing of the fleet", API_GET,
     "/v1/subjects?fleet=yes&standing=normal", "", 400, "bad-request",
     "together"},
    {"an unknown limit, and a guess", API_POST, ANN "/reset",
     "{\"limit\": \"usr\"}", 404, "unknown-limit", "did you mean `user`"},
    {"a limit that is no string", API_POST, ANN "/reset", "{\"limit\": 1}", 400,
     "bad-request", "limit"},
    {"an unknown key", API_POST, ANN "/reset", "{\"limits\": \"user\"}", 400,
     "bad-request", "limits"},
    {"a parameter to what has a body", API_POST, ANN "/reset?limit=user", "{}",
     400, "bad-request", "limit"},
    {"an exemption that is over", API_POST, ANN "/exempt",
     "{\"until\": \"2026-11-21\"}", 400, "bad-request", "over"},
    {"no time", API_POST, ANN "/exempt", "{\"until\": \"soon\"}", 400,
     "bad-request", "soon"},
    {"a note that is too long", API_POST, ANN "/exempt",
     "{\"note\": \""
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "01234567890\"}",
     400, "bad-request", "note"},
    {"a fleet that is none", API_POST, ANN "/exempt", "{\"fleet\": true}", 400,
     "bad-request", "fleet"},
    {"a fleet that is no truth", API_POST, ANN "/exempt",
     "{\"fleet\": \"yes\"}", 400, "bad-request", "fleet"},
    {"an exemption of a pair that is not counted", API_POST,
     "/v1/subjects/user+client:a@b.test+192.0.2.7/exempt",
     "{\"limit\": \"box\"}", 400, "bad-request", "does not count"},
    {"a raise without an end", API_POST, ANN "/raise",
     "{\"limit\": \"user\", \"rates\": \"2000/1d\"}", 400, "bad-request",
     "until"},
    {"a raise without a limit", API_POST, ANN "/raise",
     "{\"rates\": \"2000/1d\", \"until\": \"7d\"}", 400, "bad-request",
     "limit"},
    {"a raise without rates", API_POST, ANN "/raise",
     "{\"limit\": \"user\", \"until\": \"7d\"}", 400, "bad-request", "rates"},
    {"rates that are none", API_POST, ANN "/raise",
     "{\"limit\": \"user\", \"rates\": \"many\", \"until\": \"7d\"}", 400,
     "bad-request", "rates"},
    {"a window that the limit has not", API_POST, ANN "/raise",
     "{\"limit\": \"user\", \"rates\": \"9/2h\", \"until\": \"7d\"}", 400,
     "bad-request", "counts by 1h, 1d, not by 2h"},
    {"a raise of what the limit does not count", API_POST,
     "/v1/subjects/client:192.0.2.7/raise",
     "{\"limit\": \"user\", \"rates\": \"9/1h\", \"until\": \"7d\"}", 400,
     "bad-request", "counts by user"},
    {"an act that is none", API_DELETE, "/v1/acts/AAAAAAAA", "", 404,
     "unknown-act", "AAAAAAAA"},
    {"to wait for nothing", API_GET, "/v1/decisions?wait=1", "", 400,
     "bad-request", "after"},
    {"to wait too long", API_GET, "/v1/decisions?after=1&wait=21", "", 400,
     "bad-request", "wait"},
    {"an unknown action", API_GET, "/v1/decisions?action=kill", "", 400,
     "bad-request", "kill"},
    {"an unknown deed", API_GET, "/v1/decisions?deed=undone", "", 400,
     "bad-request", "undone"},
    {"no moment", API_GET, "/v1/decisions?since=yore", "", 400, "bad-request",
     "since"},
    {"a range of its own", API_GET, "/v1/history?range=1y", "", 400,
     "bad-request", "1y"},
    {"an explanation without a client", API_POST, "/v1/explain", "{}", 400,
     "bad-request", "client"},
    {"a prefix is no client", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.0/24\"}", 400, "bad-request", "client"},
    {"an unknown listener", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.7\", \"listener\": \"smtp\"}", 400, "bad-request",
     "smtp"},
    {"a port beyond", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.7\", \"port\": 65536}", 400, "bad-request",
     "port"},
    {"recipients that are numbers", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.7\", \"to\": [1]}", 400, "bad-request", "to"},
    {"a result of SPF that is none", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.7\", \"spf\": \"soft\"}", 400, "bad-request",
     "softfail"},
    {"the same of the name in HELO", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.7\", \"spf_helo\": \"\"}", 400, "bad-request",
     "spf_helo"},
    {"a list that is not there", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.7\", \"listed\": \"zen\"}", 400, "bad-request",
     "there is no dnsbl"},
    {"a list that is a number", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.7\", \"listed\": [1]}", 400, "bad-request",
     "listed"},
    {"an unknown key of a session", API_POST, "/v1/explain",
     "{\"client\": \"192.0.2.7\", \"colour\": 1}", 400, "bad-request",
     "colour"},
};

static void
test_refusals(void **state)
{
    struct bench *b = *state;

    for (size_t i = 0; i < ROWS(refusals); i++) {
        char type[64];

        bench_ask(b, refusals[i].method, refusals[i].target, refusals[i].body);
        (void)snprintf(type, sizeof(type), "tag:mortsafe,2026:%s",
                       refusals[i].type);
        expect(refusals[i].name, b->status == refusals[i].status);
        expect(refusals[i].name,
               strcmp(bench_string(b->answer, "type"), type) == 0);
        if (strstr(bench_string(b->answer, "detail"), refusals[i].says) == NULL)
            fail_msg("%s: %s", refusals[i].name,
                     bench_string(b->answer, "detail"));
    }
    bench_get(b, "/v1/acts");
    assert_int_equal(bench_size(b->answer, "acts"), 0);
}

static void
test_a_store_that_is_away(void **state)
{
    static const struct {
        enum api_method method;
        const char *target, *body;
    } asked[] = {
        {API_GET, "/v1/subjects", ""},
        {API_GET, "/v1/subjects?standing=normal", ""},
        {API_GET, "/v1/subjects?fleet=yes", ""},
        {API_GET, ANN, ""},
        {API_GET, "/v1/subjects/ann", ""},
        {API_GET, ANN "/export", ""},
        {API_POST, ANN "/reset", "{}"},
        {API_POST, ANN "/reset", "{\"limit\": \"user\"}"},
        {API_POST, ANN "/forget", "{}"},
        {API_POST, "/v1/explain",
         "{\"client\": \"203.0.113.7\", \"user\": \"ann\", "
         "\"to\": \"v@victim.test\"}"},
    };
    static const struct {
        enum ms_err err;
        unsigned status;
    } errors[] = {{MS_UNAVAIL, 503}, {MS_TIMEOUT, 504}, {MS_NOMEM, 503}};
    struct bench *b = *state;
    struct moody *m = moody_of(daemon_store(b->desk.daemon));

    for (size_t i = 0; i < ROWS(errors) * ROWS(asked); i++) {
        m->err = MS_OK;
        if (i % ROWS(asked) == 0)
            count(b, "user:ann@example.org", "user", hour, 1);
        m->err = errors[i / ROWS(asked)].err;
        bench_ask(b, asked[i % ROWS(asked)].method,
                  asked[i % ROWS(asked)].target, asked[i % ROWS(asked)].body);
        expect(asked[i % ROWS(asked)].target,
               b->status == errors[i / ROWS(asked)].status);
    }
    m->err = MS_OK;
    bench_get(b, ANN);
    assert_int_equal(bench_number(use_at(b->answer, "user", 3600), "used"), 3);
    /* what was not carried out is told as that */
    bench_get(b, "/v1/audit");
    assert_string_equal(bench_string(b->answer, "entries.0.act"), "forget");
    assert_true(json_is_false(bench_at(b->answer, "entries.0.ok")));
}

static void
test_forget(void **state)
{
    struct bench *b = *state;
    struct subject ann = bench_subject("user:ann@example.org"), pair;
    struct act act = {.kind = ACT_EXEMPT, .until = {ACT_FOR_EVER}};
    char *told;

    assert_true(subject_make_pair(SUBJECT_USER, "ann@example.org",
                                  SUBJECT_SENDER, "x@y.test", &pair));
    count(b, "user:ann@example.org", "user", hour, 7);
    count_of(b, &pair, "box", (struct rate){20, 3600}, 3);
    picture_note(b->desk.pictures, &ann, METRIC_EXTERNAL, 7,
                 (struct wall){NOW_S});
    add_decision(b, "user:ann@example.org", "ann@example.org", "0A", 0);
    add_decision(b, "user:ann@example.org", "ann@example.org", "0B",
                 JOURNAL_WOULD);
    bench_ask(b, API_POST, ANN "/exempt", "{}");
    /* of a pair that has no counts any more */
    assert_true(subject_make_pair(SUBJECT_USER, "ann@example.org",
                                  SUBJECT_SENDER, "z@y.test", &act.subject));
    assert_int_equal(clerk_set(b->desk.clerk, &act, NULL), MS_OK);
    bench_ask(b, API_POST, ANN "/forget", "{}");
    assert_int_equal(b->status, 200);
    assert_int_equal(bench_number(b->answer, "forgotten.records"), 2);
    assert_int_equal(bench_number(b->answer, "forgotten.decisions"), 2);
    assert_int_equal(bench_number(b->answer, "forgotten.acts"), 2);
    assert_int_equal(bench_number(b->answer, "forgotten.pictures"), 1);
    bench_get(b, ANN);
    assert_int_equal(b->status, 404);
    bench_get(b, "/v1/acts");
    assert_int_equal(bench_size(b->answer, "acts"), 0);
    bench_get(b, "/v1/subjects");
    assert_int_equal(bench_size(b->answer, "subjects"), 0);
    bench_get(b, "/v1/would");
    assert_int_equal(bench_size(b->answer, "rows"), 0);
    /* who did what stays, and whom it was about is not told */
    told = json_dumps(bench_get(b, "/v1/audit"), 0);
    assert_int_equal(bench_size(b->answer, "entries"), 2);
    assert_null(strstr(told, "ann@example.org"));
    assert_non_null(strstr(told, "user:~"));
    free(told);
}

/* ----- decisions */

static void
test_decisions(void **state)
{
    struct bench *b = *state;

    add_decision(b, "user:ann@example.org", "ann@example.org", "01", 0);
    add_decision(b, "user:bob@example.org", "bob@example.org", "02",
                 JOURNAL_WOULD);
    add_decision(b, "user:ann@example.org", "ann@example.org", "03", 0);
    bench_get(b, "/v1/decisions");
    assert_int_equal(bench_size(b->answer, "decisions"), 3);
    assert_string_equal(bench_string(b->answer, "decisions.0.ref"), "03");
    assert_int_equal(bench_number(b->answer, "last"), 3);
    bench_get(b, "/v1/decisions?after=1&limit=1");
    assert_string_equal(bench_string(b->answer, "decisions.0.ref"), "02");
    assert_int_equal(bench_number(b->answer, "last"), 2);
    bench_get(b, "/v1/decisions?after=0");
    assert_string_equal(bench_string(b->answer, "decisions.0.ref"), "01");
    assert_int_equal(bench_number(b->answer, "last"), 3);
    bench_get(b, "/v1/decisions?before=2");
    assert_int_equal(bench_size(b->answer, "decisions"), 1);
    bench_get(b, "/v1/decisions?user=Ann");
    assert_int_equal(bench_size(b->answer, "decisions"), 2);
    bench_get(b, "/v1/decisions?subject=user:ann@example.org&limit=1");
    assert_int_equal(bench_size(b->answer, "decisions"), 1);
    bench_get(b, "/v1/decisions?deed=would");
    assert_string_equal(bench_string(b->answer, "decisions.0.ref"), "02");
    bench_get(b, "/v1/decisions?ref=01");
    assert_int_equal(bench_size(b->answer, "decisions"), 1);
    bench_get(b, "/v1/decisions?rule=limit&action=defer&client=192.0.2.7");
    assert_int_equal(bench_size(b->answer, "decisions"), 3);
    bench_get(b, "/v1/decisions?rule=relay");
    assert_int_equal(bench_size(b->answer, "decisions"), 0);
    /* whoever waits for what is there already does not wait */
    bench_get(b, "/v1/decisions?after=2&wait=20");
    assert_int_equal(bench_size(b->answer, "decisions"), 1);
    bench_get(b, "/v1/would");
    assert_int_equal(bench_size(b->answer, "rows"), 1);
    assert_int_equal(bench_number(b->answer, "rows.0.n"), 1);
}

static void *
add_two_soon(void *arg)
{
    const struct timespec soon = {0, 100000000};
    struct bench *b = arg;
    struct decision d[2] = {{.at_s = NOW_S, .rule = "limit.box"},
                            {.at_s = NOW_S, .rule = "limit.box"}};

    d[0].action = d[1].action = VERDICT_DEFER;
    (void)nanosleep(&soon, NULL);
    (void)diary_add(b->desk.diary, d, 2);
    return NULL;
}

/* What was looked through is not looked through again: whoever has waited goes
 * on behind it. */
static void
test_waiting_goes_on(void **state)
{
    struct bench *b = *state;
    pthread_t thread;

    add_decision(b, "user:ann@example.org", "ann@example.org", "01", 0);
    assert_int_equal(pthread_create(&thread, NULL, add_two_soon, b), 0);
    bench_get(b, "/v1/decisions?after=0&wait=20&rule=limit.box&limit=1");
    (void)pthread_join(thread, NULL);
    assert_int_equal(bench_number(b->answer, "decisions.0.seq"), 2);
    assert_int_equal(bench_number(b->answer, "last"), 2);
}

static void
test_waiting_takes_turns(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < 16; i++)
        assert_true(desk_take_turn(&b->desk, DESK_WAIT, true, 0));
    assert_true(desk_take_turn(&b->desk, DESK_SEARCH, true, 0));
    b->peer.tcp = true;
    bench_get(b, "/v1/decisions?after=0&wait=1");
    assert_int_equal(b->status, 503);
    bench_get(b, "/v1/decisions?after=0");
    assert_int_equal(b->status, 200);
    desk_end_turn(&b->desk, DESK_WAIT, true);
    add_decision(b, "user:ann@example.org", "ann@example.org", "01", 0);
    bench_get(b, "/v1/decisions?after=0&wait=1");
    assert_int_equal(b->status, 200);
    bench_get(b, "/v1/decisions?after=0&wait=1"); /* its turn was given back */
    assert_int_equal(b->status, 200);
    assert_true(desk_take_turn(&b->desk, DESK_SEARCH, true, 0));
    bench_get(b, "/v1/decisions");
    assert_int_equal(b->status, 503);
    b->peer.tcp = false;
    bench_get(b, "/v1/decisions?after=0&wait=1");
    assert_int_equal(b->status, 200);
}

static void
test_history(void **state)
{
    struct bench *b = *state;

    history_note(b->desk.history, HISTORY_DEFERRED, 5, (struct wall){NOW_S});
    bench_get(b, "/v1/history");
    assert_int_equal(bench_size(b->answer, "outcomes.deferred"), 1440);
    assert_int_equal(bench_number(b->answer, "outcomes.deferred.1439"), 5);
    bench_get(b, "/v1/history?range=30d");
    assert_int_equal(bench_size(b->answer, "outcomes.accepted"), 720);
    assert_int_equal(bench_number(b->answer, "outcomes.deferred.719"), 5);
}

/* ----- explain */

static void
test_explain(void **state)
{
    static const char message[] =
        "{\"client\": \"203.0.113.7\", \"user\": \"ann\", "
        "\"to\": [\"bob@example.com\"]}";
    struct bench *b = *state;

    bench_ask(b, API_POST, "/v1/explain", message);
    assert_int_equal(b->status, 200);
    assert_string_equal(bench_string(b->answer, "action"), "continue");
    assert_true(json_is_null(bench_at(b->answer, "code")));
    assert_true(bench_size(b->answer, "steps") > 3);
    bench_get(b, ANN);
    assert_int_equal(b->status, 404); /* nothing was counted */
    count(b, "user:ann@example.org", "user", hour, 300);
    bench_ask(b, API_POST, "/v1/explain", message);
    assert_string_equal(bench_string(b->answer, "action"), "defer");
    assert_string_equal(bench_string(b->answer, "rule"), "limit.user");
    assert_int_equal(bench_number(b->answer, "code"), 450);
    assert_true(json_is_false(bench_at(b->answer, "observed")));
    bench_get(b, ANN);
    assert_int_equal(bench_number(use_at(b->answer, "user", 3600), "used"),
                     300);
    /* a stranger may not relay */
    bench_ask(b, API_POST, "/v1/explain",
              "{\"client\": \"203.0.113.7\", \"port\": 25, \"from\": \"\", "
              "\"to\": \"v@victim.test\"}");
    assert_string_equal(bench_string(b->answer, "action"), "reject");
    assert_string_equal(bench_string(b->answer, "stage"), "rcpt");
    bench_get(b, "/v1/audit");
    assert_int_equal(bench_size(b->answer, "entries"), 0);
}

static int
set_up_lists(void **state)
{
    return bench_set_up_as(
        state, "spf { fail = reject }\n"
               "dnsbl zen { zone = zen.example  match = 127.0.0.4 }\n");
}

/* What the DNS says is handed in: nobody is asked. */
static void
test_explain_lookups(void **state)
{
    struct bench *b = *state;

    bench_ask(b, API_POST, "/v1/explain",
              "{\"client\": \"203.0.113.7\", \"from\": \"a@b.example\", "
              "\"to\": \"x@example.org\", \"spf\": \"fail\", "
              "\"helo\": \"h.example\", \"spf_helo\": \"pass\", "
              "\"listed\": [\"zen:127.0.0.4\"]}");
    assert_int_equal(b->status, 200);
    assert_string_equal(bench_string(b->answer, "action"), "reject");
    assert_string_equal(bench_string(b->answer, "rule"), "spf.fail");
    assert_string_equal(bench_string(b->answer, "enhanced"), "5.7.23");
    bench_ask(b, API_POST, "/v1/explain",
              "{\"client\": \"203.0.113.7\", \"from\": \"a@b.example\", "
              "\"to\": \"x@example.org\", \"spf\": \"pending\", "
              "\"listed\": \"zen:pending\"}");
    assert_string_equal(bench_string(b->answer, "action"), "defer");
    assert_string_equal(bench_string(b->answer, "rule"), "spf.pending");
    bench_ask(b, API_POST, "/v1/explain",
              "{\"client\": \"203.0.113.7\", \"from\": \"a@b.example\", "
              "\"to\": \"x@example.org\"}");
    assert_string_equal(bench_string(b->answer, "action"), "continue");
}

/* ----- what is asked of the DNS */

static int
set_up_resolver(void **state)
{
    return bench_set_up_as(
        state, "resolver { server = 127.0.0.1@1 }\n"
               "dnsbl zen { zone = zen.example  match = 127.0.0.2-4\n"
               "  action = reject }\n"
               "dnsbl lines { zone = lines.example }\n");
}

static void
test_nothing_is_looked_up(void **state)
{
    json_t *lookups = bench_get(*state, "/v1/lookups");

    assert_int_equal(((struct bench *)*state)->status, 200);
    assert_true(json_is_false(bench_at(lookups, "resolver.running")));
    assert_true(json_is_false(bench_at(lookups, "spf.running")));
    assert_int_equal(bench_size(lookups, "resolver.servers"), 0);
    assert_int_equal(bench_size(lookups, "lists"), 0);
    for (unsigned i = 0; i < SPF_RESULTS; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "spf.results.%s",
                       spf_result_name((enum spf_result)i));
        assert_int_equal(bench_number(lookups, path), 0);
    }
    assert_int_equal(bench_number(lookups, "waits.waited"), 0);
    assert_int_equal(bench_number(lookups, "put_off"), 0);
    (void)bench_get(*state, "/v1/lookups?list=zen");
    assert_int_equal(((struct bench *)*state)->status, 400);
}

/* Lists as they are configured, in their order. */
static void
test_lookups(void **state)
{
    struct bench *b = *state;
    const struct config *config = daemon_config_get(b->desk.daemon);
    struct lookup *lookup = NULL;
    json_t *lookups;
    struct why why;

    assert_int_equal(lookup_create(config, b->journal, &lookup, &why), MS_OK);
    assert_int_equal(lookup_run(lookup, config, &why), MS_OK);
    daemon_set_lookup(b->desk.daemon, lookup);
    lookups = bench_get(b, "/v1/lookups");
    assert_int_equal(b->status, 200);
    assert_true(json_is_true(bench_at(lookups, "resolver.running")));
    assert_true(json_is_false(bench_at(lookups, "spf.running")));
    assert_int_equal(bench_size(lookups, "resolver.servers"), 1);
    assert_string_equal(bench_string(lookups, "resolver.servers.0"),
                        "127.0.0.1@1");
    assert_int_equal(bench_size(lookups, "lists"), 2);
    assert_string_equal(bench_string(lookups, "lists.0.name"), "zen");
    assert_string_equal(bench_string(lookups, "lists.0.zone"), "zen.example");
    assert_string_equal(bench_string(lookups, "lists.0.action"), "reject");
    assert_string_equal(bench_string(lookups, "lists.1.action"), "mark");
    assert_int_equal(bench_number(lookups, "lists.1.asked"), 0);
    lookup_put_off(lookup, NULL); /* of a session that asked nothing */
    (void)bench_get(b, "/v1/lookups");
    assert_int_equal(bench_number(b->answer, "put_off"), 0);
    daemon_set_lookup(b->desk.daemon, NULL);
    lookup_destroy(lookup);
    daemon_config_put(b->desk.daemon, config);
}

/* ----- what the MTA has shown */

static void
test_seen(void **state)
{
    struct bench *b = *state;
    struct sights *sights = b->desk.sights;
    struct crowd *crowd = daemon_crowd(b->desk.daemon);
    struct prefix host;
    char name[32];
    unsigned n;
    json_t *seen;

    sights_session(sights, (struct sights_place){"mx", "25"}, "Postfix 3.7");
    sights_session(sights, (struct sights_place){"mx", NULL}, NULL);
    sights_macro(sights, SIGHTS_MAILER, false);
    sights_message(sights,
                   &(struct sights_message){.place = {"submission", "587"},
                                            .login = true,
                                            .verdict = SIGHTS_VERDICT});
    assert_int_equal(prefix_parse("192.0.2.7", &host, NULL), MS_OK);
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "pc%u", i);
        (void)crowd_note(crowd, CROWD_HELO, host, name, bench_now(b).mono, &n);
    }
    seen = bench_get(b, "/v1/seen");
    assert_int_equal(b->status, 200);
    assert_int_equal(bench_size(seen, "listeners"), 3);
    assert_string_equal(bench_string(seen, "listeners.0.port"), "25");
    assert_true(json_is_null(bench_at(seen, "listeners.1.port")));
    assert_int_equal(bench_number(seen, "listeners.2.logins"), 1);
    assert_int_equal(bench_size(seen, "macros"), SIGHTS_MACROS);
    assert_int_equal(bench_number(seen, "filter.verdicts"), 1);
    assert_string_equal(bench_string(seen, "mtas.0"), "Postfix 3.7");
    assert_int_equal(bench_size(seen, "crowds"), 1);
    assert_string_equal(bench_string(seen, "crowds.0.client"), "192.0.2.7");
    assert_true(bench_number(seen, "crowds.0.helo") > CROWD_HELO_MOST);
    assert_string_equal(bench_string(seen, "crowds.0.at"),
                        "2026-11-22T14:17:52Z");
    (void)bench_get(b, "/v1/seen?since=1d");
    assert_int_equal(b->status, 400);
}

int
main(void)
{
#define TEST(f)                                                                \
    cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_names),
        TEST(test_every_name_finds_itself),
        TEST(test_bare_keys),
        TEST(test_pseudonyms),
        TEST(test_a_pseudonym_of_nobody_any_more),
        TEST(test_uses),
        TEST(test_table_rates),
        TEST(test_raised_rates),
        TEST(test_prefixes_and_clients),
        TEST(test_exemptions),
        TEST(test_decisions_of_a_subject),
        TEST(test_pages),
        TEST(test_figures_are_of_now),
        TEST(test_kinds_are_merged_by_share),
        TEST(test_standings),
        TEST(test_standings_take_turns),
        TEST(test_pick),
        TEST(test_reset),
        TEST(test_acts),
        TEST(test_a_mode_is_not_released),
        TEST(test_a_fleets_mode),
        TEST(test_denials),
        TEST(test_bytes_are_raised),
        TEST(test_refusals),
        TEST(test_a_store_that_is_away),
        TEST(test_forget),
        TEST(test_decisions),
        TEST(test_waiting_goes_on),
        TEST(test_waiting_takes_turns),
        TEST(test_history),
        TEST(test_explain),
        cmocka_unit_test_setup_teardown(test_explain_lookups, set_up_lists,
                                        bench_tear_down),
        TEST(test_nothing_is_looked_up),
        cmocka_unit_test_setup_teardown(test_lookups, set_up_resolver,
                                        bench_tear_down),
        TEST(test_seen),
    };
#undef TEST

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
