/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/limit.h"

#include <stdio.h>
#include <string.h>

#include "policy/acts.h"
#include "policy/date.h"

uint64_t
limit_window(const struct limit *limit, uint32_t span_s)
{
    /* the odd constant spreads neighbouring spans over all bits */
    return limit->id ^ ((uint64_t)span_s * UINT64_C(0x9E3779B97F4A7C15));
}

/* The domain behind the last "@" of ADDRESS; "" without one. */
static const char *
domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at != NULL ? at + 1 : "";
}

static bool
counts_sender(const struct scene *scene)
{
    return scene->kind != KIND_STRANGER;
}

static const char *
domain_subject(const struct scene *scene)
{
    const char *domain =
        scene->kind == KIND_LOGIN ? domain_of(scene->user) : "";

    if (*domain == '\0' && counts_sender(scene))
        domain = domain_of(scene->sender);
    return domain;
}

const char *
limit_name(const struct scene *scene, enum subject_kind kind)
{
    switch (kind) {
    case SUBJECT_USER:
        return scene->kind == KIND_LOGIN ? scene->user : "";
    case SUBJECT_SENDER:
        return counts_sender(scene) ? scene->sender : "";
    case SUBJECT_DOMAIN:
        return domain_subject(scene);
    case SUBJECT_NETWORK:
        return scene->network != NULL ? scene->network->name : "";
    case SUBJECT_CLIENT:
    case SUBJECT_PREFIX:
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
    return "";
}

/* ----- exemptions */

static bool
lists(const struct exempt *exempt, enum exempt_key key, const char *text)
{
    for (size_t i = 0; i < exempt->n_values[key]; i++) {
        if (strcmp(exempt->values[key][i], text) == 0)
            return true;
    }
    return false;
}

/* Does EXEMPT name SCENE, of which NAME tells who it is? */
static bool
names_scene(const struct exempt *exempt, const struct scene *scene,
            const char *(*name)(const struct scene *scene,
                                enum subject_kind kind))
{
    static const struct {
        enum exempt_key key;
        enum subject_kind kind;
    } named[] = {{EXEMPT_USER, SUBJECT_USER},
                 {EXEMPT_SENDER, SUBJECT_SENDER},
                 {EXEMPT_DOMAIN, SUBJECT_DOMAIN},
                 {EXEMPT_NETWORK, SUBJECT_NETWORK}};
    uint32_t value;

    if (exempt->has_until && scene->now.s >= exempt->until.s)
        return false;
    if (exempt->clients != NULL &&
        !nettree_longest(exempt->clients, scene->client, &value))
        return false;
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (exempt->n_values[named[i].key] > 0 &&
            !lists(exempt, named[i].key, name(scene, named[i].kind)))
            return false;
    }
    return true;
}

bool
limit_is_exempt(const struct exempt *exempt, const struct scene *scene)
{
    return names_scene(exempt, scene, limit_name);
}

/* Who SCENE says it is. */
static const char *
claimed_name(const struct scene *scene, enum subject_kind kind)
{
    if (kind == SUBJECT_SENDER)
        return scene->sender;
    if (kind == SUBJECT_DOMAIN)
        return domain_of(scene->sender);
    return limit_name(scene, kind);
}

bool
limit_is_exempt_claim(const struct exempt *exempt, const struct scene *scene)
{
    return names_scene(exempt, scene, claimed_name);
}

/* The block by which SCENE is not held to LIMIT, or NULL. */
static const struct exempt *
find_exempt(const struct config *config, const struct limit *limit,
            const struct scene *scene)
{
    for (size_t i = 0; i < config->n_exempts; i++) {
        const struct exempt *exempt = config->exempts[i];

        if ((exempt->skip_all || exempt->skip[limit->index]) &&
            limit_is_exempt(exempt, scene))
            return exempt;
    }
    return NULL;
}

/* Is LIMIT about addresses, and the client this very machine? */
static bool
spares_loopback(const struct config *config, const struct limit *limit,
                const struct scene *scene)
{
    bool address = limit->key[0].kind == SUBJECT_CLIENT ||
                   limit->key[0].kind == SUBJECT_PREFIX;

    return address && !limit->in_loopback && scene->network != NULL &&
           scene->network == config->loopback;
}

enum limit_state
limit_state(const struct config *config, const struct limit *limit,
            const struct scene *scene, struct limit_reason *out)
{
    size_t at = scene->network != NULL ? scene->network->index + 1 : 0;
    struct limit_reason none, *reason = out != NULL ? out : &none;

    *reason = (struct limit_reason){NULL, NULL};
    if ((limit->on >> scene->listener->index & 1) == 0)
        return LIMIT_OTHER_LISTENER;
    if ((limit->in[at] & scene->kind) == 0)
        return LIMIT_OTHER_SESSION;
    if (limit == config->postmaster)
        return LIMIT_APPLIES;
    if (spares_loopback(config, limit, scene))
        return LIMIT_LOOPBACK;
    reason->exempt = find_exempt(config, limit, scene);
    if (reason->exempt != NULL)
        return LIMIT_EXEMPT;
    reason->act = acts_skips(scene->acts, limit, scene);
    return reason->act != NULL ? LIMIT_RELEASED : LIMIT_APPLIES;
}

