/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks, in the order in which they are taken: a lookup's CHANGING, which only
 * those take who make or end engines; its LOCK, which guards which engine asks
 * and who uses it; a case's, which guards what it has found.  But for the first
 * none is held across a call of the engine's parts, for these wait for
 * callbacks that take a case's.
 */
#include <config.h>

#include "milter/lookup/lookup.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "milter/journal.h"
#include "milter/lookup/engine.h"
#include "milter/lookup/put_off.h"
#include "milter/now.h"
#include "milter/wait.h"
#include "policy/dns/gate.h"
#include "policy/prefix.h"

struct lookup {
    struct journal *journal;
    struct put_off *put_off;
    struct gate gate;
    _Atomic uint64_t waits, not_waited, waited_us, n_put_off;

    pthread_mutex_t changing;    /* guards what is next */
    const struct config *config; /* that was asked for last: it is only compared
                                    with, and may have gone */
    struct why lack;             /* what of it does not run, as told; "": all
                                    does */
    struct mono again;           /* when that is tried again */

    pthread_mutex_t lock;      /* guards all below */
    struct engine *engine;     /* NULL: nothing is asked; only with CHANGING is
                                  there another */
    struct engine *retired;    /* of earlier configurations, in use or not */
    struct lookup_case *cases; /* all that there are */
};

/* A list that is asked for a case. */
struct question {
    struct lookup_case *c;
    unsigned index;
    struct resolver_question *ref; /* the asker's */
};

/* A name that is. */
struct identity {
    struct lookup_case *c;
    struct spf_finding *found; /* in the case */
    struct spf_task *ref;
};

struct lookup_case {
    struct lookup *lookup;
    struct engine *engine;            /* in use; NULL: there is none */
    const struct config *config;      /* of the asker */
    struct lookup_case *next, **link; /* guarded by the lookup */
    struct prefix client;
    struct question list[LOOKUPS_LISTS];
    struct identity mail_from, helo;
    bool waited; /* in vain, for what is still not known */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t known; /* something more is */
    struct lookups found;
};

/* ----- the daemon's part */

/* Not all of what is asked for runs.  Told once, until it is another. */
static void
lacks(struct lookup *lookup, const struct why *why)
{
    lookup->again = (struct mono){now_read().mono.ms + LOOKUP_AGAIN_MS};
    if (strcmp(lookup->lack.text, why->text) == 0)
        return;
    lookup->lack = *why;
    journal_say(lookup->journal, LOG_ERR,
                "look-ups: %s; what needs it is not known until it runs; it is "
                "tried again each minute",
                why->text);
}

static void
lacks_nothing(struct lookup *lookup)
{
    if (lookup->lack.text[0] != '\0')
        journal_say(lookup->journal, LOG_NOTICE,
                    "look-ups: what could not be started runs now");
    lookup->lack = (struct why){""};
}

enum ms_err
lookup_create(const struct config *config, struct journal *journal,
              struct lookup **out, struct why *why)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    enum ms_err err;

    if (lookup == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    (void)pthread_mutex_init(&lookup->changing, NULL);
    (void)pthread_mutex_init(&lookup->lock, NULL);
    lookup->journal = journal;
    lookup->config = config;
    err = put_off_create(&lookup->put_off);
    if (err != MS_OK)
        (void)why_set(why, err, "no memory");
    if (err == MS_OK && engine_is_wanted(config))
        err = engine_create(config, journal, &lookup->engine, why);
    if (err != MS_OK) {
        lookup_destroy(lookup);
        return err;
    }
    *out = lookup;
    return MS_OK;
}

/* The engine is ENGINE (NULL: none) now; the old one is ended once nobody uses
 * it. */
static void
take_engine(struct lookup *lookup, struct engine *engine)
{
    struct engine *old;

    (void)pthread_mutex_lock(&lookup->lock);
    old = lookup->engine;
    lookup->engine = engine;
    if (old != NULL) {
        old->next = lookup->retired;
        lookup->retired = old;
    }
    (void)pthread_mutex_unlock(&lookup->lock);
}

