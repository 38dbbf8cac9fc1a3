/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/listed/lists.c - questions go out one after another, answers come on the
 * resolver's thread into slots, and are looked at on ours.
 */
#include <config.h>

#include "ctl/listed/lists.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "ctl/listed/catalog.h"
#include "ctl/pace.h"
#include "policy/dns/resolver.h"

enum {
    SLOTS = 64, /* questions in flight */
    CODES = 8,  /* of one answer */
    TICK_MS = 100,
    GIVEN_UP = 12 /* answers that fail one after another: it is silent */
};

/* The test points of RFC 5782 section 5, and an address that nobody has. */
enum point { POINT_NEVER, POINT_NOBODY, POINT_ALWAYS, POINTS };

/* What one question has brought. */
struct answer {
    bool failed, blocked;
    size_t n; /* listed by so many codes */
    uint8_t code[CODES][4];
};

struct entry {
    struct lists_one is;
    struct dnsbl own;          /* of a list that the configuration lacks */
    const struct dnsbl *dnsbl; /* that, or the configuration's */
    const struct catalog_list *known; /* NULL: nothing is known of it */
    bool wished;                      /* by configuration or option */
    unsigned failing;                 /* so often, one after another */
    struct answer point[POINTS];
};

struct slot {
    struct lists *lists;
    struct entry *entry; /* NULL: free */
    struct resolver_question *question;
    uint64_t number; /* of the address, or of the test point */
    bool done;       /* guarded by lists->mutex, as is `answer` */
    struct answer answer;
};

struct lists {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    struct resolver *resolver;
    struct catalog *catalog;
    struct entry **entry;
    size_t n;
    unsigned rate;
    int64_t next_us; /* not before may the next question go out */
    struct slot slot[SLOTS];
};

const char *
lists_left_text(enum lists_left left)
{
    switch (left) {
    case LISTS_ASKED:
        return "";
    case LISTS_KEY:
        return "wants its users to register";
    case LISTS_VOLUME:
        return "is not asked about so many addresses";
    case LISTS_EVERYBODY:
        return "lists everybody";
    case LISTS_BLOCKED:
        return "does not answer this resolver";
    case LISTS_SILENT:
        return "does not answer";
    case LISTS_EMPTY:
        return "lists nobody";
    }
    return "";
}

/* ----- which lists */

static bool
add_entry(struct lists *lists, const struct dnsbl *dnsbl, const char *zone,
          bool wished)
{
    struct entry **room, *entry;

    for (size_t i = 0; i < lists->n; i++)
        if (strcasecmp(lists->entry[i]->is.zone, zone) == 0)
            return true;
    room = realloc(lists->entry, (lists->n + 1) * sizeof(struct entry *));
    if (room == NULL)
        return false;
    lists->entry = room;
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return false;
    entry->known = catalog_find(lists->catalog, zone);
    entry->wished = wished;
    entry->own.zone = (char *)(uintptr_t)zone;
    entry->own.ipv4 = entry->known == NULL || entry->known->ipv4;
    entry->own.ipv6 = entry->known == NULL || entry->known->ipv6;
    entry->dnsbl = dnsbl != NULL ? dnsbl : &entry->own;
    entry->is.zone = zone;
    entry->is.name = entry->known != NULL ? entry->known->name
                     : dnsbl != NULL      ? dnsbl->name
                                          : zone;
    entry->is.off = entry->known != NULL ? entry->known->off : "";
    lists->entry[lists->n++] = entry;
    return true;
}

/* The configuration's list of ZONE, or NULL. */
static const struct dnsbl *
written(const struct config *config, const char *zone)
{
    for (size_t i = 0; config != NULL && i < config->n_dnsbls; i++)
        if (strcasecmp(config->dnsbls[i]->zone, zone) == 0)
            return config->dnsbls[i];
    return NULL;
}

