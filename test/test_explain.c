/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an explanation tells, step by step, for the cases that a help desk
 * meets; and that it changes nothing.  That it comes out as the engine then
 * decides is compared in every scenario: test_scenario.c.
 */
#include <config.h>

#include "policy/acts.h"
#include "policy/explain.h"
#include "policy/limit.h"
#include "policy/store/memory.h"
#include "policy/store/store.h"
#include "policy/zombie.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/heard.h"
#include "test/judged.h"
#include "test/unit.h"

enum { NOW_S = 1795348800 /* 2026-11-22 12:00 */ };

static struct heard heard;

static const char written[] =
    "mode = enforce\n"
    "users { default_domain = example.org }\n"
    "domains local { list = example.org }\n"
    "network office { addr = 192.0.2.0/24  relay = any }\n"
    "network access { addr = 198.51.100.0/25  port25 = closed }\n"
    "network kiosk { addr = 198.51.100.128/25  relay = none }\n"
    "network printers { addr = 203.0.113.128/28  relay = any\n"
    "    sender = .example.org  mode = observe  until = 2026-11-30 }\n"
    "listener submission { auth = require\n"
    "    tls = require }\n"
    "listener reinject { port = 10026  skip = yes }\n"
    "owners { file = texthash:tables/owners }\n"
    "limit message { rate = 2/msg }\n"
    "limit user { rates = texthash:tables/plans\n"
    "    rate = 5/1h }\n"
    "limit user_all { off = yes }\n"
    "limit user_bad { off = yes }\n"
    "limit big { key = user  count = bytes  rate = 1M/1d  action = hold }\n"
    "limit trial { key = user  count = messages  rate = 1/1h\n"
    "    mode = observe }\n"
    "limit connect { rate = 3/1m  mode = enforce }\n"
    "exempt news { user = news@example.org  skip = limit.user\n"
    "    until = 2026-12-31  note = \"weekly list\" }\n";

/* ----- a session as a row has it */

struct asked {
    const char *client, *port; /* NULL: 25 */
    bool tls;
    const char *login;
    const char *sender; /* NULL: "<>" */
    const char *to[4];
    uint64_t size;
    const char *old; /* what was counted before: "limit.user 4, ..." */
    unsigned n;      /* so many */
};

struct told {
    char text[16384];
    struct store *store;
    size_t looks, items;
    bool only_looks;
};

static struct store_time
now(void)
{
    return (struct store_time){{NOW_S * INT64_C(1000)}, {NOW_S}};
}

static enum ms_err
ask_store(struct store *store, const struct charge_item *items, size_t n,
          struct charge_answers *out)
{
    struct store_ticket *ticket;
    enum ms_err err = store_submit(store, items, n, now(), &ticket);

    return err != MS_OK
               ? err
               : store_collect(store, ticket,
                               (struct mono){now().mono.ms + 300}, out);
}

static enum ms_err
look(void *arg, const struct charge_item *items, size_t n,
     struct charge_answers *out)
{
    struct told *told = arg;

    told->looks++;
    told->items += n;
    for (size_t i = 0; i < n; i++)
        told->only_looks = told->only_looks && items[i].kind == CHARGE_LOOK &&
                           !items[i].returned && !items[i].early;
    return ask_store(told->store, items, n, out);
}

/* Where this runs is nobody's business: the folder in TEXT becomes ".". */
static void
cut_folder(char *text)
{
    char folder[1024], *at;

    if (getcwd(folder, sizeof folder) == NULL)
        return;
    at = strstr(text, folder);
    if (at != NULL)
        memmove(at + 1, at + strlen(folder), strlen(at + strlen(folder)) + 1);
    if (at != NULL)
        *at = '.';
}

