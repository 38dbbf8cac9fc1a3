/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The resolver against a server of our own (see puppet_dns.h).  Its clock
 * stands still until a test steps it: no deadline comes by itself.
 */
#include <config.h>

#include "policy/dns/resolver.h"

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <unbound.h>

#include "policy/dns/resolvconf.h"
#include "test/puppet_dns.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { PATIENCE_S = 20, SPAN_MS = 2000, FIRST = 512 };

static atomic_llong clock_ms = 1000000;

static struct mono
now(void)
{
    return (struct mono){atomic_load(&clock_ms)};
}

static struct mono
deadline(void)
{
    return (struct mono){now().ms + SPAN_MS};
}

static void
step(long long ms)
{
    (void)atomic_fetch_add(&clock_ms, ms);
}

/* ----- who asks */

struct heard {
    sem_t told;
    atomic_uint calls;
    enum resolver_status status;
    bool secure, cut;
    uint32_t ttl_s;
    size_t n, length; /* records; octets of the first */
    uint8_t first[FIRST];
};

static struct heard *
heard_create(void)
{
    struct heard *heard = calloc(1, sizeof(*heard));

    assert_non_null(heard);
    assert_int_equal(sem_init(&heard->told, 0, 0), 0);
    return heard;
}

static void
heard_destroy(struct heard *heard)
{
    (void)sem_destroy(&heard->told);
    free(heard);
}

static void
hear(void *arg, const struct resolver_answer *answer)
{
    struct heard *heard = arg;

    heard->status = answer->status;
    heard->secure = answer->secure;
    heard->cut = answer->cut;
    heard->ttl_s = answer->ttl_s;
    heard->n = answer->n;
    if (answer->n > 0) {
        heard->length = answer->record[0].length;
        memcpy(heard->first, answer->record[0].data,
               heard->length < FIRST ? heard->length : FIRST);
    }
    (void)atomic_fetch_add(&heard->calls, 1);
    (void)sem_post(&heard->told);
}

/* False: nothing was heard. */
static bool
wait_for(sem_t *told)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return sem_timedwait(told, &until) == 0;
}

/* ----- the stage */

struct stage {
    struct puppet_dns *dns;
    struct resolver *resolver;
};

static struct resolver *
start(const char *server, const char *trust_anchor, unsigned in_flight)
{
    struct resolver_options options = {
        .servers = &server,
        .n_servers = 1,
        .trust_anchor = trust_anchor,
        .in_flight = in_flight,
        .now = now,
    };
    struct resolver *resolver = NULL;
    struct why why = {""};

    if (resolver_create(&options, &resolver, &why) != MS_OK)
        fail_msg("%s", why.text);
    return resolver;
}

static int
set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));

    if (stage == NULL)
        return -1;
    stage->dns = puppet_dns_start();
    stage->resolver = start(puppet_dns_server(stage->dns), NULL, 0);
    *state = stage;
    return 0;
}

static int
tear_down(void **state)
{
    struct stage *stage = *state;

    resolver_destroy(stage->resolver);
    puppet_dns_stop(stage->dns);
    free(stage);
    return 0;
}

static void
ask(struct resolver *resolver, const char *name, enum resolver_type type,
    struct heard *heard)
{
    assert_int_equal(
        resolver_ask(resolver, name, type, deadline(), hear, heard, NULL),
        MS_OK);
}

static void
ask_and_wait(struct resolver *resolver, const char *name,
             enum resolver_type type, struct heard *heard)
{
    ask(resolver, name, type, heard);
    if (!wait_for(&heard->told))
        fail_msg("no answer about %s", name);
}

/* ----- answers */

