/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/needs.h"

#include "policy/excess.h"
#include "policy/limit.h"
#include "policy/zombie.h"

enum {
    HELD_A_DAY = 100, /* messages a subject may have held, then deferred */
    DAY_S = 86400
};

/* What sets the window of held messages apart from a limit's own. */
static const uint64_t held_window = UINT64_C(0x68656c6421686f6c);

/* The window of whoever has been let in: one, whatever limit asks. */
static const uint64_t presence_window = UINT64_C(0x70726573656e6365);

/* ----- subjects */

/* Do A and B make the same subjects, whatever the scene? */
static bool
same_maker(const struct policy_maker *a, const struct policy_maker *b)
{
    if (a->n_keys != b->n_keys || a->map != b->map || a->local != b->local)
        return false;
    for (size_t i = 0; i < a->n_keys; i++) {
        if (a->key[i].kind != b->key[i].kind ||
            a->key[i].len4 != b->key[i].len4 ||
            a->key[i].len6 != b->key[i].len6)
            return false;
    }
    return true;
}

/* What MAKER has made already; NULL: nothing. */
static const struct subject *
find_made(const struct policy *p, const struct policy_maker *maker)
{
    for (size_t i = 0; i < p->n_subjects; i++) {
        if (same_maker(&p->made_by[i], maker))
            return &p->subjects[i];
    }
    return NULL;
}

/* The next subject, which stands in its place by now, is MAKER's. */
static const struct subject *
keep_made(struct policy *p, const struct policy_maker *maker)
{
    p->made_by[p->n_subjects] = *maker;
    return &p->subjects[p->n_subjects++];
}

/* The subject of LIMIT in p->subjects; NULL if there is none. */
static const struct subject *
find_subject(struct policy *p, const struct limit *limit)
{
    const struct policy_maker maker = {limit->key, limit->n_keys, limit->map,
                                       false};
    const struct subject *made = find_made(p, &maker);

    if (made != NULL)
        return made;
    if (p->n_subjects == CHARGE_SUBJECTS ||
        !limit_subject(limit, &p->scene, &p->subjects[p->n_subjects]))
        return NULL; /* add_items() has made sure of the room */
    return keep_made(p, &maker);
}

/* The same of a rule of zombies. */
static const struct subject *
find_judged(struct policy *p, const struct zombie *zombie)
{
    const struct policy_maker maker = {zombie->key, zombie->n_keys, NULL,
                                       p->scene.kind == KIND_LOCAL};
    const struct subject *made = find_made(p, &maker);

    if (zombie_is_address(zombie) && p->scene.client.family == 0)
        return NULL; /* an unknown client is nobody */
    if (made != NULL)
        return made;
    if (p->n_subjects == CHARGE_SUBJECTS ||
        !zombie_subject(zombie, &p->scene, &p->subjects[p->n_subjects]))
        return NULL;
    return keep_made(p, &maker);
}

/* A `/msg` rate needs no store; false: this message is full. */
static bool
check_message(struct policy *p, const struct limit *limit, struct rate rate)
{
    uint32_t used = limit->count == METRIC_EXTERNAL ? p->facts->external
                                                    : p->facts->recipients;
    const struct subject *subject;
    struct verdict v;

    if (p->stage != STAGE_RCPT ||
        (limit->count == METRIC_EXTERNAL && !p->external) || used < rate.n)
        return true;
    subject = find_subject(p, limit);
    excess_verdict(p, &v, limit, rate, (uint64_t)used + 1, 0, subject);
    if (limit->mode == MODE_OBSERVE) {
        excess_try(p, &v);
        return true;
    }
    if (v.action == VERDICT_HOLD) {
        excess_hold(p, &v);
        return true;
    }
    p->verdict = v;
    return false;
}

