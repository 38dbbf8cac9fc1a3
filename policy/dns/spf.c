/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/spf.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "policy/dns/answers.h"
#include "policy/dns/resolver.h"
#include "policy/dns/spf_check.h"
#include "policy/dns/spf_process.h"
#include "policy/dns/spf_wire.h"

enum {
    TASKS = 512,     /* at one time */
    RUNS = 4096,     /* of a worker, then another takes over */
    FREE_DEATHS = 3, /* in a row that cost no wait */
    BACKOFF_MS = 50, /* for the next; twice as long for each after it */
    BACKOFF_MOST_MS = 5000,
    BACKOFF_LOOK_MS = 20, /* in a wait: to see who must not wait longer */
    LINES = 5,            /* about deaths, in LINES_MS */
    LINES_MS = 60000
};

struct spf_task {
    struct spf *spf;
    struct spf_task *next, *before, *after; /* in the queue; among all */
    struct spf_check *check;
    struct mono deadline;
    void (*done)(void *arg, const struct spf_finding *found);
    void *arg;
    struct resolver_question *question; /* the engine's own */
    unsigned refs;
    bool forgotten, running; /* nobody wants to hear; DONE runs */
};

struct spf {
    struct mono (*now)(void);
    void (*say)(void *arg, const char *text);
    void *arg;
    char *program;
    struct resolver *resolver;
    struct answers *answers; /* that need not be asked for again */
    pthread_t thread;
    bool threaded;
    int wake; /* an eventfd: something is in the queue, or it is to stop */

    /* the engine's own */
    struct spf_process process;
    unsigned runs;     /* of this process */
    unsigned in_a_row; /* deaths since one worked */
    struct mono retry_at;
    struct mono lines_since;
    unsigned lines, untold;

    pthread_mutex_t lock;
    pthread_cond_t quiet; /* a DONE has returned */
    bool stopping;
    struct spf_task *first, **last; /* the queue: whose turn it is */
    struct spf_task *all;
    struct spf_counts counts;
};

/* ----- tasks */

static void
free_task(struct spf_task *task)
{
    spf_check_destroy(task->check);
    free(task);
}

/* Give one reference back; frees what nobody holds. */
static void
drop_locked(struct spf_task *task)
{
    if (--task->refs == 0)
        free_task(task);
}

static void
enqueue_locked(struct spf *spf, struct spf_task *task)
{
    task->next = NULL;
    *spf->last = task;
    spf->last = &task->next;
}

static struct spf_task *
dequeue(struct spf *spf, bool *stopping)
{
    struct spf_task *task;

    pthread_mutex_lock(&spf->lock);
    *stopping = spf->stopping;
    task = spf->first;
    if (task != NULL) {
        spf->first = task->next;
        if (spf->first == NULL)
            spf->last = &spf->first;
    }
    pthread_mutex_unlock(&spf->lock);
    return task;
}

