/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What operators set beside the configuration: which act is found, until
 * when, and who shares a snapshot.  What follows for mail is in
 * test/scenario/acts_*.txt.
 */
#include <config.h>

#include "policy/acts.h"
#include "policy/limit.h"
#include "policy/scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/heard.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { NOW_S = 1800000000, MANY = ACTS_MAX };

/* ----- what all need */

static struct heard heard;
static struct config *config;

static const char written[] =
    "mode = enforce\n"
    "domains local { list = example.org }\n"
    "network office { addr = 192.0.2.0/24, 2001:db8::/32 relay = any }\n"
    "limit subnet { key = prefix/24/56 count = messages rate = 1/1h }\n"
    "limit box { key = client+sender count = messages rate = 1/1h }\n";

static struct subject
subject(const char *text)
{
    struct subject s = {.kind = SUBJECT_KINDS};
    const char *plus = strstr(text, "client+sender:");

    if (plus != NULL) {
        char client[64] = "";
        size_t len = strcspn(text + 14, "+");

        memcpy(client, text + 14, len);
        assert_true(subject_make_pair(SUBJECT_CLIENT, client, SUBJECT_SENDER,
                                      text + 14 + len + 1, &s));
    } else if (*text != '\0') {
        assert_int_equal(subject_parse(text, &s, NULL), MS_OK);
    }
    return s;
}

static struct act
make_act(enum act_kind kind, const char *about, const char *limit,
         int64_t since_s, int64_t until_s)
{
    struct act act = {.kind = kind, .mode = MODE_OBSERVE};

    act.subject = subject(about);
    (void)snprintf(act.limit, sizeof act.limit, "%s", limit);
    act.since.s = since_s;
    act.until.s = until_s;
    return act;
}

static struct acts *
create(const struct act *list, size_t n)
{
    struct acts *acts = NULL;

    assert_int_equal(acts_create(list, n, &acts), MS_OK);
    return acts;
}

/* ----- when */

static void
test_nothing(void **state)
{
    const struct limit *user = limit_of(config, "user");
    const struct subject ann = subject("user:ann@example.org");
    const struct act *by = (const struct act *)&ann;
    struct scene scene = {.now = {NOW_S}};
    struct acts *none = create(NULL, 0);

    (void)state;
    assert_int_equal(acts_count(NULL), 0);
    assert_int_equal(acts_count(none), 0);
    assert_null(acts_get(NULL));
    acts_put(NULL);
    assert_int_equal(acts_mode(NULL, MODE_ENFORCE, scene.now, &by),
                     MODE_ENFORCE);
    assert_null(by);
    assert_int_equal(acts_mode(none, MODE_OBSERVE, scene.now, NULL),
                     MODE_OBSERVE);
    assert_null(acts_skips(NULL, user, &scene));
    assert_null(acts_skips(none, user, &scene));
    assert_null(acts_raises(NULL, user, &ann, scene.now));
    assert_null(acts_raises(none, user, &ann, scene.now));
    acts_put(none);
}

static const struct {
    const char *name;
    int64_t since[2], until[2]; /* of observe, of enforce; 0: no such act */
    int by;                     /* which of them holds at NOW_S; -1: none */
} modes[] = {
    {"the last second", {1, 0}, {NOW_S + 1, 0}, 0},
    {"the first second behind it", {1, 0}, {NOW_S, 0}, -1},
    {"for ever", {1, 0}, {ACT_FOR_EVER, 0}, 0},
    {"another host's clock may be ahead", {NOW_S + 30, 0}, {NOW_S + 60, 0}, 0},
    {"the newest of two", {1, 2}, {ACT_FOR_EVER, ACT_FOR_EVER}, 1},
    {"wherever it stands", {2, 1}, {ACT_FOR_EVER, ACT_FOR_EVER}, 0},
    {"of one second, the latter", {5, 5}, {ACT_FOR_EVER, ACT_FOR_EVER}, 1},
    {"the older one, once the newer has ended", {1, 2}, {NOW_S + 1, NOW_S}, 0},
};

