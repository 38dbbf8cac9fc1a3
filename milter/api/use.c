/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/use.h"

#include <stdio.h>
#include <string.h>

#include "policy/limit.h"
#include "policy/nettree.h"
#include "policy/prefix.h"
#include "policy/window.h"

const char *
api_use_by_name(enum api_use_by by)
{
    switch (by) {
    case API_USE_CONFIGURATION:
        return "configuration";
    case API_USE_TABLE:
        return "table";
    case API_USE_RAISED:
        return "raised";
    }
    return "";
}

/* ----- a scene of which only the subject is known */

static const char *
domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at != NULL ? at + 1 : "";
}

static const struct network *
network_of(const struct config *config, struct prefix client)
{
    uint32_t index;

    if (!nettree_longest(config->nets, client, &index))
        return NULL;
    return config->networks[index];
}

static const struct network *
network_named(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_networks; i++) {
        if (strcmp(config->networks[i]->name, name) == 0)
            return config->networks[i];
    }
    return NULL;
}

/* Put TEXT, a part of KIND, into SCENE, so that limit.c finds it there. */
static void
place_part(const struct config *config, enum subject_kind kind,
           const char *text, struct scene *scene)
{
    switch (kind) {
    case SUBJECT_CLIENT:
    case SUBJECT_PREFIX:
        if (prefix_parse(text, &scene->client, NULL) == MS_OK)
            scene->network = network_of(config, scene->client);
        break;
    case SUBJECT_USER:
        scene->kind = KIND_LOGIN;
        (void)snprintf(scene->user, sizeof(scene->user), "%s", text);
        break;
    case SUBJECT_SENDER:
        if (scene->kind == KIND_STRANGER)
            scene->kind = KIND_RELAY;
        (void)snprintf(scene->sender, sizeof(scene->sender), "%s", text);
        break;
    case SUBJECT_DOMAIN:
        scene->kind = KIND_LOGIN;
        (void)snprintf(scene->user, sizeof(scene->user), "@%.*s",
                       ADDRESS_TEXT - 2, text);
        break;
    case SUBJECT_NETWORK:
        scene->network = network_named(config, text);
        break;
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
}

/*
 * The scene in which OF->subject is counted, as far as the subject tells.  Not
 * known are the listener, and of a user its client and network; of a prefix,
 * which of its clients; of a domain, whose it is; of a tenant that `map =' has
 * named, its members.  Rates that a table has for those are not found.
 */
static void
imagine(const struct api_use_of *of, struct scene *scene)
{
    char text[SUBJECT_PART_MAX + 1];
    enum subject_kind kind;

    memset(scene, 0, sizeof(*scene));
    scene->now = of->now.wall;
    scene->acts = of->acts;
    scene->listener = of->config->mx;
    scene->kind = KIND_STRANGER;
    scene->mode = MODE_ENFORCE;
    for (size_t i = 0; subject_part(of->subject, i, &kind, text); i++)
        place_part(of->config, kind, text, scene);
}

/* ----- which limits */

bool
api_use_counts(const struct limit *limit, const struct subject *subject)
{
    return limit_key_makes(limit->key, limit->n_keys, subject);
}

/* Kinds of sessions in which something of KIND is counted. */
static unsigned
sessions_of(enum subject_kind kind)
{
    switch (kind) {
    case SUBJECT_USER:
        return KIND_LOGIN;
    case SUBJECT_SENDER:
    case SUBJECT_DOMAIN:
        return KIND_LOGIN | KIND_RELAY | KIND_LOCAL;
    case SUBJECT_CLIENT:
    case SUBJECT_PREFIX:
        return KIND_LOGIN | KIND_RELAY | KIND_STRANGER;
    case SUBJECT_NETWORK:
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
    return KIND_LOGIN | KIND_RELAY | KIND_STRANGER | KIND_LOCAL;
}

/* Is there a place where LIMIT would count SCENE's subject? */
static bool
applies(const struct api_use_of *of, const struct limit *limit,
        const struct scene *scene)
{
    unsigned kinds = sessions_of(limit->key[0].kind);
    bool by_address = limit->key[0].kind == SUBJECT_CLIENT ||
                      limit->key[0].kind == SUBJECT_PREFIX;

    if (by_address && !limit->in_loopback && scene->network != NULL &&
        scene->network == of->config->loopback)
        return false;
    if (scene->client.family != 0 || scene->network != NULL) {
        size_t at = scene->network != NULL ? scene->network->index + 1 : 0;

        return (limit->in[at] & kinds) != 0;
    }
    for (size_t at = 0; at <= of->config->n_networks; at++) {
        if ((limit->in[at] & kinds) != 0)
            return true;
    }
    return false;
}

void
api_use_rates(const struct api_use_of *of, const struct limit *limit,
              struct rates *out, bool *table)
{
    struct scene scene;

    imagine(of, &scene);
    scene.acts = NULL;
    *table = limit_rates(limit, &scene, of->subject, out) == LIMIT_TABLE;
}

/* ----- uses */

static const struct store_window *
window_of(const struct store_record *record, const struct limit *limit,
          uint32_t span_s)
{
    uint64_t id = limit_window(limit, span_s);

    if (record == NULL || span_s == 0)
        return NULL;
    for (size_t i = 0; i < record->n_windows; i++) {
        if (record->windows[i].window == id &&
            record->windows[i].span_s == span_s)
            return &record->windows[i];
    }
    return NULL;
}

struct uses {
    const struct api_use_of *of;
    struct api_use *out;
    size_t n, room;
};

static void
add(struct uses *uses, struct api_use use)
{
    if (uses->n < uses->room)
        uses->out[uses->n++] = use;
}

static bool
has_span(const struct rates *rates, uint32_t span_s)
{
    for (size_t i = 0; i < rates->n; i++) {
        if (rates->rate[i].span_s == span_s)
            return true;
    }
    return false;
}

/*
 * Windows of LIMIT beside those of RATES: a tenant's rates are those of
 * whichever member was counted, and only the window tells them.
 */
static void
add_tenants(struct uses *uses, const struct limit *limit,
            const struct rates *rates)
{
    const struct store_record *record = uses->of->record;

    for (size_t i = 0; record != NULL && i < record->n_windows; i++) {
        const struct store_window *w = &record->windows[i];

        if (limit_window(limit, w->span_s) == w->window &&
            !has_span(rates, w->span_s))
            add(uses, (struct api_use){.limit = limit,
                                       .rate = {w->limit, w->span_s},
                                       .by = API_USE_TABLE,
                                       .window = w});
    }
}

static void
add_limit(struct uses *uses, const struct limit *limit,
          const struct scene *scene)
{
    const struct api_use_of *of = uses->of;
    const struct act *raised =
        acts_raises(of->acts, limit, of->subject, of->now.wall);
    bool would =
        api_use_counts(limit, of->subject) && applies(of, limit, scene);
    bool table, tenants = limit->map != NULL && raised == NULL;
    struct rates rates;

    api_use_rates(of, limit, &rates, &table);
    if (raised != NULL)
        limit_raise(&rates, &raised->rates);
    for (size_t i = 0; i < rates.n; i++) {
        struct api_use use = {.limit = limit,
                              .rate = rates.rate[i],
                              .by =
                                  table ? API_USE_TABLE : API_USE_CONFIGURATION,
                              .raised = NULL};

        use.window = window_of(of->record, limit, use.rate.span_s);
        if (raised != NULL && has_span(&raised->rates, use.rate.span_s)) {
            use.by = API_USE_RAISED;
            use.raised = raised;
        } else if (tenants && limit->rates_table != NULL &&
                   use.window != NULL) {
            use.rate.n = use.window->limit;
        }
        if (would || use.window != NULL)
            add(uses, use);
    }
    if (tenants)
        add_tenants(uses, limit, &rates);
}

size_t
api_use_list(const struct api_use_of *of, struct api_use *out, size_t room)
{
    struct uses uses = {.of = of, .out = out, .room = room};
    struct scene scene;

    imagine(of, &scene);
    for (size_t i = 0; i < of->config->n_limits; i++)
        add_limit(&uses, of->config->limits[i], &scene);
    return uses.n;
}

uint64_t
api_use_room_ms(const struct api_use_of *of, const struct api_use *use)
{
    const struct store_window *shown = use->window;
    uint64_t clock_ms = of->now.mono.ms > 0 ? (uint64_t)of->now.mono.ms : 0;
    struct window w;

    if (use->rate.n == 0)
        return UINT64_MAX;
    if (shown == NULL || shown->used < use->rate.n)
        return 0;
    w.slice = (uint32_t)(clock_ms / 1000 / window_slice_s(shown->span_s));
    for (unsigned i = 0; i < WINDOW_SLICES; i++) /* the oldest is next */
        w.count[(w.slice + 1 + i) % WINDOW_SLICES] = shown->slices[i];
    return window_room_ms(&w, shown->span_s, clock_ms, 1, use->rate.n);
}

enum mode
api_use_mode(const struct api_use_of *of, const struct limit *limit)
{
    enum mode mode = acts_mode(of->acts, of->config->mode, of->now.wall, NULL);
    struct scene scene;

    imagine(of, &scene);
    if (mode == MODE_OBSERVE || limit->mode == MODE_OBSERVE)
        return MODE_OBSERVE;
    if (scene.network == NULL || scene.network->mode != MODE_OBSERVE ||
        (scene.network->has_until && of->now.wall.s >= scene.network->until.s))
        return MODE_ENFORCE;
    return MODE_OBSERVE;
}

/* ----- exemptions */

static bool
lists(const struct exempt *exempt, unsigned key, const char *text)
{
    for (size_t i = 0; i < exempt->n_values[key]; i++) {
        if (strcmp(exempt->values[key][i], text) == 0)
            return true;
    }
    return false;
}

/* Does KEY of EXEMPT, which is written, match TEXT?  "": nobody knows. */
static bool
matches(const struct exempt *exempt, unsigned key, const char *text,
        bool *matched, unsigned *besides)
{
    if (*text == '\0') {
        *besides |= 1U << key;
        return true;
    }
    *matched = lists(exempt, key, text) || *matched;
    return lists(exempt, key, text);
}

static bool
matches_client(const struct exempt *exempt, const struct scene *scene,
               bool *matched, unsigned *besides)
{
    uint32_t value;

    if (exempt->clients == NULL)
        return true;
    if (scene->client.family == 0) {
        *besides |= 1U << EXEMPT_CLIENT;
        return true;
    }
    *matched =
        nettree_longest(exempt->clients, scene->client, &value) || *matched;
    return nettree_longest(exempt->clients, scene->client, &value);
}

bool
api_use_exempts(const struct api_use_of *of, const struct exempt *exempt,
                unsigned *besides)
{
    struct scene scene;
    bool matched = false;

    imagine(of, &scene);
    if (exempt->has_until && of->now.wall.s >= exempt->until.s)
        return false;

    const char *text[EXEMPT_KEYS] = {
        [EXEMPT_USER] = scene.user[0] != '@' ? scene.user : "",
        [EXEMPT_SENDER] = scene.sender,
        [EXEMPT_DOMAIN] =
            domain_of(scene.user[0] != '\0' ? scene.user : scene.sender),
        [EXEMPT_CLIENT] = "",
        [EXEMPT_NETWORK] = scene.network != NULL ? scene.network->name : "",
    };

    if (!matches_client(exempt, &scene, &matched, besides))
        return false;
    for (unsigned key = 0; key < EXEMPT_KEYS; key++) {
        if (key != EXEMPT_CLIENT && exempt->n_values[key] > 0 &&
            !matches(exempt, key, text[key], &matched, besides))
            return false;
    }
    return matched;
}