enum ms_err
lookup_run(struct lookup *lookup, const struct config *config, struct why *why)
{
    struct engine *engine = lookup->engine;
    enum ms_err err;

    if (engine == NULL)
        return MS_OK;
    err = engine_run(engine, config, why);
    if (err != MS_OK && err != MS_UNAVAIL)
        return err;
    (void)pthread_mutex_lock(&lookup->changing);
    if (err == MS_UNAVAIL) {
        take_engine(lookup, NULL);
        lacks(lookup, why);
    } else if (engine->lack.text[0] != '\0') {
        lacks(lookup, &engine->lack);
    }
    (void)pthread_mutex_unlock(&lookup->changing);
    return MS_OK;
}

/* One for CONFIG, at work; NULL: it cannot be, and that is told. */
static struct engine *
start_engine(struct lookup *lookup, const struct config *config)
{
    struct engine *engine = NULL;
    struct why why = {"no memory"};
    enum ms_err err = engine_create(config, lookup->journal, &engine, &why);

    if (err == MS_OK)
        err = engine_run(engine, config, &why);
    if (err != MS_OK) {
        lacks(lookup, &why);
        engine_destroy(engine);
        return NULL;
    }
    if (engine->lack.text[0] != '\0')
        lacks(lookup, &engine->lack);
    else
        lacks_nothing(lookup);
    return engine;
}

static void
set_locked(struct lookup *lookup, const struct config *config)
{
    const struct engine *engine = lookup->engine;

    lookup->config = config;
    lookup->lack = (struct why){""}; /* who reloads wants to hear it */
    if (!engine_is_wanted(config))
        take_engine(lookup, NULL);
    else if (engine == NULL || engine->lack.text[0] != '\0' ||
             !engine_is_for(engine, config))
        take_engine(lookup, start_engine(lookup, config));
    else if (dnsbl_care_set(engine->care, config) != MS_OK)
        journal_say(lookup->journal, LOG_ERR,
                    "look-ups: no memory for the lists");
}

void
lookup_set(struct lookup *lookup, const struct config *config)
{
    (void)pthread_mutex_lock(&lookup->changing);
    set_locked(lookup, config);
    (void)pthread_mutex_unlock(&lookup->changing);
}

/* Try again what could not be started.  One that is no better than the one that
 * is there does not take its place, for that knows its lists. */
static void
try_again(struct lookup *lookup, const struct config *config, struct mono now)
{
    struct engine *engine;

    (void)pthread_mutex_lock(&lookup->changing);
    /* not amid a reload: the one of before is still in force */
    if (lookup->lack.text[0] != '\0' && lookup->config == config &&
        now.ms >= lookup->again.ms) {
        engine = start_engine(lookup, config);
        if (engine != NULL && engine->lack.text[0] != '\0' &&
            lookup->engine != NULL)
            engine_destroy(engine);
        else if (engine != NULL)
            take_engine(lookup, engine);
    }
    (void)pthread_mutex_unlock(&lookup->changing);
}

/* The next of those that have ended, which nobody else knows any more; NULL:
 * there is none. */
static struct engine *
next_unused(struct lookup *lookup)
{
    struct engine **link, *engine;

    (void)pthread_mutex_lock(&lookup->lock);
    link = &lookup->retired;
    while (*link != NULL && (*link)->users > 0)
        link = &(*link)->next;
    engine = *link;
    if (engine != NULL)
        *link = engine->next;
    (void)pthread_mutex_unlock(&lookup->lock);
    return engine;
}

/* The engine, not to be ended before leave_engine(); NULL: there is none. */
static struct engine *
use_engine(struct lookup *lookup)
{
    struct engine *engine;

    (void)pthread_mutex_lock(&lookup->lock);
    engine = lookup->engine;
    if (engine != NULL)
        engine->users++;
    (void)pthread_mutex_unlock(&lookup->lock);
    return engine;
}

