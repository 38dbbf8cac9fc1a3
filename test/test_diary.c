/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The diary: what is written is found again, within its bounds, whatever
 * befalls its file.
 */
#include <config.h>

#include "milter/diary/change.h"
#include "milter/diary/diary.h"
#include "milter/diary/held.h"
#include "milter/diary/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "test/faulty_disk.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { NOON_S = 1767787200, DAY_S = 86400, ROOM = 64, PATH = 4096 };

/* ----- what others allocate for us fails like our own (test/scarce.h) */

static sqlite3_mem_methods usual_memory;

static void *
sqlite_malloc(int size)
{
    return scarce_fails() ? NULL : usual_memory.xMalloc(size);
}

static void *
sqlite_realloc(void *old, int size)
{
    return scarce_fails() ? NULL : usual_memory.xRealloc(old, size);
}

static void
install_memory(void)
{
    sqlite3_mem_methods methods;

    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual_memory);
    methods = usual_memory;
    methods.xMalloc = sqlite_malloc;
    methods.xRealloc = sqlite_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    json_set_alloc_funcs(malloc, free); /* as this program calls it */
}

/* ----- a folder with a diary */

struct lab {
    char dir[64], path[PATH];
    struct diary *diary;
    char told[2048]; /* a line each */
    unsigned n_told;
};

static void
hear(void *arg, const char *text)
{
    struct lab *lab = arg;

    (void)snprintf(lab->told, sizeof(lab->told), "%s", text);
    lab->n_told++;
}

static enum ms_err
lab_try(struct lab *lab, struct why *why)
{
    return diary_open(lab->dir, (struct wall){NOON_S}, hear, lab, &lab->diary,
                      why);
}

static void
lab_open(struct lab *lab)
{
    struct why why = {""};

    if (lab_try(lab, &why) != MS_OK)
        fail_msg("%s", why.text);
}

static void
lab_begin(struct lab *lab)
{
    memset(lab, 0, sizeof(*lab));
    (void)snprintf(lab->dir, sizeof(lab->dir), "/tmp/test_diary.XXXXXX");
    assert_non_null(mkdtemp(lab->dir));
    (void)snprintf(lab->path, sizeof(lab->path), "%s/diary.db", lab->dir);
}

static void
lab_close(struct lab *lab)
{
    diary_close(lab->diary);
    lab->diary = NULL;
}

static void
lab_end(struct lab *lab)
{
    char command[128];
    int rc;

    lab_close(lab);
    assert_memory_equal(lab->dir, "/tmp/test_diary.", 16);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", lab->dir);
    rc = system(command);
    assert_int_equal(rc, 0);
}

static void
lab_reopen(struct lab *lab)
{
    lab_close(lab);
    lab_open(lab);
}

/* ----- decisions */

static struct decision
a_decision(const char *user, int64_t at_s)
{
    struct decision d = {.at_s = at_s,
                         .deed = JOURNAL_DONE,
                         .action = VERDICT_DEFER,
                         .host = "mx1.example.org",
                         .rule = "limit.user",
                         .listener = "submission",
                         .via = "port",
                         .client = "192.0.2.7",
                         .client_name = "h.example.net",
                         .has_from = true,
                         .nrcpt = 1,
                         .metric = METRIC_EXTERNAL,
                         .rate = {300, 3600},
                         .used = 301,
                         .retry_s = 60,
                         .code = 450,
                         .enhanced = "4.7.1",
                         .text = "later",
                         .took_us = 800};

    (void)snprintf(d.user, sizeof(d.user), "%s", user);
    (void)snprintf(d.from, sizeof(d.from), "%s", user);
    (void)snprintf(d.subject, sizeof(d.subject), "user:%s", user);
    return d;
}

static void
add_one(struct diary *diary, struct decision d)
{
    assert_int_equal(diary_add(diary, &d, 1), MS_OK);
    assert_true(d.seq > 0);
}

struct found {
    size_t n;
    struct decision last;
    char seqs[512]; /* "3 2 1" */
};

static bool
take_found(void *arg, const struct decision *d)
{
    struct found *found = arg;
    size_t len = strlen(found->seqs);

    found->n++;
    found->last = *d;
    if (len < sizeof(found->seqs) - 32)
        (void)snprintf(found->seqs + len, sizeof(found->seqs) - len, "%s%llu",
                       len > 0 ? " " : "", (unsigned long long)d->seq);
    return true;
}

static struct found
find(struct diary *diary, struct diary_query query)
{
    struct found found = {0};

    assert_int_equal(diary_find(diary, &query, take_found, &found), MS_OK);
    return found;
}

static size_t
count_all(struct diary *diary)
{
    return find(diary, (struct diary_query){.limit = 1000000}).n;
}

/* Four: two of ann (one would be), one of bob, and a failure of our own. */
static void
add_four(struct diary *diary)
{
    struct decision d[4] = {
        a_decision("ann@example.org", NOON_S),
        a_decision("ann@example.org", NOON_S + 10),
        a_decision("bob@example.com", NOON_S + 20),
        a_decision("", NOON_S + 30),
    };

    (void)snprintf(d[0].ref, sizeof(d[0].ref), "02K3F9QX");
    (void)snprintf(d[0].id, sizeof(d[0].id), "4Xk2Wz0q3zz");
    d[1].deed = JOURNAL_WOULD;
    (void)snprintf(d[1].rule, sizeof(d[1].rule), "limit");
    d[2].action = VERDICT_REJECT;
    (void)snprintf(d[2].rule, sizeof(d[2].rule), "limits.user");
    (void)snprintf(d[2].client, sizeof(d[2].client), "2001:db8::7");
    d[3].has_from = d[3].has_to = false;
    d[3].subject[0] = '\0';
    (void)snprintf(d[3].rule, sizeof(d[3].rule), "store");
    assert_int_equal(diary_add(diary, d, 4), MS_OK);
    assert_true(d[3].seq == 4 && d[0].seq == 1);
}

static const struct {
    const char *row;
    struct diary_query query;
    const char *seqs;
} queries[] = {
    {"all, the newest first", {0}, "4 3 2 1"},
    {"by reference", {.ref = "02K3F9QX"}, "1"},
    {"by queue id", {.id = "4Xk2Wz0q3zz"}, "1"},
    {"by user", {.user = "ann@example.org"}, "2 1"},
    {"of a user that differs in case", {.user = "Ann@example.org"}, ""},
    {"by client", {.client = "2001:db8::7"}, "3"},
    {"by subject", {.subject = "user:bob@example.com"}, "3"},
    {"by rule", {.rule = "limit.user"}, "1"},
    {"by the beginning of a rule", {.rule = "limit"}, "2 1"},
    {"a beginning ends at a dot", {.rule = "lim"}, ""},
    {"by action", {.action = "reject"}, "3"},
    {"of an action that is none", {.action = "x"}, ""},
    {"what was done", {.done = true}, "4 3 1"},
    {"what would have been", {.would = true}, "2"},
    {"both is all", {.done = true, .would = true}, "4 3 2 1"},
    {"since, that second included", {.since_s = NOON_S + 20}, "4 3"},
    {"until, that second not", {.until_s = NOON_S + 20}, "2 1"},
    {"after a number the oldest first", {.after = 1}, "2 3 4"},
    {"after the last", {.after = 4}, ""},
    {"after a number that never will be", {.after = UINT64_MAX}, ""},
    {"before a number", {.before = 3}, "2 1"},
    {"between numbers", {.after = 1, .before = 4}, "2 3"},
    {"no more than asked for", {.limit = 2}, "4 3"},
    {"all conditions hold",
     {.user = "ann@example.org", .would = true, .rule = "limit"},
     "2"},
    {"of two that exclude each other",
     {.ref = "02K3F9QX", .user = "bob@example.com"},
     ""},
    {"SQL as a name", {.user = "' OR 1=1 --"}, ""},
    {"a pattern as a name", {.user = "%"}, ""},
};

static void
test_find(void **state)
{
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    add_four(lab.diary);
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < ROWS(queries); i++) {
            struct found found = find(lab.diary, queries[i].query);

            if (strcmp(found.seqs, queries[i].seqs) != 0)
                fail_msg("%s: %s", queries[i].row, found.seqs);
        }
        lab_reopen(&lab);
    }
    lab_end(&lab);
}

/* Every field comes back as it was. */
static void
test_whole(void **state)
{
    struct decision d = a_decision("ann@example.org", NOON_S), *again;
    struct found found;
    struct lab lab;

    (void)state;
    d.used = d.retry_s = UINT64_MAX;
    d.has_to = true; /* and empty */
    (void)snprintf(d.error, sizeof(d.error), "timeout");
    (void)snprintf(d.store, sizeof(d.store), "local");
    (void)snprintf(d.ref, sizeof(d.ref), "02K3F9QX");
    (void)snprintf(d.id, sizeof(d.id), "4Xk2Wz0q3zz");
    lab_begin(&lab);
    lab_open(&lab);
    assert_int_equal(diary_add(lab.diary, &d, 1), MS_OK);
    found = find(lab.diary, (struct diary_query){0});
    again = &found.last;
    assert_int_equal(again->seq, d.seq);
    assert_true(again->at_s == d.at_s && again->deed == d.deed &&
                again->action == d.action && again->nrcpt == d.nrcpt &&
                again->metric == d.metric && again->rate.n == d.rate.n &&
                again->rate.span_s == d.rate.span_s && again->used == d.used &&
                again->retry_s == d.retry_s && again->code == d.code &&
                again->took_us == d.took_us && again->has_from &&
                again->has_to);
    for (size_t i = 0; i < DECISION_TEXTS; i++)
        assert_string_equal((const char *)again + decision_texts[i].at,
                            (const char *)&d + decision_texts[i].at);
    lab_end(&lab);
}

