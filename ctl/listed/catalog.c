/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/listed/catalog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/arena.h"
#include "policy/lexer.h"
#include "policy/notes.h"
#include "policy/textfile.h"

struct catalog {
    struct arena *arena;
    size_t n;
    struct catalog_list *list[CATALOG_LISTS];
};

struct reading {
    struct lexer lexer;
    struct notes *notes;
    struct catalog *catalog;
};

static struct origin
place(const struct reading *r, const struct token *token)
{
    return (struct origin){r->lexer.file, token->line, token->column};
}

/* ----- values */

static bool
read_use(struct catalog_list *list, const char *text)
{
    static const char *const uses[] = {
        [CATALOG_FREE] = "free",
        [CATALOG_FEW] = "few",
        [CATALOG_KEY] = "key",
    };

    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
        if (strcmp(uses[i], text) == 0) {
            list->use = (enum catalog_use)i;
            return true;
        }
    return false;
}

static bool
read_families(struct catalog_list *list, const char *text)
{
    list->ipv4 = strcmp(text, "ipv4") == 0 || strcmp(text, "both") == 0;
    list->ipv6 = strcmp(text, "ipv6") == 0 || strcmp(text, "both") == 0;
    return list->ipv4 || list->ipv6;
}

static bool
read_name(struct catalog_list *list, const char *text)
{
    list->name = text;
    return true;
}

static bool
read_off(struct catalog_list *list, const char *text)
{
    list->off = text;
    return true;
}

static bool
read_keyed(struct catalog_list *list, const char *text)
{
    list->keyed = text;
    return true;
}

static const struct {
    const char *name, *values;
    bool (*read)(struct catalog_list *list, const char *text);
} keys[] = {
    {"name", "a text", read_name},
    {"off", "a text", read_off},
    {"keyed", "a zone", read_keyed},
    {"use", "free, few or key", read_use},
    {"knows", "ipv4, ipv6 or both", read_families},
};

/* ----- parsing */

/* Take a token of TYPE; else tell that WHAT is expected. */
static bool
take(struct reading *r, enum token_type type, const char *what,
     struct token *out)
{
    *out = lexer_take(&r->lexer);
    if (out->type == type || (type == TOKEN_QUOTED && out->type == TOKEN_WORD))
        return true;
    notes_error(r->notes, place(r, out), "%s is expected, not `%s'", what,
                out->text);
    return false;
}

static bool
read_code(struct reading *r, struct catalog_list *list, bool policy)
{
    struct token code, equals, text;

    if (!take(r, TOKEN_WORD, "a code", &code) ||
        !take(r, TOKEN_EQUALS, "`='", &equals) ||
        !take(r, TOKEN_QUOTED, "a text", &text))
        return false;
    if (list->n_codes == CATALOG_CODES ||
        !listmask_parse(code.text, &list->code[list->n_codes].mask)) {
        notes_error(r->notes, place(r, &code),
                    list->n_codes == CATALOG_CODES ? "`%s' is one too many"
                                                   : "`%s' is no code",
                    code.text);
        return false;
    }
    list->code[list->n_codes].means = text.text;
    list->code[list->n_codes++].policy = policy;
    return true;
}

static bool
read_key(struct reading *r, struct catalog_list *list)
{
    struct token key, equals, value;

    if (!take(r, TOKEN_WORD, "an option", &key))
        return false;
    if (strcmp(key.text, "code") == 0 || strcmp(key.text, "policy") == 0)
        return read_code(r, list, key.text[0] == 'p');
    if (!take(r, TOKEN_EQUALS, "`='", &equals) ||
        !take(r, TOKEN_QUOTED, "a text", &value))
        return false;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, key.text) != 0)
            continue;
        if (keys[i].read(list, value.text))
            return true;
        notes_error(r->notes, place(r, &value), "`%s' is not %s", value.text,
                    keys[i].values);
        return false;
    }
    notes_error(r->notes, place(r, &key), "there is no option `%s' here",
                key.text);
    return false;
}

static struct catalog_list *
add_list(struct reading *r, const struct token *zone)
{
    struct catalog *catalog = r->catalog;
    struct catalog_list *list;

    if (catalog->n == CATALOG_LISTS ||
        catalog_find(catalog, zone->text) != NULL) {
        notes_error(r->notes, place(r, zone),
                    catalog->n == CATALOG_LISTS ? "`%s' is one too many"
                                                : "`%s' stands here twice",
                    zone->text);
        return NULL;
    }
    list = arena_get(catalog->arena, sizeof(*list));
    if (list == NULL) {
        r->lexer.nomem = true;
        return NULL;
    }
    list->zone = list->name = zone->text;
    list->off = "";
    list->ipv4 = true;
    catalog->list[catalog->n++] = list;
    return list;
}

