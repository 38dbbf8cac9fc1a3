/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the hosts of a fleet tell one another: two of them on a real server,
 * and a clerk that knows nothing but its store and its clock.
 */
#include <config.h>

#include "milter/clerk/inside.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy/store/redis/board.h"
#include "test/redis_lab.h"
#include "test/unit.h"

enum { NOW_S = 1800000000, DAY_S = 86400, HEX = 1 << 18 };

struct clerk {
    struct store *shared;
    struct store_time now;
};

struct store *
clerk_shared(const struct clerk *clerk)
{
    return clerk->shared;
}

struct store_time
clerk_now(const struct clerk *clerk)
{
    return clerk->now;
}

void
clerk_weed(struct clerk *clerk, const struct clerk_weed *weed)
{
    (void)clerk, (void)weed; /* nothing waits */
}

/* Two hosts, and the clerk of the second. */
static struct redis_host one, two;
static struct clerk clerk;

static int
set_up(void **state)
{
    static char prefix[32][32];
    static unsigned n;

    (void)state;
    memset(&one, 0, sizeof(one));
    redis_lab_prefix(prefix[n % ROWS(prefix)]);
    one.prefix = prefix[n++ % ROWS(prefix)];
    one.farm = redis_lab_farm(FARM_TCP);
    one.deadline_ms = 2000;
    two = one;
    snprintf(one.name, sizeof(one.name), "mx1");
    snprintf(two.name, sizeof(two.name), "mx2");
    redis_host_start(&one);
    redis_host_start(&two);
    clerk = (struct clerk){two.store, {{1000}, {NOW_S}}};
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    redis_host_stop(&two);
    redis_host_stop(&one);
    return 0;
}

/* ----- decisions */

static struct decision
decision_of(const char *ref, const char *subject, const char *user,
            const char *client)
{
    struct decision d = {.at_s = NOW_S,
                         .deed = JOURNAL_DONE,
                         .action = VERDICT_DEFER,
                         .nrcpt = 1,
                         .code = 450};

    snprintf(d.host, sizeof(d.host), "mx1");
    snprintf(d.ref, sizeof(d.ref), "%s", ref);
    snprintf(d.id, sizeof(d.id), "4XyZ%s", ref);
    snprintf(d.rule, sizeof(d.rule), "limit.user");
    snprintf(d.listener, sizeof(d.listener), "submission");
    snprintf(d.via, sizeof(d.via), "port");
    snprintf(d.subject, sizeof(d.subject), "%s", subject);
    snprintf(d.user, sizeof(d.user), "%s", user);
    snprintf(d.client, sizeof(d.client), "%s", client);
    snprintf(d.enhanced, sizeof(d.enhanced), "4.7.1");
    return d;
}

static void
share(struct decision d)
{
    static struct clerk_share always;

    always.left = CLERK_SHARE_MOST;
    assert_int_equal(clerk_share_decision(one.store, &always, &d, 14 * DAY_S),
                     MS_OK);
}

/* The references of what is found, with a blank behind each. */
static bool
take_ref(void *arg, const struct decision *d)
{
    char *text = arg;
    size_t len = strlen(text);

    snprintf(text + len, 1024 - len, "%s ", d->ref);
    return true;
}

static const char *
found(const char *name)
{
    static char text[1024];

    text[0] = '\0';
    assert_int_equal(clerk_fleet_decisions(&clerk, name, take_ref, text),
                     MS_OK);
    return text;
}

static bool
take_whole(void *arg, const struct decision *d)
{
    *(struct decision *)arg = *d;
    return false;
}

static void
test_decisions(void **state)
{
    static const struct {
        const char *name, *asked, *refs;
    } rows[] = {
        {"by reference", "ref 1A", "1A "},
        {"by queue id", "id 4XyZ1A", "1A "},
        {"by its subject", "user:ann@example.org", "2B 1A "},
        {"a client's, whose login was the subject", "client:192.0.2.7",
         "3C 2B 1A "},
        {"an IPv6 client's by its /64", "client:2001:db8:1:2::/64", "4D "},
        {"a login's, whose client was the subject", "user:bob@example.org",
         "3C "},
        {"a name that nothing has", "ref 9Z", ""},
        {"another letter", "ref 1a", ""},
        {"no name", "", ""},
    };
    static char longest[BOARD_NAME + 2];
    struct decision d;

    (void)state;
    share(decision_of("1A", "user:ann@example.org", "ann@example.org",
                      "192.0.2.7"));
    share(decision_of("2B", "user:ann@example.org", "", "192.0.2.7"));
    share(
        decision_of("3C", "client:192.0.2.7", "bob@example.org", "192.0.2.7"));
    share(decision_of("4D", "", "", "2001:db8:1:2::99"));
    for (size_t i = 0; i < ROWS(rows); i++)
        if (strcmp(found(rows[i].asked), rows[i].refs) != 0)
            fail_msg("%s: %s", rows[i].name, found(rows[i].asked));
    memset(longest, 'x', sizeof(longest) - 1);
    assert_string_equal(found(longest), "");
    /* all of it has come over */
    assert_int_equal(clerk_fleet_decisions(&clerk, "ref 1A", take_whole, &d),
                     MS_OK);
    assert_string_equal(d.user, "ann@example.org");
    assert_string_equal(d.rule, "limit.user");
    assert_string_equal(d.host, "mx1");
    assert_int_equal(d.at_s, NOW_S);
    assert_int_equal(d.action, VERDICT_DEFER);
    assert_int_equal(d.deed, JOURNAL_DONE);
}