/* Ask LIMIT for N events; false: it refuses at once. */
static bool
add_items(struct policy *p, const struct limit *limit, enum charge_kind kind,
          uint32_t n)
{
    const struct subject *subject;
    struct rates rates;
    bool holds;

    if (n == 0 || !limit_holds(p->config, limit, &p->scene))
        return true;
    if (p->n_subjects == CHARGE_SUBJECTS) {
        excess_many(p);
        return false;
    }
    subject = find_subject(p, limit);
    if (subject == NULL)
        return true;
    (void)limit_rates(limit, &p->scene, subject, &rates);
    holds = excess_is_held(limit) && kind == CHARGE_TAKE &&
            p->scene.kind != KIND_LOCAL;
    if (holds)
        kind = CHARGE_NOTE; /* counts all the same, and is held */
    for (size_t i = 0; i < rates.n; i++) {
        if (rates.rate[i].span_s == 0) {
            if (!check_message(p, limit, rates.rate[i]))
                return false;
            continue;
        }
        if (p->n_items == CHARGE_ITEMS) {
            excess_many(p);
            return false;
        }
        p->source[p->n_items].limit = limit;
        p->source[p->n_items].rate = rates.rate[i];
        p->items[p->n_items++] = (struct charge_item){
            .subject = subject,
            .window = limit_window(limit, rates.rate[i].span_s),
            .span_s = rates.rate[i].span_s,
            .n = n,
            .limit = rates.rate[i].n,
            .kind = kind,
            .observe = limit->mode == MODE_OBSERVE,
            .host = limit->scope == SCOPE_HOST,
            .early = p->stage == STAGE_MAIL && kind == CHARGE_LOOK,
            .returned = holds,
            .fallback = limit->fallback,
        };
    }
    return true;
}

