/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/listed/catalog.h - what is known of public DNS lists: what their codes
 * mean, how to get off, and how much one may ask them.  A data file that is
 * written like a configuration, so that the operator can keep one of his own.
 */
#ifndef MORTSAFE_CTL_LISTED_CATALOG_H
#define MORTSAFE_CTL_LISTED_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"
#include "policy/listmask.h"

#define CATALOG_FILE PKGDATADIR "/lists"

/* What is asked of it. */
enum catalog_use {
    CATALOG_FREE, /* about whole networks */
    CATALOG_FEW,  /* about one's own few addresses */
    CATALOG_KEY   /* nothing without being registered */
};

enum { CATALOG_CODES = 32, CATALOG_LISTS = 200 };

struct catalog_code {
    struct listmask mask;
    const char *means;
    bool policy; /* `policy' in place of `code': it says nothing about what the
                    address does, only what it is */
};

struct catalog_list {
    const char *zone;  /* in lower case, without its last dot */
    const char *keyed; /* customers ask KEY.this in place of the zone; NULL */
    const char *name;  /* "Spamhaus ZEN" */
    const char *off;   /* how to get off */
    bool ipv4, ipv6;   /* which addresses it knows of */
    enum catalog_use use;
    size_t n_codes; /* the first that matches is meant */
    struct catalog_code code[CATALOG_CODES];
};

struct catalog;

/* Read PATH into *OUT, which catalog_destroy() ends.  MS_UNAVAIL, MS_INVALID,
 * MS_NOMEM; WHY has the place. */
enum ms_err catalog_load(const char *path, struct catalog **out,
                         struct why *why);
void catalog_destroy(struct catalog *catalog); /* NULL is fine */

size_t catalog_count(const struct catalog *catalog);
const struct catalog_list *catalog_at(const struct catalog *catalog, size_t i);

/* The list that answers for ZONE, as it is or with a customer's key; NULL. */
const struct catalog_list *catalog_find(const struct catalog *catalog,
                                        const char *zone);

/* The row of LIST that CODE is meant by; NULL: not known. */
const struct catalog_code *catalog_code(const struct catalog_list *list,
                                        const uint8_t code[4]);

#endif
