/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The API's handlers about standings: who is judged and why, quarantine and
 * release, held mail, codes, letters, what others say.
 */
#include <config.h>

#include "milter/api/handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milter/diary/held.h"
#include "milter/diary/passed.h"
#include "test/api_bench.h"
#include "test/seal.h"
#include "test/stub.h"
#include "test/unit.h"

#define ANN "user:ann@example.org"
#define BOB "user:bob@example.org"
#define CY "user:cy@example.org"

static const char rules[] = "zombie account { mode = enforce  self_release = "
                            "yes }\nzombie machine { mode = enforce }\n";

static int
set_up(void **state)
{
    return bench_set_up_as(state, rules);
}

static int
set_up_strict(void **state)
{
    return bench_set_up_as(state, "zombie account { mode = enforce }\n");
}

static int
set_up_observing(void **state)
{
    return bench_set_up_as(state, "zombie account { mode = observe }\n");
}

/* ----- somebody who stands somehow */

/* What is to be said of somebody. */
struct past {
    const char *id;
    enum standing to;
    enum evidence_cause cause;
    enum family family; /* the strongest */
    int64_t ago_s;
    bool observed;
    uint32_t quarantines;
};

static enum ms_err
write_past(void *arg, struct store_state *state)
{
    const struct detector *d = arg;

    state->standing = d->standing;
    state->throttle = d->standing == STANDING_THROTTLED ? 100 : 0;
    state->len = (uint16_t)detector_write(d, state->bytes);
    return MS_OK;
}

/* Write PAST into the store and the diary; the id of the change in *OUT. */
static struct change
put_past(struct bench *b, const struct past *past)
{
    static unsigned made;
    struct change change = {.class = CLASS_PERSON, .observed = past->observed};
    struct detector d;

    detector_begin(&d);
    d.at_s = d.since_s = b->now_s - past->ago_s;
    d.first_s = d.at_s - 86400;
    d.above_s = b->now_s;
    d.standing = past->to;
    d.cause = past->cause;
    d.observed = past->observed;
    d.quarantines = past->quarantines;
    d.last = (struct evidence){.at_s = d.at_s,
                               .to = past->to,
                               .cause = past->cause,
                               .hour = 311,
                               .usual_hour = 24,
                               .spam = 12,
                               .judged = 20,
                               .new_day = 290};
    if (past->cause == CAUSE_EVIDENCE) {
        d.last.tenths[FAMILY_BULK] = 240;
        d.last.tenths[past->family] = 381;
    }
    change.subject = bench_subject(past->id);
    change.evidence = d.last;
    change.quarantines = d.quarantines;
    (void)snprintf(change.id, sizeof(change.id), "7K2M9Q%02u", made++ % 100);
    (void)snprintf(change.host, sizeof(change.host), "mx1.example.org");
    (void)snprintf(change.rule, sizeof(change.rule), "zombie.account");
    assert_int_equal(diary_add_change(b->desk.diary, &change), MS_OK);
    assert_int_equal(store_update(daemon_store(b->desk.daemon), &change.subject,
                                  bench_now(b), write_past, &d),
                     MS_OK);
    return change;
}

/* ID came to stand TO by evidence of FAMILY, AGO_S ago. */
static struct change
judge(struct bench *b, const char *id, enum standing to, enum family family,
      int64_t ago_s)
{
    const struct past past = {.id = id,
                              .to = to,
                              .cause = CAUSE_EVIDENCE,
                              .family = family,
                              .ago_s = ago_s,
                              .quarantines = to == STANDING_QUARANTINED};

    return put_past(b, &past);
}

static void
hold(struct bench *b, const char *subject, const char *id, int64_t ago_s)
{
    struct held held = {.at_s = b->now_s - ago_s,
                        .mta = HELD_POSTFIX,
                        .has_from = true,
                        .from = "ann@example.org",
                        .rule = "zombie.account",
                        .nrcpt = 3,
                        .host = "mx1.example.org"};

    (void)snprintf(held.id, sizeof(held.id), "%s", id);
    (void)snprintf(held.subject, sizeof(held.subject), "%s", subject);
    assert_int_equal(diary_add_held(b->desk.diary, &held), MS_OK);
}

static void
post(struct bench *b, const char *target, const char *body, unsigned status)
{
    bench_ask(b, API_POST, target, body);
    if (b->status != status)
        fail_msg("%s %s: %u, %s", target, body, b->status,
                 bench_string(b->answer, "detail"));
}

static void
expect_problem(struct bench *b, const char *kind)
{
    char want[64];

    (void)snprintf(want, sizeof(want), "tag:mortsafe,2026:%s", kind);
    assert_string_equal(bench_string(b->answer, "type"), want);
}

/* Whom the audit trail names last, and for which act. */
static void
expect_audit(struct bench *b, const char *act, const char *subject)
{
    json_t *kept = json_incref(b->answer);

    bench_get(b, "/v1/audit");
    assert_string_equal(bench_string(b->answer, "entries.0.act"), act);
    if (subject != NULL)
        assert_string_equal(bench_string(b->answer, "entries.0.subject"),
                            subject);
    json_decref(b->answer);
    b->answer = kept;
}

/* ----- who stands how */

static void
test_nobody_stands(void **state)
{
    struct bench *b = *state;

    bench_get(b, "/v1/zombies");
    assert_int_equal(b->status, 200);
    assert_int_equal(bench_size(b->answer, "standings"), 0);
    assert_int_equal(bench_number(b->answer, "counts.quarantined"), 0);
    assert_true(json_is_false(bench_at(b->answer, "braking")));
    assert_int_equal(bench_size(b->answer, "rules"), 2);
    assert_string_equal(bench_string(b->answer, "rules.0.rule"),
                        "zombie.account");
    assert_string_equal(bench_string(b->answer, "rules.0.mode"), "enforce");
}

