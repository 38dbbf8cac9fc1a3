/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of zombies: whom they judge and as what, by session and by name; and
 * what they cost a message.  What follows for mail is in
 * test/scenario/zombie_*.txt.
 */
#include <config.h>

#include "policy/zombie.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/acts.h"
#include "policy/policy.h"
#include "policy/store/memory.h"
#include "policy/store/store.h"
#include "test/heard.h"
#include "test/judged.h"
#include "test/unit.h"

enum { NOW_S = 1795348800 /* 2026-11-22 12:00 */ };

static struct heard heard;

static const char written[] =
    "mode = enforce\n"
    "users { default_domain = example.org  classes = texthash:tables/classes "
    "}\n"
    "domains local { list = example.org }\n"
    "support_rcpt = help@support.example\n"
    "network access { addr = 198.51.100.0/24, 2001:db8:7::/48  relay = any }\n"
    "network office { addr = 192.0.2.0/26  relay = any  class = office }\n"
    "network old { addr = 192.0.2.64/26  relay = any  mode = observe\n"
    "    until = 2026-11-30 }\n"
    "network gate { addr = 192.0.2.128/26  relay = any  class = gateway }\n"
    "zombie account { mode = enforce  watch = 25  throttle_at = 45\n"
    "    quarantine_at = 65  probation = 3d }\n"
    "zombie machine { mode = enforce  in = relays, !gate }\n"
    "zombie late { key = user }\n"
    "zombie net { key = prefix/28/40  in = access }\n"
    "zombie box { key = client+sender  in = gate  class = server }\n"
    "exempt list { user = news@example.org  class = list }\n"
    "exempt lab { client = 198.51.100.128/25  skip = zombie.machine }\n"
    "exempt boss { user = boss@example.org  skip = zombies\n"
    "    until = 2026-11-25 }\n"
    "exempt both { user = two@example.org  sender = two@example.org\n"
    "    skip = zombies }\n";

static struct config *
load(const char *text)
{
    struct config *config = NULL;

    if (heard_load(&heard, text, NOW_S, &config) != MS_OK)
        fail_msg("%s", heard.text);
    return config;
}

static const struct zombie *
rule_of(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_zombies; i++)
        if (strcmp(config->zombies[i]->name, name) == 0)
            return config->zombies[i];
    fail_msg("no rule %s", name);
    return NULL;
}

static struct subject
subject(const char *text)
{
    struct subject s = {.kind = SUBJECT_KINDS};
    const char *pair = strstr(text, "client+sender:");
    char client[64] = "";

    if (pair == NULL) {
        assert_int_equal(subject_parse(text, &s, NULL), MS_OK);
        return s;
    }
    memcpy(client, pair + 14, strcspn(pair + 14, "+"));
    assert_true(subject_make_pair(SUBJECT_CLIENT, client, SUBJECT_SENDER,
                                  strchr(pair + 14, '+') + 1, &s));
    return s;
}

/* ----- by name */

