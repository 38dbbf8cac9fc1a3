/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Zombies in the configuration: rules, classes, exemptions, warm-up, a filter's
 * verdict, letters; what is read, what is wrong, what a reload changes.
 */
#include <config.h>

#include "policy/config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/heard.h"
#include "test/printed.h"
#include "test/unit.h"

enum { TODAY_S = 1800000000 /* 2027-01-15 */, DAY_S = 86400 };

static struct heard heard;

static struct config *
load(const char *name, const char *text)
{
    struct config *config = NULL;

    if (heard_load(&heard, text, TODAY_S, &config) != MS_OK)
        fail_msg("%s: %s", name, heard.text);
    return config;
}

static const struct zombie *
zombie_of(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_zombies; i++)
        if (strcmp(c->zombies[i]->name, name) == 0)
            return c->zombies[i];
    return NULL;
}

/* ----- what is built in */

static void
test_defaults(void **state)
{
    struct config *c = load("empty", "");
    const struct zombie *account = zombie_of(c, "account");
    const struct zombie *machine = zombie_of(c, "machine");

    (void)state;
    assert_int_equal(c->n_zombies, 2);
    assert_int_equal(account->index, 0);
    assert_int_equal(account->n_keys, 1);
    assert_int_equal(account->key[0].kind, SUBJECT_USER);
    assert_true(account->on == UINT64_MAX);
    assert_int_equal(account->in[0], 15);
    assert_int_equal(account->in[1], 15);
    assert_int_equal(account->action, ZOMBIE_REJECT);
    assert_int_equal(account->throttle, ZOMBIE_THROTTLE_DEFER);
    assert_int_equal(account->class, CLASS_UNSET);
    assert_int_equal(account->watch, 20);
    assert_int_equal(account->throttle_at, 40);
    assert_int_equal(account->quarantine_at, 60);
    assert_int_equal(account->learn_s, 14 * DAY_S);
    assert_int_equal(account->probation_s, 7 * DAY_S);
    assert_int_equal(account->n_lifts, 1);
    assert_int_equal(account->lift_s[0], 0);
    assert_false(account->self_release);
    assert_int_equal(account->notify, NOTIFY_POSTMASTER);
    assert_int_equal(account->mode, MODE_OBSERVE);
    assert_null(account->origin.file);
    assert_int_equal(machine->key[0].kind, SUBJECT_CLIENT);
    assert_int_equal(machine->in[0], KIND_RELAY);
    assert_false(machine->in_loopback);
    assert_int_equal(machine->action, ZOMBIE_DEFER);
    assert_int_equal(machine->mode, MODE_OBSERVE);
    assert_true(account->id != machine->id);
    config_destroy(c);
}

static void
test_nothing_else(void **state)
{
    struct config *c = load("empty", "");

    (void)state;
    assert_int_equal(c->verdict.n_headers, 0);
    assert_int_equal(c->verdict.n_spam, 0);
    assert_null(c->verdict.from);
    assert_false(c->verdict.aborted_is_spam);
    assert_null(c->notice.from);
    assert_null(c->notice.contacts);
    assert_null(c->notice.webhook);
    assert_null(c->classes);
    assert_int_equal(c->n_support_rcpts, 0);
    assert_null(c->support);
    for (size_t i = 0; i < c->n_limits; i++)
        assert_int_equal(c->limits[i]->n_warmups, 0);
    config_destroy(c);
}

static void
test_class_names(void **state)
{
    (void)state;
    for (int i = CLASS_PERSON; i < CLASS_UNSET; i++) {
        enum network_class class = CLASS_UNSET;

        assert_true(network_class_parse(
            network_class_name((enum network_class)i), &class));
        assert_int_equal(class, i);
    }
    assert_string_equal(network_class_name(CLASS_UNSET), "unset");
    assert_false(network_class_parse("unset", &(enum network_class){0}));
}

/* ----- what is written */

#define RULE "zombie x { key = client "

static bool
enforces(const struct config *c)
{
    const struct zombie *z = zombie_of(c, "account");

    return z->mode == MODE_ENFORCE && z->action == ZOMBIE_HOLD &&
           z->key[0].kind == SUBJECT_USER && z->watch == 20 &&
           z->origin.file != NULL &&
           zombie_of(c, "machine")->mode == MODE_OBSERVE;
}

static bool
is_off(const struct config *c)
{
    return c->n_zombies == 1 && zombie_of(c, "account") == NULL &&
           zombie_of(c, "machine")->index == 0;
}

static bool
is_third(const struct config *c)
{
    return c->n_zombies == 3 && c->zombies[2] == zombie_of(c, "x");
}

static bool
rejects(const struct config *c)
{
    return zombie_of(c, "x")->action == ZOMBIE_REJECT;
}

