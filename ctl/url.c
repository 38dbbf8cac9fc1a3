/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
put(struct url *url, char c)
{
    if (url->len + 1 >= sizeof(url->text)) {
        url->refused = true;
        return;
    }
    url->text[url->len++] = c;
    url->text[url->len] = '\0';
}

static void
put_plain(struct url *url, const char *text)
{
    for (; *text != '\0'; text++)
        put(url, *text);
}

/* All but RFC 3986's unreserved characters: no part can be taken for two. */
static void
put_encoded(struct url *url, const char *text)
{
    static const char kept[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char hex[] = "0123456789ABCDEF";

    for (; *text != '\0'; text++) {
        if (strchr(kept, *text) != NULL) {
            put(url, *text);
            continue;
        }
        put(url, '%');
        put(url, hex[(unsigned char)*text >> 4]);
        put(url, hex[(unsigned char)*text & 15]);
    }
}

void
url_start(struct url *url, const char *path)
{
    url->len = 0;
    url->query = false;
    url->refused = false;
    url->text[0] = '\0';
    put_plain(url, path);
}

void
url_segment(struct url *url, const char *segment)
{
    put(url, '/');
    /* "." and ".." would be taken for steps, encoded or not. */
    if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
        url->refused = true;
    put_encoded(url, segment);
}

void
url_query(struct url *url, const char *name, const char *value)
{
    if (value == NULL)
        return;
    put(url, url->query ? '&' : '?');
    url->query = true;
    put_encoded(url, name);
    put(url, '=');
    put_encoded(url, value);
}

void
url_query_number(struct url *url, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    url_query(url, name, text);
}

void
url_subject(struct url *url, const char *kind, const char *key,
            const char *verb)
{
    url_start(url, "/v1/subjects/");
    if (kind != NULL) {
        put_encoded(url, kind);
        put_encoded(url, ":");
        put_encoded(url, key);
    } else {
        url->len--; /* the slash comes with the segment */
        url_segment(url, key);
    }
    if (verb != NULL)
        url_segment(url, verb);
}