/* A user is found as it is, and as a decision shows it. */
static void
test_find_as_shown(void **state)
{
    struct decision d = a_decision("j\\xC3\\xB6rg\\x20x", NOON_S);
    struct diary *diary;

    (void)state;
    assert_int_equal(
        diary_open(NULL, (struct wall){NOON_S}, NULL, NULL, &diary, NULL),
        MS_OK);
    add_one(diary, d);
    assert_int_equal(
        find(diary, (struct diary_query){.user = "j\xc3\xb6rg x"}).n, 1);
    assert_int_equal(
        find(diary, (struct diary_query){.user = "j\\xC3\\xB6rg\\x20x"}).n, 1);
    diary_close(diary);
}

/* ----- bounds: 100,000 of them, and each found at once */

static void
set_names(struct decision *d, unsigned i)
{
    (void)snprintf(d->ref, sizeof(d->ref), "%08u", i);
    (void)snprintf(d->id, sizeof(d->id), "q%u", i);
    (void)snprintf(d->user, sizeof(d->user), "u%u@example.org", i);
    (void)snprintf(d->client, sizeof(d->client), "10.%u.%u.%u", i >> 16,
                   i >> 8 & 255, i & 255);
    (void)snprintf(d->subject, sizeof(d->subject), "user:u%u@example.org", i);
}

static void
fill(struct diary *diary, unsigned from, unsigned to)
{
    enum { SOME = 1000 };
    struct decision *some = calloc(SOME, sizeof(*some));

    assert_non_null(some);
    for (unsigned i = from; i < to; i += SOME) {
        for (unsigned j = 0; j < SOME; j++) {
            some[j] = a_decision("", NOON_S + i);
            some[j].deed = (i + j) % 2 == 0 ? JOURNAL_DONE : JOURNAL_WOULD;
            set_names(&some[j], i + j);
        }
        assert_int_equal(diary_add(diary, some, SOME), MS_OK);
    }
    free(some);
}

static void
test_hundred_thousand(void **state)
{
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    fill(lab.diary, 0, DIARY_DECISIONS + 2000);
    for (unsigned i = 2000; i < DIARY_DECISIONS + 2000; i += 997) {
        struct decision d;

        set_names(&d, i);
        /* a look through all rows, five times, would take minutes */
        assert_int_equal(find(lab.diary, (struct diary_query){.ref = d.ref}).n,
                         1);
        assert_int_equal(find(lab.diary, (struct diary_query){.id = d.id}).n,
                         1);
        assert_int_equal(
            find(lab.diary, (struct diary_query){.user = d.user}).n, 1);
        assert_int_equal(
            find(lab.diary, (struct diary_query){.client = d.client}).n, 1);
        assert_int_equal(
            find(lab.diary, (struct diary_query){.subject = d.subject}).n, 1);
    }
    assert_int_equal(count_all(lab.diary), DIARY_DECISIONS);
    assert_int_equal(find(lab.diary, (struct diary_query){.ref = "00001999"}).n,
                     0);
    assert_string_equal(find(lab.diary, (struct diary_query){.limit = 2}).seqs,
                        "102000 101999");
    assert_int_equal(
        diary_trim(lab.diary, (struct wall){NOON_S + 100000}, 50000), MS_OK);
    assert_int_equal(count_all(lab.diary), 52000);
    lab_reopen(&lab);
    assert_int_equal(count_all(lab.diary), 52000);
    assert_int_equal(diary_wait(lab.diary, 0, 0), 102000);
    lab_end(&lab);
}

/* ----- who would have been stopped */

static bool
print_would(void *arg, const struct diary_would *w)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 1024 - len, "%s %s %s %llu %lld-%lld\n", w->rule,
                   w->subject, verdict_action_name(w->action),
                   (unsigned long long)w->n, (long long)(w->first_s - NOON_S),
                   (long long)(w->last_s - NOON_S));
    return true;
}

static void
test_woulds(void **state)
{
    static const struct {
        const char *user, *rule;
        int64_t at_s;
        enum journal_deed deed;
    } rows[] = {
        {"ann@a", "limit.user", 0, JOURNAL_WOULD},
        {"ann@a", "limit.user", 5, JOURNAL_WOULD},
        {"ann@a", "limit.user", 2 * DAY_S, JOURNAL_WOULD},
        {"bob@a", "limit.user", 3, JOURNAL_WOULD},
        {"bob@a", "limit.user", 4, JOURNAL_DONE},
        {"bob@a", "auth", 1, JOURNAL_WOULD},
    };
    struct diary_would more = {.rule = "limit.user",
                               .subject = "user:bob@a",
                               .action = VERDICT_DEFER,
                               .n = 40,
                               .first_s = NOON_S + 2,
                               .last_s = NOON_S + 9};
    char text[1024] = "";
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decision d = a_decision(rows[i].user, NOON_S + rows[i].at_s);

        (void)snprintf(d.rule, sizeof(d.rule), "%s", rows[i].rule);
        d.deed = rows[i].deed;
        add_one(lab.diary, d);
    }
    diary_woulds(lab.diary, NULL, 0, print_would, text);
    assert_string_equal(text, "auth user:bob@a defer 1 1-1\n"
                              "limit.user user:ann@a defer 3 0-172800\n"
                              "limit.user user:bob@a defer 1 3-3\n");
    assert_int_equal(diary_add_woulds(lab.diary, &more, 1), MS_OK);
    text[0] = '\0';
    diary_woulds(lab.diary, "limit", NOON_S, print_would, text);
    assert_string_equal(text, "limit.user user:bob@a defer 41 2-9\n"
                              "limit.user user:ann@a defer 3 0-172800\n");
    text[0] = '\0'; /* only the day in which something was since */
    diary_woulds(lab.diary, "limit.user", NOON_S + DAY_S, print_would, text);
    assert_string_equal(text, "limit.user user:ann@a defer 1 172800-172800\n");
    text[0] = '\0';
    diary_woulds(lab.diary, "lim", 0, print_would, text);
    assert_string_equal(text, "");
    lab_end(&lab);
}

static bool
count_would(void *arg, const struct diary_would *w)
{
    (void)w;
    ++*(size_t *)arg;
    return true;
}

static void
test_woulds_bound(void **state)
{
    enum { SOME = 1000 };
    struct diary_would *some = calloc(SOME, sizeof(*some));
    struct diary *diary;
    size_t n = 0;

    (void)state;
    assert_non_null(some);
    assert_int_equal(
        diary_open(NULL, (struct wall){NOON_S}, NULL, NULL, &diary, NULL),
        MS_OK);
    for (unsigned i = 0; i < DIARY_WOULDS + SOME; i += SOME) {
        for (unsigned j = 0; j < SOME; j++) {
            some[j] = (struct diary_would){.rule = "r",
                                           .action = VERDICT_DEFER,
                                           .n = 1,
                                           .first_s = NOON_S,
                                           .last_s = NOON_S};
            (void)snprintf(some[j].subject, sizeof(some[j].subject),
                           "client:%u", i + j);
        }
        assert_int_equal(diary_add_woulds(diary, some, SOME), MS_OK);
    }
    assert_int_equal(diary_woulds(diary, NULL, 0, count_would, &n), MS_OK);
    assert_int_equal(n, DIARY_WOULDS);
    diary_close(diary);
    free(some);
}

/* ----- acts */

static struct act
an_act(const char *id, enum act_kind kind, const char *user)
{
    struct act act = {.kind = kind,
                      .mode = MODE_OBSERVE,
                      .since = {NOON_S},
                      .until = {NOON_S + DAY_S},
                      .note = "a \"note\" \xc3\xa4",
                      .by = "ann (uid 1000)",
                      .host = "mx1"};

    (void)snprintf(act.id, sizeof(act.id), "%s", id);
    act.subject.kind = SUBJECT_KINDS;
    if (kind == ACT_MODE)
        return act;
    assert_true(subject_make(SUBJECT_USER, user, &act.subject));
    (void)snprintf(act.limit, sizeof(act.limit), "user");
    if (kind == ACT_RAISE)
        assert_int_equal(
            rates_parse("2000/1d, 100/1h", RATE_EVENTS, &act.rates, NULL),
            MS_OK);
    return act;
}

struct acts_found {
    size_t n;
    struct act act[ROOM];
};

static bool
take_act(void *arg, const struct act *act)
{
    struct acts_found *found = arg;

    found->act[found->n++] = *act;
    return found->n < ROOM;
}

static struct acts_found *
acts_of(struct diary *diary)
{
    static struct acts_found found;

    found.n = 0;
    assert_int_equal(diary_acts(diary, take_act, &found), MS_OK);
    return &found;
}

static void
check_same_act(const char *row, const struct act *a, const struct act *b)
{
    expect(row, a->kind == b->kind && strcmp(a->id, b->id) == 0);
    expect(row, a->subject.kind == b->subject.kind);
    if (a->subject.kind != SUBJECT_KINDS) {
        expect(row, a->subject.len == b->subject.len);
        expect(row,
               memcmp(a->subject.bytes, b->subject.bytes, a->subject.len) == 0);
    }
    expect(row, strcmp(a->limit, b->limit) == 0);
    expect(row, a->kind != ACT_MODE || a->mode == b->mode);
    expect(row, a->rates.n == b->rates.n);
    for (size_t i = 0; i < a->rates.n; i++)
        expect(row, a->rates.rate[i].n == b->rates.rate[i].n &&
                        a->rates.rate[i].span_s == b->rates.rate[i].span_s);
    expect(row, a->since.s == b->since.s && a->until.s == b->until.s);
    expect(row, a->fleet == b->fleet && strcmp(a->note, b->note) == 0);
    expect(row, strcmp(a->by, b->by) == 0 && strcmp(a->host, b->host) == 0);
}