static bool
defers(const struct config *c)
{
    return zombie_of(c, "x")->action == ZOMBIE_DEFER;
}

static bool
has_pair(const struct config *c)
{
    const struct zombie *z = zombie_of(c, "x");

    return z->n_keys == 2 && z->key[0].kind == SUBJECT_PREFIX &&
           z->key[0].len4 == 28 && z->key[0].len6 == 48 &&
           z->key[1].kind == SUBJECT_SENDER;
}

static bool
has_place(const struct config *c)
{
    const struct zombie *z = zombie_of(c, "x");

    return (z->on & 0x0f) == 0x09 && z->in[0] == KIND_STRANGER &&
           z->in[1] == 15 && z->in_loopback;
}

static bool
has_numbers(const struct config *c)
{
    const struct zombie *z = zombie_of(c, "x");

    return z->watch == 1 && z->throttle_at == 2 && z->quarantine_at == 200 &&
           z->learn_s == 0 && z->probation_s == 3600 &&
           z->throttle == ZOMBIE_THROTTLE_HOLD && z->class == CLASS_PERSON &&
           z->self_release;
}

static bool
lifts_twice(const struct config *c)
{
    const struct zombie *z = zombie_of(c, "x");

    return z->n_lifts == 3 && z->lift_s[0] == 3600 && z->lift_s[1] == DAY_S &&
           z->lift_s[2] == 0;
}

static bool
lifts_always(const struct config *c)
{
    const struct zombie *z = zombie_of(c, "x");

    return z->n_lifts == 1 && z->lift_s[0] == 60;
}

static bool
lifts_eight(const struct config *c)
{
    const struct zombie *z = zombie_of(c, "x");

    return z->n_lifts == ZOMBIE_LIFTS && z->lift_s[7] == 8 * 3600;
}

static bool
tells_both(const struct config *c)
{
    return zombie_of(c, "x")->notify == (NOTIFY_OWNER | NOTIFY_POSTMASTER);
}

static bool
tells_nobody(const struct config *c)
{
    return zombie_of(c, "x")->notify == 0;
}

static bool
skips_all(const struct config *c)
{
    const struct exempt *e = c->exempts[0];

    return e->skip_zombies && !e->skip_all && e->class == CLASS_UNSET &&
           e->skip_zombie[0] == 0;
}

static bool
skips_one(const struct config *c)
{
    const struct exempt *e = c->exempts[0];

    return !e->skip_zombies && e->skip_zombie[0] == 0 &&
           e->skip_zombie[1] == 1 && e->skip[limit_of(c, "user")->index] == 1;
}

static bool
is_class_only(const struct config *c)
{
    const struct exempt *e = c->exempts[0];

    return e->class == CLASS_LIST && !e->skip_all && !e->skip_zombies;
}

static bool
warms_up(const struct config *c)
{
    const struct limit *l = limit_of(c, "user");

    return l->n_warmups == 2 && l->warmup[0].rate.n == 50 &&
           l->warmup[0].rate.span_s == 3600 &&
           l->warmup[0].for_s == 7 * DAY_S && l->warmup[1].rate.n == 100 &&
           l->warmup[1].for_s == 30 * DAY_S && l->windows == 2;
}

static bool
warms_up_bytes(const struct config *c)
{
    const struct limit *l = limit_of(c, "x");

    return l->warmup[0].rate.n == 1024 && l->windows == 2;
}

static bool
warms_up_messages(const struct config *c)
{
    const struct limit *l = limit_of(c, "message");

    return l->warmup[0].rate.span_s == 0 && l->warmup[0].rate.n == 20;
}

static bool
counts_tables(const struct config *c)
{
    return limit_of(c, "user")->windows == 4;
}

static bool
is_old(const struct config *c)
{
    const char *day = table_get(limit_of(c, "user")->since, "ann@example.org");

    return table_type(limit_of(c, "relay")->since) == TABLE_CIDR &&
           strcmp(day, "2020-02-29") == 0;
}

static bool
has_classes(const struct config *c)
{
    enum network_class class = CLASS_UNSET;

    return network_class_parse(table_get(c->classes, "@machines.example"),
                               &class) &&
           class == CLASS_SERVER;
}

static bool
has_support(const struct config *c)
{
    return strcmp(c->support, "https://help.example.org or +49 30 123") == 0 &&
           c->n_support_rcpts == 2 &&
           strcmp(c->support_rcpts[0], "help@example.org") == 0;
}

static bool
has_verdict(const struct config *c)
{
    const struct prefix host = {4, 32, {192, 0, 2, 7}};
    uint32_t value;

    return c->verdict.n_headers == 2 &&
           strcmp(c->verdict.headers[1], "X-Rspamd-Action") == 0 &&
           c->verdict.n_spam == 2 && strcmp(c->verdict.spam[1], "Yes!") == 0 &&
           nettree_longest(c->verdict.from, host, &value) &&
           c->verdict.aborted_is_spam;
}

