/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/dnsbl.c - what lists are asked and what they say; and the care for
 * them.  The trial of a list is three questions; the last answer judges it.
 */
#include <config.h>

#include "policy/dns/dnsbl.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/listmask.h"

/* ----- names */

bool
dnsbl_name(struct prefix client, const char *zone, char out[RESOLVER_NAME])
{
    char front[72] = "";
    size_t len = 0;

    if (client.family == 4 && client.len == 32) {
        for (int i = 3; i >= 0; i--)
            len += (size_t)snprintf(front + len, sizeof(front) - len, "%u.",
                                    (unsigned)client.addr[i]);
    } else if (client.family == 6 && client.len == 128) {
        for (int i = 15; i >= 0; i--)
            len += (size_t)snprintf(front + len, sizeof(front) - len, "%x.%x.",
                                    (unsigned)client.addr[i] & 15,
                                    (unsigned)client.addr[i] >> 4);
    } else {
        return false;
    }
    if (*zone == '\0' || len + strlen(zone) >= RESOLVER_NAME)
        return false;
    (void)snprintf(out, RESOLVER_NAME, "%s%s", front, zone);
    return true;
}

/* ----- answers */

/* "We do not answer this resolver", as a code. */
static bool
means_blocked(const uint8_t code[4])
{
    static const uint8_t blocked[] = {127, 255, 255};

    return memcmp(code, blocked, sizeof(blocked)) == 0;
}

/* The I-th A record of ANSWER; false: it is none. */
static bool
read_code(const struct resolver_answer *answer, size_t i, uint8_t code[4])
{
    if (answer->record[i].length != 4)
        return false;
    memcpy(code, answer->record[i].data, 4);
    return true;
}

static bool
says_blocked(const struct resolver_answer *answer)
{
    uint8_t code[4];

    for (size_t i = 0; answer->status == RESOLVER_DATA && i < answer->n; i++) {
        if (read_code(answer, i, code) && means_blocked(code))
            return true;
    }
    return false;
}

static bool
has_failed(const struct resolver_answer *answer)
{
    return answer->status == RESOLVER_FAILED ||
           answer->status == RESOLVER_CROWDED;
}

void
dnsbl_read(const struct dnsbl *list, const struct resolver_answer *answer,
           struct list_finding *out)
{
    uint8_t code[4];

    *out = (struct list_finding){.state = LOOKUP_KNOWN,
                                 .failed = has_failed(answer)};
    if (answer->status != RESOLVER_DATA)
        return;
    for (size_t i = 0; i < answer->n && !out->listed; i++) {
        out->listed = read_code(answer, i, code) &&
                      listmask_lists(list->match, list->n_match, code);
        if (out->listed)
            memcpy(out->code, code, sizeof(code));
    }
    out->failed = !out->listed && says_blocked(answer);
}

/* ----- health */

const char *
dnsbl_health_name(enum dnsbl_health health)
{
    switch (health) {
    case DNSBL_UNTRIED:
        return "untried";
    case DNSBL_SOUND:
        return "sound";
    case DNSBL_EVERYBODY:
        return "everybody";
    case DNSBL_BLOCKED:
        return "blocked";
    case DNSBL_SILENT:
        return "silent";
    case DNSBL_EMPTY:
        return "empty";
    }
    return "";
}

bool
dnsbl_health_usable(enum dnsbl_health health)
{
    return health != DNSBL_EVERYBODY && health != DNSBL_BLOCKED;
}

/* What is asked in a trial. */
enum point {
    POINT_LISTED,   /* 127.0.0.2 */
    POINT_UNLISTED, /* 127.0.0.1 */
    POINT_RANDOM,   /* of a range that is for examples (RFC 5737, RFC 3849) */
    POINTS
};

enum trace { TRACE_NONE, TRACE_LISTED, TRACE_BLOCKED, TRACE_FAILED };

struct ward;

struct trial {
    struct ward *ward;
    enum trace trace;
    struct resolver_question *question;
};

/* One list. */
struct ward {
    struct dnsbl_care *care;
    struct dnsbl_state state;
    bool ipv4;
    struct mono next; /* trial */
    unsigned waiting; /* for so many answers */
    struct trial trial[POINTS];
};

