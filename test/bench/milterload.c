/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/milterload.c - load for a milter: one thread that plays many SMTP
 * sessions of Postfixes at a time and tells how many messages a second went
 * through, how long each answer took, and what the answers were.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "policy/err.h"
#include "test/bench/endpoint.h"
#include "test/bench/mta.h"
#include "test/bench/plan.h"
#include "test/bench/score.h"

enum { EXIT_USAGE = 64, EVENTS = 256, ERRORS_MAX = 100, NO_FILES = 64 };

struct run {
    struct plan plan;
    struct score score;
    struct endpoint milter;
    struct mta **mtas;
    struct mta **waiting; /* for room in the milter's backlog */
    uint32_t n_waiting;
    uint32_t open;
    uint32_t holding;
    int epoll;
};

static uint64_t
clock_ns(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* ---- options ---- */

static void
usage(FILE *out)
{
    fputs("milterload [option ...] SOCKET\n"
          "  SOCKET                    inet:PORT@HOST, inet6:PORT@HOST, "
          "local:/path\n"
          "  -c, --connections N       sessions at a time (32)\n"
          "  -m, --messages N          messages in each (1)\n"
          "  -r, --recipients N        recipients of each message (1)\n"
          "  -n, --total N             messages in all (10000)\n"
          "  -t, --seconds N           so long, instead of --total\n"
          "  -C, --clients N           different client addresses (1000)\n"
          "  -A, --address ADDR        the first of them (10.0.0.1)\n"
          "  -U, --users N             different logins (0: nobody logs in)\n"
          "  -S, --senders N           different senders (0: the login)\n"
          "  -l, --loud M:S            M percent of the messages come from S\n"
          "                            percent of the clients and users (0:0)\n"
          "  -o, --in-turn             each in its turn instead of by chance\n"
          "  -p, --port N              {daemon_port} (25)\n"
          "  -D, --daemon-name NAME    {daemon_name} (MTA)\n"
          "  -s, --tls                 sessions use TLS\n"
          "  -f, --from DOMAIN         of senders and logins (example.org)\n"
          "  -d, --to DOMAIN           of recipients (example.com)\n"
          "  -b, --body BYTES          size of a message (1000)\n"
          "  -R, --seed N              another run of chance\n"
          "  -i, --idle                stop after HELO and hold the sessions; "
          "print\n"
          "                            \"ready N\", end when standard input "
          "does\n"
          "  -j, --json                one line for programs\n"
          "  -h, --help\n",
          out);
}

static bool
number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end = NULL;
    uint64_t n;

    errno = 0;
    n = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
        n < least || n > most)
        return false;
    *out = n;
    return true;
}