/* "rcpt <v@x> pass limit.user (t:14): 4 of 5 ... [user:ann@x 4/5/1h room 0]" */
static void
tell(void *to, const struct explain_step *step)
{
    struct told *told = to;
    size_t len = strlen(told->text);
    char text[EXPLAIN_TEXT], subject[SUBJECT_TEXT], rate[RATE_TEXT],
        origin[32] = "built in", counted[SUBJECT_TEXT + 128] = "";

    if (step->origin.file != NULL)
        (void)snprintf(origin, sizeof origin, "%s:%u", step->origin.file,
                       step->origin.line);
    if (step->counted)
        (void)snprintf(
            counted, sizeof counted, " [%s %llu/%s room %lld%s]",
            subject_print(&step->subject, subject),
            (unsigned long long)step->used,
            rate_print(step->rate,
                       step->metric == METRIC_BYTES ? RATE_BYTES : RATE_EVENTS,
                       rate),
            (long long)step->room_s, step->known ? "" : "?");
    memcpy(text, step->text, sizeof text);
    cut_folder(text);
    (void)snprintf(
        told->text + len, sizeof told->text - len, "%s%s%s %s %s (%s): %s%s\n",
        explain_stage_name(step->stage), step->recipient != NULL ? " " : "",
        step->recipient != NULL ? step->recipient : "",
        explain_outcome_name(step->outcome), step->rule, origin, text, counted);
}

static void
set_facts(const struct asked *row, struct sockaddr_storage *client,
          struct facts *facts)
{
    struct sockaddr_in *in = (void *)client;
    struct sockaddr_in6 *in6 = (void *)client;

    memset(client, 0, sizeof *client);
    *facts = (struct facts){
        .now = {NOW_S},
        .client = (struct sockaddr *)client,
        .daemon_port = row->port != NULL ? row->port : "25",
        .hostname = "mx.example.org",
        .tls = row->tls,
        .login = row->login,
        .login_type = row->login != NULL ? "PLAIN" : NULL,
        .sender = row->sender != NULL ? row->sender : "<>",
        .size = row->size,
        .birth = {1}, /* long ago */
    };
    if (row->client == NULL) {
        facts->client = NULL;
    } else if (inet_pton(AF_INET, row->client, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = 40000;
    } else {
        assert_int_equal(inet_pton(AF_INET6, row->client, &in6->sin6_addr), 1);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = 40000;
    }
}

/* Count N events of SUBJECT in all windows of the limit NAME. */
static void
charge(const struct config *config, struct store *store, const char *name,
       const char *text, uint32_t n)
{
    const struct limit *limit = limit_of(config, name);
    struct charge_answers answers;
    struct subject subject;

    assert_non_null(limit);
    assert_int_equal(subject_parse(text, &subject, NULL), MS_OK);
    for (size_t i = 0; i < limit->rates.n; i++) {
        const struct charge_item item = {
            .subject = &subject,
            .window = limit_window(limit, limit->rates.rate[i].span_s),
            .span_s = limit->rates.rate[i].span_s,
            .n = n,
            .limit = limit->rates.rate[i].n,
            .kind = CHARGE_NOTE,
        };

        assert_int_equal(ask_store(store, &item, 1, &answers), MS_OK);
    }
}

/* "user user:ann@example.org" is counted. */
static void
charge_row(const struct config *config, struct store *store,
           const struct asked *row)
{
    char name[64] = "";
    size_t len;

    if (row->old == NULL)
        return;
    len = strcspn(row->old, " ");
    memcpy(name, row->old, len);
    charge(config, store, name, row->old + len + 1, row->n);
}

static struct config *
load(const char *text)
{
    struct config *config = NULL;

    if (heard_load(&heard, text, NOW_S, &config) != MS_OK)
        fail_msg("%s", heard.text);
    return config;
}

/* Explain ROW under CONFIG and ACTS; what is told goes to TOLD, with the
 * verdict as its last line. */
static void
explain(const struct config *config, struct acts *acts, const struct asked *row,
        struct told *told)
{
    struct sockaddr_storage client;
    struct explain_asked asked = {
        .config = config,
        .recipients = row->to,
        .look = told->store != NULL ? look : NULL,
        .arg = told,
    };
    struct verdict verdict;
    enum stage stage;
    size_t len;