static bool
only_aborts(const struct config *c)
{
    return c->verdict.n_headers == 0 && c->verdict.aborted_is_spam;
}

static bool
has_little_notice(const struct config *c)
{
    return strcmp(c->notice.from, "postmaster@example.org") == 0 &&
           c->notice.n_languages == 1 &&
           strcmp(c->notice.languages[0], "en") == 0 &&
           strcmp(c->notice.smtp, "inet:10027@127.0.0.1") == 0 &&
           c->notice.at_most.n == 1 && c->notice.at_most.rate[0].n == 1 &&
           c->notice.at_most.rate[0].span_s == 6 * 3600 &&
           c->notice.postmaster == NULL && c->notice.contacts == NULL &&
           strcmp(c->notice.templates, PKGDATADIR "/notices") == 0 &&
           c->notice.webhook == NULL && c->notice.webhook_key == NULL;
}

static bool
has_whole_notice(const struct config *c)
{
    return strcmp(c->notice.from, "M\xc3\xbcller & Co <a@example.org>") == 0 &&
           c->notice.n_languages == 2 &&
           strcmp(c->notice.languages[1], "pt-br") == 0 &&
           strcmp(c->notice.smtp, "inet6:25@::1") == 0 &&
           c->notice.at_most.rate[0].n == 2 &&
           strcmp(c->notice.postmaster, "Abuse@example.org") == 0 &&
           strcmp(table_get(c->notice.contacts, "192.0.2.0/24"),
                  "noc@example.net") == 0 &&
           strcmp(c->notice.templates, "/srv/letters") == 0 &&
           strcmp(c->notice.webhook, "https://h.example/x?y=z") == 0;
}

static bool
has_relative_templates(const struct config *c)
{
    char path[4096];

    return getcwd(path, sizeof(path) - 8) != NULL &&
           strcmp(c->notice.templates, strcat(path, "/letters")) == 0;
}

static bool
has_words(const struct config *c)
{
    return strcmp(config_reply(c, "zombie.account"), "stopped; {help}") == 0;
}

#define NOTICE "notice { from = postmaster@example.org "

static const struct {
    const char *name, *text;
    bool (*is_so)(const struct config *c);
} says[] = {
    {"a built-in rule written again changes only what it names",
     "zombie account { mode = enforce quarantine = hold }", enforces},
    {"a rule can be off", "zombie account { off = yes }", is_off},
    {"further rules come behind", RULE "}", is_third},
    {"a client is put off", RULE "}", defers},
    {"a login is told", "zombie x { key = user }", rejects},
    {"so is one in a pair", "zombie x { key = sender+user }", rejects},
    {"or in front of one", "zombie x { key = user+domain }", rejects},
    {"but what is written is written",
     "zombie x { quarantine = defer key = user }", defers},
    {"keys are those of limits", "zombie x { key = prefix/28/48+sender }",
     has_pair},
    {"places are those of limits",
     RULE "on = mx, local in = loopback, strangers }", has_place},
    {"all its numbers",
     RULE "watch = 1 throttle_at = 2 quarantine_at = 200 learn = 0 "
          "probation = 1h throttle = hold class = person self_release = yes }",
     has_numbers},
    {"quarantines end later and later", RULE "lift = 1h, 1d, never }",
     lifts_twice},
    {"or all at the same time", RULE "lift = 1m }", lifts_always},
    {"in eight steps", RULE "lift = 1h, 2h, 3h, 4h, 5h, 6h, 7h, 8h }",
     lifts_eight},
    {"two are told", RULE "notify = owner, postmaster }", tells_both},
    {"nobody is told", RULE "notify = none }", tells_nobody},
    {"exempt from all rules", "exempt e { user = a skip = zombies }",
     skips_all},
    {"exempt from one",
     "exempt e { user = a skip = zombie.machine, limit.user }", skips_one},
    {"a class alone", "exempt e { user = a class = list }", is_class_only},
    {"limits of newcomers",
     "limit user { warmup = 50/1h for 7d, 100/1h for 30d }", warms_up},
    {"in the limit's unit",
     "limit x { key = user count = bytes rate = 9M/1d "
     "warmup = 1M/1h for 1d }",
     warms_up_bytes},
    {"of one message", "limit message { warmup = 20/msg for 1d }",
     warms_up_messages},
    {"windows of newcomers and tables add up",
     "limit user { warmup = 5/2h for 1d, 9/3h for 2d rates = texthash:plans }",
     counts_tables},
    {"who is no newcomer",
     "limit user { warmup = 1/1h for 1d since = texthash:since }\n"
     "limit relay { warmup = 1/1h for 1d since = cidr:since.cidr }",
     is_old},
    {"logins have classes", "users { classes = texthash:classes }",
     has_classes},
    {"where help is",
     "support = \"https://help.example.org or +49 30 123\"\n"
     "support_rcpt = Help@Example.ORG, a@b.example",
     has_support},
    {"a filter's verdict",
     "verdict { header = X-Spam-Flag, X-Rspamd-Action spam = YES, 'Yes!'\n"
     "from = 192.0.2.0/24, ::1 aborted = spam }",
     has_verdict},
    {"aborts alone", "verdict { aborted = spam }", only_aborts},
    {"letters need a sender", NOTICE "}", has_little_notice},
    {"and can have more",
     "notice { from = M\xc3\xbcller '&' Co <a@example.org>\n"
     "language = DE, pt-BR smtp = inet6:25@::1 at_most = 2/1d\n"
     "postmaster = Abuse@example.org contacts = texthash:contacts\n"
     "templates = /srv/letters webhook = 'https://h.example/x?y=z' }",
     has_whole_notice},
    {"templates may lie beside the file", NOTICE "templates = letters }",
     has_relative_templates},
    {"words of its own", "reply zombie.account { text = \"stopped; {help}\" }",
     has_words},
};