static void
test_answers(void **state)
{
    static const struct {
        const char *row, *line, *line2;
        const char *name;
        enum resolver_type type;
        enum resolver_status status;
        size_t n;
        const char *first;
        size_t length;
    } rows[] = {
        {"an address is four octets", "four.example A 192.0.2.7", NULL,
         "four.example", RESOLVER_A, RESOLVER_DATA, 1, "\xc0\x00\x02\x07", 4},
        {"an IPv6 address is sixteen", "six.example AAAA ::7", NULL,
         "six.example", RESOLVER_AAAA, RESOLVER_DATA, 1, NULL, 16},
        {"a name may end in a dot", "dot.example A 192.0.2.1", NULL,
         "dot.example.", RESOLVER_A, RESOLVER_DATA, 1, NULL, 4},
        {"a name has no case", "case.example A 192.0.2.1", NULL, "CaSe.ExAmple",
         RESOLVER_A, RESOLVER_DATA, 1, NULL, 4},
        {"a text keeps its strings", "text.example TXT \"v=spf1 \" \"-all\"",
         NULL, "text.example", RESOLVER_TXT, RESOLVER_DATA, 1,
         "\007v=spf1 \004-all", 13},
        {"two texts are two records", "two.example TXT one",
         "two.example TXT two", "two.example", RESOLVER_TXT, RESOLVER_DATA, 2,
         NULL, 4},
        {"a host for mail comes with its rank", "mx.example MX 10 a.example",
         NULL, "mx.example", RESOLVER_MX, RESOLVER_DATA, 1,
         "\0\012\001a\007example", 13},
        {"a pointer is a name", "7.2.0.192.in-addr.arpa PTR h.example", NULL,
         "7.2.0.192.in-addr.arpa", RESOLVER_PTR, RESOLVER_DATA, 1,
         "\001h\007example", 11},
        {"an alias is followed", "alias.example CNAME true.example",
         "true.example A 192.0.2.9", "alias.example", RESOLVER_A, RESOLVER_DATA,
         1, "\xc0\x00\x02\x09", 4},
        {"an alias of nothing is nothing", "broken.example CNAME no.example",
         NULL, "broken.example", RESOLVER_A, RESOLVER_NXDOMAIN, 0, NULL, 0},
        {"a name without that type has no data", "bare.example TXT x", NULL,
         "bare.example", RESOLVER_A, RESOLVER_NODATA, 0, NULL, 0},
        {"a name between others has no data", "below.between.example TXT x",
         NULL, "between.example", RESOLVER_A, RESOLVER_NODATA, 0, NULL, 0},
        {"a name that is not there is no name", NULL, NULL, "gone.example",
         RESOLVER_A, RESOLVER_NXDOMAIN, 0, NULL, 0},
        {"SERVFAIL is no answer", "fail.example * !servfail", NULL,
         "fail.example", RESOLVER_A, RESOLVER_FAILED, 0, NULL, 0},
        {"REFUSED is no answer", "refused.example * !refused", NULL,
         "refused.example", RESOLVER_A, RESOLVER_FAILED, 0, NULL, 0},
        {"FORMERR is no answer", "form.example * !formerr", NULL,
         "form.example", RESOLVER_A, RESOLVER_FAILED, 0, NULL, 0},
        {"what is truncated is asked for by TCP", "tc.example A 192.0.2.3",
         "tc.example A !truncated", "tc.example", RESOLVER_A, RESOLVER_DATA, 1,
         "\xc0\x00\x02\x03", 4},
        {"of 1,000 records 64 are handed out", "many.example A !many 1000",
         NULL, "many.example", RESOLVER_A, RESOLVER_DATA, RESOLVER_RECORDS,
         NULL, 4},
        {"of 64 records none is missing", "full.example A !many 64", NULL,
         "full.example", RESOLVER_A, RESOLVER_DATA, 64, NULL, 4},
        {"a text of 64,000 octets comes whole", "long.example TXT !long 64000",
         NULL, "long.example", RESOLVER_TXT, RESOLVER_DATA, 1, NULL, 64251},
        {"a list lists 127.0.0.1", "1.0.0.127.zen.example A 127.0.0.2", NULL,
         "1.0.0.127.zen.example", RESOLVER_A, RESOLVER_DATA, 1,
         "\x7f\x00\x00\x02", 4},
        {"names for tests are asked about", "a.test A 192.0.2.1", NULL,
         "a.test", RESOLVER_A, RESOLVER_DATA, 1, NULL, 4},
        {"names that cannot be are asked about", "a.invalid A 192.0.2.1", NULL,
         "a.invalid", RESOLVER_A, RESOLVER_DATA, 1, NULL, 4},
        {"names at home are asked about", "a.home.arpa A 192.0.2.1", NULL,
         "a.home.arpa", RESOLVER_A, RESOLVER_DATA, 1, NULL, 4},
        {"private addresses are asked about", "1.0.0.10.in-addr.arpa PTR h.lan",
         NULL, "1.0.0.10.in-addr.arpa", RESOLVER_PTR, RESOLVER_DATA, 1, NULL,
         7},
        {"onions are not", "a.onion A 192.0.2.1", NULL, "a.onion", RESOLVER_A,
         RESOLVER_NXDOMAIN, 0, NULL, 0},
        {"a blank, a backslash, a quote are octets of a name",
         "*.odd.example A 192.0.2.1", NULL, "a b\\c\"d\xff.odd.example",
         RESOLVER_A, RESOLVER_DATA, 1, NULL, 4},
    };
    const struct stage *stage = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct heard *heard = heard_create();

        if (rows[i].line != NULL)
            puppet_dns_add(stage->dns, rows[i].line);
        if (rows[i].line2 != NULL)
            puppet_dns_add(stage->dns, rows[i].line2);
        ask_and_wait(stage->resolver, rows[i].name, rows[i].type, heard);
        expect(rows[i].row, heard->status == rows[i].status);
        expect(rows[i].row, heard->n == rows[i].n);
        expect(rows[i].row, heard->length == rows[i].length);
        expect(rows[i].row,
               rows[i].first == NULL ||
                   memcmp(heard->first, rows[i].first, heard->length) == 0);
        expect(rows[i].row, heard->ttl_s >= 1 && !heard->secure);
        heard_destroy(heard);
    }
    assert_int_equal(
        puppet_dns_asked(stage->dns, "a b\\c\"d\xff.odd.example", 0), 1);
}

static void
only_what_is_missing_is_told_as_cut(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();

    puppet_dns_add(stage->dns, "64.example A !many 64");
    puppet_dns_add(stage->dns, "65.example A !many 65");
    ask_and_wait(stage->resolver, "64.example", RESOLVER_A, heard);
    assert_false(heard->cut);
    ask_and_wait(stage->resolver, "65.example", RESOLVER_A, heard);
    assert_true(heard->cut);
    heard_destroy(heard);
}

static void
a_ttl_is_at_least_a_second(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();

    puppet_dns_add_ttl(stage->dns, "zero.example A 192.0.2.1", 0);
    puppet_dns_add_ttl(stage->dns, "hour.example A 192.0.2.1", 3600);
    ask_and_wait(stage->resolver, "zero.example", RESOLVER_A, heard);
    assert_int_equal(heard->ttl_s, 1);
    ask_and_wait(stage->resolver, "hour.example", RESOLVER_A, heard);
    assert_int_equal(heard->ttl_s, 3600);
    heard_destroy(heard);
}

static void
what_is_known_is_not_asked_again(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();

    puppet_dns_add(stage->dns, "once.example A 192.0.2.1");
    for (unsigned i = 0; i < 20; i++) {
        ask_and_wait(stage->resolver, "once.example", RESOLVER_A, heard);
        ask_and_wait(stage->resolver, "never.example", RESOLVER_A, heard);
    }
    assert_int_equal(puppet_dns_asked(stage->dns, "once.example", 0), 1);
    assert_int_equal(puppet_dns_asked(stage->dns, "never.example", 0), 1);
    heard_destroy(heard);
}

static void
a_crowd_with_one_question_asks_it_once(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();

    puppet_dns_add(stage->dns, "crowd.example A 192.0.2.1");
    puppet_dns_add(stage->dns, "crowd.example A !late 50");
    for (unsigned i = 0; i < 100; i++)
        ask(stage->resolver, "crowd.example", RESOLVER_A, heard);
    for (unsigned i = 0; i < 100; i++)
        assert_true(wait_for(&heard->told));
    /* once; again only where this machine is slow to answer */
    assert_in_range(puppet_dns_asked(stage->dns, "crowd.example", 0), 1, 5);
    heard_destroy(heard);
}