static bool
read_list(struct reading *r)
{
    struct token word, zone, open;
    struct catalog_list *list;

    if (!take(r, TOKEN_WORD, "`list'", &word) ||
        !take(r, TOKEN_WORD, "a zone", &zone) ||
        !take(r, TOKEN_OPEN, "`{'", &open))
        return false;
    if (strcmp(word.text, "list") != 0) {
        notes_error(r->notes, place(r, &word), "`list' is expected, not `%s'",
                    word.text);
        return false;
    }
    list = add_list(r, &zone);
    while (list != NULL && lexer_peek(&r->lexer, 0)->type != TOKEN_CLOSE)
        if (!read_key(r, list))
            return false;
    (void)lexer_take(&r->lexer);
    return list != NULL;
}

/* ----- the file */

static void
keep_first(void *arg, const char *line)
{
    struct why *why = arg;

    if (why != NULL && why->text[0] == '\0')
        (void)why_set(why, MS_INVALID, "%s", line);
}

static void
pass_over(void *arg, const char *line)
{
    (void)arg, (void)line;
}

static enum ms_err
read_all(struct catalog *catalog, const char *path, const char *text,
         size_t len, struct why *why)
{
    const struct config_report report = {keep_first, pass_over, why};
    struct reading r = {.catalog = catalog};
    enum ms_err err = notes_create(&r.notes);

    if (err != MS_OK)
        return err;
    err = notes_file(r.notes, path);
    lexer_start(&r.lexer, path, text, len, catalog->arena, r.notes);
    while (err == MS_OK && lexer_peek(&r.lexer, 0)->type != TOKEN_END &&
           read_list(&r))
        continue;
    if (err == MS_OK)
        err = r.lexer.nomem ? MS_NOMEM : notes_err(r.notes);
    if (err == MS_INVALID)
        notes_tell(r.notes, &report);
    notes_destroy(r.notes);
    return err;
}

enum ms_err
catalog_load(const char *path, struct catalog **out, struct why *why)
{
    struct why cause = {""}, first = {""};
    struct catalog *catalog = NULL;
    char *text = NULL;
    size_t len;
    enum ms_err err = textfile_read(path, &text, &len, NULL, &cause);

    if (err != MS_OK)
        return why_set(why, err, "%s: %s", path, cause.text);
    catalog = calloc(1, sizeof(*catalog));
    err = catalog != NULL ? arena_create(&catalog->arena) : MS_NOMEM;
    if (err == MS_OK)
        err = read_all(catalog, path, text, len, &first);
    free(text);
    if (err == MS_OK) {
        *out = catalog;
        return MS_OK;
    }
    catalog_destroy(catalog);
    return why_set(why, err, "%s", err == MS_NOMEM ? "no memory" : first.text);
}

void
catalog_destroy(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    arena_destroy(catalog->arena);
    free(catalog);
}

/* ----- asking it */

size_t
catalog_count(const struct catalog *catalog)
{
    return catalog->n;
}

const struct catalog_list *
catalog_at(const struct catalog *catalog, size_t i)
{
    return catalog->list[i];
}

/* Is ZONE "KEY.KEYED"? */
static bool
is_keyed(const char *zone, const char *keyed)
{
    size_t n = strlen(zone), tail = keyed != NULL ? strlen(keyed) : 0;

    return tail > 0 && n > tail + 1 && zone[n - tail - 1] == '.' &&
           strcasecmp(zone + n - tail, keyed) == 0;
}

const struct catalog_list *
catalog_find(const struct catalog *catalog, const char *zone)
{
    for (size_t i = 0; i < catalog->n; i++) {
        const struct catalog_list *list = catalog->list[i];

        if (strcasecmp(list->zone, zone) == 0 || is_keyed(zone, list->keyed))
            return list;
    }
    return NULL;
}

const struct catalog_code *
catalog_code(const struct catalog_list *list, const uint8_t code[4])
{
    for (size_t i = 0; i < list->n_codes; i++)
        if (listmask_matches(&list->code[i].mask, code))
            return &list->code[i];
    return NULL;
}