static void
test_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(says); i++) {
        struct config *c = load(says[i].name, says[i].text);

        if (!says[i].is_so(c))
            fail_msg("not so: %s", says[i].name);
        config_destroy(c);
    }
}

/* What is printed reads as the same again, quotes and defaults included. */
static void
test_print(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(says); i++) {
        struct config *c = load(says[i].name, says[i].text), *again;
        char *first = printed_text(c), *second;

        again = load(says[i].name, first);
        second = printed_text(again);
        printed_cut(first);
        printed_cut(second);
        if (strcmp(first, second) != 0)
            fail_msg("%s:\n%s\n%s", says[i].name, first, second);
        if (!says[i].is_so(again) && says[i].is_so != enforces)
            fail_msg("not so any more: %s", says[i].name);
        config_destroy(c);
        config_destroy(again);
        free(first);
        free(second);
    }
}

/* ----- what is wrong */

static const struct {
    const char *name, *text, *heard;
} errors[] = {
    {"a rule about nobody", "zombie x { }", "t:1:1: `zombie x` needs `key`\n"},
    {"a key that is none", "zombie x { key = usr }",
     "t:1:18: key: `usr` is none of: client | prefix | user | sender | domain "
     "| network; did you mean `user`?\n"},
    {"an option of limits", RULE "rate = 1/1h }",
     "t:1:25: `rate` belongs in a block `limit`\n"},
    {"an option that is none", RULE "quarantin = hold }",
     "t:1:25: unknown option `quarantin`; did you mean `quarantine`?\n"},
    {"a listener that is none", RULE "on = mxx }",
     "t:1:30: on: there is no listener `mxx`; did you mean `mx`?\n"},
    {"a network that is none", RULE "in = relay }",
     "t:1:30: in: there is no network `relay`; did you mean `relays`?\n"},
    {"an action that is none", RULE "quarantine = discard }",
     "t:1:38: quarantine: `discard` is none of: hold | reject | defer\n"},
    {"throttling rejects nothing", RULE "throttle = reject }",
     "t:1:36: throttle: `reject` is none of: defer | hold\n"},
    {"a class that is none", RULE "class = persn }",
     "t:1:33: class: `persn` is none of: person | office | server | gateway | "
     "list; did you mean `person`?\n"},
    {"no decibels", RULE "watch = 0 }",
     "t:1:33: watch: `0` is not from 1 to 200\n"},
    {"too many", RULE "quarantine_at = 201 }",
     "t:1:41: quarantine_at: `201` is not from 1 to 200\n"},
    {"parts of one", RULE "watch = 20.5 }",
     "t:1:33: watch: `20.5` is no number\n"},
    {"standings out of order", RULE "watch = 40 throttle_at = 30 }",
     "t:1:50: throttle_at: 30 is not above `watch`, 40\n"},
    {"two at the same score", RULE "quarantine_at = 40 }",
     "t:1:41: quarantine_at: 40 is not above `throttle_at`, 40\n"},
    {"a default out of order", RULE "watch = 50 }",
     "t:1:1: throttle_at: 40 is not above `watch`, 50\n"},
    {"learning for longer than a year", RULE "learn = 367d }",
     "t:1:33: learn: `367d` is not from 0s to 366d\n"},
    {"no probation", RULE "probation = 0 }",
     "t:1:37: probation: `0` is not from 1h to 366d\n"},
    {"an end without a unit", RULE "lift = 1h, 24 }",
     "t:1:36: lift: `24` is no span such as 1h or 1d, nor `never`\n"},
    {"an end that is none", RULE "lift = 0s }",
     "t:1:32: lift: `0s` is not from 1m to 366d\n"},
    {"earlier the second time", RULE "lift = 1d, 1h }",
     "t:1:36: lift: `1h` is not longer than what is before it\n"},
    {"later than never", RULE "lift = never, 1d }",
     "t:1:39: lift: nothing can stand behind `never`\n"},
    {"nine ends", RULE "lift = 1h, 2h, 3h, 4h, 5h, 6h, 7h, 8h, 9h }",
     "t:1:64: lift: more than 8 spans\n"},
    {"telling none of two", RULE "notify = owner, none }",
     "t:1:41: notify: `none` can only stand alone\n"},
    {"telling who is nobody", RULE "notify = admin }",
     "t:1:34: notify: `admin` is none of: owner | postmaster | none\n"},
    {"a rule twice", RULE "}\n" RULE "}",
     "t:2:1: `zombie x` stands already at t:1:1\n"},
    {"skipping a rule that is not there",
     "exempt e { user = a skip = zombie.acount }",
     "t:1:28: skip: there is no zombie `acount`; did you mean `account`?\n"},
    {"words for a rule that is not there", "reply zombie.acount { text = x }",
     "t:1:1: there is no rule `zombie.acount`; did you mean "
     "`zombie.account`?\n"},
    {"a field that is none", "reply zombie.account { text = '{hlp}' }",
     "t:1:31: text: no reply knows `{hlp}`; did you mean `help`?\n"},
    /* newcomers */
    {"newcomers for ever", "limit user { warmup = 50/1h }",
     "t:1:23: warmup: `50/1h` is not of the form 50/1h for 7d\n"},
    {"an age behind another word", "limit user { warmup = 50/1h until 7d }",
     "t:1:23: warmup: `50/1h` is not of the form 50/1h for 7d\n"},
    {"a rate that is none", "limit user { warmup = 50 for 7d }",
     "t:1:23: warmup: `50` is no rate such as 200/1h\n"},
    {"an age that is none", "limit user { warmup = 50/1h for 7 }",
     "t:1:33: warmup: `7` is no age such as 7d\n"},
    {"minutes", "limit user { warmup = 50/1h for 59m }",
     "t:1:33: warmup: `59m` is not from 1h to 366d\n"},
    {"ages that fall",
     "limit user { warmup = 50/1h for 7d, 100/1h for 7d, 9/1h for 6d }",
     "t:1:48: warmup: `7d` is not later than the age before it\n"
     "t:1:61: warmup: `6d` is not later than the age before it\n"},
    {"five ages",
     "limit user { warmup = 1/1h for 1d, 2/1h for 2d, 3/1h for 3d, 4/1h for "
     "4d,\n 5/1h for 5d }",
     "t:2:2: warmup: more than 4 rates\n"},
    {"what no message has many of", "limit burst { warmup = 1/msg for 7d }",
     "t:1:24: warmup: /msg is for limits that count recipients or external\n"},
    {"nine windows",
     "limit user { rate = 1/1m, 1/2m, 1/3m, 1/4m, 1/5m, 1/6m, 1/7m\n"
     "warmup = 1/8m for 1d, 1/9m for 2d }",
     "t:2:10: warmup: together with `rate`, more than 8 rates\n"},
    {"connections of newcomers", "limit connect { warmup = 1/1m for 1d }",
     "t:1:26: warmup: connections are counted before it is known who is new\n"},
    {"the limit that passes", "limit postmaster { warmup = 1/1h for 1d }",
     "t:1:29: warmup: limit.postmaster has none\n"},
    {"days that are none", "limit user { since = texthash:plans }",
     "plans:1: `5/1h, 50/1d` is no day such as 2027-03-31\n"
     "plans:2: `1K/7d` is no day such as 2027-03-31\n"},
    {"addresses are in another table", "limit relay { since = texthash:since }",
     "t:1:23: since: `texthash:since` is not of the form cidr:/path\n"},
    /* people */
    {"classes that are none", "users { classes = texthash:contacts }",
     "contacts:2: `ann@example.net de` is none of: person | office | server | "
     "gateway | list\n"
     "contacts:3: `desk@example.com pt-BR` is none of: person | office | "
     "server | gateway | list\n"
     "contacts:4: `noc@example.net` is none of: person | office | server | "
     "gateway | list\n"},
    {"help that a reply cannot hold", "support = 'ask M\xc3\xbcller'",
     "t:1:11: support: a reply can hold printable ASCII only\n"},
    {"no help", "support = ''", "t:1:11: support: the text is empty\n"},
    {"help of 121 bytes",
     "support = "
     "1234567890123456789012345678901234567890123456789012345678901234"
     "567890123456789012345678901234567890123456789012345678901",
     "t:1:11: support: longer than 120 bytes\n"},
    {"help from nowhere", "support_rcpt = help",
     "t:1:16: support_rcpt: `help` cannot stand in a list of addresses\n"},
    /* a filter's verdict */
    {"a header that is none", "verdict { header = X-Spam:, 'X Y' }",
     "t:1:20: header: `X-Spam:` cannot stand in a list of header fields\n"
     "t:1:29: header: `X Y` cannot stand in a list of header fields\n"},
    {"nine headers", "verdict { header = a, b, c, d, e, f, g, h, i }",
     "t:1:44: header: more than 8 header fields\n"},
    {"values of no header", "verdict { spam = YES from = ::1 }",
     "t:1:18: spam: without `header` no header field is looked at\n"
     "t:1:29: from: without `header` no header field is looked at\n"},
    {"an abort that is neither", "verdict { aborted = yes }",
     "t:1:21: aborted: `yes` is none of: none | spam\n"},
    {"a client that is none", "verdict { header = X from = mx.example }",
     "t:1:29: from: `mx.example' is no IP address\n"},
    /* letters */
    {"letters from nobody", "notice { language = de }",
     "t:1:1: `notice` needs `from`\n"},
    {"from no mailbox", "notice { from = 'Example Mail' }",
     "t:1:17: from: `Example Mail` is no mailbox such as \"Example Mail "
     "<postmaster@example.org>\"\n"},
    {"in two lines", "notice { from = \"a\\nb <a@b.example>\" }",
     "t:1:17: from: `a?b <a@b.example>` is no mailbox such as \"Example Mail "
     "<postmaster@example.org>\"\n"},
    {"from two", "notice { from = a@b.example, c@d.example }",
     "t:1:30: from: a text with commas needs quotes\n"},
    {"no language", NOTICE "language = german, d, de_DE }",
     "t:1:51: language: `german` cannot stand in a list of languages\n"
     "t:1:59: language: `d` cannot stand in a list of languages\n"
     "t:1:62: language: `de_DE` cannot stand in a list of languages\n"},
    {"by no port", NOTICE "smtp = 127.0.0.1 }",
     "t:1:47: smtp: `127.0.0.1` is not of the form inet:port@address\n"},
    {"by none at all", NOTICE "smtp = '' }",
     "t:1:47: smtp: the port to which letters go is missing\n"},
    {"on no path", NOTICE "smtp = local:/run/x }",
     "t:1:47: smtp: `local:/run/x` is not of the form inet:port@address\n"},
    {"never", NOTICE "at_most = 0/1h }",
     "t:1:50: at_most: `0/1h` is no rate such as 1/6h\n"},
    {"so many in a message", NOTICE "at_most = 1/msg }",
     "t:1:50: at_most: `1/msg` is no rate such as 1/6h\n"},
    {"two rates", NOTICE "at_most = 1/1h, 5/1d }",
     "t:1:56: at_most: only one value can stand here\n"},
    {"to a mailbox with a name", NOTICE "postmaster = \"A <a@b.example>\" }",
     "t:1:53: postmaster: `A <a@b.example>` is no address such as "
     "help@example.org\n"},
    {"contacts that are none", NOTICE "contacts = texthash:tenants }",
     "tenants:1: `big` is no address\n"},
    {"keys of contacts that would never be found",
     NOTICE "contacts = texthash:wrong_contacts }",
     "wrong_contacts:1: `192.0.2.1/24` is no prefix\n"
     "wrong_contacts:2: `10.0.0.0/33` is no prefix\n"
     "wrong_contacts:3: `2001:db8:0::/48` must be written `2001:db8::/48`\n"
     "wrong_contacts:4: `::ffff:192.0.2.7` must be written `192.0.2.7`\n"
     "wrong_contacts:8: `ann` is no address\n"},
    {"contacts in no language of ours", NOTICE "contacts = texthash:contacts }",
     "contacts:2: the language `de` is not written in `language`\n"
     "contacts:3: the language `pt-br` is not written in `language`\n"},
    {"contacts that are not there", NOTICE "contacts = texthash:none }",
     "t:1:51: none: cannot open it: No such file or directory\n"},
    {"a hook that is none", NOTICE "webhook = hooks.example.org }",
     "t:1:50: webhook: not a URL such as "
     "https://hooks.example.org/mortsafe, without a user, a password or a #\n"},
    {"a key for no hook", NOTICE "webhook_key_file = none }",
     "t:1:59: webhook_key_file: none: No such file or directory\n"
     "t:1:59: webhook_key_file: it signs what goes to `webhook`, which is not "
     "written\n"},
};

