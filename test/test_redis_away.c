/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that a fleet shares, while its server is away: each host decides
 * from its own counts, which are added when the server is back, exactly once.
 */
#include <config.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/store/redis/script.h"
#include "test/redis_lab.h"
#include "test/unit.h"

enum { DEADLINE_MS = 200, BACK_MS = 15000 };

static struct charge_answers answers;

static void
host_on(struct redis_host *host, enum farm_layout layout, const char *name)
{
    static char prefix[16][32];
    static unsigned n;

    memset(host, 0, sizeof(*host));
    redis_lab_prefix(prefix[n % 16]);
    host->prefix = prefix[n++ % 16];
    host->farm = redis_lab_farm(layout);
    farm_signal(host->farm, 0, SIGCONT); /* a test that failed left it so */
    host->deadline_ms = DEADLINE_MS;
    snprintf(host->name, sizeof(host->name), "%s", name);
}

static bool
is_degraded(struct redis_host *host)
{
    static struct store_stats stats;

    store_stats(host->store, &stats);
    return stats.shared.degraded;
}

/* The server hangs, and HOST knows. */
static void
send_away(struct redis_host *host)
{
    struct subject nobody = lab_subject("user:nobody");

    farm_signal(host->farm, 0, SIGSTOP);
    do /* it may answer one more before it notices */
        redis_host_take(host, &nobody, 9999, &answers);
    while (!answers.degraded);
    while (!is_degraded(host))
        redis_lab_pause(1);
}

static void
wait_back(struct redis_host *host)
{
    struct mono until = redis_lab_now(NULL).mono;

    until.ms += BACK_MS;
    if (!store_redis_wait_up(host->store, until))
        fail_msg("%s: not back", host->name);
}

static void
bring_back(struct redis_host *host)
{
    farm_signal(host->farm, 0, SIGCONT);
    wait_back(host);
    store_redis_beat(host->store);
}

/* How often something that holds TEXT was told. */
static unsigned
told(struct redis_host *host, const char *text)
{
    unsigned n = 0;

    pthread_mutex_lock(&host->lock);
    for (unsigned i = 0; i < host->n_told && i < TOLD; i++)
        n += strstr(host->told[i], text) != NULL;
    pthread_mutex_unlock(&host->lock);
    return n;
}

/* ----- shares */