static void
no_such_name_can_be(void **state)
{
    static const struct {
        const char *row, *name;
        enum ms_err err;
    } rows[] = {
        {"nothing is no name", "", MS_INVALID},
        {"the root is no name to ask for", ".", MS_INVALID},
        {"a label has an octet", "a..b", MS_INVALID},
        {"the first one, too", ".a", MS_INVALID},
        {"one last dot is enough", "a..", MS_INVALID},
        {"a label of 63 octets is one",
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.a",
         MS_OK},
        {"a label of 64 octets is none",
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.a",
         MS_INVALID},
    };
    const struct stage *stage = *state;
    struct heard *heard = heard_create();

    for (size_t i = 0; i < ROWS(rows); i++) {
        expect(rows[i].row,
               resolver_ask(stage->resolver, rows[i].name, RESOLVER_A,
                            deadline(), hear, heard, NULL) == rows[i].err);
        expect(rows[i].row, rows[i].err != MS_OK || wait_for(&heard->told));
    }
    assert_int_equal(atomic_load(&heard->calls), 1);
    heard_destroy(heard);
}

static void
a_name_has_253_octets_at_most(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();
    char name[RESOLVER_NAME + 2];

    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = (i & 1) != 0 ? '.' : '\\'; /* which is spelt with four */
    name[253] = '\0';
    ask_and_wait(stage->resolver, name, RESOLVER_A, heard);
    assert_int_equal(heard->status, RESOLVER_NXDOMAIN);
    name[253] = '.'; /* the last dot is not counted */
    name[254] = '\0';
    ask_and_wait(stage->resolver, name, RESOLVER_A, heard);
    name[254] = 'x';
    name[255] = '\0';
    assert_int_equal(resolver_ask(stage->resolver, name, RESOLVER_A, deadline(),
                                  hear, heard, NULL),
                     MS_INVALID);
    heard_destroy(heard);
}

/* ----- deadlines */

static struct resolver_counts
counts(const struct stage *stage)
{
    struct resolver_counts out;

    resolver_counts(stage->resolver, &out);
    return out;
}

/* Whatever a server does in place of an answer. */
static void
without_an_answer_it_has_failed_at_the_deadline(void **state)
{
    static const char *const faults[] = {
        "silent", "id", "other", "cut", "half", "garbage", "late 60000"};
    const struct stage *stage = *state;
    struct heard *heard[ROWS(faults)];

    for (size_t i = 0; i < ROWS(faults); i++) {
        char line[64], name[32];

        heard[i] = heard_create();
        (void)snprintf(name, sizeof(name), "f%zu.example", i);
        (void)snprintf(line, sizeof(line), "%s TXT !%s", name, faults[i]);
        puppet_dns_add(stage->dns, line);
        ask(stage->resolver, name, RESOLVER_TXT, heard[i]);
    }
    step(SPAN_MS);
    for (size_t i = 0; i < ROWS(faults); i++) {
        expect(faults[i], wait_for(&heard[i]->told));
        expect(faults[i], heard[i]->status == RESOLVER_FAILED);
        expect(faults[i], heard[i]->n == 0 && heard[i]->ttl_s == 1);
        heard_destroy(heard[i]);
    }
}

static void
a_deadline_does_not_come_early(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create(), *later = heard_create();

    puppet_dns_add(stage->dns, "silent.example * !silent");
    ask(stage->resolver, "silent.example", RESOLVER_A, heard);
    step(1);
    ask(stage->resolver, "silent.example", RESOLVER_TXT, later);
    step(SPAN_MS - 1);
    assert_true(wait_for(&heard->told));
    assert_int_equal(atomic_load(&later->calls), 0);
    assert_int_equal(counts(stage).late, 1);
    step(1);
    assert_true(wait_for(&later->told));
    assert_int_equal(later->status, RESOLVER_FAILED);
    assert_int_equal(counts(stage).late, 2);
    heard_destroy(heard);
    heard_destroy(later);
}

static void
the_earlier_deadline_comes_first_whenever_it_was_asked(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard[3];
    static const int64_t due_ms[] = {3000, 1000, 2000};
    static const size_t order[] = {1, 2, 0};

    puppet_dns_add(stage->dns, "silent.example * !silent");
    for (size_t i = 0; i < 3; i++) {
        heard[i] = heard_create();
        assert_int_equal(resolver_ask(stage->resolver, "silent.example",
                                      RESOLVER_A,
                                      (struct mono){now().ms + due_ms[i]}, hear,
                                      heard[i], NULL),
                         MS_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        step(1000);
        assert_true(wait_for(&heard[order[i]]->told));
        for (size_t j = i + 1; j < 3; j++)
            assert_int_equal(atomic_load(&heard[order[j]]->calls), 0);
    }
    for (size_t i = 0; i < 3; i++)
        heard_destroy(heard[i]);
}

static void
what_is_due_already_has_failed(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();

    puppet_dns_add(stage->dns, "silent.example * !silent");
    assert_int_equal(resolver_ask(stage->resolver, "silent.example", RESOLVER_A,
                                  now(), hear, heard, NULL),
                     MS_OK);
    assert_true(wait_for(&heard->told));
    assert_int_equal(heard->status, RESOLVER_FAILED);
    heard_destroy(heard);
}

/* An answer behind the deadline is kept for whoever asks again. */
static void
a_late_answer_finds_nobody_but_the_cache(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create(), *patient = heard_create();

    puppet_dns_add(stage->dns, "slow.example A 192.0.2.1");
    puppet_dns_add(stage->dns, "slow.example A !late 300");
    ask(stage->resolver, "slow.example", RESOLVER_A, heard);
    step(1);
    ask(stage->resolver, "slow.example", RESOLVER_A, patient);
    step(SPAN_MS - 1);
    assert_true(wait_for(&heard->told));
    assert_int_equal(heard->status, RESOLVER_FAILED);
    assert_true(wait_for(&patient->told)); /* now it has come */
    assert_int_equal(patient->status, RESOLVER_DATA);
    assert_int_equal(atomic_load(&heard->calls), 1);
    puppet_dns_clear(stage->dns, "slow.example");
    ask_and_wait(stage->resolver, "slow.example", RESOLVER_A, heard);
    assert_int_equal(heard->status, RESOLVER_DATA);
    heard_destroy(heard);
    heard_destroy(patient);
}

static unsigned
descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    (void)closedir(dir);
    return n;
}

