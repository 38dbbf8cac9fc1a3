/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/lexer.c - a configuration file in tokens. */
#include <config.h>

#include "policy/lexer.h"

#include <stdint.h>
#include <string.h>

static const char specials[] = "{}=,#\"' \t\r\n";

/* How many bytes at P are one character of UTF-8 (RFC 3629); 0: none are. */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
    size_t n = *p < 0x80   ? 1
               : *p < 0xc2 ? 0
               : *p < 0xe0 ? 2
               : *p < 0xf0 ? 3
               : *p < 0xf5 ? 4
                           : 0;
    size_t i;

    if (n == 0 || n > left)
        return 0;
    for (i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
        (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static bool
is_control(const char *p, const char *end)
{
    if (*p == '\r')
        return end - p < 2 || p[1] != '\n';
    return ((unsigned char)*p < ' ' && *p != '\t' && *p != '\n') || *p == 0x7f;
}

/* One error a line at most: a file in Latin-1 is one mistake, not many. */
static void
check_bytes(const struct lexer *lexer)
{
    struct origin at = {lexer->file, 1, 1};
    const char *p = lexer->at;
    unsigned told = 0;

    while (p < lexer->end) {
        size_t n = utf8_len((const unsigned char *)p, (size_t)(lexer->end - p));

        if (told != at.line && (n == 0 || is_control(p, lexer->end))) {
            notes_error(lexer->notes, at,
                        n == 0 ? "the byte 0x%02x is no UTF-8"
                               : "a control byte, 0x%02x",
                        (unsigned char)*p);
            told = at.line;
        }
        if (*p == '\n') {
            at.line++;
            at.column = 0;
        }
        at.column++;
        p += n == 0 ? 1 : n;
    }
}

void
lexer_start(struct lexer *lexer, const char *file, const char *text, size_t len,
            struct arena *arena, struct notes *notes)
{
    const bool marked = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;

    *lexer = (struct lexer){
        .at = marked ? text + 3 : text,
        .end = text + len,
        .file = file,
        .line = 1,
        .column = 1,
        .fresh = true,
        .arena = arena,
        .notes = notes,
    };
    check_bytes(lexer);
}

/* Over one byte; a character counts with its first. */
static void
step(struct lexer *lexer)
{
    if (*lexer->at == '\n') {
        lexer->line++;
        lexer->column = 1;
        lexer->fresh = true;
    } else if (lexer->at + 1 == lexer->end ||
               ((unsigned char)lexer->at[1] & 0xc0) != 0x80) {
        lexer->column++;
    }
    lexer->at++;
}

static void
skip_blank(struct lexer *lexer)
{
    while (lexer->at < lexer->end) {
        if (*lexer->at == '#') {
            while (lexer->at < lexer->end && *lexer->at != '\n')
                step(lexer);
        } else if (strchr(" \t\r\n", *lexer->at) != NULL) {
            step(lexer);
        } else {
            break;
        }
    }
}

static const char *
keep(struct lexer *lexer, const char *text, size_t len)
{
    const char *copy = arena_dup(lexer->arena, text, len);

    if (copy == NULL) {
        lexer->nomem = true;
        return "";
    }
    return copy;
}

static void
word(struct lexer *lexer, struct token *out)
{
    const char *start = lexer->at;

    while (lexer->at < lexer->end && strchr(specials, *lexer->at) == NULL)
        step(lexer);
    out->type = TOKEN_WORD;
    out->text = keep(lexer, start, (size_t)(lexer->at - start));
}

/* The letter that stands for C behind a backslash; 0: none. */
static char
escaped(char c)
{
    return c == 'n' ? '\n' : c == '"' || c == '\\' ? c : '\0';
}

/* Resolve the escapes of the LEN bytes at TEXT in place. */
static void
unescape(struct lexer *lexer, const struct token *token, char *text)
{
    char *to = text;

    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            *to++ = *text;
            continue;
        }
        text++;
        *to = escaped(*text);
        if (*to++ != '\0')
            continue;
        notes_error(lexer->notes,
                    (struct origin){lexer->file, token->line, token->column},
                    "behind a backslash only \" \\ and n may stand");
        break;
    }
    *to = '\0';
}

/* A quotation ends with its line at the latest. */
static void
quotation(struct lexer *lexer, struct token *out)
{
    const char quote = *lexer->at, *start;
    char *text;
    size_t len;

    step(lexer);
    start = lexer->at;
    while (lexer->at < lexer->end && *lexer->at != '\n' &&
           *lexer->at != quote) {
        if (quote == '"' && *lexer->at == '\\' && lexer->at + 1 < lexer->end &&
            lexer->at[1] != '\n')
            step(lexer);
        step(lexer);
    }
    out->type = TOKEN_QUOTED;
    len = (size_t)(lexer->at - start);
    out->text = "";
    text = arena_dup(lexer->arena, start, len);
    if (text == NULL)
        lexer->nomem = true;
    else
        out->text = text;
    if (lexer->at < lexer->end && *lexer->at == quote)
        step(lexer);
    else
        notes_error(lexer->notes,
                    (struct origin){lexer->file, out->line, out->column},
                    "the quotation is not closed on its line");
    if (quote == '"' && text != NULL)
        unescape(lexer, out, text);
}

static bool
mark(struct lexer *lexer, struct token *out)
{
    static const struct {
        char c;
        enum token_type type;
        const char *name;
    } marks[] = {{'=', TOKEN_EQUALS, "="},
                 {',', TOKEN_COMMA, ","},
                 {'{', TOKEN_OPEN, "{"},
                 {'}', TOKEN_CLOSE, "}"}};
    size_t i;

    for (i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (*lexer->at == marks[i].c) {
            out->type = marks[i].type;
            out->text = marks[i].name;
            step(lexer);
            return true;
        }
    }
    return false;
}

static struct token
next(struct lexer *lexer)
{
    struct token token = {.type = TOKEN_END, .text = "the end of the file"};

    skip_blank(lexer);
    token.fresh = lexer->fresh;
    token.line = lexer->line;
    token.column = lexer->column;
    if (lexer->at == lexer->end || lexer->nomem)
        return token;
    lexer->fresh = false;
    if (*lexer->at == '"' || *lexer->at == '\'')
        quotation(lexer, &token);
    else if (!mark(lexer, &token))
        word(lexer, &token);
    if (lexer->nomem)
        token = (struct token){.type = TOKEN_END, .text = ""};
    return token;
}

const struct token *
lexer_peek(struct lexer *lexer, size_t i)
{
    while (lexer->n_ahead <= i)
        lexer->ahead[lexer->n_ahead++] = next(lexer);
    return &lexer->ahead[i];
}

struct token
lexer_take(struct lexer *lexer)
{
    struct token token = *lexer_peek(lexer, 0);

    lexer->n_ahead--;
    memmove(lexer->ahead, lexer->ahead + 1,
            lexer->n_ahead * sizeof *lexer->ahead);
    return token;
}

bool
token_is_term(const struct token *token)
{
    return token->type == TOKEN_WORD || token->type == TOKEN_QUOTED;
}

bool
token_is_plain(const char *text)
{
    const unsigned char *p;

    if (*text == '\0' || strpbrk(text, specials) != NULL)
        return false;
    for (p = (const unsigned char *)text; *p != '\0'; p++)
        if (*p < ' ' || *p == 0x7f)
            return false;
    return true;
}
