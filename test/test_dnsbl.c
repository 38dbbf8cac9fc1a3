/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to DNS lists, what their answers mean, and whether lists can be
 * believed.  The resolver is a stand-in: it keeps questions until the test
 * answers them, in whatever order.
 */
#include <config.h>

#include "policy/dns/dnsbl.h"

#include <stdlib.h>
#include <string.h>

#include "test/heard.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { NOW_S = 1800000000, ASKED = 64 };

static struct heard heard, said;
static struct mono clock_now;

static struct mono
now(void)
{
    return clock_now;
}

static struct config *
load(const char *text)
{
    struct config *config = NULL;

    if (heard_load(&heard, text, NOW_S, &config) != MS_OK)
        fail_msg("%s", heard.text);
    return config;
}

static struct prefix
host(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p, NULL), MS_OK);
    return p;
}

/* ----- the resolver's stand-in */

struct resolver_question {
    char name[RESOLVER_NAME];
    int64_t deadline_ms;
    void (*done)(void *arg, const struct resolver_answer *answer);
    void *arg;
    bool answered;
};

static struct resolver_question *asked[ASKED]; /* NULL: given back */
static size_t n_asked;
static bool refuses; /* it takes no question */

enum ms_err
resolver_ask(struct resolver *resolver, const char *name,
             enum resolver_type type, struct mono deadline,
             void (*done)(void *arg, const struct resolver_answer *answer),
             void *arg, struct resolver_question **out)
{
    struct resolver_question *q;

    (void)resolver;
    assert_int_equal(type, RESOLVER_A);
    assert_true(n_asked < ASKED);
    if (refuses)
        return MS_NOMEM;
    q = calloc(1, sizeof(*q));
    if (q == NULL)
        return MS_NOMEM;
    (void)snprintf(q->name, sizeof(q->name), "%s", name);
    q->deadline_ms = deadline.ms;
    q->done = done;
    q->arg = arg;
    asked[n_asked++] = *out = q;
    return MS_OK;
}

void
resolver_forget(struct resolver_question *question)
{
    for (size_t i = 0; i < n_asked && question != NULL; i++)
        if (asked[i] == question)
            asked[i] = NULL;
    free(question);
}

/* An answer: "nxdomain", "failed", "crowded", "nodata", or codes. */
struct answer {
    struct resolver_answer answer;
    struct resolver_record record[4];
    uint8_t code[4][4];
};

static const struct resolver_answer *
make(const char *text, struct answer *out)
{
    static const struct {
        const char *word;
        enum resolver_status status;
    } words[] = {{"nxdomain", RESOLVER_NXDOMAIN},
                 {"nodata", RESOLVER_NODATA},
                 {"failed", RESOLVER_FAILED},
                 {"crowded", RESOLVER_CROWDED}};
    char copy[128], *term, *rest;

    memset(out, 0, sizeof(*out));
    out->answer.record = out->record;
    out->answer.ttl_s = 60;
    out->answer.status = RESOLVER_DATA;
    for (size_t i = 0; i < ROWS(words); i++) {
        if (strcmp(words[i].word, text) == 0) {
            out->answer.status = words[i].status;
            return &out->answer;
        }
    }
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (term = strtok_r(copy, " ", &rest); term != NULL;
         term = strtok_r(NULL, " ", &rest)) {
        const size_t i = out->answer.n++;

        out->record[i].data = out->code[i];
        /* "x" is a record that is no address */
        out->record[i].length = *term == 'x' ? 3 : 4;
        assert_true(*term == 'x' || listmask_code(term, out->code[i]));
    }
    return &out->answer;
}

/* The first question that waits and begins with FRONT has this ANSWER. */
static void
reply(const char *front, const char *text)
{
    struct answer answer;

    for (size_t i = 0; i < n_asked; i++) {
        struct resolver_question *q = asked[i];

        if (q == NULL || q->answered ||
            strncmp(q->name, front, strlen(front)) != 0)
            continue;
        q->answered = true;
        q->done(q->arg, make(text, &answer));
        return;
    }
    fail_msg("nobody asked for %s", front);
}

static size_t
waiting(void)
{
    size_t n = 0;

    for (size_t i = 0; i < n_asked; i++)
        n += asked[i] != NULL && !asked[i]->answered;
    return n;
}

/* ----- names */