    set_facts(row, &client, &asked.facts);
    asked.facts.acts = acts;
    while (asked.n_recipients < 4 && row->to[asked.n_recipients] != NULL)
        asked.n_recipients++;
    told->text[0] = '\0';
    told->only_looks = true;
    told->looks = told->items = 0;
    assert_int_equal(policy_explain(&asked, tell, told, &verdict, &stage),
                     MS_OK);
    len = strlen(told->text);
    (void)snprintf(told->text + len, sizeof told->text - len,
                   "= %s%s %u %s %s at %s\n", verdict.observed ? "would " : "",
                   verdict_action_name(verdict.action), verdict.code,
                   verdict.enhanced, verdict.rule, explain_stage_name(stage));
}

/* ----- golden steps: test/data/explain.txt */

static const struct {
    const char *name;
    struct asked asked;
} golden[] = {
    {"a login within its limits",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "Ann",
      .sender = "<ann@example.org>",
      .to = {"<v@victim.test>", "<bob@example.org>"},
      .size = 20000,
      .old = "user user:ann@example.org",
      .n = 3}},
    {"a login over its limit",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "ann",
      .sender = "<ann@example.org>",
      .to = {"<v@victim.test>"},
      .old = "user user:ann@example.org",
      .n = 5}},
    {"the second recipient is one too many",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "ann",
      .sender = "<ann@example.org>",
      .to = {"<v@victim.test>", "<w@victim.test>", "<bob@example.org>"},
      .old = "user user:ann@example.org",
      .n = 4}},
    {"too many recipients in one message",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "ann",
      .sender = "<ann@example.org>",
      .to = {"<a@example.org>", "<b@example.org>", "<c@example.org>"}}},
    {"a table's rates",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "big",
      .to = {"<v@victim.test>"}}},
    {"an exemption that is written",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "news",
      .to = {"<v@victim.test>"}}},
    {"a trial would refuse",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "ann",
      .sender = "<ann@example.org>",
      .to = {"<bob@example.org>"},
      .old = "trial user:ann@example.org",
      .n = 1}},
    {"too much for one day is held",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "ann",
      .sender = "<ann@example.org>",
      .to = {"<bob@example.org>"},
      .size = 2000000}},
    {"a stranger who relays",
     {.client = "203.0.113.5",
      .sender = "<s@spam.test>",
      .to = {"<v@victim.test>"}}},
    {"a stranger who does not",
     {.client = "203.0.113.5",
      .sender = "<s@a.test>",
      .to = {"<bob@example.org>"}}},
    {"mail to postmaster",
     {.client = "203.0.113.5",
      .to = {"<postmaster@example.org>"},
      .old = "connect client:203.0.113.5",
      .n = 2}},
    {"a stranger with too many connections",
     {.client = "203.0.113.5",
      .to = {"<bob@example.org>"},
      .old = "connect client:203.0.113.5",
      .n = 3}},
    {"a second hop", {.client = "192.0.2.7", .to = {"<a%b@example.org>"}}},
    {"a relaying network",
     {.client = "192.0.2.7",
      .sender = "<a@example.org>",
      .to = {"<v@victim.test>"}}},
    {"closed port 25", {.client = "198.51.100.7", .to = {"<bob@example.org>"}}},
    {"a network that needs logins",
     {.client = "198.51.100.200", .to = {"<bob@example.org>"}}},
    {"no TLS",
     {.client = "203.0.113.5",
      .port = "587",
      .login = "ann",
      .sender = "<ann@example.org>",
      .to = {"<bob@example.org>"}}},
    {"no login",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .to = {"<bob@example.org>"}}},
    {"a login where none is taken",
     {.client = "203.0.113.5", .login = "ann", .to = {"<bob@example.org>"}}},
    {"a sender that is not owned",
     {.client = "203.0.113.5",
      .port = "587",
      .tls = true,
      .login = "ann",
      .sender = "<boss@example.org>",
      .to = {"<bob@example.org>"}}},
    {"a network that observes, and its senders",
     {.client = "203.0.113.130",
      .sender = "<a@elsewhere.test>",
      .to = {"<bob@example.org>"}}},
    {"mail that comes back from a filter",
     {.client = "127.0.0.1", .port = "10026", .to = {"<v@victim.test>"}}},
    {"another client at the filter's port",
     {.client = "203.0.113.5", .port = "10026", .to = {"<v@victim.test>"}}},
    {"mail that does not come by SMTP",
     {.client = "127.0.0.1",
      .port = "0",
      .sender = "<root@example.org>",
      .to = {"<v@victim.test>"},
      .size = 3000}},
    {"an unknown client and no recipients", {.client = NULL, .port = "2525"}},
};

/* All that GOT has, line by line, is what the file has. */
static void
compare(char *got)
{
    char line[1024], row[128] = "";
    FILE *in = fopen("../data/explain.txt", "re");

    assert_non_null(in);
    while (fgets(line, sizeof line, in) != NULL) {
        size_t len = strlen(line);

        if (strncmp(line, "--- ", 4) == 0)
            (void)snprintf(row, sizeof row, "%.*s", (int)len - 5, line + 4);
        if (strncmp(got, line, len) != 0)
            fail_msg("%s: it says\n%.*swanted\n%s", row,
                     (int)strcspn(got, "\n") + 1, got, line);
        got += len;
    }
    fclose(in);
    assert_string_equal(got, "");
}

