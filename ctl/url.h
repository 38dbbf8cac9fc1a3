/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/url.h - a path with its query, put together of parts that are
 * percent-encoded (RFC 3986 section 2.1) as they come in.
 */
#ifndef MORTSAFE_CTL_URL_H
#define MORTSAFE_CTL_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { URL_TEXT = 8192 };

struct url {
    size_t len;
    bool query;   /* the first `?` stands */
    bool refused; /* too long, or a step such as "..": not to be asked for */
    char text[URL_TEXT];
};

/* Begin with PATH, written as it is: "/v1/subjects". */
void url_start(struct url *url, const char *path);

/* "/SEGMENT": "/user%3Aann%40example.org". */
void url_segment(struct url *url, const char *segment);

/* "?NAME=VALUE" or "&NAME=VALUE"; a NULL VALUE leaves it out. */
void url_query(struct url *url, const char *name, const char *value);
void url_query_number(struct url *url, const char *name, uint64_t value);

/* "/v1/subjects/KEY", or KIND:KEY where KIND is not NULL; and behind it
 * "/VERB" (NULL: nothing). */
void url_subject(struct url *url, const char *kind, const char *key,
                 const char *verb);

#endif