static const struct {
    const char *name, *client, *zone, *asked;
} names[] = {
    {"octets backwards", "192.0.2.7", "zen.example", "7.2.0.192.zen.example"},
    {"all their digits", "203.0.113.254", "l.example",
     "254.113.0.203.l.example"},
    {"nibbles backwards", "2001:db8::1f", "six.example",
     "f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
     "six.example"},
};

static void
test_names(void **state)
{
    char name[RESOLVER_NAME];

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        expect(names[i].name,
               dnsbl_name(host(names[i].client), names[i].zone, name));
        expect(names[i].name, strcmp(name, names[i].asked) == 0);
    }
}

static void
test_no_names(void **state)
{
    char zone[RESOLVER_NAME + 10], name[RESOLVER_NAME];

    (void)state;
    memset(zone, 'a', sizeof(zone));
    zone[253 - 64] = '\0'; /* 64 octets of an IPv6 address stand before */
    assert_true(dnsbl_name(host("2001:db8::1"), zone, name));
    assert_int_equal(strlen(name), 253);
    zone[253 - 64] = 'a';
    zone[253 - 63] = '\0';
    assert_false(dnsbl_name(host("2001:db8::1"), zone, name));
    assert_true(dnsbl_name(host("192.0.2.7"), zone, name));
    assert_false(dnsbl_name(host("192.0.2.0/24"), "zen.example", name));
    assert_false(dnsbl_name((struct prefix){0}, "zen.example", name));
    assert_false(dnsbl_name(host("192.0.2.7"), "", name));
}

/* ----- answers */

static const struct {
    const char *name, *answer;
    bool failed, any, four; /* listed by any code; by 127.0.0.4-7 */
} answers[] = {
    {"no such name", "nxdomain", false, false, false},
    {"a name for something else", "nodata", false, false, false},
    {"no answer", "failed", true, false, false},
    {"not asked", "crowded", true, false, false},
    {"a code", "127.0.0.4", false, true, true},
    {"one that is not meant", "127.0.0.2", false, true, false},
    {"the second is meant", "127.0.0.2 127.0.0.7", false, true, true},
    {"an error", "127.0.0.1", false, false, false},
    {"a parked domain", "203.0.113.5", false, false, false},
    {"no address at all", "x", false, false, false},
    {"behind what is no address", "x 127.0.0.5", false, true, true},
};

static void
test_answers(void **state)
{
    struct config *c =
        load("dnsbl any { zone = a.example }\n"
             "dnsbl four { zone = b.example  match = 127.0.0.4-7 }");

    (void)state;
    for (size_t i = 0; i < ROWS(answers); i++) {
        struct list_finding any, four;
        struct answer answer;

        dnsbl_read(c->dnsbls[0], make(answers[i].answer, &answer), &any);
        dnsbl_read(c->dnsbls[1], make(answers[i].answer, &answer), &four);
        expect(answers[i].name, any.state == LOOKUP_KNOWN);
        expect(answers[i].name, any.failed == answers[i].failed);
        expect(answers[i].name, any.listed == answers[i].any);
        expect(answers[i].name, four.listed == answers[i].four);
        expect(answers[i].name, !any.listed || any.code[0] == 127);
    }
    config_destroy(c);
}

/* "We do not answer you" is no "not listed", nor is it a listing; but a list
 * that says both has listed. */
static void
test_blocked_answers(void **state)
{
    struct config *c = load("dnsbl any { zone = a.example }");
    struct list_finding found;
    struct answer answer;

    (void)state;
    dnsbl_read(c->dnsbls[0], make("127.255.255.254", &answer), &found);
    assert_true(found.failed);
    assert_false(found.listed);
    dnsbl_read(c->dnsbls[0], make("127.255.255.252 127.0.0.2", &answer),
               &found);
    assert_false(found.failed);
    assert_true(found.listed);
    assert_int_equal(found.code[3], 2);
    config_destroy(c);
}

/* ----- care */

#define ZEN "dnsbl zen { zone = zen.example }\n"
#define SIX "dnsbl six { zone = six.example  ipv4 = no }\n"

static void
say(void *arg, const char *text)
{
    (void)arg;
    heard_line(&said, "", text);
}

static struct dnsbl_care *care;
static struct config *config;