static void
test_modes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(modes); i++) {
        struct act list[2];
        size_t n = modes[i].since[1] == 0 ? 1 : 2;
        const struct act *by;
        struct acts *acts;
        enum mode mode;

        for (size_t j = 0; j < n; j++) {
            list[j] = make_act(ACT_MODE, "", "", modes[i].since[j],
                               modes[i].until[j]);
            list[j].mode = j == 0 ? MODE_OBSERVE : MODE_ENFORCE;
        }
        acts = create(list, n);
        mode = acts_mode(acts, MODE_UNSET, (struct wall){NOW_S}, &by);
        expect(modes[i].name,
               by == (modes[i].by < 0 ? NULL
                                      : acts_at(acts, (size_t)modes[i].by)));
        expect(modes[i].name, mode == (modes[i].by < 0    ? MODE_UNSET
                                       : modes[i].by == 0 ? MODE_OBSERVE
                                                          : MODE_ENFORCE));
        acts_put(acts);
    }
}

/* ----- whom */

static const struct {
    const char *name;
    const char *about, *limit; /* of the act */
    const char *counted;       /* by the limit below */
    const char *by;
    bool raised;
} raises[] = {
    {"a user", "user:ann@example.org", "user", "user:ann@example.org", "user",
     true},
    {"another user", "user:bob@example.org", "user", "user:ann@example.org",
     "user", false},
    {"another limit", "user:ann@example.org", "user_all",
     "user:ann@example.org", "user", false},
    {"all limits at once", "user:ann@example.org", "", "user:ann@example.org",
     "user", false},
    {"a limit of no such name", "user:ann@example.org", "use",
     "user:ann@example.org", "user", false},
    {"one name, two kinds", "sender:ann@example.org", "user",
     "user:ann@example.org", "user", false},
    {"a client", "client:192.0.2.7", "relay", "client:192.0.2.7", "relay",
     true},
    {"one address of a /64", "client:2001:db8:1:2::7", "relay",
     "client:2001:db8:1:2::/64", "relay", true},
    {"a /64 without its length", "client:2001:DB8:1:2::", "relay",
     "client:2001:db8:1:2::/64", "relay", true},
    {"IPv4 inside of IPv6", "client:::ffff:192.0.2.7", "relay",
     "client:192.0.2.7", "relay", true},
    {"another client", "client:192.0.2.70", "relay", "client:192.0.2.7",
     "relay", false},
    {"a prefix", "prefix:192.0.2.0/24", "subnet", "prefix:192.0.2.0/24",
     "subnet", true},
    {"a wider one is not what is counted", "prefix:192.0.0.0/16", "subnet",
     "prefix:192.0.2.0/24", "subnet", false},
    {"a pair", "client+sender:192.0.2.7+ann@example.org", "box",
     "client+sender:192.0.2.7+ann@example.org", "box", true},
    {"half a pair", "client:192.0.2.7", "box",
     "client+sender:192.0.2.7+ann@example.org", "box", false},
    {"parts that are cut elsewhere", "client+sender:192.0.2.7+a@example.org",
     "box", "client+sender:192.0.2.7+ann@example.org", "box", false},
    {"no address at all", "client:nowhere", "relay", "client:nowhere", "relay",
     true},
};

static void
test_raises(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(raises); i++) {
        struct act act =
            make_act(ACT_RAISE, raises[i].about, raises[i].limit, 1, NOW_S + 1);
        const struct limit *limit = limit_of(config, raises[i].by);
        const struct subject counted = subject(raises[i].counted);
        struct acts *acts = create(&act, 1);

        expect(raises[i].name,
               acts_raises(acts, limit, &counted, (struct wall){NOW_S}) ==
                   (raises[i].raised ? acts_at(acts, 0) : NULL));
        expect(raises[i].name, acts_raises(acts, limit, &counted,
                                           (struct wall){NOW_S + 1}) == NULL);
        acts_put(acts);
        act.kind = ACT_EXEMPT; /* which raises nothing */
        acts = create(&act, 1);
        expect(raises[i].name, acts_raises(acts, limit, &counted,
                                           (struct wall){NOW_S}) == NULL);
        acts_put(acts);
    }
}

/* A login in the office, from 192.0.2.7 or 2001:db8:1:2::7. */
static void
make_scene(const char *client, struct scene *out)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = 1};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = 1};
    struct facts facts = {.now = {NOW_S},
                          .daemon_port = "587",
                          .tls = true,
                          .login = "ann@example.org",
                          .login_type = "PLAIN",
                          .sender = "<Bounce@example.net>"};

    if (inet_pton(AF_INET, client, &in.sin_addr) == 1)
        facts.client = (struct sockaddr *)&in;
    else if (inet_pton(AF_INET6, client, &in6.sin6_addr) == 1)
        facts.client = (struct sockaddr *)&in6;
    scene_make(config, &facts, out);
}

