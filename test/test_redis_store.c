/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that a fleet shares, while all is well: limits are one number for
 * all hosts, a standing is one for all hosts, and it costs few commands.
 */
#include <config.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/script.h"
#include "test/redis_lab.h"
#include "test/unit.h"

enum { HOSTS = 3, SOON_MS = 5000 };

/* ----- a fleet on one farm */

struct fleet_of {
    char prefix[32];
    struct redis_host host[HOSTS];
};

static void
start(struct fleet_of *f, enum farm_layout layout)
{
    memset(f, 0, sizeof(*f));
    redis_lab_prefix(f->prefix);
    for (size_t i = 0; i < HOSTS; i++) {
        f->host[i].prefix = f->prefix;
        f->host[i].farm = redis_lab_farm(layout);
        f->host[i].deadline_ms = 5000; /* many share this machine */
        snprintf(f->host[i].name, sizeof(f->host[i].name), "mx%zu", i);
        redis_host_start(&f->host[i]);
    }
}

static void
stop(struct fleet_of *f)
{
    for (size_t i = 0; i < HOSTS; i++)
        redis_host_stop(&f->host[i]);
}

/* Calls of COMMAND that server I has had. */
static unsigned long
calls(struct farm *farm, size_t i, const char *command)
{
    const char *all = farm_ask(farm, i, "INFO commandstats");
    char name[64];
    const char *at;

    snprintf(name, sizeof(name), "cmdstat_%s:calls=", command);
    at = strstr(all, name);
    return at != NULL ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* ----- one number for the fleet */

enum { THREADS = 200, LIMIT = 333, EACH = 4 };

struct crowd {
    struct fleet_of fleet;
    struct subject ann;
    _Atomic unsigned next, added;
};

static void *
run(void *arg)
{
    struct crowd *crowd = arg;
    struct redis_host *host = &crowd->fleet.host[crowd->next++ % HOSTS];
    struct charge_answers *answers = malloc(sizeof(*answers));

    for (int i = 0; i < EACH; i++)
        if (redis_host_take(host, &crowd->ann, LIMIT, answers))
            crowd->added++;
    free(answers);
    return NULL;
}

static void
test_limit_is_exact(void **state)
{
    static const enum farm_layout layouts[] = {FARM_UNIX, FARM_CLUSTER};

    (void)state;
    for (size_t l = 0; l < ROWS(layouts); l++) {
        static struct crowd crowd;
        pthread_t thread[THREADS];
        static struct store_stats stats;

        start(&crowd.fleet, layouts[l]);
        crowd.ann = lab_subject("user:ann");
        crowd.added = 0;
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, run, &crowd), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(thread[i], NULL);
        store_stats(crowd.fleet.host[0].store, &stats);
        assert_int_equal(stats.shared.local, 0);
        assert_int_equal(crowd.added, LIMIT);
        assert_int_equal(redis_lab_used(crowd.fleet.host[0].store, &crowd.ann),
                         LIMIT);
        stop(&crowd.fleet);
    }
}

/* What one counts the shadow of each counts, too, of its own part. */
static void
test_shadows(void **state)
{
    static struct fleet_of f;
    static struct charge_answers answers;
    struct subject ann = lab_subject("user:ann");
    struct receipt receipt;

    (void)state;
    start(&f, FARM_UNIX);
    assert_true(redis_host_take(&f.host[0], &ann, 9, &answers));
    assert_true(redis_host_take(&f.host[1], &ann, 9, &answers));
    assert_true(redis_host_take(&f.host[1], &ann, 9, &answers));
    assert_int_equal(answers.item[0].used, 3);
    receipt = answers.item[0].receipt;
    assert_true(receipt.epoch != 0);
    assert_true(receipt.shared.epoch != 0);
    assert_false(receipt.shared.waits);
    assert_int_equal(redis_lab_used(f.host[0].shadow, &ann), 1);
    assert_int_equal(redis_lab_used(f.host[1].shadow, &ann), 2);
    store_refund(f.host[1].store, &receipt, 1, redis_lab_now(NULL));
    assert_int_equal(redis_lab_used(f.host[1].store, &ann), 2);
    assert_int_equal(redis_lab_used(f.host[1].shadow, &ann), 1);
    assert_false(redis_host_take(&f.host[2], &ann, 2, &answers));
    assert_int_equal(redis_lab_used(f.host[2].shadow, &ann), 0);
    stop(&f);
}

