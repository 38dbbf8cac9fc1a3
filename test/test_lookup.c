/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's look-ups with a resolver, mortsafe-spf and a DNS server of our
 * own behind them.  What is not to be known in time is not answered at all.
 */
#include <config.h>

#include "milter/lookup/lookup.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "milter/journal.h"
#include "milter/lookup/put_off.h"
#include "milter/now.h"
#include "policy/dns/gate.h"
#include "policy/dns/resolvconf.h"
#include "test/puppet_dns.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { PATIENCE_MS = 20000, LOG_ROOM = 1 << 16 };

/* A daemon's part, its server and its log. */
struct lab {
    struct puppet_dns *dns;
    struct config *config;
    struct journal *journal;
    FILE *log;
    struct lookup *lookup;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
    } client;
};

static char program[4096];      /* mortsafe-spf of this build */
static const char *resolv_conf; /* the server in it; NULL: it is empty yet */

enum ms_err __wrap_resolvconf_read(const char *path, struct resolvconf *out,
                                   struct why *why);

enum ms_err
__wrap_resolvconf_read(const char *path, struct resolvconf *out,
                       struct why *why)
{
    if (resolv_conf == NULL)
        return why_set(why, MS_UNAVAIL, "%s: it names no server", path);
    out->n = 1;
    assert_in_range(
        snprintf(out->server[0], sizeof(out->server[0]), "%s", resolv_conf), 1,
        sizeof(out->server[0]) - 1);
    return MS_OK;
}

static void
print(void *arg, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "%s\n", line);
}

