/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notices as a whole: who is told of a change, how often, and that nothing is
 * lost while servers are away, over restarts, and without memory.
 */
#include <config.h>

#include "milter/notice/notice.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "milter/diary/outbox.h"
#include "milter/notice/addressee.h"
#include "milter/notice/hook.h"
#include "milter/notice/inside.h"
#include "milter/step.h"
#include "policy/store/memory.h"
#include "test/heard.h"
#include "test/scarce.h"
#include "test/stub.h"
#include "test/unit.h"

enum { NOON_S = 1767787200, HOUR_S = 3600, DAY_S = 86400 };

/* A daemon's worth of what notices need. */
struct desk {
    struct change fleet[4]; /* of other hosts, the newest first */
    size_t n_fleet;
    unsigned looks;    /* at them */
    int64_t advance_s; /* the clock, each time that it is read */
    char dir[32], contacts[64], state[80];
    FILE *log;
    struct journal *journal;
    struct daemon *daemon;
    struct diary *diary;
    struct notice *notice;
    struct sitekey *key; /* NULL: none */
    struct stub *mail, *web;
    struct store_time now;
};

static struct store_time
desk_now(void *arg)
{
    struct desk *d = arg;

    if (d->advance_s != 0) /* never while a thread is there */
        d->now.wall.s += d->advance_s;
    return d->now;
}

static enum ms_err
desk_changes(void *arg, bool (*each)(void *each_arg, const struct change *),
             void *each_arg)
{
    struct desk *d = arg;

    d->looks++;
    for (size_t i = 0; i < d->n_fleet; i++)
        if (!each(each_arg, &d->fleet[i]))
            break;
    return MS_OK;
}

static const char contacts[] = "ann@example.org ann@example.net de\n"
                               "eve@example.org eve@example.org\n"
                               "dan@example.org Dan+x@example.org\n"
                               "@example.com    admin@example.com es\n"
                               "bob             bob@example.net\n"
                               "loop@example.org pm@example.org\n"
                               "192.0.2.0/24    noc@example.net\n"
                               "192.0.2.7       seven@example.net\n"
                               "2001:db8::/32   six@example.net\n";

static struct config *
desk_config(const struct desk *d, const char *notice, const char *more)
{
    static struct heard heard;
    static char text[8192];
    const char *top = getenv("top_srcdir");
    struct config *config = NULL;
    int n = snprintf(
        text, sizeof(text),
        "mode = enforce\n"
        "domains local { list = example.org }\n"
        "notice {\n"
        "    from = \"Example <pm@example.org>\"\n"
        "    language = en, de, es\n"
        "    smtp = inet:%u@127.0.0.1\n"
        "    contacts = texthash:%s\n"
        "    templates = \"%s/contrib/notices\"\n"
        "    %s\n"
        "}\n"
        "zombie account { mode = enforce  quarantine_at = 60  %s %s }\n",
        stub_port(d->mail), d->contacts, top != NULL ? top : "../..", notice,
        more,
        strstr(more, "notify") == NULL ? "notify = owner, postmaster" : "");

    assert_true(n > 0 && (size_t)n < sizeof(text));
    if (heard_load(&heard, text, NOON_S, &config) != MS_OK)
        fail_msg("%s", heard.text);
    return config;
}

static void
desk_notice(struct desk *d)
{
    const struct notice_needs needs = {.daemon = d->daemon,
                                       .diary = d->diary,
                                       .key = d->key,
                                       .host = "mx1.example.org",
                                       .changes = desk_changes,
                                       .now = desk_now,
                                       .arg = d};

    assert_int_equal(notice_create(&needs, &d->notice), MS_OK);
}

static void
desk_diary(struct desk *d)
{
    struct why why;

    if (diary_open(d->state, d->now.wall, NULL, NULL, &d->diary, &why) != MS_OK)
        fail_msg("%s", why.text);
}

static void
desk_daemon(struct desk *d, const char *notice, const char *more)
{
    struct spool_target target = {.to = LOG_TO_STDERR, .fd = fileno(d->log)};
    struct config *config = desk_config(d, notice, more);
    struct store *store = NULL;
    struct pool *steps = NULL;

    assert_int_equal(
        journal_create(&target, LOG_TEXT, 7, "mx1.example.org", &d->journal),
        MS_OK);
    assert_int_equal(store_memory_create(1 << 20, &store), MS_OK);
    assert_int_equal(pool_create(sizeof(struct step), &steps), MS_OK);
    assert_int_equal(
        daemon_create(config, store, steps, d->journal, &d->daemon), MS_OK);
}