static void
test_the_worst_and_newest_come_first(void **state)
{
    struct bench *b = *state;

    judge(b, "user:w@example.org", STANDING_WATCHED, FAMILY_BULK, 10);
    judge(b, BOB, STANDING_THROTTLED, FAMILY_BULK, 20);
    judge(b, CY, STANDING_QUARANTINED, FAMILY_CONTENT, 9000);
    judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 3600);
    judge(b, "user:p@example.org", STANDING_PROBATION, FAMILY_BULK, 5);
    hold(b, ANN, "4XkA", 60);
    hold(b, ANN, "4XkB", 50);
    bench_get(b, "/v1/zombies");
    assert_string_equal(bench_string(b->answer, "standings.0.subject"), ANN);
    assert_string_equal(bench_string(b->answer, "standings.1.subject"), CY);
    assert_string_equal(bench_string(b->answer, "standings.2.subject"), BOB);
    assert_string_equal(bench_string(b->answer, "standings.3.standing"),
                        "watched");
    assert_string_equal(bench_string(b->answer, "standings.4.standing"),
                        "probation");
    assert_int_equal(bench_number(b->answer, "standings.0.held"), 2);
    assert_int_equal(bench_number(b->answer, "counts.quarantined"), 2);
    assert_int_equal(bench_number(b->answer, "counts.probation"), 1);
    assert_string_equal(bench_string(b->answer, "standings.0.since"),
                        "2026-11-22T13:17:52Z");
    assert_string_equal(bench_string(b->answer, "standings.0.cause"),
                        "evidence");
    assert_string_equal(bench_string(b->answer, "standings.0.rule"),
                        "zombie.account");
    assert_non_null(strstr(bench_string(b->answer, "standings.0.reason"),
                           "12 of 20 messages"));
    bench_get(b, "/v1/zombies?standing=throttled,watched");
    assert_int_equal(bench_size(b->answer, "standings"), 2);
    assert_int_equal(bench_number(b->answer, "counts.quarantined"), 2);
}

static void
test_pages_follow_one_another(void **state)
{
    struct bench *b = *state;
    char target[128];

    judge(b, BOB, STANDING_THROTTLED, FAMILY_BULK, 20);
    judge(b, CY, STANDING_QUARANTINED, FAMILY_CONTENT, 9000);
    judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 3600);
    bench_get(b, "/v1/zombies?limit=2");
    assert_int_equal(bench_size(b->answer, "standings"), 2);
    (void)snprintf(target, sizeof(target), "/v1/zombies?limit=2&cursor=%s",
                   bench_string(b->answer, "next"));
    bench_get(b, target);
    assert_string_equal(bench_string(b->answer, "standings.0.subject"), BOB);
    assert_true(json_is_null(bench_at(b->answer, "next")));
    (void)snprintf(target + strlen(target), 32, "&standing=watched");
    bench_get(b, target);
    assert_int_equal(b->status, 400); /* of another question */
}

static void
test_what_was_only_observed(void **state)
{
    struct bench *b = *state;
    const struct past past = {.id = ANN,
                              .to = STANDING_QUARANTINED,
                              .cause = CAUSE_EVIDENCE,
                              .family = FAMILY_CONTENT,
                              .ago_s = 60,
                              .observed = true};

    put_past(b, &past);
    judge(b, BOB, STANDING_QUARANTINED, FAMILY_BULK, 20);
    bench_get(b, "/v1/zombies?observed=yes");
    assert_int_equal(bench_size(b->answer, "standings"), 1);
    assert_string_equal(bench_string(b->answer, "standings.0.subject"), ANN);
    assert_true(json_is_true(bench_at(b->answer, "standings.0.observed")));
    assert_string_equal(bench_string(b->answer, "rules.0.mode"), "observe");
}

static void
test_several_standings_of_subjects(void **state)
{
    struct bench *b = *state;

    judge(b, BOB, STANDING_THROTTLED, FAMILY_BULK, 20);
    judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 3600);
    judge(b, CY, STANDING_WATCHED, FAMILY_CONTENT, 3600);
    bench_get(b, "/v1/subjects?standing=throttled,quarantined");
    assert_int_equal(bench_size(b->answer, "subjects"), 2);
    bench_get(b, "/v1/subjects?standing=quarantined&kind=client");
    assert_int_equal(bench_size(b->answer, "subjects"), 0);
    bench_get(b, "/v1/subjects?standing=throttled,odd");
    assert_int_equal(b->status, 400);
}

static void
test_what_is_known_of_one(void **state)
{
    struct bench *b = *state;

    judge(b, ANN, STANDING_THROTTLED, FAMILY_CONTENT, 3600);
    hold(b, ANN, "4XkA", 60);
    bench_get(b, "/v1/subjects/" ANN);
    assert_string_equal(bench_string(b->answer, "standing"), "throttled");
    assert_string_equal(bench_string(b->answer, "zombie.standing"),
                        "throttled");
    assert_string_equal(bench_string(b->answer, "zombie.rule"),
                        "zombie.account");
    assert_string_equal(bench_string(b->answer, "zombie.mode"), "enforce");
    assert_string_equal(bench_string(b->answer, "zombie.class"), "person");
    assert_int_equal(bench_number(b->answer, "zombie.rate"), 100);
    assert_true(bench_number(b->answer, "zombie.usual.hour") > 0);
    assert_true(json_is_false(bench_at(b->answer, "zombie.newer")));
    assert_int_equal(bench_size(b->answer, "changes"), 1);
    assert_string_equal(bench_string(b->answer, "changes.0.to"), "throttled");
    assert_string_equal(bench_string(b->answer, "changes.0.families.0.family"),
                        "content");
    assert_int_equal(bench_size(b->answer, "held"), 1);
    assert_string_equal(bench_string(b->answer, "held.0.command.deliver"),
                        "postsuper -H 4XkA");
    assert_true(json_is_array(bench_at(b->answer, "notices")));
    assert_true(json_is_array(bench_at(b->answer, "reports")));
    b->peer.tcp = true;
    bench_get(b, "/v1/zombies");
    assert_int_equal(b->status, 200);
}