static void
test_golden(void **state)
{
    struct config *config = load(written);
    struct told *told = calloc(1, sizeof *told);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_true(told != NULL && out != NULL);
    for (size_t i = 0; i < ROWS(golden); i++) {
        assert_int_equal(store_memory_create(64 << 20, &told->store), MS_OK);
        charge_row(config, told->store, &golden[i].asked);
        explain(config, NULL, &golden[i].asked, told);
        fprintf(out, "--- %s\n%s", golden[i].name, told->text);
        expect(golden[i].name, told->only_looks);
        store_destroy(told->store);
    }
    assert_int_equal(fclose(out), 0);
    if (getenv("EXPLAIN_SHOW") != NULL)
        fputs(text, stderr);
    compare(text);
    free(text);
    free(told);
    config_destroy(config);
}

/* ----- what operators have set */

static const struct asked ann = {.client = "203.0.113.5",
                                 .port = "587",
                                 .tls = true,
                                 .login = "ann",
                                 .sender = "<ann@example.org>",
                                 .to = {"<v@victim.test>"},
                                 .old = "user user:ann@example.org",
                                 .n = 5};

static struct act
make_act(enum act_kind kind, const char *limit, int64_t for_s, const char *note)
{
    struct act act = {.kind = kind, .id = "7K2M9QXD", .mode = MODE_OBSERVE};

    if (kind != ACT_MODE)
        assert_int_equal(
            subject_parse("user:ann@example.org", &act.subject, NULL), MS_OK);
    act.since.s = NOW_S - 60;
    act.until.s = for_s == 0 ? ACT_FOR_EVER : NOW_S + for_s;
    assert_int_equal(rates_parse("9/1h", RATE_EVENTS, &act.rates, NULL), MS_OK);
    (void)snprintf(act.limit, sizeof act.limit, "%s", limit);
    (void)snprintf(act.note, sizeof act.note, "%s", note);
    (void)snprintf(act.by, sizeof act.by, "eva (uid 1000)");
    return act;
}

static char long_note[ACT_NOTE];

static const struct {
    const char *name;
    enum act_kind kind;
    const char *limit;
    int64_t for_s; /* 0: for ever */
    const char *note;
    const char *line; /* one of those that are told */
} acts[] = {
    {"exempt for ever", ACT_EXEMPT, "user", 0, "",
     "rcpt <v@victim.test> skip limit.user (t:14): exempt by act 7K2M9QXD by "
     "eva (uid 1000)\n"},
    {"exempt until, and why", ACT_EXEMPT, "", 7200, "ticket 4711",
     "rcpt <v@victim.test> skip limit.user (t:14): exempt by act 7K2M9QXD by "
     "eva (uid 1000), until 2026-11-22 14:00 UTC: ticket 4711\n"},
    {"from all limits", ACT_EXEMPT, "", 7200, "ticket 4711",
     "rcpt <v@victim.test> skip limit.message (t:13): exempt by act 7K2M9QXD "
     "by eva (uid 1000), until 2026-11-22 14:00 UTC: ticket 4711\n"},
    {"exempt from another limit", ACT_EXEMPT, "burst", 0, "",
     "rcpt <v@victim.test> refuse limit.user (t:14): 5 of 5 recipients "
     "elsewhere in 1 hour are used; there is room in 65 minutes "
     "[user:ann@example.org 5/5/1h room 3900]\n"},
    {"raised", ACT_RAISE, "user", 86400, "move",
     "rcpt <v@victim.test> pass limit.user (t:14): 5 of 9 recipients "
     "elsewhere in 1 hour are used; raised by act 7K2M9QXD by eva (uid 1000), "
     "until 2026-11-23 12:00 UTC: move [user:ann@example.org 5/9/1h room "
     "0]\n"},
    {"raised, and over", ACT_RAISE, "burst", 86400, "",
     "rcpt refuse limit.user (t:14): put off at RCPT with 450 4.7.1: the "
     "client tries again\n"},
    {"only observed", ACT_MODE, "", 7200, "",
     "connect info mode (t:1): observe: what would be refused is only logged; "
     "act 7K2M9QXD by eva (uid 1000), until 2026-11-22 14:00 UTC\n"},
    {"so it would", ACT_MODE, "", 7200, "",
     "rcpt would limit.user (t:14): would be put off at RCPT with 450 4.7.1: "
     "the client tries again\n"},
    {"and the limit too", ACT_MODE, "", 7200, "",
     "rcpt <v@victim.test> would limit.user (t:14): 5 of 5"},
    {"control bytes in a note", ACT_EXEMPT, "user", 0, "a\x1b[2J\nb\x7f",
     "exempt by act 7K2M9QXD by eva (uid 1000): a?[2J?b?\n"},
    {"a long note, cut between letters", ACT_EXEMPT, "user", 0, long_note,
     "\xc3\xb6\xc3\xb6...\n"},
};