static void
ignore(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

/* REST behind a site of ours, SERVER (NULL: as resolv.conf has it), and the
 * program where there is an `spf' to come. */
static struct config *
read_config_for(const char *server, const char *rest, const char *worker)
{
    const struct config_report report = {print, ignore, NULL};
    struct config *config = NULL;
    char text[8192];

    assert_in_range(
        snprintf(text, sizeof(text),
                 "domains local { list = example.org }\n"
                 "%s%s%s%s%s%s%s",
                 server != NULL ? "resolver { server = " : "",
                 server != NULL ? server : "", server != NULL ? " }\n" : "",
                 rest, worker != NULL ? "spf { program = " : "",
                 worker != NULL ? worker : "", worker != NULL ? " }\n" : ""),
        1, sizeof(text) - 1);
    assert_int_equal(config_load_text("test", text, (struct wall){1767787200},
                                      &report, &config),
                     MS_OK);
    return config;
}

static struct config *
read_config(const struct lab *lab, const char *rest, const char *worker)
{
    return read_config_for(puppet_dns_server(lab->dns), rest, worker);
}

#define LISTS                                                                  \
    "dnsbl zen { zone = zen.test }\ndnsbl other { zone = other.test }\n"

static void
know(struct puppet_dns *dns)
{
    static const char *const rows[] = {
        "7.113.0.203.zen.test A 127.0.0.2",
        "7.113.0.203.other.test A 127.255.255.254",
        "8.113.0.203.zen.test A !silent",
        "9.113.0.203.zen.test A !servfail",
        "zen.test TXT x",
        "other.test TXT x",
        "pass.test TXT v=spf1 ip4:203.0.113.7 -all",
        "fail.test TXT v=spf1 -all",
        "slow.test TXT !silent",
        "nobody.test A 192.0.2.1",
    };

    for (size_t i = 0; i < ROWS(rows); i++)
        puppet_dns_add(dns, rows[i]);
}

static struct journal *
make_journal(FILE *log)
{
    const struct spool_target target = {.to = LOG_TO_STDERR, .fd = fileno(log)};
    struct journal *journal;

    assert_int_equal(
        journal_create(&target, LOG_TEXT, LOG_DEBUG, "mx", &journal), MS_OK);
    return journal;
}

/* All but the look-ups. */
static void
furnish(struct lab *lab)
{
    memset(lab, 0, sizeof(*lab));
    lab->dns = puppet_dns_start();
    know(lab->dns);
    lab->log = tmpfile();
    assert_non_null(lab->log);
    lab->journal = make_journal(lab->log);
    lab->client.in.sin_family = AF_INET;
    (void)inet_pton(AF_INET, "203.0.113.7", &lab->client.in.sin_addr);
}

static void
begin_with(struct lab *lab, struct config *config)
{
    struct why why = {""};

    lab->config = config;
    if (lookup_create(lab->config, lab->journal, &lab->lookup, &why) != MS_OK ||
        lookup_run(lab->lookup, lab->config, &why) != MS_OK)
        fail_msg("%s", why.text);
}

static void
begin(struct lab *lab, const char *rest, const char *worker)
{
    furnish(lab);
    begin_with(lab, read_config(lab, rest, worker));
}

/* A second of the daemon's, AFTER_MS from now. */
static void
beat(struct lab *lab, int64_t after_ms)
{
    lookup_beat(lab->lookup, lab->config,
                (struct mono){now_read().mono.ms + after_ms});
}

/* How often TEXT is in the log, which is whole by then. */
static unsigned
finish(struct lab *lab, const char *text)
{
    static char log[LOG_ROOM];
    unsigned n = 0;

    lookup_destroy(lab->lookup);
    journal_destroy(lab->journal);
    config_destroy(lab->config);
    puppet_dns_stop(lab->dns);
    rewind(lab->log);
    log[fread(log, 1, sizeof(log) - 1, lab->log)] = '\0';
    (void)fclose(lab->log);
    for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

/* Reload with REST; the old configuration is the caller's. */
static struct config *
reload(struct lab *lab, const char *rest, const char *worker)
{
    struct config *old = lab->config;

    lab->config = read_config(lab, rest, worker);
    lookup_set(lab->lookup, lab->config);
    return old;
}

static void
set_client(struct lab *lab, const char *client)
{
    assert_int_equal(inet_pton(AF_INET, client, &lab->client.in.sin_addr), 1);
}

/* Ask about SENDER (NULL: not), HELO, all lists. */
static void
ask(struct lab *lab, const char *sender, const char *helo,
    struct lookup_case **c)
{
    const struct lookups_wanted wanted = {
        .lists = 0xffff,
        .mail_from = sender != NULL,
        .helo = helo != NULL,
    };
    const struct lookup_ask about = {
        .config = lab->config,
        .wanted = &wanted,
        .client = &lab->client.sa,
        .helo = helo != NULL ? helo : "mail.spam.test",
        .sender = sender,
        .receiver = "mx.example.org",
    };

    lookup_begin(lab->lookup, &about, c);
}

static bool
is_pending(const struct lookups *found)
{
    bool pending = found->mail_from.state == LOOKUP_PENDING ||
                   found->helo.state == LOOKUP_PENDING;

    for (unsigned i = 0; i < LOOKUPS_LISTS; i++)
        pending = pending || found->list[i].state == LOOKUP_PENDING;
    return pending;
}

/* All that is to be known. */
static void
read_all(struct lookup_case *c, struct lookups *out)
{
    int64_t until_ms = now_read().mono.ms + PATIENCE_MS;

    lookup_read(c, LOOKUP_WAIT, out);
    while (is_pending(out)) {
        if (now_read().mono.ms > until_ms)
            fail_msg("no answer");
        (void)sched_yield();
        lookup_read(c, LOOKUP_NOW, out);
    }
}

/* ----- answers */

static void
test_lists(void **state)
{
    struct lookup_case *c = NULL;
    struct dnsbl_state states[DNSBL_LISTS];
    struct lookups found;
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, NULL);
    ask(&lab, NULL, NULL, &c);
    read_all(c, &found);
    assert_int_equal(found.list[0].state, LOOKUP_KNOWN);
    assert_true(found.list[0].listed);
    assert_memory_equal(found.list[0].code, "\x7f\0\0\2", 4);
    assert_int_equal(found.list[1].state, LOOKUP_KNOWN);
    assert_false(found.list[1].listed);
    assert_true(found.list[1].failed);
    assert_int_equal(found.list[2].state, LOOKUP_UNASKED);
    assert_int_equal(found.mail_from.state, LOOKUP_UNASKED);
    lookup_end(c);

    /* that one has said that it does not answer us */
    assert_int_equal(lookup_lists(lab.lookup, states, DNSBL_LISTS), 2);
    assert_true(lookup_is_usable(states[0].health));
    assert_false(lookup_is_usable(states[1].health));
    c = NULL;
    set_client(&lab, "203.0.113.9");
    ask(&lab, NULL, NULL, &c);
    read_all(c, &found);
    assert_true(found.list[0].failed && !found.list[0].listed);
    assert_true(found.list[1].failed);
    assert_int_equal(
        puppet_dns_asked(lab.dns, "9.113.0.203.other.test", RESOLVER_A), 0);
    lookup_end(c);
    assert_int_equal(finish(&lab, "dnsbl other"), 1);
}

static void
test_senders(void **state)
{
    struct lookup_case *c = NULL;
    struct lookup_counts counts;
    struct lookups found;
    struct lab lab;

    (void)state;
    begin(&lab, "", program);
    ask(&lab, "a@pass.test", "fail.test", &c);
    read_all(c, &found);
    assert_int_equal(found.mail_from.result, SPF_PASS);
    assert_string_equal(found.mail_from.domain, "pass.test");
    assert_int_equal(found.helo.result, SPF_FAIL);
    assert_string_equal(found.helo.domain, "fail.test");
    lookup_next(c);
    lookup_read(c, LOOKUP_NOW, &found);
    assert_false(lookups_any(&found));
    ask(&lab, "", NULL, &c); /* of <>: the HELO name's postmaster */
    read_all(c, &found);
    assert_int_equal(found.mail_from.result, SPF_NONE);
    lookup_end(c);
    lookup_counts(lab.lookup, &counts);
    assert_true(counts.resolver && counts.spf);
    assert_int_equal(counts.evaluations.done[SPF_PASS], 1);
    assert_int_equal(counts.evaluations.done[SPF_FAIL], 1);
    assert_int_equal(counts.evaluations.deaths, 0);
    assert_true(counts.dns.asked >= 3);
    assert_int_equal(finish(&lab, "mortsafe-spf"), 0);
}

/* What has been asked of a list is asked once a session. */
static void
test_once(void **state)
{
    struct lookup_case *c = NULL, *first;
    struct lookups found;
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, program);
    ask(&lab, NULL, NULL, &c);
    first = c;
    read_all(c, &found);
    ask(&lab, "a@pass.test", NULL, &c);
    assert_ptr_equal(c, first);
    read_all(c, &found);
    assert_true(found.list[0].listed);
    assert_int_equal(found.mail_from.result, SPF_PASS);
    lookup_next(c);
    lookup_read(c, LOOKUP_NOW, &found);
    assert_true(found.list[0].listed);
    lookup_end(c);
    (void)finish(&lab, "no such word");
}