static enum ms_err
write_newer(void *arg, struct store_state *state)
{
    (void)arg;
    state->standing = STANDING_QUARANTINED;
    state->bytes[0] = 255; /* a layout to come */
    state->len = 100;
    seal(state->bytes, state->len);
    return MS_OK;
}

static void
test_a_newer_state_still_stands(void **state)
{
    struct bench *b = *state;
    struct subject subject = bench_subject(ANN);

    assert_int_equal(store_update(daemon_store(b->desk.daemon), &subject,
                                  bench_now(b), write_newer, NULL),
                     MS_OK);
    bench_get(b, "/v1/subjects/" ANN);
    assert_true(json_is_true(bench_at(b->answer, "zombie.newer")));
    assert_string_equal(bench_string(b->answer, "zombie.standing"),
                        "quarantined");
    assert_true(json_is_null(bench_at(b->answer, "zombie.usual")));
    bench_get(b, "/v1/zombies");
    assert_string_equal(bench_string(b->answer, "standings.0.standing"),
                        "quarantined");
    assert_true(json_is_null(bench_at(b->answer, "standings.0.score")));
}

/* ----- changes */

static const struct {
    const char *name, *query;
    size_t n;
} changes[] = {
    {"all of them", "", 3},
    {"of one", "?subject=" ANN, 1},
    {"of a family", "?family=content", 2},
    {"to some standings", "?to=throttled,quarantined", 2},
    {"since a time", "?since=2h", 2},
    {"before a time", "?until=2h", 1},
    {"the newest", "?limit=1", 1},
    {"of the fleet, which there is not", "?fleet=yes", 3},
    {"all must fit", "?family=content&to=watched&since=2h", 1},
};

static void
test_changes(void **state)
{
    struct bench *b = *state;

    judge(b, CY, STANDING_QUARANTINED, FAMILY_CONTENT, 9000);
    judge(b, ANN, STANDING_THROTTLED, FAMILY_BULK, 3600);
    judge(b, BOB, STANDING_WATCHED, FAMILY_CONTENT, 60);
    for (size_t i = 0; i < ROWS(changes); i++) {
        char target[128];

        (void)snprintf(target, sizeof(target), "/v1/changes%s",
                       changes[i].query);
        bench_get(b, target);
        if (bench_size(b->answer, "changes") != changes[i].n)
            fail_msg("%s: %zu", changes[i].name,
                     bench_size(b->answer, "changes"));
    }
    bench_get(b, "/v1/changes");
    assert_string_equal(bench_string(b->answer, "changes.0.subject"), BOB);
}

/* ----- by hand */

static void
test_quarantine_and_release(void **state)
{
    struct bench *b = *state;

    post(b, "/v1/subjects/" ANN "/quarantine",
         "{\"for\": \"7d\", \"note\": \"ticket 4711\"}", 200);
    assert_string_equal(bench_string(b->answer, "change.to"), "quarantined");
    assert_string_equal(bench_string(b->answer, "change.cause"), "operator");
    assert_string_equal(bench_string(b->answer, "change.by"), "ann (uid 1000)");
    assert_string_equal(bench_string(b->answer, "change.until"),
                        "2026-11-29T14:17:52Z");
    expect_audit(b, "quarantine", ANN);
    bench_get(b, "/v1/subjects/" ANN);
    assert_string_equal(bench_string(b->answer, "standing"), "quarantined");
    assert_string_equal(bench_string(b->answer, "zombie.note"), "ticket 4711");
    assert_string_equal(bench_string(b->answer, "zombie.by"), "ann (uid 1000)");
    hold(b, ANN, "4XkA", 60);
    b->now_s += 60;
    post(b, "/v1/subjects/" ANN "/release", "{\"note\": \"clean\"}", 200);
    assert_true(json_is_true(bench_at(b->answer, "changed")));
    assert_string_equal(bench_string(b->answer, "change.to"), "probation");
    assert_string_equal(bench_string(b->answer, "held.0.id"), "4XkA");
    expect_audit(b, "release", ANN);
    bench_get(b, "/v1/subjects/" ANN);
    assert_string_equal(bench_string(b->answer, "standing"), "probation");
    assert_int_equal(bench_size(b->answer, "changes"), 2);
    assert_int_equal(bench_size(b->answer, "held"), 1); /* it stays held */
}

static void
test_who_stands_normal_is_not_released(void **state)
{
    struct bench *b = *state;

    post(b, "/v1/subjects/" ANN "/release", "{\"how\": \"legit\"}", 200);
    assert_true(json_is_false(bench_at(b->answer, "changed")));
    assert_true(json_is_null(bench_at(b->answer, "change")));
    assert_int_equal(bench_size(b->answer, "held"), 0);
}

