/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/notes.h - errors and warnings of one reading of the configuration.
 * They arise in several passes and are told in the order of the files.
 */
#ifndef MORTSAFE_POLICY_NOTES_H
#define MORTSAFE_POLICY_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/config.h"
#include "policy/err.h"

enum { NOTES_MAX = 1000 }; /* errors told; the rest is only counted */

struct notes;

/* Make an empty collection in *OUT; notes_destroy() ends it.  MS_NOMEM. */
enum ms_err notes_create(struct notes **out);
void notes_destroy(struct notes *notes);

/* FILE (borrowed) comes behind the files named before.  MS_NOMEM. */
enum ms_err notes_file(struct notes *notes, const char *file);

/*
 * An error or a warning at AT.  A file that is NULL or unknown sorts first.
 * If there is no memory for it, notes_err() says so.
 */
void notes_error(struct notes *notes, struct origin at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void notes_warning(struct notes *notes, struct origin at, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

/* The same about line LINE (0: all) of a table named at AT. */
void notes_table_error(struct notes *notes, struct origin at, const char *path,
                       unsigned line, const char *text);
void notes_table_warning(struct notes *notes, struct origin at,
                         const char *path, unsigned line, const char *text);

/* MS_OK, MS_INVALID once there was an error, MS_NOMEM if one was lost. */
enum ms_err notes_err(const struct notes *notes);

/* Are there as many errors as will be told?  Then nobody needs more. */
bool notes_full(const struct notes *notes);

/* Tell REPORT all of them, sorted by place. */
void notes_tell(struct notes *notes, const struct config_report *report);

/* Write "FILE:LINE:COLUMN" of AT (column 0: without) into BUF of SIZE bytes, at
 * least 16; a longer one ends in "...".  Returns BUF. */
enum { NOTES_PLACE = 200 };
char *notes_place(struct origin at, char *buf, size_t size);

#endif