static void
test_acts(void **state)
{
    struct config *config = load(written);
    struct told *told = calloc(1, sizeof *told);

    (void)state;
    assert_non_null(told);
    for (size_t i = 0; i + 2 < sizeof long_note; i += 2)
        memcpy(long_note + i, "\xc3\xb6", 2);
    for (size_t i = 0; i < ROWS(acts); i++) {
        const struct act act =
            make_act(acts[i].kind, acts[i].limit, acts[i].for_s, acts[i].note);
        struct acts *set = NULL;

        assert_int_equal(acts_create(&act, 1, &set), MS_OK);
        assert_int_equal(store_memory_create(64 << 20, &told->store), MS_OK);
        charge_row(config, told->store, &ann);
        explain(config, set, &ann, told);
        if (strstr(told->text, acts[i].line) == NULL)
            fail_msg("%s:\n%s", acts[i].name, told->text);
        store_destroy(told->store);
        acts_put(set);
    }
    free(told);
    config_destroy(config);
}

/* A limit that holds is not asked before there is mail to hold. */
static void
test_held(void **state)
{
    struct config *config =
        load("mode = enforce\ndomains d { list = example.org }\n"
             "listener submission { tls = allow }\n"
             "limit user_bad { rate = 1/1h\n action = hold }\n");
    struct told *told = calloc(1, sizeof *told);
    struct asked row = ann;

    (void)state;
    assert_non_null(told);
    assert_int_equal(store_memory_create(64 << 20, &told->store), MS_OK);
    row.login = "ann@example.org";
    row.old = "user_bad user:ann@example.org";
    row.n = 1;
    charge_row(config, told->store, &row);
    explain(config, NULL, &row, told);
    assert_non_null(
        strstr(told->text,
               "rcpt <v@victim.test> refuse limit.user_bad (t:4): 1 of 1 "
               "unknown recipients in 1 hour are used; there is room in 65 "
               "minutes; the mail is held [user:ann@example.org 1/1/1h room "
               "3900]\n"));
    assert_non_null(strstr(told->text, "end refuse limit.user_bad (t:4): "
                                       "accepted and held for an operator\n"));
    store_destroy(told->store);
    free(told);
    config_destroy(config);
}

/* ----- how somebody stands */

static const char standing_text[] =
    "mode = enforce\nusers { default_domain = example.org }\n"
    "domains d { list = example.org }\n"
    "network access { addr = 198.51.100.0/24  relay = any }\n"
    "limit user { warmup = 2/1h for 7d }\n";