static void
test_a_new_customer(void **state)
{
    struct bench *b = *state;

    judge(b, "client:192.0.2.7", STANDING_QUARANTINED, FAMILY_CONTENT, 60);
    post(b, "/v1/subjects/client:192.0.2.7/lease", "{}", 200);
    assert_true(json_is_true(bench_at(b->answer, "changed")));
    assert_string_equal(bench_string(b->answer, "change.cause"), "lease");
    assert_string_equal(bench_string(b->answer, "change.to"), "normal");
    expect_audit(b, "lease", "client:192.0.2.7");
    post(b, "/v1/subjects/" ANN "/lease", "{}", 400);
}

static const struct {
    const char *name, *path, *body;
} refusals[] = {
    {"two ends", ANN "/quarantine",
     "{\"for\": \"7d\", \"until\": \"2027-01-01\"}"},
    {"an end that is past", ANN "/quarantine", "{\"until\": \"2020-01-01\"}"},
    {"an end that is none", ANN "/quarantine", "{\"for\": \"soon\"}"},
    {"nobody whom a rule judges", "domain:example.org/quarantine", "{}"},
    {"a key that is none", ANN "/quarantine", "{\"why\": \"x\"}"},
    {"a way of release that is none", ANN "/release", "{\"how\": \"softly\"}"},
    {"a note that is a number", ANN "/release", "{\"note\": 4}"},
};

static void
test_refusals(void **state)
{
    struct bench *b = *state;

    for (size_t i = 0; i < ROWS(refusals); i++) {
        char target[128];

        (void)snprintf(target, sizeof(target), "/v1/subjects/%s",
                       refusals[i].path);
        bench_ask(b, API_POST, target, refusals[i].body);
        expect(refusals[i].name, b->status == 400);
    }
    bench_get(b, "/v1/audit");
    assert_int_equal(bench_size(b->answer, "entries"), 0);
}

static void
test_a_store_that_is_away(void **state)
{
    struct bench *b = *state;
    struct moody *m = moody_of(daemon_store(b->desk.daemon));

    judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 60);
    m->err = MS_UNAVAIL;
    bench_get(b, "/v1/zombies");
    assert_int_equal(b->status, 503);
    post(b, "/v1/subjects/" ANN "/release", "{}", 503);
    m->err = MS_OK;
    expect_audit(b, "release", ANN);
    bench_get(b, "/v1/audit");
    assert_true(json_is_false(bench_at(b->answer, "entries.0.ok")));
    bench_get(b, "/v1/subjects/" ANN);
    assert_string_equal(bench_string(b->answer, "standing"), "quarantined");
}

/* ----- in bulk */

static void
fill_bulk(struct bench *b)
{
    const struct past by_hand = {.id = "user:block@example.org",
                                 .to = STANDING_QUARANTINED,
                                 .cause = CAUSE_OPERATOR,
                                 .ago_s = 600};

    judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 600);
    judge(b, BOB, STANDING_THROTTLED, FAMILY_CONTENT, 700);
    judge(b, CY, STANDING_QUARANTINED, FAMILY_RECEPTION, 600);
    judge(b, "user:old@example.org", STANDING_QUARANTINED, FAMILY_CONTENT,
          90000);
    judge(b, "user:late@example.org", STANDING_WATCHED, FAMILY_CONTENT, 600);
    put_past(b, &by_hand);
    hold(b, ANN, "4XkA", 60);
    hold(b, CY, "4XkC", 60);
}

static void
test_a_mistake_is_undone(void **state)
{
    static const char dry[] = "{\"since\": \"1h\", \"family\": \"content\", "
                              "\"dry_run\": true}";
    static const char wet[] = "{\"since\": \"1h\", \"family\": \"content\", "
                              "\"note\": \"filter\"}";
    struct bench *b = *state;

    fill_bulk(b);
    post(b, "/v1/release", dry, 200);
    assert_int_equal(bench_size(b->answer, "subjects"), 2);
    assert_true(json_is_false(bench_at(b->answer, "done")));
    bench_get(b, "/v1/zombies?standing=quarantined,throttled");
    assert_int_equal(bench_size(b->answer, "standings"), 5);
    post(b, "/v1/release", wet, 200);
    assert_int_equal(bench_size(b->answer, "subjects"), 2);
    assert_int_equal(bench_size(b->answer, "held"), 1);
    assert_string_equal(bench_string(b->answer, "held.0.id"), "4XkA");
    expect_audit(b, "release", NULL);
    bench_get(b, "/v1/zombies?standing=quarantined,throttled");
    assert_int_equal(bench_size(b->answer, "standings"), 3);
    post(b, "/v1/release", wet, 200); /* they stand otherwise now */
    assert_int_equal(bench_size(b->answer, "subjects"), 0);
}

static void
test_bulk_asks_for_what_it_says(void **state)
{
    struct bench *b = *state;

    fill_bulk(b);
    post(b, "/v1/release",
         "{\"since\": \"1h\", \"standing\": [\"quarantined\"], "
         "\"dry_run\": true}",
         200);
    assert_int_equal(bench_size(b->answer, "subjects"), 2); /* not by hand */
    post(b, "/v1/release",
         "{\"since\": \"2d\", \"until\": \"1d\", \"dry_run\": true}", 200);
    assert_int_equal(bench_size(b->answer, "subjects"), 1);
    post(b, "/v1/release", "{}", 400);
    post(b, "/v1/release", "{\"since\": \"1h\", \"standing\": []}", 400);
    post(b, "/v1/release", "{\"since\": \"1h\", \"standing\": [\"normal\"]}",
         400);
    post(b, "/v1/release", "{\"since\": \"1h\", \"family\": \"zeal\"}", 400);
}

/* ----- by a code */