static int64_t
real_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
a_hung_server_holds_nobody_up_beyond_the_deadline(void **state)
{
    enum { CROWD = 500 };
    const struct stage *stage = *state;
    struct heard *heard = heard_create();
    struct resolver_counts seen;
    unsigned open_before = descriptors();
    int64_t began_ms;

    puppet_dns_add(stage->dns, "*.hung.example * !silent");
    puppet_dns_add(stage->dns, "sound.example A 192.0.2.1");
    began_ms = real_ms();
    for (unsigned i = 0; i < CROWD; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%u.hung.example", i);
        ask(stage->resolver, name, RESOLVER_A, heard);
    }
    assert_true(real_ms() - began_ms < 2000); /* to ask is not to wait */
    seen = counts(stage);
    assert_int_equal(seen.in_flight, CROWD);
    assert_true(descriptors() - open_before <= RESOLVER_DESCRIPTORS);
    began_ms = real_ms();
    step(SPAN_MS);
    for (unsigned i = 0; i < CROWD; i++)
        assert_true(wait_for(&heard->told));
    assert_true(real_ms() - began_ms < 2000);
    assert_int_equal(counts(stage).late, CROWD);
    /* whoever is answered is not kept from it */
    ask_and_wait(stage->resolver, "sound.example", RESOLVER_A, heard);
    assert_int_equal(heard->status, RESOLVER_DATA);
    heard_destroy(heard);
}

/* ----- too many */

static void
too_many_in_flight_are_not_asked(void **state)
{
    struct stage *stage = *state;
    struct heard *heard = heard_create(), *fifth = heard_create();
    struct resolver_counts seen;

    resolver_destroy(stage->resolver);
    stage->resolver = start(puppet_dns_server(stage->dns), NULL, 4);
    puppet_dns_add(stage->dns, "silent.example * !silent");
    for (unsigned i = 0; i < 4; i++)
        ask(stage->resolver, "silent.example", RESOLVER_A, heard);
    ask_and_wait(stage->resolver, "fifth.example", RESOLVER_A, fifth);
    assert_int_equal(fifth->status, RESOLVER_CROWDED);
    assert_int_equal(puppet_dns_asked(stage->dns, "fifth.example", 0), 0);
    seen = counts(stage);
    assert_int_equal(seen.crowded, 1);
    assert_int_equal(seen.in_flight, 4);
    assert_int_equal(seen.asked, 5);
    assert_int_equal(atomic_load(&heard->calls), 0);
    step(SPAN_MS);
    for (unsigned i = 0; i < 4; i++)
        assert_true(wait_for(&heard->told));
    heard_destroy(heard);
    heard_destroy(fifth);
}

static void
what_was_answered_makes_room(void **state)
{
    struct stage *stage = *state;
    struct heard *heard = heard_create();

    resolver_destroy(stage->resolver);
    stage->resolver = start(puppet_dns_server(stage->dns), NULL, 1);
    for (unsigned i = 0; i < 20; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%u.example", i);
        ask_and_wait(stage->resolver, name, RESOLVER_A, heard);
        assert_int_equal(heard->status, RESOLVER_NXDOMAIN);
    }
    assert_int_equal(counts(stage).in_flight, 0);
    assert_int_equal(counts(stage).answered, 20);
    heard_destroy(heard);
}

/* ----- who has gone */

static void
who_has_gone_hears_nothing(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create(), *other = heard_create();
    struct resolver_question *question = NULL;

    puppet_dns_add(stage->dns, "slow.example A 192.0.2.1");
    puppet_dns_add(stage->dns, "slow.example A !late 100");
    assert_int_equal(resolver_ask(stage->resolver, "slow.example", RESOLVER_A,
                                  deadline(), hear, heard, &question),
                     MS_OK);
    assert_non_null(question);
    ask(stage->resolver, "slow.example", RESOLVER_A, other);
    resolver_forget(question);
    assert_true(wait_for(&other->told)); /* the answer has come */
    step(SPAN_MS);
    ask_and_wait(stage->resolver, "next.example", RESOLVER_A, other);
    assert_int_equal(atomic_load(&heard->calls), 0);
    heard_destroy(heard);
    heard_destroy(other);
}

static void
to_forget_nothing_or_what_is_over_is_fine(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();
    struct resolver_question *question = NULL;

    resolver_forget(NULL);
    assert_int_equal(resolver_ask(stage->resolver, "a.example", RESOLVER_A,
                                  deadline(), hear, heard, &question),
                     MS_OK);
    assert_true(wait_for(&heard->told));
    resolver_forget(question);
    assert_int_equal(atomic_load(&heard->calls), 1);
    heard_destroy(heard);
}

/* A DONE that runs until it is let go. */
struct busy {
    sem_t runs, may_end;
    atomic_bool ended;
    struct resolver_question *question;
    bool forgotten_before_the_end;
};

static void
be_busy(void *arg, const struct resolver_answer *answer)
{
    struct busy *busy = arg;

    (void)answer;
    (void)sem_post(&busy->runs);
    (void)sem_wait(&busy->may_end);
    atomic_store(&busy->ended, true);
}

static void *
forget_busy(void *arg)
{
    struct busy *busy = arg;

    (void)sem_post(&busy->may_end);
    resolver_forget(busy->question);
    busy->forgotten_before_the_end = !atomic_load(&busy->ended);
    return NULL;
}