static const struct {
    const char *name;
    const char *more; /* of the configuration */
    const char *about;
    enum standing standing;
    uint32_t rate;
    unsigned begun; /* messages, to reach help */
    const char *client, *login, *to;
    const char *line; /* one of those that are told */
} standings[] = {
    {"watched", "", "user:ann@example.org", STANDING_WATCHED, 0, 0,
     "203.0.113.5", "ann", "<v@victim.test>",
     "mail pass zombie.account (built in): user:ann@example.org is watched; "
     "its mail goes through\n"},
    {"on probation", "", "user:ann@example.org", STANDING_PROBATION, 0, 0,
     "203.0.113.5", "ann", "<v@victim.test>",
     "mail pass zombie.account (built in): user:ann@example.org is on "
     "probation; its mail goes through\n"},
    {"throttled, with room", "", "user:ann@example.org", STANDING_THROTTLED, 3,
     0, "203.0.113.5", "ann", "<v@victim.test>",
     "mail pass zombie.account (built in): user:ann@example.org is throttled "
     "to 3 recipients in 1 hour; this rule only observes\n"},
    {"throttled by a rule that acts", "zombie account { mode = enforce }\n",
     "user:ann@example.org", STANDING_THROTTLED, 3, 0, "203.0.113.5", "ann",
     "<v@victim.test>",
     "mail pass zombie.account (t:6): user:ann@example.org is throttled to 3 "
     "recipients in 1 hour\n"},
    {"throttled, without", "zombie account { mode = enforce }\n",
     "user:ann@example.org", STANDING_THROTTLED, 0, 0, "203.0.113.5", "ann",
     "<v@victim.test>",
     "rcpt <v@victim.test> refuse zombie.account (t:6): user:ann@example.org "
     "is throttled to 0 recipients in 1 hour, and 0 are used\n"},
    {"quarantined", "zombie account { mode = enforce }\n",
     "user:ann@example.org", STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann",
     "<v@victim.test>",
     "mail pass zombie.account (t:6): user:ann@example.org is quarantined; "
     "only mail to those who help goes through\n"},
    {"so RCPT refuses", "zombie account { mode = enforce }\n",
     "user:ann@example.org", STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann",
     "<v@victim.test>",
     "rcpt <v@victim.test> refuse zombie.account (t:6): user:ann@example.org "
     "is quarantined\n"},
    {"and that is the end of it", "zombie account { mode = enforce }\n",
     "user:ann@example.org", STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann",
     "<v@victim.test>",
     "rcpt refuse zombie.account (t:6): refused at RCPT with 550 5.7.1\n"},
    {"but help is reached", "zombie account { mode = enforce }\n",
     "user:ann@example.org", STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann",
     "<postmaster@example.org>",
     "end pass verdict (built in): the message is accepted\n"},
    {"until it has begun too much", "zombie account { mode = enforce }\n",
     "user:ann@example.org", STANDING_QUARANTINED, 0, 20, "203.0.113.5", "ann",
     "<v@victim.test>",
     "mail refuse zombie.account (t:6): user:ann@example.org is quarantined, "
     "and has begun 20 messages in an hour to reach help\n"},
    {"held", "zombie account { mode = enforce  quarantine = hold }\n",
     "user:ann@example.org", STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann",
     "<v@victim.test>",
     "end refuse zombie.account (t:6): accepted and held for an operator\n"},
    {"a rule that only looks on says so", "", "user:ann@example.org",
     STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann", "<v@victim.test>",
     "mail pass zombie.account (built in): user:ann@example.org is "
     "quarantined; this rule only observes\n"},
    {"a rule that only looks on", "", "user:ann@example.org",
     STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann", "<v@victim.test>",
     "rcpt <v@victim.test> would zombie.account (built in): "
     "user:ann@example.org is quarantined; this rule only observes\n"},
    {"a rule behind another with its key",
     "zombie account { mode = enforce }\nzombie more { key = user }\n",
     "user:ann@example.org", STANDING_NORMAL, 0, 0, "203.0.113.5", "ann",
     "<v@victim.test>",
     "mail skip zombie.more (t:7): zombie.account judges the same, and stands "
     "before it\n"},
    {"an exemption", "exempt a { user = ann@example.org  skip = zombies }\n",
     "user:ann@example.org", STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann",
     "<v@victim.test>", "mail skip zombie.account (built in): exempt a\n"},
    {"no address of a login", "zombie machine { in = relays, logins }\n",
     "client:203.0.113.5", STANDING_QUARANTINED, 0, 0, "203.0.113.5", "ann",
     "<v@victim.test>",
     "mail skip zombie.machine (t:6): it judges addresses, and this is a "
     "login\n"},
    {"a machine", "zombie machine { mode = enforce }\n", "client:198.51.100.7",
     STANDING_QUARANTINED, 0, 0, "198.51.100.7", NULL, "<v@victim.test>",
     "rcpt refuse zombie.machine (t:6): put off at RCPT with 450 4.7.1: the "
     "client tries again\n"},
    {"a newcomer", "", "user:bob@example.org", STANDING_NORMAL, 0, 0,
     "203.0.113.5", "ann", "<v@victim.test>",
     "0 of 2 recipients elsewhere in 1 hour are used; a newcomer, never seen "
     "before [user:ann@example.org 0/2/1h room 0]\n"},
    {"one who came lately", "", "user:ann@example.org", STANDING_WATCHED, 0, 0,
     "203.0.113.5", "ann", "<v@victim.test>",
     "; a newcomer, first seen on 2026-11-22, until that is 7 days ago ["},
};