/* The body that has the code for CHANGE. */
static char *
code_for(struct bench *b, const struct change *change, char out[128])
{
    char code[NOTICE_CODE];

    notice_code(b->desk.notice, change, code);
    (void)snprintf(out, 128, "{\"code\": \"%s\"}", code);
    return out;
}

static void
test_a_code_works_once(void **state)
{
    struct bench *b = *state;
    struct change change =
        judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 600);
    char body[128];

    hold(b, ANN, "4XkA", 60);
    post(b, "/v1/confirm", code_for(b, &change, body), 200);
    assert_string_equal(bench_string(b->answer, "subject"), ANN);
    assert_string_equal(bench_string(b->answer, "change.cause"), "customer");
    assert_string_equal(bench_string(b->answer, "change.to"), "probation");
    assert_int_equal(bench_size(b->answer, "held"), 1);
    expect_audit(b, "confirm", ANN);
    post(b, "/v1/confirm", body, 409);
    expect_problem(b, "used-code");
}

/* Letters go to a server of the test's own. */
static struct stub *mail;
static char contacts[32];

static int
set_up_letters(void **state)
{
    static const char line[] = "ann@example.org ann@example.net\n";
    const char *top = getenv("top_srcdir");
    char text[1024];
    int fd;

    mail = stub_start(false);
    (void)snprintf(contacts, sizeof(contacts), "/tmp/contacts-XXXXXX");
    fd = mkstemp(contacts);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, line, sizeof(line) - 1), sizeof(line) - 1);
    assert_int_equal(close(fd), 0);
    (void)snprintf(text, sizeof(text),
                   "notice { from = pm@example.org  smtp = inet:%u@127.0.0.1"
                   "  contacts = texthash:%s  templates = "
                   "\"%s/contrib/notices\" }\nzombie account { mode = enforce"
                   "  self_release = yes  notify = owner }\n",
                   stub_port(mail), contacts, top != NULL ? top : "../..");
    return bench_set_up_as(state, text);
}

static int
tear_down_letters(void **state)
{
    int rc = bench_tear_down(state);

    stub_stop(mail);
    (void)remove(contacts);
    return rc;
}

/* The body that has the code in the last letter; false: it has none. */
static bool
code_in_letter(char out[128])
{
    static struct stub_taken taken;
    const char *line, *end;

    stub_taken(mail, &taken);
    line = strstr(taken.body, "\r\n7K2M-9Q");
    end = line != NULL ? strstr(line + 2, "\r\n") : NULL;
    if (end == NULL)
        return false;
    (void)snprintf(out, 128, "{\"code\": \"%.*s\"}", (int)(end - line - 2),
                   line + 2);
    return true;
}

static void
test_the_code_of_a_letter(void **state)
{
    struct bench *b = *state;
    struct change change =
        judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 60);
    static struct stub_taken taken;
    char body[128];

    notice_change(b->desk.notice, &change);
    notice_beat(b->desk.notice);
    assert_true(code_in_letter(body));
    post(b, "/v1/confirm", body, 200);
    bench_get(b, "/v1/subjects/" ANN);
    assert_string_equal(bench_string(b->answer, "standing"), "probation");
    notice_beat(b->desk.notice);
    stub_taken(mail, &taken);
    assert_int_equal(taken.n, 2); /* and its owner is told */
    assert_string_equal(taken.to, "RCPT TO:<ann@example.net>");
    post(b, "/v1/confirm", body, 409);
}

static void
test_no_code_for_who_was_let_go(void **state)
{
    struct bench *b = *state;
    const struct past again = {.id = ANN,
                               .to = STANDING_QUARANTINED,
                               .cause = CAUSE_EVIDENCE,
                               .family = FAMILY_CONTENT,
                               .ago_s = 60,
                               .quarantines = 2};
    struct change change = put_past(b, &again);
    static struct stub_taken taken;
    char body[128];

    notice_change(b->desk.notice, &change);
    notice_beat(b->desk.notice);
    stub_taken(mail, &taken);
    assert_int_equal(taken.n, 1);
    assert_false(code_in_letter(body));
}

/* Short queue ids come again: it is about the last message of that name. */
static void
test_a_complaint_about_the_last_message(void **state)
{
    static const char body[] = "{\"kind\": \"complaint\", \"ids\": "
                               "[\"4XkA\"]}";
    struct bench *b = *state;
    struct passed older = {
        .at_s = b->now_s - 86400, .id = "4XkA", .subject = BOB};
    struct passed newer = {.at_s = b->now_s - 60, .id = "4XkA", .subject = ANN};

    assert_int_equal(diary_add_passed(b->desk.diary, &older, 1), MS_OK);
    assert_int_equal(diary_add_passed(b->desk.diary, &newer, 1), MS_OK);
    post(b, "/v1/feedback", body, 200);
    assert_int_equal(bench_size(b->answer, "matched"), 1);
    assert_string_equal(bench_string(b->answer, "matched.0.subject"), ANN);
}

static void
test_codes_that_do_not_work(void **state)
{
    struct bench *b = *state;
    struct change change =
        judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 600);
    struct change other = judge(b, BOB, STANDING_THROTTLED, FAMILY_BULK, 60);
    char body[128];
    const struct past again = {.id = CY,
                               .to = STANDING_QUARANTINED,
                               .cause = CAUSE_EVIDENCE,
                               .family = FAMILY_CONTENT,
                               .ago_s = 60,
                               .quarantines = 2};

    post(b, "/v1/confirm", "{\"code\": \"hello\"}", 404);
    expect_problem(b, "unknown-code");
    post(b, "/v1/confirm", "{}", 400);
    post(b, "/v1/confirm", code_for(b, &other, body), 404);
    change.id[0] = change.id[0] == '7' ? '8' : '7';
    post(b, "/v1/confirm", code_for(b, &change, body), 404);
    other = put_past(b, &again);
    post(b, "/v1/confirm", code_for(b, &other, body), 409);
    expect_problem(b, "repeat-offender");
    /* a quarantine behind it is not the one that the code is for */
    change = judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 500);
    judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 400);
    post(b, "/v1/confirm", code_for(b, &change, body), 409);
    expect_problem(b, "used-code");
}