/*
 * TURN is whose questions come and go: who sets, beats or ends.  Callbacks do
 * not take it, and nothing waits under it but for a callback to end, so it may
 * be held across calls of the resolver.
 */
struct dnsbl_care {
    struct resolver *resolver;
    struct mono (*now)(void);
    void (*say)(void *arg, const char *text);
    void *arg;
    pthread_mutex_t turn;
    pthread_mutex_t lock; /* what follows, but for questions */
    struct ward *ward[DNSBL_LISTS];
    size_t n;
};

/* What is said of a list that is HEALTH now and was WAS; NULL: nothing. */
static const char *
change(enum dnsbl_health was, enum dnsbl_health health)
{
    if (was == health)
        return NULL;
    switch (health) {
    case DNSBL_EVERYBODY:
        return "lists everybody; it is not asked until it is sound again";
    case DNSBL_BLOCKED:
        return "says that it does not answer our resolver; it is not asked "
               "for an hour";
    case DNSBL_SILENT:
        return "does not answer; it is asked all the same";
    case DNSBL_EMPTY:
        return "does not list 127.0.0.2, as all lists do: is its zone written "
               "right?  It is asked all the same";
    case DNSBL_SOUND:
        return was == DNSBL_UNTRIED ? NULL : "is sound again";
    case DNSBL_UNTRIED:
        break;
    }
    return NULL;
}

static void
say(const struct dnsbl_care *care, const char *name, const char *what)
{
    char text[256];

    if (what == NULL)
        return;
    (void)snprintf(text, sizeof(text), "dnsbl %s %s", name, what);
    care->say(care->arg, text);
}

/* From now on WARD is HEALTH, and is tried again when that is due; returns what
 * is to be said. */
static const char *
set_health_locked(struct ward *ward, enum dnsbl_health health)
{
    const int64_t hour = (int64_t)DNSBL_HOUR_S * 1000;
    const char *what = change(ward->state.health, health);

    ward->state.health = health;
    ward->next = ward->care->now();
    if (health == DNSBL_SILENT)
        ward->next.ms += (int64_t)DNSBL_SOON_S * 1000;
    else
        ward->next.ms += hour + randombytes_uniform((uint32_t)hour / 10);
    return what;
}

/* What the traces of a trial come to.  Who is off comes back by a whole trial
 * alone. */
static enum dnsbl_health
judge_locked(const struct ward *ward)
{
    const struct trial *trial = ward->trial;
    const enum dnsbl_health was = ward->state.health;
    unsigned failed = 0;

    for (int i = 0; i < POINTS; i++) {
        if (trial[i].trace == TRACE_BLOCKED)
            return DNSBL_BLOCKED;
        failed += trial[i].trace == TRACE_FAILED;
    }
    if (trial[POINT_UNLISTED].trace == TRACE_LISTED ||
        trial[POINT_RANDOM].trace == TRACE_LISTED)
        return DNSBL_EVERYBODY;
    if (failed > 0 && !dnsbl_health_usable(was))
        return was;
    if (failed == POINTS)
        return DNSBL_SILENT;
    if (failed > 0)
        return was == DNSBL_SILENT ? DNSBL_UNTRIED : was;
    return trial[POINT_LISTED].trace == TRACE_LISTED ? DNSBL_SOUND
                                                     : DNSBL_EMPTY;
}

/* TRIAL has left TRACE; the last of its ward's judges. */
static void
take_trace(struct trial *trial, enum trace trace)
{
    struct ward *ward = trial->ward;
    struct dnsbl_care *care = ward->care;
    const char *what = NULL;
    char name[sizeof(ward->state.name)];

    (void)pthread_mutex_lock(&care->lock);
    trial->trace = trace;
    if (--ward->waiting == 0)
        what = set_health_locked(ward, judge_locked(ward));
    memcpy(name, ward->state.name, sizeof(name));
    (void)pthread_mutex_unlock(&care->lock);
    say(care, name, what);
}

static void
answered(void *arg, const struct resolver_answer *answer)
{
    enum trace trace = TRACE_NONE;

    if (has_failed(answer))
        trace = TRACE_FAILED;
    else if (says_blocked(answer))
        trace = TRACE_BLOCKED;
    else if (answer->status == RESOLVER_DATA && answer->n > 0)
        trace = TRACE_LISTED; /* by whatever code */
    take_trace(arg, trace);
}

