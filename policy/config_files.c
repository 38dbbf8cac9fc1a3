/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/config_files.c - readers of options that name tables and prefixes. */
#include <config.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/address.h"
#include "policy/config_build.h"

/* ----- tables */

/* A table being read for term I. */
struct table_context {
    const struct reading *r;
    size_t i;
};

static void
table_error(void *arg, const char *path, unsigned line, const char *text)
{
    const struct table_context *c = arg;

    notes_table_error(c->r->build->notes, reading_place(c->r, c->i), path, line,
                      text);
}

static void
table_warning(void *arg, const char *path, unsigned line, const char *text)
{
    const struct table_context *c = arg;

    notes_table_warning(c->r->build->notes, reading_place(c->r, c->i), path,
                        line, text);
}

static const struct {
    const char *prefix;
    enum table_type type;
} table_types[] = {{"texthash:", TABLE_TEXTHASH}, {"cidr:", TABLE_CIDR}};

enum { TABLE_TYPES = sizeof table_types / sizeof *table_types };

/* Does term I name a table of TYPE?  Then its path, else NULL. */
static const char *
table_of(const struct reading *r, size_t i, enum table_type type)
{
    size_t j, len;

    for (j = 0; j < TABLE_TYPES; j++) {
        len = strlen(table_types[j].prefix);
        if (table_types[j].type == type &&
            strncmp(reading_term(r, i), table_types[j].prefix, len) == 0)
            return reading_term(r, i) + len;
    }
    return NULL;
}

enum ms_err
config_files_table(const struct reading *r, size_t i, enum table_type type,
                   struct table **out)
{
    struct table_context context = {r, i};
    const struct table_report report = {table_error, table_warning, &context};
    const char *path = table_of(r, i, type);
    enum ms_err err;

    *out = NULL;
    if (path == NULL || *path == '\0') {
        reading_error(r, i, "`%s` is not of the form %s:/path",
                      reading_term(r, i),
                      type == TABLE_CIDR ? "cidr" : "texthash");
        return MS_OK;
    }
    err = table_load(type, path, &report, out);
    return err == MS_NOMEM ? MS_NOMEM : MS_OK;
}

/* ----- prefixes of networks and of exempt clients */

/* A line of the table that term I names. */
static void
line_error(const struct reading *r, size_t i, struct origin at,
           const char *text)
{
    notes_table_error(r->build->notes, reading_place(r, i), at.file, at.line,
                      text);
}

/* Hand ADD all prefixes of a cidr table, which stand AT (column 0: in a table)
 * as TEXT.  What their values say does not matter. */
static enum ms_err
add_table(const struct reading *r, size_t i,
          enum ms_err (*add)(const struct reading *r, size_t i,
                             struct origin at, struct prefix prefix,
                             const char *text))
{
    struct table_entry entry;
    struct table *table;
    struct origin at = {NULL, 0, 0};
    enum ms_err err;
    size_t j;

    err = config_files_table(r, i, TABLE_CIDR, &table);
    if (err != MS_OK || table == NULL)
        return err;
    at.file = arena_dup(r->build->arena, table_path(table),
                        strlen(table_path(table)));
    if (at.file == NULL)
        err = MS_NOMEM;
    for (j = 0; err == MS_OK && table_entry(table, j, &entry); j++) {
        at.line = entry.line;
        if (entry.plain)
            err = add(r, i, at, entry.prefix, entry.key);
        else
            line_error(r, i, at, "a set of prefixes has neither `!` nor `if`");
    }
    table_destroy(table);
    return err;
}

static enum ms_err
add_prefixes(const struct reading *r,
             enum ms_err (*add)(const struct reading *r, size_t i,
                                struct origin at, struct prefix prefix,
                                const char *text))
{
    enum ms_err err = MS_OK;
    struct prefix prefix;
    struct why why;
    size_t i;

    for (i = 0; i < r->setting->n_terms && err == MS_OK; i++) {
        if (strchr(reading_term(r, i), ':') != NULL &&
            (table_of(r, i, TABLE_CIDR) != NULL ||
             table_of(r, i, TABLE_TEXTHASH) != NULL))
            err = add_table(r, i, add);
        else if (prefix_parse(reading_term(r, i), &prefix, &why) == MS_OK)
            err = add(r, i, reading_place(r, i), prefix, reading_term(r, i));
        else
            reading_error(r, i, "%s", why.text);
    }
    return err;
}

/* The place of PREFIX; there is one. */
static const struct prefix_place *
find_place(const struct prefix_places *places, struct prefix prefix)
{
    size_t i;

    for (i = 0; i < places->n; i++)
        if (memcmp(&places->place[i].prefix, &prefix, sizeof prefix) == 0)
            return &places->place[i];
    return NULL;
}

static enum ms_err
keep_place(struct prefix_places *places, struct prefix_place place)
{
    size_t room = places->room == 0 ? 64 : places->room * 2;
    struct prefix_place *list;

    if (places->n == places->room) {
        list = reallocarray(places->place, room, sizeof *list);
        if (list == NULL)
            return MS_NOMEM;
        places->place = list;
        places->room = room;
    }
    places->place[places->n++] = place;
    return MS_OK;
}

/* In two networks it is an error, in one a superfluous word. */
static void
known_prefix(const struct reading *r, size_t i, struct origin at,
             struct prefix prefix, const char *text)
{
    struct notes *notes = r->build->notes;
    const struct prefix_place *first;
    char line[WHY_TEXT], where[NOTES_PLACE];