/* Paths are told from the root on: cut what all of them begin with. */
static void
cut_folder(char *text)
{
    char path[4096];
    char *at = text;

    assert_non_null(getcwd(path, sizeof(path) - 1));
    (void)strcat(path, "/");
    while ((at = strstr(at, path)) != NULL)
        memmove(at, at + strlen(path), strlen(at + strlen(path)) + 1);
}

static void
test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(errors); i++) {
        struct config *config = NULL;
        enum ms_err err = heard_load(&heard, errors[i].text, TODAY_S, &config);

        cut_folder(heard.text);
        if (err != MS_INVALID || strcmp(heard.text, errors[i].heard) != 0)
            fail_msg("%s: %d\n%s", errors[i].name, err, heard.text);
    }
}

/* Too many of something; the built-in two count. */
static void
test_bounds(void **state)
{
    char text[4096] = "";
    size_t len = 0;
    struct config *config = NULL;

    (void)state;
    for (unsigned i = 1; i <= 7; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "zombie x%u { key = user }\n", i);
    assert_int_equal(heard_load(&heard, text, TODAY_S, &config), MS_INVALID);
    assert_string_equal(heard.text, "t:7:1: more than 8 blocks `zombie`\n");

    len = 0;
    for (unsigned i = 1; i <= 9; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "limit x%u { key = user count = messages "
                                "rate = 9/1h warmup = 1/1h for 1d }\n",
                                i);
    assert_int_equal(heard_load(&heard, text, TODAY_S, &config), MS_INVALID);
    assert_string_equal(heard.text, "t:9:1: from here on, more than 8 limits "
                                    "have `warmup`\n");
}

