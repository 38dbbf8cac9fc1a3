/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/row.h - a record's stored form, and a batch of them on the way
 * to a file.  Fixed width, little-endian, each with a checksum: SQLite has
 * none, and a flipped bit must not become somebody's count.
 */
#ifndef MORTSAFE_POLICY_STORE_ROW_H
#define MORTSAFE_POLICY_STORE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"
#include "policy/store/record.h"

enum { ROWS_BATCH = 4096 };

/* Columns of one row; borrowed. */
struct row {
    uint64_t id;
    const uint8_t *key;
    size_t key_len;
    int64_t kind;
    const uint8_t *name; /* the subject's bytes */
    size_t name_len;
    const uint8_t *windows; /* with standing, times and checksum */
    size_t windows_len;
    const uint8_t *state; /* the detector's, with checksum; NULL: none */
    size_t state_len;
    bool delete;       /* this row goes */
    bool delete_state; /* the detector's goes */
};

/*
 * Is ROW whole: lengths, ranges, checksum, a name that is a subject of its
 * kind?  Its state is another matter: a standing must not go with it.
 */
bool row_check(const struct row *row);
uint64_t row_sum(const struct row *row); /* what its windows must end in */
bool row_check_state(const struct row *row);

/* Windows of a ROW that row_check() found whole. */
uint8_t row_windows(const struct row *row);

/*
 * Fill R, made from ROW's key and name with as many windows, from a ROW that
 * row_check() found whole, and with its state if that is whole, too.
 * MS_NOMEM.
 */
enum ms_err row_read(const struct row *row, struct record *r);

/* A batch. */
struct rows;

enum ms_err rows_create(struct rows **out); /* MS_NOMEM */
void rows_destroy(struct rows *rows);
void rows_clear(struct rows *rows);
size_t rows_count(const struct rows *rows);

/* Append R: itself, its state if that is dirty, or its end if it is dead.
 * At most ROWS_BATCH.  MS_NOMEM. */
enum ms_err rows_add(struct rows *rows, const struct record *r);

/* Put them in the order of ids. */
void rows_sort(struct rows *rows);

/* Row I; borrowed until the next rows_add() or rows_clear(). */
struct row rows_at(const struct rows *rows, size_t i);

#endif