static void
wake(struct spf *spf)
{
    const uint64_t one = 1;
    ssize_t n;

    do
        n = write(spf->wake, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
}

static void
enqueue(struct spf *spf, struct spf_task *task)
{
    pthread_mutex_lock(&spf->lock);
    enqueue_locked(spf, task);
    pthread_mutex_unlock(&spf->lock);
    wake(spf);
}

static void
unlink_locked(struct spf *spf, struct spf_task *task)
{
    if (task->after != NULL)
        task->after->before = task->before;
    if (task->before != NULL)
        task->before->after = task->after;
    else
        spf->all = task->after;
    spf->counts.in_flight--;
}

static bool
is_forgotten(struct spf *spf, const struct spf_task *task)
{
    bool forgotten;

    pthread_mutex_lock(&spf->lock);
    forgotten = task->forgotten;
    pthread_mutex_unlock(&spf->lock);
    return forgotten;
}

/* TASK is over: tell who asked, unless he has gone. */
static void
finish(struct spf *spf, struct spf_task *task)
{
    const struct spf_finding *found = spf_check_found(task->check);

    pthread_mutex_lock(&spf->lock);
    if (found->state == LOOKUP_KNOWN)
        spf->counts.done[found->result]++;
    task->running = !task->forgotten;
    unlink_locked(spf, task); /* who is told finds it counted */
    pthread_mutex_unlock(&spf->lock);
    if (task->running)
        task->done(task->arg, found);
    pthread_mutex_lock(&spf->lock);
    task->running = false;
    pthread_cond_broadcast(&spf->quiet);
    drop_locked(task);
    pthread_mutex_unlock(&spf->lock);
}

/* ----- what the operator hears of workers */

/* May a line be written?  Some a minute, so that nobody fills a log with
 * records. */
static bool
may_say(struct spf *spf)
{
    struct mono now = spf->now();

    if (spf->lines == 0 || now.ms - spf->lines_since.ms >= LINES_MS) {
        spf->lines_since = now;
        spf->lines = 0;
    }
    if (spf->lines == LINES) {
        spf->untold++;
        return false;
    }
    spf->lines++;
    return true;
}

static void
say(struct spf *spf, const char *what, const char *how, const char *domain)
{
    char text[WHY_TEXT + RESOLVER_NAME], untold[64] = "";
    int len;

    if (spf->say == NULL || !may_say(spf))
        return;
    if (spf->untold > 0)
        (void)snprintf(untold, sizeof(untold), " (%u more before that)",
                       spf->untold);
    spf->untold = 0;
    len = snprintf(text, sizeof(text), "mortsafe-spf %s%s%s%s%s%s", what,
                   how[0] != '\0' ? ": " : "", how,
                   domain[0] != '\0' ? ", over the SPF record of " : "", domain,
                   untold);
    if (len > 0)
        spf->say(spf->arg, text);
}

/* ----- the worker */

static void
set_alive(struct spf *spf, bool alive, bool restarted)
{
    pthread_mutex_lock(&spf->lock);
    spf->counts.alive = alive;
    spf->counts.restarts += restarted;
    pthread_mutex_unlock(&spf->lock);
}

/* When the next may be started, after one more that did not work. */
static void
back_off(struct spf *spf)
{
    int64_t wait = 0;

    if (++spf->in_a_row > FREE_DEATHS) {
        unsigned doublings = spf->in_a_row - FREE_DEATHS - 1;

        wait = doublings < 7 ? BACKOFF_MS << doublings : BACKOFF_MOST_MS;
    }
    spf->retry_at = (struct mono){spf->now().ms + wait};
}

/* Have a worker that can be asked.  False: there is none now. */
static bool
have_worker(struct spf *spf)
{
    struct why why;

    if (spf->process.pid != 0)
        return true;
    if (spf->now().ms < spf->retry_at.ms)
        return false;
    if (spf_process_start(spf->program, &spf->process, &why) != MS_OK) {
        back_off(spf);
        say(spf, "cannot be started", why.text, "");
        return false;
    }
    spf->runs = 0;
    set_alive(spf, true, true);
    return true;
}

/* It has died over CHECK, or does not come to an end; another takes over. */
static void
bury(struct spf *spf, struct spf_check *check, enum ms_err err)
{
    char how[SPF_HOW];

    spf_process_end(&spf->process, how);
    pthread_mutex_lock(&spf->lock);
    spf->counts.deaths++;
    spf->counts.alive = false;
    pthread_mutex_unlock(&spf->lock);
    back_off(spf);
    say(spf,
        err == MS_TIMEOUT   ? "ran for over 100 ms"
        : err == MS_INVALID ? "said what is no answer"
                            : "died",
        how, spf_check_found(check)->domain);
    spf_check_died(check);
    (void)have_worker(spf);
}

/* A worker that has worked for long goes: what libspf2 may have lost of its
 * memory goes with it. */
static void
relieve(struct spf *spf)
{
    char how[SPF_HOW];

    if (++spf->runs < RUNS)
        return;
    spf_process_end(&spf->process, how);
    set_alive(spf, false, false);
    (void)have_worker(spf);
}

static void
run(struct spf *spf, struct spf_check *check)
{
    uint8_t reply[SPF_REPLY];
    const uint8_t *frame;
    size_t len, reply_len = 0;
    enum ms_err err;

    frame = spf_check_frame(check, &len);
    err = spf_process_ask(&spf->process, frame, len, SPF_WORK_MS, reply,
                          sizeof(reply), &reply_len);
    if (err == MS_OK)
        err = spf_check_reply(check, reply, reply_len);
    if (err != MS_OK) {
        bury(spf, check, err);
        return;
    }
    spf->in_a_row = 0;
    relieve(spf);
}

/* ----- the resolver */

/* TASK has its turn again, behind those that wait: nobody who has answers to
 * all that a record asks keeps the worker for himself. */
static void
go_on(struct spf_task *task, const struct resolver_answer *answer)
{
    spf_check_answer(task->check, answer);
    enqueue(task->spf, task);
}

/* From the resolver's thread. */
static void
answered(void *arg, const struct resolver_answer *answer)
{
    struct spf_task *task = arg;
    enum resolver_type type;
    const char *name = spf_check_question(task->check, &type);

    answers_put(task->spf->answers, name, type, answer, task->spf->now());
    go_on(task, answer);
}

/* Ask for TASK, which is not the engine's from then on.  False: it cannot be
 * asked, and goes on. */
static bool
ask(struct spf *spf, struct spf_task *task)
{
    struct resolver_question *question = NULL;
    struct resolver_answer none = {.status = RESOLVER_NXDOMAIN};
    struct answers_room known;
    enum resolver_type type;
    const char *name = spf_check_question(task->check, &type);
    enum ms_err err;

    if (answers_get(spf->answers, name, type, spf->now(), &known)) {
        go_on(task, &known.answer);
        return true;
    }
    err = resolver_ask(spf->resolver, name, type, task->deadline, answered,
                       task, &question);
    if (err == MS_OK) {
        task->question = question;
        return true;
    }
    if (err != MS_INVALID) /* what can be no name is not there */
        none.status = RESOLVER_FAILED;
    spf_check_answer(task->check, &none);
    return false;
}

/* ----- the engine */

/* Do what can be done for TASK.  False: it is to have its turn again, when
 * there is a worker. */
static bool
advance(struct spf *spf, struct spf_task *task)
{
    /* its answer has come, so this does not wait */
    resolver_forget(task->question);
    task->question = NULL;
    if (spf->now().ms >= task->deadline.ms)
        spf_check_give_up(task->check, "the DNS did not answer in time");
    for (;;)
        switch (is_forgotten(spf, task) ? SPF_STEP_DONE
                                        : spf_check_step(task->check)) {
        case SPF_STEP_ASK:
            if (ask(spf, task))
                return true;
            break;
        case SPF_STEP_RUN:
            if (!have_worker(spf))
                return false;
            run(spf, task->check);
            break;
        case SPF_STEP_DONE:
            finish(spf, task);
            return true;
        }
}

static void
sleep_until(struct spf *spf, int limit_ms)
{
    struct pollfd p = {.fd = spf->wake, .events = POLLIN};
    uint64_t n;

    if (poll(&p, 1, limit_ms) > 0 && read(spf->wake, &n, sizeof(n)) < 0)
        return; /* it is looked at again anyway */
}

/* Where tasks wait for a worker, all have had a turn before the engine sleeps:
 * who has less time than the others does not wait for them. */
static void *
work(void *arg)
{
    struct spf *spf = arg;
    const struct spf_task *stuck = NULL; /* the first of these; in the queue */
    bool stopping = false;

    for (;;) {
        struct spf_task *task = dequeue(spf, &stopping);
        bool again = task != NULL && task == stuck;

        if (stopping) {
            if (task != NULL)
                enqueue(spf, task);
            return NULL;
        }
        if (task == NULL) {
            sleep_until(spf, -1);
            continue;
        }
        if (again)
            stuck = NULL;
        if (advance(spf, task))
            continue;
        enqueue(spf, task);
        if (stuck == NULL)
            stuck = task;
        if (again)
            (void)poll(NULL, 0, BACKOFF_LOOK_MS);
    }
}

/* ----- from its beginning to its end */

enum ms_err
spf_create(const struct spf_options *options, struct spf **out, struct why *why)
{
    struct spf *spf = calloc(1, sizeof(*spf));
    enum ms_err err = MS_NOMEM;

    if (spf == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    spf->wake = -1;
    spf->now = options->now;
    spf->say = options->say;
    spf->arg = options->arg;
    spf->last = &spf->first;
    pthread_mutex_init(&spf->lock, NULL);
    pthread_cond_init(&spf->quiet, NULL);
    spf->program = strdup(options->program);
    if (spf->program == NULL || answers_create(&spf->answers) != MS_OK) {
        (void)why_set(why, MS_NOMEM, "no memory");
        goto failed;
    }
    spf->wake = eventfd(0, EFD_CLOEXEC);
    if (spf->wake < 0) {
        err = why_errno(why, MS_UNAVAIL, "an eventfd");
        goto failed;
    }
    err = spf_process_start(spf->program, &spf->process, why);
    if (err != MS_OK)
        goto failed;
    spf->counts.alive = true;
    *out = spf;
    return MS_OK;
failed:
    spf_destroy(spf);
    return err;
}

enum ms_err
spf_run(struct spf *spf, struct resolver *resolver)
{
    sigset_t all, before;

    spf->resolver = resolver;
    /* signals are for others */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    spf->threaded = pthread_create(&spf->thread, NULL, work, spf) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return spf->threaded ? MS_OK : MS_NOMEM;
}

/* What is still in flight ends here; no thread of ours runs any more. */
static void
finish_all(struct spf *spf)
{
    while (spf->all != NULL) {
        struct spf_task *task = spf->all;

        resolver_forget(task->question);
        task->question = NULL;
        spf_check_give_up(task->check, "mortsafe ends");
        finish(spf, task);
    }
}

void
spf_destroy(struct spf *spf)
{
    char how[SPF_HOW];

    if (spf == NULL)
        return;
    if (spf->threaded) {
        pthread_mutex_lock(&spf->lock);
        spf->stopping = true;
        pthread_mutex_unlock(&spf->lock);
        wake(spf);
        pthread_join(spf->thread, NULL);
    }
    finish_all(spf);
    spf_process_end(&spf->process, how);
    if (spf->wake >= 0)
        (void)close(spf->wake);
    pthread_cond_destroy(&spf->quiet);
    pthread_mutex_destroy(&spf->lock);
    answers_destroy(spf->answers);
    free(spf->program);
    free(spf);
}

/* ----- for others */

static enum ms_err
make_task(struct spf *spf, const struct spf_ask *what, struct spf_task **out)
{
    struct spf_task *task = calloc(1, sizeof(*task));

    if (task == NULL)
        return MS_NOMEM;
    if (spf_check_create(what, &task->check) != MS_OK) {
        free(task);
        return MS_NOMEM;
    }
    task->spf = spf;
    task->refs = 1;
    *out = task;
    return MS_OK;
}

/* Take TASK in, if there is room. */
static bool
admit(struct spf *spf, struct spf_task *task)
{
    bool room;

    pthread_mutex_lock(&spf->lock);
    room = spf->counts.in_flight < TASKS;
    if (room) {
        spf->counts.in_flight++;
        task->after = spf->all;
        if (spf->all != NULL)
            spf->all->before = task;
        spf->all = task;
        enqueue_locked(spf, task);
    }
    pthread_mutex_unlock(&spf->lock);
    if (room)
        wake(spf);
    return room;
}

enum ms_err
spf_begin(struct spf *spf, const struct spf_ask *what, struct mono deadline,
          void (*done)(void *arg, const struct spf_finding *found), void *arg,
          struct spf_task **out)
{
    struct spf_task *task;
    enum ms_err err = make_task(spf, what, &task);

    if (err != MS_OK)
        return err;
    task->deadline = deadline;
    task->done = done;
    task->arg = arg;
    task->refs += out != NULL;
    /* before it can be done: DONE may look at it */
    if (out != NULL)
        *out = task;
    if (admit(spf, task))
        return MS_OK;
    if (out != NULL)
        *out = NULL;
    free_task(task);
    return MS_BUSY;
}

void
spf_forget(struct spf_task *task)
{
    struct spf *spf;

    if (task == NULL)
        return;
    spf = task->spf;
    pthread_mutex_lock(&spf->lock);
    task->forgotten = true;
    while (task->running &&
           !(spf->threaded && pthread_equal(pthread_self(), spf->thread)))
        pthread_cond_wait(&spf->quiet, &spf->lock);
    drop_locked(task);
    pthread_mutex_unlock(&spf->lock);
}

void
spf_counts(struct spf *spf, struct spf_counts *out)
{
    pthread_mutex_lock(&spf->lock);
    *out = spf->counts;
    pthread_mutex_unlock(&spf->lock);
}