/* N messages that were begun to reach help. */
static void
begin_messages(const struct config *config, struct store *store,
               const struct subject *subject, unsigned n)
{
    const struct charge_item item = {
        .subject = subject,
        .window = zombie_help_window(config->zombies[0]),
        .span_s = ZOMBIE_SPAN_S,
        .n = n,
        .limit = ZOMBIE_HELP_HOUR,
        .kind = CHARGE_NOTE,
    };
    struct charge_answers answers;

    if (n > 0)
        assert_int_equal(ask_store(store, &item, 1, &answers), MS_OK);
}

static void
test_standings(void **state)
{
    struct told *told = calloc(1, sizeof *told);

    (void)state;
    assert_non_null(told);
    for (size_t i = 0; i < ROWS(standings); i++) {
        const struct asked row = {.client = standings[i].client,
                                  .port = standings[i].login ? "587" : NULL,
                                  .tls = true,
                                  .login = standings[i].login,
                                  .sender = "<ann@example.org>",
                                  .to = {standings[i].to}};
        struct judged judged = {.now = now()};
        struct config *config;
        char text[1024];

        (void)snprintf(text, sizeof text, "%s%s", standing_text,
                       standings[i].more);
        config = load(text);
        assert_int_equal(store_memory_create(64 << 20, &told->store), MS_OK);
        judged.store = told->store;
        judged.config = config;
        assert_int_equal(
            subject_parse(standings[i].about, &judged.subject, NULL), MS_OK);
        judged_stand(&judged, standings[i].standing, standings[i].rate);
        begin_messages(config, told->store, &judged.subject,
                       standings[i].begun);
        explain(config, NULL, &row, told);
        if (strstr(told->text, standings[i].line) == NULL)
            fail_msg("%s:\n%s", standings[i].name, told->text);
        expect(standings[i].name, told->only_looks);
        store_destroy(told->store);
        config_destroy(config);
    }
    free(told);
}

/* ----- it changes nothing, and needs nobody */

static bool
count_record(void *arg, const struct store_record *record)
{
    uint64_t *sum = arg;

    sum[0]++;
    for (size_t i = 0; i < record->n_windows; i++)
        sum[1] += record->windows[i].used;
    return true;
}

/* How many records there are, and what all windows have counted. */
static void
add_up(struct store *store, uint64_t sum[2])
{
    sum[0] = sum[1] = 0;
    for (int kind = 0; kind < SUBJECT_KINDS; kind++)
        assert_int_equal(store_list(store, (enum subject_kind)kind, now(),
                                    count_record, sum),
                         MS_OK);
}

static void
test_no_side_effects(void **state)
{
    struct config *config = load(written);
    struct told *told = calloc(1, sizeof *told);
    size_t looks = 0;

    (void)state;
    assert_non_null(told);
    for (size_t i = 0; i < ROWS(golden); i++) {
        uint64_t before[2], after[2];

        assert_int_equal(store_memory_create(64 << 20, &told->store), MS_OK);
        charge_row(config, told->store, &golden[i].asked);
        add_up(told->store, before);
        explain(config, NULL, &golden[i].asked, told);
        add_up(told->store, after);
        expect(golden[i].name, memcmp(before, after, sizeof before) == 0);
        expect(golden[i].name, told->only_looks);
        looks += told->looks;
        store_destroy(told->store);
    }
    assert_true(looks > ROWS(golden)); /* it did look */
    free(told);
    config_destroy(config);
}

static void
test_nobody_looks(void **state)
{
    struct config *config = load(written);
    struct told *told = calloc(1, sizeof *told);

    (void)state;
    assert_non_null(told);
    explain(config, NULL, &ann, told);
    assert_non_null(strstr(told->text,
                           "rcpt <v@victim.test> pass limit.user (t:14): 5 "
                           "recipients elsewhere in 1 hour; how many are used "
                           "was not asked [user:ann@example.org 0/5/1h room "
                           "0?]\n"));
    assert_non_null(strstr(told->text, "the message is accepted\n"));
    free(told);
    config_destroy(config);
}

/* A store that fails, at the N-th look; or does not know. */
static size_t fail_at;

