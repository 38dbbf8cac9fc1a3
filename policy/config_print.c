/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_print.c - the configuration in force, as it could be written:
 * every value with the place it comes from.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "policy/config_text.h"
#include "policy/guess.h"
#include "policy/lexer.h"

enum { COMMENT_COLUMN = 56, LAST_COLUMN = 78 };

/* How many columns TEXT takes: characters of UTF-8, not bytes. */
static size_t
width(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* TERM so that it reads as itself; returns how many columns it took. */
static size_t
print_term(const char *term, FILE *out)
{
    size_t n = width(term);

    if (token_is_plain(term)) {
        fputs(term, out);
        return n;
    }
    fputc('"', out);
    for (; *term != '\0'; term++) {
        if (*term == '"' || *term == '\\' || *term == '\n') {
            fputc('\\', out);
            n++;
        }
        fputc(*term == '\n' ? 'n' : *term, out);
    }
    fputc('"', out);
    return n + 2;
}

/* "# /etc/mortsafe/mortsafe.conf:12" behind COLUMN bytes. */
static void
print_origin(struct origin origin, size_t column, FILE *out)
{
    const char *p;

    for (; column < COMMENT_COLUMN; column++)
        fputc(' ', out);
    if (origin.file == NULL) {
        fputs(" # default\n", out);
        return;
    }
    fputs(" # ", out);
    for (p = origin.file; *p != '\0'; p++)
        fputc(*p < ' ' || *p > '~' ? '?' : *p, out);
    fprintf(out, ":%u\n", origin.line);
}

static void
print_setting(const struct config_setting *setting, const char *indent,
              FILE *out)
{
    size_t i, column;

    column = (size_t)fprintf(out, "%s%s =", indent, setting->option->name);
    for (i = 0; i < setting->n_terms; i++) {
        const struct config_term *term = &setting->terms[i];

        if (i > 0 && term->first) {
            fputc(',', out);
            column++;
        }
        if (i > 0 && term->first &&
            column + 1 + width(term->text) > LAST_COLUMN)
            column = (size_t)fprintf(out, "\n%s       ", indent) - 1;
        fputc(' ', out);
        column += 1 + print_term(term->text, out);
    }
    print_origin(setting->origin, column, out);
}

/* What of all is wanted. */
struct choice {
    const char *option; /* of this name, outside of blocks; NULL: all */
    bool defaults;      /* also what no file says */
};

/* A setting that no file writes has no origin there, be it a default's or
 * that of a block that is built in. */
static bool
is_wanted(const struct choice *choice, const struct config_setting *setting)
{
    return setting->option != NULL &&
           (choice->option == NULL ||
            strcmp(setting->option->name, choice->option) == 0) &&
           (choice->defaults || setting->origin.file != NULL);
}

static void
print_settings(const struct config_block *block, const struct choice *choice,
               const char *indent, FILE *out)
{
    size_t i, n;

    option_rows(block->kind, &n);
    for (i = 0; i < n; i++)
        if (is_wanted(choice, &block->settings[i]))
            print_setting(&block->settings[i], indent, out);
}

static void
print_head(const struct config_block *block, const char *indent, FILE *out)
{
    size_t column;

    column =
        (size_t)fprintf(out, "%s%s ", indent, option_block(block->kind)->name);
    if (*block->title != '\0') {
        column += print_term(block->title, out) + 1;
        fputc(' ', out);
    }
    fputc('{', out);
    print_origin(block->origin, column + 1, out);
}

static void
print_block(const struct config_text *text, const struct config_block *block,
            const struct choice *choice, FILE *out)
{
    size_t i;

    if (!choice->defaults && block->origin.file == NULL)
        return;
    fputc('\n', out);
    print_head(block, "", out);
    print_settings(block, choice, "    ", out);
    for (i = 0; i < text->n_blocks; i++) {
        if (option_block(text->blocks[i]->kind)->inside != block->kind)
            continue;
        print_head(text->blocks[i], "    ", out);
        print_settings(text->blocks[i], choice, "        ", out);
        fputs("    }\n", out);
    }
    fputs("}\n", out);
}

/* All blocks of KIND or, if TITLE is not NULL, the one called so. */
static void
print_kind(const struct config_text *text, enum option_block kind,
           const char *title, const struct choice *choice, FILE *out)
{
    size_t i;

    for (i = 0; i < text->n_blocks; i++)
        if (text->blocks[i]->kind == kind &&
            (title == NULL || strcmp(text->blocks[i]->title, title) == 0))
            print_block(text, text->blocks[i], choice, out);
}

static void
print_all(const struct config_text *text, const struct choice *choice,
          FILE *out)
{
    int kind;

    print_settings(text->blocks[0], choice, "", out);
    for (kind = BLOCK_TOP + 1; kind < BLOCKS; kind++)
        if (option_block((enum option_block)kind)->inside == BLOCK_TOP)
            print_kind(text, (enum option_block)kind, NULL, choice, out);
}

void
config_print(const struct config *config, FILE *out)
{
    const struct choice all = {.defaults = true};

    print_all(config->text, &all, out);
}

/* ----- some of it */

/* Split NAME, "limit" or "limit user", in two; *TITLE is NULL without a
 * second word.  False if no name is as long as its first. */
static bool
split(const char *name, char first[GUESS_WORD], const char **title)
{
    const size_t len = strcspn(name, " ");

    if (len >= GUESS_WORD)
        return false;
    memcpy(first, name, len);
    first[len] = '\0';
    *title = name + len + strspn(name + len, " ");
    if (**title == '\0')
        *title = NULL;
    return true;
}

/* Say that nothing is called NAME, and what is nearly; FIRST is its first
 * word. */
static void
print_unknown(const struct config_text *text, const char *name,
              const char *first, FILE *out)
{
    char hint[GUESS_TEXT], both[GUESS_WORD];
    const struct option *rows;
    struct guess guess;
    size_t i, n;
    int kind;

    guess_start(&guess, name);
    rows = option_rows(BLOCK_TOP, &n);
    for (i = 0; i < n; i++)
        guess_try(&guess, rows[i].name);
    for (kind = BLOCK_TOP + 1; kind < BLOCKS; kind++)
        guess_try(&guess, option_block((enum option_block)kind)->name);
    for (i = 0; i < text->n_blocks; i++) {
        const char *block = option_block(text->blocks[i]->kind)->name;

        if (strcmp(block, first) == 0 && *text->blocks[i]->title != '\0' &&
            snprintf(both, sizeof both, "%s %s", block,
                     text->blocks[i]->title) < (int)sizeof both)
            guess_try(&guess, both);
    }
    fputs("no block or option is called `", out);
    for (; *name != '\0'; name++)
        fputc(*name < ' ' || *name > '~' ? '?' : *name, out);
    fprintf(out, "`%s\n", guess_print(&guess, hint));
}

bool
config_print_some(const struct config *config, const char *name, bool defaults,
                  FILE *out)
{
    const struct config_text *text = config->text;
    struct choice choice = {.defaults = defaults};
    char first[GUESS_WORD] = "";
    enum option_block kind;
    const char *title;

    if (name == NULL) {
        print_all(text, &choice, out);
        return true;
    }
    if (split(name, first, &title)) {
        if (title == NULL && option_find(BLOCK_TOP, first) != NULL) {
            choice.option = first;
            print_settings(text->blocks[0], &choice, "", out);
            return true;
        }
        if (option_block_find(first, &kind) &&
            (title == NULL || config_text_find(text, kind, title) != NULL)) {
            print_kind(text, kind, title, &choice, out);
            return true;
        }
    }
    print_unknown(text, name, first, out);
    return false;
}
