/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notice/hook.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

static const struct transfer_bounds usual = {5000, 15000, 20000};

_Static_assert(HOOK_SIGNATURE == 2 * crypto_auth_hmacsha256_BYTES + 1,
               "a signature has room");

void
hook_sign(const char *key, int64_t now_s, const char *body,
          char out[HOOK_SIGNATURE])
{
    crypto_auth_hmacsha256_state state;
    uint8_t hash[crypto_auth_hmacsha256_BYTES];
    char time[32];
    int n = snprintf(time, sizeof(time), "%lld.", (long long)now_s);

    (void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)key,
                                      strlen(key));
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)time,
                                        (unsigned long long)n);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)body,
                                        strlen(body));
    (void)crypto_auth_hmacsha256_final(&state, hash);
    (void)sodium_bin2hex(out, HOOK_SIGNATURE, hash, sizeof(hash));
}

enum ms_err
hook_check(const char *url, struct why *why)
{
    if (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0)
        return MS_OK;
    return why_set(why, MS_INVALID, "`%s` is no URL of http or https", url);
}

/* TEXT is one more header; *LIST becomes NULL, and is freed, without memory. */
static void
add_header(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);

    if (longer == NULL)
        curl_slist_free_all(*list);
    *list = longer;
}

static struct curl_slist *
headers_of(const struct hook *hook)
{
    struct curl_slist *list =
        curl_slist_append(NULL, "Content-Type: application/json");
    char signature[HOOK_SIGNATURE], text[128];

    (void)snprintf(text, sizeof(text), "X-Mortsafe-Timestamp: %lld",
                   (long long)hook->now_s);
    if (list != NULL)
        add_header(&list, text);
    if (list != NULL)
        add_header(&list, "User-Agent: mortsafe");
    if (list == NULL || hook->key == NULL)
        return list;
    hook_sign(hook->key, hook->now_s, hook->body, signature);
    (void)snprintf(text, sizeof(text), "X-Mortsafe-Signature: sha256=%s",
                   signature);
    add_header(&list, text);
    return list;
}

static bool
describe(CURL *curl, const struct hook *hook, struct curl_slist *headers)
{
    bool fine = headers != NULL;

#define SET(option, value)                                                     \
    (fine = fine && curl_easy_setopt(curl, option, value) == CURLE_OK)
    SET(CURLOPT_URL, hook->url);
    SET(CURLOPT_POSTFIELDSIZE, (long)strlen(hook->body));
    SET(CURLOPT_POSTFIELDS, hook->body);
    SET(CURLOPT_HTTPHEADER, headers);
#undef SET
    return fine;
}

/* What is wrong with the server, or too much for it, is so for every call. */
static enum transfer_end
judge(const struct transfer *t, CURLcode code, long status, struct why *why)
{
    if (code == CURLE_OK && status >= 200 && status <= 299)
        return TRANSFER_DONE;
    if (code == CURLE_OK) {
        (void)why_set(why, MS_UNAVAIL, "it answers %ld", status);
        return status == 429 || (status >= 500 && status <= 599)
                   ? TRANSFER_AWAY
                   : TRANSFER_AGAIN;
    }
    transfer_why(t, code, why);
    return TRANSFER_AWAY;
}

/* Retry-After (RFC 9110 section 10.2.3), as seconds. */
static void
note_pause(const struct hook *hook, CURL *curl)
{
    curl_off_t s = 0;

    if (hook->pause_s == NULL)
        return;
    (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &s);
    *hook->pause_s = s > 0 && s < LONG_MAX ? (long)s : 0;
}

enum transfer_end
hook_call(const struct hook *hook, struct why *why)
{
    struct curl_slist *headers = headers_of(hook);
    enum transfer_end end = TRANSFER_AGAIN;
    struct transfer t;
    CURLcode code;
    long status;

    (void)why_set(why, MS_NOMEM, "no memory");
    if (transfer_begin(&t, hook->bounds != NULL ? hook->bounds : &usual,
                       hook->stop) == MS_OK) {
        if (hook_check(hook->url, why) != MS_OK) {
            end = TRANSFER_AWAY;
        } else if (describe(t.curl, hook, headers)) {
            code = transfer_run(&t, &status);
            end = judge(&t, code, status, why);
            note_pause(hook, t.curl);
        }
        transfer_finish(&t);
    }
    curl_slist_free_all(headers);
    return end;
}
