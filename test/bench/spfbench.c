/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What SPF costs: how long a worker takes to come up, and how long an
 * evaluation takes whose answers the resolver has.
 */
#include <config.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/dns/resolver.h"
#include "policy/dns/spf.h"
#include "policy/dns/spf_process.h"
#include "test/puppet_dns.h"

static bool json; /* for programs; else lines for people */
static unsigned printed;

enum { STARTS = 50, EVALUATIONS = 2000, DEADLINE_MS = 10000 };

static int64_t
now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct mono
now(void)
{
    return (struct mono){now_ns() / 1000000};
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* One line, or an object of a JSON array: the median of the N times TOOK, and
 * the 99th of a hundred. */
static void
print(const char *what, int64_t *took, size_t n, const char *figure)
{
    double median, high;

    qsort(took, n, sizeof(*took), compare);
    median = (double)took[n / 2] / 1000;
    high = (double)took[n * 99 / 100] / 1000;
    if (json)
        printf("%s{\"what\": \"%s\", \"median\": %.1f, \"high\": %.1f, "
               "\"figure\": \"%s\"}",
               printed++ > 0 ? ", " : "[", what, median, high, figure);
    else
        printf("%-44s %9.1f us %9.1f us  %s\n", what, median, high, figure);
}

static bool
bench_starts(const char *program)
{
    int64_t took[STARTS];

    for (size_t i = 0; i < STARTS; i++) {
        struct spf_process process;
        char how[SPF_HOW];
        int64_t begun = now_ns();
        struct why why;

        if (spf_process_start(program, &process, &why) != MS_OK) {
            fprintf(stderr, "%s\n", why.text);
            return false;
        }
        took[i] = now_ns() - begun;
        spf_process_end(&process, how);
    }
    print("a worker comes up", took, STARTS, "< 50 ms");
    return true;
}

/* ----- evaluations */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    enum spf_result result;
};

static void
done(void *arg, const struct spf_finding *found)
{
    struct waiting *w = arg;

    pthread_mutex_lock(&w->lock);
    w->done = true;
    w->result = found->result;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static bool
evaluate(struct spf *spf, const char *sender)
{
    struct waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .cond = PTHREAD_COND_INITIALIZER};
    struct sockaddr_in client = {.sin_family = AF_INET};
    const struct spf_ask ask = {.client = (struct sockaddr *)&client,
                                .helo = "mail.example",
                                .sender = sender,
                                .receiver = "here.example"};

    client.sin_addr.s_addr = htonl(0xc0000201);
    if (spf_begin(spf, &ask, (struct mono){now().ms + DEADLINE_MS}, done, &w,
                  NULL) != MS_OK)
        return false;
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.cond, &w.lock);
    pthread_mutex_unlock(&w.lock);
    return w.result == SPF_PASS;
}

static bool
bench_evaluations(struct spf *spf, const char *what, const char *sender)
{
    int64_t took[EVALUATIONS];
    bool right = evaluate(spf, sender); /* now the cache has it */

    for (size_t i = 0; i < EVALUATIONS && right; i++) {
        int64_t begun = now_ns();

        right = evaluate(spf, sender);
        took[i] = now_ns() - begun;
    }
    if (right)
        print(what, took, EVALUATIONS, "< 300 us");
    else
        fprintf(stderr, "%s: no pass\n", sender);
    return right;
}

static void
fill(struct puppet_dns *dns)
{
    static const char *const lines[] = {
        "one.example TXT v=spf1 ip4:192.0.2.0/24 -all",
        "two.example TXT v=spf1 include:_spf.two.example -all",
        "_spf.two.example TXT v=spf1 ip4:192.0.2.1 -all",
        "five.example TXT v=spf1 a mx include:_spf.five.example -all",
        "five.example A 198.51.100.1",
        "five.example MX 10 mx.five.example",
        "mx.five.example A 198.51.100.2",
        "_spf.five.example TXT v=spf1 ip4:192.0.2.1 -all",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        puppet_dns_add_ttl(dns, lines[i], 3600);
}

static bool
bench_engine(const char *program)
{
    const struct spf_options options = {.program = program, .now = now};
    struct resolver_options to = {.now = now, .n_servers = 1};
    struct puppet_dns *dns = puppet_dns_start();
    const char *server = puppet_dns_server(dns);
    struct resolver *resolver = NULL;
    struct spf *spf = NULL;
    struct why why = {""};
    bool fine;

    fill(dns);
    to.servers = &server;
    fine = spf_create(&options, &spf, &why) == MS_OK &&
           resolver_create(&to, &resolver, &why) == MS_OK &&
           spf_run(spf, resolver) == MS_OK;
    if (!fine)
        fprintf(stderr, "%s\n", why.text);
    fine = fine &&
           bench_evaluations(spf, "one question, known", "u@one.example") &&
           bench_evaluations(spf, "two questions, known", "u@two.example") &&
           bench_evaluations(spf, "five questions, known", "u@five.example");
    spf_destroy(spf);
    resolver_destroy(resolver);
    puppet_dns_stop(dns);
    return fine;
}

int
main(int argc, char **argv)
{
    bool fine;

    json = argc > 1 && strcmp(argv[1], "-j") == 0;
    if (argc != 2 + json) {
        fputs("spfbench [-j] PATH-OF-MORTSAFE-SPF\n", stderr);
        return 2;
    }
    if (!json)
        printf("%-44s %12s %12s  %s\n", "", "median", "99th", "figure");
    fine = bench_starts(argv[argc - 1]) && bench_engine(argv[argc - 1]);
    if (json)
        puts(printed > 0 ? "]" : "[]");
    return !fine;
}
