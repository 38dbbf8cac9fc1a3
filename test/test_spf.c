/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine, with a DNS server of its own: mortsafe-spf as it is, and a worker
 * that ends at every step there is.
 */
#include <config.h>

#include "policy/dns/spf.h"

#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/dns/resolver.h"
#include "policy/dns/spf_process.h"
#include "policy/dns/spf_wire.h"
#include "test/puppet_dns.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { LINES = 8, LONG_MS = 20000 };

static char real_worker[PATH_MAX], puppet[PATH_MAX], folder[PATH_MAX];
static struct puppet_dns *dns;
static struct resolver *resolver;

static struct mono
now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (struct mono){t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

/* ----- who asks, and is told */

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    unsigned n;
    struct spf_finding found;
    char line[LINES][512];
    unsigned lines;
};

static struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .cond = PTHREAD_COND_INITIALIZER};

static void
say(void *arg, const char *text)
{
    struct heard *h = arg;

    pthread_mutex_lock(&h->lock);
    if (h->lines < LINES)
        (void)snprintf(h->line[h->lines], sizeof(h->line[0]), "%s", text);
    h->lines++;
    pthread_mutex_unlock(&h->lock);
}

static void
done(void *arg, const struct spf_finding *found)
{
    struct heard *h = arg;

    pthread_mutex_lock(&h->lock);
    h->found = *found;
    h->n++;
    pthread_cond_signal(&h->cond);
    pthread_mutex_unlock(&h->lock);
}

static void
wait_for(unsigned n)
{
    pthread_mutex_lock(&heard.lock);
    while (heard.n < n)
        pthread_cond_wait(&heard.cond, &heard.lock);
    pthread_mutex_unlock(&heard.lock);
}

static enum ms_err
begin_for(struct spf *spf, const char *sender, int64_t ms,
          struct spf_task **task)
{
    static struct sockaddr_in client = {.sin_family = AF_INET};
    const struct spf_ask ask = {.client = (struct sockaddr *)&client,
                                .helo = "mail.example",
                                .sender = sender,
                                .receiver = "here.example"};

    client.sin_addr.s_addr = htonl(0xc0000201);
    return spf_begin(spf, &ask, (struct mono){now().ms + ms}, done, &heard,
                     task);
}

static struct spf_finding
evaluate(struct spf *spf, const char *sender)
{
    unsigned n = heard.n;

    assert_int_equal(begin_for(spf, sender, LONG_MS, NULL), MS_OK);
    wait_for(n + 1);
    return heard.found;
}

static struct spf *
start(const char *program)
{
    const struct spf_options options = {
        .program = program, .now = now, .say = say, .arg = &heard};
    struct spf *spf = NULL;
    struct why why;

    heard.n = heard.lines = 0;
    if (spf_create(&options, &spf, &why) != MS_OK)
        fail_msg("%s", why.text);
    assert_int_equal(spf_run(spf, resolver), MS_OK);
    return spf;
}

/* ----- mortsafe-spf */

static void
the_worker_answers_from_its_sandbox(void **state)
{
    static const struct {
        const char *record;
        enum spf_result result;
    } rows[] = {{"v=spf1 ip4:192.0.2.0/24 -all", SPF_PASS},
                {"v=spf1 -all", SPF_FAIL},
                {"v=spf1 ~all", SPF_SOFTFAIL},
                {"v=spf1 ?all", SPF_NEUTRAL},
                {"v=spf1 moo", SPF_PERMERROR},
                {"v=spf1 mx -all", SPF_PASS},
                {"v=spf1 include:inc.example -all", SPF_PASS},
                {"v=spf1 exists:%{ir}.%{v}.%{d} -all", SPF_PASS},
                {"v=spf1 ptr:names.example -all", SPF_PASS},
                {"no record", SPF_NONE}};
    struct spf *spf = start(real_worker);
    struct spf_counts counts;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char line[256], sender[64];

        (void)snprintf(line, sizeof(line), "r%zu.example TXT %s", i,
                       rows[i].record);
        puppet_dns_add(dns, line);
        (void)snprintf(line, sizeof(line), "r%zu.example MX 10 mx.example", i);
        puppet_dns_add(dns, line);
        (void)snprintf(line, sizeof(line),
                       "1.2.0.192.in-addr.r%zu.example A 127.0.0.2", i);
        puppet_dns_add(dns, line);
        (void)snprintf(sender, sizeof(sender), "u@r%zu.example", i);
        expect(rows[i].record, evaluate(spf, sender).result == rows[i].result);
    }
    spf_counts(spf, &counts);
    assert_true(counts.alive);
    assert_int_equal(counts.deaths, 0);
    assert_int_equal(counts.in_flight, 0);
    assert_int_equal(counts.done[SPF_PASS], 5);
    spf_destroy(spf);
    assert_int_equal(heard.lines, 0);
}