static void
test_shares(void **state)
{
    static const struct {
        const char *row;
        unsigned hosts;
        uint32_t limit, here, elsewhere; /* counted before */
        uint32_t admitted;               /* then, by this host */
    } rows[] = {
        {"alone, all is this host's", 1, 10, 0, 0, 10},
        {"and goes on where it was", 1, 10, 4, 0, 6},
        {"of three, a third", 3, 9, 0, 0, 3},
        {"rounded up", 3, 10, 0, 0, 4},
        {"never nothing", 3, 1, 0, 0, 1},
        {"what was counted here is of it", 3, 9, 2, 2, 2},
        {"who has had most of it keeps most of it", 3, 12, 6, 2, 3},
        {"but the whole", 3, 12, 6, 0, 6},
        {"and has had its share", 3, 9, 3, 0, 6},
        {"what others have had is theirs", 3, 9, 0, 6, 3},
        {"a limit of nothing", 2, 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct redis_host host, other;
        struct subject ann = lab_subject("user:ann");
        uint32_t admitted = 0;
        uint64_t used;

        host_on(&host, FARM_UNIX, "here");
        host_on(&other, FARM_UNIX, "there");
        host.hosts = rows[i].hosts;
        other.prefix = host.prefix;
        redis_host_start(&host);
        if (rows[i].elsewhere > 0) {
            redis_host_start(&other);
            for (uint32_t n = 0; n < rows[i].elsewhere; n++)
                expect(rows[i].row,
                       redis_host_take(&other, &ann, rows[i].limit, &answers) &&
                           !answers.degraded);
            redis_host_stop(&other);
        }
        for (uint32_t n = 0; n < rows[i].here; n++)
            expect(rows[i].row,
                   redis_host_take(&host, &ann, rows[i].limit, &answers) &&
                       !answers.degraded);
        send_away(&host);
        while (admitted <= rows[i].limit &&
               redis_host_take(&host, &ann, rows[i].limit, &answers))
            admitted++;
        if (admitted != rows[i].admitted)
            fail_msg("%s: %u, not %u", rows[i].row, admitted, rows[i].admitted);
        expect(rows[i].row, answers.degraded);
        expect(rows[i].row, answers.item[0].over);
        bring_back(&host);
        used = redis_lab_used(host.store, &ann);
        if (used != rows[i].here + rows[i].elsewhere + admitted)
            fail_msg("%s: in the end there are %u", rows[i].row,
                     (unsigned)used);
        redis_host_stop(&host);
    }
}

/* ----- what else an item may ask for */

struct ask {
    const char *who; /* NULL behind the last */
    enum charge_fallback fallback;
    enum charge_kind kind;
    bool observe, throttled, host;
    uint32_t limit;

    bool over, unknown;
    uint32_t added;
};

enum { ASKS = 3 };

#define LOCAL FALLBACK_LOCAL, CHARGE_TAKE, false, false, false
#define LOCAL_NOTE FALLBACK_LOCAL, CHARGE_NOTE, false, false, false
#define TEMPFAIL FALLBACK_TEMPFAIL, CHARGE_TAKE, false, false, false
#define TEMPFAIL_LOOK FALLBACK_TEMPFAIL, CHARGE_LOOK, false, false, false
#define TEMPFAIL_NOTE FALLBACK_TEMPFAIL, CHARGE_NOTE, false, false, false
#define TEMPFAIL_TRIAL FALLBACK_TEMPFAIL, CHARGE_TAKE, true, false, false
#define TEMPFAIL_THROTTLED FALLBACK_TEMPFAIL, CHARGE_TAKE, false, true, false
#define ACCEPT FALLBACK_ACCEPT, CHARGE_TAKE, false, false, false
#define ACCEPT_NOTE FALLBACK_ACCEPT, CHARGE_NOTE, false, false, false
#define HOST FALLBACK_TEMPFAIL, CHARGE_TAKE, false, false, true

static const struct {
    const char *row;
    bool added;
    struct ask ask[ASKS];
} fallbacks[] = {
    {"by this host's counts", true, {{"user:a", LOCAL, 1, false, false, 1}}},
    {"which refuse, too", false, {{"user:a", LOCAL, 0, true, false, 0}}},
    {"not at all", false, {{"user:a", TEMPFAIL, 9, false, true, 0}}},
    {"nor told how it stands",
     false,
     {{"user:a", TEMPFAIL_LOOK, 9, false, true, 0}}},
    {"a note decides nothing, and is counted",
     true,
     {{"user:a", TEMPFAIL_NOTE, 9, false, false, 1}}},
    {"nor does a trial stop anybody",
     true,
     {{"user:a", TEMPFAIL_TRIAL, 9, false, true, 0},
      {"user:b", LOCAL, 9, false, false, 1}}},
    {"nor what counts in another standing only",
     true,
     {{"user:a", TEMPFAIL_THROTTLED, 9, false, false, 0}}},
    {"but does in that one",
     false,
     {{"user:throttled", TEMPFAIL_THROTTLED, 9, false, true, 0},
      {"user:a", LOCAL, 9, false, false, 0}}},
    {"what cannot be decided stops the step",
     false,
     {{"user:a", TEMPFAIL, 9, false, true, 0},
      {"user:b", LOCAL, 9, false, false, 0}}},
    {"wherever it stands",
     false,
     {{"user:a", LOCAL, 9, false, false, 0},
      {"user:a", TEMPFAIL, 9, false, true, 0}}},
    {"but for notes",
     false,
     {{"user:a", TEMPFAIL, 9, false, true, 0},
      {"user:b", LOCAL_NOTE, 9, false, false, 1}}},
    {"what is accepted passes and is not counted",
     true,
     {{"user:a", ACCEPT, 0, false, false, 0},
      {"user:b", LOCAL, 9, false, false, 1}}},
    {"not even if it is noted",
     true,
     {{"user:a", ACCEPT_NOTE, 9, false, false, 0}}},
    {"it does not help another limit",
     false,
     {{"user:a", ACCEPT, 0, false, false, 0},
      {"user:b", LOCAL, 0, true, false, 0}}},
    {"limits of this host do not notice",
     true,
     {{"client:192.0.2.1", HOST, 1, false, false, 1}}},
    {"and are not used up where others refuse",
     false,
     {{"client:192.0.2.1", HOST, 1, false, false, 0},
      {"user:b", LOCAL, 0, true, false, 0}}},
    {"and stop the step",
     false,
     {{"client:192.0.2.1", HOST, 0, true, false, 0},
      {"user:b", LOCAL, 9, false, false, 0},
      {"user:c", TEMPFAIL, 9, false, false, 0}}},
};

static void
check_fallback(struct redis_host *host, size_t i)
{
    const char *row = fallbacks[i].row;
    const struct ask *ask = fallbacks[i].ask;
    struct subject subject[ASKS];
    struct charge_item item[ASKS];
    size_t n = 0;

    for (; n < ASKS && ask[n].who != NULL; n++) {
        subject[n] = lab_subject(ask[n].who);
        item[n] = redis_lab_item(&subject[n], ask[n].kind, 1, ask[n].limit);
        item[n].window = 100 + i; /* nobody has counted in it */
        item[n].fallback = ask[n].fallback;
        item[n].observe = ask[n].observe;
        item[n].throttled = ask[n].throttled;
        item[n].host = ask[n].host;
    }
    expect(row,
           redis_host_charge(host, item, n, &answers) == fallbacks[i].added);
    for (size_t j = 0; j < n; j++) {
        const struct charge_answer *answer = &answers.item[j];

        expect(row, answer->over == ask[j].over);
        expect(row, answer->unknown == ask[j].unknown);
        expect(row, answer->receipt.n == ask[j].added);
        expect(row, answer->receipt.shared.waits ==
                        (ask[j].added > 0 && !ask[j].host));
    }
}

static void
test_fallbacks(void **state)
{
    struct redis_host host;
    struct subject throttled = lab_subject("user:throttled");

    (void)state;
    host_on(&host, FARM_UNIX, "here");
    redis_host_start(&host);
    redis_host_judge(&host, &throttled, STANDING_THROTTLED);
    send_away(&host);
    for (size_t i = 0; i < ROWS(fallbacks); i++)
        check_fallback(&host, i);
    bring_back(&host);
    redis_host_stop(&host);
}

/* ----- standings hold, and what an operator asks */

static bool
each(void *arg, const struct store_record *record)
{
    (void)arg;
    (void)record;
    return true;
}

static void
test_standing_holds(void **state)
{
    struct redis_host host;
    struct subject ann = lab_subject("user:ann");
    struct store_time now = redis_lab_now(NULL);
    bool found;

    (void)state;
    host_on(&host, FARM_UNIX, "here");
    redis_host_start(&host);
    redis_host_judge(&host, &ann, STANDING_QUARANTINED);
    assert_true(redis_host_take(&host, &ann, 9, &answers));
    send_away(&host);
    redis_host_take(&host, &ann, 9, &answers);
    assert_int_equal(answers.item[0].standing, STANDING_QUARANTINED);
    assert_int_equal(redis_lab_standing(host.store, &ann),
                     STANDING_QUARANTINED); /* as far as is known here */
    assert_int_equal(store_list(host.store, SUBJECT_USER, now, each, NULL),
                     MS_UNAVAIL);
    assert_int_equal(store_forget(host.store, &ann, now, &found), MS_UNAVAIL);
    assert_int_equal(store_reset(host.store, &ann, 0, now, &found), MS_UNAVAIL);
    bring_back(&host);
    redis_host_take(&host, &ann, 9, &answers);
    assert_int_equal(answers.item[0].standing, STANDING_QUARANTINED);
    assert_false(answers.degraded);
    redis_host_stop(&host);
}

/* Told once when it goes, once when it comes; nobody waits twice. */
static void
test_told_once(void **state)
{
    static struct store_stats stats;
    struct redis_host host;
    struct subject ann = lab_subject("user:ann");
    int64_t begun_ms;

    (void)state;
    host_on(&host, FARM_UNIX, "here");
    host.hosts = 4;
    redis_host_start(&host);
    if (host.n_told > 0)
        fail_msg("%s", host.told[0]);
    for (unsigned turn = 1; turn <= 2; turn++) {
        send_away(&host);
        begun_ms = redis_lab_now(NULL).mono.ms;
        for (int i = 0; i < 100; i++)
            redis_host_take(&host, &ann, 9999, &answers);
        assert_false(answers.waited);
        assert_in_range(redis_lab_now(NULL).mono.ms - begun_ms, 0, 500);
        for (int ms = 0; ms < 2000 && told(&host, "does not answer") < turn;
             ms += 20)
            redis_lab_pause(20);
        store_stats(host.store, &stats);
        assert_true(stats.shared.degraded);
        assert_int_equal(stats.shared.local_now, 101);
        assert_int_equal(stats.shared.local, 101 * turn);
        assert_int_equal(stats.shared.deltas, 2);
        assert_int_equal(told(&host, "does not answer"), turn);
        assert_int_equal(told(&host, "1/4 of each"), turn);
        bring_back(&host);
        for (int ms = 0; ms < 2000 && told(&host, "answers again") < turn;
             ms += 20)
            redis_lab_pause(20);
        assert_int_equal(
            told(&host, "answers again; 101 decisions were made without it"),
            turn);
        store_stats(host.store, &stats);
        assert_false(stats.shared.degraded);
        assert_int_equal(stats.shared.local_now, 0);
        assert_int_equal(stats.shared.deltas, 0);
        assert_int_equal(host.n_told, 2 * turn);
    }
    redis_host_stop(&host);
}

/* ----- counts arrive, once */

static void
test_refund_of_what_waits(void **state)
{
    struct redis_host host;
    struct subject ann = lab_subject("user:ann");
    struct receipt receipt;

    (void)state;
    host_on(&host, FARM_UNIX, "here");
    redis_host_start(&host);
    assert_true(redis_host_take(&host, &ann, 9, &answers));
    send_away(&host);
    assert_true(redis_host_take(&host, &ann, 9, &answers));
    assert_true(redis_host_take(&host, &ann, 9, &answers));
    receipt = answers.item[0].receipt;
    assert_true(receipt.shared.waits);
    store_refund(host.store, &receipt, 1, redis_lab_now(NULL));
    assert_int_equal(redis_lab_used(host.shadow, &ann), 2);
    bring_back(&host);
    assert_int_equal(redis_lab_used(host.store, &ann), 2);
    redis_host_stop(&host);
}

/* With the subject's next charge: that one is compared with all. */
static void
test_counts_go_along(void **state)
{
    struct redis_host host;
    struct subject ann = lab_subject("user:ann");

    (void)state;
    host_on(&host, FARM_UNIX, "here");
    redis_host_start(&host);
    send_away(&host);
    for (int i = 0; i < 5; i++)
        assert_true(redis_host_take(&host, &ann, 5, &answers));
    farm_signal(host.farm, 0, SIGCONT);
    for (int ms = 0; ms < BACK_MS && answers.degraded; ms++) {
        assert_false(redis_host_take(&host, &ann, 5, &answers));
        redis_lab_pause(1);
    }
    assert_false(answers.degraded);
    assert_int_equal(answers.item[0].used, 6);
    redis_host_stop(&host);
}

static void
test_counts_at_the_end(void **state)
{
    struct redis_host host, other;
    struct subject ann = lab_subject("user:ann");

    (void)state;
    host_on(&host, FARM_UNIX, "here");
    host_on(&other, FARM_UNIX, "there");
    other.prefix = host.prefix;
    redis_host_start(&host);
    send_away(&host);
    for (int i = 0; i < 5; i++)
        assert_true(redis_host_take(&host, &ann, 9, &answers));
    farm_signal(host.farm, 0, SIGCONT);
    wait_back(&host);
    redis_host_stop(&host);
    redis_host_start(&other);
    assert_int_equal(redis_lab_used(other.store, &ann), 5);
    redis_host_stop(&other);
}

/* Threads charge all the time; the server hangs, or cuts connections. */
enum { THREADS = 8, PEOPLE = 4, FLAPS = 6 };

struct flood {
    struct redis_host host[2];
    struct subject who[PEOPLE];
    _Atomic bool stop;
    _Atomic unsigned next;
    _Atomic uint64_t added[PEOPLE];
};

static void *
charge_on(void *arg)
{
    struct flood *flood = arg;
    unsigned self = flood->next++;
    struct charge_answers *out = malloc(sizeof(*out));

    for (unsigned i = self; !flood->stop; i++) {
        unsigned who = i % PEOPLE;

        if (redis_host_take(&flood->host[self % 2], &flood->who[who], 1000000,
                            out))
            flood->added[who]++;
        redis_lab_pause(1);
    }
    free(out);
    return NULL;
}

static void
test_exactly_once(void **state)
{
    static struct flood flood;
    pthread_t thread[THREADS];
    uint64_t had = 0, added = 0;

    (void)state;
    host_on(&flood.host[0], FARM_UNIX, "mx0");
    host_on(&flood.host[1], FARM_UNIX, "mx1");
    flood.host[1].prefix = flood.host[0].prefix;
    for (int i = 0; i < 2; i++)
        redis_host_start(&flood.host[i]);
    for (int i = 0; i < PEOPLE; i++) {
        char name[16];

        snprintf(name, sizeof(name), "user:%d", i);
        flood.who[i] = lab_subject(name);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, charge_on, &flood),
                         0);
    for (int i = 0; i < FLAPS; i++) {
        if (i % 3 == 2) { /* cuts what is on its way both ways */
            farm_ask(flood.host[0].farm, 0, "CLIENT KILL TYPE normal");
        } else {
            farm_signal(flood.host[0].farm, 0, SIGSTOP);
            redis_lab_pause(i % 2 == 0 ? 300 : 100);
            farm_signal(flood.host[0].farm, 0, SIGCONT);
        }
        redis_lab_pause(i % 2 == 0 ? 700 : 100);
    }
    flood.stop = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 2; i++) {
        wait_back(&flood.host[i]);
        store_redis_beat(flood.host[i].store);
        assert_false(is_degraded(&flood.host[i]));
    }
    for (int i = 0; i < PEOPLE; i++) {
        had += redis_lab_used(flood.host[0].store, &flood.who[i]);
        added += flood.added[i];
    }
    /* nothing is lost, and what is counted twice was on its way */
    assert_in_range(had, added, added + FLAPS * THREADS);
    for (int i = 0; i < 2; i++)
        redis_host_stop(&flood.host[i]);
}