static int
start(void **state)
{
    (void)state;
    clock_now.ms = 1000;
    n_asked = 0;
    refuses = false;
    said.text[0] = '\0';
    config = load(ZEN);
    assert_int_equal(dnsbl_care_create(NULL, now, say, NULL, &care), MS_OK);
    assert_int_equal(dnsbl_care_set(care, config), MS_OK);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    dnsbl_care_destroy(care);
    config_destroy(config);
    for (size_t i = 0; i < n_asked; i++)
        assert_null(asked[i]); /* all were given back */
    return 0;
}

static enum dnsbl_health
health(void)
{
    struct dnsbl_state state;

    assert_true(dnsbl_care_states(care, &state, 1) >= 1);
    return state.health;
}

/* The three answers of a trial: what must be listed, what must not, an address
 * at random. */
static void
try(const char *listed, const char *unlisted, const char *any)
{
    dnsbl_care_beat(care);
    assert_int_equal(waiting(), 3);
    reply("2.0.0.127.zen", listed);
    reply("1.0.0.127.zen", unlisted);
    reply("", any);
    assert_int_equal(waiting(), 0);
}

static const struct {
    const char *name, *listed, *unlisted, *any;
    enum dnsbl_health health;
    const char *said;
} trials[] = {
    {"as it should be", "127.0.0.2", "nxdomain", "nxdomain", DNSBL_SOUND, ""},
    {"with several codes", "127.0.0.2 127.0.0.4", "nodata", "nxdomain",
     DNSBL_SOUND, ""},
    {"127.0.0.1 is listed", "127.0.0.2", "127.0.0.1", "nxdomain",
     DNSBL_EVERYBODY,
     "dnsbl zen lists everybody; it is not asked until it is sound again\n"},
    {"anybody is listed", "127.0.0.2", "nxdomain", "127.0.0.2", DNSBL_EVERYBODY,
     "dnsbl zen lists everybody; it is not asked until it is sound again\n"},
    {"a domain that is for sale", "203.0.113.5", "203.0.113.5", "203.0.113.5",
     DNSBL_EVERYBODY,
     "dnsbl zen lists everybody; it is not asked until it is sound again\n"},
    {"we are blocked", "127.255.255.254", "127.255.255.254", "127.255.255.254",
     DNSBL_BLOCKED,
     "dnsbl zen says that it does not answer our resolver; it is not asked for "
     "an hour\n"},
    {"blocked now and then", "127.0.0.2", "nxdomain", "127.255.255.255",
     DNSBL_BLOCKED,
     "dnsbl zen says that it does not answer our resolver; it is not asked for "
     "an hour\n"},
    {"no answer", "failed", "failed", "crowded", DNSBL_SILENT,
     "dnsbl zen does not answer; it is asked all the same\n"},
    {"not all answers", "failed", "nxdomain", "nxdomain", DNSBL_UNTRIED, ""},
    {"nobody is listed", "nxdomain", "nxdomain", "nxdomain", DNSBL_EMPTY,
     "dnsbl zen does not list 127.0.0.2, as all lists do: is its zone written "
     "right?  It is asked all the same\n"},
};

static void
test_trials(void **state)
{
    for (size_t i = 0; i < ROWS(trials); i++) {
        stop(state);
        start(state);
        try(trials[i].listed, trials[i].unlisted, trials[i].any);
        expect(trials[i].name, health() == trials[i].health);
        expect(trials[i].name, dnsbl_care_usable(care, config->dnsbls[0]) ==
                                   (trials[i].health != DNSBL_EVERYBODY &&
                                    trials[i].health != DNSBL_BLOCKED));
        expect(trials[i].name, strcmp(said.text, trials[i].said) == 0);
    }
}

/* Each answer may be the last. */
static void
test_order(void **state)
{
    (void)state;
    dnsbl_care_beat(care);
    reply("1.0.0.127.zen", "nxdomain");
    reply("2.0.0.127.zen", "127.0.0.2");
    assert_int_equal(health(), DNSBL_UNTRIED);
    reply("", "nxdomain");
    assert_int_equal(health(), DNSBL_SOUND);
}

/* Once an hour and up to a tenth more, however often it beats; not while a
 * trial is under way. */
