/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_parse.c - from tokens to blocks and settings.  After an error
 * it goes on with the next line, so that one run tells them all.
 */
#include <config.h>

#include "policy/config_parse.h"

#include <stdlib.h>
#include <string.h>

#include "policy/config_include.h"
#include "policy/guess.h"
#include "policy/lexer.h"

enum { TITLE_MAX = 63 };

struct parser {
    struct config_text *text;
    const struct config_source *source;
    struct lexer lexer;
};

/* What ends a row of items. */
enum until { UNTIL_END, UNTIL_BRACE };

static enum ms_err parse_items(struct parser *p, struct config_block *block,
                               enum until until);

static struct origin
origin_of(const struct parser *p, const struct token *token)
{
    return (struct origin){p->source->file, token->line, token->column};
}

/* Over a block whose `{` has been taken, with all blocks inside. */
static void
skip_block(struct parser *p)
{
    size_t deep = 1;
    struct token token;

    while (deep > 0) {
        token = lexer_take(&p->lexer);
        if (token.type == TOKEN_OPEN)
            deep++;
        else if (token.type == TOKEN_CLOSE)
            deep--;
        else if (token.type == TOKEN_END)
            return;
    }
}

/* To the next line, over a block that begins on this one. */
static void
skip_line(struct parser *p)
{
    const struct token *next = lexer_peek(&p->lexer, 0);

    while (next->type != TOKEN_END && next->type != TOKEN_CLOSE) {
        if (lexer_take(&p->lexer).type == TOKEN_OPEN) {
            skip_block(p);
            return;
        }
        next = lexer_peek(&p->lexer, 0);
        if (next->fresh)
            return;
    }
}

/* Is this the head of an item, NAME "=" or NAME "{"? */
static bool
is_head(struct parser *p)
{
    enum token_type next;

    if (lexer_peek(&p->lexer, 0)->type != TOKEN_WORD)
        return false;
    next = lexer_peek(&p->lexer, 1)->type;
    return next == TOKEN_EQUALS || next == TOKEN_OPEN;
}

/* Or is it that of a block with a title?  Behind a value it ends the value,
 * unless the second word is all the head that its block needs. */
static bool
is_titled_head(struct parser *p)
{
    const struct token *title = lexer_peek(&p->lexer, 1);
    enum option_block kind;

    return lexer_peek(&p->lexer, 0)->type == TOKEN_WORD &&
           token_is_term(title) && !title->fresh &&
           lexer_peek(&p->lexer, 2)->type == TOKEN_OPEN &&
           (!option_block_find(title->text, &kind) ||
            option_block(kind)->title != TITLE_NONE);
}

/* ----- values */

static enum ms_err
add_term(struct parser *p, struct config_setting *setting, size_t *room,
         const struct token *token, bool first)
{
    struct config_term *terms = setting->terms;

    if (setting->n_terms == *room) {
        *room = *room == 0 ? 1 : *room * 4;
        terms = arena_array(p->text->arena, *room, sizeof *terms);
        if (terms == NULL)
            return MS_NOMEM;
        if (setting->n_terms > 0)
            memcpy(terms, setting->terms, setting->n_terms * sizeof *terms);
        setting->terms = terms;
    }
    terms[setting->n_terms++] =
        (struct config_term){token->text, token->line, token->column, first};
    return MS_OK;
}

/* One value: its terms up to a comma, a new item, "}" or the line's end. */
static enum ms_err
parse_value(struct parser *p, struct config_setting *setting, size_t *room)
{
    enum ms_err err = MS_OK;
    bool first = true;
    struct token token;

    while (err == MS_OK) {
        const struct token *next = lexer_peek(&p->lexer, 0);

        if (!token_is_term(next) ||
            (!first && (next->fresh || is_head(p) || is_titled_head(p))))
            break;
        token = lexer_take(&p->lexer);
        err = add_term(p, setting, room, &token, first);
        first = false;
    }
    return err;
}

/*
 * The values behind the token BEFORE ("=" or, further on, a comma).  *BROKEN
 * if something else stands there; it has been told and skipped.
 */
static enum ms_err
parse_values(struct parser *p, struct token before,
             struct config_setting *setting, bool *broken)
{
    size_t room = 0;
    enum ms_err err;