bool
limit_holds(const struct config *config, const struct limit *limit,
            const struct scene *scene)
{
    return limit_state(config, limit, scene, NULL) == LIMIT_APPLIES;
}

/* ----- subjects */

/* One part of a subject, as text. */
struct part {
    enum subject_kind kind;
    char text[SUBJECT_PART_MAX + 1];
};

static void
set_part(struct part *out, enum subject_kind kind, const char *text)
{
    size_t len = strlen(text);

    out->kind = kind;
    if (len > SUBJECT_PART_MAX) /* no canonical form is longer */
        len = SUBJECT_PART_MAX;
    memcpy(out->text, text, len);
    out->text[len] = '\0';
}

static void
address_part(const struct limit_key *key, const struct scene *scene,
             struct part *out)
{
    char buf[PREFIX_TEXT];
    struct prefix p = prefix_cut(scene->client, key->len4, key->len6);

    set_part(out, key->kind, prefix_print(p, buf));
}

/* Mail that does not come by SMTP has no login: its sender answers for it. */
static void
local_part(const struct scene *scene, struct part *out)
{
    if (scene->sender[0] != '\0')
        set_part(out, SUBJECT_SENDER, scene->sender);
    else
        set_part(out, SUBJECT_NETWORK, "local");
}

/* KEY's part in SCENE; false where there is none. */
static bool
make_part(const struct limit_key *key, const struct scene *scene,
          struct part *out)
{
    const char *text;

    if (key->kind == SUBJECT_CLIENT || key->kind == SUBJECT_PREFIX) {
        if (scene->kind == KIND_LOCAL)
            return false;
        address_part(key, scene, out);
        return true;
    }
    if (scene->kind == KIND_LOCAL &&
        (key->kind == SUBJECT_USER || key->kind == SUBJECT_SENDER)) {
        local_part(scene, out);
        return true;
    }
    text = limit_name(scene, key->kind);
    if (*text == '\0')
        return false;
    set_part(out, key->kind, text);
    return true;
}

const char *
limit_by_name(const struct table *table, const char *name)
{
    const char *at = strrchr(name, '@');
    const char *value = table_get(table, name);
    char local[SUBJECT_PART_MAX + 1];

    if (value != NULL || at == NULL)
        return value;
    memcpy(local, name, (size_t)(at - name));
    local[at - name] = '\0';
    value = table_get(table, local);
    return value != NULL ? value : table_get(table, at);
}

/* PART's entry in TABLE (NULL: there is none), an address's by prefix. */
static const char *
look_up(const struct table *table, const struct scene *scene,
        const struct part *part)
{
    if (table == NULL)
        return NULL;
    if (table_type(table) == TABLE_CIDR)
        return table_get_host(table, scene->client);
    return limit_by_name(table, part->text);
}

bool
limit_key_subject(const struct limit_key *key, size_t n,
                  const struct table *map, const struct scene *scene,
                  struct subject *out)
{
    struct part part[2];
    const char *tenant;

    for (size_t i = 0; i < n; i++) {
        if (!make_part(&key[i], scene, &part[i]))
            return false;
    }
    tenant = look_up(map, scene, &part[0]);
    if (tenant != NULL)
        set_part(&part[0], part[0].kind, tenant);
    if (n == 1)
        return subject_make(part[0].kind, part[0].text, out);
    return subject_make_pair(part[0].kind, part[0].text, part[1].kind,
                             part[1].text, out);
}

bool
limit_subject(const struct limit *limit, const struct scene *scene,
              struct subject *out)
{
    return limit_key_subject(limit->key, limit->n_keys, limit->map, scene, out);
}

/* ----- rates */

void
limit_raise(struct rates *rates, const struct rates *raised)
{
    for (size_t i = 0; i < raised->n; i++) {
        bool any = false;

        for (size_t j = 0; j < rates->n; j++) {
            if (rates->rate[j].span_s != raised->rate[i].span_s)
                continue;
            rates->rate[j] = raised->rate[i];
            any = true;
        }
        if (!any)
            (void)rates_add(rates, raised->rate[i], NULL);
    }
}

/* What was found out at MAIL about LIMIT's subject; NULL: nothing. */
static const struct facts_seen *
find_seen(const struct limit *limit, const struct scene *scene)
{
    for (size_t i = 0; i < scene->n_seen; i++) {
        if (scene->seen[i].limit == limit)
            return &scene->seen[i];
    }
    return NULL;
}

/* Since when LIMIT's table knows its subject; false: it does not name it. */
static bool
known_since(const struct limit *limit, const struct scene *scene,
            struct wall *out)
{
    struct part part;
    const char *text = NULL;

    if (limit->since != NULL && make_part(&limit->key[0], scene, &part))
        text = look_up(limit->since, scene, &part);
    return text != NULL && date_parse(text, out);
}

