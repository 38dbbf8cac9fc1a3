/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/acts.c - what operators have set: found by what it is about, so that
 * ten thousand acts cost a decision no more than ten.
 */
#include <config.h>

#include "policy/acts.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "policy/limit.h"
#include "policy/names.h"
#include "policy/prefix.h"
#include "policy/scene.h"

enum {
    KEY = 2 * SUBJECT_PART_MAX + 32,
    PREFIX_LENGTHS = 129,
    NONE = UINT32_MAX /* ends a chain */
};

struct acts {
    atomic_uint refs;
    struct arena *arena; /* of the names' keys */
    struct names *names; /* kind and subject to the first act about it */
    uint32_t *next;      /* the next one about the same */
    uint32_t *modes;     /* all of ACT_MODE */
    size_t n_modes;
    size_t exempts[SUBJECT_KINDS]; /* how many, by kind of subject */
    size_t raises;
    bool lengths[2][PREFIX_LENGTHS]; /* of exempt prefixes: IPv4, IPv6 */
    size_t n;
    struct act list[];
};

static const char *const kinds[] = {
    [ACT_EXEMPT] = "exempt", [ACT_RAISE] = "raise", [ACT_MODE] = "mode"};

const char *
act_kind_name(enum act_kind kind)
{
    return kinds[kind];
}

/* ----- keys */

/* TEXT as policy writes addresses: a client is a whole IPv4 address or an
 * IPv6 /64.  What is none is left as it is. */
static const char *
canonical(enum subject_kind kind, const char *text, char buf[PREFIX_TEXT])
{
    struct prefix prefix;

    if ((kind != SUBJECT_CLIENT && kind != SUBJECT_PREFIX) ||
        prefix_parse(text, &prefix, NULL) != MS_OK)
        return text;
    if (kind == SUBJECT_CLIENT)
        prefix = prefix_cut(prefix, 32, 64);
    return prefix_print(prefix, buf);
}

/* Append what is called TEXT, which is canonical; returns the new length. */
static size_t
put_part(char key[KEY], size_t at, enum subject_kind kind, const char *text)
{
    const size_t len = strlen(text);

    key[at] = '\0';
    if (at + len + 2 > KEY)
        return at; /* no two parts are as long as that */
    key[at++] = (char)('a' + kind);
    memcpy(key + at, text, len + 1);
    return at + len;
}

/* What acts of KIND about one part, a TEXT that is canonical, are found by. */
static void
simple_key(enum act_kind kind, enum subject_kind part, const char *text,
           char key[KEY])
{
    key[0] = (char)('0' + kind);
    (void)put_part(key, 1, part, text);
}

/* The same about SUBJECT, whose parts' lengths keep pairs apart; false: it is
 * none. */
static bool
make_key(enum act_kind kind, const struct subject *subject, char key[KEY])
{
    const size_t parts = subject->kind == SUBJECT_PAIR ? 2 : 1;
    char text[SUBJECT_PART_MAX + 1], buf[PREFIX_TEXT];
    enum subject_kind part;
    size_t i, at;

    if (!subject_part(subject, 0, &part, text))
        return false;
    if (parts == 1) {
        simple_key(kind, part, canonical(part, text, buf), key);
        return true;
    }
    at = (size_t)snprintf(key, KEY, "%c%c%zu ", '0' + (int)kind,
                          'a' + (int)SUBJECT_PAIR,
                          strlen(canonical(part, text, buf)));
    for (i = 0; i < 2 && subject_part(subject, i, &part, text); i++)
        at = put_part(key, at, part, canonical(part, text, buf));
    return i == 2;
}

/* ----- making */

static void
note_length(struct acts *acts, const struct subject *subject)
{
    char text[SUBJECT_PART_MAX + 1];
    enum subject_kind kind;
    struct prefix prefix;

    if (subject_part(subject, 0, &kind, text) &&
        prefix_parse(text, &prefix, NULL) == MS_OK)
        acts->lengths[prefix.family == 6][prefix.len] = true;
}

