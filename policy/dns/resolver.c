/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who does what: resolver_ask() hands a question to libunbound's own thread,
 * which keeps the cache and speaks to the servers; our thread hears from it by
 * a pipe and calls DONE.  libunbound knows no deadline, so a question may be
 * done for its owner and still be held there; it counts as in flight until
 * libunbound lets go of it.
 */
#include <config.h>

#include "policy/dns/resolver.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include <unbound.h>

#include "policy/dns/resolvconf.h"
#include "policy/dns/unbound.h"

enum {
    CLASS_IN = 1,
    SPELT = 4 * RESOLVER_NAME, /* a name, each octet of it escaped */
    TICK_MS = 100 /* how late a deadline is noticed where NOW is no clock */
};

TAILQ_HEAD(list, resolver_question);

struct resolver_question {
    struct resolver *resolver;
    void (*done)(void *arg, const struct resolver_answer *answer);
    void *arg;
    struct mono due;
    unsigned refs; /* its owner, libunbound, the list it waits in */
    bool waits;    /* for DONE, in one of the lists */
    bool crowded;  /* it never was asked */
    TAILQ_ENTRY(resolver_question) wait, hold;
};

struct resolver {
    struct ub_ctx *ub;
    struct mono (*now)(void);
    unsigned most;
    struct resolvconf servers;
    int bell; /* wakes the thread */
    pthread_t thread;
    pthread_mutex_t lock;                    /* guards all below */
    pthread_cond_t quiet;                    /* a DONE has come back */
    struct list waiting;                     /* by deadline */
    struct list ready;                       /* to be told at once */
    struct list held;                        /* by libunbound */
    const struct resolver_question *running; /* whose DONE runs */
    int64_t until_ms; /* when the thread wakes by itself */
    size_t questions; /* that somebody refers to */
    bool stopping, ended;
    struct resolver_counts counts;
};

/* ----- names */

static bool
is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '\\' && c != '"' && c != '(' &&
           c != ')' && c != ';' && c != '@' && c != '$';
}

/* NAME as zone files have it.  False: no such name can be. */
static bool
spell(const char *name, char out[SPELT])
{
    size_t length = strlen(name), label = 0, n = 0;

    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length == 0 || length >= RESOLVER_NAME)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];

        label = c == '.' ? 0 : label + 1;
        if (label > 63 || (c == '.' && (i == 0 || name[i - 1] == '.')))
            return false;
        if (is_plain(c))
            out[n++] = (char)c;
        else
            n += (size_t)snprintf(out + n, 5, "\\%03u", c);
    }
    out[n] = '\0';
    return label > 0;
}

bool
resolver_name(const uint8_t *data, size_t length, char out[RESOLVER_NAME])
{
    size_t at = 0, n = 0;

    while (at < length && data[at] != 0) {
        size_t label = data[at++];

        if (label > 63 || label > length - at ||
            n + (n > 0) + label >= RESOLVER_NAME)
            return false;
        if (n > 0)
            out[n++] = '.';
        for (; label > 0; label--, at++) {
            if (data[at] <= ' ' || data[at] >= 0x7f || data[at] == '.' ||
                data[at] == '\\')
                return false;
            out[n++] = (char)data[at];
        }
    }
    if (at + 1 != length)
        return false;
    out[n] = '\0';
    return true;
}

/* ----- references */

static void
let_go_locked(struct resolver_question *question)
{
    if (--question->refs > 0)
        return;
    question->resolver->questions--;
    free(question);
}