static enum ms_err
look_fails(void *arg, const struct charge_item *items, size_t n,
           struct charge_answers *out)
{
    return --fail_at == 0 ? MS_TIMEOUT : look(arg, items, n, out);
}

static enum ms_err
look_unknown(void *arg, const struct charge_item *items, size_t n,
             struct charge_answers *out)
{
    enum ms_err err = look(arg, items, n, out);

    for (size_t i = 0; i < n; i++)
        out->item[i] = (struct charge_answer){.unknown = true};
    return err;
}

static enum ms_err
explain_ann(const struct config *config, struct told *told,
            enum ms_err (*how)(void *, const struct charge_item *, size_t,
                               struct charge_answers *),
            struct verdict *verdict)
{
    struct sockaddr_storage client;
    struct explain_asked asked = {.config = config,
                                  .recipients = ann.to,
                                  .n_recipients = 1,
                                  .look = how,
                                  .arg = told};
    enum stage stage;

    set_facts(&ann, &client, &asked.facts);
    told->text[0] = '\0';
    return policy_explain(&asked, tell, told, verdict, &stage);
}

static void
test_failures(void **state)
{
    struct config *config = load(written);
    struct told *told = calloc(1, sizeof *told);
    struct verdict verdict;
    enum ms_err err = MS_TIMEOUT;
    size_t n = 0;

    (void)state;
    assert_non_null(told);
    assert_int_equal(store_memory_create(64 << 20, &told->store), MS_OK);
    while (err != MS_OK && n < 10) {
        fail_at = ++n;
        verdict.code = 1;
        err = explain_ann(config, told, look_fails, &verdict);
        assert_true(err == MS_OK || (err == MS_TIMEOUT && verdict.code == 1));
    }
    assert_int_equal(err, MS_OK);
    assert_true(n > 1);
    assert_int_equal(explain_ann(config, told, look_unknown, &verdict), MS_OK);
    assert_int_equal(verdict.action, VERDICT_DEFER);
    assert_int_equal(verdict.code, 451);
    assert_non_null(strstr(told->text, " refuse limit.user (t:14): the store "
                                       "that the hosts share does not answer, "
                                       "and this limit puts mail off then"));
    store_destroy(told->store);
    free(told);
    config_destroy(config);
}

/* Their own charges add up, as if each had been counted. */
static void
test_many_recipients(void **state)
{
    static const char *to[1000];
    struct config *config =
        load("mode = enforce\ndomains d { list = example.org }\n"
             "listener submission { tls = allow }\n"
             "limit message { off = yes }\n"
             "limit user { rate = 300/1h }\n");
    struct told *told = calloc(1, sizeof *told);
    struct sockaddr_storage client;
    struct explain_asked asked = {.config = config,
                                  .recipients = to,
                                  .n_recipients = ROWS(to),
                                  .look = look,
                                  .arg = told};
    struct verdict verdict;
    enum stage stage;

    (void)state;
    assert_non_null(told);
    for (size_t i = 0; i < ROWS(to); i++)
        to[i] = "<v@victim.test>";
    assert_int_equal(store_memory_create(64 << 20, &told->store), MS_OK);
    set_facts(&ann, &client, &asked.facts);
    assert_int_equal(policy_explain(&asked, tell, told, &verdict, &stage),
                     MS_OK);
    assert_string_equal(verdict.rule, "limit.user");
    assert_int_equal(verdict.used, 301);
    assert_int_equal(verdict.retry_s, 65 * 60);
    store_destroy(told->store);
    free(told);
    config_destroy(config);
}

static void
test_names(void **state)
{
    (void)state;
    assert_string_equal(explain_outcome_name(EXPLAIN_INFO), "info");
    assert_string_equal(explain_outcome_name(EXPLAIN_WOULD), "would");
    assert_string_equal(explain_stage_name(STAGE_CONNECT), "connect");
    assert_string_equal(explain_stage_name(STAGE_REFUSED), "refused");
    assert_string_equal(explain_stage_name(STAGE_END), "end");
}

static int
go(void **state)
{
    const char *top = getenv("top_srcdir");

    (void)state;
    return chdir(top != NULL ? top : ".") != 0 || chdir("test/scenario") != 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_acts),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_standings),
        cmocka_unit_test(test_no_side_effects),
        cmocka_unit_test(test_nobody_looks),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_many_recipients),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("explain", tests, go, NULL);
}