static uint32_t
kib(uint64_t bytes)
{
    uint64_t n = bytes / 1024 + (bytes % 1024 != 0);

    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* How many events of METRIC this stage brings, and how they are counted. */
static uint32_t
events(const struct policy *p, enum metric metric, enum charge_kind *kind)
{
    const struct facts *facts = p->facts;
    bool local = p->scene.kind == KIND_LOCAL;

    *kind = CHARGE_TAKE;
    switch (p->stage) {
    case STAGE_CONNECT:
        return metric == METRIC_CONNECTIONS;
    case STAGE_MAIL:
        *kind = CHARGE_LOOK;
        if (metric == METRIC_BYTES)
            return kib(facts->size);
        return metric == METRIC_BAD_RECIPIENTS;
    case STAGE_RCPT:
        if (metric == METRIC_BAD_RECIPIENTS) {
            *kind = CHARGE_LOOK;
            return 1;
        }
        return metric == METRIC_RECIPIENTS ||
               (metric == METRIC_MESSAGES && !facts->counted) ||
               (metric == METRIC_EXTERNAL && p->external);
    case STAGE_REFUSED:
        *kind = CHARGE_NOTE;
        return metric == METRIC_BAD_RECIPIENTS && facts->unknown;
    case STAGE_END:
        if (metric == METRIC_BYTES)
            return kib(facts->bytes);
        if (!local)
            return 0;
        return metric == METRIC_MESSAGES     ? 1
               : metric == METRIC_RECIPIENTS ? facts->recipients
               : metric == METRIC_EXTERNAL   ? facts->external
                                             : 0;
    }
    return 0;
}

/* ----- zombies */

/* Append ITEM, whose answer no limit is told. */
static void
add_item(struct policy *p, struct charge_item item)
{
    p->source[p->n_items].limit = NULL;
    p->source[p->n_items].rate = (struct rate){item.limit, item.span_s};
    p->items[p->n_items++] = item;
}

/* The item by which SUBJECT is asked already, of the store that all hosts share
 * and of this one where that is away; CHARGE_ITEMS: none. */
static size_t
find_item(const struct policy *p, const struct subject *subject)
{
    for (size_t i = 0; i < p->n_items; i++)
        if (p->items[i].subject == subject && !p->items[i].host &&
            p->items[i].fallback == FALLBACK_LOCAL)
            return i;
    return CHARGE_ITEMS;
}

/* Ask about SUBJECT in WINDOW without counting: who it is comes with the
 * answer.  No item more where one is asked anyway; CHARGE_ITEMS: no room. */
static size_t
ask_who(struct policy *p, const struct subject *subject, uint64_t window)
{
    size_t item = find_item(p, subject);

    if (item != CHARGE_ITEMS || p->n_items == CHARGE_ITEMS)
        return item;
    add_item(p, (struct charge_item){
                    .subject = subject,
                    .window = window,
                    .span_s = ZOMBIE_SPAN_S,
                    .limit = UINT32_MAX,
                    .kind = CHARGE_LOOK,
                    .early = p->stage == STAGE_MAIL,
                });
    return p->n_items - 1;
}

/* Ask for one recipient of SUBJECT's, should it stand throttled. */
static size_t
ask_throttle(struct policy *p, const struct zombie *zombie,
             const struct subject *subject)
{
    const bool holds = zombie->throttle == ZOMBIE_THROTTLE_HOLD;

    if (p->n_items == CHARGE_ITEMS)
        return CHARGE_ITEMS;
    add_item(p, (struct charge_item){
                    .subject = subject,
                    .window = zombie_window(zombie),
                    .span_s = ZOMBIE_SPAN_S,
                    .n = 1,
                    .kind = holds ? CHARGE_NOTE : CHARGE_TAKE,
                    .observe = zombie->mode != MODE_ENFORCE,
                    .throttled = true,
                    .returned = holds,
                });
    return p->n_items - 1;
}

static void
add_judged(struct policy *p, const struct zombie *zombie,
           const struct subject *subject)
{
    if (subject == NULL || p->n_judged == POLICY_JUDGED)
        return;
    p->judged[p->n_judged++] = (struct policy_judged){
        .zombie = zombie,
        .item = p->stage == STAGE_RCPT
                    ? ask_throttle(p, zombie, subject)
                    : ask_who(p, subject, zombie_window(zombie)),
        .standing = STANDING_NORMAL,
    };
}

/* Ask how all stand whom a rule of zombies judges here. */
static void
add_zombies(struct policy *p)
{
    const struct zombie *rules[ZOMBIE_RULES];
    const size_t n = zombie_rules(p->config, &p->scene, rules);

    for (size_t i = 0; i < n; i++) {
        const struct policy_maker bare = {NULL, 0, NULL, true};

        add_judged(p, rules[i], find_judged(p, rules[i]));
        if (p->scene.kind == KIND_LOCAL && p->n_subjects < CHARGE_SUBJECTS &&
            zombie_bare_subject(p->config, rules[i], &p->scene,
                                &p->subjects[p->n_subjects]))
            add_judged(p, rules[i], keep_made(p, &bare));
    }
}

/* ----- newcomers */

/* At MAIL: ask since when the subjects of limits with `warmup` are known.  What
 * is remembered of refusals does not tell: it is to be asked in earnest. */
static void
add_seen(struct policy *p)
{
    for (size_t i = 0; i < p->config->n_limits; i++) {
        const struct limit *limit = p->config->limits[i];
        const struct subject *subject = NULL;
        size_t item = CHARGE_ITEMS;

        if (limit->n_warmups == 0 || limit->count == METRIC_CONNECTIONS ||
            p->n_seen == FACTS_SEEN ||
            !limit_holds(p->config, limit, &p->scene))
            continue;
        subject = find_subject(p, limit);
        if (subject != NULL)
            item = ask_who(p, subject, limit_window(limit, ZOMBIE_SPAN_S));
        if (item == CHARGE_ITEMS)
            continue;
        p->items[item].early = false;
        p->seen_item[p->n_seen] = item;
        p->seen[p->n_seen++] = (struct facts_seen){.limit = limit};
    }
}

/* The longest age at which LIMIT still takes anybody for new. */
static uint32_t
newest_s(const struct limit *limit)
{
    return (uint32_t)limit->warmup[limit->n_warmups - 1].for_s; /* 366 days */
}

/* Note for SPAN_S that SUBJECT was here. */
static void
note_presence(struct policy *p, const struct subject *subject, uint32_t span_s)
{
    for (size_t i = 0; i < p->n_items; i++) {
        if (p->items[i].subject != subject ||
            p->items[i].window != presence_window)
            continue;
        if (p->items[i].span_s < span_s)
            p->items[i].span_s = span_s;
        return;
    }
    if (p->n_items < CHARGE_ITEMS)
        add_item(p, (struct charge_item){
                        .subject = subject,
                        .window = presence_window,
                        .span_s = span_s,
                        .n = 1,
                        .limit = UINT32_MAX,
                        .kind = CHARGE_NOTE,
                        .returned = true,
                    });
}

/* With a message's first recipient: a store forgets whose windows are empty,
 * and who mails once a week would be new for ever by a limit of an hour.  The
 * note keeps a record as long as anybody asks how old it is. */
static void
add_presence(struct policy *p)
{
    for (size_t i = 0; i < p->config->n_limits; i++) {
        const struct limit *limit = p->config->limits[i];
        const struct subject *subject;

        if (limit->n_warmups == 0 || p->n_subjects == CHARGE_SUBJECTS ||
            !limit_holds(p->config, limit, &p->scene))
            continue;
        subject = find_subject(p, limit);
        if (subject != NULL)
            note_presence(p, subject, newest_s(limit));
    }
}

/* ----- rooms */

/* One more message of V's subject that is held, of HELD_A_DAY. */
static void
add_held(struct policy *p, const struct verdict *v)
{
    const struct limit *limit = v->limit;

    p->subjects[0] = v->subject;
    p->n_subjects = 1;
    add_item(p,
             (struct charge_item){
                 .subject = &p->subjects[0],
                 .window = limit != NULL
                               ? limit_window(limit, DAY_S) ^ held_window
                               : zombie_held_window(v->zombie),
                 .span_s = DAY_S,
                 .n = 1,
                 .limit = limit != NULL ? (uint32_t)HELD_A_DAY
                                        : (uint32_t)ZOMBIE_HELD_DAY,
                 .kind = CHARGE_TAKE,
                 .host = limit != NULL && limit->scope == SCOPE_HOST,
                 .fallback = limit != NULL ? limit->fallback : FALLBACK_LOCAL,
             });
    p->source[0].limit = limit;
    p->source[0].rate = v->rate;
}

/* ... and one more that this host holds for a standing. */
static void
add_host_held(struct policy *p)
{
    struct subject *host = &p->subjects[p->n_subjects];

    if (!subject_make(SUBJECT_NETWORK, "(host)", host))
        return; /* it fits */
    p->n_subjects++;
    add_item(p, (struct charge_item){
                    .subject = host,
                    .window = zombie_host_window(),
                    .span_s = DAY_S,
                    .n = 1,
                    .limit = ZOMBIE_HELD_HOST,
                    .kind = CHARGE_TAKE,
                    .host = true,
                });
}

bool
needs_room(struct policy *p)
{
    if (p->holding.action != VERDICT_HOLD || p->facts->held != NULL)
        return false;
    p->phase = POLICY_HELD;
    p->n_items = 0;
    p->n_judged = 0;
    add_held(p, &p->holding);
    if (p->holding.zombie != NULL)
        add_host_held(p);
    return true;
}

bool
needs_help(struct policy *p)
{
    if (p->stopped.action == VERDICT_CONTINUE)
        return false;
    p->phase = POLICY_HELP;
    p->spent = true;
    p->n_items = 0;
    p->n_judged = 0;
    p->subjects[0] = p->stopped.subject;
    p->n_subjects = 1;
    add_item(p, (struct charge_item){
                    .subject = &p->subjects[0],
                    .window = zombie_help_window(p->stopped.zombie),
                    .span_s = ZOMBIE_SPAN_S,
                    .n = 1,
                    .limit = ZOMBIE_HELP_HOUR,
                    .kind = CHARGE_TAKE,
                });
    return true;
}

/* ----- asking */

static void
clear_items(struct policy *p)
{
    p->n_items = 0;
    p->n_subjects = 0;
    p->n_judged = 0;
    p->n_seen = 0;
    p->phase = POLICY_LIMITS;
}

/* Ask all limits that hold here; false: one refuses at once. */
static bool
add_limits(struct policy *p)
{
    for (size_t i = 0; i < p->config->n_limits; i++) {
        const struct limit *limit = p->config->limits[i];
        enum charge_kind kind;
        uint32_t n = events(p, limit->count, &kind);

        if (p->stage == STAGE_MAIL && excess_is_held(limit))
            continue; /* nothing to hold yet: RCPT asks again */
        if (!add_items(p, limit, kind, n))
            return false;
    }
    return true;
}

void
needs_ask(struct policy *p, unsigned asked)
{
    const bool mail = p->stage == STAGE_MAIL;

    clear_items(p);
    if ((asked & NEEDS_ZOMBIES) != 0 && !mail)
        add_zombies(p);
    if ((asked & NEEDS_LIMITS) != 0 && !add_limits(p)) {
        p->wants = false;
        return;
    }
    if (mail) { /* what others ask tells enough */
        if ((asked & NEEDS_ZOMBIES) != 0)
            add_zombies(p);
        add_seen(p);
    }
    if ((asked & NEEDS_LIMITS) != 0 && p->stage == STAGE_RCPT &&
        !p->facts->counted)
        add_presence(p);
    p->wants = p->n_items > 0;
    if (!p->wants)
        p->wants = needs_room(p);
}

bool
needs_desk(struct policy *p)
{
    clear_items(p);
    p->phase = POLICY_DESK;
    if (p->config->postmaster == NULL)
        return false;
    (void)add_items(p, p->config->postmaster, CHARGE_TAKE, 1);
    p->wants = p->n_items > 0;
    return p->wants;
}