static void
who_forgets_waits_for_a_callback_that_runs(void **state)
{
    const struct stage *stage = *state;

    for (unsigned i = 0; i < 200; i++) {
        struct busy busy = {0};
        pthread_t thread;

        assert_int_equal(sem_init(&busy.runs, 0, 0), 0);
        assert_int_equal(sem_init(&busy.may_end, 0, 0), 0);
        assert_int_equal(resolver_ask(stage->resolver, "a.example", RESOLVER_A,
                                      deadline(), be_busy, &busy,
                                      &busy.question),
                         MS_OK);
        assert_true(wait_for(&busy.runs));
        assert_int_equal(pthread_create(&thread, NULL, forget_busy, &busy), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_false(busy.forgotten_before_the_end);
        (void)sem_destroy(&busy.runs);
        (void)sem_destroy(&busy.may_end);
    }
}

/* ----- callbacks that call */

struct chain {
    struct resolver *resolver;
    struct resolver_question *question;
    unsigned left;
    sem_t over;
    bool failed;
};

static void
go_on(void *arg, const struct resolver_answer *answer)
{
    struct chain *chain = arg;
    char name[32];

    (void)answer;
    resolver_forget(chain->question);
    chain->question = NULL;
    (void)snprintf(name, sizeof(name), "%u.example", chain->left);
    if (chain->left-- == 0 ||
        resolver_ask(chain->resolver, name, RESOLVER_A, deadline(), go_on,
                     chain, &chain->question) != MS_OK) {
        chain->failed = chain->left != (unsigned)-1;
        (void)sem_post(&chain->over);
    }
}

static void
a_callback_may_forget_itself_and_ask_on(void **state)
{
    const struct stage *stage = *state;
    struct chain chain = {.resolver = stage->resolver, .left = 40};

    assert_int_equal(sem_init(&chain.over, 0, 0), 0);
    assert_int_equal(resolver_ask(stage->resolver, "first.example", RESOLVER_A,
                                  deadline(), go_on, &chain, &chain.question),
                     MS_OK);
    assert_true(wait_for(&chain.over));
    assert_false(chain.failed);
    assert_int_equal(counts(stage).answered, 41);
    (void)sem_destroy(&chain.over);
}

/* ----- the end */

static void
at_the_end_all_in_flight_have_failed(void **state)
{
    struct stage *stage = *state;
    struct heard *heard = heard_create();
    struct resolver_question *question[8];

    puppet_dns_add(stage->dns, "silent.example * !silent");
    for (size_t i = 0; i < ROWS(question); i++)
        assert_int_equal(resolver_ask(stage->resolver, "silent.example",
                                      RESOLVER_A, deadline(), hear, heard,
                                      &question[i]),
                         MS_OK);
    resolver_destroy(stage->resolver);
    stage->resolver = NULL;
    assert_int_equal(atomic_load(&heard->calls), ROWS(question));
    assert_int_equal(heard->status, RESOLVER_FAILED);
    for (size_t i = 0; i < ROWS(question); i++) /* references outlive it */
        resolver_forget(question[i]);
    heard_destroy(heard);
}

struct persistent {
    struct resolver *resolver;
    enum ms_err err;
    struct resolver_question *question;
};

static void
ask_again(void *arg, const struct resolver_answer *answer)
{
    struct persistent *persistent = arg;

    (void)answer;
    persistent->err =
        resolver_ask(persistent->resolver, "again.example", RESOLVER_A,
                     deadline(), ask_again, persistent, &persistent->question);
}

static void
at_the_end_nobody_is_admitted(void **state)
{
    struct stage *stage = *state;
    struct persistent persistent = {.resolver = stage->resolver};

    puppet_dns_add(stage->dns, "silent.example * !silent");
    assert_int_equal(resolver_ask(stage->resolver, "silent.example", RESOLVER_A,
                                  deadline(), ask_again, &persistent, NULL),
                     MS_OK);
    resolver_destroy(stage->resolver);
    stage->resolver = NULL;
    assert_int_equal(persistent.err, MS_UNAVAIL);
    assert_null(persistent.question);
}

/* ----- DNSSEC */

static char *
write_file(const char *text)
{
    char *path = strdup("/tmp/mortsafe-resolver-XXXXXX");
    int fd = mkstemp(path);
    FILE *out;

    assert_true(fd >= 0);
    out = fdopen(fd, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    return path;
}

static void
end_file(char *path)
{
    (void)unlink(path);
    free(path);
}

static void
restart_with_anchor(struct stage *stage, const char *anchor)
{
    char *path = write_file(anchor);

    resolver_destroy(stage->resolver);
    stage->resolver = start(puppet_dns_server(stage->dns), path, 0);
    end_file(path);
}

static void
what_is_signed_is_secure(void **state)
{
    struct stage *stage = *state;
    struct heard *heard = heard_create();
    char anchor[PUPPET_DNS_ANCHOR];

    puppet_dns_add(stage->dns, "www.signed.example TXT v=spf1 -all");
    puppet_dns_add(stage->dns, "www.signed.example TXT another");
    puppet_dns_add(stage->dns, "www.plain.example TXT v=spf1 -all");
    puppet_dns_sign(stage->dns, "signed.example", anchor);
    restart_with_anchor(stage, anchor);
    ask_and_wait(stage->resolver, "www.signed.example", RESOLVER_TXT, heard);
    assert_int_equal(heard->status, RESOLVER_DATA);
    assert_int_equal(heard->n, 2);
    assert_true(heard->secure);
    ask_and_wait(stage->resolver, "www.plain.example", RESOLVER_TXT, heard);
    assert_int_equal(heard->status, RESOLVER_DATA);
    assert_false(heard->secure);
    heard_destroy(heard);
}

static void
a_signature_that_is_wrong_is_no_answer(void **state)
{
    struct stage *stage = *state;
    struct heard *heard = heard_create();
    char anchor[PUPPET_DNS_ANCHOR];

    puppet_dns_add(stage->dns, "www.signed.example TXT v=spf1 +all");
    puppet_dns_sign(stage->dns, "signed.example", anchor);
    puppet_dns_spoil(stage->dns);
    restart_with_anchor(stage, anchor);
    ask_and_wait(stage->resolver, "www.signed.example", RESOLVER_TXT, heard);
    assert_int_equal(heard->status, RESOLVER_FAILED);
    assert_int_equal(heard->n, 0);
    heard_destroy(heard);
}

/* ----- options */

static void
what_cannot_be_used_is_named(void **state)
{
    static const struct {
        const char *row, *server, *anchor, *conf;
        enum ms_err err;
        const char *why;
    } rows[] = {
        {"a name is no server", "dns.example", NULL, NULL, MS_INVALID,
         "`dns.example` is no address"},
        {"a port is a number", "127.0.0.1@dns", NULL, NULL, MS_INVALID,
         "`127.0.0.1@dns`"},
        {"a port is not 0", "127.0.0.1@0", NULL, NULL, MS_INVALID, "@0"},
        {"a port ends at 65535", "127.0.0.1@65536", NULL, NULL, MS_INVALID,
         "@65536"},
        {"a server has an end", "127.0.0.1 ", NULL, NULL, MS_INVALID, "`127"},
        {"IPv6 may have a port", "::1@53", NULL, NULL, MS_OK, ""},
        {"a link's address may have its scope", "fe80::1%lo", NULL, NULL, MS_OK,
         ""},
        {"no other has one", "2001:db8::1%lo", NULL, NULL, MS_INVALID, "%lo"},
        {"an anchor that is not there", "127.0.0.1", "", NULL, MS_INVALID,
         "trust anchor"},
        {"an anchor without a key", "127.0.0.1", "; nothing\n", NULL,
         MS_INVALID, "neither a DS nor a DNSKEY"},
        {"an anchor that is none", "127.0.0.1", ". IN DS 1 what\n", NULL,
         MS_INVALID, "cannot be read"},
        {"a resolv.conf that is not there", NULL, NULL, "", MS_UNAVAIL,
         "write `resolver { server = ADDRESS }`"},
        {"a resolv.conf without a server", NULL, NULL, "search example\n",
         MS_UNAVAIL, "names no server: write `resolver"},
        {"a resolv.conf with a server", NULL, NULL,
         "# nameserver 192.0.2.1\nnameserver\t127.0.0.1 # here\r\n", MS_OK, ""},
        {"a resolv.conf with a server that cannot be", NULL, NULL,
         "nameserver dns.example\nnameserver 127.0.0.1@53\n", MS_UNAVAIL,
         "names no server"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *file = rows[i].conf != NULL ? rows[i].conf : rows[i].anchor;
        char *path = write_file(file != NULL ? file : "");
        struct resolver *resolver = NULL;
        struct resolver_options options = {
            .servers = &rows[i].server,
            .n_servers = rows[i].server != NULL,
            .trust_anchor = rows[i].anchor != NULL ? path : NULL,
            .resolv_conf = path,
            .now = now,
        };
        struct why why = {""};

        if (file != NULL && file[0] == '\0')
            assert_int_equal(unlink(path), 0);
        expect(rows[i].row,
               resolver_create(&options, &resolver, &why) == rows[i].err);
        expect(rows[i].row, strstr(why.text, rows[i].why) != NULL);
        expect(rows[i].row, file == NULL || rows[i].err == MS_OK ||
                                strstr(why.text, path) != NULL);
        expect(rows[i].row, (resolver != NULL) == (rows[i].err == MS_OK));
        resolver_destroy(resolver);
        end_file(path);
    }
}

static void
the_servers_are_those_of_resolv_conf(void **state)
{
    char *path = write_file("domain example\n"
                            "nameserver 192.0.2.1\n"
                            "  nameserver 2001:db8::1\n"
                            "nameserver nonsense\n"
                            "options edns0\n");
    struct resolver_options options = {.resolv_conf = path, .now = now};
    struct resolver *resolver = NULL;
    const char *server[4];

    (void)state;
    assert_int_equal(resolver_create(&options, &resolver, NULL), MS_OK);
    assert_int_equal(resolver_servers(resolver, server, ROWS(server)), 2);
    assert_string_equal(server[0], "192.0.2.1");
    assert_string_equal(server[1], "2001:db8::1");
    resolver_destroy(resolver);
    end_file(path);
}

static void
there_are_eight_servers_at_most(void **state)
{
    const char *servers[RESOLVCONF_MOST + 1];
    struct resolver_options options = {.servers = servers, .now = now};
    struct resolver *resolver = NULL;
    struct why why;

    (void)state;
    for (size_t i = 0; i < ROWS(servers); i++)
        servers[i] = "127.0.0.1";
    options.n_servers = ROWS(servers);
    assert_int_equal(resolver_create(&options, &resolver, &why), MS_INVALID);
    assert_string_equal(why.text, "more than 8 resolvers");
    options.n_servers--;
    assert_int_equal(resolver_create(&options, &resolver, &why), MS_OK);
    resolver_destroy(resolver);
}

/* ----- what it takes */

/* Threads that block what a daemon is sent. */
static unsigned
deaf_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[300], line[128];
        unsigned long long mask = 0;
        FILE *in;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/status",
                       entry->d_name);
        in = entry->d_name[0] != '.' ? fopen(path, "re") : NULL;
        if (in == NULL)
            continue;
        while (fgets(line, sizeof(line), in) != NULL)
            if (strncmp(line, "SigBlk:", 7) == 0)
                mask = strtoull(line + 7, NULL, 16);
        (void)fclose(in);
        n += (mask & 0x5a03) == 0x5a03; /* HUP INT USR1 USR2 PIPE TERM */
    }
    (void)closedir(dir);
    return n;
}