/* ----- a server that was never there, or forgets all */

static void
test_no_server_at_start(void **state)
{
    struct redis_host host;
    struct subject ann = lab_subject("user:ann");

    (void)state;
    host_on(&host, FARM_UNIX, "here");
    host.hosts = 2;
    farm_signal(host.farm, 0, SIGKILL);
    redis_host_open(&host);
    for (int i = 0; i < 4; i++)
        assert_int_equal(redis_host_take(&host, &ann, 4, &answers), i < 2);
    assert_true(answers.degraded);
    for (int ms = 0; ms < 5000 && host.n_told == 0; ms += 20)
        redis_lab_pause(20);
    assert_int_equal(told(&host, "does not answer"), 1);
    farm_restart(host.farm, 0);
    wait_back(&host);
    store_redis_beat(host.store);
    assert_int_equal(redis_lab_used(host.store, &ann), 2);
    assert_true(redis_host_take(&host, &ann, 4, &answers));
    assert_false(answers.degraded);
    assert_int_equal(answers.item[0].used, 3);
    redis_host_stop(&host);
}

/* It comes back empty: who is quarantined stays so, who was let off as well. */
static void
test_restart_without_memory(void **state)
{
    struct redis_host host[2];
    struct subject ann = lab_subject("user:ann"), bob = lab_subject("user:bob");

    (void)state;
    host_on(&host[0], FARM_UNIX, "mx0");
    host_on(&host[1], FARM_UNIX, "mx1");
    host[1].prefix = host[0].prefix;
    for (int i = 0; i < 2; i++)
        redis_host_start(&host[i]);
    redis_host_judge(&host[0], &ann, STANDING_QUARANTINED);
    redis_host_judge(&host[0], &bob, STANDING_QUARANTINED);
    redis_lab_expect(host[1].shadow, &bob, STANDING_QUARANTINED);
    redis_host_judge(&host[1], &bob, STANDING_NORMAL);
    redis_lab_expect(host[0].shadow, &bob, STANDING_NORMAL);
    redis_lab_expect(host[1].shadow, &ann, STANDING_QUARANTINED);
    farm_signal(host[0].farm, 0, SIGKILL);
    redis_host_take(&host[1], &ann, 9, &answers);
    assert_int_equal(answers.item[0].standing, STANDING_QUARANTINED);
    farm_restart(host[0].farm, 0);
    for (int i = 0; i < 2; i++)
        wait_back(&host[i]);
    redis_lab_expect(host[0].store, &ann, STANDING_QUARANTINED);
    for (int i = 0; i < 2; i++) {
        redis_host_take(&host[i], &ann, 9, &answers);
        assert_int_equal(answers.item[0].standing, STANDING_QUARANTINED);
        redis_host_take(&host[i], &bob, 9, &answers);
        assert_int_equal(answers.item[0].standing, STANDING_NORMAL);
    }
    for (int i = 0; i < 2; i++)
        redis_host_stop(&host[i]);
}

