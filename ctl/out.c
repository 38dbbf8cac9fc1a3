/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/out.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/display.h"
#include "ctl/field.h"
#include "ctl/grid.h"

enum { OUT_NARROW = 40, OUT_NARROW_INDENT = 2 };

/* ----- where to */

static unsigned
find_columns(bool terminal)
{
    const char *said = getenv("COLUMNS");
    struct winsize size;
    char *end;
    unsigned long n;

    if (said != NULL && *said >= '0' && *said <= '9') {
        n = strtoul(said, &end, 10);
        if (*end == '\0' && n <= 10000)
            return (unsigned)n;
    }
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        return size.ws_col;
    return 0;
}

void
out_start(struct out *out)
{
    (void)setlocale(LC_ALL, "");
    out->file = stdout;
    out->format = OUT_PEOPLE;
    out->quiet = false;
    out->terminal = isatty(STDOUT_FILENO) == 1;
    out->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    out_measure(out);
    out_color_when(out, OUT_COLOR_AUTO);
}

void
out_measure(struct out *out)
{
    out->columns = find_columns(out->terminal);
}

void
out_color_when(struct out *out, enum out_color_when when)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    switch (when) {
    case OUT_COLOR_AUTO:
        out->color = out->terminal && (no == NULL || *no == '\0') &&
                     (term == NULL || strcmp(term, "dumb") != 0);
        break;
    case OUT_COLOR_ALWAYS:
        out->color = true;
        break;
    case OUT_COLOR_NEVER:
        out->color = false;
        break;
    }
}

const char *
out_color_begin(const struct out *out, enum out_color color)
{
    if (!out->color)
        return "";
    switch (color) {
    case OUT_PLAIN:
        return "";
    case OUT_BOLD:
        return "\033[1m";
    case OUT_DIM:
        return "\033[2m";
    case OUT_GOOD:
        return "\033[32m";
    case OUT_WARN:
        return "\033[33m";
    case OUT_BAD:
        return "\033[1;31m";
    }
    return "";
}

const char *
out_color_end(const struct out *out)
{
    return out->color ? "\033[0m" : "";
}

/* ----- for programs */

void
out_json(const struct out *out, const json_t *json)
{
    /* 12 digits: 0.83 is not to come back as 0.82999999999999996. */
    (void)json_dumpf(json, out->file,
                     JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY |
                         JSON_REAL_PRECISION(12));
    (void)fputc('\n', out->file);
}

static void
put_tsv_text(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\t')
            (void)fputs("\\t", to);
        else if (*text == '\n')
            (void)fputs("\\n", to);
        else if (*text == '\\')
            (void)fputs("\\\\", to);
        else if ((unsigned char)*text < ' ' || *text == 0x7F)
            (void)fprintf(to, "\\x%02X", (unsigned char)*text);
        else if ((unsigned char)text[0] == 0xC2 &&
                 (unsigned char)text[1] >= 0x80 &&
                 (unsigned char)text[1] < 0xA0) { /* U+0080 to U+009F */
            (void)fprintf(to, "\\xC2\\x%02X", (unsigned char)text[1]);
            text++;
        } else
            (void)fputc(*text, to);
    }
}

static void
put_tsv_value(FILE *to, const json_t *value)
{
    char *dumped;

    if (json_is_string(value)) {
        put_tsv_text(to, json_string_value(value));
    } else if (value != NULL && !json_is_null(value)) {
        dumped =
            json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII |
                                  JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
        put_tsv_text(to, dumped != NULL ? dumped : "?");
        free(dumped);
    }
}

/* Of ROW; its fields' names if it is NULL.  What has no path is for people. */
static void
put_tsv(const struct out *out, const struct out_column *columns,
        const json_t *row)
{
    const char *between = "";

    for (; columns->title != NULL; columns++) {
        if (columns->path == NULL)
            continue;
        (void)fputs(between, out->file);
        between = "\t";
        if (row == NULL)
            (void)fputs(columns->path, out->file);
        else
            put_tsv_value(out->file, field_at(row, columns->path));
    }
    (void)fputc('\n', out->file);
}

static void
put_flat(const struct out *out, const char *before, const json_t *row)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, key, value)
    {
        char path[128];
        int n = snprintf(path, sizeof(path), "%s%s%s", before,
                         *before != '\0' ? "." : "", key);

        if (n < 0 || (size_t)n >= sizeof(path) || json_is_array(value))
            continue;
        if (json_is_object(value)) {
            put_flat(out, path, value);
            continue;
        }
        put_tsv_text(out->file, path);
        (void)fputc('\t', out->file);
        put_tsv_value(out->file, value);
        (void)fputc('\n', out->file);
    }
}

void
out_flat(const struct out *out, const json_t *row)
{
    put_flat(out, "", row);
}

/* ----- tables */

static void
put_grid(const struct out *out, const struct out_column *columns,
         const json_t *rows, void (*print)(struct grid *grid))
{
    struct grid *grid = grid_create(out, columns);
    const json_t *row;
    size_t i;
    bool fine = grid != NULL;

    json_array_foreach(rows, i, row)
    {
        fine = fine && grid_add(grid, row);
    }
    if (fine)
        print(grid);
    else
        out_complain(out, "no memory");
    grid_destroy(grid);
}