static bool
number32(const char *text, uint32_t least, uint32_t most, uint32_t *out)
{
    uint64_t n;

    if (!number(text, least, most, &n))
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool
loud(char *text, struct plan *plan)
{
    char *colon = strchr(text, ':');

    if (colon == NULL)
        return false;
    *colon = '\0';
    return number32(text, 0, 100, &plan->loud_messages) &&
           number32(colon + 1, 0, 100, &plan->loud_subjects);
}

static bool
address(const char *text, uint32_t *out)
{
    struct in_addr in;

    if (inet_pton(AF_INET, text, &in) != 1)
        return false;
    *out = ntohl(in.s_addr);
    return true;
}

static const struct option options[] = {
    {"connections", required_argument, NULL, 'c'},
    {"messages", required_argument, NULL, 'm'},
    {"recipients", required_argument, NULL, 'r'},
    {"total", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 't'},
    {"clients", required_argument, NULL, 'C'},
    {"address", required_argument, NULL, 'A'},
    {"users", required_argument, NULL, 'U'},
    {"senders", required_argument, NULL, 'S'},
    {"loud", required_argument, NULL, 'l'},
    {"in-turn", no_argument, NULL, 'o'},
    {"port", required_argument, NULL, 'p'},
    {"daemon-name", required_argument, NULL, 'D'},
    {"tls", no_argument, NULL, 's'},
    {"from", required_argument, NULL, 'f'},
    {"to", required_argument, NULL, 'd'},
    {"body", required_argument, NULL, 'b'},
    {"seed", required_argument, NULL, 'R'},
    {"idle", no_argument, NULL, 'i'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* One option; false if its argument is wrong. */
static bool
take_option(int option, char *text, struct plan *plan)
{
    const uint32_t many = 100000000;
    uint32_t n;

    switch (option) {
    case 'c':
        return number32(text, 1, 200000, &plan->connections);
    case 'm':
        return number32(text, 1, many, &plan->messages);
    case 'r':
        return number32(text, 1, many, &plan->recipients);
    case 'n':
        return number(text, 1, UINT64_MAX, &plan->total);
    case 't':
        return number32(text, 1, 86400, &plan->seconds);
    case 'C':
        return number32(text, 1, many, &plan->clients);
    case 'A':
        return address(text, &plan->first_addr);
    case 'U':
        return number32(text, 0, many, &plan->users);
    case 'S':
        return number32(text, 0, many, &plan->senders);
    case 'l':
        return loud(text, plan);
    case 'o':
        plan->in_turn = true;
        return true;
    case 'p':
        if (!number32(text, 0, 65535, &n))
            return false;
        plan->port = (uint16_t)n;
        return true;
    case 'D':
        plan->daemon_name = text;
        return true;
    case 's':
        plan->tls = true;
        return true;
    case 'f':
        plan->from_domain = text;
        return strlen(text) <= 256;
    case 'd':
        plan->to_domain = text;
        return strlen(text) <= 256;
    case 'b':
        return number32(text, 0, many, &plan->body);
    case 'R':
        return number(text, 1, UINT64_MAX, &plan->random);
    case 'i':
        plan->idle = true;
        return true;
    default:
        return false;
    }
}

/* The exit code for wrong arguments, or -1. */
static int
take_options(int argc, char **argv, struct run *run, bool *json)
{
    int option;

    while ((option =
                getopt_long(argc, argv, "c:m:r:n:t:C:A:U:S:l:op:D:sf:d:b:R:ijh",
                            options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'j') {
            *json = true;
            continue;
        }
        if (!take_option(option, optarg, &run->plan)) {
            if (option != '?')
                fprintf(stderr, "milterload: -%c %s: no such value\n", option,
                        optarg);
            return EXIT_USAGE;
        }
    }
    if (optind + 1 != argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (!endpoint_parse(argv[optind], &run->milter)) {
        fprintf(stderr, "milterload: %s: no milter socket\n", argv[optind]);
        return EXIT_USAGE;
    }
    if (run->plan.total == 0 && run->plan.seconds == 0)
        run->plan.total = 10000;
    return -1;
}

/* ---- the run ---- */

static bool
wait_for(struct run *run, struct mta *mta, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = mta};

    return epoll_ctl(run->epoll, operation, mta_fd(mta), &event) == 0;
}

/* A session for MTA, for which a message has been taken.  The connection may
 * still be under way, so it first waits until it can write. */
static void
start(struct run *run, struct mta *mta)
{
    enum ms_err err = mta_start(mta);

    if (err == MS_BUSY) {
        run->waiting[run->n_waiting++] = mta;
        return;
    }
    if (err != MS_OK) {
        score_error(&run->score, strerror(errno));
        return;
    }
    run->open++;
    if (!wait_for(run, mta, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT))
        score_error(&run->score, strerror(errno));
}

/* The sessions that found the backlog full, until it is full again. */
static void
start_waiting(struct run *run)
{
    uint32_t before;

    while (run->n_waiting > 0) {
        before = run->n_waiting--;
        start(run, run->waiting[run->n_waiting]);
        if (run->n_waiting == before)
            break;
    }
}

static void
serve(struct run *run, struct mta *mta, uint32_t events)
{
    switch (mta_go(mta)) {
    case MTA_READS:
        if ((events & EPOLLOUT) != 0)
            (void)wait_for(run, mta, EPOLL_CTL_MOD, EPOLLIN);
        break;
    case MTA_WRITES:
        (void)wait_for(run, mta, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        break;
    case MTA_HOLDS:
        run->holding++;
        (void)wait_for(run, mta, EPOLL_CTL_MOD, 0);
        break;
    case MTA_OVER:
        run->open--;
        if (!run->plan.idle && run->score.errors < ERRORS_MAX &&
            plan_take(&run->plan))
            start(run, mta);
        break;
    }
}

static bool
busy(const struct run *run)
{
    if (run->plan.idle)
        return run->holding < run->open + run->n_waiting;
    return run->open + run->n_waiting > 0;
}

static bool
play(struct run *run)
{
    struct epoll_event events[EVENTS];
    uint64_t end =
        clock_ns(CLOCK_MONOTONIC) + (uint64_t)run->plan.seconds * 1000000000U;
    uint32_t c;

    for (c = 0; c < run->plan.connections; c++) {
        if (!run->plan.idle && !plan_take(&run->plan))
            break;
        start(run, run->mtas[c]);
    }
    while (busy(run)) {
        int n = epoll_wait(run->epoll, events, EVENTS,
                           run->n_waiting > 0 ? 1 : 1000);
        int i;

        if (n < 0 && errno != EINTR)
            return false;
        for (i = 0; i < n; i++)
            serve(run, events[i].data.ptr, events[i].events);
        if (run->n_waiting > 0)
            start_waiting(run);
        if (run->plan.seconds > 0 && clock_ns(CLOCK_MONOTONIC) >= end)
            run->plan.over = true;
    }
    return true;
}

/* Hold the idle sessions until standard input ends. */
static void
hold(const struct run *run)
{
    char buf[64];
    ssize_t n;

    printf("ready %" PRIu32 "\n", run->holding);
    (void)fflush(stdout);
    do
        n = read(STDIN_FILENO, buf, sizeof(buf));
    while (n > 0 || (n < 0 && errno == EINTR));
}

static bool
prepare(struct run *run)
{
    struct rlimit files;
    uint32_t c;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
        files.rlim_cur < run->plan.connections + NO_FILES) {
        files.rlim_cur = run->plan.connections + NO_FILES;
        if (files.rlim_max < files.rlim_cur)
            files.rlim_max = files.rlim_cur;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0)
            return false;
    }
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    run->mtas = calloc(run->plan.connections, sizeof(*run->mtas));
    run->waiting = calloc(run->plan.connections, sizeof(*run->waiting));
    if (run->epoll < 0 || run->mtas == NULL || run->waiting == NULL)
        return false;
    for (c = 0; c < run->plan.connections; c++) {
        if (mta_create(&run->milter, &run->plan, &run->score, &run->mtas[c]) !=
            MS_OK)
            return false;
    }
    return true;
}

static void
clean_up(struct run *run)
{
    uint32_t c;

    for (c = 0; run->mtas != NULL && c < run->plan.connections; c++)
        mta_destroy(run->mtas[c]);
    free(run->mtas);
    free(run->waiting);
    if (run->epoll >= 0)
        close(run->epoll);
}

int
main(int argc, char **argv)
{
    static struct run run;
    bool json = false;
    uint64_t began;
    uint64_t took;
    uint64_t cpu;
    int code;

    run.plan = plan_default();
    run.epoll = -1;
    code = take_options(argc, argv, &run, &json);
    if (code >= 0)
        return code;
    (void)signal(SIGPIPE, SIG_IGN);
    code = EXIT_FAILURE;
    if (!prepare(&run)) {
        perror("milterload");
        goto done;
    }
    began = clock_ns(CLOCK_MONOTONIC);
    if (!play(&run)) {
        perror("milterload");
        goto done;
    }
    took = clock_ns(CLOCK_MONOTONIC) - began;
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000;
    if (run.plan.idle)
        hold(&run);
    (json ? score_print_json : score_print)(&run.score, took, cpu, stdout);
    if (run.score.errors == 0)
        code = EXIT_SUCCESS;
done:
    clean_up(&run);
    return code;
}