/* ----- waiting */

/* Nobody waits twice for what does not come. */
static void
test_waits(void **state)
{
    struct lookup_case *c = NULL;
    struct lookup_counts counts;
    struct lookups found;
    struct lab lab;
    int64_t began_us;

    (void)state;
    begin(&lab, LISTS, NULL);
    set_client(&lab, "203.0.113.8");
    ask(&lab, NULL, NULL, &c);
    lookup_read(c, LOOKUP_NOW, &found);
    assert_int_equal(found.list[0].state, LOOKUP_PENDING);
    lookup_counts(lab.lookup, &counts);
    assert_int_equal(counts.waits, 0);
    began_us = now_us();
    lookup_read(c, LOOKUP_WAIT, &found);
    assert_int_equal(found.list[0].state, LOOKUP_PENDING);
    assert_true(now_us() - began_us >= GATE_WAIT_MS * 1000 - 1000);
    for (int i = 0; i < 100; i++)
        lookup_read(c, LOOKUP_WAIT, &found);
    lookup_counts(lab.lookup, &counts);
    assert_int_equal(counts.waits, 1);
    assert_int_equal(counts.not_waited, 0);
    assert_true(counts.waited_us >= GATE_WAIT_MS * 1000 - 1000);
    lookup_end(c);
    (void)finish(&lab, "no such word");
}