static void
test_acts(void **state)
{
    struct act list[] = {
        an_act("AAAAAAAA", ACT_EXEMPT, "ann@example.org"),
        an_act("BBBBBBBB", ACT_RAISE, "bob@example.org"),
        an_act("CCCCCCCC", ACT_MODE, NULL),
        an_act("DDDDDDDD", ACT_EXEMPT, "\xff\x01\\\" '"),
        an_act("EEEEEEEE", ACT_EXEMPT, "x"),
    };
    struct acts_found *found;
    bool there = false;
    struct lab lab;

    (void)state;
    list[0].limit[0] = '\0';
    list[0].until.s = ACT_FOR_EVER;
    list[1].fleet = true;
    assert_true(subject_make_pair(SUBJECT_USER, "a+x@b", SUBJECT_SENDER,
                                  "c+y@d", &list[4].subject));
    lab_begin(&lab);
    lab_open(&lab);
    for (size_t i = ROWS(list); i-- > 0;)
        assert_int_equal(diary_put_act(lab.diary, &list[i]), MS_OK);
    list[2].mode = MODE_ENFORCE; /* the same id: in its place */
    assert_int_equal(diary_put_act(lab.diary, &list[2]), MS_OK);
    lab_reopen(&lab);
    found = acts_of(lab.diary);
    assert_int_equal(found->n, ROWS(list));
    for (size_t i = 0; i < ROWS(list); i++)
        check_same_act(list[i].id, &found->act[i], &list[i]);
    assert_int_equal(diary_remove_act(lab.diary, "BBBBBBBB", &there), MS_OK);
    assert_true(there);
    assert_int_equal(diary_remove_act(lab.diary, "BBBBBBBB", &there), MS_OK);
    assert_false(there);
    assert_int_equal(acts_of(lab.diary)->n, ROWS(list) - 1);
    lab_end(&lab);
}

#define ACT "\"id\":\"AAAAAAAA\",\"since\":\"2026-01-07T12:00:00Z\""

static void
test_act_read(void **state)
{
    static const struct {
        const char *row, *text;
        enum ms_err err;
    } rows[] = {
        {"an exemption", "{" ACT ",\"kind\":\"exempt\",\"subject\":\"user:a\"}",
         MS_OK},
        {"a pair",
         "{" ACT ",\"kind\":\"exempt\",\"subject\":\"user+client:a+1.2.3.4\"}",
         MS_OK},
        {"a mode", "{" ACT ",\"kind\":\"mode\",\"mode\":\"observe\"}", MS_OK},
        {"a mode that is none", "{" ACT ",\"kind\":\"mode\",\"mode\":\"x\"}",
         MS_INVALID},
        {"a mode without one", "{" ACT ",\"kind\":\"mode\"}", MS_INVALID},
        {"another kind", "{" ACT ",\"kind\":\"x\",\"subject\":\"user:a\"}",
         MS_INVALID},
        {"no subject", "{" ACT ",\"kind\":\"exempt\",\"subject\":null}",
         MS_INVALID},
        {"a subject of no kind",
         "{" ACT ",\"kind\":\"exempt\",\"subject\":\"a\"}", MS_INVALID},
        {"a pair of one",
         "{" ACT ",\"kind\":\"exempt\",\"subject\":\"user+client:a\"}",
         MS_INVALID},
        {"an escape that is cut",
         "{" ACT ",\"kind\":\"exempt\",\"subject\":\"user:a\\\\x4\"}",
         MS_INVALID},
        {"an escaped NUL",
         "{" ACT ",\"kind\":\"exempt\",\"subject\":\"user:a\\\\x00\"}",
         MS_INVALID},
        {"a raise without rates",
         "{" ACT ",\"kind\":\"raise\",\"subject\":\"user:a\"}", MS_INVALID},
        {"rates that are none",
         "{" ACT
         ",\"kind\":\"raise\",\"subject\":\"user:a\",\"rates\":\"much\"}",
         MS_INVALID},
        {"an id too short",
         "{\"id\":\"A\",\"kind\":\"mode\",\"mode\":\"observe\"}", MS_INVALID},
        {"an id with a blank",
         "{\"id\":\"AAAA AAA\",\"kind\":\"mode\",\"mode\":\"observe\"}",
         MS_INVALID},
        {"an end that is no time",
         "{" ACT ",\"kind\":\"mode\",\"mode\":\"observe\",\"until\":\"x\"}",
         MS_INVALID},
        {"an end that is a number",
         "{" ACT ",\"kind\":\"mode\",\"mode\":\"observe\",\"until\":1}",
         MS_INVALID},
        {"fleet that is no bool",
         "{" ACT ",\"kind\":\"mode\",\"mode\":\"observe\",\"fleet\":1}",
         MS_INVALID},
        {"an array", "[]", MS_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *json = json_loads(rows[i].text, 0, NULL);
        struct act act;

        expect(rows[i].row, json != NULL);
        expect(rows[i].row, act_read(json, &act) == rows[i].err);
        json_decref(json);
    }
}

static void
test_act_json(void **state)
{
    struct act act = an_act("AAAAAAAA", ACT_RAISE, "ann@example.org");
    json_t *json = act_json(&act, (struct wall){NOON_S + DAY_S - 1});
    char *text = json_dumps(json, JSON_COMPACT);

    (void)state;
    assert_string_equal(
        text, "{\"id\":\"AAAAAAAA\",\"kind\":\"raise\","
              "\"subject\":\"user:ann@example.org\",\"limit\":\"user\","
              "\"rates\":\"2000/1d, 100/1h\",\"mode\":null,"
              "\"since\":\"2026-01-07T12:00:00Z\","
              "\"until\":\"2026-01-08T12:00:00Z\","
              "\"note\":\"a \\\"note\\\" \xc3\xa4\","
              "\"by\":\"ann (uid 1000)\",\"host\":\"mx1\",\"fleet\":false,"
              "\"holds\":true}");
    free(text);
    json_decref(json);
    json = act_json(&act, (struct wall){NOON_S + DAY_S});
    assert_true(json_is_false(json_object_get(json, "holds")));
    json_decref(json);
    (void)snprintf(act.note, sizeof(act.note), "\xff"); /* no UTF-8 */
    json = act_json(&act, (struct wall){NOON_S});
    assert_string_equal(json_string_value(json_object_get(json, "note")),
                        "\\xFF");
    json_decref(json);
}

/* ----- the audit trail */

static struct diary_audit
an_audit(const char *subject, const char *detail, int64_t at_s)
{
    struct diary_audit entry = {.at_s = at_s,
                                .host = "mx1",
                                .by = "ann (uid 1000)",
                                .act = "reset",
                                .ok = true};

    (void)snprintf(entry.subject, sizeof(entry.subject), "%s", subject);
    (void)snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
    return entry;
}

static bool
print_audit(void *arg, const struct diary_audit *entry)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 1024 - len, "%lld %s %s %s: %s%s\n",
                   (long long)(entry->at_s - NOON_S), entry->by, entry->act,
                   entry->subject, entry->detail, entry->ok ? "" : " no");
    return true;
}

static bool
count_audit(void *arg, const struct diary_audit *entry)
{
    (void)entry;
    ++*(size_t *)arg;
    return true;
}

static void
test_audits(void **state)
{
    struct diary_audit entry = an_audit("user:ann@a", "limit user", NOON_S);
    struct diary_audit again;
    char text[1024] = "";
    json_t *json;
    size_t n = 0;
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    assert_int_equal(diary_add_audit(lab.diary, &entry), MS_OK);
    entry = an_audit("", "no right `all'", NOON_S + 5);
    entry.ok = false;
    assert_int_equal(diary_add_audit(lab.diary, &entry), MS_OK);
    lab_reopen(&lab);
    diary_audits(lab.diary, 0, 10, print_audit, text);
    assert_string_equal(text,
                        "5 ann (uid 1000) reset : no right `all' no\n"
                        "0 ann (uid 1000) reset user:ann@a: limit user\n");
    diary_audits(lab.diary, NOON_S + 5, 10, count_audit, &n);
    assert_int_equal(n, 1);
    diary_audits(lab.diary, 0, 1, count_audit, &n);
    assert_int_equal(n, 2);
    json = diary_audit_json(&entry);
    assert_int_equal(diary_audit_read(json, &again), MS_OK);
    assert_true(again.at_s == entry.at_s && !again.ok &&
                strcmp(again.detail, entry.detail) == 0 &&
                strcmp(again.act, entry.act) == 0 && again.subject[0] == '\0');
    json_object_set_new(json, "ok", json_integer(1));
    assert_int_equal(diary_audit_read(json, &again), MS_INVALID);
    json_decref(json);
    lab_end(&lab);
}

/* ----- blobs */

