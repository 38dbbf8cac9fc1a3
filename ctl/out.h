/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/out.h - what is printed and how: for people, as JSON, or as
 * tab-separated values.  Everything foreign is escaped on its way out, so that
 * no sender's name reaches the terminal as more than text.
 */
#ifndef MORTSAFE_CTL_OUT_H
#define MORTSAFE_CTL_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

enum out_format { OUT_PEOPLE, OUT_JSON, OUT_TSV };

enum out_color { OUT_PLAIN, OUT_BOLD, OUT_DIM, OUT_GOOD, OUT_WARN, OUT_BAD };

enum out_color_when { OUT_COLOR_AUTO, OUT_COLOR_ALWAYS, OUT_COLOR_NEVER };

struct out {
    FILE *file; /* borrowed: standard output */
    enum out_format format;
    bool quiet;       /* no headings, no remarks */
    bool terminal;    /* FILE is one */
    bool color;       /* it shall be coloured */
    bool utf8;        /* the locale's characters are UTF-8 */
    unsigned columns; /* of the terminal; 0: as wide as it gets */
};

/* How a field is shown to people; programs get it as the API gave it. */
enum out_kind {
    OUT_TEXT,   /* a string, or a list of strings with commas between */
    OUT_TIME,   /* local time */
    OUT_COUNT,  /* a number, to the right */
    OUT_SIZE,   /* bytes: "12.3M" */
    OUT_SHARE,  /* 0.83: "83%" */
    OUT_BAR,    /* 0.83: a bar */
    OUT_SPAN,   /* seconds: "2h5m" */
    OUT_FLAG,   /* true: "yes" */
    OUT_WRITTEN /* by `write` */
};

/* A column of a table: a field of each row. */
struct out_column {
    const char *title; /* for people: "LAST" */
    const char *path;  /* "rate.text"; also its name for programs */
    enum out_kind kind;
    unsigned least; /* it may be cut to that many; 0: it is not cut */
    bool spare;     /* it is left out where there is no room for it */
    /* Of OUT_WRITTEN: put the cell's text, unescaped, on CELL. */
    void (*write)(FILE *cell, const struct out *out, const json_t *row);
    /* How the cell is coloured; NULL: not. */
    enum out_color (*color)(const json_t *row);
};

/* Set OUT up for standard output: the locale, the terminal and its width
 * (COLUMNS goes first), NO_COLOR. */
void out_start(struct out *out);
/* Measure the terminal anew: its window may have another size by now. */
void out_measure(struct out *out);

void out_color_when(struct out *out, enum out_color_when when);

/*
 * Print the objects of the list ROWS: a table of COLUMNS (a row without title
 * ends them), tab-separated values under their names, or an object a line.
 * A terminal too narrow for the table gets a line a field.
 */
void out_table(const struct out *out, const struct out_column *columns,
               const json_t *rows);

/* The same for one object: "title  value" a line for people. */
void out_fields(const struct out *out, const struct out_column *columns,
                const json_t *row);

/* Each number, string and flag in ROW, lists left out, as "PATH VALUE" a line
 * with a tab between. */
void out_flat(const struct out *out, const json_t *row);

/* JSON on one line, in ASCII. */
void out_json(const struct out *out, const json_t *json);

/*
 * A line for people, as printf makes it: escaped, and wrapped at the
 * terminal's width with following lines indented by INDENT.  Nothing is
 * printed in other formats; out_remark() is silent with -q as well.
 */
void out_line(const struct out *out, enum out_color color, unsigned indent,
              const char *format, ...) __attribute__((format(printf, 4, 5)));
void out_remark(const struct out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line for people that is not wrapped: somebody will paste it. */
void out_verbatim(const struct out *out, enum out_color color,
                  const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A heading between two parts, with an empty line before it; not with -q. */
void out_heading(const struct out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "mortsafectl: ..." on standard error, escaped. */
void out_complain(const struct out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What turns COLOR on, and all off; "" where nothing is coloured. */
const char *out_color_begin(const struct out *out, enum out_color color);
const char *out_color_end(const struct out *out);

/* Has the reader gone, or the disk filled?  Then loops end. */
bool out_broken(const struct out *out);

/* Flush; CODE, or EX_IOERR with a complaint if something was not written.  A
 * reader that has gone is no error. */
int out_end(const struct out *out, int code);

#endif
