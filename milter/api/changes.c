/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/changes.c - who has changed standing, when, and why.
 */
#include <config.h>

#include "milter/api/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/json.h"

struct api_changes {
    struct change *list;
    size_t n, room, most;
    const struct diary_change_query *query; /* while they are found */
    enum ms_err err;
};

/* ----- which are wanted */

enum family
api_changes_family(const struct evidence *e)
{
    enum family most = FAMILIES;

    for (unsigned i = 0; i < FAMILIES; i++) {
        if (e->tenths[i] > (most < FAMILIES ? e->tenths[most] : 0))
            most = (enum family)i;
    }
    return most;
}

/* Does QUERY, of which the board knows nothing, ask for CHANGE? */
static bool
wants(const struct diary_change_query *query, const struct change *change)
{
    const struct evidence *e = &change->evidence;
    enum family family = api_changes_family(e);

    if ((query->since_s != 0 && e->at_s < query->since_s) ||
        (query->until_s != 0 && e->at_s >= query->until_s))
        return false;
    if (query->to != 0 && (query->to >> e->to & 1) == 0)
        return false;
    return query->family == NULL ||
           (family < FAMILIES &&
            strcmp(family_name(family), query->family) == 0);
}

static bool
has(const struct api_changes *changes, const char *id)
{
    for (size_t i = 0; i < changes->n; i++) {
        if (strcmp(changes->list[i].id, id) == 0)
            return true;
    }
    return false;
}

static bool
grow(struct api_changes *changes)
{
    size_t room = changes->room > 0 ? 2 * changes->room : 16;
    struct change *list;

    if (changes->n < changes->room)
        return true;
    list = realloc(changes->list, room * sizeof(struct change));
    if (list == NULL) {
        changes->err = MS_NOMEM;
        return false;
    }
    changes->list = list;
    changes->room = room;
    return true;
}

static bool
take(void *arg, const struct change *change)
{
    struct api_changes *changes = arg;

    if (!grow(changes))
        return false;
    changes->list[changes->n++] = *change;
    return changes->n < changes->most;
}

/* The board has the newest first, those of this host too. */
static bool
take_from_fleet(void *arg, const struct change *change)
{
    struct api_changes *changes = arg;

    return !wants(changes->query, change) || has(changes, change->id) ||
           take(changes, change);
}

static int
newest(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    if (x->evidence.at_s != y->evidence.at_s)
        return x->evidence.at_s > y->evidence.at_s ? -1 : 1;
    if (x->seq != y->seq && strcmp(x->host, y->host) == 0)
        return x->seq > y->seq ? -1 : 1;
    return strcmp(x->id, y->id);
}

static enum ms_err
find(struct desk *desk, const struct diary_change_query *query,
     enum api_changes_from from, struct api_changes *changes)
{
    enum ms_err err;

    changes->query = query;
    changes->most = query->limit;
    err = diary_changes(desk->diary, query, take, changes);
    if (err == MS_OK && changes->err == MS_OK && from == API_CHANGES_FLEET) {
        changes->most = changes->n + query->limit;
        (void)clerk_fleet_changes(desk->clerk, query->subject, take_from_fleet,
                                  changes);
    }
    if (err == MS_OK)
        err = changes->err;
    if (changes->n > 0)
        qsort(changes->list, changes->n, sizeof(changes->list[0]), newest);
    if (changes->n > query->limit)
        changes->n = query->limit;
    return err;
}

enum ms_err
api_changes_find(struct desk *desk, const struct diary_change_query *query,
                 enum api_changes_from from, struct api_changes **out)
{
    struct api_changes *changes = calloc(1, sizeof(*changes));
    enum ms_err err;

    if (changes == NULL)
        return MS_NOMEM;
    err = find(desk, query, from, changes);
    if (err != MS_OK) {
        api_changes_destroy(changes);
        return err;
    }
    *out = changes;
    return MS_OK;
}

void
api_changes_destroy(struct api_changes *changes)
{
    if (changes == NULL)
        return;
    free(changes->list);
    free(changes);
}

size_t
api_changes_count(const struct api_changes *changes)
{
    return changes->n;
}