/* With NOTICE in the block, and MORE in the rule about accounts. */
static struct desk *
desk_create(const char *notice, const char *more)
{
    struct desk *d = calloc(1, sizeof(*d));
    FILE *file;

    assert_non_null(d);
    d->now.wall.s = NOON_S;
    d->mail = stub_start(false);
    d->web = stub_start(true);
    (void)snprintf(d->dir, sizeof(d->dir), "/tmp/notice-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    (void)snprintf(d->state, sizeof(d->state), "%s/state", d->dir);
    assert_int_equal(mkdir(d->state, 0700), 0);
    (void)snprintf(d->contacts, sizeof(d->contacts), "%s/contacts", d->dir);
    file = fopen(d->contacts, "we");
    assert_non_null(file);
    (void)fputs(contacts, file);
    (void)fclose(file);
    d->log = tmpfile();
    assert_non_null(d->log);
    desk_daemon(d, notice, more);
    desk_diary(d);
    desk_notice(d);
    return d;
}

static void
desk_remove(const struct desk *d)
{
    static const char *const names[] = {"state/diary.db",
                                        "state/diary.db-wal",
                                        "state/diary.db-shm",
                                        "contacts",
                                        "key",
                                        "state",
                                        ""};
    char path[128];

    for (size_t i = 0; i < ROWS(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", d->dir, names[i]);
        (void)remove(path);
    }
}

static void
desk_destroy(struct desk *d)
{
    notice_destroy(d->notice);
    diary_close(d->diary);
    daemon_destroy(d->daemon);
    journal_destroy(d->journal);
    sitekey_destroy(d->key);
    stub_stop(d->mail);
    stub_stop(d->web);
    (void)fclose(d->log);
    desk_remove(d);
    free(d);
}

/* The process ends and begins again. */
static void
desk_restart(struct desk *d)
{
    notice_destroy(d->notice);
    diary_close(d->diary);
    desk_diary(d);
    desk_notice(d);
}

static struct change
a_change(const char *user, enum standing from, enum standing to)
{
    static unsigned n;
    struct change change = {
        .host = "mx1.example.org",
        .rule = "zombie.account",
        .throttle = 24,
        .since_s = from == STANDING_QUARANTINED ? NOON_S : 0,
        .quarantines = 1,
        .evidence = {.at_s = NOON_S,
                     .cause = CAUSE_EVIDENCE,
                     .tenths = {241},
                     .hour = 311,
                     .usual_hour = 24},
    };

    (void)snprintf(change.id, sizeof(change.id), "7K2M%04u", ++n % 10000);
    change.evidence.from = from;
    change.evidence.to = to;
    assert_true(subject_make(SUBJECT_USER, user, &change.subject));
    return change;
}

static void
tell(struct desk *d, const char *user, enum standing from, enum standing to)
{
    struct change change = a_change(user, from, to);

    notice_change(d->notice, &change);
}

/* What became of all: "kind result to, ..." the oldest first. */
static const char *
outcome(struct desk *d)
{
    static char text[4096];
    json_t *list = notice_list(d->notice, NULL, 100);
    size_t n = 0;

    assert_non_null(list);
    text[0] = '\0';
    for (size_t i = json_array_size(list); i > 0; i--) {
        const json_t *e = json_array_get(list, i - 1);
        const char *to = json_string_value(json_object_get(e, "to"));

        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s %s",
                              n > 0 ? ", " : "",
                              json_string_value(json_object_get(e, "kind")),
                              json_string_value(json_object_get(e, "result")),
                              to != NULL ? to : "-");
    }
    json_decref(list);
    return text;
}

static void
expect_outcome(const char *row, struct desk *d, const char *want)
{
    const char *is = outcome(d);

    if (strcmp(is, want) != 0)
        fail_msg("%s: %s", row, is);
}

/* ----- who */

static void
test_who(void **state)
{
    static const struct {
        const char *row, *user;
        enum standing from, to;
        bool observed;
        const char *more, *outcome;
    } rows[] = {
        {"throttled: owner and postmaster", "ann@example.org", STANDING_WATCHED,
         STANDING_THROTTLED, false, "",
         "throttled sent ann@example.net, postmaster sent pm@example.org"},
        {"quarantined: likewise", "ann@example.org", STANDING_THROTTLED,
         STANDING_QUARANTINED, false, "",
         "quarantined sent ann@example.net, postmaster sent pm@example.org"},
        {"watched: nobody", "ann@example.org", STANDING_NORMAL,
         STANDING_WATCHED, false, "", ""},
        {"observed: nobody", "ann@example.org", STANDING_NORMAL,
         STANDING_QUARANTINED, true, "", ""},
        {"a quarantine that is made longer: nobody", "ann@example.org",
         STANDING_QUARANTINED, STANDING_QUARANTINED, false, "", ""},
        {"the end of throttling: nobody", "ann@example.org", STANDING_THROTTLED,
         STANDING_NORMAL, false, "", ""},
        {"without an entry the login is the address, while throttled",
         "kim@example.org", STANDING_NORMAL, STANDING_THROTTLED, false, "",
         "throttled sent kim@example.org, postmaster sent pm@example.org"},
        {"but not in quarantine", "kim@example.org", STANDING_NORMAL,
         STANDING_QUARANTINED, false, "",
         "quarantined undeliverable -, postmaster sent pm@example.org"},
        {"nor if the table names the same mailbox", "eve@example.org",
         STANDING_NORMAL, STANDING_QUARANTINED, false, "",
         "quarantined undeliverable -, postmaster sent pm@example.org"},
        {"nor with an extension", "dan@example.org", STANDING_NORMAL,
         STANDING_QUARANTINED, false, "",
         "quarantined undeliverable -, postmaster sent pm@example.org"},
        {"a login that is no address is told nowhere", "kim", STANDING_NORMAL,
         STANDING_THROTTLED, false, "",
         "throttled undeliverable -, postmaster sent pm@example.org"},
        {"the sender of letters gets none as an owner", "loop@example.org",
         STANDING_NORMAL, STANDING_THROTTLED, false, "",
         "throttled undeliverable -, postmaster sent pm@example.org"},
        {"a domain's entry", "zoe@example.com", STANDING_NORMAL,
         STANDING_QUARANTINED, false, "",
         "quarantined sent admin@example.com, postmaster sent pm@example.org"},
        {"a name's entry", "bob@elsewhere.example", STANDING_NORMAL,
         STANDING_QUARANTINED, false, "",
         "quarantined sent bob@example.net, postmaster sent pm@example.org"},
        {"a rule may tell the owner alone", "ann@example.org", STANDING_NORMAL,
         STANDING_QUARANTINED, false, "notify = owner",
         "quarantined sent ann@example.net"},
        {"or the postmaster", "ann@example.org", STANDING_NORMAL,
         STANDING_QUARANTINED, false, "notify = postmaster",
         "postmaster sent pm@example.org"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct desk *d = desk_create("", rows[i].more);
        struct change change = a_change(rows[i].user, rows[i].from, rows[i].to);

        change.observed = rows[i].observed;
        notice_change(d->notice, &change);
        notice_beat(d->notice);
        expect_outcome(rows[i].row, d, rows[i].outcome);
        desk_destroy(d);
    }
}

static void
test_addresses(void **state)
{
    static const struct {
        const char *row;
        enum subject_kind kind;
        const char *text, *to; /* NULL: nobody */
    } rows[] = {
        {"an address", SUBJECT_CLIENT, "192.0.2.7", "seven@example.net"},
        {"its network", SUBJECT_CLIENT, "192.0.2.8", "noc@example.net"},
        {"a network in it", SUBJECT_PREFIX, "192.0.2.128/25",
         "noc@example.net"},
        {"IPv6", SUBJECT_CLIENT, "2001:db8:1:2::/64", "six@example.net"},
        {"somebody else's", SUBJECT_CLIENT, "198.51.100.7", NULL},
        {"a sender's address proves nothing", SUBJECT_SENDER, "ann@example.org",
         NULL},
    };
    struct desk *d = desk_create("", "");
    const struct config *config = daemon_config_get(d->daemon);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct addressee to = {.apart = false};
        struct subject subject;
        enum ms_err err;

        assert_true(subject_make(rows[i].kind, rows[i].text, &subject));
        err = addressee_owner(config, &subject, &to, NULL);
        expect(rows[i].row, (err == MS_OK) == (rows[i].to != NULL));
        expect(rows[i].row, err != MS_OK || to.apart);
        expect(rows[i].row,
               rows[i].to == NULL || strcmp(to.address, rows[i].to) == 0);
    }
    daemon_config_put(d->daemon, config);
    desk_destroy(d);
}

/* The letter that the server has taken last; borrowed. */
static const char *
last_letter(const struct desk *d)
{
    static struct stub_taken taken;

    stub_taken(d->mail, &taken);
    return taken.body;
}

static void
test_languages(void **state)
{
    struct desk *d = desk_create("", "notify = owner");

    (void)state;
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    assert_non_null(strstr(last_letter(d), "\r\nContent-Language: de\r\n"));
    tell(d, "zoe@example.com", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    assert_non_null(strstr(last_letter(d), "\r\nContent-Language: es\r\n"));
    tell(d, "bob", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    assert_non_null(strstr(last_letter(d), "\r\nContent-Language: en\r\n"));
    desk_destroy(d);
}

/* ----- how often */

static void
test_at_most(void **state)
{
    struct desk *d = desk_create("at_most = 1/6h", "notify = owner");
    struct notice_counts counts;

    (void)state;
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_THROTTLED);
    notice_beat(d->notice);
    desk_restart(d);
    d->now.wall.s += 6 * HOUR_S - 1;
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_THROTTLED);
    tell(d, "ann@example.org", STANDING_THROTTLED, STANDING_QUARANTINED);
    tell(d, "zoe@example.com", STANDING_NORMAL, STANDING_THROTTLED);
    notice_beat(d->notice);
    expect_outcome("of a kind and subject, over a restart", d,
                   "throttled sent ann@example.net, "
                   "throttled limited ann@example.net, "
                   "quarantined sent ann@example.net, "
                   "throttled sent admin@example.com");
    notice_counts(d->notice, &counts);
    assert_int_equal(counts.sent, 2);
    assert_int_equal(counts.limited, 1);
    d->now.wall.s += 1;
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_THROTTLED);
    notice_beat(d->notice);
    expect_outcome("behind the span again", d,
                   "throttled sent ann@example.net, "
                   "throttled limited ann@example.net, "
                   "quarantined sent ann@example.net, "
                   "throttled sent admin@example.com, "
                   "throttled sent ann@example.net");
    desk_destroy(d);
}