static void
test_blobs(void **state)
{
    enum { LARGE = 20 << 20 };
    uint8_t *large = malloc(LARGE);
    void *bytes = &bytes;
    size_t len = 1;
    struct lab lab;

    (void)state;
    assert_non_null(large);
    memset(large, 'x', LARGE);
    lab_begin(&lab);
    lab_open(&lab);
    assert_int_equal(diary_get_blob(lab.diary, "none", &bytes, &len), MS_OK);
    assert_null(bytes);
    assert_int_equal(diary_put_blob(lab.diary, "a", "1\0002", 3), MS_OK);
    assert_int_equal(diary_put_blob(lab.diary, "b", "", 0), MS_OK);
    assert_int_equal(diary_put_blob(lab.diary, "c", large, LARGE), MS_OK);
    assert_int_equal(diary_put_blob(lab.diary, "a", "34", 2), MS_OK);
    lab_reopen(&lab);
    assert_int_equal(diary_get_blob(lab.diary, "a", &bytes, &len), MS_OK);
    assert_int_equal(len, 2);
    assert_memory_equal(bytes, "34", 2);
    free(bytes);
    assert_int_equal(diary_get_blob(lab.diary, "b", &bytes, &len), MS_OK);
    assert_int_equal(len, 0);
    assert_non_null(bytes);
    free(bytes);
    assert_int_equal(diary_get_blob(lab.diary, "c", &bytes, &len), MS_OK);
    assert_int_equal(len, LARGE);
    assert_memory_equal(bytes, large, LARGE);
    free(bytes);
    free(large);
    lab_end(&lab);
}

/* ----- forgetting */

/* Is NEEDLE anywhere in the files of the folder? */
static bool
is_on_disk(const struct lab *lab, const char *needle)
{
    char command[256];
    int rc;

    (void)snprintf(command, sizeof(command), "grep -rqaF '%s' '%s'", needle,
                   lab->dir);
    rc = system(command);
    assert_true(WIFEXITED(rc) && WEXITSTATUS(rc) <= 1);
    return WEXITSTATUS(rc) == 0;
}

static void
add_subject(struct diary *diary, const char *subject, const char *user,
            const char *from, const char *to, const char *client)
{
    struct decision d = a_decision(user, NOON_S);

    d.deed = JOURNAL_WOULD;
    d.has_to = true;
    (void)snprintf(d.subject, sizeof(d.subject), "%s", subject);
    (void)snprintf(d.from, sizeof(d.from), "%s", from);
    (void)snprintf(d.to, sizeof(d.to), "%s", to);
    (void)snprintf(d.client, sizeof(d.client), "%s", client);
    (void)snprintf(d.text, sizeof(d.text), "<%s> from [%s] waits", to, client);
    add_one(diary, d);
}

static void
fill_to_forget(struct diary *diary)
{
    struct act act = an_act("AAAAAAAA", ACT_EXEMPT, "ann@example.org");
    struct diary_audit entry =
        an_audit("user:ann@example.org", "of ann@example.org", NOON_S);

    add_subject(diary, "user:ann@example.org", "ann@example.org",
                "ann@example.org", "x@y", "192.0.2.7");
    add_subject(diary, "sender:ann@example.org", "joe", "Ann@example.ORG",
                "x@y", "192.0.2.7");
    add_subject(diary, "user+sender:joe+ann@example.org", "joe", "joe@a", "x@y",
                "192.0.2.7");
    add_subject(diary, "user:joe", "joe", "joe@a", "ann@example.org",
                "2001:db8:1:2::7");
    add_subject(diary, "user:joann@example.org", "joann@example.org", "", "x@y",
                "192.0.2.8");
    assert_int_equal(diary_put_act(diary, &act), MS_OK);
    act = an_act("BBBBBBBB", ACT_EXEMPT, "joe");
    assert_int_equal(diary_put_act(diary, &act), MS_OK);
    assert_int_equal(diary_add_audit(diary, &entry), MS_OK);
    entry = an_audit("user+sender:joe+ann@example.org", "", NOON_S);
    assert_int_equal(diary_add_audit(diary, &entry), MS_OK);
    entry = an_audit("user:joe", "joe", NOON_S);
    assert_int_equal(diary_add_audit(diary, &entry), MS_OK);
}

static void
test_forget_person(void **state)
{
    struct diary_forgotten gone = {0};
    struct subject subject;
    char text[1024] = "";
    struct found found;
    struct lab lab;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &subject));
    lab_begin(&lab);
    lab_open(&lab);
    fill_to_forget(lab.diary);
    assert_int_equal(diary_forgets(lab.diary), 0);
    assert_int_equal(diary_forget(lab.diary, &subject, "~K7Q2M9XD", &gone),
                     MS_OK);
    assert_int_equal(diary_forgets(lab.diary), 1);
    assert_int_equal(gone.decisions, 4); /* two gone, two without the name */
    assert_int_equal(gone.woulds, 3);
    assert_int_equal(gone.acts, 1);
    assert_int_equal(gone.audits, 2);
    assert_string_equal(find(lab.diary, (struct diary_query){0}).seqs, "5 4 2");
    found = find(lab.diary, (struct diary_query){.limit = 1, .before = 5});
    assert_string_equal(found.last.subject, "user:joe");
    assert_false(found.last.has_to);
    assert_string_equal(found.last.text, "");
    found = find(lab.diary, (struct diary_query){.limit = 1});
    assert_string_equal(found.last.user, "joann@example.org");
    diary_audits(lab.diary, 0, 10, print_audit, text);
    assert_string_equal(
        text, "0 ann (uid 1000) reset user:joe: joe\n"
              "0 ann (uid 1000) reset user+sender:joe+~K7Q2M9XD: \n"
              "0 ann (uid 1000) reset user:~K7Q2M9XD: of ~K7Q2M9XD\n");
    assert_false(is_on_disk(&lab, ":ann@example.org"));
    assert_false(is_on_disk(&lab, "+ann@example.org"));
    assert_false(is_on_disk(&lab, "<ann@example.org"));
    assert_false(is_on_disk(&lab, "Ann@example.ORG"));
    assert_true(is_on_disk(&lab, "joann@example.org"));
    lab_end(&lab);
}

static void
test_forget_machine(void **state)
{
    static const struct {
        const char *row, *subject;
        size_t with; /* clients that are still named */
    } rows[] = {
        {"an address", "192.0.2.7", 2},
        {"a /64 is all of it", "2001:db8:1:2::/64", 4},
        {"another /64", "2001:db8:1:3::/64", 5},
        {"no address at all", "unknown", 5},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct diary_forgotten gone = {0};
        struct subject subject;
        struct found found;
        struct lab lab;

        assert_true(subject_make(SUBJECT_CLIENT, rows[i].subject, &subject));
        lab_begin(&lab);
        lab_open(&lab);
        fill_to_forget(lab.diary);
        assert_int_equal(diary_forget(lab.diary, &subject, "~K7Q2M9XD", &gone),
                         MS_OK);
        found = find(lab.diary, (struct diary_query){.client = "192.0.2.7"});
        found.n +=
            find(lab.diary, (struct diary_query){.client = "192.0.2.8"}).n;
        found.n +=
            find(lab.diary, (struct diary_query){.client = "2001:db8:1:2::7"})
                .n;
        expect(rows[i].row, found.n == rows[i].with);
        expect(rows[i].row, gone.decisions == 5 - rows[i].with);
        expect(rows[i].row, count_all(lab.diary) == 5);
        lab_end(&lab);
    }
}

static void
test_named(void **state)
{
    static const struct {
        const char *text, *name;
        int at; /* -1: nowhere */
    } rows[] = {
        {"ann", "ann", 0},
        {"Ann", "aNN", 0},
        {"of ann, joe", "ann", 3},
        {"<ann>", "ann", 1},
        {"said ann.", "ann", 5},
        {"ann. And so", "ann", 0},
        {"cannot", "ann", -1},
        {"joann", "ann", -1},
        {"anne", "ann", -1},
        {"ann2", "ann", -1},
        {"ann.b", "ann", -1},
        {"b.ann", "ann", -1},
        {"ann@example.org", "ann", -1},
        {"example.org@ann", "ann", -1},
        {"ann+x", "ann", -1},
        {"ann-x", "ann", -1},
        {"ann_x", "ann", -1},
        {"ann\xc3\xa9", "ann", -1},
        {"\xc3\xa9"
         "ann",
         "ann", -1},
        {"cannot, ann", "ann", 8},
        {"ann", "", -1},
        {"", "ann", -1},
        {"an", "ann", -1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *at = diary_named(rows[i].text, rows[i].name);

        expect(rows[i].text,
               (at == NULL ? -1 : (int)(at - rows[i].text)) == rows[i].at);
    }
}

/* A short name is in many words; only where it is one is it forgotten. */
static void
test_forget_a_short_name(void **state)
{
    static const struct {
        const char *detail, *after;
    } rows[] = {
        {"the mode, instead of enforce", "the mode, instead of enforce"},
        {"of E, e and eve", "of ~K7Q2M9XD, ~K7Q2M9XD and eve"},
        {"e@example.org", "e@example.org"},
    };
    struct diary_forgotten gone = {0};
    char text[1024] = "", wanted[1024] = "";
    struct subject subject;
    struct found found;
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    add_subject(lab.diary, "user:joe", "joe", "joe@a", "x@y", "192.0.2.7");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct diary_audit entry = an_audit("user:joe", rows[i].detail, NOON_S);

        assert_int_equal(diary_add_audit(lab.diary, &entry), MS_OK);
    }
    for (size_t i = ROWS(rows); i-- > 0;)
        (void)snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted),
                       "0 ann (uid 1000) reset user:joe: %s\n", rows[i].after);
    assert_true(subject_make(SUBJECT_USER, "e", &subject));
    assert_int_equal(diary_forget(lab.diary, &subject, "~K7Q2M9XD", &gone),
                     MS_OK);
    assert_int_equal(gone.decisions, 0);
    assert_int_equal(gone.audits, 1);
    diary_audits(lab.diary, 0, 10, print_audit, text);
    assert_string_equal(text, wanted);
    found = find(lab.diary, (struct diary_query){.limit = 1});
    assert_string_equal(found.last.text, "<x@y> from [192.0.2.7] waits");
    lab_end(&lab);
}

