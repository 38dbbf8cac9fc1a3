/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/grid.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/display.h"
#include "ctl/field.h"
#include "ctl/spark.h"
#include "ctl/when.h"

enum { GAP = 2, BAR = 10 };

struct grid_row {
    const json_t *json;
    char **cells; /* one a column, escaped */
};

struct grid {
    const struct out *out;
    const struct out_column *columns;
    size_t n_columns, *widths;
    bool *left_out; /* columns for which there is no room */
    struct grid_row *rows;
    size_t n_rows, room;
};

/* ----- a cell */

static void
put_list(FILE *cell, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        const char *text = json_string_value(one);

        (void)fprintf(cell, "%s%s", i > 0 ? ", " : "",
                      text != NULL ? text : "?");
    }
}

/* Octets: "712", "12.3K", "1.0G". */
static void
put_size(FILE *cell, double bytes)
{
    static const char letters[] = "KMGT";
    size_t i = 0;

    if (bytes < 1024) {
        (void)fprintf(cell, "%.0f", bytes);
        return;
    }
    for (bytes /= 1024; bytes >= 1023.95 && letters[i + 1] != '\0'; i++)
        bytes /= 1024;
    (void)fprintf(cell, "%.1f%c", bytes, letters[i]);
}

/* Whole percents, so that only what is full is called full. */
static void
put_share(FILE *cell, double share)
{
    if (share > 9.99)
        (void)fputs(">999%", cell);
    else
        (void)fprintf(cell, "%.0f%%",
                      share < 1 && share > 0.99 ? 99.0 : share * 100);
}

static void
put_cell(FILE *cell, const struct out *out, const struct out_column *column,
         const json_t *row)
{
    const json_t *value =
        column->path != NULL ? field_at(row, column->path) : NULL;
    char buf[WHEN_TEXT];

    if (column->kind != OUT_WRITTEN && (value == NULL || json_is_null(value))) {
        (void)fputc('-', cell);
        return;
    }
    switch (column->kind) {
    case OUT_TEXT:
        if (json_is_array(value))
            put_list(cell, value);
        else if (json_is_integer(value))
            (void)fprintf(cell, "%" JSON_INTEGER_FORMAT,
                          json_integer_value(value));
        else if (json_is_string(value))
            (void)fputs(json_string_value(value), cell);
        break;
    case OUT_TIME:
        (void)fputs(when_print(field_text(row, column->path), buf), cell);
        break;
    case OUT_COUNT:
        (void)fprintf(cell, "%.0f", json_number_value(value));
        break;
    case OUT_SIZE:
        put_size(cell, json_number_value(value));
        break;
    case OUT_SHARE:
        put_share(cell, json_number_value(value));
        break;
    case OUT_BAR:
        spark_bar(cell, json_number_value(value), BAR, out->utf8);
        break;
    case OUT_SPAN:
        (void)fputs(when_span_short(json_integer_value(value), buf), cell);
        break;
    case OUT_FLAG:
        (void)fputs(json_is_true(value) ? "yes" : "no", cell);
        break;
    case OUT_WRITTEN:
        column->write(cell, out, row);
        break;
    }
}

char *
grid_cell(const struct out *out, const struct out_column *column,
          const json_t *row)
{
    char *text = NULL;
    size_t len = 0;
    FILE *cell = open_memstream(&text, &len);

    if (cell == NULL)
        return NULL;
    put_cell(cell, out, column, row);
    if (fclose(cell) == 0)
        return text;
    free(text);
    return NULL;
}

/* ----- the grid */

struct grid *
grid_create(const struct out *out, const struct out_column *columns)
{
    struct grid *grid = calloc(1, sizeof(*grid));

    if (grid == NULL)
        return NULL;
    grid->out = out;
    grid->columns = columns;
    while (columns[grid->n_columns].title != NULL)
        grid->n_columns++;
    grid->widths = calloc(grid->n_columns + 1, sizeof(*grid->widths));
    grid->left_out = calloc(grid->n_columns + 1, sizeof(*grid->left_out));
    if (grid->widths == NULL || grid->left_out == NULL) {
        grid_destroy(grid);
        return NULL;
    }
    for (size_t i = 0; i < grid->n_columns && !out->quiet; i++)
        grid->widths[i] = display_width(columns[i].title, out->utf8);
    return grid;
}

void
grid_destroy(struct grid *grid)
{
    if (grid == NULL)
        return;
    for (size_t i = 0; i < grid->n_rows; i++) {
        for (size_t j = 0; j < grid->n_columns; j++)
            free(grid->rows[i].cells[j]);
        free(grid->rows[i].cells);
    }
    free(grid->rows);
    free(grid->widths);
    free(grid->left_out);
    free(grid);
}

static bool
make_room(struct grid *grid)
{
    size_t room = grid->room == 0 ? 64 : 2 * grid->room;
    struct grid_row *rows;

    if (grid->n_rows < grid->room)
        return true;
    rows = realloc(grid->rows, room * sizeof(*rows));
    if (rows == NULL)
        return false;
    grid->rows = rows;
    grid->room = room;
    return true;
}