static void
test_newest_of_a_subject(void **state)
{
    char ref[8], want[256] = "";

    (void)state;
    for (int i = 1; i <= CLERK_BOARD + 5; i++) {
        snprintf(ref, sizeof(ref), "%d", i);
        share(decision_of(ref, "user:ann", "ann", "192.0.2.7"));
    }
    for (int i = CLERK_BOARD + 5; i > 5; i--)
        snprintf(want + strlen(want), sizeof(want) - strlen(want), "%d ", i);
    assert_string_equal(found("user:ann"), want);
    assert_string_equal(found("ref 1"), "1 "); /* it is there all the same */
}

static void
test_not_kept(void **state)
{
    struct clerk_share room = {0};
    struct decision d = decision_of("1A", "user:ann", "ann", "192.0.2.7");

    (void)state;
    assert_int_equal(clerk_share_decision(one.store, &room, &d, 0), MS_OK);
    assert_string_equal(found("ref 1A"), "");
}

/* A flood does not fill the servers. */
static void
test_room(void **state)
{
    static const struct {
        const char *name;
        int64_t passed_s;
        uint64_t left; /* before */
        int64_t after; /* left; -1: refused */
    } rows[] = {
        {"room for the last", 0, 1, 0},
        {"and none any more", 0, 0, -1},
        {"a second brings nothing", 1, 0, -1},
        {"its share of a day brings one", DAY_S / CLERK_SHARE_MOST, 0, 0},
        {"just before it does not", DAY_S / CLERK_SHARE_MOST - 1, 0, -1},
        {"an hour", 3600, 0, 3600 / (DAY_S / CLERK_SHARE_MOST) - 1},
        {"a day brings all", DAY_S, 0, CLERK_SHARE_MOST - 1},
        {"never more than all", DAY_S / 2, CLERK_SHARE_MOST,
         CLERK_SHARE_MOST - 1},
        {"a clock that goes back brings nothing", -3600, 0, -1},
        {"and takes nothing", -3600, 2, 1},
    };
    struct clerk_share first = {0};
    struct decision d = decision_of("1A", "user:ann", "ann", "192.0.2.7");

    (void)state;
    assert_int_equal(clerk_share_decision(one.store, &first, &d, DAY_S), MS_OK);
    assert_int_equal(first.left, CLERK_SHARE_MOST - 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct clerk_share room = {NOW_S, rows[i].left};
        enum ms_err err;

        d.at_s = NOW_S + rows[i].passed_s;
        err = clerk_share_decision(one.store, &room, &d, DAY_S);
        expect(rows[i].name, err == (rows[i].after < 0 ? MS_NOMEM : MS_OK));
        expect(rows[i].name,
               rows[i].after < 0 || room.left == (uint64_t)rows[i].after);
    }
}

/* What the manual says of the servers' memory. */
static void
test_memory(void **state)
{
    struct decision d = decision_of("02K3F9QX", "user:ann@example.org",
                                    "ann@example.org", "192.0.2.7");
    char command[256];
    long bytes;

    (void)state;
    d.has_from = d.has_to = true;
    snprintf(d.from, sizeof(d.from), "ann@example.org");
    snprintf(d.to, sizeof(d.to), "bob@example.com");
    snprintf(d.client_name, sizeof(d.client_name), "cust.example.net");
    snprintf(d.text, sizeof(d.text),
             "You have sent 301 messages within an hour; 300 are allowed. "
             "Please try again in 12 minutes.");
    share(d);
    snprintf(command, sizeof(command),
             "EVAL local\tn=0\tfor\t_,k\tin\tipairs(redis.call('KEYS',"
             "'%s:*:b'))do\tn=n+redis.call('MEMORY','USAGE',k)end\treturn\tn 0",
             one.prefix);
    bytes =
        strtol(farm_ask(one.farm, 0, command) + strlen("(integer) "), NULL, 10);
    print_message("# %ld bytes a decision\n", bytes);
    assert_in_range(bytes, 3000, 12000);
}

/* ----- acts */

static struct act
act_of(const char *id, enum act_kind kind, const char *subject, int64_t until_s)
{
    struct act act = {.kind = kind,
                      .subject = {.kind = SUBJECT_KINDS},
                      .mode = MODE_OBSERVE,
                      .since = {NOW_S},
                      .until = {until_s},
                      .fleet = true};

    snprintf(act.id, sizeof(act.id), "%s", id);
    if (subject != NULL)
        act.subject = lab_subject(subject);
    if (kind == ACT_RAISE) {
        snprintf(act.limit, sizeof(act.limit), "user");
        act.rates = (struct rates){1, {{2000, DAY_S}}};
    }
    snprintf(act.note, sizeof(act.note), "ticket \"4711\" <b>");
    snprintf(act.by, sizeof(act.by), "ann (uid 1000)");
    snprintf(act.host, sizeof(act.host), "mx1");
    return act;
}

static bool
take_id(void *arg, const struct act *act)
{
    char *text = arg;
    size_t len = strlen(text);

    snprintf(text + len, 1024 - len, "%s ", act->id);
    return true;
}

static const char *
acts_at_time(int64_t now_s)
{
    static char text[1024];

    text[0] = '\0';
    assert_int_equal(
        clerk_share_acts(two.store, (struct wall){now_s}, take_id, text),
        MS_OK);
    return text;
}