static const struct {
    const char *name, *subject;
    int64_t later_s;
    const char *rule; /* "": none */
    enum network_class class;
} named[] = {
    {"a login is a person", "user:ann@example.org", 0, "account", CLASS_PERSON},
    {"the table knows a login", "user:shop@example.org", 0, "account",
     CLASS_OFFICE},
    {"and its domain", "user:x@machines.example", 0, "account", CLASS_SERVER},
    {"an exemption names a class", "user:news@example.org", 0, "account",
     CLASS_LIST},
    {"an exemption from all rules", "user:boss@example.org", 0, "",
     CLASS_PERSON},
    {"until its day has passed", "user:boss@example.org", 4 * 86400, "account",
     CLASS_PERSON},
    {"an exemption that asks for more than a name", "user:two@example.org", 0,
     "account", CLASS_PERSON},
    {"an address by its network", "client:192.0.2.7", 0, "machine",
     CLASS_OFFICE},
    {"one whose network says nothing", "client:198.51.100.7", 0, "machine",
     CLASS_PERSON},
    {"an IPv6 client is a /64", "client:2001:db8:7:1::/64", 0, "machine",
     CLASS_PERSON},
    {"but no other width", "client:2001:db8:7::/56", 0, "", CLASS_PERSON},
    {"an exemption of addresses", "client:198.51.100.200", 0, "", CLASS_PERSON},
    {"a stranger", "client:203.0.113.5", 0, "", CLASS_PERSON},
    {"loopback", "client:127.0.0.1", 0, "", CLASS_PERSON},
    {"a network that the rule leaves out", "client:192.0.2.130", 0, "",
     CLASS_PERSON},
    {"a prefix of the rule's width", "prefix:198.51.100.16/28", 0, "net",
     CLASS_PERSON},
    {"one of another width", "prefix:198.51.100.0/24", 0, "", CLASS_PERSON},
    {"one in another network", "prefix:192.0.2.0/28", 0, "", CLASS_PERSON},
    {"one that is wider than networks", "prefix:2001:d00::/40", 0, "net",
     CLASS_PERSON},
    {"a pair, by its rule", "client+sender:192.0.2.130+a@example.org", 0, "box",
     CLASS_SERVER},
    {"a pair elsewhere", "client+sender:192.0.2.7+a@example.org", 0, "",
     CLASS_PERSON},
    {"what no rule is about", "domain:example.org", 0, "", CLASS_PERSON},
};

static void
test_named(void **state)
{
    struct config *config = load(written);

    (void)state;
    for (size_t i = 0; i < ROWS(named); i++) {
        const struct subject s = subject(named[i].subject);
        enum network_class class = CLASS_PERSON;
        const struct zombie *rule = zombie_of(
            config, &s, (struct wall){NOW_S + named[i].later_s}, &class);
        const char *name = rule != NULL ? rule->name : "";

        if (strcmp(name, named[i].rule) != 0)
            fail_msg("%s: judged by `%s`", named[i].name, name);
        expect(named[i].name, class == named[i].class);
    }
    config_destroy(config);
}

/* Of two rules with one key, that of its sessions stays a subject's. */
static const struct {
    const char *name, *last, *subject, *rule;
    enum network_class class;
} stills[] = {
    {"never judged: the first", "", "user:ann@example.org", "near",
     CLASS_OFFICE},
    {"judged by the first", "near", "user:ann@example.org", "near",
     CLASS_OFFICE},
    {"judged by the second", "far", "user:ann@example.org", "far",
     CLASS_SERVER},
    {"by one of another key", "machine", "user:ann@example.org", "near",
     CLASS_OFFICE},
    {"by one that spares it now", "far", "user:boss@example.org", "near",
     CLASS_OFFICE},
    {"by one that has gone", "gone", "user:ann@example.org", "near",
     CLASS_OFFICE},
};

static void
test_still(void **state)
{
    struct config *config =
        load("domains local { list = example.org }\n"
             "network office { addr = 192.0.2.0/24  relay = any }\n"
             "zombie account { off = yes }\n"
             "zombie near { key = user  in = office  class = office }\n"
             "zombie far { key = user  in = !office  class = server }\n"
             "exempt boss { user = boss@example.org  skip = zombie.far }\n");

    (void)state;
    for (size_t i = 0; i < ROWS(stills); i++) {
        const struct subject s = subject(stills[i].subject);
        enum network_class class = CLASS_PERSON;
        const char *last = stills[i].last;
        uint64_t id = strcmp(last, "gone") == 0 ? 12345
                      : *last != '\0'           ? rule_of(config, last)->id
                                                : 0;
        const struct zombie *rule =
            zombie_still(config, &s, id, (struct wall){NOW_S}, &class);

        expect(stills[i].name,
               rule != NULL && strcmp(rule->name, stills[i].rule) == 0);
        expect(stills[i].name, class == stills[i].class);
    }
    assert_ptr_equal(zombie_by_id(config, rule_of(config, "far")->id),
                     rule_of(config, "far"));
    assert_null(zombie_by_id(config, 0));
    config_destroy(config);
}