struct waiter {
    struct lookup_case *c;
    pthread_barrier_t *all;
    pthread_t thread;
};

static void *
wait_once(void *arg)
{
    struct waiter *waiter = arg;
    struct lookups found;

    (void)pthread_barrier_wait(waiter->all);
    lookup_read(waiter->c, LOOKUP_WAIT, &found);
    return NULL;
}

/* Of many at one time, only some wait. */
static void
test_crowd(void **state)
{
    enum { WAITERS = 3 * GATE_WAITING };
    struct waiter waiters[WAITERS] = {0};
    struct lookup_counts counts;
    pthread_barrier_t all;
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, NULL);
    set_client(&lab, "203.0.113.8");
    (void)pthread_barrier_init(&all, NULL, WAITERS);
    for (int i = 0; i < WAITERS; i++) {
        ask(&lab, NULL, NULL, &waiters[i].c);
        waiters[i].all = &all;
        assert_int_equal(
            pthread_create(&waiters[i].thread, NULL, wait_once, &waiters[i]),
            0);
    }
    for (int i = 0; i < WAITERS; i++) {
        (void)pthread_join(waiters[i].thread, NULL);
        lookup_end(waiters[i].c);
    }
    lookup_counts(lab.lookup, &counts);
    assert_int_equal(counts.waits + counts.not_waited, WAITERS);
    assert_true(counts.waits >= GATE_WAITING);
    (void)pthread_barrier_destroy(&all);
    (void)finish(&lab, "no such word");
}

/* ----- put off */

static struct prefix
client(const char *text)
{
    struct prefix out;

    assert_int_equal(prefix_parse(text, &out, NULL), MS_OK);
    return out;
}

static void
test_put_off(void **state)
{
    static const struct {
        const char *row, *noted, *asked;
        int64_t after_ms;
        bool has;
    } rows[] = {
        {"who was put off", "192.0.2.7", "192.0.2.7", 0, true},
        {"not who was not", "192.0.2.7", "192.0.2.8", 0, false},
        {"for an hour", "192.0.2.7", "192.0.2.7", PUT_OFF_FOR_MS - 1, true},
        {"and no longer", "192.0.2.7", "192.0.2.7", PUT_OFF_FOR_MS, false},
        {"an IPv6 one by its /64", "2001:db8::1", "2001:db8::ffff:2", 0, true},
        {"not its neighbour", "2001:db8::1", "2001:db8:0:1::1", 0, false},
    };
    struct put_off *put_off;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(put_off_create(&put_off), MS_OK);
        put_off_note(put_off, client(rows[i].noted), (struct mono){1000});
        expect(rows[i].row,
               put_off_has(put_off, client(rows[i].asked),
                           (struct mono){1000 + rows[i].after_ms}) ==
                   rows[i].has);
        put_off_destroy(put_off);
    }
}

/* The hour is not prolonged by who comes again; and there is room for many. */
static void
test_put_off_again(void **state)
{
    struct put_off *put_off;
    unsigned known = 0;
    char text[32];

    (void)state;
    assert_int_equal(put_off_create(&put_off), MS_OK);
    put_off_note(put_off, client("192.0.2.7"), (struct mono){0});
    put_off_note(put_off, client("192.0.2.7"), (struct mono){60000});
    assert_false(put_off_has(put_off, client("192.0.2.7"),
                             (struct mono){PUT_OFF_FOR_MS}));
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof(text), "10.0.%d.%d", i / 250, i % 250);
        put_off_note(put_off, client(text), (struct mono){i});
    }
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof(text), "10.0.%d.%d", i / 250, i % 250);
        known += put_off_has(put_off, client(text), (struct mono){1000});
    }
    assert_in_range(known, 990, 1000);
    put_off_destroy(put_off);
}