const struct change *
api_changes_at(const struct api_changes *changes, size_t i)
{
    return &changes->list[i];
}

json_t *
api_changes_json(const struct api_changes *changes)
{
    json_t *list = json_array();

    for (size_t i = 0; i < changes->n && list != NULL; i++) {
        if (!api_append(list, change_json(&changes->list[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* ----- one of them */

struct wanted {
    bool found;
    struct change *out;
};

static bool
take_it(void *arg, const struct change *change)
{
    struct wanted *wanted = arg;

    *wanted->out = *change;
    wanted->found = true;
    return false;
}

enum ms_err
api_changes_by_id(struct desk *desk, const char *id, bool *found,
                  struct change *out)
{
    const struct diary_change_query query = {.id = id, .limit = 1};
    struct wanted wanted = {.out = out};
    enum ms_err err = diary_changes(desk->diary, &query, take_it, &wanted);

    *found = wanted.found;
    if (err != MS_OK || *found)
        return err;
    return clerk_fleet_change(desk->clerk, id, found, out);
}

/* ----- standings in a question */

bool
api_standings_read(const char *text, unsigned *out,
                   char wrong[API_STANDING_WORD])
{
    *out = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        enum standing standing;

        (void)snprintf(wrong, API_STANDING_WORD, "%.*s", (int)len, text);
        if (len >= API_STANDING_WORD || !standing_of(wrong, &standing))
            return false;
        *out |= 1U << standing;
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

/* ----- asking */

struct asked {
    struct diary_change_query query;
    char subject[SUBJECT_TEXT];
    bool fleet;
};

static bool
read_subject(struct api_call *call, struct asked *asked)
{
    struct subject subject;
    bool given;

    if (!api_find_query(call, "subject", &given, &subject))
        return false;
    if (given)
        asked->query.subject = subject_print(&subject, asked->subject);
    return true;
}

static bool
read_family(struct api_call *call, struct asked *asked)
{
    const char *family = api_call_query(call, "family");

    asked->query.family = family;
    if (family == NULL)
        return true;
    for (unsigned i = 0; i < FAMILIES; i++) {
        if (strcmp(family_name((enum family)i), family) == 0)
            return true;
    }
    api_problem(call, 400, "bad-request",
                "family= is bulk, content, reception, spread or identity, not "
                "`%.60s'",
                family);
    return false;
}

static bool
read_to(struct api_call *call, struct asked *asked)
{
    const char *to = api_call_query(call, "to");
    char wrong[API_STANDING_WORD];

    if (to == NULL || api_standings_read(to, &asked->query.to, wrong))
        return true;
    api_problem(call, 400, "bad-request",
                "to= is normal, watched, throttled, quarantined or probation, "
                "or some of them apart by commas, not `%.60s'",
                wrong);
    return false;
}

static bool
read_asked(struct api_call *call, struct asked *asked)
{
    uint64_t limit;

    if (!api_only_queries(call, "subject since until family to limit fleet") ||
        !read_family(call, asked) || !read_to(call, asked) ||
        !api_call_when(call, "since", &asked->query.since_s) ||
        !api_call_when(call, "until", &asked->query.until_s) ||
        !api_call_number(call, "limit", 100, 1, 1000, &limit) ||
        !api_yes(call, "fleet", false, &asked->fleet) ||
        !read_subject(call, asked))
        return false;
    asked->query.limit = (unsigned)limit;
    return true;
}

void
api_get_changes(struct api_call *call)
{
    struct asked asked = {.fleet = false};
    struct api_changes *changes = NULL;
    enum ms_err err;

    if (!read_asked(call, &asked) || !api_call_turn(call, DESK_SEARCH))
        return;
    err = api_changes_find(call->desk, &asked.query,
                           asked.fleet ? API_CHANGES_FLEET : API_CHANGES_HERE,
                           &changes);
    api_call_turn_end(call, DESK_SEARCH);
    if (err == MS_OK)
        api_ok(call, json_pack("{s:o}", "changes", api_changes_json(changes)));
    else
        api_failed(call, err, NULL);
    api_changes_destroy(changes);
}