static void
leave_engine(struct lookup *lookup, struct engine *engine)
{
    if (engine == NULL)
        return;
    (void)pthread_mutex_lock(&lookup->lock);
    engine->users--;
    (void)pthread_mutex_unlock(&lookup->lock);
}

void
lookup_beat(struct lookup *lookup, const struct config *config, struct mono now)
{
    struct engine *engine, *unused;

    try_again(lookup, config, now);
    engine = use_engine(lookup);
    if (engine != NULL)
        dnsbl_care_beat(engine->care);
    leave_engine(lookup, engine);
    while ((unused = next_unused(lookup)) != NULL)
        engine_destroy(unused);
}

/* Cases whose sessions have not ended with libmilter are ended here. */
void
lookup_destroy(struct lookup *lookup)
{
    struct engine *unused;

    if (lookup == NULL)
        return;
    while (lookup->cases != NULL)
        lookup_end(lookup->cases);
    while ((unused = next_unused(lookup)) != NULL)
        engine_destroy(unused);
    engine_destroy(lookup->engine);
    put_off_destroy(lookup->put_off);
    (void)pthread_mutex_destroy(&lookup->lock);
    (void)pthread_mutex_destroy(&lookup->changing);
    free(lookup);
}

/* ----- a session's */

static struct lookup_case *
make_case(struct lookup *lookup, const struct lookup_ask *ask)
{
    struct lookup_case *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->lookup = lookup;
    c->config = ask->config;
    c->client = prefix_of_sockaddr(ask->client);
    (void)pthread_mutex_init(&c->lock, NULL);
    wait_init(&c->known);
    for (unsigned i = 0; i < LOOKUPS_LISTS; i++)
        c->list[i] = (struct question){.c = c, .index = i};
    c->mail_from = (struct identity){.c = c, .found = &c->found.mail_from};
    c->helo = (struct identity){.c = c, .found = &c->found.helo};
    c->engine = use_engine(lookup);
    (void)pthread_mutex_lock(&lookup->lock);
    c->next = lookup->cases;
    c->link = &lookup->cases;
    if (c->next != NULL)
        c->next->link = &c->next;
    lookup->cases = c;
    (void)pthread_mutex_unlock(&lookup->lock);
    return c;
}

static void
take_list(struct lookup_case *c, unsigned index,
          const struct list_finding *finding)
{
    (void)pthread_mutex_lock(&c->lock);
    c->found.list[index] = *finding;
    (void)pthread_cond_broadcast(&c->known);
    (void)pthread_mutex_unlock(&c->lock);
}

static void
take_finding(struct identity *identity, const struct spf_finding *finding)
{
    struct lookup_case *c = identity->c;

    (void)pthread_mutex_lock(&c->lock);
    *identity->found = *finding;
    identity->found->state = LOOKUP_KNOWN;
    (void)pthread_cond_broadcast(&c->known);
    (void)pthread_mutex_unlock(&c->lock);
}

/* In the resolver's thread, and as short as can be: xxfi_close may wait for
 * it. */
static void
list_answered(void *arg, const struct resolver_answer *answer)
{
    struct question *question = arg;
    struct lookup_case *c = question->c;
    const struct dnsbl *list = c->config->dnsbls[question->index];
    struct list_finding finding = {.state = LOOKUP_KNOWN};

    dnsbl_read(list, answer, &finding);
    finding.state = LOOKUP_KNOWN;
    take_list(c, question->index, &finding);
    dnsbl_care_note(c->engine->care, list, answer);
}

static void
sender_answered(void *arg, const struct spf_finding *found)
{
    take_finding(arg, found);
}