static void
its_two_threads_take_no_signals(void **state)
{
    struct stage *stage = *state;
    struct heard *heard = heard_create();
    unsigned others;

    resolver_destroy(stage->resolver);
    others = deaf_threads(); /* a sanitizer's, say */
    stage->resolver = start(puppet_dns_server(stage->dns), NULL, 0);
    ask_and_wait(stage->resolver, "a.example", RESOLVER_A, heard);
    assert_int_equal(deaf_threads() - others, 2);
    heard_destroy(heard);
}

static long
resident_kib(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");

    assert_non_null(in);
    assert_int_equal(fscanf(in, "%*d %ld", &pages), 1);
    (void)fclose(in);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

enum { FLOOD = 10000, AT_ONCE = 100 };

/* FLOOD questions, ROUND telling them from those of other rounds. */
static void
flood(const struct stage *stage, unsigned round, struct heard *heard)
{
    for (unsigned i = 0; i < FLOOD; i++) {
        char name[48];

        if (i >= AT_ONCE)
            assert_true(wait_for(&heard->told));
        /* of each four: an answer, the same from the cache, a no, a failure */
        (void)snprintf(name, sizeof(name), "%u.%u.%s.example", i / 4 * 4, round,
                       i % 4 < 2    ? "yes"
                       : i % 4 == 2 ? "no"
                                    : "fail");
        ask(stage->resolver, name, RESOLVER_TXT, heard);
    }
    for (unsigned i = 0; i < AT_ONCE; i++)
        assert_true(wait_for(&heard->told));
}

/* Its caches may grow to 12 MiB. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CACHES_KIB = 128 * 1024 }; /* with what those keep of each octet */
#else
enum { CACHES_KIB = 14 * 1024 };
#endif

static void
memory_and_descriptors_stay_over_10000_questions(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();
    unsigned open_before;
    long before_kib;

    puppet_dns_add(stage->dns, "*.yes.example TXT v=spf1 -all");
    puppet_dns_add(stage->dns, "*.fail.example TXT !servfail");
    ask_and_wait(stage->resolver, "first.example", RESOLVER_A, heard);
    open_before = descriptors();
    before_kib = resident_kib();
    flood(stage, 1, heard);
    assert_int_equal(counts(stage).in_flight, 0);
    assert_int_equal(counts(stage).crowded, 0);
    assert_int_equal(counts(stage).late, 0);
    assert_int_equal(counts(stage).answered, 1 + FLOOD / 4 * 3);
    assert_int_equal(counts(stage).failed, FLOOD / 4);
    assert_int_equal(descriptors(), open_before);
    assert_true(resident_kib() - before_kib < CACHES_KIB);
    heard_destroy(heard);
}

/* ----- libunbound does not want to */

/* What it says to a question; a deadline may pass before it does. */
static struct {
    int err;
    long long takes_ms;
    struct heard *heard;
} refusal;

int __wrap_ub_resolve_async(struct ub_ctx *ub, const char *name, int type,
                            int class, void *arg, ub_callback_type done,
                            int *id);
int __real_ub_resolve_async(struct ub_ctx *ub, const char *name, int type,
                            int class, void *arg, ub_callback_type done,
                            int *id);

int
__wrap_ub_resolve_async(struct ub_ctx *ub, const char *name, int type,
                        int class, void *arg, ub_callback_type done, int *id)
{
    if (refusal.err == 0)
        return __real_ub_resolve_async(ub, name, type, class, arg, done, id);
    if (refusal.takes_ms > 0) {
        step(refusal.takes_ms);
        assert_true(wait_for(&refusal.heard->told));
    }
    return refusal.err;
}

static void
what_libunbound_refuses_is_an_error(void **state)
{
    static const struct {
        const char *row;
        int err;
        enum ms_err told;
    } rows[] = {
        {"a name that it does not like is none", UB_SYNTAX, MS_INVALID},
        {"it has no memory", UB_NOMEM, MS_NOMEM},
        {"its thread is gone", UB_PIPE, MS_UNAVAIL},
    };
    const struct stage *stage = *state;
    struct heard *heard = heard_create();

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct resolver_question *question = NULL;

        refusal.err = rows[i].err;
        expect(rows[i].row, resolver_ask(stage->resolver, "a.example",
                                         RESOLVER_A, deadline(), hear, heard,
                                         &question) == rows[i].told);
        expect(rows[i].row, question == NULL);
        expect(rows[i].row,
               resolver_ask(stage->resolver, "a.example", RESOLVER_A,
                            deadline(), hear, heard, NULL) == rows[i].told);
        refusal.err = 0;
    }
    step(SPAN_MS);
    assert_int_equal(counts(stage).asked, 0);
    assert_int_equal(counts(stage).in_flight, 0);
    ask_and_wait(stage->resolver, "a.example", RESOLVER_A, heard);
    assert_int_equal(atomic_load(&heard->calls), 1);
    heard_destroy(heard);
}

