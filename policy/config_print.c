/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_print.c - the configuration in force, as it could be written:
 * every value with the place it comes from.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "policy/config_text.h"
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

static void
print_settings(const struct config_block *block, const char *indent, FILE *out)
{
    size_t i, n;

    option_rows(block->kind, &n);
    for (i = 0; i < n; i++)
        if (block->settings[i].option != NULL)
            print_setting(&block->settings[i], indent, out);
}

static void
print_block(const struct config_block *block, FILE *out)
{
    size_t column;

    column = (size_t)fprintf(out, "\n%s ", option_block(block->kind)->name);
    if (*block->title != '\0') {
        column += print_term(block->title, out) + 1;
        fputc(' ', out);
    }
    fputc('{', out);
    print_origin(block->origin, column, out);
    print_settings(block, "    ", out);
    fputs("}\n", out);
}

void
config_print(const struct config *config, FILE *out)
{
    const struct config_text *text = config->text;
    size_t i;
    int kind;

    print_settings(text->blocks[0], "", out);
    for (kind = BLOCK_TOP + 1; kind < BLOCKS; kind++)
        for (i = 0; i < text->n_blocks; i++)
            if (text->blocks[i]->kind == (enum option_block)kind)
                print_block(text->blocks[i], out);
}