/* It is told to those who are asked again while something is not known. */
static void
test_put_off_read(void **state)
{
    struct lookup_case *c = NULL;
    struct lookup_counts counts;
    struct lookups found;
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, NULL);
    set_client(&lab, "203.0.113.8");
    ask(&lab, NULL, NULL, &c);
    lookup_read(c, LOOKUP_NOW, &found);
    assert_false(found.put_off);
    lookup_put_off(lab.lookup, c);
    lookup_end(c);
    c = NULL;
    ask(&lab, NULL, NULL, &c);
    lookup_read(c, LOOKUP_NOW, &found);
    assert_true(found.put_off);
    lookup_end(c);
    c = NULL;
    set_client(&lab, "203.0.113.7");
    ask(&lab, NULL, NULL, &c);
    lookup_read(c, LOOKUP_NOW, &found);
    assert_false(found.put_off);
    lookup_end(c);
    lookup_counts(lab.lookup, &counts);
    assert_int_equal(counts.put_off, 1);
    (void)finish(&lab, "no such word");
}

/* ----- reloads */

static void
test_reloads(void **state)
{
    struct lookup_case *old = NULL, *c = NULL;
    struct config *first, *second, *third;
    struct lookup_counts counts;
    struct lookups found;
    struct lab lab;

    (void)state;
    begin(&lab, "", NULL);
    lookup_counts(lab.lookup, &counts);
    assert_false(counts.resolver || counts.spf);
    first = reload(&lab, LISTS, NULL);
    ask(&lab, NULL, NULL, &old);
    read_all(old, &found);
    assert_true(found.list[0].listed);

    /* the other way round: who has asked keeps the lists of then */
    second = reload(&lab,
                    "dnsbl other { zone = other.test }\n"
                    "dnsbl zen { zone = zen.test }\n",
                    program);
    lookup_counts(lab.lookup, &counts);
    assert_true(counts.resolver && counts.spf);
    ask(&lab, "a@fail.test", NULL, &c);
    read_all(c, &found);
    assert_true(found.list[1].listed);
    assert_int_equal(found.mail_from.result, SPF_FAIL);
    read_all(old, &found);
    assert_true(found.list[0].listed);

    third = reload(&lab, "", NULL);
    lookup_counts(lab.lookup, &counts);
    assert_false(counts.resolver || counts.spf);
    beat(&lab, 0);
    read_all(c, &found);
    assert_true(found.list[1].listed);
    lookup_end(old);
    lookup_end(c);
    beat(&lab, 0);
    config_destroy(first);
    config_destroy(second);
    config_destroy(third);
    assert_int_equal(finish(&lab, "look-ups:"), 0);
}

/* What cannot be started is told, and asked in vain. */
static void
test_no_program(void **state)
{
    struct lookup_case *c = NULL;
    struct config *first, *second;
    struct lookup_counts counts;
    struct lookups found;
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, NULL);
    first = reload(&lab, LISTS, "/nowhere/mortsafe-spf");
    lookup_counts(lab.lookup, &counts);
    assert_true(counts.resolver && !counts.spf);
    ask(&lab, "a@pass.test", NULL, &c);
    read_all(c, &found);
    assert_int_equal(found.mail_from.result, SPF_TEMPERROR);
    assert_true(found.list[0].listed); /* lists do not need it */
    lookup_end(c);
    c = NULL;
    second = reload(&lab, LISTS, program);
    ask(&lab, "a@pass.test", NULL, &c);
    read_all(c, &found);
    assert_int_equal(found.mail_from.result, SPF_PASS);
    assert_true(found.list[0].listed);
    lookup_end(c);
    config_destroy(first);
    config_destroy(second);
    assert_int_equal(finish(&lab, "look-ups: /nowhere/mortsafe-spf"), 1);
}

/* What is found about pass.test and the client in zen.test. */
static void
expect_found(struct lab *lab, const char *row, enum spf_result result,
             bool listed)
{
    struct lookup_case *c = NULL;
    struct lookups found;

    ask(lab, "a@pass.test", NULL, &c);
    read_all(c, &found);
    expect(row, found.mail_from.result == result);
    expect(row, found.list[0].state == LOOKUP_KNOWN);
    expect(row, found.list[0].listed == listed);
    expect(row, found.list[0].failed == !listed);
    lookup_end(c);
}

/* A daemon that starts before its host's network has no resolver for a while,
 * and gets one without anybody's doing. */