/* Names that mean something to SQL, and one that is empty. */
static void
test_forget_odd_names(void **state)
{
    static const char *const names[] = {
        "'; DROP TABLE decision; --", "%", "_", "", "\\", "a"};
    struct diary_forgotten gone = {0};
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    fill_to_forget(lab.diary);
    for (size_t i = 0; i < ROWS(names); i++) {
        struct subject subject;

        assert_true(subject_make(SUBJECT_NETWORK, names[i], &subject));
        assert_int_equal(diary_forget(lab.diary, &subject, "~K7Q2M9XD", &gone),
                         MS_OK);
        assert_true(subject_make(SUBJECT_USER, names[i], &subject));
        if (names[i][0] != 'a' && names[i][0] != '_')
            assert_int_equal(
                diary_forget(lab.diary, &subject, "~K7Q2M9XD", &gone), MS_OK);
    }
    assert_int_equal(gone.decisions, 0);
    assert_int_equal(count_all(lab.diary), 5);
    lab_end(&lab);
}

/* ----- trimming */

static void
test_trim(void **state)
{
    const int64_t year_s = 366 * (int64_t)DAY_S;
    struct act act = an_act("AAAAAAAA", ACT_EXEMPT, "ann@example.org");
    struct diary_audit entry = an_audit("", "", NOON_S);
    char text[1024] = "";
    size_t n = 0;
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    add_four(lab.diary);
    assert_int_equal(diary_put_act(lab.diary, &act), MS_OK);
    assert_int_equal(diary_add_audit(lab.diary, &entry), MS_OK);
    assert_int_equal(diary_trim(lab.diary, (struct wall){NOON_S + 110}, 100),
                     MS_OK);
    assert_string_equal(find(lab.diary, (struct diary_query){0}).seqs, "4 3 2");
    diary_woulds(lab.diary, NULL, 0, print_would, text);
    assert_string_equal(text, "limit user:ann@example.org defer 1 10-10\n");
    /* privacy { decisions = 0 }: none; acts and the trail stay */
    assert_int_equal(diary_trim(lab.diary, (struct wall){NOON_S + 110}, 0),
                     MS_OK);
    assert_int_equal(count_all(lab.diary), 0);
    text[0] = '\0';
    diary_woulds(lab.diary, NULL, 0, print_would, text);
    assert_string_equal(text, "");
    assert_int_equal(diary_trim(lab.diary,
                                (struct wall){act.until.s + 30 * DAY_S},
                                UINT64_MAX),
                     MS_OK);
    assert_int_equal(acts_of(lab.diary)->n, 1);
    assert_int_equal(diary_trim(lab.diary,
                                (struct wall){act.until.s + 30 * DAY_S + 1},
                                UINT64_MAX),
                     MS_OK);
    assert_int_equal(acts_of(lab.diary)->n, 0);
    assert_int_equal(diary_trim(lab.diary, (struct wall){NOON_S + year_s}, 100),
                     MS_OK);
    diary_audits(lab.diary, 0, 10, count_audit, &n);
    assert_int_equal(n, 1);
    assert_int_equal(
        diary_trim(lab.diary, (struct wall){NOON_S + year_s + 1}, 100), MS_OK);
    diary_audits(lab.diary, 0, 10, count_audit, &n);
    assert_int_equal(n, 1);
    /* a number is never given twice */
    add_one(lab.diary, a_decision("x", NOON_S));
    assert_string_equal(find(lab.diary, (struct diary_query){0}).seqs, "5");
    lab_end(&lab);
}

/* ----- in memory */

static void
test_in_memory(void **state)
{
    struct diary_forgotten gone = {0};
    struct subject subject;
    struct diary *diary;

    (void)state;
    assert_int_equal(
        diary_open(NULL, (struct wall){NOON_S}, NULL, NULL, &diary, NULL),
        MS_OK);
    add_four(diary);
    for (size_t i = 0; i < ROWS(queries); i++)
        assert_string_equal(find(diary, queries[i].query).seqs,
                            queries[i].seqs);
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &subject));
    assert_int_equal(diary_forget(diary, &subject, "~K7Q2M9XD", &gone), MS_OK);
    assert_int_equal(count_all(diary), 2);
    diary_close(diary);
    diary_close(NULL);
}

/* ----- what lies where the file should be */

static void
write_file(const char *path, const char *bytes, size_t n)
{
    FILE *out = fopen(path, "we");

    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
}