/* Behind resolver_destroy() the last reference takes what is left along. */
static void
unlock(struct resolver *r)
{
    bool last = r->ended && r->questions == 0;

    (void)pthread_mutex_unlock(&r->lock);
    if (!last)
        return;
    (void)pthread_cond_destroy(&r->quiet);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

static void
ring(const struct resolver *r)
{
    (void)eventfd_write(r->bell, 1);
}

/* ----- telling */

static struct list *
list_of(struct resolver *r, const struct resolver_question *question)
{
    return question->crowded ? &r->ready : &r->waiting;
}

/* QUESTION waits no more; the list's reference is the caller's. */
static void
stop_waiting_locked(struct resolver_question *question)
{
    TAILQ_REMOVE(list_of(question->resolver, question), question, wait);
    question->waits = false;
}

/* DONE runs without the lock; who forgets meanwhile waits for it. */
static void
tell_locked(struct resolver *r, struct resolver_question *question,
            const struct resolver_answer *answer)
{
    stop_waiting_locked(question);
    r->running = question;
    (void)pthread_mutex_unlock(&r->lock);
    question->done(question->arg, answer);
    (void)pthread_mutex_lock(&r->lock);
    r->running = NULL;
    (void)pthread_cond_broadcast(&r->quiet);
    let_go_locked(question);
}

static void
tell_without_answer_locked(struct resolver *r,
                           struct resolver_question *question)
{
    const struct resolver_answer answer = {
        .status = question->crowded ? RESOLVER_CROWDED : RESOLVER_FAILED,
        .ttl_s = 1,
    };

    if (question->crowded)
        r->counts.crowded++;
    else
        r->counts.late++;
    tell_locked(r, question, &answer);
}

/* ----- answers */

static enum resolver_status
status_of(int err, const struct ub_result *result)
{
    if (err != 0 || result == NULL || result->bogus)
        return RESOLVER_FAILED;
    if (result->havedata)
        return RESOLVER_DATA;
    if (result->nxdomain)
        return RESOLVER_NXDOMAIN;
    return result->rcode == 0 ? RESOLVER_NODATA : RESOLVER_FAILED;
}

static void
read_records(const struct ub_result *result, struct resolver_answer *answer,
             struct resolver_record record[RESOLVER_RECORDS])
{
    size_t n = 0;

    while (n < RESOLVER_RECORDS && result->data[n] != NULL) {
        record[n].data = (const uint8_t *)result->data[n];
        record[n].length = (size_t)result->len[n];
        n++;
    }
    answer->n = n;
    answer->record = record;
    answer->cut = result->data[n] != NULL;
}

static void
count_answer_locked(struct resolver *r, const struct resolver_answer *answer)
{
    if (answer->status == RESOLVER_FAILED)
        r->counts.failed++;
    else
        r->counts.answered++;
}

static void
answer_locked(struct resolver *r, struct resolver_question *question, int err,
              const struct ub_result *result)
{
    struct resolver_record record[RESOLVER_RECORDS];
    struct resolver_answer answer = {.status = status_of(err, result)};

    if (answer.status != RESOLVER_FAILED) {
        answer.secure = result->secure;
        answer.ttl_s = result->ttl > 0 ? (uint32_t)result->ttl : 1;
    } else
        answer.ttl_s = 1;
    if (answer.status == RESOLVER_DATA)
        read_records(result, &answer, record);
    count_answer_locked(r, &answer);
    tell_locked(r, question, &answer);
}

static void
stop_holding_locked(struct resolver_question *question)
{
    TAILQ_REMOVE(&question->resolver->held, question, hold);
    question->resolver->counts.in_flight--;
}

/* libunbound lets go of a question: in our thread, none of its locks held. */
static void
on_answer(void *arg, int err, struct ub_result *result)
{
    struct resolver_question *question = arg;

    if (question != NULL) {
        struct resolver *r = question->resolver;

        (void)pthread_mutex_lock(&r->lock);
        stop_holding_locked(question);
        if (question->waits)
            answer_locked(r, question, err, result);
        let_go_locked(question);
        unlock(r);
    }
    ub_resolve_free(result);
}

/* ----- the thread */

static struct resolver_question *
next_due_locked(struct resolver *r, int64_t now_ms)
{
    struct resolver_question *question = TAILQ_FIRST(&r->ready);

    if (question != NULL)
        return question;
    question = TAILQ_FIRST(&r->waiting);
    if (question != NULL && (r->stopping || question->due.ms <= now_ms))
        return question;
    return NULL;
}

/* How long to sleep, in ms; -1: until woken. */
static int
plan_locked(struct resolver *r, int64_t now_ms)
{
    const struct resolver_question *first = TAILQ_FIRST(&r->waiting);

    r->until_ms = INT64_MAX;
    if (first == NULL)
        return -1;
    r->until_ms = now_ms + TICK_MS;
    if (first->due.ms < r->until_ms)
        r->until_ms = first->due.ms;
    return (int)(r->until_ms - now_ms);
}

/* Tell those whose time is over.  False: the end has come. */
static bool
settle(struct resolver *r, int *sleep_ms)
{
    int64_t now_ms = r->now().ms;
    struct resolver_question *question;
    bool goes_on;

    (void)pthread_mutex_lock(&r->lock);
    while ((question = next_due_locked(r, now_ms)) != NULL)
        tell_without_answer_locked(r, question);
    *sleep_ms = plan_locked(r, now_ms);
    goes_on = !r->stopping;
    (void)pthread_mutex_unlock(&r->lock);
    return goes_on;
}

static void *
run(void *arg)
{
    struct resolver *r = arg;
    struct pollfd polled[] = {
        {.fd = ub_fd(r->ub), .events = POLLIN},
        {.fd = r->bell, .events = POLLIN},
    };
    int sleep_ms;

    while (settle(r, &sleep_ms)) {
        eventfd_t rung;

        if (poll(polled, 2, sleep_ms) <= 0)
            continue;
        if (polled[1].revents != 0)
            (void)eventfd_read(r->bell, &rung);
        if (polled[0].revents != 0)
            (void)ub_process(r->ub);
    }
    return NULL;
}

/* ----- asking */

static void
wait_locked(struct resolver *r, struct resolver_question *question)
{
    struct resolver_question *before;

    question->waits = true;
    question->refs++;
    if (question->crowded) {
        TAILQ_INSERT_TAIL(&r->ready, question, wait);
        return;
    }
    /* from the end: most come in the order of their deadlines */
    before = TAILQ_LAST(&r->waiting, list);
    while (before != NULL && before->due.ms > question->due.ms)
        before = TAILQ_PREV(before, list, wait);
    if (before != NULL)
        TAILQ_INSERT_AFTER(&r->waiting, before, question, wait);
    else
        TAILQ_INSERT_HEAD(&r->waiting, question, wait);
}

/* Does the thread have to be woken for QUESTION? */
static bool
admit_locked(struct resolver *r, struct resolver_question *question)
{
    r->questions++;
    r->counts.asked++;
    question->crowded = r->counts.in_flight >= r->most;
    wait_locked(r, question);
    if (question->crowded)
        return true;
    TAILQ_INSERT_TAIL(&r->held, question, hold);
    question->refs++;
    r->counts.in_flight++;
    return question->due.ms < r->until_ms;
}

static enum ms_err
error_of(int err)
{
    switch (err) {
    case UB_NOERROR:
        return MS_OK;
    case UB_SYNTAX:
        return MS_INVALID;
    case UB_NOMEM:
        return MS_NOMEM;
    default:
        return MS_UNAVAIL;
    }
}

/* libunbound did not take QUESTION.  Has its DONE run all the same, by its
 * deadline, then the question has come to its end and there is no error. */
static enum ms_err
take_back(struct resolver *r, struct resolver_question *question,
          struct resolver_question **out, struct resolver_question *before,
          enum ms_err err)
{
    (void)pthread_mutex_lock(&r->lock);
    stop_holding_locked(question);
    if (!question->waits)
        err = MS_OK;
    else {
        stop_waiting_locked(question);
        question->refs--;
        r->counts.asked--;
        if (out != NULL) {
            *out = before;
            question->refs--;
        }
    }
    let_go_locked(question);
    unlock(r);
    return err;
}

static enum ms_err
put(struct resolver *r, const char *name, enum resolver_type type,
    struct resolver_question *question, struct resolver_question **out)
{
    struct resolver_question *before = out != NULL ? *out : NULL;
    enum ms_err err;
    bool crowded, wake;

    (void)pthread_mutex_lock(&r->lock);
    if (r->stopping) {
        (void)pthread_mutex_unlock(&r->lock);
        free(question);
        return MS_UNAVAIL;
    }
    wake = admit_locked(r, question);
    crowded = question->crowded;
    if (out != NULL) {
        question->refs++;
        *out = question;
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (wake)
        ring(r);
    if (crowded)
        return MS_OK;
    err = error_of(ub_resolve_async(r->ub, name, (int)type, CLASS_IN, question,
                                    on_answer, NULL));
    if (err != MS_OK)
        return take_back(r, question, out, before, err);
    return MS_OK;
}

enum ms_err
resolver_ask(struct resolver *resolver, const char *name,
             enum resolver_type type, struct mono deadline,
             void (*done)(void *arg, const struct resolver_answer *answer),
             void *arg, struct resolver_question **out)
{
    struct resolver_question *question;
    char spelt[SPELT];

    if (!spell(name, spelt))
        return MS_INVALID;
    question = calloc(1, sizeof(*question));
    if (question == NULL)
        return MS_NOMEM;
    question->resolver = resolver;
    question->done = done;
    question->arg = arg;
    question->due = deadline;
    return put(resolver, spelt, type, question, out);
}

void
resolver_forget(struct resolver_question *question)
{
    struct resolver *r;

    if (question == NULL)
        return;
    r = question->resolver;
    (void)pthread_mutex_lock(&r->lock);
    if (question->waits) {
        stop_waiting_locked(question);
        let_go_locked(question);
    }
    if (!r->ended && !pthread_equal(pthread_self(), r->thread))
        while (r->running == question)
            (void)pthread_cond_wait(&r->quiet, &r->lock);
    let_go_locked(question);
    unlock(r);
}

void
resolver_counts(struct resolver *resolver, struct resolver_counts *out)
{
    (void)pthread_mutex_lock(&resolver->lock);
    *out = resolver->counts;
    (void)pthread_mutex_unlock(&resolver->lock);
}

size_t
resolver_servers(const struct resolver *resolver, const char **out, size_t n)
{
    for (size_t i = 0; i < n && i < resolver->servers.n; i++)
        out[i] = resolver->servers.server[i];
    return resolver->servers.n;
}

/* ----- beginning and end */

static enum ms_err
choose_servers(const struct resolver_options *options, struct resolvconf *out,
               struct why *why)
{
    if (options->n_servers == 0)
        return resolvconf_read(options->resolv_conf != NULL
                                   ? options->resolv_conf
                                   : "/etc/resolv.conf",
                               out, why);
    if (options->n_servers > RESOLVCONF_MOST)
        return why_set(why, MS_INVALID, "more than %d resolvers",
                       RESOLVCONF_MOST);
    for (size_t i = 0; i < options->n_servers; i++) {
        const char *server = options->servers[i];

        if (!resolvconf_server_valid(server))
            return why_set(why, MS_INVALID,
                           "`%s` is no address of a resolver such as "
                           "192.0.2.53 or 192.0.2.53@5353",
                           server);
        memcpy(out->server[i], server, strlen(server) + 1);
    }
    out->n = options->n_servers;
    return MS_OK;
}

static enum ms_err
open_context(struct resolver *r, const char *trust_anchor, struct why *why)
{
    struct unbound_options options = {
        .servers = &r->servers,
        .trust_anchor = trust_anchor,
        .in_flight = r->most,
    };

    return unbound_open(&options, &r->ub, why);
}

/* libunbound's thread begins with its first question, and takes over the
 * signals of who asks it: so one is asked, which it answers itself. */
static enum ms_err
start_threads(struct resolver *r, struct why *why)
{
    sigset_t all, before;
    int failed;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = ub_resolve_async(r->ub, "localhost", RESOLVER_A, CLASS_IN, NULL,
                              on_answer, NULL) != 0 ||
             pthread_create(&r->thread, NULL, run, r) != 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return why_set(why, MS_UNAVAIL, "no thread for the DNS");
    return MS_OK;
}

static struct resolver *
make(const struct resolver_options *options)
{
    struct resolver *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->now = options->now;
    r->most = options->in_flight > 0 ? options->in_flight : RESOLVER_IN_FLIGHT;
    r->until_ms = INT64_MAX;
    r->bell = -1;
    TAILQ_INIT(&r->waiting);
    TAILQ_INIT(&r->ready);
    TAILQ_INIT(&r->held);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->quiet, NULL);
    return r;
}

/* No thread of ours any more. */
static void
end(struct resolver *r)
{
    struct resolver_question *question;

    ub_ctx_delete(r->ub);
    if (r->bell >= 0)
        (void)close(r->bell);
    (void)pthread_mutex_lock(&r->lock);
    while ((question = TAILQ_FIRST(&r->held)) != NULL) {
        stop_holding_locked(question);
        let_go_locked(question);
    }
    r->ended = true;
    unlock(r);
}

enum ms_err
resolver_create(const struct resolver_options *options, struct resolver **out,
                struct why *why)
{
    struct resolver *r = make(options);
    enum ms_err err;

    if (r == NULL)
        return MS_NOMEM;
    err = choose_servers(options, &r->servers, why);
    if (err == MS_OK)
        err = open_context(r, options->trust_anchor, why);
    if (err == MS_OK) {
        r->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (r->bell < 0)
            err = why_errno(why, MS_UNAVAIL, "eventfd");
    }
    if (err == MS_OK)
        err = start_threads(r, why);
    if (err == MS_OK)
        *out = r;
    else
        end(r);
    return err;
}

void
resolver_destroy(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    (void)pthread_mutex_lock(&resolver->lock);
    resolver->stopping = true;
    (void)pthread_mutex_unlock(&resolver->lock);
    ring(resolver);
    (void)pthread_join(resolver->thread, NULL);
    end(resolver);
}