/* What has been asked is not asked again, but where servers failed. */
static void
known_answers_are_not_asked_for_again(void **state)
{
    struct spf *spf = start(real_worker);
    struct resolver_counts first, again;

    (void)state;
    puppet_dns_add_ttl(dns, "known.example TXT v=spf1 mx -all", 300);
    puppet_dns_add_ttl(dns, "known.example MX 10 mx.example", 300);
    puppet_dns_add(dns, "ailing.example TXT !servfail");
    assert_int_equal(evaluate(spf, "u@known.example").result, SPF_PASS);
    resolver_counts(resolver, &first);
    for (int i = 0; i < 20; i++)
        assert_int_equal(evaluate(spf, "u@KNOWN.example").result, SPF_PASS);
    resolver_counts(resolver, &again);
    assert_int_equal(again.asked, first.asked);
    assert_int_equal(evaluate(spf, "u@ailing.example").result, SPF_TEMPERROR);
    assert_int_equal(evaluate(spf, "u@ailing.example").result, SPF_TEMPERROR);
    resolver_counts(resolver, &again);
    assert_int_equal(again.asked, first.asked + 2);
    spf_destroy(spf);
}

static void
servers_that_fail_are_a_temperror(void **state)
{
    struct spf *spf = start(real_worker);

    (void)state;
    puppet_dns_add(dns, "broken.example TXT !servfail");
    puppet_dns_add(dns, "refused.example TXT !refused");
    assert_int_equal(evaluate(spf, "u@broken.example").result, SPF_TEMPERROR);
    assert_int_equal(evaluate(spf, "u@refused.example").result, SPF_TEMPERROR);
    assert_int_equal(evaluate(spf, "u@nowhere.example").result, SPF_NONE);
    spf_destroy(spf);
}

static void
many_at_once_are_all_answered(void **state)
{
    struct spf *spf = start(real_worker);

    (void)state;
    puppet_dns_add(dns, "many.example TXT v=spf1 mx -all");
    puppet_dns_add(dns, "many.example MX 10 mx.example");
    for (int i = 0; i < 200; i++)
        assert_int_equal(begin_for(spf, "u@many.example", LONG_MS, NULL),
                         MS_OK);
    wait_for(200);
    spf_destroy(spf);
    assert_int_equal(heard.found.result, SPF_PASS);
}

static void
too_many_at_once_are_turned_away(void **state)
{
    struct spf *spf = start(real_worker);
    unsigned taken = 0;

    (void)state;
    puppet_dns_add(dns, "quiet.example TXT !silent");
    while (begin_for(spf, "u@quiet.example", LONG_MS, NULL) == MS_OK)
        taken++;
    assert_int_equal(taken, 512);
    spf_destroy(spf);
    assert_int_equal(heard.n, 512); /* each is told, with a temperror */
    assert_int_equal(heard.found.result, SPF_TEMPERROR);
}

static void
what_is_not_known_by_the_deadline_is_a_temperror(void **state)
{
    struct spf *spf = start(real_worker);

    (void)state;
    puppet_dns_add(dns, "quiet.example TXT !silent");
    assert_int_equal(begin_for(spf, "u@quiet.example", 150, NULL), MS_OK);
    wait_for(1);
    assert_int_equal(heard.found.result, SPF_TEMPERROR);
    spf_destroy(spf);
}

static void
who_has_gone_hears_nothing(void **state)
{
    struct spf *spf = start(real_worker);
    struct spf_task *task;

    (void)state;
    puppet_dns_add(dns, "quiet.example TXT !silent");
    for (int i = 0; i < 50; i++) {
        assert_int_equal(begin_for(spf, "u@quiet.example", LONG_MS, &task),
                         MS_OK);
        spf_forget(task);
    }
    spf_forget(NULL);
    spf_destroy(spf);
    assert_int_equal(heard.n, 0);
}

