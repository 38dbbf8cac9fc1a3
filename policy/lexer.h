/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/lexer.h - a configuration file in tokens.  The file is UTF-8;
 * control bytes but tab and line ends are errors everywhere, and so is a
 * quotation that its line does not close.
 */
#ifndef MORTSAFE_POLICY_LEXER_H
#define MORTSAFE_POLICY_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/arena.h"
#include "policy/err.h"
#include "policy/notes.h"

enum token_type {
    TOKEN_WORD,
    TOKEN_QUOTED,
    TOKEN_EQUALS,
    TOKEN_COMMA,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_END
};

struct token {
    enum token_type type;
    bool fresh;            /* the first on its line */
    unsigned line, column; /* column in characters, from 1 */
    const char *text; /* of a word or a quotation, in the arena; else what to
                         call it in a message */
};

enum { LEX_AHEAD = 3 };

struct lexer {
    const char *at, *end;
    const char *file; /* as in struct origin */
    unsigned line, column;
    bool fresh;
    struct token ahead[LEX_AHEAD];
    size_t n_ahead;
    struct arena *arena;
    struct notes *notes;
    bool nomem; /* sticky; every token is then TOKEN_END */
};

/*
 * Begin with LEN bytes of TEXT (borrowed until the last token) that are called
 * FILE in messages; NULL for what is built in.  Token texts live in ARENA.
 */
void lexer_start(struct lexer *lexer, const char *file, const char *text,
                 size_t len, struct arena *arena, struct notes *notes);

/* The token I (below LEX_AHEAD) further on, without taking it. */
const struct token *lexer_peek(struct lexer *lexer, size_t i);

/* Take one.  Behind the last it is TOKEN_END for ever. */
struct token lexer_take(struct lexer *lexer);

/* Is TOKEN part of a value? */
bool token_is_term(const struct token *token);

/* May TEXT stand as a word, without quotes? */
bool token_is_plain(const char *text);

#endif