static void
test_the_rule_must_let_them(void **state)
{
    struct bench *b = *state;
    struct change change =
        judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 600);
    char body[128];

    post(b, "/v1/confirm", code_for(b, &change, body), 409);
    expect_problem(b, "conflict");
}

/* ----- held mail */

static void
test_held(void **state)
{
    struct bench *b = *state;

    hold(b, ANN, "4XkA", 9000);
    hold(b, BOB, "4XkB", 60);
    bench_get(b, "/v1/held");
    assert_int_equal(bench_size(b->answer, "held"), 2);
    assert_int_equal(bench_number(b->answer, "here"), 2);
    assert_string_equal(bench_string(b->answer, "held.0.id"), "4XkA");
    assert_string_equal(bench_string(b->answer, "oldest"),
                        "2026-11-22T11:47:52Z");
    bench_get(b, "/v1/held?subject=" BOB "&fleet=yes");
    assert_int_equal(bench_size(b->answer, "held"), 1);
    bench_get(b, "/v1/held?limit=1");
    assert_int_equal(bench_size(b->answer, "held"), 1);
    assert_int_equal(bench_number(b->answer, "here"), 2);
    post(b, "/v1/held/gone",
         "{\"ids\": [{\"host\": \"mx1.example.org\", \"id\": \"4XkA\"}, "
         "{\"id\": \"4XkZ\"}], \"outcome\": \"delivered\"}",
         200);
    assert_int_equal(bench_number(b->answer, "dropped"), 1);
    expect_audit(b, "held", NULL);
    bench_get(b, "/v1/held");
    assert_int_equal(bench_number(b->answer, "here"), 1);
    post(b, "/v1/held/gone", "{}", 400);
    post(b, "/v1/held/gone", "{\"ids\": [{\"host\": \"mx1\"}]}", 400);
    post(b, "/v1/held/gone",
         "{\"ids\": [{\"id\": \"4XkA\"}], \"outcome\": \"eaten\"}", 400);
}

/* ----- what others say */

static void
pass(struct bench *b, const char *id, const char *subject)
{
    struct passed passed = {.at_s = b->now_s - 60};

    (void)snprintf(passed.id, sizeof(passed.id), "%s", id);
    (void)snprintf(passed.subject, sizeof(passed.subject), "%s", subject);
    assert_int_equal(diary_add_passed(b->desk.diary, &passed, 1), MS_OK);
}

static long
complaints_of_ann(struct bench *b)
{
    detect_beat(b->desk.detect);
    bench_get(b, "/v1/subjects/" ANN);
    return bench_number(b->answer, "zombie.now.complaints");
}

static void
test_a_complaint_counts_once(void **state)
{
    static const char body[] = "{\"kind\": \"complaint\", \"ids\": "
                               "[\"4XkA\"], \"detail\": \"spam!\"}";
    struct bench *b = *state;

    pass(b, "4XkA", ANN);
    pass(b, "4XkA", "client:192.0.2.7");
    post(b, "/v1/feedback", body, 200);
    assert_int_equal(bench_size(b->answer, "matched"), 2);
    assert_string_equal(bench_string(b->answer, "matched.0.subject"), ANN);
    assert_true(json_is_false(bench_at(b->answer, "kept")));
    expect_audit(b, "feedback", NULL);
    assert_int_equal(complaints_of_ann(b), 1);
    post(b, "/v1/feedback", body, 200);
    assert_int_equal(complaints_of_ann(b), 1);
    bench_get(b, "/v1/reports?subject=" ANN);
    assert_int_equal(bench_size(b->answer, "reports"), 2);
    assert_string_equal(bench_string(b->answer, "reports.0.detail"), "spam!");
}

static void
test_bounces_are_believed_so_often(void **state)
{
    struct bench *b = *state;

    pass(b, "4XkA", ANN);
    for (int i = 0; i < 15; i++)
        post(b, "/v1/feedback", "{\"kind\": \"bounce\", \"ids\": [\"4XkA\"]}",
             200);
    detect_beat(b->desk.detect);
    bench_get(b, "/v1/subjects/" ANN);
    assert_int_equal(bench_number(b->answer, "zombie.now.unknown"), 10);
    for (int i = 0; i < 15; i++)
        post(b, "/v1/feedback", "{\"kind\": \"log\", \"ids\": [\"4XkA\"]}",
             200);
    detect_beat(b->desk.detect);
    bench_get(b, "/v1/subjects/" ANN);
    assert_int_equal(bench_number(b->answer, "zombie.now.unknown"), 25);
}