static bool
add_entries(struct lists *lists, const struct lists_options *options)
{
    const struct config *config = options->config;
    bool ok = true;

    for (size_t i = 0; ok && i < options->n_zones; i++)
        ok = add_entry(lists, written(config, options->zones[i]),
                       options->zones[i], true);
    if (options->n_zones > 0)
        return ok;
    for (size_t i = 0; ok && config != NULL && i < config->n_dnsbls; i++)
        ok = add_entry(lists, config->dnsbls[i], config->dnsbls[i]->zone, true);
    for (size_t i = 0; ok && i < catalog_count(lists->catalog); i++)
        ok = add_entry(lists, NULL, catalog_at(lists->catalog, i)->zone, false);
    return ok;
}

/* ----- making it */

static enum ms_err
make_resolver(struct lists *lists, const struct lists_options *options,
              struct why *why)
{
    const struct config *config = options->config;
    struct resolver_options with = {
        .servers = options->servers,
        .n_servers = options->n_servers,
        .in_flight = SLOTS,
        .now = pace_now,
    };

    if (with.n_servers == 0 && config != NULL) {
        with.servers = (const char *const *)config->resolver.servers;
        with.n_servers = config->resolver.n_servers;
    }
    if (config != NULL)
        with.trust_anchor = config->resolver.trust_anchor;
    return resolver_create(&with, &lists->resolver, why);
}

static bool
make_lock(struct lists *lists)
{
    pthread_condattr_t attr;
    bool ok;

    if (pthread_condattr_init(&attr) != 0)
        return false;
    ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
         pthread_cond_init(&lists->answered, &attr) == 0;
    (void)pthread_condattr_destroy(&attr);
    if (ok && pthread_mutex_init(&lists->mutex, NULL) != 0) {
        (void)pthread_cond_destroy(&lists->answered);
        ok = false;
    }
    return ok;
}

enum ms_err
lists_create(const struct lists_options *options, struct lists **out,
             struct why *why)
{
    const char *path =
        options->catalog != NULL ? options->catalog : CATALOG_FILE;
    struct lists *lists = calloc(1, sizeof(*lists));
    enum ms_err err;

    if (lists == NULL || !make_lock(lists)) {
        free(lists);
        return why_set(why, MS_NOMEM, "no memory");
    }
    lists->rate = options->rate > 0 ? options->rate : LISTS_RATE;
    err = catalog_load(path, &lists->catalog, why);
    if (err == MS_OK && !add_entries(lists, options))
        err = why_set(why, MS_NOMEM, "no memory");
    if (err == MS_OK)
        err = make_resolver(lists, options, why);
    if (err == MS_OK)
        *out = lists;
    else
        lists_destroy(lists);
    return err;
}

void
lists_destroy(struct lists *lists)
{
    if (lists == NULL)
        return;
    resolver_destroy(lists->resolver);
    for (size_t i = 0; i < lists->n; i++)
        free(lists->entry[i]);
    free(lists->entry);
    catalog_destroy(lists->catalog);
    (void)pthread_cond_destroy(&lists->answered);
    (void)pthread_mutex_destroy(&lists->mutex);
    free(lists);
}

size_t
lists_count(const struct lists *lists)
{
    return lists->n;
}

const struct lists_one *
lists_at(const struct lists *lists, size_t i)
{
    return &lists->entry[i]->is;
}

size_t
lists_usable(const struct lists *lists)
{
    size_t n = 0;

    for (size_t i = 0; i < lists->n; i++)
        n += lists->entry[i]->is.usable;
    return n;
}

static bool
knows(const struct entry *entry, unsigned family)
{
    return family == 4 ? entry->dnsbl->ipv4 : entry->dnsbl->ipv6;
}

size_t
lists_usable_for(const struct lists *lists, unsigned family)
{
    size_t n = 0;

    for (size_t i = 0; i < lists->n; i++)
        n += lists->entry[i]->is.usable && knows(lists->entry[i], family);
    return n;
}

/* ----- one question */

/* Record by record: an address may be listed for several reasons. */
static void
read_answer(const struct dnsbl *dnsbl, const struct resolver_answer *from,
            struct answer *to)
{
    static const uint8_t blocked[3] = {127, 255, 255};