static void
test_tuning(void **state)
{
    struct config *config = load(written);
    struct detector_tuning office, plain;

    (void)state;
    zombie_tuning(rule_of(config, "account"), CLASS_OFFICE, &office);
    detector_tuning(CLASS_OFFICE, &plain);
    assert_true(office.watch > 24.9 && office.watch < 25.1);
    assert_true(office.throttle > 44.9 && office.throttle < 45.1);
    assert_true(office.quarantine > 64.9 && office.quarantine < 65.1);
    assert_int_equal(office.probation_s, 3 * 86400);
    assert_memory_equal(&office.floor_hour, &plain.floor_hour,
                        sizeof plain.floor_hour);
    assert_int_equal(office.volume_throttles, plain.volume_throttles);
    config_destroy(config);
}

static const struct {
    const char *name, *rule, *subject;
    bool act; /* an operator has set observe */
    int64_t later_s;
    enum mode mode;
} modes[] = {
    {"a rule that enforces", "account", "user:ann@example.org", false, 0,
     MODE_ENFORCE},
    {"one that nobody has told to", "net", "prefix:198.51.100.0/28", false, 0,
     MODE_OBSERVE},
    {"an operator's word for all", "account", "user:ann@example.org", true, 0,
     MODE_OBSERVE},
    {"a network that observes", "machine", "client:192.0.2.70", false, 0,
     MODE_OBSERVE},
    {"until its day", "machine", "client:192.0.2.70", false, 9 * 86400,
     MODE_ENFORCE},
    {"its neighbour", "machine", "client:192.0.2.7", false, 0, MODE_ENFORCE},
};

static void
test_modes(void **state)
{
    const struct act act = {.kind = ACT_MODE,
                            .subject.kind = SUBJECT_KINDS,
                            .mode = MODE_OBSERVE,
                            .until.s = ACT_FOR_EVER};
    struct config *config = load(written);
    struct acts *set = NULL;

    (void)state;
    assert_int_equal(acts_create(&act, 1, &set), MS_OK);
    for (size_t i = 0; i < ROWS(modes); i++) {
        const struct subject s = subject(modes[i].subject);

        expect(modes[i].name,
               zombie_mode_of(config, modes[i].act ? set : NULL,
                              rule_of(config, modes[i].rule), &s,
                              (struct wall){NOW_S + modes[i].later_s}) ==
                   modes[i].mode);
    }
    acts_put(set);
    config_destroy(config);
}

static void
test_windows(void **state)
{
    struct config *config = load(written);
    const struct zombie *a = rule_of(config, "account"),
                        *b = rule_of(config, "late");
    const uint64_t all[] = {zombie_window(a),      zombie_window(b),
                            zombie_help_window(a), zombie_help_window(b),
                            zombie_held_window(a), zombie_held_window(b),
                            zombie_host_window()};

    (void)state;
    for (size_t i = 0; i < ROWS(all); i++)
        for (size_t j = 0; j < i; j++)
            assert_true(all[i] != all[j]);
    config_destroy(config);
}

/* ----- by session */

struct session {
    const char *client, *port, *login, *sender;
};

static const struct session login = {"203.0.113.7", "587", "ann",
                                     "<ann@example.org>"};
static const struct session relay = {"198.51.100.7", "25", NULL,
                                     "<a@example.org>"};
static const struct session stranger = {"203.0.113.7", "25", NULL,
                                        "<s@a.test>"};
static const struct session local = {"127.0.0.1", "0", NULL,
                                     "<www@example.org>"};

static void
set_facts(const struct session *session, struct sockaddr_in *client,
          struct facts *facts)
{
    memset(client, 0, sizeof *client);
    client->sin_family = AF_INET;
    client->sin_port = htons(40000);
    assert_int_equal(inet_pton(AF_INET, session->client, &client->sin_addr), 1);
    *facts = (struct facts){.now = {NOW_S},
                            .client = (struct sockaddr *)client,
                            .daemon_port = session->port,
                            .hostname = "mx.example.org",
                            .tls = true,
                            .login = session->login,
                            .login_type = session->login ? "PLAIN" : NULL,
                            .sender = session->sender};
}