static void
tasks_of_an_engine_that_never_ran_end_with_it(void **state)
{
    const struct spf_options options = {
        .program = real_worker, .now = now, .say = say, .arg = &heard};
    struct spf *spf;
    struct why why;

    (void)state;
    heard.n = 0;
    assert_int_equal(spf_create(&options, &spf, &why), MS_OK);
    assert_int_equal(begin_for(spf, "u@quiet.example", LONG_MS, NULL), MS_OK);
    spf_destroy(spf);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.found.result, SPF_TEMPERROR);
}

/* ----- memory that runs out */

static void
each_allocation_may_fail(void **state)
{
    const struct spf_options options = {
        .program = real_worker, .now = now, .say = say, .arg = &heard};
    bool whole = false;

    (void)state;
    for (unsigned long n = 1; !whole; n++) {
        struct spf *spf = NULL;
        struct why why;

        heard.n = 0;
        scarce_set_here(n);
        if (spf_create(&options, &spf, &why) == MS_OK)
            (void)begin_for(spf, "u@a.example", LONG_MS, NULL);
        whole = scarce_left() > 0;
        scarce_set_here(0);
        spf_destroy(spf);
        assert_int_equal(heard.n, whole ? 1 : 0);
        assert_true(n < 50);
    }
}

/* ----- workers that end */

/* A worker of that NAME. */
static const char *
worker(const char *name)
{
    static char path[PATH_MAX + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)unlink(path);
    assert_int_equal(symlink(puppet, path), 0);
    return path;
}

static void
one_that_does_not_come_up_is_told(void **state)
{
    static const struct {
        const char *name, *why;
    } rows[] = {
        {"dies-first", "did not come up (killed)"},
        {"leaves-first", "did not come up (ended with status 7)"},
        {"of-another-version", "not of this version of mortsafe (killed)"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct spf_options options = {.program = worker(rows[i].name),
                                            .now = now};
        struct spf *spf = NULL;
        struct why why;

        expect(rows[i].name, spf_create(&options, &spf, &why) == MS_UNAVAIL);
        expect(rows[i].name, strstr(why.text, rows[i].why) != NULL);
        expect(rows[i].name, spf == NULL);
    }
}

static void
a_program_that_is_not_there_is_told(void **state)
{
    const struct spf_options options = {.program = "/nonexistent/mortsafe-spf",
                                        .now = now};
    struct spf *spf = NULL;
    struct why why;

    (void)state;
    assert_int_equal(spf_create(&options, &spf, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, "/nonexistent/mortsafe-spf"));
}

static const struct death {
    const char *sender, *line;
} deaths[] = {
    {"u@die.example", "mortsafe-spf died: killed, over the SPF record of "
                      "die.example"},
    {"u@leave.example", "mortsafe-spf died: ended with status 7, over the SPF "
                        "record of leave.example"},
    {"u@half.example", "mortsafe-spf said what is no answer: killed, over the "
                       "SPF record of half.example"},
    {"u@garbage.example", "mortsafe-spf said what is no answer: killed, over "
                          "the SPF record of garbage.example"},
    {"u@much.example", "mortsafe-spf said what is no answer: killed, over the "
                       "SPF record of much.example"},
    {"u@hang.example", "mortsafe-spf ran for over 100 ms: killed, over the SPF "
                       "record of hang.example"},
};

static void
a_death_costs_one_evaluation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(deaths); i++) {
        struct spf *spf = start(worker("puppet"));
        struct spf_counts counts;

        expect(deaths[i].sender,
               evaluate(spf, deaths[i].sender).result == SPF_TEMPERROR);
        expect(deaths[i].sender,
               evaluate(spf, "u@well.example").result == SPF_PASS);
        spf_counts(spf, &counts);
        expect(deaths[i].sender, counts.deaths == 1 && counts.restarts == 1);
        expect(deaths[i].sender, counts.alive);
        spf_destroy(spf);
        expect(deaths[i].sender, heard.lines == 1);
        expect(deaths[i].sender, strcmp(heard.line[0], deaths[i].line) == 0);
    }
}

static void
one_that_dies_when_it_is_idle_is_replaced(void **state)
{
    struct spf *spf = start(worker("dies-then"));
    struct spf_counts counts;

    (void)state;
    assert_int_equal(evaluate(spf, "u@well.example").result, SPF_TEMPERROR);
    spf_counts(spf, &counts);
    assert_int_equal(counts.deaths, 1);
    spf_destroy(spf);
}