void
out_table(const struct out *out, const struct out_column *columns,
          const json_t *rows)
{
    const json_t *row;
    size_t i;

    if (out->format == OUT_PEOPLE) {
        put_grid(out, columns, rows, grid_print);
        return;
    }
    if (out->format == OUT_TSV && !out->quiet)
        put_tsv(out, columns, NULL);
    json_array_foreach(rows, i, row)
    {
        if (out->format == OUT_TSV)
            put_tsv(out, columns, row);
        else
            out_json(out, row);
    }
}

static void
print_fields(struct grid *grid)
{
    grid_print_fields(grid);
}

void
out_fields(const struct out *out, const struct out_column *columns,
           const json_t *row)
{
    json_t *rows = json_pack("[O]", row);

    if (rows == NULL)
        out_complain(out, "no memory");
    else if (out->format == OUT_PEOPLE)
        put_grid(out, columns, rows, print_fields);
    else
        out_table(out, columns, rows);
    json_decref(rows);
}

/* ----- lines */

/* Blanks that line up nothing any more, made one each. */
static void
squeeze(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++)
        if (*text != ' ' || text[1] != ' ')
            *to++ = *text;
    *to = '\0';
}

static void
put_wrapped(const struct out *out, FILE *to, unsigned indent, char *text)
{
    size_t columns = out->columns, width = columns;

    if (columns != 0 && columns < OUT_NARROW) {
        squeeze(text + strspn(text, " "));
        indent = OUT_NARROW_INDENT;
    }
    for (;;) {
        size_t n =
            columns == 0 ? strlen(text) : display_break(text, width, out->utf8);
        char *end = text + n;

        while (n > 0 && text[n - 1] == ' ')
            n--;
        (void)fwrite(text, 1, n, to);
        text = end + strspn(end, " ");
        if (*text == '\0')
            return;
        if (indent + 1 >= columns)
            indent = 0;
        (void)fprintf(to, "\n%*s", (int)indent, "");
        width = columns - indent;
    }
}

static char *print_escaped(const struct out *out, const char *format,
                           va_list args) __attribute__((format(printf, 2, 0)));
static void put_line(const struct out *out, enum out_color color,
                     unsigned indent, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

/* FORMAT with ARGS, escaped, malloc()ed. */
static char *
print_escaped(const struct out *out, const char *format, va_list args)
{
    char *raw = NULL, *text;

    if (vasprintf(&raw, format, args) < 0)
        return NULL;
    text = display_escape(raw, out->utf8);
    free(raw);
    return text;
}

static void
put_line(const struct out *out, enum out_color color, unsigned indent,
         const char *format, va_list args)
{
    char *text = print_escaped(out, format, args);

    if (text == NULL) {
        out_complain(out, "no memory");
        return;
    }
    (void)fputs(out_color_begin(out, color), out->file);
    put_wrapped(out, out->file, indent, text);
    if (color != OUT_PLAIN)
        (void)fputs(out_color_end(out), out->file);
    (void)fputc('\n', out->file);
    free(text);
}

void
out_line(const struct out *out, enum out_color color, unsigned indent,
         const char *format, ...)
{
    va_list args;

    if (out->format != OUT_PEOPLE)
        return;
    va_start(args, format);
    put_line(out, color, indent, format, args);
    va_end(args);
}

void
out_verbatim(const struct out *out, enum out_color color, const char *format,
             ...)
{
    struct out wide = *out;
    va_list args;

    if (out->format != OUT_PEOPLE)
        return;
    wide.columns = 0;
    va_start(args, format);
    put_line(&wide, color, 0, format, args);
    va_end(args);
}

void
out_remark(const struct out *out, const char *format, ...)
{
    va_list args;

    if (out->format != OUT_PEOPLE || out->quiet)
        return;
    va_start(args, format);
    put_line(out, OUT_PLAIN, 0, format, args);
    va_end(args);
}

void
out_heading(const struct out *out, const char *format, ...)
{
    va_list args;

    if (out->format != OUT_PEOPLE || out->quiet)
        return;
    (void)fputc('\n', out->file);
    va_start(args, format);
    put_line(out, OUT_BOLD, 0, format, args);
    va_end(args);
}

void
out_complain(const struct out *out, const char *format, ...)
{
    char *text;
    va_list args;

    (void)fflush(out->file); /* what was said first comes first */
    va_start(args, format);
    text = print_escaped(out, format, args);
    va_end(args);
    (void)fprintf(stderr, "mortsafectl: %s\n",
                  text != NULL ? text : "no memory");
    free(text);
}

/* ----- the end */

bool
out_broken(const struct out *out)
{
    return ferror(out->file) != 0;
}

/* Is it a pipe that nobody reads any more? */
static bool
reader_gone(const struct out *out)
{
    struct pollfd fd = {fileno(out->file), POLLOUT, 0};

    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR) != 0;
}

int
out_end(const struct out *out, int code)
{
    if (fflush(out->file) == 0 && ferror(out->file) == 0)
        return code;
    if (reader_gone(out))
        return code;
    out_complain(out, "cannot write: all of it is to be had again");
    return EX_IOERR;
}
