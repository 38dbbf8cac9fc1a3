/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/find.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "policy/address.h"
#include "policy/prefix.h"

/* ----- names */

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Undo what subject_print() does to foreign bytes: the LEN bytes at TEXT into
 * OUT.  False if they are too many for a part, or none.
 */
static bool
unescape(const char *text, size_t len, char out[SUBJECT_PART_MAX + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        int high = -1, low = -1;

        if (n == SUBJECT_PART_MAX)
            return false;
        if (text[i] == '\\' && i + 3 < len && text[i + 1] == 'x') {
            high = hex_digit(text[i + 2]);
            low = hex_digit(text[i + 3]);
        }
        if (high < 0 || low < 0 || high + low == 0) {
            out[n++] = text[i];
            continue;
        }
        out[n++] = (char)(high * 16 + low);
        i += 3;
    }
    out[n] = '\0';
    return n > 0;
}

/* TEXT as an address; HOST tells whether it is a single one. */
static bool
read_prefix(const char *text, struct prefix *out, bool *host)
{
    if (prefix_parse(text, out, NULL) != MS_OK)
        return false;
    *host = out->len == (out->family == 4 ? 32 : 128);
    return true;
}

/* The client TEXT: an address, of IPv6 its /64. */
static bool
write_client(const char *text, char out[SUBJECT_PART_MAX + 1])
{
    struct prefix p;
    char buf[PREFIX_TEXT];
    bool host;

    if (!read_prefix(text, &p, &host) ||
        (!host && !(p.family == 6 && p.len >= 64)))
        return false;
    (void)snprintf(out, SUBJECT_PART_MAX + 1, "%s",
                   prefix_print(prefix_cut(p, 32, 64), buf));
    return true;
}

/* The prefix TEXT; of a single address, the one that is counted by default. */
static bool
write_prefix(const char *text, char out[SUBJECT_PART_MAX + 1])
{
    struct prefix p;
    char buf[PREFIX_TEXT];
    bool host;

    if (!read_prefix(text, &p, &host))
        return false;
    if (host)
        p = prefix_cut(p, 24, 56);
    (void)snprintf(out, SUBJECT_PART_MAX + 1, "%s", prefix_print(p, buf));
    return true;
}

static bool
write_sender(const char *text, char out[SUBJECT_PART_MAX + 1])
{
    struct address address;

    address_parse(text, &address);
    address_canonical(&address, out);
    return out[0] != '\0' && strcmp(out, "invalid") != 0;
}

