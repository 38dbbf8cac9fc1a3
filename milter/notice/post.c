/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/post.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    URL = 512,
    HOST = 256,
    GREETED = 3 /* greeting, EHLO or HELO, MAIL */
};

static const struct transfer_bounds usual = {10000, 30000, 60000};

/* ----- the server */

/* "inet:PORT@HOST" behind the colon, as a URL without a path. */
static bool
inet_url(const char *text, char url[URL])
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    const char *host = end + 1;
    size_t len;
    int n;

    if (end == text || *end != '@' || port == 0 || port > 65535)
        return false;
    len = strlen(host);
    if (len == 0 || len >= HOST ||
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789.-_:[]") != len)
        return false;
    n = snprintf(url, URL,
                 strchr(host, ':') != NULL && host[0] != '[' ? "smtp://[%s]:%lu"
                                                             : "smtp://%s:%lu",
                 host, port);
    return n > 0 && n < URL;
}

/* The URL of TEXT; *PATH is a local socket's, or NULL. */
static bool
server_url(const char *text, char url[URL], const char **path)
{
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    *path = NULL;
    if ((len == 4 && memcmp(text, "inet", 4) == 0) ||
        (len == 5 && memcmp(text, "inet6", 5) == 0))
        return inet_url(colon + 1, url);
    if ((len == 4 && memcmp(text, "unix", 4) == 0) ||
        (len == 5 && memcmp(text, "local", 5) == 0))
        *path = colon + 1;
    (void)snprintf(url, URL, "smtp://localhost");
    return *path != NULL && **path == '/';
}

enum ms_err
post_check(const char *text, struct why *why)
{
    char url[URL];
    const char *path;

    if (server_url(text, url, &path))
        return MS_OK;
    return why_set(why, MS_INVALID,
                   "`%s` is no server: `inet:port@host` or `unix:/path`", text);
}

/* Behind the URL stands the name for EHLO. */
static bool
add_name(char url[URL], const char *host)
{
    size_t len = strlen(url);
    bool good =
        host != NULL && host[0] != '\0' &&
        strspn(host, "abcdefghijklmnopqrstuvwxyz"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == strlen(host);
    int n = snprintf(url + len, URL - len, "/%s", good ? host : "localhost");

    return n > 0 && (size_t)n < URL - len;
}

/* ----- the letter */

struct reader {
    const char *text;
    size_t left;
};

static size_t
read_some(char *out, size_t size, size_t n, void *arg)
{
    struct reader *reader = arg;
    size_t len = size * n < reader->left ? size * n : reader->left;

    memcpy(out, reader->text, len);
    reader->text += len;
    reader->left -= len;
    return len;
}

static bool
describe(CURL *curl, const struct post *post, const char *url, const char *path,
         struct curl_slist *to, struct reader *reader)
{
    bool fine = to != NULL;

#define SET(option, value)                                                     \
    (fine = fine && curl_easy_setopt(curl, option, value) == CURLE_OK)
    SET(CURLOPT_URL, url);
    SET(CURLOPT_UNIX_SOCKET_PATH, path);
    /* no CURLOPT_MAIL_FROM: that is MAIL FROM:<> */
    SET(CURLOPT_MAIL_RCPT, to);
    SET(CURLOPT_USE_SSL, (long)CURLUSESSL_NONE);
    SET(CURLOPT_SERVER_RESPONSE_TIMEOUT,
        ((post->bounds != NULL ? post->bounds : &usual)->answer_ms + 999) /
            1000);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_READFUNCTION, read_some);
    SET(CURLOPT_READDATA, reader);
#undef SET
    return fine;
}

/* Was it the letter that the server did not like, or is it no use to try
 * others?  All are the same to it up to their recipients; and 530 (RFC 4954) is
 * about who we are. */
static enum transfer_end
judge(const struct transfer *t, CURLcode code, long status)
{
    bool of_letter = t->agreed >= GREETED && status != 530;

    if (code == CURLE_OK)
        return TRANSFER_DONE;
    if (of_letter && status >= 500 && status <= 599)
        return TRANSFER_REFUSED;
    if (of_letter && status >= 400 && status <= 499 && status != 421)
        return TRANSFER_AGAIN;
    return TRANSFER_AWAY;
}

enum transfer_end
post_letter(const struct post *post, struct why *why)
{
    struct reader reader = {post->letter, strlen(post->letter)};
    struct curl_slist *to = curl_slist_append(NULL, post->to);
    enum transfer_end end = TRANSFER_AGAIN;
    struct transfer t;
    char url[URL];
    const char *path;
    CURLcode code;
    long status;

    (void)why_set(why, MS_NOMEM, "no memory");
    if (transfer_begin(&t, post->bounds != NULL ? post->bounds : &usual,
                       post->stop) != MS_OK)
        goto done;
    if (!server_url(post->server, url, &path) || !add_name(url, post->host)) {
        (void)post_check(post->server, why);
        end = TRANSFER_AWAY;
    } else if (describe(t.curl, post, url, path, to, &reader)) {
        code = transfer_run(&t, &status);
        end = judge(&t, code, status);
        transfer_why(&t, code, why);
    }
    transfer_finish(&t);
done:
    curl_slist_free_all(to);
    return end;
}