    *to = (struct answer){.failed = from->status == RESOLVER_FAILED ||
                                    from->status == RESOLVER_CROWDED};
    for (size_t i = 0; from->status == RESOLVER_DATA && i < from->n; i++) {
        struct resolver_answer one = *from;
        struct list_finding finding = {.state = LOOKUP_UNASKED};

        one.n = 1;
        one.record = &from->record[i];
        dnsbl_read(dnsbl, &one, &finding);
        if (one.record->length == 4 &&
            memcmp(one.record->data, blocked, sizeof(blocked)) == 0)
            to->failed = to->blocked = true;
        if (finding.listed && to->n < CODES)
            memcpy(to->code[to->n++], finding.code, 4);
    }
}

/* The resolver's thread. */
static void
take_answer(void *arg, const struct resolver_answer *from)
{
    struct slot *slot = arg;
    struct answer answer;

    read_answer(slot->entry->dnsbl, from, &answer);
    (void)pthread_mutex_lock(&slot->lists->mutex);
    slot->answer = answer;
    slot->done = true;
    (void)pthread_cond_signal(&slot->lists->answered);
    (void)pthread_mutex_unlock(&slot->lists->mutex);
}

static struct slot *
free_slot(struct lists *lists)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (lists->slot[i].entry == NULL)
            return &lists->slot[i];
    return NULL;
}

/* Ask ENTRY about ADDRESS in SLOT; what cannot be asked has failed. */
static void
ask(struct lists *lists, struct slot *slot, struct entry *entry,
    struct prefix address, uint64_t number)
{
    struct mono deadline = pace_now();
    char name[RESOLVER_NAME];

    deadline.ms += LISTS_WAIT_MS;
    *slot = (struct slot){.lists = lists, .entry = entry, .number = number};
    entry->is.asked++;
    if (!dnsbl_name(address, entry->dnsbl->zone, name) ||
        resolver_ask(lists->resolver, name, RESOLVER_A, deadline, take_answer,
                     slot, &slot->question) != MS_OK) {
        slot->answer = (struct answer){.failed = true};
        slot->done = true;
    }
}

/* ----- many questions */

/* Questions from 0 to ALL; NEXT: the entry to ask (NULL: this one is passed
 * over), about whom, and the number that the answer comes with. */
struct run {
    struct lists *lists;
    uint64_t all, at, done;
    struct entry *(*next)(struct run *run, uint64_t i, struct prefix *address,
                          uint64_t *number);
    void (*answer)(struct run *run, struct entry *entry, uint64_t number,
                   const struct answer *answer);
    const struct lists_about *about;
    const struct lists_hear *hear;
    /* The last octet of POINT_NOBODY: one of the upper half, so that a list of
     * the operator's own may have examples in the lower. */
    uint8_t nobody;
};

static bool
may_ask_now(struct lists *lists)
{
    const int64_t now_us = pace_now().ms * 1000;
    const int64_t behind_us = now_us - (int64_t)TICK_MS * 1000;

    if (now_us < lists->next_us)
        return false;
    if (lists->next_us < behind_us)
        lists->next_us = behind_us; /* what was missed is not made up for */
    lists->next_us += 1000000 / lists->rate;
    return true;
}

static void
send_some(struct run *run)
{
    struct lists *lists = run->lists;
    struct slot *slot;

    while (run->at < run->all && (slot = free_slot(lists)) != NULL) {
        struct prefix address;
        uint64_t number;
        struct entry *entry = run->next(run, run->at, &address, &number);

        if (entry == NULL) {
            run->done++;
        } else if (may_ask_now(lists)) {
            ask(lists, slot, entry, address, number);
        } else {
            return;
        }
        run->at++;
    }
}

/* Look at what has come; a slot is free from then on. */
static void
take_some(struct run *run)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &run->lists->slot[i];
        struct answer answer;
        bool done;

        if (slot->entry == NULL)
            continue;
        (void)pthread_mutex_lock(&run->lists->mutex);
        done = slot->done;
        answer = slot->answer;
        (void)pthread_mutex_unlock(&run->lists->mutex);
        if (!done)
            continue;
        resolver_forget(slot->question);
        run->answer(run, slot->entry, slot->number, &answer);
        slot->entry = NULL;
        run->done++;
    }
}

static bool
some_done_locked(const struct lists *lists)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (lists->slot[i].entry != NULL && lists->slot[i].done)
            return true;
    return false;
}