    *broken = false;
    for (;;) {
        const struct token *next = lexer_peek(&p->lexer, 0);

        if (!token_is_term(next) || is_head(p) ||
            (next->fresh && before.type == TOKEN_EQUALS)) {
            notes_error(p->text->notes, origin_of(p, &before),
                        "a value is missing behind `%s`", before.text);
            *broken = true;
            return MS_OK;
        }
        err = parse_value(p, setting, &room);
        if (err != MS_OK)
            return err;
        next = lexer_peek(&p->lexer, 0);
        if (next->type != TOKEN_COMMA)
            return MS_OK;
        if (next->fresh) {
            notes_error(p->text->notes, origin_of(p, next),
                        "a list goes on only behind a comma at the end of "
                        "the line");
            *broken = true;
            skip_line(p);
            return MS_OK;
        }
        before = lexer_take(&p->lexer);
    }
}

/* ----- settings */

/* The block that knows an option of this name, for a hint; or NULL. */
static const char *
elsewhere(const char *name)
{
    int kind;

    for (kind = BLOCK_TOP; kind < BLOCKS; kind++)
        if (option_find((enum option_block)kind, name) != NULL)
            return option_block((enum option_block)kind)->name;
    return NULL;
}

static void
unknown_option(struct parser *p, const struct config_block *block,
               const struct token *name)
{
    const char *home = elsewhere(name->text);
    const struct option *rows;
    char text[GUESS_TEXT];
    struct guess guess;
    size_t i, n;

    if (home != NULL) {
        notes_error(p->text->notes, origin_of(p, name),
                    *home == '\0' ? "`%s` stands outside of all blocks%s"
                                  : "`%s` belongs in a block `%s`",
                    name->text, home);
        return;
    }
    guess_start(&guess, name->text);
    rows = option_rows(block->kind, &n);
    for (i = 0; i < n; i++)
        guess_try(&guess, rows[i].name);
    notes_error(p->text->notes, origin_of(p, name), "unknown option `%s`%s",
                name->text, guess_print(&guess, text));
}

/* Paths of tables and of other files begin where the file that names them is.
 */
static enum ms_err
resolve_file(struct parser *p, struct config_setting *setting)
{
    struct config_term *term = &setting->terms[0];

    if (term->text[0] == '/' || term->text[0] == '\0')
        return MS_OK;
    term->text =
        config_include_path(p->text->arena, "", p->source->folder, term->text);
    return term->text == NULL ? MS_NOMEM : MS_OK;
}

static enum ms_err
resolve_tables(struct parser *p, struct config_setting *setting)
{
    static const char *const types[] = {"texthash:", "cidr:"};
    size_t i, j;

    for (i = 0; i < setting->n_terms; i++) {
        for (j = 0; j < sizeof types / sizeof *types; j++) {
            const char *text = setting->terms[i].text;
            size_t len = strlen(types[j]);

            if (strncmp(text, types[j], len) != 0 || text[len] == '/' ||
                text[len] == '\0')
                continue;
            setting->terms[i].text = config_include_path(
                p->text->arena, types[j], p->source->folder, text + len);
            if (setting->terms[i].text == NULL)
                return MS_NOMEM;
        }
    }
    return MS_OK;
}

static bool
names_tables(enum option_type type)
{
    return type == OPTION_OWN_TABLE || type == OPTION_PREFIXES ||
           type == OPTION_CLIENTS || type == OPTION_TEXTHASH ||
           type == OPTION_CLASSES || type == OPTION_CONTACTS ||
           type == OPTION_RATE_TABLE || type == OPTION_MAP ||
           type == OPTION_SINCE;
}

/* Give BLOCK the SETTING, unless it has one that was written too. */
static enum ms_err
attach(struct parser *p, struct config_block *block,
       const struct config_setting *setting)
{
    const struct option *rows;
    struct config_setting *own;
    char place[NOTES_PLACE];
    size_t n;

    rows = option_rows(block->kind, &n);
    own = &block->settings[setting->option - rows];
    if (own->option != NULL && own->origin.file != NULL) {
        notes_error(p->text->notes, setting->origin,
                    "`%s` is set already at %s", own->option->name,
                    notes_place(own->origin, place, sizeof place));
        return MS_OK;
    }
    *own = *setting;
    if (own->option->type == OPTION_FILE || own->option->type == OPTION_SECRET)
        return resolve_file(p, own);
    return names_tables(own->option->type) ? resolve_tables(p, own) : MS_OK;
}