static void
test_hours(void **state)
{
    (void)state;
    dnsbl_care_beat(care);
    dnsbl_care_beat(care);
    assert_int_equal(waiting(), 3);
    assert_int_equal(asked[0]->deadline_ms, 1000 + DNSBL_TRIAL_MS);
    reply("", "127.0.0.2");
    reply("", "nxdomain");
    reply("", "nxdomain");
    clock_now.ms += (int64_t)DNSBL_HOUR_S * 1000 - 1;
    dnsbl_care_beat(care);
    assert_int_equal(waiting(), 0);
    clock_now.ms += (int64_t)DNSBL_HOUR_S * 100 + 1;
    dnsbl_care_beat(care);
    assert_int_equal(waiting(), 3);
}

/* One that is silent is tried sooner. */
static void
test_soon(void **state)
{
    (void)state;
    try("failed", "failed", "failed");
    clock_now.ms += (int64_t)DNSBL_SOON_S * 1000;
    try("127.0.0.2", "nxdomain", "nxdomain");
    assert_int_equal(health(), DNSBL_SOUND);
    assert_string_equal(said.text,
                        "dnsbl zen does not answer; it is asked all the same\n"
                        "dnsbl zen is sound again\n");
}

/* Back by a whole trial alone, with one line. */
static void
test_back(void **state)
{
    const int64_t later = (int64_t)DNSBL_HOUR_S * 1100;

    (void)state;
    try("127.0.0.2", "127.0.0.2", "127.0.0.2");
    clock_now.ms += later;
    try("failed", "nxdomain", "nxdomain");
    assert_false(dnsbl_care_usable(care, config->dnsbls[0]));
    clock_now.ms += later;
    try("failed", "failed", "failed");
    assert_int_equal(health(), DNSBL_EVERYBODY);
    clock_now.ms += later;
    try("127.0.0.2", "nxdomain", "nxdomain");
    assert_true(dnsbl_care_usable(care, config->dnsbls[0]));
    assert_string_equal(said.text, "dnsbl zen lists everybody; it is not asked "
                                   "until it is sound again\n"
                                   "dnsbl zen is sound again\n");
}

/* An answer about a client may tell first that we are blocked; one line of
 * it, and an hour later it is tried. */
static void
test_noted(void **state)
{
    const struct dnsbl *zen = config->dnsbls[0];
    struct dnsbl_state state_of;
    struct answer answer;

    (void)state;
    try("127.0.0.2", "nxdomain", "nxdomain");
    dnsbl_care_note(care, zen, make("nxdomain", &answer));
    dnsbl_care_note(care, zen, make("127.0.0.4", &answer));
    dnsbl_care_note(care, zen, make("failed", &answer));
    assert_true(dnsbl_care_usable(care, zen));
    dnsbl_care_note(care, zen, make("127.255.255.254", &answer));
    dnsbl_care_note(care, zen, make("127.255.255.254", &answer));
    assert_false(dnsbl_care_usable(care, zen));
    assert_string_equal(said.text,
                        "dnsbl zen says that it does not answer our resolver; "
                        "it is not asked for an hour\n");
    assert_int_equal(dnsbl_care_states(care, &state_of, 1), 1);
    assert_string_equal(state_of.name, "zen");
    assert_string_equal(state_of.zone, "zen.example");
    assert_int_equal(state_of.asked, 5);
    assert_int_equal(state_of.listed, 1);
    assert_int_equal(state_of.failed, 3);
    clock_now.ms += (int64_t)DNSBL_HOUR_S * 1100;
    try("127.0.0.2", "nxdomain", "nxdomain");
    assert_true(dnsbl_care_usable(care, zen));
}

/* The forms of RFC 5782 section 5 for a list of IPv6 addresses alone. */
static void
test_six(void **state)
{
    struct config *six = load(SIX);

    (void)state;
    assert_int_equal(dnsbl_care_set(care, six), MS_OK);
    dnsbl_care_beat(care);
    assert_int_equal(waiting(), 3);
    reply("2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.six",
          "127.0.0.2");
    reply("1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.six",
          "nxdomain");
    for (size_t i = 0; i < n_asked; i++) /* of what is for examples */
        if (asked[i] != NULL && !asked[i]->answered)
            assert_non_null(
                strstr(asked[i]->name, ".0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.six"));
    reply("", "nxdomain");
    assert_int_equal(health(), DNSBL_SOUND);
    config_destroy(six);
}

/* ----- reloads */

/* What is known of a zone stays, under another name, too; numbers are the
 * list's. */