static const struct {
    const char *name, *client;
    const char *about, *limit; /* of the act */
    const char *by;            /* the limit that is asked */
    bool skipped;
} skips[] = {
    {"a user, all limits", "192.0.2.7", "user:ann@example.org", "", "user",
     true},
    {"a user, this limit", "192.0.2.7", "user:ann@example.org", "user", "user",
     true},
    {"a user, another limit", "192.0.2.7", "user:ann@example.org", "burst",
     "user", false},
    {"a limit that counts something else", "192.0.2.7", "user:ann@example.org",
     "relay", "relay", true},
    {"case is what the login has", "192.0.2.7", "user:Ann@example.org", "",
     "user", false},
    {"its sender, folded", "192.0.2.7", "sender:bounce@example.net", "", "user",
     true},
    {"the domain is the login's", "192.0.2.7", "domain:example.org", "", "user",
     true},
    {"... and not the sender's", "192.0.2.7", "domain:example.net", "", "user",
     false},
    {"its network", "192.0.2.7", "network:office", "", "user", true},
    {"another network", "192.0.2.7", "network:offic", "", "user", false},
    {"its client", "192.0.2.7", "client:192.0.2.7", "", "user", true},
    {"its /64", "2001:db8:1:2::7", "client:2001:db8:1:2::/64", "", "user",
     true},
    {"a neighbour in its /64", "2001:db8:1:2::7", "client:2001:db8:1:2::8", "",
     "user", true},
    {"a neighbour outside", "2001:db8:1:2::7", "client:2001:db8:1:3::7", "",
     "user", false},
    {"its /24", "192.0.2.7", "prefix:192.0.2.0/24", "", "user", true},
    {"its /32", "192.0.2.7", "prefix:192.0.2.7", "", "user", true},
    {"a /31 that it is in", "192.0.2.7", "prefix:192.0.2.6/31", "", "user",
     true},
    {"a /31 beside it", "192.0.2.7", "prefix:192.0.2.8/31", "", "user", false},
    {"all of IPv4", "192.0.2.7", "prefix:0.0.0.0/0", "", "user", true},
    {"all of IPv6", "192.0.2.7", "prefix:::/0", "", "user", false},
    {"all of IPv6, in it", "2001:db8:1:2::7", "prefix:::/0", "", "user", true},
    {"one address of IPv6", "2001:db8:1:2::7", "prefix:2001:db8:1:2::7/128", "",
     "user", true},
    {"no client known", "", "prefix:0.0.0.0/0", "", "user", false},
    {"a pair that this limit counts", "192.0.2.7",
     "client+sender:192.0.2.7+bounce@example.net", "", "box", true},
    {"a limit that does not count it", "192.0.2.7",
     "client+sender:192.0.2.7+bounce@example.net", "", "user", false},
    {"another pair", "192.0.2.7", "client+sender:192.0.2.7+ann@example.org", "",
     "box", false},
};

static void
test_skips(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(skips); i++) {
        struct act act =
            make_act(ACT_EXEMPT, skips[i].about, skips[i].limit, 1, NOW_S + 1);
        const struct limit *limit = limit_of(config, skips[i].by);
        struct acts *acts = create(&act, 1);
        struct scene scene;

        make_scene(skips[i].client, &scene);
        expect(skips[i].name, acts_skips(acts, limit, &scene) ==
                                  (skips[i].skipped ? acts_at(acts, 0) : NULL));
        scene.now.s++;
        expect(skips[i].name, acts_skips(acts, limit, &scene) == NULL);
        acts_put(acts);
        act.kind = ACT_RAISE; /* which exempts nobody */
        acts = create(&act, 1);
        scene.now.s--;
        expect(skips[i].name, acts_skips(acts, limit, &scene) == NULL);
        acts_put(acts);
    }
}

/* Nobody, as a damaged file might have it: found by nobody. */
static void
test_about_nobody(void **state)
{
    struct act list[2] = {make_act(ACT_EXEMPT, "", "", 1, ACT_FOR_EVER),
                          make_act(ACT_RAISE, "user:x", "user", 1, 2)};
    struct scene scene;
    struct acts *acts;

    (void)state;
    list[1].subject.len = 3;
    acts = create(list, 2);
    make_scene("192.0.2.7", &scene);
    assert_null(acts_skips(acts, limit_of(config, "user"), &scene));
    assert_null(acts_raises(acts, limit_of(config, "user"), &list[1].subject,
                            scene.now));
    acts_put(acts);
}

/* ----- how many, and for whom they live */