static bool
take_act(void *arg, const struct act *act)
{
    *(struct act *)arg = *act;
    return false;
}

static void
test_acts(void **state)
{
    struct act raise =
        act_of("AAAAAAAA", ACT_RAISE, "user:ann@example.org", NOW_S + DAY_S);
    struct act exempt =
        act_of("BBBBBBBB", ACT_EXEMPT, "client:192.0.2.7", ACT_FOR_EVER);
    struct act mode = act_of("CCCCCCCC", ACT_MODE, NULL, NOW_S + 7200);
    struct act got = {.kind = ACT_MODE};

    (void)state;
    assert_string_equal(acts_at_time(NOW_S), "");
    assert_int_equal(clerk_share_act(one.store, &raise), MS_OK);
    assert_int_equal(clerk_share_act(one.store, &exempt), MS_OK);
    assert_int_equal(clerk_share_act(one.store, &mode), MS_OK);
    assert_string_equal(acts_at_time(NOW_S), "AAAAAAAA BBBBBBBB CCCCCCCC ");
    assert_int_equal(
        clerk_share_acts(two.store, (struct wall){NOW_S}, take_act, &got),
        MS_OK);
    assert_int_equal(got.kind, ACT_RAISE);
    assert_true(subject_same(&got.subject, &raise.subject));
    assert_string_equal(got.limit, "user");
    assert_int_equal(got.rates.rate[0].n, 2000);
    assert_int_equal(got.until.s, raise.until.s);
    assert_string_equal(got.note, raise.note);
    assert_true(got.fleet);
    /* one that is set again replaces itself */
    assert_int_equal(clerk_share_act(two.store, &raise), MS_OK);
    assert_string_equal(acts_at_time(NOW_S), "AAAAAAAA BBBBBBBB CCCCCCCC ");
    assert_int_equal(clerk_share_unact(two.store, "BBBBBBBB"), MS_OK);
    assert_int_equal(clerk_share_unact(two.store, "ZZZZZZZZ"), MS_OK);
    assert_string_equal(acts_at_time(NOW_S), "AAAAAAAA CCCCCCCC ");
    /* what has ended stays for a day, and then goes for good */
    assert_string_equal(acts_at_time(NOW_S + 7200 + CLERK_ACT_STAYS_S),
                        "AAAAAAAA CCCCCCCC ");
    assert_string_equal(acts_at_time(NOW_S + 7201 + CLERK_ACT_STAYS_S),
                        "AAAAAAAA ");
    assert_string_equal(acts_at_time(NOW_S), "AAAAAAAA ");
}

/* What another mortsafe, or nobody, has put there. */
static void
test_other_forms(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"kind\":\"pardon\"}",
        "{\"kind\":",
        "\xff",
        "{\"id\":\"AAAAAAAA\",\"kind\":\"mode\",\"mode\":\"sleep\"}"};
    struct act act = act_of("AAAAAAAA", ACT_MODE, NULL, NOW_S + 9);
    struct subject ann = lab_subject("user:ann");

    (void)state;
    assert_int_equal(clerk_share_act(one.store, &act), MS_OK);
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct board_blob blob = {"BBBBBBBB", (const uint8_t *)texts[i],
                                  strlen(texts[i])};

        assert_int_equal(store_board_put(one.store, "acts", &blob, 0, false),
                         MS_OK);
        assert_int_equal(
            store_board_put(one.store, "top user", &blob, 60, false), MS_OK);
        assert_int_equal(
            store_board_add(one.store, "decisions ref 1A", &blob, 9, 60),
            MS_OK);
        assert_int_equal(store_board_add(one.store, "about ann", &blob, 9, 60),
                         MS_OK);
        assert_int_equal(store_board_add(one.store, "audit", &blob, 9, 60),
                         MS_OK);
        assert_int_equal(store_board_add(one.store, "changes", &blob, 9, 60),
                         MS_OK);
        assert_int_equal(store_board_put(one.store, "helds", &blob, 60, false),
                         MS_OK);
        assert_int_equal(
            store_board_put(one.store, "feedback", &blob, 60, false), MS_OK);
        assert_int_equal(clerk_fleet_changes(&clerk, NULL, NULL, NULL), MS_OK);
        assert_int_equal(clerk_fleet_held(&clerk, NULL, NULL, NULL), MS_OK);
        assert_string_equal(acts_at_time(NOW_S), "AAAAAAAA ");
        assert_string_equal(found("ref 1A"), "");
        assert_int_equal(clerk_fleet_audit(&clerk, NULL, NULL), MS_OK);
        assert_int_equal(clerk_fleet_top(&clerk, SUBJECT_USER, NULL, NULL),
                         MS_OK);
        assert_int_equal(clerk_fleet_forget(&clerk, &ann, "~K7Q2M9XD"), MS_OK);
    }
    /* an act that was moved to another's place */
    {
        json_t *json = act_json(&act, act.since);
        char *text = json_dumps(json, JSON_COMPACT);
        struct board_blob blob = {"DDDDDDDD", (const uint8_t *)text,
                                  strlen(text)};

        assert_int_equal(store_board_put(one.store, "acts", &blob, 0, false),
                         MS_OK);
        assert_string_equal(acts_at_time(NOW_S), "AAAAAAAA ");
        free(text);
        json_decref(json);
    }
}

/* ----- changes of standings */