static void
test_kept(void **state)
{
    struct config *more =
        load("dnsbl new { zone = new.example }\n" ZEN
             "dnsbl two { zone = zen.example  match = 127.0.0.9 }");
    struct dnsbl_state states[3];
    struct answer answer;

    (void)state;
    try("127.0.0.2", "127.0.0.2", "nxdomain");
    dnsbl_care_note(care, config->dnsbls[0], make("127.0.0.4", &answer));
    assert_int_equal(dnsbl_care_set(care, more), MS_OK);
    assert_int_equal(dnsbl_care_states(care, states, 3), 3);
    assert_int_equal(states[0].health, DNSBL_UNTRIED);
    assert_int_equal(states[1].health, DNSBL_EVERYBODY);
    assert_int_equal(states[1].listed, 1);
    assert_int_equal(states[2].health, DNSBL_EVERYBODY);
    assert_int_equal(states[2].listed, 0);
    /* lists of the old configuration are known as long as they are there */
    assert_false(dnsbl_care_usable(care, config->dnsbls[0]));
    dnsbl_care_beat(care);
    assert_int_equal(waiting(), 3); /* of the new one */
    assert_int_equal(dnsbl_care_set(care, config), MS_OK);
    assert_int_equal(waiting(), 0);
    assert_true(dnsbl_care_usable(care, more->dnsbls[0]));
    config_destroy(more);
}

/* A trial that a reload ends begins anew. */
static void
test_trial_of_old(void **state)
{
    (void)state;
    dnsbl_care_beat(care);
    reply("", "127.0.0.2");
    assert_int_equal(dnsbl_care_set(care, config), MS_OK);
    assert_int_equal(waiting(), 0);
    try("127.0.0.2", "nxdomain", "nxdomain");
    assert_int_equal(health(), DNSBL_SOUND);
}

/* Who has room for less is told how many there are. */
static void
test_no_room(void **state)
{
    struct dnsbl_state states[1];
    struct config *two = load(ZEN SIX);

    (void)state;
    assert_int_equal(dnsbl_care_set(care, two), MS_OK);
    assert_int_equal(dnsbl_care_states(care, states, 0), 2);
    assert_int_equal(dnsbl_care_states(care, states, 1), 2);
    assert_string_equal(states[0].name, "zen");
    config_destroy(two);
}

/* ----- without memory */

/* What cannot be asked has failed. */
static void
test_not_asked(void **state)
{
    (void)state;
    refuses = true;
    dnsbl_care_beat(care);
    assert_int_equal(waiting(), 0);
    assert_int_equal(health(), DNSBL_SILENT);
}

static void
test_nomem(void **state)
{
    struct config *two = load(ZEN SIX);
    struct dnsbl_care *other = NULL;

    (void)state;
    scarce_set(1);
    assert_int_equal(dnsbl_care_create(NULL, now, say, NULL, &other), MS_NOMEM);
    assert_null(other);
    for (unsigned long i = 1; i <= 2; i++) {
        scarce_set(i);
        assert_int_equal(dnsbl_care_set(care, two), MS_NOMEM);
        assert_int_equal(dnsbl_care_states(care, NULL, 0), 1);
    }
    scarce_set(0);
    assert_int_equal(dnsbl_care_set(care, two), MS_OK);
    assert_int_equal(dnsbl_care_states(care, NULL, 0), 2);
    config_destroy(two);
}

static void
test_health_names(void **state)
{
    (void)state;
    assert_string_equal(dnsbl_health_name(DNSBL_UNTRIED), "untried");
    assert_string_equal(dnsbl_health_name(DNSBL_SOUND), "sound");
    assert_string_equal(dnsbl_health_name(DNSBL_EVERYBODY), "everybody");
    assert_string_equal(dnsbl_health_name(DNSBL_BLOCKED), "blocked");
    assert_string_equal(dnsbl_health_name(DNSBL_SILENT), "silent");
    assert_string_equal(dnsbl_health_name(DNSBL_EMPTY), "empty");
    dnsbl_care_destroy(NULL);
}

#define CARE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_blocked_answers),
        CARE(test_trials),
        CARE(test_order),
        CARE(test_hours),
        CARE(test_soon),
        CARE(test_back),
        CARE(test_noted),
        CARE(test_six),
        CARE(test_kept),
        CARE(test_trial_of_old),
        CARE(test_no_room),
        CARE(test_not_asked),
        CARE(test_nomem),
        cmocka_unit_test(test_health_names),
    };

    return cmocka_run_group_tests_name("dnsbl", tests, NULL, NULL);
}