static const struct {
    const char *name;
    const struct session *session;
    const char *rule;
    enum limit_state state;
    const char *subject; /* whom it judges; "": nobody */
} sessions[] = {
    {"an account", &login, "account", LIMIT_APPLIES, "user:ann@example.org"},
    {"no address of a login", &login, "machine", LIMIT_OTHER_SESSION,
     "client:203.0.113.7"},
    {"a machine that relays", &relay, "machine", LIMIT_APPLIES,
     "client:198.51.100.7"},
    {"its prefix", &relay, "net", LIMIT_APPLIES, "prefix:198.51.100.0/28"},
    {"no account without a login", &relay, "account", LIMIT_APPLIES, ""},
    {"a pair elsewhere", &relay, "box", LIMIT_OTHER_SESSION,
     "client+sender:198.51.100.7+a@example.org"},
    {"no stranger", &stranger, "machine", LIMIT_OTHER_SESSION,
     "client:203.0.113.7"},
    {"a local sender as a login", &local, "account", LIMIT_APPLIES,
     "user:www@example.org"},
    {"but no machine", &local, "machine", LIMIT_OTHER_SESSION, ""},
};

static void
test_sessions(void **state)
{
    struct config *config = load(written);

    (void)state;
    for (size_t i = 0; i < ROWS(sessions); i++) {
        const struct zombie *rule = rule_of(config, sessions[i].rule);
        char text[SUBJECT_TEXT] = "";
        struct sockaddr_in client;
        struct subject judged;
        struct facts facts;
        struct scene scene;

        set_facts(sessions[i].session, &client, &facts);
        scene_make(config, &facts, &scene);
        expect(sessions[i].name,
               zombie_state(config, rule, &scene, NULL) == sessions[i].state);
        if (zombie_subject(rule, &scene, &judged))
            subject_print(&judged, text);
        if (strcmp(text, sessions[i].subject) != 0)
            fail_msg("%s: judges `%s`", sessions[i].name, text);
    }
    config_destroy(config);
}

static const struct {
    const char *name, *address;
    bool external, help;
} helpers[] = {
    {"our postmaster", "<Postmaster@example.org>", false, true},
    {"without a domain", "<postmaster>", false, true},
    {"our abuse desk", "<abuse@example.org>", false, true},
    {"somebody else's postmaster", "<postmaster@victim.test>", true, false},
    {"a helper elsewhere", "<Help@Support.Example>", true, true},
    {"another one there", "<hello@support.example>", true, false},
    {"anybody", "<bob@example.org>", false, false},
};

static void
test_help(void **state)
{
    struct config *config = load(written);

    (void)state;
    for (size_t i = 0; i < ROWS(helpers); i++) {
        struct address address;

        address_parse(helpers[i].address, &address);
        expect(helpers[i].name,
               zombie_is_help(config, &address, helpers[i].external) ==
                   helpers[i].help);
    }
    config_destroy(config);
}

/* ----- what it costs */

static const struct {
    const char *name;
    const struct session *session;
    const char *more;
    enum stage stage;
    size_t items, subjects;
    bool early; /* all of them: no round trip to a shared store */
} costs[] = {
    {"nobody's standing is asked at CONNECT", &relay, "", STAGE_CONNECT, 0, 0,
     true},
    {"a login is asked at MAIL anyway", &login, "", STAGE_MAIL, 2, 1, true},
    {"without its limits it is looked at alone", &login,
     "limit user_bad { off = yes }\n", STAGE_MAIL, 1, 1, true},
    {"a machine that relays is looked at", &relay, "", STAGE_MAIL, 1, 1, true},
    {"a stranger is not", &stranger, "", STAGE_MAIL, 1, 1, true},
    {"one item a rule at RCPT, its subject shared", &login, "", STAGE_RCPT, 8,
     1, false},
    {"the same of a machine, beside its limits", &relay, "", STAGE_RCPT, 3, 1,
     false},
    {"the end of a message asks for none", &login, "", STAGE_END, 0, 0, true},
    {"what only this host counts does not tell how somebody stands", &login,
     "limit user_bad { scope = host }\n", STAGE_MAIL, 3, 1, true},
    {"nor what nobody answers while the store is away", &login,
     "limit user_bad { on_store_error = accept }\n", STAGE_MAIL, 3, 1, true},
    {"a newcomer is looked up in earnest", &login,
     "limit user { warmup = 50/1h for 7d }\n", STAGE_MAIL, 2, 1, false},
    {"whoever has another subject by an item more", &login,
     "limit tenant { key = domain  count = messages  rate = 9/1h\n"
     "    warmup = 5/1h for 7d }\n",
     STAGE_MAIL, 3, 2, false},
    {"and that it was here is noted by one more", &login,
     "limit user { warmup = 50/1h for 7d }\n", STAGE_RCPT, 9, 1, false},
    {"whatever number of limits asks", &login,
     "limit user { warmup = 50/1h for 7d }\n"
     "limit user_all { warmup = 50/1h for 30d }\n",
     STAGE_RCPT, 9, 1, false},
};