/* Nobody collects, and it is counted here all the same. */
static void
test_drop(void **state)
{
    static struct fleet_of f;
    struct subject who[4];
    struct charge_item item[4];

    (void)state;
    start(&f, FARM_CLUSTER); /* several calls a step */
    for (int i = 0; i < 4; i++) {
        char name[16];

        snprintf(name, sizeof(name), "user:%d", i);
        who[i] = lab_subject(name);
        item[i] = redis_lab_item(&who[i], CHARGE_TAKE, 1, 9);
    }
    for (int turn = 0; turn < 5; turn++) {
        struct store_ticket *ticket = NULL;

        assert_int_equal(store_submit(f.host[0].store, item, 4,
                                      redis_lab_now(NULL), &ticket),
                         MS_OK);
        store_drop(f.host[0].store, ticket);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(redis_lab_used(f.host[1].store, &who[i]), 5);
        for (int ms = 0;
             ms < SOON_MS && redis_lab_used(f.host[0].shadow, &who[i]) < 5;
             ms += 20)
            redis_lab_pause(20);
        assert_int_equal(redis_lab_used(f.host[0].shadow, &who[i]), 5);
    }
    stop(&f);
}

/* ----- what goes over the wire */

static void
test_scope_host(void **state)
{
    static struct fleet_of f;
    static struct charge_answers answers;
    struct subject client = lab_subject("client:192.0.2.1"),
                   ann = lab_subject("user:ann");
    struct charge_item item[3] = {redis_lab_item(&client, CHARGE_TAKE, 1, 5),
                                  redis_lab_item(&client, CHARGE_LOOK, 1, 5),
                                  redis_lab_item(&ann, CHARGE_TAKE, 1, 100)};
    unsigned long before;

    (void)state;
    start(&f, FARM_UNIX);
    item[0].host = item[1].host = true;
    before = calls(f.host[0].farm, 0, "evalsha");
    for (int i = 0; i < 50; i++)
        assert_int_equal(redis_host_charge(&f.host[0], item, 2, &answers),
                         i < 5);
    assert_false(answers.waited);
    assert_false(answers.degraded);
    /* a heartbeat of each may have been due */
    assert_in_range(calls(f.host[0].farm, 0, "evalsha") - before, 0, 2 * HOSTS);
    assert_true(redis_host_charge(&f.host[1], item, 3, &answers));
    assert_int_equal(answers.item[0].used, 1); /* its own */
    /* where such a limit refuses, nobody else is asked, nor adds */
    assert_false(redis_host_charge(&f.host[0], item, 3, &answers));
    assert_true(answers.item[0].over);
    assert_false(answers.item[2].over);
    assert_int_equal(answers.item[2].receipt.n, 0);
    assert_false(answers.degraded);
    assert_int_equal(redis_lab_used(f.host[0].store, &ann), 1);
    /* but a note is, sooner or later */
    item[2].kind = CHARGE_NOTE;
    assert_false(redis_host_charge(&f.host[0], item, 3, &answers));
    store_redis_beat(f.host[0].store);
    assert_int_equal(redis_lab_used(f.host[0].store, &ann), 2);
    /* and where a shared one refuses, such a limit is not used up */
    item[2] = redis_lab_item(&ann, CHARGE_TAKE, 1, 2);
    assert_false(redis_host_charge(&f.host[2], item, 3, &answers));
    assert_int_equal(answers.item[0].receipt.n, 0);
    assert_int_equal(redis_lab_used(f.host[2].shadow, &client), 0);
    stop(&f);
}