static enum ms_err
parse_setting(struct parser *p, struct config_block *block)
{
    struct token name = lexer_take(&p->lexer);
    struct token equals = lexer_take(&p->lexer);
    struct config_setting setting = {.origin = origin_of(p, &name)};
    const struct option *option = option_find(block->kind, name.text);
    enum ms_err err;
    bool broken;

    if (option == NULL) {
        unknown_option(p, block, &name);
    } else if (!config_text_allows(block, option)) {
        notes_error(p->text->notes, setting.origin,
                    "the listener `local` has no `%s`", option->name);
        option = NULL;
    }
    err = parse_values(p, equals, &setting, &broken);
    if (err != MS_OK || option == NULL || (broken && setting.n_terms == 0))
        return err;
    setting.option = option;
    return attach(p, block, &setting);
}

/* ----- blocks */

static void
unknown_block(struct parser *p, const struct config_block *outer,
              const struct token *name)
{
    char text[GUESS_TEXT];
    struct guess guess;
    int kind;

    guess_start(&guess, name->text);
    for (kind = BLOCK_TOP + 1; kind < BLOCKS; kind++)
        if (option_block((enum option_block)kind)->inside == outer->kind)
            guess_try(&guess, option_block((enum option_block)kind)->name);
    notes_error(p->text->notes, origin_of(p, name), "unknown block `%s`%s",
                name->text, guess_print(&guess, text));
}

static void
misplaced_block(struct parser *p, const struct config_block *outer,
                enum option_block kind, const struct token *name)
{
    const enum option_block home = option_block(kind)->inside;

    if (home == BLOCK_TOP)
        notes_error(p->text->notes, origin_of(p, name),
                    "a block `%s` cannot stand inside of `%s`", name->text,
                    option_block(outer->kind)->name);
    else
        notes_error(p->text->notes, origin_of(p, name),
                    "a block `%s` stands inside of `%s`", name->text,
                    option_block(home)->name);
}

static bool
is_name(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return len > 0 && len <= TITLE_MAX && text[len] == '\0' && *text != '-';
}

static bool
is_group(const char *text)
{
    return *text != '\0' && strlen(text) <= TITLE_MAX &&
           text[strcspn(text, ":/ \t\n")] == '\0';
}

/* Is TITLE (NULL: none) what a block of KIND is headed with? */
static bool
check_title(struct parser *p, enum option_block kind, const struct token *name,
            const struct token *title)
{
    const enum option_title wanted = option_block(kind)->title;

    if (title == NULL && wanted != TITLE_NONE) {
        notes_error(p->text->notes, origin_of(p, name),
                    "a block `%s` needs a name", name->text);
        return false;
    }
    if (title == NULL)
        return true;
    if (wanted == TITLE_NONE) {
        notes_error(p->text->notes, origin_of(p, title),
                    "a block `%s` has no name", name->text);
        return false;
    }
    if (wanted == TITLE_NAME && !is_name(title->text)) {
        notes_error(p->text->notes, origin_of(p, title),
                    "`%s` is no name: 1 to %d letters, digits, _ and -",
                    title->text, TITLE_MAX);
        return false;
    }
    if (wanted == TITLE_GROUP && !is_group(title->text)) {
        notes_error(p->text->notes, origin_of(p, title),
                    "`%s` is no name of a group", title->text);
        return false;
    }
    return true;
}

/* A network of the operator's takes the place of a built-in one; the other
 * kinds only change what they name. */
static void
write_over(struct config_block *block, struct origin origin)
{
    size_t n;

    option_rows(block->kind, &n);
    block->origin = origin;
    if (block->kind == BLOCK_NETWORK)
        memset(block->settings, 0, n * sizeof *block->settings);
}

/* Find or make the block that is headed here; *OUT is NULL if there is one
 * of that name in the files already. */
static enum ms_err
open_block(struct parser *p, enum option_block kind, const struct token *name,
           const char *title, struct config_block **out)
{
    const struct origin origin = origin_of(p, name);
    struct config_block *block;
    char place[NOTES_PLACE];
    enum ms_err err;
    bool known;

    err = config_text_block(p->text, kind, title, origin, &known, &block);
    if (err != MS_OK)
        return err;
    *out = block;
    if (known && block->origin.file != NULL) {
        notes_error(p->text->notes, origin, "`%s%s%s` stands already at %s",
                    name->text, *title == '\0' ? "" : " ", title,
                    notes_place(block->origin, place, sizeof place));
        *out = NULL;
    } else if (known) {
        write_over(block, origin);
    }
    return MS_OK;
}