static void
test_costs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(costs); i++) {
        struct policy *p = calloc(1, sizeof *p);
        struct sockaddr_in client;
        struct config *config;
        struct facts facts;
        char text[1024];
        bool early = true;

        (void)snprintf(
            text, sizeof text,
            "mode = enforce\nusers { default_domain = example.org "
            "}\ndomains local { list = example.org }\n"
            "network access { addr = 198.51.100.0/24  relay = any }\n"
            "%s",
            costs[i].more);
        config = load(text);
        assert_non_null(p);
        set_facts(costs[i].session, &client, &facts);
        facts.recipient = "<v@victim.test>";
        facts.external = facts.recipients = facts.ordinary = 1;
        policy_ask(config, &facts, costs[i].stage, p);
        for (size_t j = 0; j < p->n_items; j++)
            early = early && p->items[j].early;
        if (p->n_items != costs[i].items || p->n_subjects != costs[i].subjects)
            fail_msg("%s: %zu items of %zu subjects", costs[i].name, p->n_items,
                     p->n_subjects);
        expect(costs[i].name, early == costs[i].early);
        config_destroy(config);
        free(p);
    }
}

/* ----- a message, step by step */

struct message {
    struct config *config;
    struct store *store;
    struct sockaddr_in client;
    struct facts facts;
    struct policy p;
    struct charge_answers answers;
};

static const char enforcing[] =
    "mode = enforce\nusers { default_domain = example.org }\n"
    "domains local { list = example.org }\n"
    "zombie account { mode = enforce }\n";

static struct store_time
now(void)
{
    return (struct store_time){{NOW_S * INT64_C(1000)}, {NOW_S}};
}

static struct message *
begin(const char *text)
{
    struct message *m = calloc(1, sizeof *m);

    assert_non_null(m);
    m->config = load(text);
    assert_int_equal(store_memory_create(64 << 20, &m->store), MS_OK);
    set_facts(&login, &m->client, &m->facts);
    return m;
}

static void
end(struct message *m)
{
    store_destroy(m->store);
    config_destroy(m->config);
    free(m);
}

static void
stand(struct message *m, enum standing standing, uint32_t rate)
{
    const struct judged ann = {.store = m->store,
                               .config = m->config,
                               .now = now(),
                               .subject = subject("user:ann@example.org")};

    judged_stand(&ann, standing, rate);
}

static void
charge(struct message *m)
{
    const struct wall wall = m->facts.now;
    const struct mono mono = {wall.s * 1000};
    struct store_ticket *ticket;

    assert_int_equal(store_submit(m->store, m->p.items, m->p.n_items,
                                  (struct store_time){mono, wall}, &ticket),
                     MS_OK);
    assert_int_equal(store_collect(m->store, ticket,
                                   (struct mono){mono.ms + 300}, &m->answers),
                     MS_OK);
}

static const struct verdict *
step(struct message *m, enum stage stage, const char *recipient)
{
    bool done = false;

    m->facts.recipient = recipient;
    policy_ask(m->config, &m->facts, stage, &m->p);
    while (!done) {
        bool charged = m->p.wants;

        if (charged)
            charge(m);
        done = policy_answer(&m->p, charged ? &m->answers : NULL);
    }
    policy_count(&m->p, &m->facts);
    return &m->p.verdict;
}