/* TEXT as policy writes it in a subject of KIND. */
static bool
canonical(const struct config *config, enum subject_kind kind, const char *text,
          char out[SUBJECT_PART_MAX + 1])
{
    switch (kind) {
    case SUBJECT_CLIENT:
        return write_client(text, out);
    case SUBJECT_PREFIX:
        return write_prefix(text, out);
    case SUBJECT_USER:
        return address_login(text, config->users_fold,
                             config->users_default_domain, out);
    case SUBJECT_SENDER:
        return write_sender(text, out);
    case SUBJECT_DOMAIN:
        return address_domain(text, out);
    case SUBJECT_NETWORK:
        (void)snprintf(out, SUBJECT_PART_MAX + 1, "%s", text);
        return true;
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
    return false;
}

/* ----- candidates */

/* SUBJECT is a candidate, unless it is one already or there are enough. */
static void
add(struct api_find *found, const struct subject *subject)
{
    for (size_t i = 0; i < found->n; i++) {
        if (subject_same(&found->subject[i], subject))
            return;
    }
    if (found->n < API_FIND_MAX)
        found->subject[found->n++] = *subject;
}

static void
add_one(struct api_find *found, enum subject_kind kind, const char *text)
{
    struct subject subject;

    if (subject_make(kind, text, &subject))
        add(found, &subject);
}

static bool
kind_of(const char *word, size_t len, enum subject_kind *out)
{
    for (int kind = 0; kind < SUBJECT_PAIR; kind++) {
        const char *name = subject_kind_name((enum subject_kind)kind);

        if (strlen(name) == len && memcmp(name, word, len) == 0) {
            *out = (enum subject_kind)kind;
            return true;
        }
    }
    return false;
}

/* Has some limit a table of tenants, whose names stand in for addresses of
 * KIND? */
static bool
has_tenants(const struct config *config, enum subject_kind kind)
{
    for (size_t i = 0; i < config->n_limits; i++) {
        if (config->limits[i]->map != NULL &&
            config->limits[i]->key[0].kind == kind)
            return true;
    }
    return false;
}

static void
add_single(const struct config *config, enum subject_kind kind,
           const char *text, struct api_find *found)
{
    char part[SUBJECT_PART_MAX + 1], better[SUBJECT_PART_MAX + 1];
    bool address = kind == SUBJECT_CLIENT || kind == SUBJECT_PREFIX;
    bool fits;

    if (!unescape(text, strlen(text), part))
        return;
    fits = canonical(config, kind, part, better);
    /* A tenant's name, say, is counted as it is written. */
    if (!address || (!fits && has_tenants(config, kind)))
        add_one(found, kind, part);
    if (fits)
        add_one(found, kind, better);
}

/* TEXT parted at PLUS. */
static void
add_parted(const struct config *config, const enum subject_kind kind[2],
           const char *text, const char *plus, struct api_find *found)
{
    char part[2][SUBJECT_PART_MAX + 1], better[2][SUBJECT_PART_MAX + 1];
    struct subject subject;

    if (!unescape(text, (size_t)(plus - text), part[0]) ||
        !unescape(plus + 1, strlen(plus + 1), part[1]))
        return;
    if (subject_make_pair(kind[0], part[0], kind[1], part[1], &subject))
        add(found, &subject);
    if (canonical(config, kind[0], part[0], better[0]) &&
        canonical(config, kind[1], part[1], better[1]) &&
        subject_make_pair(kind[0], better[0], kind[1], better[1], &subject))
        add(found, &subject);
}

/* TEXT with a kind in front, or with two. */
static bool
add_named(const struct config *config, const char *text, struct api_find *found)
{
    const char *colon = strchr(text, ':'), *plus;
    enum subject_kind kind[2];

    if (colon == NULL)
        return false;
    if (kind_of(text, (size_t)(colon - text), &kind[0])) {
        add_single(config, kind[0], colon + 1, found);
        return true;
    }
    plus = memchr(text, '+', (size_t)(colon - text));
    if (plus == NULL || !kind_of(text, (size_t)(plus - text), &kind[0]) ||
        !kind_of(plus + 1, (size_t)(colon - plus - 1), &kind[1]))
        return false;
    for (plus = strchr(colon + 1, '+'); plus != NULL;
         plus = strchr(plus + 1, '+'))
        add_parted(config, kind, colon + 1, plus, found);
    return true;
}

/* A key without its kind. */
static void
add_bare(const struct config *config, const char *text, struct api_find *found)
{
    char part[SUBJECT_PART_MAX + 1], better[SUBJECT_PART_MAX + 1];
    struct prefix p;
    bool host;

    if (!unescape(text, strlen(text), part))
        return;
    if (read_prefix(part, &p, &host)) {
        if (write_client(part, better))
            add_one(found, SUBJECT_CLIENT, better);
        if (!host)
            add_single(config, SUBJECT_PREFIX, text, found);
        return;
    }
    add_single(config, SUBJECT_USER, text, found);
    if (strchr(part, '@') != NULL)
        add_single(config, SUBJECT_SENDER, text, found);
    else if (strchr(part, '.') != NULL)
        add_single(config, SUBJECT_DOMAIN, text, found);
    if (strchr(part, '@') == NULL)
        add_single(config, SUBJECT_NETWORK, text, found);
}

void
api_find_candidates(const struct config *config, const char *text,
                    struct api_find *out)
{
    out->n = 0;
    out->named = add_named(config, text, out);
    if (!out->named)
        add_bare(config, text, out);
}

/* ----- what is known */

static bool
one_is_enough(void *arg, const struct decision *decision)
{
    bool *found = arg;

    (void)decision;
    *found = true;
    return false;
}

static bool
has_act(struct desk *desk, const struct subject *subject)
{
    struct acts *acts = daemon_acts_get(desk->daemon);
    bool has = false;

    for (size_t i = 0; i < acts_count(acts) && !has; i++)
        has = acts_at(acts, i)->kind != ACT_MODE &&
              subject_same(&acts_at(acts, i)->subject, subject);
    acts_put(acts);
    return has;
}

/* Whether the diary has a decision about SUBJECT, or one that names it. */
static enum ms_err
find_decision(struct desk *desk, const struct subject *subject, bool *out)
{
    char id[SUBJECT_TEXT], cut[DECISION_SUBJECT];
    struct diary_query query = {.subject = cut, .limit = 1};
    enum ms_err err;

    decision_subject(subject_print(subject, id), cut);
    err = diary_find(desk->diary, &query, one_is_enough, out);
    if (err != MS_OK || *out)
        return err;
    query = (struct diary_query){.limit = 1};
    if (subject->kind == SUBJECT_USER)
        query.user = api_key_of(id);
    else if (subject->kind == SUBJECT_CLIENT)
        query.client = api_key_of(id);
    else
        return MS_OK;
    return diary_find(desk->diary, &query, one_is_enough, out);
}

enum ms_err
api_find_known(struct desk *desk, const struct subject *subject,
               struct store_time now, bool *out)
{
    struct store_record record;
    struct picture_view view;
    bool known = false;
    enum ms_err err =
        store_get(daemon_store(desk->daemon), subject, now, &known, &record);

    if (err == MS_OK && !known)
        known = picture_view(desk->pictures, subject, now.wall, &view) ||
                has_act(desk, subject);
    if (err == MS_OK && !known)
        err = find_decision(desk, subject, &known);
    if (err == MS_OK)
        *out = known;
    return err;
}

/* ----- pseudonyms */

enum { ALIAS_LEN = 9 };

/* Is TEXT an id whose key is a pseudonym? */
static bool
is_alias(const char *text)
{
    const char *key = api_key_of(text);
    size_t len = strlen(key);

    if (len != ALIAS_LEN || key[0] != '~')
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!isalnum((unsigned char)key[i]))
            return false;
    }
    return true;
}