/* Put act I where it will be looked for. */
static enum ms_err
file_act(struct acts *acts, uint32_t i)
{
    const struct act *act = &acts->list[i];
    char key[KEY], *name;
    uint32_t *slot;
    enum ms_err err;
    bool known;

    acts->next[i] = NONE;
    if (act->kind == ACT_MODE) {
        acts->modes[acts->n_modes++] = i;
        return MS_OK;
    }
    if (act->subject.kind >= SUBJECT_KINDS ||
        !make_key(act->kind, &act->subject, key))
        return MS_OK; /* about nobody */
    acts->exempts[act->subject.kind] += act->kind == ACT_EXEMPT;
    acts->raises += act->kind == ACT_RAISE;
    if (act->kind == ACT_EXEMPT && act->subject.kind == SUBJECT_PREFIX)
        note_length(acts, &act->subject);
    name = arena_dup(acts->arena, key, strlen(key));
    if (name == NULL)
        return MS_NOMEM;
    err = names_add(acts->names, name, i, &known, &slot);
    if (err == MS_OK && known) {
        acts->next[i] = *slot;
        *slot = i;
    }
    return err;
}

static void
destroy(struct acts *acts)
{
    if (acts == NULL)
        return;
    names_destroy(acts->names);
    arena_destroy(acts->arena);
    free(acts);
}

enum ms_err
acts_create(const struct act *list, size_t n, struct acts **out)
{
    enum ms_err err = MS_NOMEM;
    struct acts *acts;

    if (n > ACTS_MAX)
        return MS_INVALID;
    acts = calloc(1, sizeof *acts + n * sizeof *list);
    if (acts == NULL || arena_create(&acts->arena) != MS_OK ||
        names_create(&acts->names) != MS_OK)
        goto done;
    acts->next = arena_array(acts->arena, n, sizeof *acts->next);
    acts->modes = arena_array(acts->arena, n, sizeof *acts->modes);
    if (acts->next == NULL || acts->modes == NULL)
        goto done;
    atomic_init(&acts->refs, 1);
    acts->n = n;
    if (n > 0)
        memcpy(acts->list, list, n * sizeof *list);
    err = MS_OK;
    for (uint32_t i = 0; i < n && err == MS_OK; i++)
        err = file_act(acts, i);
    if (err != MS_OK)
        goto done;
    *out = acts;
    acts = NULL;
done:
    destroy(acts);
    return err;
}

struct acts *
acts_get(struct acts *acts)
{
    if (acts != NULL)
        atomic_fetch_add(&acts->refs, 1);
    return acts;
}

void
acts_put(struct acts *acts)
{
    if (acts != NULL && atomic_fetch_sub(&acts->refs, 1) == 1)
        destroy(acts);
}

size_t
acts_count(const struct acts *acts)
{
    return acts == NULL ? 0 : acts->n;
}

const struct act *
acts_at(const struct acts *acts, size_t i)
{
    return &acts->list[i];
}

/* ----- asking */

bool
acts_holds(const struct act *act, struct wall now)
{
    return now.s < act->until.s;
}

/* The newer of A (NULL: none yet) and B; of two of one second, the one that
 * stands further down. */
static const struct act *
newer(const struct act *a, const struct act *b)
{
    if (a == NULL || b->since.s > a->since.s)
        return b;
    return b->since.s == a->since.s && b > a ? b : a;
}

enum mode
acts_mode(const struct acts *acts, enum mode configured, struct wall now,
          const struct act **by)
{
    const struct act *best = NULL;

    for (size_t i = 0; acts != NULL && i < acts->n_modes; i++) {
        const struct act *act = &acts->list[acts->modes[i]];

        if (acts_holds(act, now))
            best = newer(best, act);
    }
    if (by != NULL)
        *by = best;
    return best != NULL ? best->mode : configured;
}

/* A rule as acts name it. */
struct rule {
    const char *family; /* before its name: "", "zombie." */
    const char *name;
    const char *all; /* what names all of its kind to an exemption */
};

static struct rule
limit_rule(const struct limit *limit)
{
    return (struct rule){.family = "", .name = limit->name, .all = ""};
}

/* Does ACT concern RULE?  Rates are always of one: what they count differs. */
static bool
names(const struct act *act, const struct rule *rule)
{
    const size_t len = strlen(rule->family);

    if (act->kind == ACT_EXEMPT && strcmp(act->limit, rule->all) == 0)
        return true;
    return strncmp(act->limit, rule->family, len) == 0 &&
           strcmp(act->limit + len, rule->name) == 0;
}

