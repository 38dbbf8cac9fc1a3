/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/table.c - a look-up file in one of Postfix's own formats.  The file
 * stays in memory as it was read; its logical lines are closed up in place
 * and keys and values point into it.  What Postfix skips with a warning is an
 * error here: a line that was skipped is a customer without a limit.
 */
#include <config.h>

#include "policy/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "policy/names.h"
#include "policy/nettree.h"
#include "policy/textfile.h"

enum { KEY_MAX = 1023, GUARDS_DEEP = 32, NO_GUARD = -1 };

/* A prefix to match, or NEGATED, to miss; never one of the other family. */
struct pattern {
    struct prefix prefix;
    bool negated;
};

/* An `if` of a cidr table: it and all around it must match. */
struct guard {
    struct pattern pattern;
    int outer; /* NO_GUARD: none */
};

struct row {
    const char *key, *value;
    struct pattern pattern;
    int guard;
    unsigned line;
};

struct table {
    enum table_type type;
    char *path;
    char *text;
    struct row *rows;
    size_t n_rows, room;
    struct guard *guards;
    size_t n_guards, guard_room;
    struct names *names;      /* texthash: key to row */
    struct nettree *prefixes; /* cidr without `!` and `if`: to row */
    bool plain;
};

/* One file being read. */
struct reader {
    struct table *table;
    const struct table_report *report;
    char *at; /* the next physical line */
    char *end;
    unsigned next; /* its number */
    unsigned line; /* of the logical line in hand */
    int guard;     /* the innermost open `if` */
    unsigned deep;
    unsigned opened; /* line of the outermost open `if` */
    bool failed;
};