static void
test_released(void **state)
{
    struct desk *d = desk_create("", "notify = owner");

    (void)state;
    tell(d, "ann@example.org", STANDING_QUARANTINED, STANDING_PROBATION);
    notice_beat(d->notice);
    expect_outcome("who was not told of a quarantine", d, "");
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    tell(d, "ann@example.org", STANDING_QUARANTINED, STANDING_PROBATION);
    notice_beat(d->notice);
    expect_outcome("who was told", d,
                   "quarantined sent ann@example.net, "
                   "released sent ann@example.net");
    assert_non_null(strstr(last_letter(d), "\r\nContent-Language: de\r\n"));
    stub_set(d->mail, STUB_PUT_OFF);
    tell(d, "zoe@example.com", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    tell(d, "zoe@example.com", STANDING_QUARANTINED, STANDING_PROBATION);
    stub_set(d->mail, STUB_TAKE);
    d->now.wall.s += HOUR_S;
    notice_beat(d->notice);
    expect_outcome("whom the letter has not reached in time", d,
                   "quarantined sent ann@example.net, "
                   "released sent ann@example.net, "
                   "quarantined limited admin@example.com");
    desk_destroy(d);
}

static void
test_enforce(void **state)
{
    struct desk *d = desk_create("", "");
    struct change change =
        a_change("ann@example.org", STANDING_QUARANTINED, STANDING_WATCHED);

    (void)state;
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    change.evidence.cause = CAUSE_ENFORCE;
    notice_change(d->notice, &change);
    notice_beat(d->notice);
    expect_outcome("what was earned while it was looked on never acted", d,
                   "quarantined sent ann@example.net, "
                   "postmaster sent pm@example.org");
    desk_destroy(d);
}

/* Each quarantine has its own end. */
static void
test_another_quarantine(void **state)
{
    static const int64_t rows[] = {NOON_S + DAY_S, NOON_S - 1, 0};
    struct desk *d = desk_create("", "notify = owner");

    (void)state;
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct change end = a_change("ann@example.org", STANDING_QUARANTINED,
                                     STANDING_PROBATION);

        end.since_s = rows[i];
        end.evidence.at_s = NOON_S + 2 * DAY_S;
        notice_change(d->notice, &end);
        notice_beat(d->notice);
        expect_outcome("the letter was about another one", d,
                       "quarantined sent ann@example.net");
    }
    desk_destroy(d);
}