/* What a URL may be; others can hold a password. */
static const struct {
    const char *url;
    bool good;
} urls[] = {
    {"https://hooks.example.org", true},
    {"https://hooks.example.org/a/b?c=d&e", true},
    {"https://hooks.example.org:8443?x", true},
    {"http://127.0.0.1:8080/", true},
    {"http://[::1]:8080/x", true},
    {"https://hooks.example.org:0/", false},
    {"https://hooks.example.org:65536/", false},
    {"https://hooks.example.org:/", false},
    {"https://ann:secret@hooks.example.org/", false},
    {"https://hooks.example.org/#x", false},
    {"https://hooks.example.org/\xc3\xbc", false},
    {"https://hooks.example.org/ x", false},
    {"https:///x", false},
    {"https://[192.0.2.1]/", false},
    {"https://[::1/", false},
    {"ftp://hooks.example.org/", false},
    {"HTTPS//hooks.example.org/", false},
    {"", false},
};

static void
test_urls(void **state)
{
    char text[256];

    (void)state;
    for (size_t i = 0; i < ROWS(urls); i++) {
        struct config *config = NULL;
        enum ms_err err;

        (void)snprintf(text, sizeof(text), NOTICE "webhook = '%s' }",
                       urls[i].url);
        err = heard_load(&heard, text, TODAY_S, &config);
        expect(urls[i].url, (err == MS_OK) == urls[i].good);
        expect(urls[i].url, strstr(heard.text, "secret") == NULL);
        config_destroy(config);
    }
}