static void
test_a_forged_report_counts_nothing(void **state)
{
    struct bench *b = *state;

    pass(b, "4XkA", ANN);
    post(b, "/v1/feedback",
         "{\"kind\": \"complaint\", \"ids\": [\"4XkZ\"], \"complaints\": 9}",
         200);
    assert_int_equal(bench_size(b->answer, "matched"), 0);
    assert_true(json_is_true(bench_at(b->answer, "kept")));
    bench_get(b, "/v1/reports");
    assert_int_equal(bench_size(b->answer, "reports"), 1);
    assert_true(json_is_null(bench_at(b->answer, "reports.0.subject")));
    assert_string_equal(bench_string(b->answer, "reports.0.id"), "4XkZ");
    post(b, "/v1/feedback", "{\"kind\": \"complaint\"}", 200); /* names none */
    assert_true(json_is_true(bench_at(b->answer, "kept")));
    bench_get(b, "/v1/zombies");
    assert_int_equal(bench_size(b->answer, "standings"), 0);
    post(b, "/v1/feedback", "{}", 400);
    post(b, "/v1/feedback", "{\"kind\": \"praise\"}", 400);
    post(b, "/v1/feedback", "{\"kind\": \"log\", \"ids\": [7]}", 400);
    post(b, "/v1/feedback", "{\"kind\": \"log\", \"unknown\": 1001}", 400);
}

/* ----- what DNS lists say */

#define LISTED(subject, lists)                                                 \
    "{\"kind\": \"listed\", \"subjects\": [{\"subject\": \"" subject           \
    "\", \"lists\": [" lists "]}]}"

static long
complaints_of(struct bench *b, const char *target)
{
    detect_beat(b->desk.detect);
    bench_get(b, target);
    return bench_number(b->answer, "zombie.now.complaints");
}

static void
test_a_listing_counts_once_a_day(void **state)
{
    static const char one[] = LISTED("client:192.0.2.7", "\"a.example\"");
    static const char both[] =
        LISTED("client:192.0.2.7", "\"a.example\", \"b.example\"");
    static const char target[] = "/v1/subjects/client:192.0.2.7";
    struct bench *b = *state;

    post(b, "/v1/feedback", one, 200);
    assert_int_equal(bench_size(b->answer, "matched"), 1);
    assert_string_equal(bench_string(b->answer, "matched.0.subject"),
                        "client:192.0.2.7");
    assert_string_equal(bench_string(b->answer, "matched.0.id"), "a.example");
    assert_true(json_is_false(bench_at(b->answer, "kept")));
    expect_audit(b, "feedback", NULL);
    assert_int_equal(complaints_of(b, target), 1);
    post(b, "/v1/feedback", both, 200);
    assert_int_equal(bench_size(b->answer, "matched"), 1);
    assert_string_equal(bench_string(b->answer, "matched.0.id"), "b.example");
    assert_int_equal(complaints_of(b, target), 2);
    b->now_s += 86399;
    post(b, "/v1/feedback", both, 200);
    assert_int_equal(bench_size(b->answer, "matched"), 0);
    b->now_s += 1;
    post(b, "/v1/feedback", both, 200);
    assert_int_equal(bench_size(b->answer, "matched"), 2);
    bench_get(b, "/v1/reports?subject=client:192.0.2.7");
    assert_int_equal(bench_size(b->answer, "reports"), 4);
    assert_string_equal(bench_string(b->answer, "reports.0.kind"), "listed");
}

/* Of a stranger's address nothing is counted; IPv6 goes by its /64. */
static void
test_a_listing_of_nobody_we_judge(void **state)
{
    struct bench *b = *state;

    post(b, "/v1/feedback", LISTED("client:2001:db8::7", "\"a.example\""), 200);
    assert_int_equal(bench_size(b->answer, "matched"), 0);
    assert_true(json_is_true(bench_at(b->answer, "kept")));
    bench_get(b, "/v1/reports");
    assert_int_equal(bench_size(b->answer, "reports"), 1);
    assert_string_equal(bench_string(b->answer, "reports.0.subject"),
                        "client:2001:db8::/64");
}

static void
test_listings_that_are_wrong(void **state)
{
    static const char *const rows[] = {
        "{\"kind\": \"listed\"}",
        "{\"kind\": \"listed\", \"subjects\": []}",
        "{\"kind\": \"listed\", \"subjects\": [7]}",
        "{\"kind\": \"listed\", \"subjects\": {}, \"detail\": 7}",
        "{\"kind\": \"listed\", \"ids\": [\"4XkA\"]}",
        LISTED("user:ann@example.org", "\"a.example\""),
        LISTED("client:ann", "\"a.example\""),
        LISTED("client:192.0.2.0/24", "\"a.example\""),
        LISTED("client:192.0.2.7", ""),
        LISTED("client:192.0.2.7", "\"\""),
        LISTED("client:192.0.2.7", "7"),
    };
    struct bench *b = *state;

    for (size_t i = 0; i < ROWS(rows); i++)
        post(b, "/v1/feedback", rows[i], 400);
    bench_get(b, "/v1/reports");
    assert_int_equal(bench_size(b->answer, "reports"), 0);
}

/* ----- letters */

static void
test_letters(void **state)
{
    struct bench *b = *state;

    judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 60);
    bench_get(b, "/v1/notices");
    assert_int_equal(bench_size(b->answer, "notices"), 0);
    bench_get(b, "/v1/subjects/" ANN "/preview");
    assert_int_equal(b->status, 409); /* no `notice` is configured */
    bench_get(b, "/v1/subjects/" ANN "/preview?kind=love");
    assert_int_equal(b->status, 400);
    post(b, "/v1/subjects/" ANN "/resend", "{}", 200);
    assert_int_equal(bench_number(b->answer, "sent"), 0);
}

/* ----- from observing to enforcing */