/* As the policy asks: of the client and the login at MAIL, all at RCPT. */
static void
test_commands_of_a_message(void **state)
{
    enum { MESSAGES = 100 };
    static struct fleet_of f;
    static struct charge_answers answers;
    static struct store_stats stats;
    struct subject client = lab_subject("client:192.0.2.1"),
                   ann = lab_subject("user:ann"),
                   org = lab_subject("domain:example.org");
    struct charge_item look[2] = {redis_lab_item(&client, CHARGE_LOOK, 0, 9999),
                                  redis_lab_item(&ann, CHARGE_LOOK, 0, 9999)};
    struct charge_item at_rcpt[3] = {
        redis_lab_item(&ann, CHARGE_TAKE, 1, 9999),
        redis_lab_item(&ann, CHARGE_TAKE, 1, 9999),
        redis_lab_item(&org, CHARGE_TAKE, 1, 9999)};
    uint64_t commands, waits;

    (void)state;
    at_rcpt[1].window = 8;
    start(&f, FARM_UNIX);
    redis_host_take(&f.host[0], &ann, 9999, &answers); /* names are told once */
    redis_host_take(&f.host[0], &org, 9999, &answers);
    store_stats(f.host[0].store, &stats);
    commands = stats.shared.commands;
    waits = stats.shared.waits;
    for (int i = 0; i < MESSAGES; i++) {
        assert_true(redis_host_charge(&f.host[0], look, 2, &answers));
        assert_true(redis_host_charge(&f.host[0], at_rcpt, 3, &answers));
    }
    store_stats(f.host[0].store, &stats);
    assert_in_range(stats.shared.commands - commands, MESSAGES, 3 * MESSAGES);
    assert_in_range(stats.shared.waits - waits, 1, 2 * MESSAGES);
    stop(&f);
}

/* The server learns no name. */
static void
test_names_are_sealed(void **state)
{
    static struct fleet_of f;
    static struct charge_answers answers;
    struct subject ann = lab_subject("user:ann@example.org");
    char command[128];

    (void)state;
    start(&f, FARM_UNIX);
    assert_true(redis_host_take(&f.host[0], &ann, 9, &answers));
    redis_host_judge(&f.host[0], &ann, STANDING_QUARANTINED);
    snprintf(command, sizeof(command), "KEYS %s:*", f.prefix);
    assert_null(strstr(farm_ask(f.host[0].farm, 0, command), "example"));
    stop(&f);
}

/* ----- one standing for the fleet */

static void
test_standing_goes_round(void **state)
{
    static const enum farm_layout layouts[] = {FARM_UNIX, FARM_SENTINEL,
                                               FARM_CLUSTER};

    (void)state;
    for (size_t l = 0; l < ROWS(layouts); l++) {
        static struct fleet_of f;
        static struct charge_answers answers;
        struct subject ann = lab_subject("user:ann");
        bool found;

        start(&f, layouts[l]);
        redis_host_judge(&f.host[0], &ann, STANDING_QUARANTINED);
        assert_int_equal(redis_lab_standing(f.host[0].shadow, &ann),
                         STANDING_QUARANTINED);
        for (size_t i = 1; i < HOSTS; i++) {
            redis_lab_expect(f.host[i].shadow, &ann, STANDING_QUARANTINED);
            /* or it was too early to be told of one */
            assert_true(f.host[i].changed + f.host[i].changed_all > 0);
            redis_host_take(&f.host[i], &ann, 9, &answers);
            assert_int_equal(answers.item[0].standing, STANDING_QUARANTINED);
        }
        redis_host_judge(&f.host[1], &ann, STANDING_NORMAL);
        for (size_t i = 0; i < HOSTS; i++) {
            redis_lab_expect(f.host[i].shadow, &ann, STANDING_NORMAL);
            redis_host_take(&f.host[i], &ann, 9, &answers);
            assert_int_equal(answers.item[0].standing, STANDING_NORMAL);
        }
        redis_host_judge(&f.host[2], &ann, STANDING_WATCHED);
        redis_lab_expect(f.host[0].shadow, &ann, STANDING_WATCHED);
        assert_int_equal(
            store_forget(f.host[1].store, &ann, redis_lab_now(NULL), &found),
            MS_OK);
        assert_true(found);
        for (size_t i = 0; i < HOSTS; i++)
            redis_lab_expect(f.host[i].shadow, &ann, STANDING_NORMAL);
        redis_lab_pause(1500); /* nobody brings it back */
        store_redis_beat(f.host[0].store);
        assert_int_equal(redis_lab_standing(f.host[2].store, &ann),
                         STANDING_NORMAL);
        stop(&f);
    }
}