bool
grid_add(struct grid *grid, const json_t *row)
{
    struct grid_row *new;

    if (!make_room(grid))
        return false;
    new = &grid->rows[grid->n_rows];
    new->json = row;
    new->cells = calloc(grid->n_columns + 1, sizeof(*new->cells));
    if (new->cells == NULL)
        return false;
    grid->n_rows++;
    for (size_t i = 0; i < grid->n_columns; i++) {
        char *raw = grid_cell(grid->out, &grid->columns[i], row);
        size_t width;

        new->cells[i] =
            raw != NULL ? display_escape(raw, grid->out->utf8) : NULL;
        free(raw);
        if (new->cells[i] == NULL)
            return false;
        width = display_width(new->cells[i], grid->out->utf8);
        if (width > grid->widths[i])
            grid->widths[i] = width;
    }
    return true;
}

/* ----- printing */

static bool
to_the_right(enum out_kind kind)
{
    return kind == OUT_COUNT || kind == OUT_SIZE || kind == OUT_SHARE ||
           kind == OUT_SPAN;
}

static size_t
whole_width(const struct grid *grid)
{
    size_t sum = 0;

    for (size_t i = 0; i < grid->n_columns; i++)
        if (!grid->left_out[i])
            sum += grid->widths[i] + (i > 0 ? GAP : 0);
    return sum;
}

/* The widest column that may be cut further; n_columns: there is none. */
static size_t
widest(const struct grid *grid)
{
    size_t found = grid->n_columns;

    for (size_t i = 0; i < grid->n_columns; i++)
        if (!grid->left_out[i] && grid->columns[i].least != 0 &&
            grid->widths[i] > grid->columns[i].least &&
            (found == grid->n_columns || grid->widths[i] > grid->widths[found]))
            found = i;
    return found;
}

/* Leave out the last spare column.  False: there is none. */
static bool
leave_out(struct grid *grid)
{
    for (size_t i = grid->n_columns; i-- > 0;) {
        if (!grid->columns[i].spare || grid->left_out[i])
            continue;
        grid->left_out[i] = true;
        return true;
    }
    return false;
}

/* Make it fit.  False: it cannot be. */
static bool
shrink(struct grid *grid)
{
    size_t most = grid->out->columns;

    while (most != 0 && whole_width(grid) > most && leave_out(grid))
        ;
    while (most != 0 && whole_width(grid) > most) {
        size_t i = widest(grid);

        if (i == grid->n_columns)
            return false;
        grid->widths[i]--;
    }
    return true;
}

static void
put_blanks(FILE *to, size_t n)
{
    while (n-- > 0)
        (void)fputc(' ', to);
}

static const char *
color_on(const struct grid *grid, size_t column, const json_t *row)
{
    const struct out_column *at = &grid->columns[column];

    return at->color == NULL ? "" : out_color_begin(grid->out, at->color(row));
}

static void
put_cell_of_row(const struct grid *grid, size_t i, const struct grid_row *row,
                bool last)
{
    FILE *to = grid->out->file;
    const char *cell = row != NULL ? row->cells[i] : grid->columns[i].title;
    const char *on = color_on(grid, i, row != NULL ? row->json : NULL);
    bool right = to_the_right(grid->columns[i].kind);
    size_t width = display_width(cell, grid->out->utf8), took;

    put_blanks(to, i > 0 ? GAP : 0);
    if (right && width < grid->widths[i])
        put_blanks(to, grid->widths[i] - width);
    (void)fputs(on, to);
    took = display_cut(to, cell, grid->widths[i], grid->out->utf8);
    (void)fputs(*on != '\0' ? out_color_end(grid->out) : "", to);
    if (!last && !right)
        put_blanks(to, grid->widths[i] - took);
}

/* ROW NULL: the heading. */
static void
put_row(const struct grid *grid, const struct grid_row *row)
{
    size_t last = grid->n_columns;

    while (last > 0 && grid->left_out[last - 1])
        last--;
    for (size_t i = 0; i < last; i++)
        if (!grid->left_out[i])
            put_cell_of_row(grid, i, row, i + 1 == last);
    (void)fputc('\n', grid->out->file);
}

/* A line a field. */
static void
put_fields(const struct grid *grid, const struct grid_row *row)
{
    size_t longest = 0;

    for (size_t i = 0; i < grid->n_columns; i++) {
        size_t width = display_width(grid->columns[i].title, grid->out->utf8);

        if (width > longest)
            longest = width;
    }
    for (size_t i = 0; i < grid->n_columns; i++)
        out_line(grid->out, OUT_PLAIN, (unsigned)longest + GAP, "%-*s%s",
                 (int)longest + GAP, grid->columns[i].title, row->cells[i]);
}

void
grid_print(struct grid *grid)
{
    if (grid->n_rows == 0)
        return;
    if (!shrink(grid)) {
        for (size_t i = 0; i < grid->n_rows; i++) {
            if (i > 0)
                (void)fputc('\n', grid->out->file);
            put_fields(grid, &grid->rows[i]);
        }
        return;
    }
    if (!grid->out->quiet) {
        put_row(grid, NULL);
    }
    for (size_t i = 0; i < grid->n_rows; i++)
        put_row(grid, &grid->rows[i]);
}

void
grid_print_fields(const struct grid *grid)
{
    for (size_t i = 0; i < grid->n_rows; i++)
        put_fields(grid, &grid->rows[i]);
}