/* All that one host holds for standings has a room of its own. */
static void
test_host_room(void **state)
{
    static const char holding[] =
        "mode = enforce\nusers { default_domain = example.org }\n"
        "domains local { list = example.org }\n"
        "zombie account { mode = enforce  quarantine = hold }\n";
    struct message *m = begin(holding);
    const struct subject host = subject("network:(host)");
    const struct charge_item held = {.subject = &host,
                                     .window = zombie_host_window(),
                                     .span_s = 86400,
                                     .n = ZOMBIE_HELD_HOST - 1,
                                     .limit = ZOMBIE_HELD_HOST,
                                     .kind = CHARGE_NOTE,
                                     .host = true};

    (void)state;
    m->p.items[0] = held;
    m->p.n_items = 1;
    charge(m);
    stand(m, STANDING_QUARANTINED, 0);
    assert_int_equal(step(m, STAGE_RCPT, "<v@victim.test>")->action,
                     VERDICT_CONTINUE);
    assert_true(m->p.hold);
    assert_int_equal(step(m, STAGE_RCPT, "<v@victim.test>")->action,
                     VERDICT_REJECT);
    assert_int_equal(m->p.verdict.code, 550);
    assert_false(m->p.hold);
    end(m);
}

/* What is asked for help stays counted; only while it stands so. */
static void
test_help_window(void **state)
{
    struct message *m = begin(enforcing);
    const struct zombie *rule = rule_of(m->config, "account");

    (void)state;
    stand(m, STANDING_QUARANTINED, 0);
    policy_ask(m->config, &m->facts, STAGE_MAIL, &m->p);
    charge(m);
    assert_false(m->p.spent);
    assert_false(policy_answer(&m->p, &m->answers));
    assert_true(m->p.spent && m->p.wants);
    assert_int_equal(m->p.n_items, 1);
    assert_true(m->p.items[0].window == zombie_help_window(rule));
    assert_int_equal(m->p.items[0].limit, ZOMBIE_HELP_HOUR);
    charge(m);
    m->answers.item[0].over = true;
    m->answers.item[0].standing = STANDING_PROBATION; /* released meanwhile */
    assert_true(policy_answer(&m->p, &m->answers));
    assert_int_equal(m->p.verdict.action, VERDICT_CONTINUE);
    end(m);
}

/* What a step leaves with the message. */
static void
test_count(void **state)
{
    struct message *m =
        begin("mode = enforce\nusers { default_domain = example.org }\n"
              "domains local { list = example.org }\n"
              "zombie account { mode = enforce }\n"
              "limit user { warmup = 50/1h for 7d }\n");

    (void)state;
    m->facts.birth.s = 1;
    stand(m, STANDING_THROTTLED, 2);
    (void)step(m, STAGE_MAIL, NULL);
    assert_int_equal(m->facts.n_seen, 1);
    assert_string_equal(m->facts.seen[0].limit->name, "user");
    assert_int_equal(m->facts.seen[0].first_s, NOW_S);
    (void)step(m, STAGE_RCPT, "<postmaster@example.org>");
    assert_null(m->facts.throttled);
    (void)step(m, STAGE_RCPT, "<v@victim.test>");
    assert_ptr_equal(m->facts.throttled, rule_of(m->config, "account"));
    assert_int_equal(m->facts.recipients, 2);
    assert_int_equal(m->facts.ordinary, 1);
    (void)step(m, STAGE_RCPT, "<v@victim.test>");
    assert_int_equal(step(m, STAGE_RCPT, "<v@victim.test>")->code, 452);
    assert_int_equal(m->facts.recipients, 3);
    assert_ptr_equal(m->p.verdict.zombie, m->facts.throttled);
    assert_int_equal(m->p.verdict.standing, STANDING_THROTTLED);
    end(m);
}

/* Others send, so that the store looks at all it has. */
static void
others(struct message *m)
{
    for (int i = 0; i < 4000; i++) {
        struct subject one;
        char name[32];

        (void)snprintf(name, sizeof name, "user:u%d", i % 1000);
        one = subject(name);
        m->p.items[0] = (struct charge_item){.subject = &one,
                                             .window = 1,
                                             .span_s = 60,
                                             .n = 1,
                                             .limit = UINT32_MAX};
        m->p.n_items = 1;
        charge(m);
    }
}