static void error(struct reader *r, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void warning(struct reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void write_text(char text[WHY_TEXT], const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void
write_text(char text[WHY_TEXT], const char *format, va_list args)
{
    if (vsnprintf(text, WHY_TEXT, format, args) >= WHY_TEXT)
        memcpy(text + WHY_TEXT - 4, "...", 4);
}

static void
error(struct reader *r, unsigned line, const char *format, ...)
{
    char text[WHY_TEXT];
    va_list args;

    r->failed = true;
    va_start(args, format);
    write_text(text, format, args);
    va_end(args);
    if (r->report != NULL)
        r->report->error(r->report->arg, r->table->path, line, text);
}

/* About the line in hand. */
static void
warning(struct reader *r, const char *format, ...)
{
    char text[WHY_TEXT];
    va_list args;

    va_start(args, format);
    write_text(text, format, args);
    va_end(args);
    if (r->report != NULL)
        r->report->warning(r->report->arg, r->table->path, r->line, text);
}

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Nothing there, or a comment? */
static bool
is_empty(const char *line, const char *end)
{
    while (line < end && is_blank(*line))
        line++;
    return line == end || *line == '#';
}

/*
 * The next logical line, as Postfix's readllines() has it: a line that begins
 * with white space goes on with the one before, over comments and empty
 * lines; NULL at the end.
 */
static char *
logical_line(struct reader *r)
{
    char *start = NULL, *to = NULL;

    while (r->at < r->end) {
        char *line = r->at, *stop = memchr(line, '\n', (size_t)(r->end - line));
        bool goes_on = is_blank(*line) && *line != '\n';

        if (stop == NULL)
            stop = r->end;
        if (start != NULL && !is_empty(line, stop) && !goes_on)
            break;
        r->at = stop + 1;
        r->next++;
        if (is_empty(line, stop))
            continue;
        if (start == NULL && goes_on) {
            error(r, r->next - 1,
                  "white space at the beginning, and no line to go on with");
            continue;
        }
        if (start == NULL) {
            start = to = line;
            r->line = r->next - 1;
        }
        memmove(to, line, (size_t)(stop - line));
        to += stop - line;
    }
    if (to != NULL)
        *to = '\0';
    return start;
}

/* Cut LINE behind its first word; returns the rest, trimmed. */
static char *
split(char *line)
{
    char *rest = line, *end;

    while (*rest != '\0' && !is_blank(*rest))
        rest++;
    if (*rest != '\0')
        *rest++ = '\0';
    while (is_blank(*rest))
        rest++;
    end = rest + strlen(rest);
    while (end > rest && is_blank(end[-1]))
        *--end = '\0';
    return rest;
}

static void
fold(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

/* A new last row, or NULL. */
static struct row *
row_create(struct table *table)
{
    size_t room = table->room == 0 ? 64 : table->room * 2;
    struct row *rows;

    if (table->n_rows == table->room) {
        rows = reallocarray(table->rows, room, sizeof *rows);
        if (rows == NULL)
            return NULL;
        table->rows = rows;
        table->room = room;
    }
    return &table->rows[table->n_rows++];
}

static enum ms_err
texthash_line(struct reader *r, char *key, const char *value)
{
    struct table *table = r->table;
    size_t len = strlen(key);
    uint32_t *first;
    struct row *row;
    bool known;

    fold(key);
    if (len > KEY_MAX) {
        error(r, r->line, "a key of more than %d bytes", KEY_MAX);
        return MS_OK;
    }
    if (key[len - 1] == ':')
        warning(r, "`%s` ends in a colon: is this an alias file?", key);
    if (names_add(table->names, key, (uint32_t)table->n_rows, &known, &first) !=
        MS_OK)
        return MS_NOMEM;
    if (known) {
        warning(r, "`%s` stands in line %u already, which holds", key,
                table->rows[*first].line);
        return MS_OK;
    }
    row = row_create(table);
    if (row == NULL)
        return MS_NOMEM;
    *row = (struct row){
        .key = key, .value = value, .guard = NO_GUARD, .line = r->line};
    return MS_OK;
}

/* "192.0.2.0/24", "[2001:db8::]/32", each with any number of `!` before. */
static bool
parse_pattern(struct reader *r, const char *text, struct pattern *out)
{
    struct why why;

    out->negated = false;
    for (; *text == '!'; text++)
        out->negated = !out->negated;
    if (prefix_parse(text, &out->prefix, &why) == MS_OK)
        return true;
    error(r, r->line, "%s", why.text);
    return false;
}

static enum ms_err
guard_open(struct reader *r, const char *text)
{
    struct table *table = r->table;
    size_t room = table->guard_room == 0 ? 8 : table->guard_room * 2;
    struct pattern pattern = {.negated = false};
    struct guard *guards;

    if (r->deep == GUARDS_DEEP) {
        error(r, r->line, "more than %d `if` inside each other", GUARDS_DEEP);
        return MS_INVALID;
    }
    if (!parse_pattern(r, text, &pattern))
        pattern.prefix.family = 0; /* the table is lost; read on */
    if (table->n_guards == table->guard_room) {
        guards = reallocarray(table->guards, room, sizeof *guards);
        if (guards == NULL)
            return MS_NOMEM;
        table->guards = guards;
        table->guard_room = room;
    }
    if (r->deep++ == 0)
        r->opened = r->line;
    table->guards[table->n_guards] = (struct guard){pattern, r->guard};
    r->guard = (int)table->n_guards++;
    table->plain = false;
    return MS_OK;
}

static void
guard_close(struct reader *r)
{
    if (r->deep == 0) {
        error(r, r->line, "`endif` without `if`");
        return;
    }
    r->deep--;
    r->guard = r->table->guards[r->guard].outer;
}

static enum ms_err
cidr_line(struct reader *r, char *key, const char *value)
{
    struct table *table = r->table;
    struct pattern pattern;
    struct row *row;

    if (!parse_pattern(r, key, &pattern))
        return MS_OK;
    row = row_create(table);
    if (row == NULL)
        return MS_NOMEM;
    *row = (struct row){key, value, pattern, r->guard, r->line};
    if (pattern.negated)
        table->plain = false;
    return MS_OK;
}

static enum ms_err
table_line(struct reader *r, char *line)
{
    const bool cidr = r->table->type == TABLE_CIDR;
    char *value = split(line);

    if (cidr && strcasecmp(line, "endif") == 0) {
        guard_close(r);
        return MS_OK;
    }
    if (cidr && strcasecmp(line, "if") == 0)
        return guard_open(r, value);
    if (*value == '\0') {
        error(r, r->line, "`%.80s` has no value behind it%s", line,
              cidr ? " (OK, say)" : "");
        return MS_OK;
    }
    return cidr ? cidr_line(r, line, value) : texthash_line(r, line, value);
}

/* Of a table without `!` and `if`: the first of equal prefixes holds. */
static enum ms_err
index_prefixes(struct reader *r)
{
    struct table *table = r->table;
    uint32_t i, first;
    bool known;

    if (nettree_create(&table->prefixes) != MS_OK)
        return MS_NOMEM;
    for (i = 0; i < table->n_rows; i++) {
        if (nettree_add(table->prefixes, table->rows[i].pattern.prefix, i,
                        &known, &first) != MS_OK)
            return MS_NOMEM;
        r->line = table->rows[i].line;
        if (known)
            warning(r, "`%s` stands in line %u already, which holds",
                    table->rows[i].key, table->rows[first].line);
    }
    return MS_OK;
}

static enum ms_err
read_lines(struct reader *r, size_t len)
{
    enum ms_err err = MS_OK;
    char *line;

    r->at = r->table->text;
    r->end = r->at + len;
    while (err == MS_OK && (line = logical_line(r)) != NULL)
        err = table_line(r, line);
    if (err != MS_OK)
        return err;
    if (r->deep > 0)
        error(r, r->opened, "`if` without `endif`");
    if (r->failed)
        return MS_INVALID;
    return r->table->type == TABLE_CIDR && r->table->plain ? index_prefixes(r)
                                                           : MS_OK;
}

enum ms_err
table_load(enum table_type type, const char *path,
           const struct table_report *report, struct table **out)
{
    struct table *table = calloc(1, sizeof *table);
    struct reader r = {
        .table = table, .report = report, .next = 1, .guard = NO_GUARD};
    enum ms_err err = MS_NOMEM;
    struct why why;
    size_t len;

    if (table == NULL)
        return MS_NOMEM;
    table->type = type;
    table->plain = true;
    table->path = strdup(path);
    if (table->path == NULL || names_create(&table->names) != MS_OK)
        goto done;
    err = textfile_read(path, &table->text, &len, NULL, &why);
    if (err != MS_OK && err != MS_NOMEM)
        error(&r, 0, "%s", why.text);
    if (err == MS_OK)
        err = read_lines(&r, len);
    if (err != MS_OK)
        goto done;
    *out = table;
    table = NULL;
done:
    table_destroy(table);
    return err;
}

void
table_destroy(struct table *table)
{
    if (table == NULL)
        return;
    nettree_destroy(table->prefixes);
    names_destroy(table->names);
    free(table->guards);
    free(table->rows);
    free(table->text);
    free(table->path);
    free(table);
}

enum table_type
table_type(const struct table *table)
{
    return table->type;
}

const char *
table_path(const struct table *table)
{
    return table->path;
}

const char *
table_get(const struct table *table, const char *key)
{
    size_t len = strlen(key);
    char folded[KEY_MAX + 1];
    uint32_t row;

    if (len > KEY_MAX)
        return NULL;
    memcpy(folded, key, len + 1);
    fold(folded);
    if (!names_get(table->names, folded, &row))
        return NULL;
    return table->rows[row].value;
}

/* Postfix's cidr_match_execute(): a pattern of the other family is neither
 * matched nor missed. */
static bool
matches(struct pattern pattern, struct prefix host)
{
    return pattern.prefix.family == host.family &&
           prefix_covers(pattern.prefix, host) != pattern.negated;
}

static bool
guarded(const struct table *table, int guard, struct prefix host)
{
    for (; guard != NO_GUARD; guard = table->guards[guard].outer)
        if (!matches(table->guards[guard].pattern, host))
            return false;
    return true;
}

const char *
table_get_host(const struct table *table, struct prefix host)
{
    uint32_t row;
    size_t i;

    if (table->type != TABLE_CIDR || host.family == 0)
        return NULL;
    if (table->plain)
        return nettree_least(table->prefixes, host, &row)
                   ? table->rows[row].value
                   : NULL;
    for (i = 0; i < table->n_rows; i++)
        if (matches(table->rows[i].pattern, host) &&
            guarded(table, table->rows[i].guard, host))
            return table->rows[i].value;
    return NULL;
}

bool
table_entry(const struct table *table, size_t i, struct table_entry *out)
{
    const struct row *row;

    if (i >= table->n_rows)
        return false;
    row = &table->rows[i];
    *out = (struct table_entry){
        .key = row->key,
        .value = row->value,
        .prefix = row->pattern.prefix,
        .plain = !row->pattern.negated && row->guard == NO_GUARD,
        .line = row->line,
    };
    return true;
}