/* Until an answer is there, or the next question may go out. */
static void
wait_for_some(struct run *run)
{
    struct lists *lists = run->lists;
    int64_t ms = lists->next_us / 1000 + 1 - pace_now().ms;
    struct timespec until;

    if (ms < 1 || ms > TICK_MS || run->at == run->all ||
        free_slot(lists) == NULL)
        ms = TICK_MS;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&lists->mutex);
    if (!some_done_locked(lists))
        (void)pthread_cond_timedwait(&lists->answered, &lists->mutex, &until);
    (void)pthread_mutex_unlock(&lists->mutex);
}

/* Nobody waits for them any more. */
static void
drop_rest(struct lists *lists)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (lists->slot[i].entry != NULL) {
            resolver_forget(lists->slot[i].question);
            lists->slot[i].entry = NULL;
        }
}

/* Addresses below this are done with. */
static uint64_t
settled(const struct run *run)
{
    uint64_t least = run->at / run->lists->n;

    for (size_t i = 0; i < SLOTS; i++)
        if (run->lists->slot[i].entry != NULL &&
            run->lists->slot[i].number < least)
            least = run->lists->slot[i].number;
    return least;
}

static bool
run_all(struct run *run)
{
    const struct lists_hear *hear = run->hear;
    bool more = true;

    while (more && run->done < run->all) {
        send_some(run);
        if (run->done < run->all)
            wait_for_some(run);
        take_some(run);
        more = hear == NULL || hear->step == NULL ||
               hear->step(hear->arg, run->done, run->all, settled(run));
    }
    drop_rest(run->lists);
    return more;
}

/* ----- test points */

static struct prefix
point_address(const struct run *run, const struct entry *entry,
              enum point point)
{
    const uint8_t last[POINTS] = {1, run->nobody, 2};
    struct prefix p = {.family = 4, .len = 32, .addr = {127, 0, 0, 0}};

    if (point == POINT_NOBODY)
        memcpy(p.addr, (const uint8_t[]){192, 0, 2}, 3);
    p.addr[3] = last[point];
    if (entry->dnsbl->ipv4)
        return p;
    memmove(p.addr + 12, p.addr, 4); /* ::ffff:7f00:2, as IPv6 */
    memset(p.addr, 0, 10);
    memset(p.addr + 10, 0xff, 2);
    p.family = 6;
    p.len = 128;
    return p;
}

static struct entry *
next_point(struct run *run, uint64_t i, struct prefix *address,
           uint64_t *number)
{
    struct entry *entry = run->lists->entry[i % run->lists->n];

    *number = i / run->lists->n;
    *address = point_address(run, entry, (enum point) * number);
    return entry->is.usable ? entry : NULL;
}

static void
take_point(struct run *run, struct entry *entry, uint64_t number,
           const struct answer *answer)
{
    (void)run;
    entry->point[number] = *answer;
}

static enum lists_left
judge_points(const struct answer point[POINTS])
{
    unsigned failed = 0;

    for (size_t i = 0; i < POINTS; i++) {
        if (point[i].blocked)
            return LISTS_BLOCKED;
        failed += point[i].failed;
    }
    if (point[POINT_NEVER].n > 0 || point[POINT_NOBODY].n > 0)
        return LISTS_EVERYBODY;
    if (failed == POINTS)
        return LISTS_SILENT;
    return point[POINT_ALWAYS].n == 0 && !point[POINT_ALWAYS].failed
               ? LISTS_EMPTY
               : LISTS_ASKED;
}

/* May it be asked about N addresses? */
static enum lists_left
terms(const struct entry *entry, uint64_t n)
{
    const struct catalog_list *known = entry->known;
    const bool keyed =
        known != NULL && strcasecmp(known->zone, entry->is.zone) != 0;

    if (known == NULL || keyed)
        return LISTS_ASKED;
    if (known->use == CATALOG_KEY && !entry->wished)
        return LISTS_KEY;
    return known->use != CATALOG_FREE && n > LISTS_FEW ? LISTS_VOLUME
                                                       : LISTS_ASKED;
}