static struct change
change_of(const char *id, const char *subject, const char *note)
{
    struct change c = {.host = "mx1",
                       .rule = "zombie.account",
                       .class = CLASS_OFFICE,
                       .evidence = {.at_s = NOW_S,
                                    .to = STANDING_QUARANTINED,
                                    .cause = CAUSE_EVIDENCE,
                                    .tenths = {[FAMILY_CONTENT] = 450}}};

    c.subject = lab_subject(subject);
    snprintf(c.id, sizeof(c.id), "%s", id);
    snprintf(c.note, sizeof(c.note), "%s", note);
    return c;
}

static void
share_change(struct change c)
{
    struct clerk_share_day today = {0};

    assert_int_equal(clerk_share_change_now(one.store, &today, &c), MS_OK);
}

static bool
take_change(void *arg, const struct change *change)
{
    char *text = arg;
    size_t len = strlen(text);

    snprintf(text + len, 1024 - len, "%s/%s ", change->id, change->note);
    return true;
}

static const char *
changes_of(const char *subject)
{
    static char text[1024];

    text[0] = '\0';
    assert_int_equal(clerk_fleet_changes(&clerk, subject, take_change, text),
                     MS_OK);
    return text;
}

static void
test_changes(void **state)
{
    struct change pair = change_of("CCCCCCCC", "user:ann", "three"), again;
    bool found_it = true;

    (void)state;
    assert_true(subject_make_pair(SUBJECT_USER, "ann", SUBJECT_SENDER, "x@y",
                                  &pair.subject));
    share_change(change_of("AAAAAAAA", "user:ann", "one"));
    share_change(change_of("BBBBBBBB", "user:bob", "two"));
    share_change(pair);
    assert_string_equal(changes_of(NULL),
                        "CCCCCCCC/three BBBBBBBB/two AAAAAAAA/one ");
    assert_string_equal(changes_of("user:ann"), "AAAAAAAA/one ");
    assert_string_equal(changes_of("user+sender:ann+x@y"), "CCCCCCCC/three ");
    assert_string_equal(changes_of("sender:ann"), "");
    assert_string_equal(changes_of(""), "");
    assert_int_equal(clerk_fleet_change(&clerk, "BBBBBBBB", &found_it, &again),
                     MS_OK);
    assert_true(found_it);
    assert_string_equal(again.note, "two");
    assert_int_equal(again.class, CLASS_OFFICE);
    assert_int_equal(again.evidence.tenths[FAMILY_CONTENT], 450);
    assert_int_equal(clerk_fleet_change(&clerk, "bbbbbbbb", &found_it, &again),
                     MS_OK);
    assert_false(found_it);
}

/* A wave does not fill the servers' memory: of a day's more than a thousand
 * only the newest of all are there. */
static void
test_changes_room(void **state)
{
    struct clerk_share_day today = {NOW_S / DAY_S, CLERK_CHANGES_DAY - 1};
    struct change c = change_of("AAAAAAAA", "user:ann", "1");

    (void)state;
    assert_int_equal(clerk_share_change_now(one.store, &today, &c), MS_OK);
    snprintf(c.note, sizeof(c.note), "2");
    assert_int_equal(clerk_share_change_now(one.store, &today, &c), MS_OK);
    assert_string_equal(changes_of("user:ann"), "AAAAAAAA/1 ");
    assert_string_equal(changes_of(NULL), "AAAAAAAA/2 AAAAAAAA/1 ");
    c.evidence.at_s += DAY_S;
    snprintf(c.note, sizeof(c.note), "3");
    assert_int_equal(clerk_share_change_now(one.store, &today, &c), MS_OK);
    assert_string_equal(changes_of("user:ann"), "AAAAAAAA/3 AAAAAAAA/1 ");
}

/* ----- messages held */

static struct held
held_of(const char *host, const char *id, const char *subject, int64_t at_s)
{
    struct held h = {.at_s = at_s, .mta = HELD_SENDMAIL, .nrcpt = 2};

    snprintf(h.host, sizeof(h.host), "%s", host);
    snprintf(h.id, sizeof(h.id), "%s", id);
    snprintf(h.subject, sizeof(h.subject), "%s", subject);
    return h;
}

static void
share_held(struct held h)
{
    assert_int_equal(clerk_share_held_now(one.store, &h), MS_OK);
}

static bool
take_held(void *arg, const struct held *held)
{
    char *text = arg;
    size_t len = strlen(text);

    snprintf(text + len, 1024 - len, "%s/%s/%s ", held->host, held->id,
             held->has_from ? held->from : "-");
    return true;
}

static const char *
helds_of(const char *subject)
{
    static char text[1024];

    text[0] = '\0';
    assert_int_equal(clerk_fleet_held(&clerk, subject, take_held, text), MS_OK);
    return text;
}

static void
test_held(void **state)
{
    struct held h = held_of("mx1", "1A", "user:ann", NOW_S + 9);

    (void)state;
    share_held(h);
    share_held(held_of("mx2", "1A", "user:ann", NOW_S + 1));
    share_held(held_of("mx1", "2B", "user:bob", NOW_S + 5));
    assert_string_equal(helds_of(NULL), "mx2/1A/- mx1/2B/- mx1/1A/- ");
    assert_string_equal(helds_of("user:ann"), "mx2/1A/- mx1/1A/- ");
    assert_string_equal(helds_of("user:nobody"), "");
    assert_string_equal(helds_of(""), "");
    assert_int_equal(clerk_share_gone(one.store, &h), MS_OK);
    assert_int_equal(clerk_share_gone(one.store, &h), MS_OK);
    assert_string_equal(helds_of("user:ann"), "mx2/1A/- ");
    assert_string_equal(helds_of(NULL), "mx2/1A/- mx1/2B/- ");
    /* what nobody has seen to for 90 days is seen no more */
    clerk.now.wall.s = NOW_S + 1 + CLERK_HELD_KEEP_S;
    assert_string_equal(helds_of(NULL), "mx2/1A/- mx1/2B/- ");
    clerk.now.wall.s++;
    assert_string_equal(helds_of(NULL), "mx1/2B/- ");
    clerk.now.wall.s = NOW_S;
    assert_string_equal(helds_of("user:ann"), "");
}