/* The key is a file's first line, which others may not read. */
static void
test_webhook_key(void **state)
{
    char path[] = "/tmp/test_config_zombie.XXXXXX", text[256];
    struct config *config = NULL;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a key\nnot it\n", 13), 13);
    (void)snprintf(text, sizeof(text),
                   NOTICE "webhook = https://h.example webhook_key_file = %s }",
                   path);
    config = load("a key", text);
    assert_string_equal(config->notice.webhook_key, "a key");
    assert_string_equal(config->notice.webhook_key_file, path);
    config_destroy(config);
    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(heard_load(&heard, text, TODAY_S, &config), MS_INVALID);
    assert_non_null(strstr(heard.text, "others may read or write it"));
    (void)close(fd);
    (void)unlink(path);
}

/* ----- what is most likely not meant */

#define OWN "domains d { list = example.org }\n"

static const struct {
    const char *name, *text, *heard;
} warnings[] = {
    {"what is built in", "", ""},
    {"stopping without help", "zombie account { mode = enforce }",
     "warning: t:2:25: mode: refusals of zombie `account` cannot say where "
     "help is; write `support`\n"},
    {"stopping with help", "zombie account { mode = enforce }\nsupport = x",
     ""},
    {"codes for nobody", "zombie account { self_release = yes }",
     "warning: t:2:33: self_release: nobody gets a code without `contacts` in "
     "a block `notice`\n"},
    {"no letter for the owner", "zombie account { notify = owner }",
     "warning: t:2:27: notify: the owner gets no letter without a block "
     "`notice`\n"},
    {"letters and codes",
     "zombie account { notify = owner self_release = yes }\n"
     "notice { from = a@b.example language = de, pt-br "
     "contacts = texthash:contacts }",
     ""},
    {"on no listener", RULE "on = mx, !mx }",
     "warning: t:2:30: on: zombie `x` holds on no listener\n"},
    {"addresses of logins", RULE "in = logins }",
     "warning: t:2:30: in: zombie `x` never holds: nobody there has its key\n"},
    {"logins of strangers", "zombie x { key = user in = strangers }",
     "warning: t:2:28: in: zombie `x` never holds: nobody there has its key\n"},
    {"logins with addresses", "zombie x { key = user+client }",
     "warning: t:2:1: in: zombie `x` never holds: nobody there has its key\n"},
    {"addresses with senders", "zombie x { key = client+sender }", ""},
    {"a table for no newcomers", "limit user { since = texthash:since }",
     "warning: t:2:22: since: limit `user` has no `warmup`\n"},
    {"more for newcomers", "limit user { warmup = 300/1h for 1d }",
     "warning: t:2:23: warmup: a rate of limit `user` is not below its `rate` "
     "over the same span\n"},
    {"telling all the way", NOTICE "webhook = http://hooks.example.org/ }",
     "warning: t:2:50: webhook: without https others can read on the way who "
     "is stopped\n"},
    {"nobody is on the way", NOTICE "webhook = http://localhost:8080/ }", ""},
    {"nor here", NOTICE "webhook = http://127.0.0.1/ }", ""},
    {"nor with TLS", NOTICE "webhook = https://hooks.example.org/ }", ""},
};