    if (notes_full(notes)) { /* only counted: no need to search */
        line_error(r, i, at, "");
        return;
    }
    first = find_place(r->build->places, prefix);
    assert(first != NULL);
    snprintf(line, sizeof line, "`%.80s` stands already in network `%s`, %s",
             text, first->network->name,
             notes_place(first->at, where, sizeof where));
    if (first->network != r->object) {
        if (at.column == 0)
            line_error(r, i, at, line);
        else
            reading_error(r, i, "%s", line);
    } else if (at.column == 0) {
        notes_table_warning(notes, reading_place(r, i), at.file, at.line, line);
    } else {
        reading_warning(r, i, "%s", line);
    }
}

static enum ms_err
add_to_network(const struct reading *r, size_t i, struct origin at,
               struct prefix prefix, const char *text)
{
    const struct network *network = r->object;
    bool known;

    if (nettree_add(r->build->config->nets, prefix, (uint32_t)network->index,
                    &known, NULL) != MS_OK)
        return MS_NOMEM;
    if (!known)
        return keep_place(r->build->places,
                          (struct prefix_place){prefix, network, at});
    known_prefix(r, i, at, prefix, text);
    return MS_OK;
}

static enum ms_err
add_to_clients(const struct reading *r, size_t i, struct origin at,
               struct prefix prefix, const char *text)
{
    struct nettree **clients = reading_at(r);

    (void)i, (void)at, (void)text; /* twice is twice allowed */
    return nettree_add(*clients, prefix, 0, NULL, NULL);
}

enum ms_err
config_files_prefixes(const struct reading *r)
{
    return add_prefixes(r, add_to_network);
}

enum ms_err
config_files_clients(const struct reading *r)
{
    struct nettree **clients = reading_at(r);
    enum ms_err err;

    err = nettree_create(clients);
    if (err == MS_OK)
        err = add_prefixes(r, add_to_clients);
    if (err == MS_OK && r->block->kind == BLOCK_EXEMPT)
        ((struct exempt *)r->object)->n_values[EXEMPT_CLIENT] =
            nettree_count(*clients);
    return err;
}

/* ----- the operator's domains */

static bool
with_subdomains(const struct reading *r)
{
    const struct config_setting *below =
        config_text_setting(r->block, "subdomains");

    return strcmp(below->terms[0].text, "yes") == 0;
}

enum ms_err
config_files_own(const struct reading *r)
{
    enum ms_err err = MS_OK;
    size_t i;

    for (i = 0; i < r->setting->n_terms && err != MS_NOMEM; i++) {
        err = domains_add(r->build->config->domains, reading_term(r, i),
                          with_subdomains(r));
        if (err == MS_INVALID)
            reading_error(r, i, "`%s` is no domain name", reading_term(r, i));
    }
    return err == MS_NOMEM ? MS_NOMEM : MS_OK;
}

enum ms_err
config_files_own_table(const struct reading *r)
{
    struct table_entry entry;
    struct table *table;
    char text[WHY_TEXT];
    enum ms_err err;
    size_t i;

    err = config_files_table(r, 0, TABLE_TEXTHASH, &table);
    if (err != MS_OK || table == NULL)
        return err;
    for (i = 0; err != MS_NOMEM && table_entry(table, i, &entry); i++) {
        err = domains_add(r->build->config->domains, entry.key,
                          with_subdomains(r));
        if (err != MS_INVALID)
            continue;
        snprintf(text, sizeof text, "`%.80s` is no domain name", entry.key);
        notes_table_error(r->build->notes, reading_place(r, 0),
                          table_path(table), entry.line, text);
    }
    table_destroy(table);
    return err == MS_NOMEM ? MS_NOMEM : MS_OK;
}

/* ----- tables that stay */

void
config_files_check(const struct reading *r, const struct table *table,
                   enum ms_err (*check)(const struct reading *r,
                                        const struct table_entry *entry,
                                        struct why *why))
{
    struct table_entry entry;
    struct why why;
    size_t i;

    for (i = 0; table_entry(table, i, &entry); i++)
        if (check(r, &entry, &why) != MS_OK)
            notes_table_error(r->build->notes, reading_place(r, 0),
                              table_path(table), entry.line, why.text);
}

/* Logins, separated by commas or white space. */
static enum ms_err
check_logins(const struct reading *r, const struct table_entry *entry,
             struct why *why)
{
    const struct config *config = r->build->config;
    static const char between[] = ", \t\r\n";
    char login[ADDRESS_TEXT], text[ADDRESS_TEXT];
    const char *value = entry->value;
    size_t len, n = 0;

    for (value += strspn(value, between); *value != '\0';
         value += len + strspn(value + len, between), n++) {
        len = strcspn(value, between);
        if (len >= sizeof login)
            return why_set(why, MS_INVALID, "a login is too long");
        memcpy(login, value, len);
        login[len] = '\0';
        if (!address_login(login, config->users_fold,
                           config->users_default_domain, text))
            return why_set(why, MS_INVALID, "`%s` is no login", login);
    }
    return n > 0 ? MS_OK : why_set(why, MS_INVALID, "no login");
}

enum ms_err
config_files_texthash(const struct reading *r)
{
    const enum option_type type = r->setting->option->type;
    struct table *table;
    enum ms_err err;

    err = config_files_table(r, 0, TABLE_TEXTHASH, &table);
    if (err != MS_OK || table == NULL)
        return err;
    memcpy(reading_at(r), &table, sizeof table);
    config_files_check(r, table,
                       type == OPTION_CLASSES    ? config_zombie_class
                       : type == OPTION_CONTACTS ? config_notice_contact
                                                 : check_logins);
    return MS_OK;
}