/* ----- the audit trail */

static struct diary_audit
audit_of(const char *act, const char *subject, const char *detail)
{
    struct diary_audit entry = {.at_s = NOW_S, .ok = true};

    snprintf(entry.host, sizeof(entry.host), "mx1");
    snprintf(entry.by, sizeof(entry.by), "eve (uid 1000)");
    snprintf(entry.act, sizeof(entry.act), "%s", act);
    snprintf(entry.subject, sizeof(entry.subject), "%s", subject);
    snprintf(entry.detail, sizeof(entry.detail), "%s", detail);
    return entry;
}

static bool
take_audit(void *arg, const struct diary_audit *entry)
{
    char *text = arg;
    size_t len = strlen(text);

    snprintf(text + len, 1024 - len, "%s/%s/%s ", entry->act, entry->subject,
             entry->detail);
    return true;
}

static const char *
audits(void)
{
    static char text[1024];

    text[0] = '\0';
    assert_int_equal(clerk_fleet_audit(&clerk, take_audit, text), MS_OK);
    return text;
}

static void
audit(const char *act, const char *subject, const char *detail)
{
    struct diary_audit entry = audit_of(act, subject, detail);

    assert_int_equal(clerk_share_audit(one.store, &entry), MS_OK);
}

static void
test_audit(void **state)
{
    (void)state;
    assert_string_equal(audits(), "");
    audit("reset", "user:ann", "limit user");
    audit("mode", "", "observe for 2h");
    assert_string_equal(audits(),
                        "mode//observe for 2h reset/user:ann/limit user ");
}

/* ----- the busiest */

static struct top_row
row_of(const char *subject, uint64_t used)
{
    struct top_row row = {.subject = lab_subject(subject),
                          .standing = STANDING_WATCHED,
                          .metric = METRIC_EXTERNAL,
                          .rate = {300, 3600},
                          .used = used,
                          .share = 1500,
                          .first_seen = {NOW_S - 9},
                          .last_seen = {NOW_S}};

    snprintf(row.limit, sizeof(row.limit), "user");
    return row;
}

static void
publish(struct redis_host *host, int64_t at_s, enum subject_kind kind,
        const struct top_row *rows, size_t n)
{
    assert_int_equal(clerk_share_top(host->store, host->name,
                                     (struct wall){at_s}, kind, rows, n),
                     MS_OK);
}

static bool
take_row(void *arg, const char *host, const struct top_row *row)
{
    char *text = arg, subject[SUBJECT_TEXT];
    size_t len = strlen(text);

    assert_string_equal(row->limit, "user");
    assert_int_equal(row->standing, STANDING_WATCHED);
    assert_int_equal(row->metric, METRIC_EXTERNAL);
    assert_int_equal(row->rate.n, 300);
    assert_int_equal(row->rate.span_s, 3600);
    assert_int_equal(row->share, 1500);
    assert_int_equal(row->first_seen.s, NOW_S - 9);
    assert_int_equal(row->last_seen.s, NOW_S);
    snprintf(text + len, 1024 - len, "%s/%s/%u ", host,
             subject_print(&row->subject, subject), (unsigned)row->used);
    return true;
}

static const char *
tops(enum subject_kind kind)
{
    static char text[1024];

    text[0] = '\0';
    assert_int_equal(clerk_fleet_top(&clerk, kind, take_row, text), MS_OK);
    return text;
}

static void
test_top(void **state)
{
    struct top_row rows[] = {row_of("user:ann", 9), row_of("user:bob", 7)};

    (void)state;
    assert_string_equal(tops(SUBJECT_USER), "");
    publish(&two, NOW_S, SUBJECT_USER, rows + 1, 1);
    publish(&one, NOW_S - 5, SUBJECT_USER, rows, 2);
    assert_string_equal(tops(SUBJECT_USER),
                        "mx1/user:ann/9 mx1/user:bob/7 mx2/user:bob/7 ");
    assert_string_equal(tops(SUBJECT_CLIENT), "");
    publish(&one, NOW_S, SUBJECT_USER, rows, 0); /* nobody is busy any more */
    assert_string_equal(tops(SUBJECT_USER), "mx2/user:bob/7 ");
    /* one that was not heard of for a minute, or is far ahead */
    clerk.now.wall.s = NOW_S + CLERK_TOP_KEEP_S;
    assert_string_equal(tops(SUBJECT_USER), "mx2/user:bob/7 ");
    clerk.now.wall.s = NOW_S + CLERK_TOP_KEEP_S + 1;
    assert_string_equal(tops(SUBJECT_USER), "");
    clerk.now.wall.s = NOW_S - CLERK_TOP_KEEP_S - 1;
    assert_string_equal(tops(SUBJECT_USER), "");
    clerk.now.wall.s = NOW_S + 3601; /* an hour: it has gone for good */
    assert_string_equal(tops(SUBJECT_USER), "");
    clerk.now.wall.s = NOW_S;
    assert_string_equal(tops(SUBJECT_USER), "");
}