bool
lists_try(struct lists *lists, uint64_t n, const struct lists_hear *hear)
{
    struct run run = {
        .lists = lists,
        .all = (uint64_t)lists->n * POINTS,
        .next = next_point,
        .answer = take_point,
        .hear = hear,
        .nobody = (uint8_t)(128 + pace_now().ms % 127),
    };

    for (size_t i = 0; i < lists->n; i++) {
        struct lists_one *is = &lists->entry[i]->is;

        is->left = terms(lists->entry[i], n);
        is->usable = is->left == LISTS_ASKED;
    }
    if (!run_all(&run))
        return false;
    for (size_t i = 0; i < lists->n; i++) {
        struct entry *entry = lists->entry[i];

        if (!entry->is.usable)
            continue;
        entry->is.asked = 0; /* test points do not count */
        entry->is.left = judge_points(entry->point);
        entry->is.usable = entry->is.left == LISTS_ASKED ||
                           (entry->is.left == LISTS_EMPTY && entry->wished);
    }
    return true;
}

/* ----- addresses */

static struct entry *
next_address(struct run *run, uint64_t i, struct prefix *address,
             uint64_t *number)
{
    struct entry *entry = run->lists->entry[i % run->lists->n];

    *number = i / run->lists->n;
    *address = run->about->at(run->about->arg, *number);
    return entry->is.usable && knows(entry, address->family) ? entry : NULL;
}

/* A list that shuts us out, or goes away, is asked no more. */
static void
watch(struct entry *entry, const struct answer *answer)
{
    entry->failing = answer->failed ? entry->failing + 1 : 0;
    if (!answer->blocked && entry->failing < GIVEN_UP)
        return;
    entry->is.left = answer->blocked ? LISTS_BLOCKED : LISTS_SILENT;
    entry->is.usable = false;
}

static void
tell_address(struct run *run, struct entry *entry, uint64_t number,
             const struct answer *answer)
{
    struct lists_found found = {
        .address = run->about->at(run->about->arg, number),
        .list = &entry->is,
        .failed = answer->n == 0,
        .means = "",
        .off = entry->is.off,
    };

    entry->is.failed += answer->failed;
    entry->is.listed += answer->n > 0;
    watch(entry, answer);
    if (answer->failed && answer->n == 0)
        run->hear->found(run->hear->arg, &found);
    for (size_t i = 0; i < answer->n; i++) {
        const struct catalog_code *known =
            entry->known != NULL ? catalog_code(entry->known, answer->code[i])
                                 : NULL;

        memcpy(found.code, answer->code[i], 4);
        found.means = known != NULL ? known->means : "";
        found.policy = known != NULL && known->policy;
        run->hear->found(run->hear->arg, &found);
    }
}

bool
lists_ask(struct lists *lists, const struct lists_about *about,
          const struct lists_hear *hear)
{
    struct run run = {
        .lists = lists,
        .all = (uint64_t)lists->n * about->n,
        .next = next_address,
        .answer = tell_address,
        .about = about,
        .hear = hear,
    };

    return run_all(&run);
}

/* ----- all in one */

static struct prefix
at_index(void *arg, uint64_t i)
{
    const struct prefix *addresses = arg;

    return addresses[i];
}

/* Lists that have answered, and whatever they were asked. */
static size_t
count_answering(const struct lists *lists)
{
    size_t n = 0;

    for (size_t i = 0; i < lists->n; i++) {
        const struct lists_one *is = &lists->entry[i]->is;

        n += is->usable && is->asked > 0 && is->failed == 0;
    }
    return n;
}

enum ms_err
lists_check(const struct lists_options *options, const struct prefix *addresses,
            size_t n, void (*found)(void *arg, const struct lists_found *found),
            void *arg, size_t *usable, struct why *why)
{
    const struct lists_about about = {n, at_index,
                                      (void *)(uintptr_t)addresses};
    const struct lists_hear hear = {.found = found, .arg = arg};
    struct lists *lists = NULL;
    enum ms_err err = lists_create(options, &lists, why);

    if (err != MS_OK)
        return err;
    (void)lists_try(lists, n, NULL);
    (void)lists_ask(lists, &about, &hear);
    if (usable != NULL)
        *usable = count_answering(lists);
    lists_destroy(lists);
    return MS_OK;
}