/* A host that starts learns of all of them, and brings what it alone knows. */
static void
test_standing_at_start(void **state)
{
    enum { MANY = 100 };
    static struct fleet_of f;

    (void)state;
    start(&f, FARM_UNIX);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        struct subject subject;

        snprintf(name, sizeof(name), "user:%d", i);
        subject = lab_subject(name);
        redis_host_judge(&f.host[i % 2], &subject, STANDING_THROTTLED);
    }
    redis_host_stop(&f.host[2]);
    redis_host_start(&f.host[2]);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        struct subject subject;

        snprintf(name, sizeof(name), "user:%d", i);
        subject = lab_subject(name);
        redis_lab_expect(f.host[2].shadow, &subject, STANDING_THROTTLED);
    }
    stop(&f);
}

static enum ms_err
count_up(void *arg, struct store_state *state)
{
    (void)arg;
    state->throttle++;
    return MS_OK;
}

static void *
update_much(void *arg)
{
    struct crowd *crowd = arg;
    struct redis_host *host = &crowd->fleet.host[crowd->next++ % HOSTS];

    for (int i = 0; i < 20; i++)
        if (store_update(host->store, &crowd->ann, redis_lab_now(NULL),
                         count_up, NULL) == MS_OK)
            crowd->added++;
    return NULL;
}

static void
test_no_update_is_lost(void **state)
{
    static struct crowd crowd;
    static struct store_record record;
    pthread_t thread[2 * HOSTS];
    bool found;

    (void)state;
    start(&crowd.fleet, FARM_UNIX);
    crowd.ann = lab_subject("user:ann");
    crowd.added = 0;
    for (size_t i = 0; i < ROWS(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, update_much, &crowd),
                         0);
    for (size_t i = 0; i < ROWS(thread); i++)
        pthread_join(thread[i], NULL);
    store_get(crowd.fleet.host[0].store, &crowd.ann, redis_lab_now(NULL),
              &found, &record);
    assert_true(found);
    assert_true(crowd.added > 0);
    assert_int_equal(record.state.throttle, crowd.added);
    assert_int_equal(record.state.version, crowd.added);
    stop(&crowd.fleet);
}

/* ----- a server that loses everything */

static void
test_flushall(void **state)
{
    static const enum farm_layout layouts[] = {FARM_UNIX, FARM_CLUSTER};

    (void)state;
    for (size_t l = 0; l < ROWS(layouts); l++) {
        static struct fleet_of f;
        static struct charge_answers answers;
        struct subject ann = lab_subject("user:ann"),
                       bob = lab_subject("user:bob"),
                       eve = lab_subject("user:eve");

        start(&f, layouts[l]);
        redis_host_judge(&f.host[0], &ann, STANDING_QUARANTINED);
        redis_host_judge(&f.host[1], &bob, STANDING_QUARANTINED);
        redis_host_judge(&f.host[1], &eve, STANDING_QUARANTINED);
        for (size_t i = 0; i < HOSTS; i++) {
            redis_lab_expect(f.host[i].shadow, &ann, STANDING_QUARANTINED);
            redis_lab_expect(f.host[i].shadow, &bob, STANDING_QUARANTINED);
            redis_lab_expect(f.host[i].shadow, &eve, STANDING_QUARANTINED);
        }
        redis_host_judge(&f.host[2], &bob, STANDING_NORMAL);
        for (size_t i = 0; i < HOSTS; i++)
            redis_lab_expect(f.host[i].shadow, &bob, STANDING_NORMAL);
        for (size_t i = 0; i < farm_servers(f.host[0].farm); i++)
            farm_ask(f.host[0].farm, i, "FLUSHALL");
        redis_host_take(&f.host[2], &ann, 9,
                        &answers); /* at once: no host forgets */
        assert_int_equal(answers.item[0].standing, STANDING_QUARANTINED);
        redis_host_take(&f.host[2], &bob, 9, &answers);
        assert_int_equal(answers.item[0].standing, STANDING_NORMAL);
        redis_lab_expect(f.host[0].store, &ann, STANDING_QUARANTINED);
        redis_lab_expect(f.host[0].store, &eve, STANDING_QUARANTINED);
        assert_int_equal(redis_lab_standing(f.host[0].store, &bob),
                         STANDING_NORMAL);
        stop(&f);
    }
}