static void
test_no_network_yet(void **state)
{
    struct lookup_counts counts;
    struct lab lab;

    (void)state;
    resolv_conf = NULL;
    furnish(&lab);
    begin_with(&lab, read_config_for(NULL, LISTS, program));
    lookup_counts(lab.lookup, &counts);
    assert_false(counts.resolver || counts.spf);
    expect_found(&lab, "at the start", SPF_TEMPERROR, false);
    beat(&lab, LOOKUP_AGAIN_MS + 1);
    beat(&lab, 2 * LOOKUP_AGAIN_MS);
    expect_found(&lab, "a minute later", SPF_TEMPERROR, false);
    resolv_conf = puppet_dns_server(lab.dns);
    beat(&lab, LOOKUP_AGAIN_MS / 2);
    expect_found(&lab, "within a minute", SPF_TEMPERROR, false);
    beat(&lab, LOOKUP_AGAIN_MS + 1);
    expect_found(&lab, "when the network is there", SPF_PASS, true);
    lookup_counts(lab.lookup, &counts);
    assert_true(counts.resolver && counts.spf);
    assert_int_equal(finish(&lab, "look-ups:"), 2); /* away, and back */
}

/* A folder of our own with a link to the program to come; its path. */
static const char *
make_place(char folder[64], char path[128])
{
    (void)snprintf(folder, 64, "/tmp/mortsafe-lookup-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, 128, "%s/mortsafe-spf", folder);
    return path;
}

/* Lists are asked while it is away, and when it comes they know what they knew.
 */
static void
test_no_start(void **state)
{
    struct dnsbl_state before, after;
    struct lookup_counts counts;
    char folder[64], path[128];
    struct lab lab;

    (void)state;
    (void)make_place(folder, path);
    begin(&lab, LISTS, path);
    expect_found(&lab, "at the start", SPF_TEMPERROR, true);
    (void)lookup_lists(lab.lookup, &before, 1);
    beat(&lab, LOOKUP_AGAIN_MS + 1);
    (void)lookup_lists(lab.lookup, &after, 1);
    assert_true(before.asked > 0 && after.asked >= before.asked);
    assert_int_equal(symlink(program, path), 0);
    beat(&lab, LOOKUP_AGAIN_MS - 1000);
    expect_found(&lab, "within a minute", SPF_TEMPERROR, true);
    beat(&lab, LOOKUP_AGAIN_MS + 1);
    expect_found(&lab, "when it is there", SPF_PASS, true);
    lookup_counts(lab.lookup, &counts);
    assert_true(counts.resolver && counts.spf);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(finish(&lab, "look-ups:"), 2);
}

/* Between the two halves of a reload the old configuration is still in force:
 * what is tried again is not that. */
static void
test_amid_a_reload(void **state)
{
    struct config *first;
    struct lookup_counts counts;
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, program);
    first = reload(&lab, LISTS, "/nowhere/mortsafe-spf");
    lookup_beat(lab.lookup, first,
                (struct mono){now_read().mono.ms + LOOKUP_AGAIN_MS + 1});
    lookup_counts(lab.lookup, &counts);
    assert_false(counts.spf);
    config_destroy(first);
    assert_int_equal(finish(&lab, "/nowhere/mortsafe-spf"), 1);
}

/* What can never be is an error of the configuration. */
static void
test_no_anchor(void **state)
{
    struct lookup *lookup = NULL;
    struct why why = {""};
    struct lab lab;

    (void)state;
    furnish(&lab);
    lab.config = read_config_for(
        NULL, LISTS "resolver { trust_anchor = /dev/null }\n", NULL);
    resolv_conf = puppet_dns_server(lab.dns);
    assert_int_equal(lookup_create(lab.config, lab.journal, &lookup, &why),
                     MS_OK);
    assert_int_equal(lookup_run(lookup, lab.config, &why), MS_INVALID);
    assert_non_null(strstr(why.text, "/dev/null"));
    lookup_destroy(lookup);
    assert_int_equal(finish(&lab, "look-ups:"), 0);
}

/* ----- ends */