/* ----- one of several */

/* Whose subjects live elsewhere does not notice. */
static void
test_one_node_of_a_cluster(void **state)
{
    enum { MANY = 30 };
    struct redis_host host;
    struct subject who[MANY];
    struct charge_item item[2];
    unsigned local = 0, first = 0, second = 0;
    bool degraded[MANY];

    (void)state;
    host_on(&host, FARM_CLUSTER, "here");
    redis_host_start(&host);
    for (int i = 0; i < MANY; i++) {
        char name[16];

        snprintf(name, sizeof(name), "user:%d", i);
        who[i] = lab_subject(name);
        assert_true(redis_host_take(&host, &who[i], 9, &answers));
        assert_false(answers.degraded);
    }
    farm_signal(host.farm, 0, SIGSTOP);
    for (int i = 0; i < MANY; i++) {
        assert_true(redis_host_take(&host, &who[i], 9, &answers));
        degraded[i] = answers.degraded;
        local += degraded[i];
    }
    assert_in_range(local, 1, MANY - 1);
    for (unsigned i = 0; i < MANY; i++)
        degraded[i] ? (first = i) : (second = i);
    /* all or nothing holds over both: one is over its limit */
    item[0] = redis_lab_item(&who[first], CHARGE_TAKE, 1, 2);
    item[1] = redis_lab_item(&who[second], CHARGE_TAKE, 1, 9);
    assert_false(redis_host_charge(&host, item, 2, &answers));
    assert_true(answers.item[0].over);
    assert_int_equal(answers.item[1].receipt.n, 0);
    assert_int_equal(redis_lab_used(host.store, &who[second]), 2);
    item[0].limit = 9;
    item[1].limit = 2;
    assert_false(redis_host_charge(&host, item, 2, &answers));
    assert_true(answers.item[1].over);
    assert_int_equal(answers.item[0].receipt.n, 0);
    item[1].limit = 9;
    assert_true(redis_host_charge(&host, item, 2, &answers));
    assert_true(answers.item[0].receipt.shared.waits);
    assert_false(answers.item[1].receipt.shared.waits);
    farm_signal(host.farm, 0, SIGCONT);
    wait_back(&host);
    for (int i = 0; i < MANY; i++) { /* a failover may have lost the last */
        uint64_t used;

        store_redis_beat(host.store);
        used = redis_lab_used(host.store, &who[i]);
        assert_in_range(used, 2, 4);
    }
    redis_host_stop(&host);
}