static void
run_sql(const struct lab *lab, const char *sql)
{
    sqlite3 *db;

    /* past the disk of the tests, which knows no shared memory */
    assert_int_equal(
        sqlite3_open_v2(lab->path, &db, SQLITE_OPEN_READWRITE, "unix"),
        SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_mode_of_file(void **state)
{
    struct stat st;
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    assert_int_equal(stat(lab.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    lab_close(&lab);
    assert_int_equal(chmod(lab.path, 0644), 0);
    lab_open(&lab);
    assert_int_equal(stat(lab.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    lab_end(&lab);
}

static void
test_no_plain_file(void **state)
{
    static const char *const rows[] = {"a link", "a FIFO", "a folder"};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct why why = {""};
        struct lab lab;

        lab_begin(&lab);
        if (i == 0)
            assert_int_equal(symlink("/etc/passwd", lab.path), 0);
        else if (i == 1)
            assert_int_equal(mkfifo(lab.path, 0600), 0);
        else
            assert_int_equal(mkdir(lab.path, 0700), 0);
        expect(rows[i], lab_try(&lab, &why) == MS_UNAVAIL);
        expect(rows[i], strstr(why.text, lab.path) != NULL);
        lab_end(&lab);
    }
}

static void
test_folder_of_others(void **state)
{
    struct why why = {""};
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    assert_int_equal(chmod(lab.dir, 0777), 0);
    assert_int_equal(lab_try(&lab, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, "chmod"));
    assert_int_equal(chmod(lab.dir, 0700), 0);
    lab_end(&lab);
}

static void
test_newer(void **state)
{
    struct why why = {""};
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    add_four(lab.diary);
    lab_close(&lab);
    run_sql(&lab, "PRAGMA user_version = 4");
    assert_int_equal(lab_try(&lab, &why), MS_VERSION);
    assert_non_null(strstr(why.text, "newer mortsafe"));
    run_sql(&lab, "PRAGMA user_version = 3");
    lab_open(&lab);
    assert_int_equal(count_all(lab.diary), 4);
    assert_int_equal(lab.n_told, 0);
    lab_end(&lab);
}

/* ----- standings: see test_change.c and test_held.c */

static struct change
a_change(const char *user)
{
    struct change c = {.id = "AAAAAAAA",
                       .evidence = {.at_s = NOON_S, .to = STANDING_WATCHED}};

    assert_true(subject_make(SUBJECT_USER, user, &c.subject));
    return c;
}

static bool
count_change(void *arg, const struct change *change)
{
    (void)change;
    ++*(size_t *)arg;
    return true;
}

static size_t
changes_in(struct diary *diary)
{
    const struct diary_change_query query = {.limit = 1000000};
    size_t n = 0;

    assert_int_equal(diary_changes(diary, &query, count_change, &n), MS_OK);
    return n;
}

static struct held
a_held(const char *id)
{
    struct held h = {.at_s = NOON_S, .host = "mx1", .subject = "user:ann"};

    (void)snprintf(h.id, sizeof(h.id), "%s", id);
    return h;
}

static uint64_t
held_in(struct diary *diary)
{
    uint64_t n = 0;
    int64_t oldest_s;

    assert_int_equal(diary_count_held(diary, &n, &oldest_s), MS_OK);
    return n;
}

/* ----- an older file */

/* As the first version has left it; made once. */
static void
make_old(struct lab *lab)
{
    static char old[1 << 18];
    static size_t len;
    FILE *in;

    lab_begin(lab);
    if (len > 0) {
        write_file(lab->path, old, len);
        return;
    }
    lab_open(lab);
    add_four(lab->diary);
    lab_close(lab);
    run_sql(lab, "DROP TABLE change; DROP TABLE held; DROP TABLE passed;"
                 " DROP TABLE report; DROP TABLE outbox;"
                 " ALTER TABLE decision DROP COLUMN spf;"
                 " ALTER TABLE decision DROP COLUMN lists;"
                 " PRAGMA user_version = 1");
    in = fopen(lab->path, "re");
    assert_non_null(in);
    len = fread(old, 1, sizeof(old), in);
    assert_in_range(len, 4096, sizeof(old) - 1);
    fclose(in);
}

static int
number_from(void *arg, int n, char **value, char **name)
{
    (void)name;
    assert_int_equal(n, 1);
    *(long *)arg = strtol(value[0], NULL, 10);
    return 0;
}

static long
ask_sql(const struct lab *lab, const char *sql)
{
    long n = -1;
    sqlite3 *db;

    assert_int_equal(
        sqlite3_open_v2(lab->path, &db, SQLITE_OPEN_READWRITE, "unix"),
        SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, number_from, &n, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

static void
test_brought_forward(void **state)
{
    struct change change = a_change("ann");
    struct lab lab;

    (void)state;
    make_old(&lab);
    lab_open(&lab);
    assert_int_equal(count_all(lab.diary), 4);
    assert_int_equal(diary_add_change(lab.diary, &change), MS_OK);
    lab_close(&lab);
    assert_int_equal(ask_sql(&lab, "PRAGMA user_version"), 3);
    assert_int_equal(ask_sql(&lab, "SELECT count(*) FROM outbox"), 0);
    lab_open(&lab);
    assert_int_equal(count_all(lab.diary), 4);
    assert_int_equal(changes_in(lab.diary), 1);
    assert_int_equal(lab.n_told, 0);
    lab_end(&lab);
}

/* Wherever it fails, the file is an old one or a new one. */
static void
test_brought_forward_on_a_bad_disk(void **state)
{
    static const enum disk_fault faults[] = {DISK_FULL, DISK_EIO_WRITE,
                                             DISK_EIO_SYNC, DISK_TORN};
    unsigned failed = 0;

    (void)state;
    for (size_t f = 0; f < ROWS(faults); f++) {
        for (int after = 0; after < 40; after += 1 + after / 3) {
            struct lab lab;
            long layout;

            make_old(&lab);
            faulty_disk_set(faults[f], after, -1);
            failed += lab_try(&lab, NULL) != MS_OK;
            lab_close(&lab);
            faulty_disk_set(DISK_WORKS, 0, 0);
            layout = ask_sql(&lab, "PRAGMA user_version");
            assert_in_range(layout, 1, 3);
            assert_int_equal(
                ask_sql(&lab, "SELECT count(*) FROM sqlite_master"
                              " WHERE name IN ('change', 'held', 'passed',"
                              " 'report', 'outbox')"),
                layout == 1 ? 0 : 5);
            lab_open(&lab);
            assert_int_equal(count_all(lab.diary), 4);
            assert_int_equal(changes_in(lab.diary), 0);
            assert_int_equal(lab.n_told, 0);
            lab_end(&lab);
        }
    }
    assert_true(failed > 4);
}

static void
test_brought_forward_without_memory(void **state)
{
    bool all = false;

    (void)state;
    for (unsigned long n = 1; !all; n += 17) {
        struct lab lab;
        enum ms_err err;

        make_old(&lab);
        scarce_set(n);
        err = lab_try(&lab, NULL);
        all = scarce_left() > 0;
        scarce_set(0);
        assert_true(err == MS_OK || err == MS_NOMEM);
        if (err != MS_OK)
            lab_open(&lab);
        assert_int_equal(count_all(lab.diary), 4);
        assert_int_equal(changes_in(lab.diary), 0);
        lab_end(&lab);
    }
}

/* ----- what is kept of standings */

/* The newest stay, however many come. */
static void
test_bounds_of_standings(void **state)
{
    const struct passed passed = {NOON_S, "3C", "user:ann"};
    const struct diary_report report = {.at_s = NOON_S, .kind = "log"};
    struct change change = a_change("ann");
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    lab_close(&lab);
    run_sql(&lab,
            "INSERT INTO change VALUES(1, 1, 'a', 'b', NULL, 1, '{}'),"
            " (2, 1, 'a', 'b', NULL, 1, '{}'),"
            " (100000, 1, 'a', 'b', NULL, 1, '{}');"
            "INSERT INTO report VALUES(1, 1, NULL, '{}'), (2, 1, NULL, '{}'),"
            " (100000, 1, NULL, '{}');"
            "INSERT INTO passed VALUES(1, 1, '1A', 'a'), (2, 1, '2B', 'a'),"
            " (1000000, 1, '2B', 'a');"
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"
            " WHERE n < 100010) INSERT INTO held SELECT n, 1767787200 + n, 0,"
            " 1, 'mx1', n, 's', 'r', NULL FROM c");
    lab_open(&lab);
    assert_int_equal(diary_add_change(lab.diary, &change), MS_OK);
    assert_int_equal(change.seq, 100001);
    assert_int_equal(diary_add_report(lab.diary, &report), MS_OK);
    assert_int_equal(diary_add_passed(lab.diary, &passed, 1), MS_OK);
    assert_int_equal(diary_trim(lab.diary, (struct wall){NOON_S}, NOON_S),
                     MS_OK);
    assert_int_equal(held_in(lab.diary), DIARY_HELDS);
    lab_close(&lab);
    assert_int_equal(ask_sql(&lab, "SELECT min(seq) FROM change"), 100001);
    assert_int_equal(ask_sql(&lab, "SELECT min(n) FROM report"), 2);
    assert_int_equal(ask_sql(&lab, "SELECT min(n) FROM passed"), 2);
    assert_int_equal(ask_sql(&lab, "SELECT min(n) FROM held"), 11);
    lab_end(&lab);
}

static bool
take_note(void *arg, const struct change *change)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 256 - len, "%s|", change->note);
    return true;
}

static bool
take_detail(void *arg, const struct diary_report *report)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 256 - len, "%s/%s|", report->subject,
                   report->detail);
    return true;
}

static void
add_noted(struct diary *diary, const char *user, const char *note)
{
    struct change change = a_change(user);

    (void)snprintf(change.note, sizeof(change.note), "%s", note);
    (void)snprintf(change.by, sizeof(change.by), "ann@example.org (uid 1)");
    assert_int_equal(diary_add_change(diary, &change), MS_OK);
}

static void
add_report(struct diary *diary, const char *subject, const char *detail)
{
    struct diary_report report = {.at_s = NOON_S, .kind = "log"};

    (void)snprintf(report.subject, sizeof(report.subject), "%s", subject);
    (void)snprintf(report.detail, sizeof(report.detail), "%s", detail);
    assert_int_equal(diary_add_report(diary, &report), MS_OK);
}

/* What is about somebody goes, what was said of others names nobody; and it
 * lies in no page of the file. */
static void
test_forget_standings(void **state)
{
    const struct diary_change_query any = {.limit = 100};
    struct diary_forgotten gone;
    char notes[256] = "", details[256] = "";
    struct subject ann;
    struct lab lab;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &ann));
    lab_begin(&lab);
    lab_open(&lab);
    add_noted(lab.diary, "ann@example.org", "her own");
    add_noted(lab.diary, "bob", "friend of Ann@example.org.");
    add_noted(lab.diary, "joann@example.org", "joann@example.org");
    add_report(lab.diary, "user:ann@example.org", "hers");
    add_report(lab.diary, "sender:ann@example.org", "hers, too");
    add_report(lab.diary, "", "to <ann@example.org>");
    lab_close(&lab);
    run_sql(&lab,
            "INSERT INTO outbox(at_s, due_s, kind, subject, state, tries,"
            " json) VALUES(1, 1, 'k', 'user:ann@example.org', 'sent', 1, '{}'),"
            " (1, 1, 'k', 'client:192.0.2.7', 'waiting', 1,"
            " '{\"to\":\"ann@example.org\"}'),"
            " (1, 1, 'k', 'user:bob', 'waiting', 1, '{}')");
    lab_open(&lab);
    assert_int_equal(diary_forget(lab.diary, &ann, "~K7Q2M9XD", &gone), MS_OK);
    assert_int_equal(gone.changes, 2);
    assert_int_equal(gone.reports, 3);
    assert_int_equal(gone.letters, 2);
    assert_int_equal(diary_changes(lab.diary, &any, take_note, notes), MS_OK);
    assert_string_equal(notes, "joann@example.org|friend of ~K7Q2M9XD.|");
    assert_int_equal(diary_reports(lab.diary, NULL, 0, 0, take_detail, details),
                     MS_OK);
    assert_string_equal(details, "/to <~K7Q2M9XD>|");
    lab_close(&lab);
    assert_int_equal(ask_sql(&lab, "SELECT count(*) FROM outbox"), 1);
    lab_end(&lab);
}

/* ----- damage */

static bool
take_id(void *arg, const struct held *held)
{
    char *text = arg;
    size_t len = strlen(text);

    (void)snprintf(text + len, 256 - len, "%s ", held->id);
    return true;
}

/* What of standings goes on in the new file. */
static void
test_damaged_standings(void **state)
{
    static const struct {
        const char *row, *sql;
        size_t changes;
        const char *held;
        bool blob;
    } rows[] = {
        {"all of it", "", 2, "1A 2B ", true},
        {"no messages held", "DROP TABLE held;", 2, "", true},
        {"no changes", "DROP TABLE change;", 0, "1A 2B ", true},
        {"an old file, and tables that it cannot have",
         "DROP TABLE change; DROP TABLE held; PRAGMA user_version = 1;", 0, "",
         true},
        {"another table of that name",
         "DROP TABLE held; CREATE TABLE held(n, at_s, mta, nrcpt, host, id,"
         " subject, rule, \"from\"); INSERT INTO held(n) VALUES(NULL);",
         2, "", true},
        {"no blobs", "DROP TABLE blob;", 2, "1A 2B ", false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct change change = a_change("ann");
        struct held one = a_held("1A"), two = a_held("2B");
        char ids[256] = "";
        void *bytes = NULL;
        struct lab lab;
        size_t len;

        lab_begin(&lab);
        lab_open(&lab);
        assert_int_equal(diary_add_change(lab.diary, &change), MS_OK);
        assert_int_equal(diary_add_change(lab.diary, &change), MS_OK);
        assert_int_equal(diary_add_held(lab.diary, &one), MS_OK);
        assert_int_equal(diary_add_held(lab.diary, &two), MS_OK);
        assert_int_equal(diary_put_blob(lab.diary, "site", "x", 1), MS_OK);
        assert_int_equal(diary_put_blob(lab.diary, "history", "x", 1), MS_OK);
        lab_close(&lab);
        run_sql(&lab, rows[i].sql);
        run_sql(&lab, "DROP TABLE decision");
        lab_open(&lab);
        expect(rows[i].row, lab.n_told == 1);
        expect(rows[i].row, strstr(lab.told, "changes of standings") != NULL);
        expect(rows[i].row, changes_in(lab.diary) == rows[i].changes);
        expect(rows[i].row,
               diary_helds(lab.diary, NULL, 0, take_id, ids) == MS_OK &&
                   strcmp(ids, rows[i].held) == 0);
        expect(rows[i].row,
               diary_get_blob(lab.diary, "site", &bytes, &len) == MS_OK &&
                   (bytes != NULL) == rows[i].blob);
        free(bytes);
        expect(rows[i].row,
               diary_get_blob(lab.diary, "history", &bytes, &len) == MS_OK &&
                   bytes == NULL);
        /* numbers go on */
        assert_int_equal(diary_add_change(lab.diary, &change), MS_OK);
        expect(rows[i].row, change.seq > rows[i].changes);
        lab_end(&lab);
    }
}

static void
test_damaged_at_start(void **state)
{
    static const struct {
        const char *row, *sql; /* NULL: the bytes of the file */
        size_t acts;           /* that are saved */
    } rows[] = {
        {"no SQLite file at all", NULL, 0},
        {"another program's", "PRAGMA application_id = 1", 1},
        {"a layout that never was", "PRAGMA user_version = 0", 1},
        {"a table is missing", "DROP TABLE decision", 1},
        {"nothing that tells how it ended", "DROP TABLE state", 1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct act act = an_act("AAAAAAAA", ACT_EXEMPT, "ann@example.org");
        struct lab lab;

        lab_begin(&lab);
        lab_open(&lab);
        add_four(lab.diary);
        assert_int_equal(diary_put_act(lab.diary, &act), MS_OK);
        lab_close(&lab);
        if (rows[i].sql != NULL)
            run_sql(&lab, rows[i].sql);
        else
            write_file(lab.path, "this is no database, but long enough", 36);
        lab_open(&lab);
        expect(rows[i].row, lab.n_told == 1);
        expect(rows[i].row,
               strstr(lab.told, "diary.db.damaged-20260107T120000Z") != NULL);
        expect(rows[i].row, count_all(lab.diary) == 0);
        expect(rows[i].row, acts_of(lab.diary)->n == rows[i].acts);
        add_four(lab.diary);
        lab_reopen(&lab);
        expect(rows[i].row, count_all(lab.diary) == 4 && lab.n_told == 1);
        lab_end(&lab);
    }
}

/* Pages in the middle are overwritten after an end that was not clean. */
static void
test_damaged_pages(void **state)
{
    enum { PAGE = 4096 };
    struct act act = an_act("AAAAAAAA", ACT_EXEMPT, "ann@example.org");
    char noise[PAGE];
    struct lab lab;
    int fd;

    (void)state;
    memset(noise, 0xa5, sizeof(noise));
    lab_begin(&lab);
    lab_open(&lab);
    fill(lab.diary, 0, 2000);
    assert_int_equal(diary_put_act(lab.diary, &act), MS_OK);
    lab_close(&lab);
    run_sql(&lab, "UPDATE state SET clean = 0");
    fd = open(lab.path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (int page = 60; page < 90; page++)
        assert_int_equal(pwrite(fd, noise, sizeof(noise), (off_t)page * PAGE),
                         PAGE);
    close(fd);
    lab_open(&lab);
    assert_int_equal(lab.n_told, 1);
    assert_int_equal(acts_of(lab.diary)->n, 1);
    assert_int_equal(count_all(lab.diary), 0);
    lab_end(&lab);
}

/* The same while it is in use: the next writing begins another. */
static void
test_damaged_in_use(void **state)
{
    struct decision d = a_decision("ann@example.org", NOON_S + 5);
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    add_four(lab.diary);
    lab_close(&lab);
    run_sql(&lab, "DROP TABLE would");
    lab_open(&lab); /* it is not missed yet */
    assert_int_equal(lab.n_told, 0);
    assert_int_equal(diary_add(lab.diary, &d, 1), MS_OK);
    assert_int_equal(lab.n_told, 1);
    assert_int_equal(count_all(lab.diary), 1);
    lab_end(&lab);
}

/* While no other can be begun the damaged one keeps what operators have set. */
static void
test_damaged_on_a_full_disk(void **state)
{
    static const struct {
        const char *row;
        enum disk_fault fault;
        int after;
        bool starts; /* the damage is found by opening it */
    } rows[] = {
        {"full, in use", DISK_FULL, 0, false},
        {"full, at the start", DISK_FULL, 0, true},
        {"full after the tables", DISK_FULL, 12, false},
        {"full at the last moment", DISK_FULL, 20, false},
        {"cannot be synced", DISK_EIO_SYNC, 0, false},
        {"cannot be written", DISK_EIO_WRITE, 3, false},
        {"tears", DISK_TORN, 5, true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decision d = a_decision("bob@example.com", NOON_S);
        struct act act = an_act("AAAAAAAA", ACT_EXEMPT, "ann@example.org");
        struct lab lab;

        lab_begin(&lab);
        lab_open(&lab);
        assert_int_equal(diary_put_act(lab.diary, &act), MS_OK);
        lab_close(&lab);
        run_sql(&lab,
                rows[i].starts ? "DROP TABLE decision" : "DROP TABLE would");
        if (!rows[i].starts)
            lab_open(&lab);
        faulty_disk_set(rows[i].fault, rows[i].after, -1);
        if (rows[i].starts) {
            expect(rows[i].row, lab_try(&lab, NULL) != MS_OK);
        } else {
            expect(rows[i].row, diary_add(lab.diary, &d, 1) != MS_OK);
            expect(rows[i].row, diary_add(lab.diary, &d, 1) != MS_OK);
        }
        expect(rows[i].row, faulty_disk_failed());
        faulty_disk_set(DISK_WORKS, 0, 0);
        if (rows[i].starts)
            lab_open(&lab);
        expect(rows[i].row, diary_add(lab.diary, &d, 1) == MS_OK);
        expect(rows[i].row, acts_of(lab.diary)->n == 1);
        expect(rows[i].row, lab.n_told == 1);
        lab_reopen(&lab);
        expect(rows[i].row, acts_of(lab.diary)->n == 1 && lab.n_told == 1);
        lab_end(&lab);
    }
}

/* Who follows sees what comes after, in whatever file it is. */
static void
test_numbers_go_on(void **state)
{
    static const char *const rows[] = {"damaged", "removed",
                                       "replaced by an older one"};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decision d = a_decision("bob@example.com", NOON_S);
        struct lab lab, older;

        lab_begin(&lab);
        lab_open(&lab);
        add_four(lab.diary);
        if (i == 0) {
            lab_close(&lab);
            run_sql(&lab, "DROP TABLE would");
            lab_open(&lab);
        } else {
            assert_int_equal(unlink(lab.path), 0);
        }
        if (i == 2) {
            lab_begin(&older);
            lab_open(&older);
            add_one(older.diary, d);
            lab_close(&older);
            assert_int_equal(rename(older.path, lab.path), 0);
            lab_end(&older);
        }
        expect(rows[i], diary_add(lab.diary, &d, 1) == MS_OK && d.seq == 5);
        expect(rows[i], diary_wait(lab.diary, 4, 0) == 5);
        expect(rows[i],
               find(lab.diary, (struct diary_query){.after = 4}).n == 1);
        lab_reopen(&lab);
        expect(rows[i], diary_add(lab.diary, &d, 1) == MS_OK && d.seq == 6);
        /* nor does it begin again when all of them were too old */
        assert_int_equal(diary_trim(lab.diary, (struct wall){NOON_S}, 0),
                         MS_OK);
        lab_reopen(&lab);
        expect(rows[i], diary_wait(lab.diary, 0, 0) == 6);
        lab_end(&lab);
    }
}

static void
test_taken_away(void **state)
{
    static const char *const rows[] = {"removed", "replaced by noise"};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab lab;

        lab_begin(&lab);
        lab_open(&lab);
        add_four(lab.diary);
        assert_int_equal(unlink(lab.path), 0);
        if (i == 1)
            write_file(lab.path, "this is no database, but long enough", 36);
        add_one(lab.diary, a_decision("bob@example.com", NOON_S));
        expect(rows[i], count_all(lab.diary) == 1);
        lab_reopen(&lab);
        expect(rows[i], count_all(lab.diary) == 1);
        lab_end(&lab);
    }
}

/* ----- a disk that fails */

static void
test_bad_disk(void **state)
{
    static const struct {
        const char *row;
        enum disk_fault fault;
    } rows[] = {
        {"full", DISK_FULL},
        {"cannot be written", DISK_EIO_WRITE},
        {"cannot be synced", DISK_EIO_SYNC},
        {"tears", DISK_TORN},
        {"read-only", DISK_READONLY},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct act act = an_act("AAAAAAAA", ACT_EXEMPT, "ann@example.org");
        struct decision d = a_decision("bob@example.com", NOON_S);
        struct why why = {""};
        struct lab lab;

        lab_begin(&lab);
        lab_open(&lab);
        add_four(lab.diary);
        faulty_disk_set(rows[i].fault, 0, -1);
        for (int twice = 0; twice < 2; twice++) {
            expect(rows[i].row, diary_add(lab.diary, &d, 1) != MS_OK);
            expect(rows[i].row, d.seq == 0);
            expect(rows[i].row, diary_put_act(lab.diary, &act) != MS_OK);
            diary_trouble(lab.diary, &why);
            expect(rows[i].row, strstr(why.text, "diary.db") != NULL);
        }
        expect(rows[i].row, faulty_disk_failed());
        faulty_disk_set(DISK_WORKS, 0, 0);
        expect(rows[i].row, count_all(lab.diary) == 4);
        expect(rows[i].row, diary_add(lab.diary, &d, 1) == MS_OK);
        diary_trouble(lab.diary, &why);
        expect(rows[i].row, why.text[0] == '\0');
        lab_reopen(&lab);
        expect(rows[i].row, count_all(lab.diary) == 5 && lab.n_told == 0);
        lab_end(&lab);
    }
}

/* One operation fails, each in turn: a whole transaction is there or none. */
static void
test_one_operation_fails(void **state)
{
    static const enum disk_fault faults[] = {DISK_FULL, DISK_EIO_WRITE,
                                             DISK_EIO_SYNC, DISK_TORN};
    struct lab lab;
    size_t there = 0;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    for (size_t f = 0; f < ROWS(faults); f++) {
        for (int after = 0; after < 12; after++) {
            struct decision d[3] = {a_decision("a@b", NOON_S),
                                    a_decision("c@d", NOON_S),
                                    a_decision("e@f", NOON_S)};

            faulty_disk_set(faults[f], after, 1);
            if (diary_add(lab.diary, d, 3) == MS_OK)
                there += 3;
            faulty_disk_set(DISK_WORKS, 0, 0);
            assert_int_equal(count_all(lab.diary), there);
            if (after % 4 == 3)
                lab_reopen(&lab);
            assert_int_equal(count_all(lab.diary), there);
        }
    }
    assert_int_equal(lab.n_told, 0);
    lab_end(&lab);
}

static void
test_bad_disk_at_start(void **state)
{
    struct why why = {""};
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    faulty_disk_set(DISK_FULL, 0, -1);
    assert_int_equal(lab_try(&lab, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, lab.dir));
    faulty_disk_set(DISK_WORKS, 0, 0);
    lab_open(&lab);
    add_four(lab.diary);
    lab_end(&lab);
}

/* ----- no memory */

static void
test_no_memory(void **state)
{
    struct act act = an_act("AAAAAAAA", ACT_EXEMPT, "ann@example.org");
    struct decision d = a_decision("bob@example.com", NOON_S);
    unsigned failed = 0;
    size_t there = 0;
    struct lab lab;
    unsigned long n = 0;

    (void)state;
    lab_begin(&lab);
    for (bool all = false; !all;) { /* some are not missed */
        enum ms_err err;

        lab_close(&lab);
        scarce_set(++n);
        err = lab_try(&lab, NULL);
        all = scarce_left() > 0;
        scarce_set(0);
        assert_true(err == MS_OK || err == MS_NOMEM);
        failed += err == MS_NOMEM;
    }
    if (lab.diary == NULL)
        lab_open(&lab);
    assert_true(failed > 50);
    failed = 0;
    for (n = 1; n < 400; n++) {
        struct found found = {0};
        const struct diary_query query = {.limit = 10000};
        void *bytes = NULL;
        enum ms_err err[5];
        size_t len;

        scarce_set(n);
        err[0] = diary_add(lab.diary, &d, 1);
        scarce_set(n);
        err[1] = diary_put_act(lab.diary, &act);
        scarce_set(n);
        err[2] = diary_put_blob(lab.diary, "b", "x", 1);
        scarce_set(n);
        err[3] = diary_get_blob(lab.diary, "b", &bytes, &len);
        scarce_set(n);
        err[4] = diary_find(lab.diary, &query, take_found, &found);
        scarce_set(0);
        if (err[3] == MS_OK)
            free(bytes);
        there += err[0] == MS_OK;
        assert_int_equal(count_all(lab.diary), there);
        if (err[4] == MS_OK)
            assert_int_equal(found.n, there);
        for (size_t i = 0; i < ROWS(err); i++) {
            assert_true(err[i] == MS_OK || err[i] == MS_NOMEM);
            failed += err[i] != MS_OK;
        }
    }
    assert_true(failed > 100);
    assert_int_equal(acts_of(lab.diary)->n, 1);
    assert_int_equal(lab.n_told, 0);
    lab_end(&lab);
}

/* ----- kill -9 */

/* Add decisions, telling after each that it is written. */
static void
live(const struct lab *lab, int tell)
{
    struct diary *diary;
    uint64_t n = 0;

    if (diary_open(lab->dir, (struct wall){NOON_S}, NULL, NULL, &diary, NULL) !=
        MS_OK)
        _exit(2);
    for (;;) {
        struct decision d = a_decision("ann@example.org", NOON_S);

        if (diary_add(diary, &d, 1) != MS_OK)
            _exit(3);
        n = d.seq;
        if (write(tell, &n, sizeof(n)) != sizeof(n))
            _exit(4);
    }
}

static void
test_killed(void **state)
{
    enum { KILLS = 12 };
    struct lab lab;
    uint64_t last = 0;

    (void)state;
    lab_begin(&lab);
    for (int i = 0; i < KILLS; i++) {
        uint64_t seq = 0;
        int fds[2], status;
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(fds[0]);
            live(&lab, fds[1]);
        }
        close(fds[1]);
        for (int j = 0; j < 3 + i * 5; j++)
            assert_int_equal(read(fds[0], &seq, sizeof(seq)), sizeof(seq));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        while (read(fds[0], &seq, sizeof(seq)) == (ssize_t)sizeof(seq))
            ;
        close(fds[0]);
        assert_true(seq > last);
        last = seq;
        lab_open(&lab);
        assert_true(count_all(lab.diary) >= last);
        assert_true(diary_wait(lab.diary, 0, 0) >= last);
        lab_close(&lab);
    }
    assert_int_equal(lab.n_told, 0);
    lab_end(&lab);
}

/* ----- threads */

enum { THREAD_ADDS = 300 };

static void *
add_often(void *arg)
{
    struct diary *diary = arg;

    for (int i = 0; i < THREAD_ADDS; i++) {
        struct decision d = a_decision("ann@example.org", NOON_S);

        if (diary_add(diary, &d, 1) != MS_OK)
            return NULL;
    }
    return arg;
}

static bool
any_decision(void *arg, const struct decision *d)
{
    *(uint64_t *)arg = d->seq;
    return true;
}

/* Follow, as `log -f' does, until all have come, each once. */
static void *
follow(void *arg)
{
    struct diary *diary = arg;
    uint64_t seen = 0;

    while (seen < 2 * THREAD_ADDS) {
        const struct diary_query query = {.after = seen > 0 ? seen : 0,
                                          .before = seen + 2};

        if (diary_wait(diary, seen, 60000) <= seen)
            return NULL;
        if (diary_find(diary, &query, any_decision, &seen) != MS_OK)
            return NULL;
    }
    return arg;
}

static void
test_threads(void **state)
{
    pthread_t thread[3];
    struct lab lab;

    (void)state;
    lab_begin(&lab);
    lab_open(&lab);
    assert_int_equal(pthread_create(&thread[0], NULL, follow, lab.diary), 0);
    assert_int_equal(pthread_create(&thread[1], NULL, add_often, lab.diary), 0);
    assert_int_equal(pthread_create(&thread[2], NULL, add_often, lab.diary), 0);
    for (size_t i = 0; i < ROWS(thread); i++) {
        void *out = NULL;

        assert_int_equal(pthread_join(thread[i], &out), 0);
        assert_ptr_equal(out, lab.diary);
    }
    lab_end(&lab);
}

static void *
wait_long(void *arg)
{
    (void)diary_wait(arg, UINT64_MAX, 3600 * 1000);
    return NULL;
}

static void
test_wake(void **state)
{
    pthread_t thread[2];
    struct diary *diary;

    (void)state;
    assert_int_equal(
        diary_open(NULL, (struct wall){NOON_S}, NULL, NULL, &diary, NULL),
        MS_OK);
    assert_int_equal(diary_wait(diary, 0, 0), 0);
    assert_int_equal(diary_wait(diary, 0, -5), 0);
    for (size_t i = 0; i < ROWS(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, wait_long, diary), 0);
    diary_wake(diary);
    for (size_t i = 0; i < ROWS(thread); i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    (void)wait_long(diary); /* for ever */
    diary_close(diary);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_find_as_shown),
        cmocka_unit_test(test_hundred_thousand),
        cmocka_unit_test(test_woulds),
        cmocka_unit_test(test_woulds_bound),
        cmocka_unit_test(test_acts),
        cmocka_unit_test(test_act_read),
        cmocka_unit_test(test_act_json),
        cmocka_unit_test(test_audits),
        cmocka_unit_test(test_blobs),
        cmocka_unit_test(test_forget_person),
        cmocka_unit_test(test_forget_machine),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_forget_a_short_name),
        cmocka_unit_test(test_forget_odd_names),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_in_memory),
        cmocka_unit_test(test_mode_of_file),
        cmocka_unit_test(test_no_plain_file),
        cmocka_unit_test(test_folder_of_others),
        cmocka_unit_test(test_newer),
        cmocka_unit_test(test_brought_forward),
        cmocka_unit_test(test_brought_forward_on_a_bad_disk),
        cmocka_unit_test(test_brought_forward_without_memory),
        cmocka_unit_test(test_bounds_of_standings),
        cmocka_unit_test(test_forget_standings),
        cmocka_unit_test(test_damaged_standings),
        cmocka_unit_test(test_damaged_at_start),
        cmocka_unit_test(test_damaged_pages),
        cmocka_unit_test(test_damaged_in_use),
        cmocka_unit_test(test_damaged_on_a_full_disk),
        cmocka_unit_test(test_numbers_go_on),
        cmocka_unit_test(test_taken_away),
        cmocka_unit_test(test_bad_disk),
        cmocka_unit_test(test_one_operation_fails),
        cmocka_unit_test(test_bad_disk_at_start),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_wake),
    };

    install_memory();
    faulty_disk_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