/* A domain that mails once a week, by a limit of an hour, grows old like any
 * other; one that stays away for longer than that takes is new again. */
static void
test_seldom(void **state)
{
    struct message *m =
        begin("mode = enforce\nusers { default_domain = example.org }\n"
              "domains local { list = example.org }\n"
              "limit tenant { key = domain  count = messages  rate = 9/1h\n"
              "    warmup = 1/1h for 7d, 2/1h for 30d }\n");
    static const struct {
        int64_t day, since;
        bool new;
    } rows[] = {{0, -1, true},  {7, 0, true},    {14, 0, true},
                {21, 0, true},  {28, 0, true},   {35, 0, false},
                {64, 0, false}, {120, -1, true}, {121, 120, true}};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        set_facts(&login, &m->client, &m->facts);
        m->facts.birth.s = 1;
        m->facts.now.s += rows[i].day * 86400;
        others(m);
        (void)step(m, STAGE_MAIL, NULL);
        assert_int_equal(m->facts.n_seen, 1);
        assert_int_equal(m->facts.seen[0].first_s,
                         rows[i].since < 0 ? 0 : NOW_S + rows[i].since * 86400);
        (void)step(m, STAGE_RCPT, "<v@victim.test>");
        assert_true((limit_age(m->facts.seen[0].limit, &m->p.scene).warmup !=
                     NULL) == rows[i].new);
        (void)step(m, STAGE_RCPT, "<w@victim.test>"); /* noted once */
    }
    end(m);
}

/* Nobody throttled is charged in the windows of rules. */
static void
test_not_charged(void **state)
{
    struct message *m = begin(enforcing);
    const struct subject ann = subject("user:ann@example.org");
    static struct store_record record;
    bool found;

    (void)state;
    (void)step(m, STAGE_MAIL, NULL);
    (void)step(m, STAGE_RCPT, "<v@victim.test>");
    assert_int_equal(store_get(m->store, &ann, now(), &found, &record), MS_OK);
    assert_true(found);
    for (size_t i = 0; i < record.n_windows; i++)
        assert_true(record.windows[i].window !=
                    zombie_window(rule_of(m->config, "account")));
    end(m);
}

/* Two rules, one of which only looks on: the other acts, whichever is first. */
static void
test_two_rules(void **state)
{
    struct message *m =
        begin("mode = enforce\nusers { default_domain = example.org }\n"
              "domains local { list = example.org }\n"
              "zombie account { key = user }\n"
              "zombie senders { key = sender  mode = enforce }\n");
    const struct judged sender = {.store = m->store,
                                  .config = m->config,
                                  .now = now(),
                                  .subject = subject("sender:ann@example.org")};

    (void)state;
    stand(m, STANDING_QUARANTINED, 0);
    judged_stand(&sender, STANDING_QUARANTINED, 0);
    assert_string_equal(step(m, STAGE_RCPT, "<v@victim.test>")->rule,
                        "zombie.senders");
    assert_int_equal(m->p.n_would, 1);
    assert_string_equal(m->p.would[0].rule, "zombie.account");
    assert_true(m->p.would[0].observed);
    end(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named),       cmocka_unit_test(test_tuning),
        cmocka_unit_test(test_still),       cmocka_unit_test(test_modes),
        cmocka_unit_test(test_windows),     cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_help),        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_host_room),   cmocka_unit_test(test_help_window),
        cmocka_unit_test(test_count),       cmocka_unit_test(test_seldom),
        cmocka_unit_test(test_not_charged), cmocka_unit_test(test_two_rules),
    };
    const char *top = getenv("top_srcdir");
    char dir[4096];

    (void)snprintf(dir, sizeof dir, "%s/test/scenario",
                   top != NULL ? top : ".");
    if (chdir(dir) != 0)
        return 1;
    return cmocka_run_group_tests_name("zombie", tests, NULL, NULL);
}
