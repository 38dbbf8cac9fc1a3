/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/zombies.c - who stands other than normal, the worst and newest
 * first, and by which rules.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/changes.h"
#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/helds.h"
#include "milter/api/json.h"
#include "milter/api/judged.h"

enum {
    MOST = 1000,       /* on a page */
    POSITIONS = 10000, /* behind which no page begins */
    LOOKED = 200000,   /* standings, at most */
    REASON = 400,
    STANDINGS = STANDING_PROBATION + 1
};

/* One that stands, in little room. */
struct stander {
    enum standing standing;
    int64_t since_s;
    uint16_t len;
    uint8_t *bytes; /* of its subject */
};

struct list {
    struct api_call *call;
    const struct config *config;
    struct acts *acts;
    unsigned standings; /* bits 1 << enum standing */
    bool observed;      /* only those that earned it in observe */
    size_t at, limit;   /* position and length of the page */

    struct stander *all;
    size_t n, room;
    uint64_t count[STANDINGS]; /* of each, wanted or not */
    bool cut;                  /* there were more */
    enum ms_err err;
};

/* ----- what was asked */

static bool
read_standings(struct api_call *call, struct list *list)
{
    const char *text = api_call_query(call, "standing");
    char wrong[API_STANDING_WORD];

    list->standings = (1U << STANDINGS) - 1 - (1U << STANDING_NORMAL);
    if (text == NULL || (api_standings_read(text, &list->standings, wrong) &&
                         (list->standings & 1U << STANDING_NORMAL) == 0))
        return true;
    api_problem(call, 400, "bad-request",
                "standing= is watched, throttled, quarantined or probation, or "
                "some of them apart by commas, not `%.60s'",
                text);
    return false;
}

static void
write_cursor(const void *arg, size_t at, char out[API_CURSOR])
{
    const struct list *list = arg;

    (void)snprintf(out, API_CURSOR, "%u.%u.%zu", list->standings,
                   (unsigned)list->observed, at);
}

static bool
read_list(struct api_call *call, struct list *list)
{
    uint64_t limit;

    if (!api_only_queries(call, "standing observed limit cursor") ||
        !read_standings(call, list) ||
        !api_yes(call, "observed", false, &list->observed) ||
        !api_call_cursor(call, POSITIONS, write_cursor, list, &list->at) ||
        !api_call_number(call, "limit", 50, 1, MOST, &limit))
        return false;
    list->limit = (size_t)limit;
    return true;
}

/* ----- collecting */

static bool
grow(struct list *list)
{
    size_t room = list->room > 0 ? 2 * list->room : 64;
    struct stander *all;

    if (list->n < list->room)
        return true;
    all = realloc(list->all, room * sizeof(struct stander));
    if (all == NULL)
        return false;
    list->all = all;
    list->room = room;
    return true;
}

static bool
add(struct list *list, const struct store_record *record, int64_t since_s)
{
    struct stander *one;

    if (!grow(list))
        return false;
    one = &list->all[list->n];
    one->bytes = malloc(record->subject.len);
    if (one->bytes == NULL)
        return false;
    memcpy(one->bytes, record->subject.bytes, record->subject.len);
    one->len = record->subject.len;
    one->standing = record->state.standing;
    one->since_s = since_s;
    list->n++;
    return true;
}

static bool
take(void *arg, const struct store_record *record)
{
    struct list *list = arg;
    struct detector d;
    bool known;

    list->cut = list->n == LOOKED || !desk_ready(list->call->desk);
    if (list->cut)
        return false;
    list->count[record->state.standing]++;
    if ((list->standings >> record->state.standing & 1) == 0)
        return true;
    known = detector_read(record->state.bytes, record->state.len, &d) == MS_OK;
    if (list->observed && !(known && d.observed))
        return true;
    if (!add(list, record, known ? d.since_s : 0)) {
        list->err = MS_NOMEM;
        return false;
    }
    return true;
}

static int
by_name(const struct stander *a, const struct stander *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->bytes, b->bytes, len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* The worst first, of those the newest; names settle what is equal. */
static int
worst(const void *a, const void *b)
{
    const struct stander *x = a, *y = b;

    if (x->standing != y->standing)
        return standing_worse(x->standing, y->standing) ? -1 : 1;
    if (x->since_s != y->since_s)
        return x->since_s > y->since_s ? -1 : 1;
    return by_name(x, y);
}

static void
forget_all(struct list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->all[i].bytes);
    free(list->all);
}

/* ----- telling */

static json_t *
row_json(const struct api_judged *judged, uint64_t held)
{
    const struct detect_view *view = &judged->view;
    const struct detector *d = &view->detector;
    const struct change *change = judged->has_change ? &judged->change : NULL;
    char id[SUBJECT_TEXT], rule[VERDICT_RULE], reason[REASON];
    const struct evidence *e = api_judged_evidence(judged);
    int64_t since_s = api_judged_since_s(judged);

    api_judged_rule(view->rule, rule);
    return json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}",
        "subject", api_text(subject_print(judged->of.subject, id)), "standing",
        standing_name(judged->of.record->state.standing), "since",
        since_s != 0 ? api_time(since_s) : json_null(), "until",
        d->until_s != 0 ? api_time(d->until_s) : json_null(), "cause",
        d->cause != CAUSE_NONE ? json_string(cause_name(d->cause))
                               : json_null(),
        "rule", api_text(rule[0] != '\0' ? rule : NULL), "observed",
        d->observed, "score",
        view->newer ? json_null() : api_tenths(evidence_score(&view->now)),
        "reason",
        api_text(evidence_score(e) > 0 ? evidence_line(e, reason, REASON) : ""),
        "held", api_number(held), "by",
        api_text(change != NULL && change->by[0] != '\0' ? change->by : NULL),
        "note",
        api_text(change != NULL && change->note[0] != '\0' ? change->note
                                                           : NULL));
}