static void
test_who_is_concerned_is_told(void **state)
{
    struct bench *b = *state;
    const struct past past = {.id = ANN,
                              .to = STANDING_QUARANTINED,
                              .cause = CAUSE_EVIDENCE,
                              .family = FAMILY_CONTENT,
                              .ago_s = 60,
                              .observed = true};

    post(b, "/v1/mode", "{\"mode\": \"observe\"}", 200);
    assert_int_equal(bench_size(b->answer, "concerned"), 0);
    put_past(b, &past);
    post(b, "/v1/mode", "{\"mode\": \"enforce\"}", 200);
    assert_int_equal(bench_size(b->answer, "concerned"), 1);
    assert_string_equal(bench_string(b->answer, "concerned.0.subject"), ANN);
    assert_string_equal(bench_string(b->answer, "concerned.0.standing"),
                        "quarantined");
}

/* ----- what must not be kept, or shown */

static void
test_forget(void **state)
{
    struct bench *b = *state;

    judge(b, ANN, STANDING_QUARANTINED, FAMILY_CONTENT, 60);
    judge(b, BOB, STANDING_QUARANTINED, FAMILY_CONTENT, 60);
    hold(b, ANN, "4XkA", 60);
    pass(b, "4XkA", ANN);
    post(b, "/v1/feedback", "{\"kind\": \"log\", \"ids\": [\"4XkA\"]}", 200);
    bench_get(b, "/v1/subjects/" ANN "/export");
    assert_int_equal(b->status, 200);
    assert_int_equal(bench_size(b->answer, "subject.changes"), 1);
    assert_int_equal(bench_size(b->answer, "subject.held"), 1);
    assert_int_equal(bench_size(b->answer, "subject.reports"), 1);
    assert_string_equal(bench_string(b->answer, "passed.0.id"), "4XkA");
    post(b, "/v1/subjects/" ANN "/forget", "{}", 200);
    assert_int_equal(bench_number(b->answer, "forgotten.changes"), 1);
    assert_int_equal(bench_number(b->answer, "forgotten.held"), 1);
    assert_int_equal(bench_number(b->answer, "forgotten.passed"), 1);
    assert_int_equal(bench_number(b->answer, "forgotten.reports"), 1);
    bench_get(b, "/v1/subjects/" ANN);
    assert_int_equal(b->status, 404);
    bench_get(b, "/v1/changes");
    assert_int_equal(bench_size(b->answer, "changes"), 1);
    post(b, "/v1/feedback", "{\"kind\": \"log\", \"ids\": [\"4XkA\"]}", 200);
    assert_int_equal(bench_size(b->answer, "matched"), 0);
}

static void
test_pseudonyms(void **state)
{
    static const char *const targets[] = {"/v1/zombies", "/v1/changes",
                                          "/v1/held", "/v1/subjects/" ANN};
    struct bench *b = *state;

    post(b, "/v1/subjects/" ANN "/quarantine",
         "{\"note\": \"ann@example.org has called\"}", 200);
    judge(b, BOB, STANDING_QUARANTINED, FAMILY_CONTENT, 60);
    hold(b, ANN, "4XkA", 60);
    for (size_t i = 0; i < ROWS(targets); i++) {
        char *text;

        bench_get(b, targets[i]);
        assert_int_equal(b->status, 200);
        assert_int_equal(alias_json(b->desk.alias, b->answer), MS_OK);
        text = json_dumps(b->answer, 0);
        assert_non_null(text);
        if (strstr(text, "ann@") != NULL || strstr(text, "uid 1000") != NULL)
            fail_msg("%s: %s", targets[i], text);
        if (strstr(text, "quarantined") == NULL && i != 2)
            fail_msg("%s hides how they stand: %s", targets[i], text);
        free(text);
    }
    assert_non_null(strstr(bench_string(b->answer, "zombie.by"), "~"));
    bench_get(b, "/v1/changes?subject=" BOB);
    assert_int_equal(alias_json(b->desk.alias, b->answer), MS_OK);
    assert_non_null(strstr(bench_string(b->answer, "changes.0.families.0.text"),
                           "12 of 20")); /* that is nobody's name */
    assert_string_equal(bench_string(b->answer, "changes.0.to"), "quarantined");
}

int
main(void)
{
#define WITH(f, up) cmocka_unit_test_setup_teardown(f, up, bench_tear_down)
#define TEST(f) WITH(f, set_up)
#define LETTERS(f)                                                             \
    cmocka_unit_test_setup_teardown(f, set_up_letters, tear_down_letters)
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_stands),
        TEST(test_the_worst_and_newest_come_first),
        TEST(test_pages_follow_one_another),
        WITH(test_what_was_only_observed, set_up_observing),
        TEST(test_several_standings_of_subjects),
        TEST(test_what_is_known_of_one),
        TEST(test_a_newer_state_still_stands),
        TEST(test_changes),
        TEST(test_quarantine_and_release),
        TEST(test_who_stands_normal_is_not_released),
        TEST(test_a_new_customer),
        TEST(test_refusals),
        TEST(test_a_store_that_is_away),
        TEST(test_a_mistake_is_undone),
        TEST(test_bulk_asks_for_what_it_says),
        TEST(test_a_code_works_once),
        LETTERS(test_the_code_of_a_letter),
        LETTERS(test_no_code_for_who_was_let_go),
        TEST(test_a_complaint_about_the_last_message),
        TEST(test_codes_that_do_not_work),
        WITH(test_the_rule_must_let_them, set_up_strict),
        TEST(test_held),
        TEST(test_a_complaint_counts_once),
        TEST(test_bounces_are_believed_so_often),
        TEST(test_a_forged_report_counts_nothing),
        TEST(test_a_listing_counts_once_a_day),
        TEST(test_a_listing_of_nobody_we_judge),
        TEST(test_listings_that_are_wrong),
        TEST(test_letters),
        TEST(test_who_is_concerned_is_told),
        TEST(test_forget),
        TEST(test_pseudonyms),
    };
#undef TEST
#undef WITH

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