static void
deaths_in_a_row_are_not_told_without_end(void **state)
{
    struct spf *spf = start(worker("puppet"));

    (void)state;
    for (int i = 0; i < 40; i++) {
        /* the worker that is well ends the row, so that nobody waits */
        assert_int_equal(evaluate(spf, "u@die.example").result, SPF_TEMPERROR);
        assert_int_equal(evaluate(spf, "u@well.example").result, SPF_PASS);
    }
    spf_destroy(spf);
    assert_int_equal(heard.lines, 5);
}

/* However many wait for a worker that does not come, nobody waits for the
 * others. */
static void
without_a_worker_all_end_in_time(void **state)
{
    enum { MANY = 400, SOON_MS = 200, LATE_MS = 4000 };
    const char *path = worker("dies-then");
    struct spf *spf = start(path);
    struct spf_counts counts;
    int64_t began_ms;

    (void)state;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(evaluate(spf, "u@well.example").result, SPF_TEMPERROR);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(begin_for(spf, "u@well.example", LONG_MS, NULL),
                         MS_OK);
    began_ms = now().ms;
    assert_int_equal(begin_for(spf, "u@well.example", SOON_MS, NULL), MS_OK);
    wait_for(2);
    assert_true(now().ms - began_ms < LATE_MS);
    assert_int_equal(heard.found.result, SPF_TEMPERROR);
    spf_counts(spf, &counts);
    assert_false(counts.alive);
    assert_int_equal(counts.in_flight, MANY);
    spf_destroy(spf);
    assert_int_equal(heard.n, 2 + MANY);
}

static void
deaths_in_a_row_are_waited_for(void **state)
{
    struct spf *spf = start(worker("puppet"));
    struct spf_counts counts;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(begin_for(spf, "u@die.example", LONG_MS, NULL), MS_OK);
    /* three at once, 50 ms, 100 ms: none of them is a waste of the budget */
    wait_for(5);
    spf_counts(spf, &counts);
    assert_int_equal(counts.deaths, 5);
    spf_destroy(spf);
}

static void
one_that_has_worked_for_long_is_relieved(void **state)
{
    struct spf *spf = start(worker("puppet"));
    struct spf_counts counts;

    (void)state;
    for (int i = 0; i < 4100; i++)
        assert_int_equal(evaluate(spf, "u@well.example").result, SPF_PASS);
    spf_counts(spf, &counts);
    assert_true(counts.alive);
    assert_int_equal(counts.restarts, 1);
    assert_int_equal(counts.deaths, 0);
    spf_destroy(spf);
    assert_int_equal(heard.lines, 0);
}

static void
one_that_asks_for_ever_comes_to_an_end(void **state)
{
    struct spf *spf = start(worker("puppet"));
    struct spf_counts counts;

    (void)state;
    assert_int_equal(evaluate(spf, "u@ask.example").result, SPF_PERMERROR);
    spf_counts(spf, &counts);
    assert_int_equal(counts.deaths, 0);
    spf_destroy(spf);
}

/* ----- the process by itself */

static void
kill_it_at(unsigned step)
{
    static const uint8_t request[] = "M\1\2\0\0\0\0\x19\4\xc0\0\2\1"
                                     "\0\2h\0\0\2s\0\0\2r";
    uint8_t reply[SPF_REPLY];
    struct spf_process process;
    struct why why;
    char how[SPF_HOW];
    size_t len;
    enum ms_err err;

    assert_int_equal(spf_process_start(real_worker, &process, &why), MS_OK);
    for (unsigned i = 0; i < step; i++)
        assert_int_equal(spf_process_ask(&process, request, sizeof(request),
                                         1000, reply, sizeof(reply), &len),
                         MS_OK);
    assert_int_equal(kill(process.pid, SIGKILL), 0);
    err = spf_process_ask(&process, request, sizeof(request), 1000, reply,
                          sizeof(reply), &len);
    if (err == MS_OK) /* it was quicker: then it is the next that fails */
        err = spf_process_ask(&process, request, sizeof(request), 1000, reply,
                              sizeof(reply), &len);
    assert_int_equal(err, MS_UNAVAIL);
    spf_process_end(&process, how);
    assert_string_equal(how, "killed");
}

static void
mortsafe_spf_may_be_killed_between_any_two_requests(void **state)
{
    (void)state;
    for (unsigned step = 0; step < 3; step++)
        kill_it_at(step);
}