/* The address of POINT in the family that the list knows. */
static struct prefix
point_address(enum point point, bool ipv4)
{
    static const struct prefix four[POINTS] = {{4, 32, {127, 0, 0, 2}},
                                               {4, 32, {127, 0, 0, 1}},
                                               {4, 32, {192, 0, 2, 0}}};
    static const struct prefix six[POINTS] = {
        {6, 128, {[10] = 0xff, 0xff, 127, 0, 0, 2}},
        {6, 128, {[10] = 0xff, 0xff, 127, 0, 0, 1}},
        {6, 128, {0x20, 0x01, 0x0d, 0xb8}}};
    struct prefix p = ipv4 ? four[point] : six[point];

    if (point == POINT_RANDOM)
        randombytes_buf(&p.addr[ipv4 ? 3 : 8], ipv4 ? 1 : 8);
    if (point == POINT_RANDOM && ipv4)
        p.addr[3] |= 0x80; /* the lower half is everybody's example */
    return p;
}

static void
forget_questions(struct ward *ward)
{
    for (int i = 0; i < POINTS; i++) {
        resolver_forget(ward->trial[i].question);
        ward->trial[i].question = NULL;
    }
}

/* Begin WARD's trial; by TURN. */
static void
try(struct ward *ward)
{
    struct dnsbl_care *care = ward->care;
    const struct mono deadline = {care->now().ms + DNSBL_TRIAL_MS};
    char name[RESOLVER_NAME];

    forget_questions(ward); /* all have been answered */
    for (int i = 0; i < POINTS; i++) {
        struct prefix address = point_address((enum point)i, ward->ipv4);

        if (!dnsbl_name(address, ward->state.zone, name) ||
            resolver_ask(care->resolver, name, RESOLVER_A, deadline, answered,
                         &ward->trial[i], &ward->trial[i].question) != MS_OK)
            take_trace(&ward->trial[i], TRACE_FAILED);
    }
}

static bool
is_due(struct ward *ward)
{
    struct dnsbl_care *care = ward->care;
    bool due;

    (void)pthread_mutex_lock(&care->lock);
    due = ward->waiting == 0 && care->now().ms >= ward->next.ms;
    if (due)
        ward->waiting = POINTS;
    (void)pthread_mutex_unlock(&care->lock);
    return due;
}

void
dnsbl_care_beat(struct dnsbl_care *care)
{
    (void)pthread_mutex_lock(&care->turn);
    for (size_t i = 0; i < care->n; i++) {
        if (is_due(care->ward[i]))
            try(care->ward[i]);
    }
    (void)pthread_mutex_unlock(&care->turn);
}

/* ----- which lists there are */

static void
ward_destroy(struct ward *ward)
{
    if (ward == NULL)
        return;
    forget_questions(ward);
    free(ward);
}

/* A ward for LIST, which keeps what is known of its zone. */
static struct ward *
ward_create(struct dnsbl_care *care, const struct dnsbl *list)
{
    struct ward *ward = calloc(1, sizeof(*ward));

    if (ward == NULL)
        return NULL;
    ward->care = care;
    ward->ipv4 = list->ipv4;
    (void)snprintf(ward->state.name, sizeof(ward->state.name), "%s",
                   list->name);
    (void)snprintf(ward->state.zone, sizeof(ward->state.zone), "%s",
                   list->zone);
    ward->next = care->now();
    for (int i = 0; i < POINTS; i++)
        ward->trial[i].ward = ward;
    return ward;
}

static void
inherit_locked(struct ward *ward, const struct dnsbl_care *care)
{
    for (size_t i = 0; i < care->n; i++) {
        const struct ward *old = care->ward[i];

        if (strcmp(old->state.zone, ward->state.zone) != 0)
            continue;
        ward->state.health = old->state.health;
        /* a trial that has begun ends with its ward */
        if (old->waiting == 0 && old->ipv4 == ward->ipv4)
            ward->next = old->next;
        if (strcmp(old->state.name, ward->state.name) != 0)
            continue;
        ward->state.asked = old->state.asked;
        ward->state.listed = old->state.listed;
        ward->state.failed = old->state.failed;
        return;
    }
}

