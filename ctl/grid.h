/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/grid.h - cells in columns, as wide as what stands in them, and narrower
 * where the terminal is.
 */
#ifndef MORTSAFE_CTL_GRID_H
#define MORTSAFE_CTL_GRID_H

#include "ctl/out.h"

struct grid;

/* One with columns as COLUMNS (borrowed; a row without title ends them).
 * NULL: no memory. */
struct grid *grid_create(const struct out *out,
                         const struct out_column *columns);
void grid_destroy(struct grid *grid);

/* A row from the fields of ROW (borrowed until grid_print()).  False: no
 * memory. */
bool grid_add(struct grid *grid, const json_t *row);

/* Print it; where it does not fit, a line a field and an empty line between
 * two rows. */
void grid_print(struct grid *grid);
void grid_print_fields(const struct grid *grid); /* so in any case */

/* The text of COLUMN in ROW, unescaped, malloc()ed; NULL: no memory. */
char *grid_cell(const struct out *out, const struct out_column *column,
                const json_t *row);

#endif