/* DONE has been called, so to say "error" would be to say it twice. */
static void
what_is_refused_behind_its_deadline_is_no_error(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();
    struct resolver_question *question = NULL;

    refusal.err = UB_PIPE;
    refusal.takes_ms = SPAN_MS;
    refusal.heard = heard;
    assert_int_equal(resolver_ask(stage->resolver, "a.example", RESOLVER_A,
                                  deadline(), hear, heard, &question),
                     MS_OK);
    refusal.err = 0;
    refusal.takes_ms = 0;
    assert_int_equal(heard->status, RESOLVER_FAILED);
    assert_int_equal(counts(stage).late, 1);
    assert_int_equal(counts(stage).in_flight, 0);
    resolver_forget(question);
    assert_int_equal(atomic_load(&heard->calls), 1);
    heard_destroy(heard);
}

static void
without_a_first_question_there_is_no_resolver(void **state)
{
    const struct stage *stage = *state;
    const char *server = puppet_dns_server(stage->dns);
    struct resolver_options options = {
        .servers = &server, .n_servers = 1, .now = now};
    struct resolver *resolver = NULL;
    unsigned open_before = descriptors();
    struct why why;

    refusal.err = UB_PIPE;
    assert_int_equal(resolver_create(&options, &resolver, &why), MS_UNAVAIL);
    refusal.err = 0;
    assert_string_equal(why.text, "no thread for the DNS");
    assert_null(resolver);
    assert_int_equal(descriptors(), open_before);
}

/* ----- all at once */

enum { ASKERS = 6, QUESTIONS = 400, KEPT = 8 };

struct asker {
    pthread_t thread;
    struct resolver *resolver;
    unsigned number;
    atomic_uint told; /* that were not forgotten before */
    unsigned forgotten;
};

/* What DONE is handed; it must not be touched once it is forgotten. */
struct promise {
    struct asker *asker;
    struct resolver_question *question;
    atomic_bool told;
};