/* Which server has SUBJECT's counts, once its copies have them, too. */
static size_t
copied_master(struct redis_host *host, enum farm_layout layout,
              const struct subject *subject)
{
    uint8_t hash[SITEKEY_HASH];
    char key[SCRIPT_KEY], command[128];
    size_t master, copies = layout == FARM_SENTINEL ? 2 : 1;
    unsigned had = 0;

    sitekey_hash(redis_lab_key(), subject, hash);
    script_key(host->prefix, hash, key);
    master = layout == FARM_SENTINEL ? farm_master(host->farm)
                                     : farm_owner(host->farm, key);
    for (int ms = 0; ms < BACK_MS && had < copies; ms += 1000) {
        snprintf(command, sizeof(command), "SET %s:copied 1", key);
        farm_ask(host->farm, master, command);
        snprintf(command, sizeof(command), "WAIT %zu 1000", copies);
        (void)sscanf(farm_ask(host->farm, master, command), "(integer) %u",
                     &had);
    }
    assert_true(had >= copies);
    return master;
}

/* A master dies for good, and another takes over: no count and no standing is
 * missing, but for what had not been copied. */
static void
test_failover(void **state)
{
    static const enum farm_layout layouts[] = {FARM_SENTINEL, FARM_CLUSTER};

    (void)state;
    for (size_t l = 0; l < ROWS(layouts); l++) {
        struct redis_host host;
        struct subject ann = lab_subject("user:ann"),
                       zed = lab_subject("user:zed");
        uint64_t added = 0, used;
        size_t master;
        bool away = false;
        int64_t begun_ms;

        host_on(&host, layouts[l], "here");
        redis_host_start(&host);
        redis_host_judge(&host, &zed, STANDING_QUARANTINED);
        for (int i = 0; i < 50; i++)
            added += redis_host_take(&host, &ann, 9999, &answers);
        master = copied_master(&host, layouts[l], &ann);
        farm_signal(host.farm, master, SIGKILL);
        begun_ms = redis_lab_now(NULL).mono.ms;
        do {
            added += redis_host_take(&host, &ann, 9999, &answers);
            away = away || answers.degraded || is_degraded(&host);
            redis_host_take(&host, &zed, 9999, &answers);
            assert_int_equal(answers.item[0].standing, STANDING_QUARANTINED);
            redis_lab_pause(10);
        } while (!away || (is_degraded(&host) &&
                           redis_lab_now(NULL).mono.ms - begun_ms < BACK_MS));
        wait_back(&host);
        store_redis_beat(host.store);
        assert_true(redis_host_take(&host, &ann, 9999, &answers));
        assert_false(answers.degraded);
        used = redis_lab_used(host.store, &ann) - 1;
        if (used + 2 < added || used > added + 2)
            fail_msg("%s: %u of %u",
                     layouts[l] == FARM_SENTINEL ? "Sentinel" : "Cluster",
                     (unsigned)used, (unsigned)added);
        redis_lab_expect(host.store, &zed, STANDING_QUARANTINED);
        redis_host_stop(&host);
    }
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
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_fallbacks),
        cmocka_unit_test(test_standing_holds),
        cmocka_unit_test(test_told_once),
        cmocka_unit_test(test_refund_of_what_waits),
        cmocka_unit_test(test_counts_go_along),
        cmocka_unit_test(test_counts_at_the_end),
        cmocka_unit_test(test_exactly_once),
        cmocka_unit_test(test_no_server_at_start),
        cmocka_unit_test(test_restart_without_memory),
        cmocka_unit_test(test_one_node_of_a_cluster),
        cmocka_unit_test(test_failover),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