/* Does TEXT (with or without kinds) name SUBJECT by its pseudonym? */
static bool
is_alias_of(struct desk *desk, const char *text, const struct subject *subject)
{
    char id[SUBJECT_TEXT], alias[ALIAS_TEXT];
    const char *key = api_key_of(subject_print(subject, id));
    size_t kinds = (size_t)(key - id);
    bool bare = strchr(text, ':') == NULL;

    if (!bare && strncmp(text, id, kinds) != 0)
        return false;
    alias_of(desk->alias, key, alias);
    return strcmp(bare ? text : text + kinds, alias) == 0;
}

static bool
find_in_top(struct desk *desk, const char *text, struct subject *out)
{
    bool found = false;

    for (unsigned at = 0; at < SUBJECT_KINDS * TOP_SORTS && !found; at++) {
        struct subject *list = NULL;
        size_t n = 0;

        if (top_list(desk->top, (enum subject_kind)(at / TOP_SORTS),
                     at % TOP_SORTS, &list, &n) != MS_OK)
            continue;
        for (size_t i = 0; i < n && !found; i++) {
            found = is_alias_of(desk, text, &list[i]);
            if (found)
                *out = list[i];
        }
        free(list);
    }
    return found;
}

struct looked {
    struct desk *desk;
    const char *text;
    struct subject *out;
    const struct config *config;
    bool found;
};

/* Is it ID that is looked for? */
static void
look_at(struct looked *looked, const char *id)
{
    struct api_find list;

    api_find_candidates(looked->config, id, &list);
    for (size_t i = 0; i < list.n && !looked->found; i++) {
        looked->found =
            is_alias_of(looked->desk, looked->text, &list.subject[i]);
        if (looked->found)
            *looked->out = list.subject[i];
    }
}

static bool
look_at_decision(void *arg, const struct decision *decision)
{
    struct looked *looked = arg;
    char id[SUBJECT_TEXT];

    if (decision->subject[0] != '\0')
        look_at(looked, decision->subject);
    if (!looked->found && decision->user[0] != '\0') {
        (void)snprintf(id, sizeof(id), "user:%s", decision->user);
        look_at(looked, id);
    }
    if (!looked->found && decision->client[0] != '\0') {
        (void)snprintf(id, sizeof(id), "client:%s", decision->client);
        look_at(looked, id);
    }
    return !looked->found;
}

