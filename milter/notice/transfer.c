/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/transfer.h"

#include <string.h>

#include "milter/line.h"

/* Every second at least: are we to end? */
static int
look_up(void *arg, curl_off_t down, curl_off_t down_now, curl_off_t up,
        curl_off_t up_now)
{
    const struct transfer *t = arg;

    (void)down;
    (void)down_now;
    (void)up;
    (void)up_now;
    return t->stop != NULL && atomic_load(t->stop) ? 1 : 0;
}

/* A line of the head: of SMTP all that the server says, and what it does not
 * like is kept. */
static size_t
hear_head(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;

    t->heard += len;
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        len--;
    if (len >= 3 && (bytes[0] == '2' || bytes[0] == '3') &&
        (len == 3 || bytes[3] == ' ') && memcmp(bytes, "221", 3) != 0)
        t->agreed++;
    if (len > 0 && (bytes[0] == '4' || bytes[0] == '5'))
        (void)line_print(LINE_KIND_TEXT, bytes, len, t->last, sizeof(t->last));
    return t->heard <= TRANSFER_MOST ? size * n : 0;
}

static size_t
hear_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    (void)bytes;
    t->heard += size * n;
    return t->heard <= TRANSFER_MOST ? size * n : 0;
}

enum ms_err
transfer_begin(struct transfer *t, const struct transfer_bounds *bounds,
               const atomic_bool *stop)
{
    CURL *curl = curl_easy_init();
    bool fine = curl != NULL;

    memset(t, 0, sizeof(*t));
    t->curl = curl;
    t->stop = stop;
#define SET(option, value)                                                     \
    (fine = fine && curl_easy_setopt(curl, option, value) == CURLE_OK)
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, bounds->connect_ms);
    SET(CURLOPT_TIMEOUT_MS, bounds->total_ms);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look_up);
    SET(CURLOPT_XFERINFODATA, t);
    SET(CURLOPT_HEADERFUNCTION, hear_head);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, hear_body);
    SET(CURLOPT_WRITEDATA, t);
#undef SET
    if (fine)
        return MS_OK;
    transfer_finish(t);
    return MS_NOMEM;
}

CURLcode
transfer_run(struct transfer *t, long *status)
{
    CURLcode code = curl_easy_perform(t->curl);

    *status = 0;
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, status);
    return code;
}

void
transfer_why(const struct transfer *t, CURLcode code, struct why *why)
{
    const char *text =
        t->error[0] != '\0' ? t->error : curl_easy_strerror(code);

    if (code == CURLE_ABORTED_BY_CALLBACK)
        (void)why_set(why, MS_UNAVAIL, "mortsafe ends");
    else if (t->last[0] != '\0')
        (void)why_set(why, MS_UNAVAIL, "%s (%s)", text, t->last);
    else
        (void)why_set(why, MS_UNAVAIL, "%s", text);
}

void
transfer_finish(struct transfer *t)
{
    curl_easy_cleanup(t->curl);
    t->curl = NULL;
}