/* Evidence: whoever reads a blank state begins anew. */
static enum ms_err
note(void *arg, struct store_state *state)
{
    (void)arg;
    state->len = 1;
    state->bytes[0]++;
    return MS_OK;
}

/* Evidence that comes before anybody has seen the loss does not seal it. */
static void
test_judged_when_all_is_lost(void **state)
{
    static struct fleet_of f;
    struct subject ann = lab_subject("user:ann");
    enum ms_err err = MS_BUSY;

    (void)state;
    start(&f, FARM_UNIX);
    redis_host_judge(&f.host[0], &ann, STANDING_QUARANTINED);
    for (size_t i = 0; i < HOSTS; i++)
        redis_lab_expect(f.host[i].shadow, &ann, STANDING_QUARANTINED);
    farm_ask(f.host[0].farm, 0, "FLUSHALL");
    for (int ms = 0; ms < SOON_MS && err == MS_BUSY; ms += 20) {
        err = store_update(f.host[1].store, &ann, redis_lab_now(NULL), note,
                           NULL);
        redis_lab_pause(20);
    }
    assert_int_equal(err, MS_OK);
    for (size_t i = 0; i < HOSTS; i++)
        redis_lab_expect(f.host[i].store, &ann, STANDING_QUARANTINED);
    stop(&f);
}

/* ----- who may be here */

static void
test_foreign_key(void **state)
{
    static const uint8_t bytes[32] = {9};
    static struct fleet_of f;
    static struct store_stats stats;
    static struct charge_answers answers;
    struct redis_host stranger = {.name = "stranger"};
    struct sitekey *other = NULL;
    struct subject ann = lab_subject("user:ann");
    char ours[SITEKEY_PRINT], theirs[SITEKEY_PRINT];

    (void)state;
    start(&f, FARM_UNIX);
    assert_int_equal(sitekey_from(bytes, &other), MS_OK);
    sitekey_fingerprint(redis_lab_key(), theirs);
    sitekey_fingerprint(other, ours);
    stranger.prefix = f.prefix;
    stranger.farm = f.host[0].farm;
    stranger.key = other;
    redis_host_open(&stranger);
    for (int ms = 0; ms < SOON_MS && stranger.n_told == 0; ms += 20)
        redis_lab_pause(20);
    assert_int_equal(stranger.n_told, 1);
    assert_non_null(strstr(stranger.told[0], ours));
    assert_non_null(strstr(stranger.told[0], theirs));
    assert_non_null(strstr(stranger.told[0], "key_file"));
    assert_true(redis_host_take(&stranger, &ann, 9, &answers)); /* by itself */
    assert_true(answers.degraded);
    store_redis_beat(stranger.store);
    store_stats(stranger.store, &stats);
    assert_true(stats.shared.foreign);
    assert_true(stats.shared.degraded);
    assert_int_equal(stranger.n_told, 1);
    assert_true(redis_host_take(&f.host[0], &ann, 9, &answers));
    assert_false(answers.degraded);
    assert_int_equal(answers.item[0].used, 1);
    store_redis_beat(f.host[0].store);
    store_stats(f.host[0].store, &stats);
    assert_false(stats.shared.foreign);
    assert_int_equal(stats.shared.n_hosts, HOSTS);
    redis_host_stop(&stranger);
    sitekey_destroy(other);
    stop(&f);
}