static void
keep_promise(void *arg, const struct resolver_answer *answer)
{
    struct promise *promise = arg;

    (void)answer;
    atomic_store(&promise->told, true);
    (void)atomic_fetch_add(&promise->asker->told, 1);
}

static void
give_up(struct asker *asker, struct promise *promise)
{
    if (promise == NULL)
        return;
    resolver_forget(promise->question);
    if (!atomic_load(&promise->told))
        asker->forgotten++;
    free(promise);
}

static void *
ask_and_go(void *arg)
{
    static const char *const zones[] = {"yes", "no", "silent", "slow"};
    struct asker *asker = arg;
    struct promise *kept[KEPT] = {NULL};

    for (unsigned i = 0; i < QUESTIONS; i++) {
        struct promise *promise = calloc(1, sizeof(*promise));
        char name[48];

        if (promise == NULL)
            abort();
        promise->asker = asker;
        give_up(asker, kept[i % KEPT]);
        (void)snprintf(name, sizeof(name), "%u.%u.%s.example", i % 50,
                       asker->number, zones[i % 4]);
        if (resolver_ask(asker->resolver, name, RESOLVER_TXT,
                         (struct mono){now().ms + i % 3}, keep_promise, promise,
                         &promise->question) != MS_OK)
            abort();
        kept[i % KEPT] = promise;
        step(i % 2);
    }
    for (unsigned i = 0; i < KEPT; i++)
        give_up(asker, kept[i]);
    return NULL;
}

static void
answers_deadlines_and_forgetting_meet(void **state)
{
    struct stage *stage = *state;
    struct asker asker[ASKERS] = {0};

    puppet_dns_add(stage->dns, "*.yes.example TXT v=spf1 -all");
    puppet_dns_add(stage->dns, "*.silent.example TXT !silent");
    puppet_dns_add(stage->dns, "*.slow.example TXT v=spf1 -all");
    puppet_dns_add(stage->dns, "*.slow.example TXT !late 5");
    resolver_destroy(stage->resolver);
    stage->resolver = start(puppet_dns_server(stage->dns), NULL, 64);
    for (unsigned i = 0; i < ASKERS; i++) {
        asker[i].resolver = stage->resolver;
        asker[i].number = i;
        assert_int_equal(
            pthread_create(&asker[i].thread, NULL, ask_and_go, &asker[i]), 0);
    }
    for (unsigned i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_join(asker[i].thread, NULL), 0);
    for (unsigned i = 0; i < ASKERS; i++)
        assert_int_equal(atomic_load(&asker[i].told) + asker[i].forgotten,
                         QUESTIONS);
    assert_int_equal(counts(stage).asked, ASKERS * QUESTIONS);
}

/* ----- no memory */

static void
without_memory_nothing_is_asked(void **state)
{
    const struct stage *stage = *state;
    struct heard *heard = heard_create();
    struct resolver_question *question = NULL;

    scarce_set_here(1);
    assert_int_equal(resolver_ask(stage->resolver, "a.example", RESOLVER_A,
                                  deadline(), hear, heard, &question),
                     MS_NOMEM);
    scarce_set_here(0);
    assert_null(question);
    assert_int_equal(counts(stage).asked, 0);
    assert_int_equal(atomic_load(&heard->calls), 0);
    heard_destroy(heard);
}

static void
without_memory_there_is_no_resolver(void **state)
{
    char *conf = write_file("nameserver 127.0.0.1\n");
    struct resolver_options options = {.resolv_conf = conf, .now = now};
    struct resolver *resolver = NULL;
    unsigned long n = 0;
    enum ms_err err;

    (void)state;
    do {
        scarce_set_here(++n);
        err = resolver_create(&options, &resolver, NULL);
        assert_true(err == MS_OK || (err == MS_NOMEM && resolver == NULL));
    } while (err != MS_OK);
    scarce_set_here(0);
    assert_true(n > 2);
    resolver_destroy(resolver);
    end_file(conf);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        STAGED(test_answers),
        STAGED(only_what_is_missing_is_told_as_cut),
        STAGED(a_ttl_is_at_least_a_second),
        STAGED(what_is_known_is_not_asked_again),
        STAGED(a_crowd_with_one_question_asks_it_once),
        STAGED(no_such_name_can_be),
        STAGED(a_name_has_253_octets_at_most),
        STAGED(without_an_answer_it_has_failed_at_the_deadline),
        STAGED(a_deadline_does_not_come_early),
        STAGED(the_earlier_deadline_comes_first_whenever_it_was_asked),
        STAGED(what_is_due_already_has_failed),
        STAGED(a_late_answer_finds_nobody_but_the_cache),
        STAGED(a_hung_server_holds_nobody_up_beyond_the_deadline),
        STAGED(too_many_in_flight_are_not_asked),
        STAGED(what_was_answered_makes_room),
        STAGED(who_has_gone_hears_nothing),
        STAGED(to_forget_nothing_or_what_is_over_is_fine),
        STAGED(who_forgets_waits_for_a_callback_that_runs),
        STAGED(a_callback_may_forget_itself_and_ask_on),
        STAGED(at_the_end_all_in_flight_have_failed),
        STAGED(at_the_end_nobody_is_admitted),
        STAGED(what_is_signed_is_secure),
        STAGED(a_signature_that_is_wrong_is_no_answer),
        cmocka_unit_test(what_cannot_be_used_is_named),
        cmocka_unit_test(the_servers_are_those_of_resolv_conf),
        cmocka_unit_test(there_are_eight_servers_at_most),
        STAGED(its_two_threads_take_no_signals),
        STAGED(memory_and_descriptors_stay_over_10000_questions),
        STAGED(what_libunbound_refuses_is_an_error),
        STAGED(what_is_refused_behind_its_deadline_is_no_error),
        STAGED(without_a_first_question_there_is_no_resolver),
        STAGED(answers_deadlines_and_forgetting_meet),
        STAGED(without_memory_nothing_is_asked),
        cmocka_unit_test(without_memory_there_is_no_resolver),
    };

    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