static void
test_many(void **state)
{
    struct act *list = calloc(MANY + 1, sizeof *list);
    const struct limit *user = limit_of(config, "user");
    struct scene scene;
    struct acts *acts = NULL;
    char text[64];

    (void)state;
    assert_non_null(list);
    for (unsigned i = 0; i <= MANY; i++) {
        (void)snprintf(text, sizeof text, "user:u%u@example.org", i / 2);
        list[i] = make_act(i % 2 == 0 ? ACT_EXEMPT : ACT_RAISE, text, "user", i,
                           ACT_FOR_EVER);
    }
    assert_int_equal(acts_create(list, MANY + 1, &acts), MS_INVALID);
    assert_null(acts);
    acts = create(list, MANY);
    assert_int_equal(acts_count(acts), MANY);
    make_scene("192.0.2.7", &scene);
    assert_null(acts_skips(acts, user, &scene));
    for (size_t i = 0; i < MANY; i += 2) {
        (void)snprintf(scene.user, sizeof scene.user, "u%zu@example.org",
                       i / 2);
        assert_ptr_equal(acts_skips(acts, user, &scene), acts_at(acts, i));
        assert_ptr_equal(
            acts_raises(acts, user, &acts_at(acts, i)->subject, scene.now),
            acts_at(acts, i + 1));
    }
    acts_put(acts);
    free(list);
}

/* Many about one: the newest is found, and those behind it when it ends. */
static void
test_chain(void **state)
{
    struct act list[20];
    struct acts *acts;

    (void)state;
    for (int i = 0; i < 20; i++)
        list[i] = make_act(ACT_RAISE, "user:ann@example.org", "user",
                           (i * 7) % 20, NOW_S - (i * 7) % 20);
    acts = create(list, 20);
    for (int64_t age = 1; age <= 20; age++) {
        const struct act *act =
            acts_raises(acts, limit_of(config, "user"), &list[0].subject,
                        (struct wall){NOW_S - age});

        assert_non_null(act);
        assert_int_equal(act->since.s, age - 1);
    }
    acts_put(acts);
}

static void *
use(void *arg)
{
    struct acts *acts = arg;

    for (int i = 0; i < 10000; i++) {
        assert_ptr_equal(acts_get(acts), acts);
        assert_int_equal(acts_count(acts), 1);
        acts_put(acts);
    }
    acts_put(acts);
    return NULL;
}

static void
test_threads(void **state)
{
    struct act act =
        make_act(ACT_EXEMPT, "user:ann@example.org", "", 1, ACT_FOR_EVER);
    struct acts *acts = create(&act, 1);
    pthread_t thread[4];

    (void)state;
    for (size_t i = 0; i < ROWS(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, use, acts_get(acts)),
                         0);
    acts_put(acts); /* the threads' own are enough */
    for (size_t i = 0; i < ROWS(thread); i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
}

static void
test_no_memory(void **state)
{
    struct act list[40];
    struct acts *acts = NULL;
    enum ms_err err = MS_NOMEM;
    unsigned long n = 0;
    char text[64];

    (void)state;
    for (unsigned i = 0; i < ROWS(list); i++) {
        (void)snprintf(text, sizeof text, "user:u%u@example.org", i);
        list[i] = make_act(ACT_EXEMPT, text, "", 1, ACT_FOR_EVER);
    }
    while (err == MS_NOMEM) {
        scarce_set(++n);
        err = acts_create(list, ROWS(list), &acts);
        if (err == MS_NOMEM)
            assert_null(acts);
    }
    scarce_set(0);
    assert_int_equal(err, MS_OK);
    assert_true(n > 4);
    acts_put(acts);
}

static void
test_names(void **state)
{
    (void)state;
    assert_string_equal(act_kind_name(ACT_EXEMPT), "exempt");
    assert_string_equal(act_kind_name(ACT_RAISE), "raise");
    assert_string_equal(act_kind_name(ACT_MODE), "mode");
}

static int
load_config(void **state)
{
    (void)state;
    return heard_load(&heard, written, NOW_S, &config) != MS_OK;
}

static int
drop_config(void **state)
{
    (void)state;
    config_destroy(config);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),      cmocka_unit_test(test_modes),
        cmocka_unit_test(test_raises),       cmocka_unit_test(test_skips),
        cmocka_unit_test(test_about_nobody), cmocka_unit_test(test_many),
        cmocka_unit_test(test_chain),        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("acts", tests, load_config, drop_config);
}