/* The form that the record of SUBJECT is stored in. */
static int
form_of(struct redis_host *host, const struct subject *subject)
{
    uint8_t hash[SITEKEY_HASH];
    char key[SCRIPT_KEY], command[128];
    const char *m;

    sitekey_hash(redis_lab_key(), subject, hash);
    script_key(host->prefix, hash, key);
    snprintf(command, sizeof(command), "HGET %s m", key);
    m = farm_ask(host->farm, 0, command);
    return m[0] == '"' ? m[1] : -1;
}

/* One host is a version ahead: while the other lives, it writes as that reads;
 * afterwards that one leaves alone what it cannot read, and obeys. */
static void
test_rolling_upgrade(void **state)
{
    static struct charge_answers answers;
    char prefix[32];
    struct redis_host old = {.name = "old", .form = 1},
                      new = {.name = "new", .form = 2};
    struct subject ann = lab_subject("user:ann"), bob = lab_subject("user:bob");
    struct charge_item item = redis_lab_item(&ann, CHARGE_TAKE, 1, 9);
    char command[128];

    (void)state;
    redis_lab_prefix(prefix);
    old.prefix = new.prefix = prefix;
    old.farm = new.farm = redis_lab_farm(FARM_UNIX);
    old.deadline_ms = new.deadline_ms = 5000;
    redis_host_start(&old);
    redis_host_start(&new);
    assert_true(redis_host_take(&new, &ann, 9, &answers));
    redis_host_judge(&new, &ann, STANDING_QUARANTINED);
    assert_int_equal(form_of(&new, &ann), 1);
    assert_true(redis_host_take(&old, &ann, 9, &answers));
    assert_int_equal(answers.item[0].used, 2);
    redis_host_stop(&old);
    /* half a minute later, as its heartbeat would tell */
    snprintf(command, sizeof(command), "HDEL %s:{fleet} hold", prefix);
    farm_ask(new.farm, 0, command);
    store_redis_beat(new.store);
    assert_true(redis_host_take(&new, &ann, 9, &answers));
    assert_int_equal(form_of(&new, &ann), 2);
    redis_host_judge(&new, &bob, STANDING_THROTTLED);
    assert_int_equal(form_of(&new, &bob), 2);

    redis_host_start(&old);            /* a rollback */
    item.fallback = FALLBACK_TEMPFAIL; /* the server is there */
    assert_true(redis_host_charge(&old, &item, 1, &answers));
    assert_false(answers.item[0].unknown);
    assert_true(answers.degraded); /* by itself */
    assert_int_equal(answers.item[0].standing, STANDING_QUARANTINED);
    redis_host_take(&old, &bob, 9, &answers);
    assert_int_equal(answers.item[0].standing, STANDING_THROTTLED);
    assert_int_equal(form_of(&new, &ann), 2);
    assert_int_equal(
        store_update(old.store, &ann, redis_lab_now(NULL), count_up, NULL),
        MS_VERSION);
    store_redis_beat(new.store); /* hears of it */
    assert_true(redis_host_take(&new, &ann, 9, &answers));
    redis_host_stop(&old);
    redis_host_stop(&new);
}

/* ----- */

static int
end(void **state)
{
    (void)state;
    redis_lab_end_farms();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_is_exact),
        cmocka_unit_test(test_shadows),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_scope_host),
        cmocka_unit_test(test_commands_of_a_message),
        cmocka_unit_test(test_names_are_sealed),
        cmocka_unit_test(test_standing_goes_round),
        cmocka_unit_test(test_standing_at_start),
        cmocka_unit_test(test_no_update_is_lost),
        cmocka_unit_test(test_flushall),
        cmocka_unit_test(test_judged_when_all_is_lost),
        cmocka_unit_test(test_foreign_key),
        cmocka_unit_test(test_rolling_upgrade),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