bool
api_find_alias(struct desk *desk, const char *text, struct subject *out)
{
    const struct diary_query query = {.limit = 1000};
    struct looked looked = {.desk = desk, .text = text, .out = out};

    if (!is_alias(text))
        return false;
    if (find_in_top(desk, text, out))
        return true;
    looked.config = daemon_config_get(desk->daemon);
    (void)diary_find(desk->diary, &query, look_at_decision, &looked);
    daemon_config_put(desk->daemon, looked.config);
    return looked.found;
}

bool
api_find_hides(const struct api_call *call)
{
    const struct config *config;
    bool hides;

    if (!call->peer->tcp)
        return false;
    config = daemon_config_get(call->desk->daemon);
    hides = !config->status.names;
    daemon_config_put(call->desk->daemon, config);
    return hides;
}

/* ----- what a call names */

static void
no_alias(struct api_call *call)
{
    api_problem(call, 404, "unknown-subject",
                "no subject that is remembered has this pseudonym");
}

void
api_find_unknown(struct api_call *call, const char *id)
{
    if (api_find_hides(call))
        no_alias(call);
    else
        api_problem(call, 404, "unknown-subject", "nothing is known of %.300s",
                    id);
}

/* Where nobody is known by a bare key: one kind only may be meant by POST. */
static bool
take_unknown(struct api_call *call, const char *text,
             const struct api_find *list, struct subject *out)
{
    char first[SUBJECT_TEXT], second[SUBJECT_TEXT];

    if (call->method == API_GET) {
        api_find_unknown(call, text);
        return false;
    }
    if (list->n > 1) {
        api_problem(call, 400, "bad-request",
                    "nothing is known of %.300s yet; say which kind is meant, "
                    "%.300s or %.300s",
                    text, subject_print(&list->subject[0], first),
                    subject_print(&list->subject[1], second));
        return false;
    }
    *out = list->subject[0];
    return true;
}

/* The first of the candidates of which something is known. */
static bool
choose(struct api_call *call, const char *text, const struct api_find *list,
       struct subject *out)
{
    for (size_t i = 0; i < list->n; i++) {
        bool known = false;
        enum ms_err err = MS_OK;

        /* where there is nothing to choose, nobody is asked */
        if (list->n > 1 || !list->named || is_alias(text))
            err = api_find_known(call->desk, &list->subject[i], call->now,
                                 &known);
        if (err != MS_OK) {
            api_failed(call, err, NULL);
            return false;
        }
        if (known) {
            *out = list->subject[i];
            return true;
        }
    }
    if (is_alias(text)) {
        no_alias(call);
        return false;
    }
    if (!list->named)
        return take_unknown(call, text, list, out);
    *out = list->subject[list->n - 1]; /* as policy would write it */
    return true;
}

/* The subject of TEXT, which names it, or its pseudonym. */
static bool
find(struct api_call *call, const char *text, struct subject *out)
{
    struct api_find list;
    const struct config *config;

    if (is_alias(text)) {
        bool found;

        if (!api_call_turn(call, DESK_SEARCH))
            return false;
        found = api_find_alias(call->desk, text, out);
        api_call_turn_end(call, DESK_SEARCH);
        if (found)
            return true;
    }
    if (api_find_hides(call)) {
        if (is_alias(text))
            no_alias(call);
        else
            api_problem(call, 404, "unknown-subject",
                        "subjects go by their pseudonyms here");
        return false;
    }
    config = daemon_config_get(call->desk->daemon);
    api_find_candidates(config, text, &list);
    daemon_config_put(call->desk->daemon, config);
    if (list.n == 0) {
        api_problem(call, 400, "bad-request",
                    "`%.300s' is not the name of a subject", text);
        return false;
    }
    return choose(call, text, &list, out);
}

bool
api_find_subject(struct api_call *call, struct subject *out)
{
    return find(call, call->n_segments > 1 ? call->segment[1] : "", out);
}

bool
api_find_query(struct api_call *call, const char *name, bool *given,
               struct subject *out)
{
    const char *text = api_call_query(call, name);

    *given = text != NULL;
    return text == NULL || find(call, text, out);
}