static bool
count_row(void *arg, const char *host, const struct top_row *row)
{
    (void)host;
    (void)row;
    ++*(unsigned *)arg;
    return true;
}

/* What does not fit is left out from the end; longer names, fewer rows. */
static void
test_top_that_does_not_fit(void **state)
{
    static struct top_row rows[CLERK_TOP + 300];
    static char name[SUBJECT_PART_MAX + 1];
    unsigned n = 0;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        rows[i] = row_of("user:someone@mail.example.org", i);
    publish(&one, NOW_S, SUBJECT_USER, rows, CLERK_TOP);
    (void)clerk_fleet_top(&clerk, SUBJECT_USER, count_row, &n);
    assert_int_equal(n, CLERK_TOP);
    n = 0;
    publish(&one, NOW_S, SUBJECT_USER, rows, ROWS(rows));
    (void)clerk_fleet_top(&clerk, SUBJECT_USER, count_row, &n);
    assert_in_range(n, CLERK_TOP, 300);
    memset(name, 'x', SUBJECT_PART_MAX);
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_true(subject_make_pair(SUBJECT_USER, name, SUBJECT_SENDER, name,
                                      &rows[i].subject));
    n = 0;
    publish(&one, NOW_S, SUBJECT_PAIR, rows, ROWS(rows));
    (void)clerk_fleet_top(&clerk, SUBJECT_PAIR, count_row, &n);
    assert_in_range(n, 10, 20);
}

/* ----- forgetting: what all of the board says, opened with the key */

