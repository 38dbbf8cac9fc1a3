/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config.c - the configuration: made whole or not at all. */
#include <config.h>

#include "policy/config.h"

#include <stdlib.h>
#include <string.h>

#include "policy/config_build.h"
#include "policy/config_text.h"
#include "policy/notes.h"

/* The file PATH or, if CONTENT is there, that. */
static enum ms_err
read_text(struct config_text *text, const char *path, const char *content)
{
    const enum ms_err err = content == NULL
                                ? config_text_read(text, path)
                                : config_text_read_memory(text, path, content);

    return err != MS_OK ? err : config_text_complete(text);
}

/* CONFIG out of TEXT, which is CONFIG's from here on. */
static enum ms_err
make(struct config_text *text, struct notes *notes, struct wall today,
     struct config **out)
{
    struct build build = {
        .text = text, .notes = notes, .arena = text->arena, .today = today};
    enum ms_err err;

    build.config = arena_get(text->arena, sizeof *build.config);
    if (build.config == NULL) {
        config_text_destroy(text);
        return MS_NOMEM;
    }
    build.config->text = text;
    build.config->refs = 1;
    err = config_build(&build);
    if (err == MS_OK)
        err = notes_err(notes);
    if (err == MS_OK)
        *out = build.config;
    else
        config_destroy(build.config);
    return err;
}

static enum ms_err
load(const char *path, const char *content, struct wall today,
     const struct config_report *report, struct config **out)
{
    struct config_text *text = NULL;
    struct notes *notes = NULL;
    struct config *config = NULL;
    enum ms_err err = notes_create(&notes);

    if (err == MS_OK)
        err = config_text_create(notes, &text);
    if (err == MS_OK)
        err = read_text(text, path, content);
    if (err == MS_OK) {
        err = make(text, notes, today, &config);
        text = NULL;
    }
    if (err != MS_NOMEM)
        notes_tell(notes, report);
    if (err == MS_OK) {
        config->text->notes = NULL; /* nothing is read any more */
        *out = config;
    }
    config_text_destroy(text);
    notes_destroy(notes);
    return err;
}

enum ms_err
config_load(const char *path, struct wall today,
            const struct config_report *report, struct config **out)
{
    return load(path, NULL, today, report, out);
}

enum ms_err
config_load_text(const char *name, const char *text, struct wall today,
                 const struct config_report *report, struct config **out)
{
    return load(name, text, today, report, out);
}

/* Freed memory must not tell SECRET (NULL is fine). */
static void
forget(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
}

static void
destroy_tables(struct limit *limit)
{
    table_destroy(limit->rates_table);
    table_destroy(limit->map);
    table_destroy(limit->since);
}

void
config_destroy(struct config *config)
{
    size_t i;

    if (config == NULL)
        return;
    for (i = 0; i < config->n_limits; i++)
        destroy_tables(config->limits[i]);
    if (config->postmaster != NULL)
        destroy_tables(config->postmaster);
    for (i = 0; i < config->n_exempts; i++)
        nettree_destroy(config->exempts[i]->clients);
    nettree_destroy(config->verdict.from);
    table_destroy(config->notice.contacts);
    table_destroy(config->classes);
    table_destroy(config->owners);
    nettree_destroy(config->nets);
    domains_destroy(config->domains);
    forget(config->notice.webhook_key);
    forget(config->store.password);
    forget(config->store.sentinel_password);
    config_text_destroy(config->text); /* and CONFIG, which is in its arena */
}

const char *
config_reply(const struct config *config, const char *rule)
{
    size_t i;

    for (i = 0; i < config->n_replies; i++)
        if (strcmp(config->replies[i].rule, rule) == 0)
            return config->replies[i].text;
    return NULL;
}

size_t
config_option_words(const struct config *config, enum option_block kind,
                    const char *title, const char *option,
                    void (*each)(void *arg, const char *word), void *arg)
{
    const struct config_block *block =
        config_text_find(config->text, kind, title);
    const struct config_setting *setting =
        block == NULL ? NULL : config_text_setting(block, option);
    size_t i;

    if (setting == NULL)
        return 0;
    for (i = 0; i < setting->n_terms; i++)
        each(arg, setting->terms[i].text);
    return setting->n_terms;
}

static bool
has_lapsed(bool has_until, struct wall until, struct wall after,
           struct wall now)
{
    return has_until && until.s > after.s && until.s <= now.s;
}

void
config_lapsed(const struct config *config, struct wall after, struct wall now,
              void (*line)(void *arg, const char *text), void *arg)
{
    char text[128];

    for (size_t i = 0; i < config->n_networks; i++) {
        const struct network *n = config->networks[i];

        if (n->mode == MODE_UNSET ||
            !has_lapsed(n->has_until, n->until, after, now))
            continue;
        (void)snprintf(text, sizeof(text),
                       "network %.64s: its mode = %s has ended", n->name,
                       mode_name(n->mode));
        line(arg, text);
    }
    for (size_t i = 0; i < config->n_exempts; i++) {
        const struct exempt *e = config->exempts[i];

        if (!has_lapsed(e->has_until, e->until, after, now))
            continue;
        (void)snprintf(text, sizeof(text), "exempt %.64s has ended", e->name);
        line(arg, text);
    }
}

/* The word of BLOCK's option NAME that stands for VALUE. */
static const char *
word_of(enum option_block block, const char *name, unsigned value)
{
    const struct option_word *word = option_find(block, name)->words;

    while (word->word != NULL && word->value != value)
        word++;
    return word->word != NULL ? word->word : "unset";
}

const char *
metric_name(enum metric metric)
{
    return word_of(BLOCK_LIMIT, "count", metric);
}

const char *
mode_name(enum mode mode)
{
    return word_of(BLOCK_TOP, "mode", mode);
}

const char *network_class_name(enum network_class class)
{
    return word_of(BLOCK_NETWORK, "class", class);
}

bool
network_class_parse(const char *word, enum network_class *out)
{
    const struct option_word *row = option_find(BLOCK_NETWORK, "class")->words;

    for (; row->word != NULL; row++) {
        if (strcmp(row->word, word) != 0)
            continue;
        *out = (enum network_class)row->value;
        return true;
    }
    return false;
}