/* The newest act of those found by KEY that concerns RULE at NOW. */
static const struct act *
find(const struct acts *acts, const char *key, const struct rule *rule,
     struct wall now)
{
    const struct act *best = NULL;
    uint32_t i;

    if (!names_get(acts->names, key, &i))
        return NULL;
    for (; i != NONE; i = acts->next[i]) {
        const struct act *act = &acts->list[i];

        if (acts_holds(act, now) && names(act, rule))
            best = newer(best, act);
    }
    return best;
}

/* The same of an exemption of what is called TEXT, which is canonical. */
static const struct act *
find_exempt(const struct acts *acts, enum subject_kind kind, const char *text,
            const struct rule *rule, struct wall now)
{
    char key[KEY];

    if (acts->exempts[kind] == 0 || *text == '\0')
        return NULL;
    simple_key(ACT_EXEMPT, kind, text, key);
    return find(acts, key, rule, now);
}

/* An exemption of a prefix that CLIENT is in: of any length that there is. */
static const struct act *
find_prefix(const struct acts *acts, struct prefix client,
            const struct rule *rule, struct wall now)
{
    const bool *lengths = acts->lengths[client.family == 6];
    const struct act *act = NULL;
    char text[PREFIX_TEXT];

    if (acts->exempts[SUBJECT_PREFIX] == 0 || client.family == 0)
        return NULL;
    for (unsigned len = 0; len <= client.len && act == NULL; len++)
        if (lengths[len])
            act = find_exempt(acts, SUBJECT_PREFIX,
                              prefix_print(prefix_cut(client, len, len), text),
                              rule, now);
    return act;
}

static const struct act *
find_pair(const struct acts *acts, const struct rule *rule,
          const struct subject *subject, struct wall now)
{
    char key[KEY];

    return make_key(ACT_EXEMPT, subject, key) ? find(acts, key, rule, now)
                                              : NULL;
}

/* By any name that SCENE has but those of a pair. */
static const struct act *
skips(const struct acts *acts, const struct rule *rule,
      const struct scene *scene)
{
    static const enum subject_kind named[] = {SUBJECT_USER, SUBJECT_SENDER,
                                              SUBJECT_DOMAIN, SUBJECT_NETWORK};
    const struct act *act = NULL;
    char text[PREFIX_TEXT];

    for (size_t i = 0; i < sizeof named / sizeof *named && act == NULL; i++)
        act = find_exempt(acts, named[i], limit_name(scene, named[i]), rule,
                          scene->now);
    if (act == NULL)
        act = find_exempt(acts, SUBJECT_CLIENT,
                          prefix_print(prefix_cut(scene->client, 32, 64), text),
                          rule, scene->now);
    return act != NULL ? act
                       : find_prefix(acts, scene->client, rule, scene->now);
}

const struct act *
acts_skips(const struct acts *acts, const struct limit *limit,
           const struct scene *scene)
{
    const struct rule rule = limit_rule(limit);
    const struct act *act;
    struct subject subject;

    if (acts == NULL)
        return NULL;
    act = skips(acts, &rule, scene);
    if (act != NULL || acts->exempts[SUBJECT_PAIR] == 0 || limit->n_keys != 2 ||
        !limit_subject(limit, scene, &subject))
        return act;
    return find_pair(acts, &rule, &subject, scene->now);
}

const struct act *
acts_skips_zombie(const struct acts *acts, const struct zombie *zombie,
                  const struct scene *scene, const struct subject *subject)
{
    const struct rule rule = {
        .family = "zombie.", .name = zombie->name, .all = "zombies"};
    const struct act *act;

    if (acts == NULL)
        return NULL;
    act = skips(acts, &rule, scene);
    if (act != NULL || acts->exempts[SUBJECT_PAIR] == 0 || zombie->n_keys != 2)
        return act;
    return find_pair(acts, &rule, subject, scene->now);
}

const struct act *
acts_raises(const struct acts *acts, const struct limit *limit,
            const struct subject *subject, struct wall now)
{
    const struct rule rule = limit_rule(limit);
    char key[KEY];

    if (acts == NULL || acts->raises == 0 || !make_key(ACT_RAISE, subject, key))
        return NULL;
    return find(acts, key, &rule, now);
}
