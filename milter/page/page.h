/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/page/page.h - the status page and the page of one subject: HTML with
 * SVG pictures in it, made from answers of the API.  No script, nothing from
 * elsewhere; all text in them is escaped.  Pure.
 */
#ifndef MORTSAFE_MILTER_PAGE_PAGE_H
#define MORTSAFE_MILTER_PAGE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* Answers of mortsafe-api(7), borrowed; NULL: not to be had, which is told. */
struct page_home {
    const json_t *status;    /* /v1/status */
    const json_t *history;   /* /v1/history?range=24h */
    const json_t *near;      /* /v1/subjects?sort=share&limit=20 */
    const json_t *users;     /* /v1/subjects?kind=user&sort=external&limit=10 */
    const json_t *clients;   /* ... kind=client */
    const json_t *decisions; /* /v1/decisions?limit=20 */
    const json_t *would;     /* /v1/would?since=24h */
    const json_t *zombies;   /* /v1/zombies?standing=throttled,quarantined */
    const json_t *held;      /* /v1/held?limit=1 */
    int64_t now_s;
    bool pseudonyms; /* names are; and are no links to type by hand */
    bool still;      /* asked not to refresh itself */
};

/* It is to be sent with a header "Refresh: 30" if it is not to stand still:
 * who needs more time to read, or has opened a table, asks for that. */
enum { PAGE_REFRESH_S = 30 };

/* A whole document; the caller frees it.  NULL: no memory. */
char *page_home(const struct page_home *facts, size_t *len);

/* SUBJECT: /v1/subjects/ID. */
char *page_subject(const json_t *subject, int64_t now_s, bool pseudonyms,
                   size_t *len);

/* For a browser that asked for what is not there. */
char *page_problem(unsigned status, const char *title, const char *detail,
                   size_t *len);

/* What the header Content-Security-Policy must say of these pages: the hash of
 * their own style. */
const char *page_policy(void);

#endif