struct limit_age
limit_age(const struct limit *limit, const struct scene *scene)
{
    struct limit_age age = {NULL, false, 0, 0};
    const struct facts_seen *seen = find_seen(limit, scene);
    struct wall since;

    if (seen == NULL || !scene->has_birth)
        return age;
    age.known = seen->first_s != 0;
    age.first_s = seen->first_s;
    if (known_since(limit, scene, &since)) {
        age.known = true;
        age.first_s = since.s;
    } else if ((age.known ? age.first_s : scene->now.s) < scene->settled.s) {
        return age;
    }
    if (age.known && scene->now.s > age.first_s)
        age.age_s = (uint64_t)(scene->now.s - age.first_s);
    for (size_t i = 0; i < limit->n_warmups && age.warmup == NULL; i++) {
        if (age.age_s < limit->warmup[i].for_s)
            age.warmup = &limit->warmup[i];
    }
    return age;
}

/* Put a newcomer's RATE in the place of a larger one over its span, or beside
 * the others; true if that makes a difference. */
static bool
put_slower(struct rates *rates, struct rate rate)
{
    for (size_t i = 0; i < rates->n; i++) {
        if (rates->rate[i].span_s != rate.span_s)
            continue;
        if (rates->rate[i].n <= rate.n)
            return false;
        rates->rate[i] = rate;
        return true;
    }
    return rates_add(rates, rate, NULL) == MS_OK;
}

/* The same of all that LIMIT has from FIRST on (NULL: none), which holds for
 * the age of its subject: of each span the youngest, which stands first. */
static bool
warm_up(const struct limit *limit, const struct warmup *first,
        struct rates *rates)
{
    bool any = false;

    if (first == NULL)
        return false;
    for (const struct warmup *w = first; w < limit->warmup + limit->n_warmups;
         w++) {
        bool younger = false;

        for (const struct warmup *v = first; v < w && !younger; v++)
            younger = v->rate.span_s == w->rate.span_s;
        if (!younger && put_slower(rates, w->rate))
            any = true;
    }
    return any;
}

/* The same as limit_rates(), from WARMUP on (NULL: SUBJECT is old). */
static enum limit_source
find_rates(const struct limit *limit, const struct scene *scene,
           const struct subject *subject, const struct warmup *warmup,
           struct rates *out)
{
    enum rate_unit unit =
        limit->count == METRIC_BYTES ? RATE_BYTES : RATE_EVENTS;
    const struct act *act =
        acts_raises(scene->acts, limit, subject, scene->now);
    enum limit_source source = LIMIT_TABLE;
    const char *text = NULL;
    struct part part;

    if (limit->rates_table != NULL && make_part(&limit->key[0], scene, &part))
        text = look_up(limit->rates_table, scene, &part);
    /* checked when the table was read, so that this cannot fail */
    if (text == NULL || rates_parse(text, unit, out, NULL) != MS_OK) {
        *out = limit->rates;
        source = LIMIT_OWN;
    }
    if (warm_up(limit, warmup, out))
        source = LIMIT_WARMUP;
    if (act == NULL)
        return source;
    limit_raise(out, &act->rates);
    return LIMIT_RAISED;
}

enum limit_source
limit_rates(const struct limit *limit, const struct scene *scene,
            const struct subject *subject, struct rates *out)
{
    const struct warmup *warmup =
        limit->n_warmups > 0 ? limit_age(limit, scene).warmup : NULL;

    return find_rates(limit, scene, subject, warmup, out);
}

static bool
fits(const struct rates *rates, struct rate rate)
{
    for (size_t i = 0; i < rates->n; i++) {
        if (rates->rate[i].span_s == rate.span_s)
            return rates->rate[i].n >= rate.n;
    }
    return true; /* a span that only newcomers are held to */
}

uint64_t
limit_grows_s(const struct limit *limit, const struct scene *scene,
              const struct subject *subject, struct rate rate)
{
    const struct limit_age age = limit_age(limit, scene);
    const struct warmup *end = limit->warmup + limit->n_warmups;
    struct rates rates;

    for (const struct warmup *w = age.warmup; w != NULL && w < end; w++) {
        (void)find_rates(limit, scene, subject, w + 1 < end ? w + 1 : NULL,
                         &rates);
        if (fits(&rates, rate))
            return w->for_s - age.age_s;
    }
    return UINT64_MAX;
}

static bool
key_makes(const struct limit_key *key, enum subject_kind kind, const char *text)
{
    struct prefix p;

    if (key->kind != kind)
        return false;
    if (kind != SUBJECT_PREFIX && kind != SUBJECT_CLIENT)
        return true;
    return prefix_parse(text, &p, NULL) == MS_OK &&
           p.len == (p.family == 4 ? key->len4 : key->len6);
}

bool
limit_key_makes(const struct limit_key *key, size_t n,
                const struct subject *subject)
{
    char text[SUBJECT_PART_MAX + 1];
    enum subject_kind kind;
    size_t i = 0;

    for (; subject_part(subject, i, &kind, text); i++) {
        if (i == n || !key_makes(&key[i], kind, text))
            return false;
    }
    return i == n;
}