static enum ms_err
set_state(struct desk *d, uint64_t seq, enum outbox_state now)
{
    struct outbox_query query = OUTBOX_ANY;
    struct notice_some some;
    bool found = false;
    enum ms_err err;

    query.seq = seq;
    assert_int_equal(notice_read_some(d->notice, &query, &some), MS_OK);
    assert_int_equal(some.n, 1);
    some.entry[0].state = now;
    err =
        diary_outbox_set(d->diary, &some.entry[0], some.entry[0].tries, &found);
    notice_free_some(&some);
    return found ? err : MS_INVALID;
}

/* A release comes while the letter about the quarantine is on its way. */
static void
test_on_its_way(void **state)
{
    static const struct {
        const char *row;
        bool arrives;
        const char *outcome;
    } rows[] = {
        {"it arrives: both", true,
         "quarantined sent ann@example.net, released sent ann@example.net"},
        {"it does not: neither", false,
         "quarantined limited ann@example.net, "
         "released limited ann@example.net"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct desk *d = desk_create("", "notify = owner");

        tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
        atomic_store(&d->notice->sending, 1);
        tell(d, "ann@example.org", STANDING_QUARANTINED, STANDING_PROBATION);
        expect_outcome(rows[i].row, d,
                       "quarantined waiting ann@example.net, "
                       "released waiting ann@example.net");
        if (rows[i].arrives)
            assert_int_equal(set_state(d, 1, OUTBOX_SENT), MS_OK);
        else
            assert_int_equal(set_state(d, 1, OUTBOX_WAITS), MS_OK);
        atomic_store(&d->notice->sending, 0);
        stub_set(d->mail, rows[i].arrives ? STUB_TAKE : STUB_PUT_OFF);
        notice_beat(d->notice);
        stub_set(d->mail, STUB_TAKE);
        d->now.wall.s += HOUR_S;
        notice_beat(d->notice);
        expect_outcome(rows[i].row, d, rows[i].outcome);
        desk_destroy(d);
    }
}

/* ----- other hosts */

static struct change *
an_end_elsewhere(struct desk *d)
{
    struct change *end = &d->fleet[d->n_fleet++];

    *end =
        a_change("ann@example.org", STANDING_QUARANTINED, STANDING_PROBATION);
    (void)snprintf(end->host, sizeof(end->host), "mx2.example.org");
    end->evidence.cause = CAUSE_LADDER;
    end->evidence.at_s = NOON_S + 60;
    return end;
}

static void
test_ended_elsewhere(void **state)
{
    struct desk *d = desk_create("", "notify = owner");

    (void)state;
    notice_beat(d->notice);
    assert_int_equal(d->looks, 0); /* there is nothing to look for */
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    an_end_elsewhere(d);
    d->now.wall.s += 60;
    notice_beat(d->notice);
    expect_outcome("this host tells whom it has told", d,
                   "quarantined sent ann@example.net, "
                   "released sent ann@example.net");
    desk_restart(d);
    d->now.wall.s += 60;
    notice_beat(d->notice);
    expect_outcome("once", d,
                   "quarantined sent ann@example.net, "
                   "released sent ann@example.net");
    desk_destroy(d);
}

static void
test_overtaken_elsewhere(void **state)
{
    struct desk *d = desk_create("", "notify = owner");

    (void)state;
    stub_set(d->mail, STUB_BUSY);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    an_end_elsewhere(d);
    stub_set(d->mail, STUB_TAKE);
    d->now.wall.s += 60;
    notice_beat(d->notice);
    expect_outcome("a letter that waits is not true any more", d,
                   "quarantined limited ann@example.net");
    desk_destroy(d);
}

static void
test_not_ended_elsewhere(void **state)
{
    struct desk *d = desk_create("", "notify = owner");

    (void)state;
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    (void)snprintf(an_end_elsewhere(d)->host, DECISION_HOST, "mx1.example.org");
    an_end_elsewhere(d)->observed = true;
    an_end_elsewhere(d)->evidence.cause = CAUSE_ENFORCE;
    an_end_elsewhere(d)->since_s = NOON_S - DAY_S;
    d->now.wall.s += 60;
    notice_beat(d->notice);
    assert_int_equal(d->looks, 2);
    expect_outcome("its own, observed, to enforce, of another one", d,
                   "quarantined sent ann@example.net");
    desk_destroy(d);
}

/* ----- servers that are away */

static void
test_gaps(void **state)
{
    static const int gaps[] = {60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
    struct desk *d = desk_create("", "notify = owner");
    struct notice_counts counts;

    (void)state;
    stub_set(d->mail, STUB_PUT_OFF);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    for (size_t i = 0; i < ROWS(gaps); i++) {
        notice_counts(d->notice, &counts);
        assert_int_equal(counts.failed, i + 1);
        d->now.wall.s += gaps[i] - 1;
        notice_beat(d->notice);
        notice_counts(d->notice, &counts);
        assert_int_equal(counts.failed, i + 1);
        d->now.wall.s += 1;
        notice_beat(d->notice);
    }
    assert_int_equal(counts.waiting, 1);
    expect_outcome("it waits", d, "quarantined waiting ann@example.net");
    d->now.wall.s = NOON_S + 5 * DAY_S;
    stub_set(d->mail, STUB_TAKE);
    notice_beat(d->notice);
    expect_outcome("for five days", d, "quarantined sent ann@example.net");
    desk_destroy(d);
}

/* All that the daemon has told. */
static const char *
told(struct desk *d)
{
    static char text[16384];
    struct spool_target target = {.to = LOG_TO_STDERR, .fd = fileno(d->log)};
    size_t n;

    daemon_destroy(d->daemon);
    journal_destroy(d->journal);
    d->daemon = NULL;
    d->journal = NULL;
    rewind(d->log);
    n = fread(text, 1, sizeof(text) - 1, d->log);
    text[n] = '\0';
    (void)target;
    return text;
}

static unsigned
times(const char *text, const char *what)
{
    unsigned n = 0;

    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

static void
test_given_up(void **state)
{
    struct desk *d = desk_create("", "notify = owner");
    const char *log;

    (void)state;
    stub_set(d->mail, STUB_NO_SERVICE);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    tell(d, "bob", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    notice_beat(d->notice);
    d->now.wall.s += 5 * DAY_S;
    notice_beat(d->notice);
    expect_outcome("not yet", d,
                   "quarantined waiting ann@example.net, "
                   "quarantined waiting bob@example.net");
    d->now.wall.s += 1;
    notice_beat(d->notice);
    expect_outcome("now", d,
                   "quarantined failed ann@example.net, "
                   "quarantined failed bob@example.net");
    notice_destroy(d->notice);
    d->notice = NULL;
    log = told(d);
    assert_int_equal(times(log, "letters cannot be sent"), 1);
    assert_int_equal(times(log, "2 given up after 5 days"), 1);
    desk_destroy(d);
}

static void
test_refused(void **state)
{
    struct desk *d = desk_create("", "notify = owner");
    struct notice_counts counts;

    (void)state;
    stub_set(d->mail, STUB_REFUSE);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    expect_outcome("for good", d, "quarantined undeliverable ann@example.net");
    d->now.wall.s += DAY_S;
    notice_beat(d->notice);
    notice_counts(d->notice, &counts);
    assert_int_equal(counts.undeliverable, 1);
    assert_int_equal(counts.waiting, 0);
    notice_destroy(d->notice);
    d->notice = NULL;
    assert_int_equal(times(told(d), "notice: undeliverable: quarantined about "
                                    "user:ann@example.org to ann@example.net"),
                     1);
    desk_destroy(d);
}

static void
test_restart(void **state)
{
    struct desk *d = desk_create("", "");

    (void)state;
    stub_set(d->mail, STUB_BUSY);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    desk_restart(d);
    stub_set(d->mail, STUB_TAKE);
    d->now.wall.s += 61;
    notice_beat(d->notice);
    expect_outcome("what waits is sent by the next process", d,
                   "quarantined sent ann@example.net, "
                   "postmaster sent pm@example.org");
    desk_destroy(d);
}

/* ----- the thread */

static void
wait_until_sent(struct desk *d, uint64_t n)
{
    struct notice_counts counts;

    do { /* the suite's own limit ends this if it never comes */
        (void)sched_yield();
        notice_counts(d->notice, &counts);
    } while (counts.sent < n);
}

static void
test_thread(void **state)
{
    struct desk *d = desk_create("", "");

    (void)state;
    assert_int_equal(notice_start(d->notice), MS_OK);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    wait_until_sent(d, 2);
    stub_set(d->mail, STUB_MUTE);
    tell(d, "zoe@example.com", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_stop(d->notice); /* at once, whatever the server does */
    desk_restart(d);
    stub_set(d->mail, STUB_TAKE);
    d->now.wall.s += HOUR_S;
    notice_beat(d->notice);
    expect_outcome("an end in the middle loses nothing", d,
                   "quarantined sent ann@example.net, "
                   "postmaster sent pm@example.org, "
                   "quarantined sent admin@example.com, "
                   "postmaster sent pm@example.org");
    desk_destroy(d);
}

/* ----- the webhook */

static char *
web_url(unsigned port)
{
    static char text[160];

    (void)snprintf(text, sizeof(text), "webhook = \"http://127.0.0.1:%u/\"",
                   port);
    return text;
}

/* A desk whose webhook is its own stub: the port is known only then. */
static struct desk *
web_desk(void)
{
    struct desk *d = desk_create("", "");
    struct config *config =
        desk_config(d, web_url(stub_port(d->web)), "notify = owner");

    daemon_config_swap(d->daemon, config);
    return d;
}

static void
test_webhook(void **state)
{
    static struct stub_taken taken;
    struct desk *d = web_desk();
    struct change change = a_change("kim@example.org", STANDING_NORMAL,
                                    STANDING_WATCHED),
                  read;
    struct notice_counts counts;
    json_t *json;

    (void)state;
    change.observed = true;
    stub_set(d->web, STUB_WEB_FAIL);
    notice_change(d->notice, &change);
    notice_beat(d->notice);
    expect_outcome("every change, observed too, waits", d, "webhook waiting -");
    notice_counts(d->notice, &counts);
    assert_int_equal(counts.hooks_failed, 1);
    assert_int_equal(counts.hooks_waiting, 1);
    assert_int_equal(counts.waiting, 0);
    stub_set(d->web, STUB_TAKE);
    desk_restart(d);
    d->now.wall.s += 60;
    notice_beat(d->notice);
    expect_outcome("until it is taken", d, "webhook sent -");
    stub_taken(d->web, &taken);
    json = json_loads(taken.body, 0, NULL);
    assert_non_null(json);
    assert_int_equal(change_read(json, &read), MS_OK);
    assert_string_equal(read.id, change.id);
    assert_int_equal(read.evidence.to, STANDING_WATCHED);
    json_decref(json);
    desk_destroy(d);
}

/* Calls that wait, one for each of N changes. */
static void
call_often(struct desk *d, unsigned n)
{
    while (n-- > 0)
        tell(d, "ann@example.org", STANDING_NORMAL, STANDING_WATCHED);
}

static unsigned
calls_taken(const struct desk *d)
{
    static struct stub_taken taken;

    stub_taken(d->web, &taken);
    return taken.n;
}

static void
test_a_sick_webhook(void **state)
{
    static const struct {
        const char *row;
        enum stub_mood mood;
        int pause_s;
    } rows[] = {
        {"5xx: a minute", STUB_WEB_FAIL, 60},
        {"429: as long as it says", STUB_WEB_BUSY, 600},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct desk *d = web_desk();

        stub_set(d->web, rows[i].mood);
        call_often(d, 3);
        notice_beat(d->notice);
        expect(rows[i].row, calls_taken(d) == 1);
        d->now.wall.s += rows[i].pause_s - 1;
        notice_beat(d->notice);
        expect(rows[i].row, calls_taken(d) == 1);
        stub_set(d->web, STUB_TAKE);
        d->now.wall.s += 1;
        notice_beat(d->notice);
        expect(rows[i].row, calls_taken(d) == 4);
        desk_destroy(d);
    }
}

/* The clock goes on while calls are made. */
static void
test_letters_between_calls(void **state)
{
    struct desk *d = web_desk();
    struct notice_counts counts;

    (void)state;
    stub_set(d->mail, STUB_PUT_OFF);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    stub_set(d->mail, STUB_TAKE);
    call_often(d, NOTICE_CALLS + 2);
    d->advance_s = 10;
    notice_beat(d->notice);
    notice_counts(d->notice, &counts);
    assert_int_equal(counts.sent, 1);
    assert_int_equal(counts.hooks, 1 + NOTICE_CALLS);
    assert_int_equal(counts.hooks_waiting, 2);
    notice_beat(d->notice);
    notice_counts(d->notice, &counts);
    assert_int_equal(counts.hooks_waiting, 0);
    desk_destroy(d);
}

static void
test_ways_apart(void **state)
{
    struct desk *d = web_desk();

    (void)state;
    stub_stop(d->web);
    d->web = NULL;
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    expect_outcome("a webhook that is away holds no letter up", d,
                   "webhook waiting -, quarantined sent ann@example.net");
    desk_destroy(d);
}

/* ----- what operators ask */

static void
test_resend(void **state)
{
    struct desk *d = desk_create("", "notify = owner");
    struct subject ann, nobody;
    char first[4096];
    unsigned n = 0;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &ann));
    assert_true(subject_make(SUBJECT_USER, "nobody", &nobody));
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_THROTTLED);
    tell(d, "ann@example.org", STANDING_THROTTLED, STANDING_QUARANTINED);
    notice_beat(d->notice);
    (void)snprintf(first, sizeof(first), "%s",
                   strstr(last_letter(d), "Message-ID"));
    assert_int_equal(notice_resend(d->notice, &ann, &n), MS_OK);
    assert_int_equal(n, 1);
    notice_beat(d->notice);
    expect_outcome("the last, though `at_most' is reached", d,
                   "throttled sent ann@example.net, "
                   "quarantined sent ann@example.net, "
                   "quarantined sent ann@example.net");
    assert_string_not_equal(first, strstr(last_letter(d), "Message-ID"));
    assert_int_equal(notice_resend(d->notice, &nobody, &n), MS_OK);
    assert_int_equal(n, 0);
    desk_destroy(d);
}

static void
test_resend_waiting(void **state)
{
    struct desk *d = desk_create("", "notify = owner");
    struct subject ann;
    unsigned n = 0;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &ann));
    stub_set(d->mail, STUB_BUSY);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    stub_set(d->mail, STUB_TAKE);
    notice_beat(d->notice);
    expect_outcome("by itself it waits for its time", d,
                   "quarantined waiting ann@example.net");
    assert_int_equal(notice_resend(d->notice, &ann, &n), MS_OK);
    assert_int_equal(n, 1);
    notice_beat(d->notice);
    expect_outcome("asked for, it goes at once, and once", d,
                   "quarantined sent ann@example.net");
    desk_destroy(d);
}