static void
ask_list(struct lookup_case *c, unsigned index)
{
    const struct dnsbl *list = c->config->dnsbls[index];
    const struct list_finding failed = {.state = LOOKUP_KNOWN, .failed = true};
    struct mono deadline = {now_read().mono.ms + list->timeout_ms};
    struct engine *engine = c->engine;
    char name[RESOLVER_NAME];

    take_list(c, index, &(struct list_finding){.state = LOOKUP_PENDING});
    if (engine == NULL || !dnsbl_care_usable(engine->care, list) ||
        !dnsbl_name(c->client, list->zone, name) ||
        resolver_ask(engine->resolver, name, RESOLVER_A, deadline,
                     list_answered, &c->list[index],
                     &c->list[index].ref) != MS_OK)
        take_list(c, index, &failed);
}

static void
ask_sender(struct lookup_case *c, struct identity *identity,
           const struct lookup_ask *ask, const char *sender)
{
    const struct spf_ask spf_ask = {
        .client = ask->client,
        .helo = ask->helo != NULL ? ask->helo : "",
        .sender = sender,
        .receiver = ask->receiver,
    };
    struct mono deadline = {now_read().mono.ms + c->config->spf.timeout_ms};
    struct spf_finding failed = {.state = LOOKUP_KNOWN,
                                 .result = SPF_TEMPERROR,
                                 .detail = "could not be asked"};
    struct spf *spf = c->engine != NULL ? c->engine->spf : NULL;

    (void)pthread_mutex_lock(&c->lock);
    *identity->found = (struct spf_finding){.state = LOOKUP_PENDING};
    (void)pthread_mutex_unlock(&c->lock);
    if (spf == NULL || spf_begin(spf, &spf_ask, deadline, sender_answered,
                                 identity, &identity->ref) != MS_OK)
        take_finding(identity, &failed);
}

static enum lookup_state
state_of(struct lookup_case *c, const enum lookup_state *state)
{
    enum lookup_state now;

    (void)pthread_mutex_lock(&c->lock);
    now = *state;
    (void)pthread_mutex_unlock(&c->lock);
    return now;
}

void
lookup_begin(struct lookup *lookup, const struct lookup_ask *ask,
             struct lookup_case **out)
{
    const struct lookups_wanted *wanted = ask->wanted;
    struct lookup_case *c = *out != NULL ? *out : make_case(lookup, ask);

    *out = c;
    if (c == NULL)
        return; /* no memory: what is not asked is not known */
    for (unsigned i = 0; i < LOOKUPS_LISTS && i < c->config->n_dnsbls; i++) {
        if ((wanted->lists >> i & 1) != 0 &&
            state_of(c, &c->found.list[i].state) == LOOKUP_UNASKED)
            ask_list(c, i);
    }
    if (wanted->mail_from)
        ask_sender(c, &c->mail_from, ask,
                   ask->sender != NULL ? ask->sender : "");
    if (wanted->helo)
        ask_sender(c, &c->helo, ask, NULL);
    c->waited = false;
}

static bool
is_pending_locked(const struct lookup_case *c)
{
    bool pending = c->found.mail_from.state == LOOKUP_PENDING ||
                   c->found.helo.state == LOOKUP_PENDING;

    for (unsigned i = 0; i < LOOKUPS_LISTS && !pending; i++)
        pending = c->found.list[i].state == LOOKUP_PENDING;
    return pending;
}

/* Until all is known, or the time is over. */
static void
wait_locked(struct lookup_case *c)
{
    const struct timespec until = wait_until(GATE_WAIT_MS);
    int64_t began_us = now_us();
    int late = 0;

    while (late == 0 && is_pending_locked(c))
        late = pthread_cond_timedwait(&c->known, &c->lock, &until);
    c->waited = is_pending_locked(c);
    (void)atomic_fetch_add(&c->lookup->waits, 1);
    (void)atomic_fetch_add(&c->lookup->waited_us,
                           (uint64_t)(now_us() - began_us));
}