/* The N wards NEW take the place of care's, which are then in NEW; how many. */
static size_t
swap(struct dnsbl_care *care, struct ward *new[DNSBL_LISTS], size_t n)
{
    struct ward *old[DNSBL_LISTS];
    size_t n_old;

    (void)pthread_mutex_lock(&care->lock);
    for (size_t i = 0; i < n; i++)
        inherit_locked(new[i], care);
    n_old = care->n;
    memcpy(old, care->ward, sizeof(old));
    memcpy(care->ward, new, sizeof(old));
    care->n = n;
    (void)pthread_mutex_unlock(&care->lock);
    memcpy(new, old, sizeof(old));
    return n_old;
}

enum ms_err
dnsbl_care_set(struct dnsbl_care *care, const struct config *config)
{
    struct ward *ward[DNSBL_LISTS] = {NULL};
    enum ms_err err = MS_OK;
    size_t n = 0;

    for (; n < config->n_dnsbls; n++) {
        ward[n] = ward_create(care, config->dnsbls[n]);
        if (ward[n] == NULL) {
            err = MS_NOMEM;
            break;
        }
    }
    (void)pthread_mutex_lock(&care->turn);
    if (err == MS_OK)
        n = swap(care, ward, n);
    for (size_t i = 0; i < n; i++)
        ward_destroy(ward[i]);
    (void)pthread_mutex_unlock(&care->turn);
    return err;
}

enum ms_err
dnsbl_care_create(struct resolver *resolver, struct mono (*now)(void),
                  void (*tell)(void *arg, const char *text), void *arg,
                  struct dnsbl_care **out)
{
    struct dnsbl_care *care = calloc(1, sizeof(*care));

    if (care == NULL)
        return MS_NOMEM;
    care->resolver = resolver;
    care->now = now;
    care->say = tell;
    care->arg = arg;
    (void)pthread_mutex_init(&care->turn, NULL);
    (void)pthread_mutex_init(&care->lock, NULL);
    *out = care;
    return MS_OK;
}

void
dnsbl_care_destroy(struct dnsbl_care *care)
{
    if (care == NULL)
        return;
    for (size_t i = 0; i < care->n; i++)
        ward_destroy(care->ward[i]);
    (void)pthread_mutex_destroy(&care->turn);
    (void)pthread_mutex_destroy(&care->lock);
    free(care);
}

/* ----- lists at work */

/* LIST may be of a configuration that is not the last. */
static struct ward *
find_locked(struct dnsbl_care *care, const struct dnsbl *list)
{
    for (size_t i = 0; i < care->n; i++) {
        struct ward *ward = care->ward[i];

        if (strcmp(ward->state.name, list->name) == 0 &&
            strcmp(ward->state.zone, list->zone) == 0)
            return ward;
    }
    return NULL;
}

bool
dnsbl_care_usable(struct dnsbl_care *care, const struct dnsbl *list)
{
    const struct ward *ward;
    bool usable;

    (void)pthread_mutex_lock(&care->lock);
    ward = find_locked(care, list);
    usable = ward == NULL || dnsbl_health_usable(ward->state.health);
    (void)pthread_mutex_unlock(&care->lock);
    return usable;
}

static void
count_locked(struct dnsbl_state *state, const struct list_finding *found)
{
    state->asked++;
    state->listed += found->listed;
    state->failed += found->failed;
}

void
dnsbl_care_note(struct dnsbl_care *care, const struct dnsbl *list,
                const struct resolver_answer *answer)
{
    struct list_finding found;
    const char *what = NULL;
    struct ward *ward;

    dnsbl_read(list, answer, &found);
    (void)pthread_mutex_lock(&care->lock);
    ward = find_locked(care, list);
    if (ward != NULL) {
        count_locked(&ward->state, &found);
        if (says_blocked(answer) && ward->state.health != DNSBL_BLOCKED)
            what = set_health_locked(ward, DNSBL_BLOCKED);
    }
    (void)pthread_mutex_unlock(&care->lock);
    say(care, list->name, what);
}

size_t
dnsbl_care_states(struct dnsbl_care *care, struct dnsbl_state *out, size_t n)
{
    size_t all;

    (void)pthread_mutex_lock(&care->lock);
    all = care->n;
    for (size_t i = 0; i < all && i < n; i++)
        out[i] = care->ward[i]->state;
    (void)pthread_mutex_unlock(&care->lock);
    return all;
}