static enum ms_err
parse_block(struct parser *p, struct config_block *outer)
{
    struct token name = lexer_take(&p->lexer), title = {0};
    const bool titled = token_is_term(lexer_peek(&p->lexer, 0));
    struct config_block *block = NULL;
    enum option_block kind;
    enum ms_err err = MS_OK;

    if (titled)
        title = lexer_take(&p->lexer);
    lexer_take(&p->lexer); /* the brace */
    if (!option_block_find(name.text, &kind)) {
        unknown_block(p, outer, &name);
    } else if (option_block(kind)->inside != outer->kind) {
        misplaced_block(p, outer, kind, &name);
    } else if (check_title(p, kind, &name, titled ? &title : NULL)) {
        err = open_block(p, kind, &name, titled ? title.text : "", &block);
    }
    if (err != MS_OK)
        return err;
    if (block == NULL) {
        skip_block(p);
        return MS_OK;
    }
    err = parse_items(p, block, UNTIL_BRACE);
    if (err != MS_OK)
        return err;
    if (lexer_take(&p->lexer).type == TOKEN_END)
        notes_error(p->text->notes, origin_of(p, &name),
                    "the block `%s` is not closed", name.text);
    return MS_OK;
}

/* ----- items */

static enum ms_err
parse_include(struct parser *p, struct config_block *block)
{
    struct token path;

    lexer_take(&p->lexer);
    path = lexer_take(&p->lexer);
    return config_include(p->text, block, p->source->folder, path.text,
                          origin_of(p, &path));
}

static enum ms_err
parse_word(struct parser *p, struct config_block *block)
{
    const struct token *name = lexer_peek(&p->lexer, 0);
    const struct token *next = lexer_peek(&p->lexer, 1);

    if (next->type == TOKEN_EQUALS)
        return parse_setting(p, block);
    if (next->type == TOKEN_OPEN)
        return parse_block(p, block);
    if (token_is_term(next) && !next->fresh) {
        if (lexer_peek(&p->lexer, 2)->type == TOKEN_OPEN)
            return parse_block(p, block);
        if (strcmp(name->text, "include") == 0)
            return parse_include(p, block);
    }
    notes_error(p->text->notes, origin_of(p, name),
                "`=` or `{` is missing behind `%s`", name->text);
    skip_line(p);
    return MS_OK;
}

/* All items up to the end of the file or of the block, which is left. */
static enum ms_err
parse_items(struct parser *p, struct config_block *block, enum until until)
{
    enum ms_err err = MS_OK;

    while (err == MS_OK) {
        const struct token *next = lexer_peek(&p->lexer, 0);

        if (p->lexer.nomem)
            return MS_NOMEM;
        if (next->type == TOKEN_END ||
            (next->type == TOKEN_CLOSE && until == UNTIL_BRACE))
            break;
        if (next->type == TOKEN_WORD) {
            err = parse_word(p, block);
            continue;
        }
        notes_error(p->text->notes, origin_of(p, next),
                    next->type == TOKEN_CLOSE
                        ? "`%s` closes no block"
                        : "a name is expected here, not `%s`",
                    next->text);
        if (next->type == TOKEN_CLOSE)
            lexer_take(&p->lexer);
        else
            skip_line(p);
    }
    return err;
}

enum ms_err
config_parse(struct config_text *text, struct config_block *block,
             const struct config_source *source)
{
    struct parser p = {.text = text, .source = source};
    enum ms_err err;

    lexer_start(&p.lexer, source->file, source->content, source->len,
                text->arena, text->notes);
    err = parse_items(&p, block, UNTIL_END);
    return p.lexer.nomem ? MS_NOMEM : err;
}

enum ms_err
config_parse_preset(struct config_text *text, const char *value,
                    struct config_setting *setting)
{
    const struct config_source source = {
        .folder = "/", .content = value, .len = strlen(value)};
    const struct token equals = {.type = TOKEN_EQUALS, .text = "="};
    struct parser p = {.text = text, .source = &source};
    enum ms_err err;
    bool broken;

    lexer_start(&p.lexer, NULL, value, source.len, text->arena, text->notes);
    lexer_peek(&p.lexer, 0);
    p.lexer.ahead[0].fresh = false;
    err = parse_values(&p, equals, setting, &broken);
    return p.lexer.nomem ? MS_NOMEM : err;
}
