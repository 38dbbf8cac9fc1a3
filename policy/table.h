/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/table.h - a look-up file in one of Postfix's own formats:
 * `texthash:` (texthash in postconf -m: key, white space, value; keys fold
 * to lower case) and `cidr:` (cidr_table(5): first match wins).
 * Read once, then shared by any number of threads.
 */
#ifndef MORTSAFE_POLICY_TABLE_H
#define MORTSAFE_POLICY_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/err.h"
#include "policy/prefix.h"

struct table;

enum table_type { TABLE_TEXTHASH, TABLE_CIDR };

/* Told of each error or warning with its line (1, 2, ...; 0: the file). */
struct table_report {
    void (*error)(void *arg, const char *path, unsigned line, const char *text);
    void (*warning)(void *arg, const char *path, unsigned line,
                    const char *text);
    void *arg;
};

/*
 * Read PATH as TYPE into *OUT, which table_destroy() ends.  Every bad line
 * is reported; then, or where the file cannot be read, MS_INVALID or
 * MS_UNAVAIL.  MS_NOMEM.
 */
enum ms_err table_load(enum table_type type, const char *path,
                       const struct table_report *report, struct table **out);
void table_destroy(struct table *table);

enum table_type table_type(const struct table *table);

/* The entry's value (borrowed, lives as long as TABLE) or NULL.  */
const char *table_get(const struct table *table, const char *key);
const char *table_get_host(const struct table *table, struct prefix host);

/*
 * Entries in file order, for whoever compiles a table into something else.
 * KEY is the folded key, or the pattern as written (a cidr entry also fills
 * PREFIX).  False behind the last.
 */
struct table_entry {
    const char *key;
    const char *value;
    struct prefix prefix;
    bool plain; /* cidr: without `!` and outside of any `if` */
    unsigned line;
};
bool table_entry(const struct table *table, size_t i, struct table_entry *out);
const char *table_path(const struct table *table);

#endif