/* Does the process's status say LINE? */
static bool
status_says(pid_t pid, const char *line)
{
    char path[64], text[256];
    bool said = false;
    FILE *in;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(text, sizeof(text), in) != NULL)
        said = said || strcmp(text, line) == 0;
    fclose(in);
    return said;
}

static void
the_door_is_closed_before_the_first_request(void **state)
{
    struct spf_process process;
    char how[SPF_HOW];
    struct why why;

    (void)state;
    assert_int_equal(spf_process_start(real_worker, &process, &why), MS_OK);
    assert_true(status_says(process.pid, "NoNewPrivs:\t1\n"));
#ifndef MS_SANITIZED
    assert_true(status_says(process.pid, "Seccomp:\t2\n")); /* a filter */
#endif
    spf_process_end(&process, how);
}

static void
what_is_no_request_ends_it(void **state)
{
    uint8_t reply[SPF_REPLY];
    struct spf_process process;
    struct why why;
    char how[SPF_HOW];
    size_t len;

    (void)state;
    assert_int_equal(spf_process_start(real_worker, &process, &why), MS_OK);
    assert_int_equal(spf_process_ask(&process, (const uint8_t *)"hello", 5,
                                     1000, reply, sizeof(reply), &len),
                     MS_UNAVAIL);
    spf_process_end(&process, how);
    assert_string_equal(how, "ended with status 1");
}

/* ----- */

static int
open_all(void **state)
{
    const char *where = getenv("top_builddir");
    struct resolver_options options = {.now = now};
    const char *server;
    struct why why;
    char here[] = "/tmp/mortsafe-spf.XXXXXX", top[PATH_MAX - 64];
    char *whole = realpath(where != NULL ? where : ".", NULL);

    (void)state;
    if (whole == NULL) /* links are made to what is in there */
        return 1;
    (void)snprintf(top, sizeof(top), "%s", whole);
    free(whole);
    (void)snprintf(real_worker, sizeof(real_worker), "%s/mortsafe-spf", top);
    (void)snprintf(puppet, sizeof(puppet), "%s/test/spf_puppet", top);
    if (mkdtemp(here) == NULL)
        return 1;
    (void)snprintf(folder, sizeof(folder), "%s", here);
    dns = puppet_dns_start();
    server = puppet_dns_server(dns);
    options.servers = &server;
    options.n_servers = 1;
    puppet_dns_add(dns, "mx.example A 192.0.2.1");
    puppet_dns_add(dns, "inc.example TXT v=spf1 a:mx.example ?all");
    puppet_dns_add(dns, "1.2.0.192.in-addr.arpa PTR a.names.example");
    puppet_dns_add(dns, "a.names.example A 192.0.2.1");
    return resolver_create(&options, &resolver, &why) != MS_OK;
}

static int
close_all(void **state)
{
    static const char *const names[] = {"dies-first", "leaves-first",
                                        "of-another-version", "dies-then",
                                        "puppet"};

    (void)state;
    resolver_destroy(resolver);
    puppet_dns_stop(dns);
    for (size_t i = 0; i < ROWS(names); i++) {
        char path[PATH_MAX + 64];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worker_answers_from_its_sandbox),
        cmocka_unit_test(known_answers_are_not_asked_for_again),
        cmocka_unit_test(servers_that_fail_are_a_temperror),
        cmocka_unit_test(many_at_once_are_all_answered),
        cmocka_unit_test(too_many_at_once_are_turned_away),
        cmocka_unit_test(what_is_not_known_by_the_deadline_is_a_temperror),
        cmocka_unit_test(who_has_gone_hears_nothing),
        cmocka_unit_test(tasks_of_an_engine_that_never_ran_end_with_it),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(one_that_does_not_come_up_is_told),
        cmocka_unit_test(a_program_that_is_not_there_is_told),
        cmocka_unit_test(a_death_costs_one_evaluation),
        cmocka_unit_test(one_that_dies_when_it_is_idle_is_replaced),
        cmocka_unit_test(deaths_in_a_row_are_not_told_without_end),
        cmocka_unit_test(without_a_worker_all_end_in_time),
        cmocka_unit_test(deaths_in_a_row_are_waited_for),
        cmocka_unit_test(one_that_has_worked_for_long_is_relieved),
        cmocka_unit_test(one_that_asks_for_ever_comes_to_an_end),
        cmocka_unit_test(mortsafe_spf_may_be_killed_between_any_two_requests),
        cmocka_unit_test(the_door_is_closed_before_the_first_request),
        cmocka_unit_test(what_is_no_request_ends_it),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