/* The sealed bytes of a member, in hexadecimal. */
static void
look_into(char *hex, const char *mark, unsigned *found_in)
{
    static uint8_t member[HEX], plain[HEX];
    size_t len = 0, at = 0, n = 0;
    const char *end;

    assert_int_equal(sodium_hex2bin(member, sizeof(member), hex, strlen(hex),
                                    NULL, &len, &end),
                     0);
    assert_int_equal(*end, '\0');
    for (at = 0; at < len; at++) /* behind a field, if there is one */
        if (sitekey_open_bytes(redis_lab_key(), member + at, len - at, plain,
                               &n))
            break;
    assert_true(at < len); /* there is nothing that is not sealed */
    plain[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (plain[i] == '\0')
            plain[i] = '.';
    *found_in += strcasestr((const char *)plain, mark) != NULL;
}

static unsigned
on_the_board(const char *mark)
{
    static const char lua[] =
        "EVAL local\tr=''for\t_,m\tin\tipairs(redis.call('ZRANGE',KEYS[1],0,-1)"
        ")do\tr=r..m:gsub('.',function(c)return\tstring.format('%%02x',"
        "c:byte())end)..','end\treturn\tr 1 %s";
    static char keys[HEX], hex[HEX];
    char command[512], *rest = keys, *line;
    unsigned n = 0;

    snprintf(command, sizeof(command), "KEYS %s:*:b", one.prefix);
    snprintf(keys, sizeof(keys), "%s", farm_ask(one.farm, 0, command));
    while ((line = strtok_r(rest, "\n", &rest)) != NULL) {
        char *key = strchr(line, '"'), *end = strrchr(line, '"'), *left = hex;

        if (key == NULL || end == key)
            continue;
        *end = '\0';
        snprintf(command, sizeof(command), lua, key + 1);
        snprintf(hex, sizeof(hex), "%s", farm_ask(one.farm, 0, command) + 1);
        while ((line = strtok_r(left, ",\"", &left)) != NULL)
            look_into(line, mark, &n);
    }
    return n;
}

/* What zombies leave there. */
static void
put_zombies_about(const char *ann)
{
    static const char text[] =
        "{\"report\":{\"at\":\"2026-01-07T12:00:00Z\",\"kind\":\"log\","
        "\"detail\":\"of ann@example.org.\"},\"unknown\":1,\"complaints\":0,"
        "\"at\":1800000000}";
    const struct board_blob order = {"0123456789abcdef", (const uint8_t *)text,
                                     strlen(text)};
    struct change c = change_of("CCCCCCCC", "user:bob@example.org", "a pair's");
    struct held h = held_of("mx1", "1A", "user:ann@example.org", NOW_S);

    share_change(change_of("AAAAAAAA", "user:ann@example.org", "her own"));
    share_change(change_of("BBBBBBBB", "user:bob@example.org",
                           "a friend of ann@example.org"));
    assert_true(subject_make_pair(SUBJECT_SENDER, "x@y", SUBJECT_USER,
                                  "ann@example.org", &c.subject));
    share_change(c);
    share_change(change_of("DDDDDDDD", "user:bob@example.org", "his own"));
    share_held(h);
    h = held_of("mx1", "2B", "user:bob@example.org", NOW_S);
    h.has_from = true;
    snprintf(h.from, sizeof(h.from), "%s", ann);
    share_held(h);
    assert_int_equal(store_board_put(one.store, "feedback", &order, 60, false),
                     MS_OK);
}

static void
put_all_about(const char *ann, const char *sender)
{
    struct top_row rows[] = {row_of("user:bob@example.org", 9),
                             row_of("user:ann@example.org", 7)};
    struct decision d;
    struct act act;

    share(decision_of("1A", "user:ann@example.org", ann, "192.0.2.7"));
    d = decision_of("2B", "client:192.0.2.9", "", "192.0.2.9");
    d.has_from = d.has_to = true;
    snprintf(d.from, sizeof(d.from), "%s", sender);
    share(d);
    d = decision_of("3C", "client:192.0.2.9", "", "192.0.2.9");
    d.has_from = d.has_to = true;
    snprintf(d.to, sizeof(d.to), "%s", ann);
    share(d);
    d = decision_of("4D", "user+sender:ann@example.org+x@example.org", ann,
                    "192.0.2.7");
    share(d);
    share(decision_of("5E", "user:bob@example.org", "bob@example.org",
                      "192.0.2.7"));
    for (int i = 0; i < CLERK_BOARD + 10; i++) {
        char ref[16];

        snprintf(ref, sizeof(ref), "many%d", i);
        share(decision_of(ref, "user:ann@example.org", ann, "192.0.2.8"));
    }
    act = act_of("AAAAAAAA", ACT_EXEMPT, "user:ann@example.org", ACT_FOR_EVER);
    assert_int_equal(clerk_share_act(one.store, &act), MS_OK);
    act = act_of("BBBBBBBB", ACT_EXEMPT, "user:bob@example.org", ACT_FOR_EVER);
    assert_int_equal(clerk_share_act(one.store, &act), MS_OK);
    audit("reset", "user:ann@example.org", "limit user");
    audit("raise", "user:bob@example.org", "instead of ann@example.org");
    audit("mode", "", "observe");
    publish(&one, NOW_S, SUBJECT_USER, rows, 2);
    publish(&two, NOW_S, SUBJECT_USER, rows + 1, 1);
    rows[0] = row_of("user:x", 1);
    assert_true(subject_make_pair(SUBJECT_USER, "ann@example.org",
                                  SUBJECT_SENDER, "x", &rows[0].subject));
    publish(&two, NOW_S, SUBJECT_PAIR, rows, 1);
    put_zombies_about(sender);
}

static void
test_forget(void **state)
{
    static const char *const spellings[] = {"ann@example.org",
                                            "Ann@Example.ORG"};
    struct subject ann = lab_subject("user:ann@example.org");

    (void)state;
    for (size_t i = 0; i < ROWS(spellings); i++) {
        put_all_about(spellings[i], spellings[ROWS(spellings) - 1 - i]);
        assert_true(on_the_board("ann@example.org") > 40);
        assert_int_equal(clerk_fleet_forget(&clerk, &ann, "~K7Q2M9XD"), MS_OK);
        assert_int_equal(on_the_board("ann@example.org"), 0);
        /* all others are as they were */
        assert_string_equal(found("user:bob@example.org"), "5E ");
        assert_string_equal(found("ref 5E"), "5E ");
        assert_string_equal(found("client:192.0.2.7"), "5E ");
        assert_string_equal(found("client:192.0.2.9"), "");
        assert_string_equal(acts_at_time(NOW_S), "BBBBBBBB ");
        assert_string_equal(tops(SUBJECT_USER), "mx1/user:bob@example.org/9 ");
        assert_string_equal(tops(SUBJECT_PAIR), "");
        assert_string_equal(audits(),
                            "mode//observe "
                            "raise/user:bob@example.org/user:~K7Q2M9XD "
                            "reset/user:~K7Q2M9XD/limit user ");
        assert_string_equal(changes_of(NULL),
                            "DDDDDDDD/his own BBBBBBBB/user:~K7Q2M9XD ");
        assert_string_equal(changes_of("user:bob@example.org"),
                            "DDDDDDDD/his own BBBBBBBB/user:~K7Q2M9XD ");
        assert_string_equal(helds_of(NULL), "mx1/2B/- ");
        assert_string_equal(helds_of("user:bob@example.org"), "mx1/2B/- ");
        (void)store_board_drop(one.store, "changes");
        (void)store_board_drop(one.store, "changes user:bob@example.org");
        for (int name = 0; name < 2; name++) /* for the next round */
            (void)store_board_drop(one.store, name == 0 ? "audit" : "acts");
        (void)store_board_drop(one.store, "decisions user:bob@example.org");
        (void)store_board_drop(one.store, "decisions ref 5E");
        (void)store_board_drop(one.store, "decisions client:192.0.2.7");
    }
}

static void
test_forget_a_machine(void **state)
{
    struct subject client = lab_subject("client:2001:db8:1:2::/64");

    (void)state;
    share(decision_of("1A", "user:bob", "bob", "2001:db8:1:2::99"));
    share(decision_of("2B", "user:bob", "bob", "2001:db8:1:3::99"));
    assert_int_equal(on_the_board("2001:db8:1:2:") > 0, 1);
    assert_int_equal(clerk_fleet_forget(&clerk, &client, "~K7Q2M9XD"), MS_OK);
    assert_int_equal(on_the_board("2001:db8:1:2:"), 0);
    assert_string_equal(found("user:bob"), "2B ");
}

/* What only looks like the name is as it was; acts about pairs go. */
static void
test_forget_a_short_name(void **state)
{
    struct subject ann = lab_subject("user:ann");
    struct decision d = decision_of("1A", "user:bob", "bob", "192.0.2.7");
    struct act act;

    (void)state;
    snprintf(d.text, sizeof(d.text), "you cannot, said Ann");
    d.has_to = true;
    snprintf(d.to, sizeof(d.to), "ann"); /* so that it is looked at */
    share(d);
    d = decision_of("2B", "user:bob", "bob", "192.0.2.7");
    snprintf(d.text, sizeof(d.text), "you cannot, joann");
    share(d);
    audit("raise", "user:bob", "joann cannot");
    audit("raise", "user:bob", "as Ann.");
    act = act_of("AAAAAAAA", ACT_EXEMPT, "user:bob", ACT_FOR_EVER);
    assert_int_equal(clerk_share_act(one.store, &act), MS_OK);
    act = act_of("BBBBBBBB", ACT_EXEMPT, "user:bob", ACT_FOR_EVER);
    assert_true(subject_make_pair(SUBJECT_USER, "ann", SUBJECT_SENDER, "x@y",
                                  &act.subject));
    assert_int_equal(clerk_share_act(one.store, &act), MS_OK);
    assert_int_equal(clerk_fleet_forget(&clerk, &ann, "~K7Q2M9XD"), MS_OK);
    assert_string_equal(found("user:bob"), "2B ");
    assert_string_equal(audits(), "raise/user:bob/user:~K7Q2M9XD "
                                  "raise/user:bob/joann cannot ");
    assert_string_equal(acts_at_time(NOW_S), "AAAAAAAA ");
}

static void
test_forget_nobody(void **state)
{
    struct subject nobody = lab_subject("user:nobody");

    (void)state;
    assert_int_equal(clerk_fleet_forget(&clerk, &nobody, "~K7Q2M9XD"), MS_OK);
}

/* ----- no fleet, and one that is away */

static void
ask_all(struct store *shared, enum ms_err wanted)
{
    struct clerk_share room = {0};
    struct decision d = decision_of("1A", "user:ann", "ann", "192.0.2.7");
    struct act act = act_of("AAAAAAAA", ACT_MODE, NULL, NOW_S + 9);
    struct diary_audit entry = audit_of("mode", "", "");
    struct top_row row = row_of("user:ann", 1);
    struct wall now = {NOW_S};
    struct clerk_share_day today = {0};
    struct change c = change_of("AAAAAAAA", "user:ann", ""), other;
    struct held h = held_of("mx1", "1A", "user:ann", NOW_S);
    bool found_it = false;

    clerk.shared = shared;
    assert_int_equal(clerk_share_change_now(shared, &today, &c), wanted);
    assert_int_equal(clerk_share_held_now(shared, &h), wanted);
    assert_int_equal(clerk_share_gone(shared, &h), wanted);
    assert_int_equal(clerk_fleet_changes(&clerk, NULL, NULL, NULL), wanted);
    assert_int_equal(clerk_fleet_change(&clerk, "AAAAAAAA", &found_it, &other),
                     wanted);
    assert_false(found_it);
    assert_int_equal(clerk_fleet_held(&clerk, "user:ann", NULL, NULL), wanted);
    assert_int_equal(clerk_share_decision(shared, &room, &d, DAY_S), wanted);
    /* what was not put there takes no room */
    assert_int_equal(room.left, wanted == MS_OK ? 0 : CLERK_SHARE_MOST);
    assert_int_equal(clerk_share_act(shared, &act), wanted);
    assert_int_equal(clerk_share_unact(shared, "AAAAAAAA"), wanted);
    assert_int_equal(clerk_share_acts(shared, now, NULL, NULL), wanted);
    assert_int_equal(clerk_share_audit(shared, &entry), wanted);
    assert_int_equal(clerk_share_top(shared, "mx1", now, SUBJECT_USER, &row, 1),
                     wanted);
    assert_int_equal(clerk_fleet_decisions(&clerk, "ref 1A", NULL, NULL),
                     wanted);
    assert_int_equal(clerk_fleet_audit(&clerk, NULL, NULL), wanted);
    assert_int_equal(clerk_fleet_top(&clerk, SUBJECT_USER, NULL, NULL), wanted);
    assert_int_equal(clerk_fleet_forget(&clerk, &row.subject, "~K7Q2M9XD"),
                     wanted);
}

static void
test_no_fleet(void **state)
{
    (void)state;
    ask_all(NULL, MS_OK);
}

static void
test_away(void **state)
{
    const int64_t from = redis_lab_now(NULL).mono.ms;
    struct redis_host away = {.prefix = "other", .farm = one.farm};

    (void)state;
    snprintf(away.name, sizeof(away.name), "mx3");
    farm_signal(one.farm, 0, SIGSTOP);
    redis_host_open(&away); /* never admitted */
    ask_all(away.store, MS_UNAVAIL);
    assert_true(redis_lab_now(NULL).mono.ms - from < 1000); /* at once */
    farm_signal(one.farm, 0, SIGCONT);
    redis_host_stop(&away);
}

/* ----- */

static int
end(void **state)
{
    (void)state;
    redis_lab_end_farms();
    return 0;
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_decisions),
        TEST(test_newest_of_a_subject),
        TEST(test_not_kept),
        TEST(test_room),
        TEST(test_memory),
        TEST(test_acts),
        TEST(test_other_forms),
        TEST(test_changes),
        TEST(test_changes_room),
        TEST(test_held),
        TEST(test_audit),
        TEST(test_top),
        TEST(test_top_that_does_not_fit),
        TEST(test_forget),
        TEST(test_forget_a_machine),
        TEST(test_forget_a_short_name),
        TEST(test_forget_nobody),
        TEST(test_no_fleet),
        TEST(test_away),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