/* One as it is now, into PAGE; it may be gone. */
static enum ms_err
add_row(const struct list *list, const struct stander *one, json_t *page)
{
    struct desk *desk = list->call->desk;
    struct subject subject;
    struct store_record record;
    struct api_judged judged;
    struct api_use_of of = {.config = list->config,
                            .acts = list->acts,
                            .subject = &subject,
                            .record = &record,
                            .now = list->call->now};
    char id[SUBJECT_TEXT];
    bool found = false;
    uint64_t held = 0;
    enum ms_err err;

    if (!subject_read(one->bytes, one->len, &subject))
        return MS_OK;
    err = store_get(daemon_store(desk->daemon), &subject, list->call->now,
                    &found, &record);
    if (err != MS_OK || !found ||
        (list->standings >> record.state.standing & 1) == 0)
        return err;
    (void)api_judged_read(desk, &of, &judged);
    err = api_helds_count(desk, subject_print(&subject, id), &held);
    if (err == MS_OK && !api_append(page, row_json(&judged, held)))
        err = MS_NOMEM;
    return err;
}

/* Until when RULE takes the subjects of a new store for old ones. */
static json_t *
learning_json(const struct list *list, const struct zombie *rule)
{
    struct wall birth = clerk_birth(list->call->desk->clerk);
    int64_t until_s = birth.s + (int64_t)rule->learn_s;

    return birth.s != 0 && until_s > list->call->now.wall.s ? api_time(until_s)
                                                            : json_null();
}

static json_t *
rules_json(const struct list *list)
{
    enum mode mode =
        acts_mode(list->acts, list->config->mode, list->call->now.wall, NULL);
    json_t *rules = json_array();

    for (size_t i = 0; i < list->config->n_zombies && rules != NULL; i++) {
        const struct zombie *rule = list->config->zombies[i];
        bool observe = mode == MODE_OBSERVE || rule->mode == MODE_OBSERVE;
        char name[VERDICT_RULE];

        if (!api_append(
                rules,
                json_pack("{s:o, s:s, s:o}", "rule",
                          api_text(api_judged_rule(rule, name)), "mode",
                          mode_name(observe ? MODE_OBSERVE : MODE_ENFORCE),
                          "learning_until", learning_json(list, rule)))) {
            json_decref(rules);
            rules = NULL;
        }
    }
    return rules;
}

static json_t *
counts_json(const struct list *list)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "watched",
                     api_number(list->count[STANDING_WATCHED]), "throttled",
                     api_number(list->count[STANDING_THROTTLED]), "quarantined",
                     api_number(list->count[STANDING_QUARANTINED]), "probation",
                     api_number(list->count[STANDING_PROBATION]));
}

static json_t *
page_json(struct list *list)
{
    size_t end = list->at + list->limit;
    json_t *page = json_array();

    if (page == NULL)
        list->err = MS_NOMEM;
    for (size_t i = list->at; i < list->n && i < end && list->err == MS_OK; i++)
        list->err = add_row(list, &list->all[i], page);
    if (list->err != MS_OK) {
        json_decref(page);
        page = NULL;
    }
    return page;
}

static void
answer(struct list *list)
{
    struct api_call *call = list->call;
    size_t next = list->at + list->limit;
    bool more = next < list->n && next < POSITIONS;
    struct detect_counts counts;
    char cursor[API_CURSOR];
    json_t *page = page_json(list);

    if (page == NULL) {
        api_failed(call, list->err, NULL);
        return;
    }
    detect_counts(call->desk->detect, &counts);
    write_cursor(list, next, cursor);
    api_ok(call,
           json_pack("{s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:b}", "standings",
                     page, "next", api_text(more ? cursor : NULL), "counts",
                     counts_json(list), "braking", counts.braking, "frozen",
                     counts.frozen, "rules", rules_json(list), "as_of",
                     api_time(call->now.wall.s), "complete", !list->cut));
}

static void
look(struct list *list)
{
    struct desk *desk = list->call->desk;

    list->err = MS_OK;
    if (store_standings(daemon_store(desk->daemon), list->call->now, take,
                        list) != MS_OK &&
        list->err == MS_OK)
        list->err = MS_UNAVAIL;
    if (list->err != MS_OK) {
        api_failed(list->call, list->err, NULL);
        return;
    }
    if (list->n > 0)
        qsort(list->all, list->n, sizeof(list->all[0]), worst);
    answer(list);
}

void
api_get_zombies(struct api_call *call)
{
    struct list list = {.call = call};
    struct daemon *daemon = call->desk->daemon;

    if (!read_list(call, &list) || !api_call_turn(call, DESK_SEARCH))
        return;
    list.config = daemon_config_get(daemon);
    list.acts = daemon_acts_get(daemon);
    look(&list);
    acts_put(list.acts);
    daemon_config_put(daemon, list.config);
    api_call_turn_end(call, DESK_SEARCH);
    forget_all(&list);
}