void
lookup_read(struct lookup_case *c, enum lookup_wait wait, struct lookups *out)
{
    bool pending;

    memset(out, 0, sizeof(*out));
    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    if (wait == LOOKUP_WAIT && !c->waited && is_pending_locked(c)) {
        if (gate_enter(&c->lookup->gate)) {
            wait_locked(c);
            gate_leave(&c->lookup->gate);
        } else {
            (void)atomic_fetch_add(&c->lookup->not_waited, 1);
        }
    }
    *out = c->found;
    pending = is_pending_locked(c);
    (void)pthread_mutex_unlock(&c->lock);
    out->put_off =
        pending && put_off_has(c->lookup->put_off, c->client, now_read().mono);
}

/* ----- their end */

static void
forget_identity(struct identity *identity)
{
    struct lookup_case *c = identity->c;

    spf_forget(identity->ref);
    identity->ref = NULL;
    (void)pthread_mutex_lock(&c->lock);
    memset(identity->found, 0, sizeof(*identity->found));
    (void)pthread_mutex_unlock(&c->lock);
}

void
lookup_next(struct lookup_case *c)
{
    if (c == NULL)
        return;
    forget_identity(&c->mail_from);
    forget_identity(&c->helo);
    c->waited = false;
}

void
lookup_end(struct lookup_case *c)
{
    struct lookup *lookup;

    if (c == NULL)
        return;
    lookup = c->lookup;
    lookup_next(c);
    for (unsigned i = 0; i < LOOKUPS_LISTS; i++)
        resolver_forget(c->list[i].ref);
    (void)pthread_mutex_lock(&lookup->lock);
    if (c->next != NULL)
        c->next->link = c->link;
    *c->link = c->next;
    (void)pthread_mutex_unlock(&lookup->lock);
    leave_engine(lookup, c->engine);
    (void)pthread_cond_destroy(&c->known);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void
lookup_put_off(struct lookup *lookup, struct lookup_case *c)
{
    if (c == NULL)
        return;
    put_off_note(lookup->put_off, c->client, now_read().mono);
    (void)atomic_fetch_add(&lookup->n_put_off, 1);
}

/* ----- counts */

static void
count_engine(struct engine *engine, struct lookup_counts *out)
{
    out->resolver = true;
    resolver_counts(engine->resolver, &out->dns);
    if (engine->spf == NULL)
        return;
    spf_counts(engine->spf, &out->evaluations);
    out->spf = out->evaluations.alive;
}

void
lookup_counts(struct lookup *lookup, struct lookup_counts *out)
{
    struct engine *engine;

    memset(out, 0, sizeof(*out));
    if (lookup == NULL)
        return;
    engine = use_engine(lookup);
    if (engine != NULL)
        count_engine(engine, out);
    leave_engine(lookup, engine);
    out->waits = atomic_load(&lookup->waits);
    out->not_waited = atomic_load(&lookup->not_waited);
    out->waited_us = atomic_load(&lookup->waited_us);
    out->put_off = atomic_load(&lookup->n_put_off);
}

size_t
lookup_lists(struct lookup *lookup, struct dnsbl_state *out, size_t n)
{
    struct engine *engine = lookup != NULL ? use_engine(lookup) : NULL;
    size_t lists = engine != NULL ? dnsbl_care_states(engine->care, out, n) : 0;

    leave_engine(lookup, engine);
    return lists;
}

size_t
lookup_servers(struct lookup *lookup, char (*out)[LOOKUP_SERVER], size_t n)
{
    struct engine *engine = lookup != NULL ? use_engine(lookup) : NULL;
    const char *server[RESOLVER_SERVERS];
    size_t servers = 0;

    if (engine != NULL)
        servers = resolver_servers(engine->resolver, server, RESOLVER_SERVERS);
    for (size_t i = 0; i < servers && i < n && i < RESOLVER_SERVERS; i++)
        (void)snprintf(out[i], LOOKUP_SERVER, "%.*s", LOOKUP_SERVER - 1,
                       server[i]);
    leave_engine(lookup, engine);
    return servers;
}

bool
lookup_is_usable(enum dnsbl_health health)
{
    return health != DNSBL_EVERYBODY && health != DNSBL_BLOCKED;
}