static void
test_forget(void **state)
{
    struct desk *d = web_desk();
    struct subject ann;
    uint64_t n = 0;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &ann));
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    tell(d, "zoe@example.com", STANDING_NORMAL, STANDING_WATCHED);
    assert_int_equal(notice_forget(d->notice, &ann, &n), MS_OK);
    assert_int_equal(n, 2);
    expect_outcome("hers alone", d, "webhook waiting -");
    desk_destroy(d);
}

static void
test_preview(void **state)
{
    struct desk *d = desk_create("", "self_release = yes");
    struct change change =
        a_change("ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    char *letter = NULL;
    struct why why;

    (void)state;
    assert_int_equal(notice_preview(d->notice, &change, NOTICE_QUARANTINED,
                                    NULL, &letter, &why),
                     MS_OK);
    assert_non_null(strstr(letter, "\r\nTo: ann@example.net\r\n"));
    assert_non_null(strstr(letter, "\r\nContent-Language: de\r\n"));
    assert_non_null(strstr(letter, "XXXX-XXXX-XXXX-XXXX-XXXX-XXXX"));
    free(letter);
    assert_int_equal(notice_preview(d->notice, &change, NOTICE_POSTMASTER, "es",
                                    &letter, &why),
                     MS_OK);
    assert_non_null(strstr(letter, "\r\nTo: pm@example.org\r\n"));
    assert_non_null(strstr(letter, "\r\nContent-Language: es\r\n"));
    free(letter);
    assert_int_equal(notice_preview(d->notice, &change, NOTICE_RELEASED,
                                    "../../etc", &letter, &why),
                     MS_INVALID);
    assert_string_equal(why.text, "no language of `notice`");
    assert_int_equal(notice_preview(d->notice, &change, NOTICE_RELEASED, "fr",
                                    &letter, &why),
                     MS_INVALID);
    desk_destroy(d);
}

/* ----- codes */

static void
code_of(const char *letter, char out[NOTICE_CODE])
{
    /* the only line of six groups */
    for (const char *p = letter; (p = strchr(p, '-')) != NULL; p++)
        if (p - letter > 4 && p[5] == '-' && p[10] == '-' && p[15] == '-' &&
            p[20] == '-' && p[-5] == '\n') {
            (void)snprintf(out, NOTICE_CODE, "%.29s", p - 4);
            return;
        }
    out[0] = '\0';
}

static void
test_codes_in_letters(void **state)
{
    struct desk *d = desk_create("", "self_release = yes");
    struct change change =
        a_change("ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    char code[NOTICE_CODE], id[ACT_ID];

    (void)state;
    notice_change(d->notice, &change);
    notice_beat(d->notice);
    code_of(last_letter(d), code);
    assert_string_equal(code, ""); /* the postmaster's letter has none */
    daemon_config_swap(d->daemon, desk_config(d, "",
                                              "self_release = yes  "
                                              "notify = owner"));
    d->now.wall.s += 6 * HOUR_S;
    notice_change(d->notice, &change);
    notice_beat(d->notice);
    code_of(last_letter(d), code);
    assert_int_equal(strlen(code), 29);
    assert_true(notice_code_id(code, id));
    assert_string_equal(id, change.id);
    assert_true(notice_code_fits(d->notice, code, &change));
    desk_restart(d);
    assert_true(notice_code_fits(d->notice, code, &change));
    change.quarantines = 2;
    d->now.wall.s += 6 * HOUR_S;
    notice_change(d->notice, &change);
    notice_beat(d->notice);
    code_of(last_letter(d), code);
    assert_string_equal(code, ""); /* who was let go once has none */
    change.quarantines = 1;
    change.evidence.cause = CAUSE_OPERATOR;
    d->now.wall.s += 6 * HOUR_S;
    notice_change(d->notice, &change);
    notice_beat(d->notice);
    code_of(last_letter(d), code);
    assert_string_equal(code, ""); /* nor is there one against an operator */
    desk_destroy(d);
}

static void
test_codes(void **state)
{
    struct desk *d = desk_create("", "");
    struct change change =
        a_change("ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    struct change other = change;
    char code[NOTICE_CODE], typed[2 * NOTICE_CODE], id[ACT_ID];
    size_t n = 0;

    (void)state;
    (void)snprintf(change.id, sizeof(change.id), "7K0M1QXD");
    notice_code(d->notice, &change, code);
    assert_int_equal(strlen(code), 29);
    assert_memory_equal(code, "7K0M-1QXD-", 10);
    for (const char *p = code; *p != '\0'; p++) {
        char c = *p == '0' ? 'o' : *p == '1' ? 'l' : *p;

        if (c == '-')
            c = ' ';
        typed[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    typed[n] = '\0';
    assert_true(notice_code_id(typed, id));
    assert_string_equal(id, "7K0M1QXD");
    assert_true(notice_code_fits(d->notice, typed, &change));
    other = change;
    assert_true(subject_make(SUBJECT_USER, "eve@example.org", &other.subject));
    assert_false(notice_code_fits(d->notice, code, &other));
    other = change;
    other.evidence.at_s++;
    assert_false(notice_code_fits(d->notice, code, &other));
    for (size_t i = 0; i < strlen(code); i++) {
        char forged[NOTICE_CODE];

        memcpy(forged, code, sizeof(forged));
        forged[i] = forged[i] == 'A' ? 'B' : forged[i] == '-' ? 'A' : 'A';
        assert_false(notice_code_fits(d->notice, forged, &change));
    }
    desk_destroy(d);
}

static void
test_no_codes(void **state)
{
    static const char *const rows[] = {
        "",
        "7K2M9QXD",
        "7K2M-9QXD-0000-0000-0000-000",
        "7K2M-9QXD-0000-0000-0000-00000",
        "7K2M-9QXD-0000-0000-0000-000U",
        "7K2M-9QXD-0000-0000-0000-000?",
        "7K2M-9QXD-0000-0000-0000-000\xc3\xa4",
    };
    char id[ACT_ID];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i], !notice_code_id(rows[i], id));
    assert_true(notice_code_id("7k2m 9qxd\r\n0000-0000 0000 oOiL", id));
    assert_string_equal(id, "7K2M9QXD");
}

/* One key for all hosts: what one has sent another takes. */
static void
test_site_key(void **state)
{
    static const uint8_t one[32] = {1}, two[32] = {2};
    struct desk *a = desk_create("", ""), *b = desk_create("", "");
    struct change change =
        a_change("ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    char code[NOTICE_CODE];

    (void)state;
    notice_code(a->notice, &change, code);
    assert_false(notice_code_fits(b->notice, code, &change));
    assert_int_equal(sitekey_from(one, &a->key), MS_OK);
    assert_int_equal(sitekey_from(one, &b->key), MS_OK);
    desk_restart(a);
    desk_restart(b);
    assert_false(notice_code_fits(a->notice, code, &change));
    notice_code(a->notice, &change, code);
    assert_true(notice_code_fits(b->notice, code, &change));
    sitekey_destroy(b->key);
    assert_int_equal(sitekey_from(two, &b->key), MS_OK);
    desk_restart(b);
    assert_false(notice_code_fits(b->notice, code, &change));
    desk_destroy(a);
    desk_destroy(b);
}

/* ----- scarce memory, wrong templates */

/* Whichever allocation fails: a letter is in the outbox, or its loss is told;
 * and what is in it is sent, then or later. */
static void
test_no_memory(void **state)
{
    struct desk *d = desk_create("", "notify = owner");
    struct change change;
    unsigned long n = 0;
    bool failed;

    (void)state;
    do {
        char user[32];

        (void)snprintf(user, sizeof(user), "u%lu@example.com", n);
        change = a_change(user, STANDING_NORMAL, STANDING_QUARANTINED);
        scarce_set_here(++n);
        notice_change(d->notice, &change);
        notice_beat(d->notice);
        failed = scarce_left() == 0;
        scarce_set_here(0);
        d->now.wall.s += 2 * HOUR_S;
        notice_beat(d->notice);
    } while (failed && n < 1000);
    assert_true(n > 10 && n < 1000);
    assert_null(strstr(outcome(d), "waiting"));
    assert_null(strstr(outcome(d), "failed"));
    desk_destroy(d);
}

static void
count_lines(void *arg, const char *line)
{
    (void)line;
    (*(unsigned *)arg)++;
}

static void
test_check(void **state)
{
    struct desk *d = desk_create("", "");
    struct config *config = desk_config(d, "", "");
    unsigned lines = 0;
    char *good = config->notice.templates, none[] = "/nonexistent";
    char *smtp = config->notice.smtp, no_smtp[] = "inet:25";

    (void)state;
    assert_true(notice_check(config, count_lines, &lines));
    assert_int_equal(lines, 0);
    config->notice.templates = none;
    assert_false(notice_check(config, count_lines, &lines));
    assert_int_equal(lines, 3 * 5); /* languages by files */
    config->notice.templates = good;
    config->notice.smtp = no_smtp;
    assert_false(notice_check(config, count_lines, &lines));
    assert_int_equal(lines, 3 * 5 + 1);
    config->notice.smtp = smtp;
    config_destroy(config);
    desk_destroy(d);
}

static void
test_broken_later(void **state)
{
    struct desk *d = desk_create("", "notify = owner");
    struct config *config = desk_config(d, "", "notify = owner");
    char *good = config->notice.templates, none[] = "/nonexistent";
    json_t *list;

    (void)state;
    config->notice.templates = none;
    daemon_config_swap(d->daemon, config);
    tell(d, "ann@example.org", STANDING_NORMAL, STANDING_QUARANTINED);
    notice_beat(d->notice);
    list = notice_list(d->notice, "user:ann@example.org", 1);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(list, 0), "error")),
        "/nonexistent/de/throttled.txt: cannot open it: No "
        "such file or directory");
    json_decref(list);
    config->notice.templates = good;
    d->now.wall.s += 60;
    notice_beat(d->notice);
    expect_outcome("a template that is put right", d,
                   "quarantined sent ann@example.net");
    desk_destroy(d);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_at_most),
        cmocka_unit_test(test_released),
        cmocka_unit_test(test_enforce),
        cmocka_unit_test(test_another_quarantine),
        cmocka_unit_test(test_on_its_way),
        cmocka_unit_test(test_ended_elsewhere),
        cmocka_unit_test(test_overtaken_elsewhere),
        cmocka_unit_test(test_not_ended_elsewhere),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_thread),
        cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_a_sick_webhook),
        cmocka_unit_test(test_letters_between_calls),
        cmocka_unit_test(test_ways_apart),
        cmocka_unit_test(test_resend),
        cmocka_unit_test(test_resend_waiting),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_preview),
        cmocka_unit_test(test_codes_in_letters),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_no_codes),
        cmocka_unit_test(test_site_key),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_broken_later),
    };

    (void)setenv("TZ", "UTC0", 1);
    tzset();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