static void
test_warnings(void **state)
{
    char text[1024];

    (void)state;
    for (size_t i = 0; i < ROWS(warnings); i++) {
        struct config *config = NULL;

        (void)snprintf(text, sizeof(text), OWN "%s", warnings[i].text);
        if (heard_load(&heard, text, TODAY_S, &config) != MS_OK ||
            strcmp(heard.text, warnings[i].heard) != 0)
            fail_msg("%s:\n%s", warnings[i].name, heard.text);
        config_destroy(config);
    }
}

/* ----- reload */

static const struct {
    const char *name, *old, *new;
    const char *lines; /* of config_diff() */
    bool same;         /* the rule account has the same identity */
} diffs[] = {
    {"nothing changes", "", "", "", true},
    {"numbers, places and people change nothing", "",
     "zombie account { watch = 25 in = logins notify = none }", "", true},
    {"a rule comes", "", RULE "}", "zombie x: is new; it knows nobody yet\n",
     true},
    {"a rule goes", RULE "}", "",
     "zombie x: is gone; nobody is stopped by it\n", true},
    {"another key", "", "zombie account { key = user+sender }",
     "zombie account: another key; it knows nobody yet\n", false},
    {"another prefix length", "zombie account { key = prefix/24 }",
     "zombie account { key = prefix/25 }",
     "zombie account: another key; it knows nobody yet\n", false},
    {"it is put in force", "", "zombie account { mode = enforce }",
     "zombie account: enforces from now on; who got a standing before is "
     "watched\n",
     true},
    {"it is not any more", "zombie account { mode = enforce }", "",
     "zombie account: only observes from now on; nobody is stopped by it\n",
     true},
    {"newcomers have a window of their own", "",
     "limit user { warmup = 5/2h for 1d, 9/1h for 2d }",
     "limit user: the span 2h is new; its count starts empty\n", true},
};

static void
add_line(void *arg, const char *text)
{
    heard_line(arg, "", text);
}

static void
test_diffs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(diffs); i++) {
        struct config *old = load(diffs[i].name, diffs[i].old);
        struct config *new = load(diffs[i].name, diffs[i].new);

        heard.text[0] = '\0';
        config_diff(old, new, add_line, &heard);
        if (strcmp(heard.text, diffs[i].lines) != 0)
            fail_msg("%s: %s", diffs[i].name, heard.text);
        expect(diffs[i].name, (zombie_of(old, "account")->id ==
                               zombie_of(new, "account")->id) == diffs[i].same);
        config_destroy(old);
        config_destroy(new);
    }
}

/* Stores keep what throttled subjects sent by these: a change loses every
 * operator's. */
static void
test_identity(void **state)
{
    struct config *c = load("empty", "");

    (void)state;
    assert_true(c->zombies[0]->id == UINT64_C(0x6161f728cc89c6b5));
    config_destroy(c);
}

static int
go_to_data(void **state)
{
    const char *top = getenv("top_srcdir");

    (void)state;
    return chdir(top != NULL ? top : ".") != 0 ||
           chdir("test/data/config") != 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_nothing_else),
        cmocka_unit_test(test_class_names), cmocka_unit_test(test_says),
        cmocka_unit_test(test_print),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_bounds),      cmocka_unit_test(test_urls),
        cmocka_unit_test(test_webhook_key), cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_diffs),       cmocka_unit_test(test_identity),
    };

    return cmocka_run_group_tests_name("config_zombie", tests, go_to_data,
                                       NULL);
}