/* A session may end, or the daemon, while its questions are on their way. */
static void
test_ends(void **state)
{
    struct lookup_case *c[20] = {NULL};
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, program);
    set_client(&lab, "203.0.113.8");
    for (size_t i = 0; i < ROWS(c); i++)
        ask(&lab, i % 2 != 0 ? "a@slow.test" : "a@pass.test", "slow.test",
            &c[i]);
    for (size_t i = 0; i < ROWS(c) / 2; i++) {
        lookup_next(c[i]);
        lookup_end(c[i]);
    }
    lookup_end(NULL);
    lookup_next(NULL);
    (void)finish(
        &lab, "no such word"); /* the others have sessions that never ended */
}

static void
test_nobody(void **state)
{
    struct dnsbl_state lists[1];
    char servers[1][LOOKUP_SERVER];
    struct lookup_counts counts;
    struct lookups found;

    (void)state;
    lookup_read(NULL, LOOKUP_WAIT, &found);
    assert_false(lookups_any(&found));
    lookup_counts(NULL, &counts);
    assert_false(counts.resolver);
    assert_int_equal(lookup_lists(NULL, lists, 1), 0);
    assert_int_equal(lookup_servers(NULL, servers, 1), 0);
    lookup_destroy(NULL);
}

static void
test_servers(void **state)
{
    char servers[2][LOOKUP_SERVER];
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, NULL);
    assert_int_equal(lookup_servers(lab.lookup, servers, 2), 1);
    assert_string_equal(servers[0], puppet_dns_server(lab.dns));
    (void)finish(&lab, "no such word");
}

/* ----- no memory */

static void
test_no_memory_to_start(void **state)
{
    struct lab lab = {.dns = puppet_dns_start()};
    bool whole = false;

    (void)state;
    lab.config = read_config(&lab, LISTS, program);
    lab.log = tmpfile();
    assert_non_null(lab.log);
    lab.journal = make_journal(lab.log);
    for (unsigned long n = 1; !whole && n < 1000; n++) {
        struct lookup *lookup = NULL;
        struct why why = {""};
        enum ms_err err;

        scarce_set_here(n);
        err = lookup_create(lab.config, lab.journal, &lookup, &why);
        if (err == MS_OK)
            err = lookup_run(lookup, lab.config, &why);
        whole = scarce_left() != 0;
        scarce_set_here(0);
        if (err != MS_OK && why.text[0] == '\0')
            fail_msg("%lu: no word", n);
        lookup_destroy(lookup);
    }
    assert_true(whole);
    (void)finish(&lab, "no such word");
}

/* What cannot be asked is known to have failed, or was never asked. */
static void
test_no_memory_to_ask(void **state)
{
    bool whole = false;
    struct lab lab;

    (void)state;
    begin(&lab, LISTS, program);
    for (unsigned long n = 1; !whole && n < 1000; n++) {
        struct lookup_case *c = NULL;
        struct lookups found;

        scarce_set_here(n);
        ask(&lab, "a@pass.test", "pass.test", &c);
        whole = scarce_left() != 0;
        scarce_set_here(0);
        read_all(c, &found);
        assert_true(c == NULL || found.mail_from.state == LOOKUP_KNOWN);
        assert_true(c == NULL || found.list[0].state == LOOKUP_KNOWN);
        assert_true(found.mail_from.result == SPF_PASS ||
                    found.mail_from.result == SPF_TEMPERROR || c == NULL);
        lookup_end(c);
    }
    assert_true(whole);
    (void)finish(&lab, "no such word");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_put_off_again),
        cmocka_unit_test(test_put_off_read),
        cmocka_unit_test(test_reloads),
        cmocka_unit_test(test_no_program),
        cmocka_unit_test(test_no_network_yet),
        cmocka_unit_test(test_no_start),
        cmocka_unit_test(test_amid_a_reload),
        cmocka_unit_test(test_no_anchor),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_no_memory_to_start),
        cmocka_unit_test(test_no_memory_to_ask),
    };

    if (realpath("mortsafe-spf", program) == NULL) {
        (void)fprintf(stderr, "mortsafe-spf is not built\n");
        return EXIT_FAILURE;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
