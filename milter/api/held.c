/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/held.c - mail that an MTA holds because we said so: told with the
 * commands that let it go, which are not ours to run; and told to be gone.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/helds.h"
#include "milter/api/json.h"

enum { MOST = 10000, GONE = 1000 };

/* ----- finding them */

struct helds {
    struct held *list;
    size_t n, room, most;
    enum ms_err err;
};

static bool
grow(struct helds *helds)
{
    size_t room = helds->room > 0 ? 2 * helds->room : 32;
    struct held *list;

    if (helds->n < helds->room)
        return true;
    list = realloc(helds->list, room * sizeof(struct held));
    if (list == NULL) {
        helds->err = MS_NOMEM;
        return false;
    }
    helds->list = list;
    helds->room = room;
    return true;
}

static bool
take(void *arg, const struct held *held)
{
    struct helds *helds = arg;

    if (!grow(helds))
        return false;
    helds->list[helds->n++] = *held;
    return helds->n < helds->most;
}

/* The oldest first; the same message side by side. */
static int
oldest(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    int order = x->at_s < y->at_s ? -1 : x->at_s > y->at_s;

    if (order == 0)
        order = strcmp(x->host, y->host);
    return order != 0 ? order : strcmp(x->id, y->id);
}

/* This host's own stand on the board, too. */
static void
drop_doubles(struct helds *helds)
{
    size_t kept = 0;

    for (size_t i = 1; i < helds->n; i++) {
        if (oldest(&helds->list[kept], &helds->list[i]) != 0)
            helds->list[++kept] = helds->list[i];
    }
    if (helds->n > 0)
        helds->n = kept + 1;
}

static json_t *
list_json(const struct helds *helds, size_t most)
{
    json_t *list = json_array();

    for (size_t i = 0; i < helds->n && i < most && list != NULL; i++) {
        if (!api_append(list, held_json(&helds->list[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

enum ms_err
api_helds(struct desk *desk, const char *subject, size_t most, bool fleet,
          json_t **out)
{
    struct helds helds = {.most = most};
    enum ms_err err =
        diary_helds(desk->diary, subject, (unsigned)most, take, &helds);
    json_t *list = NULL;

    if (err == MS_OK && helds.err == MS_OK && fleet) {
        helds.most = helds.n + most;
        (void)clerk_fleet_held(desk->clerk, subject, take, &helds);
    }
    if (err == MS_OK)
        err = helds.err;
    if (err == MS_OK && helds.n > 0) {
        qsort(helds.list, helds.n, sizeof(helds.list[0]), oldest);
        drop_doubles(&helds);
    }
    if (err == MS_OK) {
        list = list_json(&helds, most);
        err = list != NULL ? MS_OK : MS_NOMEM;
    }
    free(helds.list);
    if (err == MS_OK)
        *out = list;
    return err;
}

static bool
count(void *arg, const struct held *held)
{
    uint64_t *n = arg;

    (void)held;
    (*n)++;
    return true;
}

enum ms_err
api_helds_count(struct desk *desk, const char *subject, uint64_t *out)
{
    *out = 0;
    return diary_helds(desk->diary, subject, 0, count, out);
}

/* ----- asking */

static void
answer(struct api_call *call, const char *subject, size_t limit, bool fleet)
{
    struct desk *desk = call->desk;
    json_t *list = NULL;
    uint64_t n = 0;
    int64_t oldest_s = 0;
    enum ms_err err;

    if (!api_call_turn(call, DESK_SEARCH))
        return;
    err = api_helds(desk, subject, limit, fleet, &list);
    if (err == MS_OK)
        err = diary_count_held(desk->diary, &n, &oldest_s);
    api_call_turn_end(call, DESK_SEARCH);
    if (err == MS_OK)
        api_ok(call, json_pack("{s:o, s:o, s:o}", "held", json_incref(list),
                               "here", api_number(n), "oldest",
                               n > 0 ? api_time(oldest_s) : json_null()));
    else
        api_failed(call, err, NULL);
    json_decref(list);
}

void
api_get_held(struct api_call *call)
{
    char id[SUBJECT_TEXT];
    struct subject subject;
    uint64_t limit;
    bool given, fleet;

    if (!api_only_queries(call, "subject limit fleet") ||
        !api_call_number(call, "limit", 1000, 1, MOST, &limit) ||
        !api_yes(call, "fleet", false, &fleet) ||
        !api_find_query(call, "subject", &given, &subject))
        return;
    answer(call, given ? subject_print(&subject, id) : NULL, (size_t)limit,
           fleet);
}

/* ----- they are gone */

static bool
read_outcome(struct api_call *call, const char **out)
{
    static const char *const words[] = {"delivered", "deleted", "gone"};

    if (!api_call_text(call, "outcome", 16, out))
        return false;
    if (*out == NULL)
        *out = words[2];
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], *out) == 0)
            return true;
    }
    api_problem(call, 400, "bad-request",
                "\"outcome\" is delivered, deleted or gone, not `%.20s'", *out);
    return false;
}

/* A string of ONE that fits a queue id or a host's name. */
static const char *
word_of(const json_t *one, const char *key)
{
    const char *text = json_string_value(json_object_get(one, key));

    return text != NULL && *text != '\0' && strlen(text) < DECISION_HOST ? text
                                                                         : NULL;
}

/* The list in "ids"; a host that is not named is this one. */
static bool
read_gone(struct api_call *call, struct clerk_gone *list, size_t *n)
{
    const json_t *ids = json_object_get(call->body, "ids"), *one;
    size_t i;

    *n = json_array_size(ids);
    if (*n == 0 || *n > GONE) {
        api_problem(call, 400, "bad-request",
                    "\"ids\" is a list of 1 to %d of {\"host\", \"id\"}", GONE);
        return false;
    }
    json_array_foreach(ids, i, one)
    {
        list[i].id = word_of(one, "id");
        list[i].host = json_object_get(one, "host") != NULL
                           ? word_of(one, "host")
                           : call->desk->host;
        if (list[i].id == NULL || list[i].host == NULL) {
            api_problem(call, 400, "bad-request",
                        "\"ids\", number %zu: {\"host\": its name, \"id\": the "
                        "queue id} is needed",
                        i + 1);
            return false;
        }
    }
    return true;
}

static void
drop(struct api_call *call, const struct clerk_gone *list, size_t n,
     const char *outcome)
{
    unsigned dropped = 0;
    enum ms_err err = clerk_drop_held(call->desk->clerk, list, n, &dropped);

    api_audit(call, "held", NULL, err == MS_OK, "%s: %s on %s%s", outcome,
              list[0].id, list[0].host, n > 1 ? " and more" : "");
    if (err != MS_OK)
        api_failed(call, err, NULL);
    else
        api_ok(call, json_pack("{s:o}", "dropped", api_number(dropped)));
}

void
api_post_held_gone(struct api_call *call)
{
    const char *outcome;
    struct clerk_gone *list;
    size_t n;

    if (!api_only_queries(call, "") || !api_only_keys(call, "ids outcome") ||
        !read_outcome(call, &outcome))
        return;
    list = calloc(GONE, sizeof(*list));
    if (list == NULL)
        api_failed(call, MS_NOMEM, NULL);
    else if (read_gone(call, list, &n))
        drop(call, list, n, outcome);
    free(list);
}
