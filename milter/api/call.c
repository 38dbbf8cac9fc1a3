/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/api/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/find.h"
#include "milter/api/handlers.h"
#include "milter/api/routes.h"

enum { DETAIL = 1024 };

/* ----- path and query */

static int
hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* How many bytes a character that begins with LEAD has behind it; -1: none
 * begins so. */
static int
utf8_tail(unsigned char lead)
{
    if (lead < 0x80)
        return 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if ((lead & 0xf0) == 0xe0)
        return 2;
    return lead >= 0xf0 && lead <= 0xf4 ? 3 : -1;
}

/* Is the byte behind LEAD fit: neither overlong, nor a surrogate, nor beyond
 * U+10FFFF? */
static bool
utf8_second(unsigned char lead, unsigned char second)
{
    if (lead == 0xe0)
        return second >= 0xa0;
    if (lead == 0xed)
        return second < 0xa0;
    if (lead == 0xf0)
        return second >= 0x90;
    return lead != 0xf4 || second < 0x90;
}

static bool
is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        unsigned char lead = *at++;
        int tail = utf8_tail(lead);

        if (tail < 0 || (tail > 0 && !utf8_second(lead, *at)))
            return false;
        for (; tail > 0; tail--) {
            if ((*at++ & 0xc0) != 0x80)
                return false;
        }
    }
    return true;
}

/* Decode LEN bytes at FROM to *TO, with a NUL, and move *TO behind it. */
static enum ms_err
decode(const char *from, size_t len, char **to, struct why *why)
{
    char *begin = *to, *at = *to;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)from[i];

        if (c == '%') {
            int high = i + 2 < len ? hex(from[i + 1]) : -1;
            int low = high >= 0 ? hex(from[i + 2]) : -1;

            if (low < 0)
                return why_set(why, MS_INVALID,
                               "a %% is not followed by two hexadecimal "
                               "digits");
            c = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (c < ' ' || c == 0x7f)
            return why_set(why, MS_INVALID, "there is a control character");
        *at++ = (char)c;
    }
    *at++ = '\0';
    *to = at;
    if (!is_utf8(begin))
        return why_set(why, MS_INVALID, "the bytes are no UTF-8");
    return MS_OK;
}

static enum ms_err
take_segment(struct api_call *call, const char *from, size_t len, char **to,
             struct why *why)
{
    char *begin = *to;
    enum ms_err err = decode(from, len, to, why);

    if (err != MS_OK)
        return err;
    if (*begin == '\0' || strcmp(begin, ".") == 0 || strcmp(begin, "..") == 0)
        return why_set(why, MS_INVALID,
                       "the path has an empty part, `.' or `..'");
    if (call->n_segments == 0 && !call->v1 && strcmp(begin, "v1") == 0) {
        call->v1 = true;
        return MS_OK;
    }
    if (call->n_segments == API_SEGMENTS)
        return why_set(why, MS_INVALID, "the path has too many parts");
    call->segment[call->n_segments++] = begin;
    return MS_OK;
}

/* The path from its first slash on. */
static enum ms_err
take_path(struct api_call *call, const char *path, size_t len, char **to,
          struct why *why)
{
    const char *end = path + len;
    enum ms_err err = MS_OK;

    while (path < end && len > 1 && err == MS_OK) {
        const char *begin = path + 1;
        const char *slash = memchr(begin, '/', (size_t)(end - begin));

        path = slash != NULL ? slash : end;
        err = take_segment(call, begin, (size_t)(path - begin), to, why);
    }
    return err;
}

static enum ms_err
take_query(struct api_call *call, const char *from, size_t len, char **to,
           struct why *why)
{
    const char *equals = memchr(from, '=', len);
    size_t name_len = equals != NULL ? (size_t)(equals - from) : len;
    const char *value = from + name_len + (equals != NULL);
    struct api_query query = {.name = *to};
    enum ms_err err = decode(from, name_len, to, why);

    query.value = *to;
    if (err == MS_OK)
        err = decode(value, len - (size_t)(value - from), to, why);
    if (err != MS_OK)
        return err;
    if (api_call_query(call, query.name) != NULL)
        return why_set(why, MS_INVALID, "%.64s is given twice", query.name);
    if (call->n_queries == API_QUERIES)
        return why_set(why, MS_INVALID, "there are too many parameters");
    call->query[call->n_queries++] = query;
    return MS_OK;
}

static enum ms_err
take_queries(struct api_call *call, const char *at, char **to, struct why *why)
{
    enum ms_err err = MS_OK;

    while (*at != '\0' && err == MS_OK) {
        size_t len = strcspn(at, "&");

        if (len > 0)
            err = take_query(call, at, len, to, why);
        at += len + (at[len] == '&');
    }
    return err;
}

enum ms_err
api_call_target(struct api_call *call, const char *target, struct why *why)
{
    size_t path = strcspn(target, "?");
    char *to;

    for (const char *at = target; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || *at == '#')
            return why_set(why, MS_INVALID,
                           "there is a byte that must be escaped");
    }
    call->target = target;
    if (target[0] != '/')
        return why_set(why, MS_INVALID, "the path does not begin with /");
    /* Decoded text is no longer; a NUL behind each word takes the place of
     * what parted them. */
    call->words = malloc(strlen(target) + 2 * API_QUERIES + 2);
    if (call->words == NULL)
        return MS_NOMEM;
    to = call->words;
    if (take_path(call, target, path, &to, why) != MS_OK)
        return MS_INVALID;
    return target[path] == '?' ? take_queries(call, target + path + 1, &to, why)
                               : MS_OK;
}

/* ----- the body */

/* Are brackets in LEN bytes of JSON nested deeper than we ever need? */
static bool
is_deep(const char *bytes, size_t len)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > API_DEPTH)
            return true;
    }
    return false;
}

enum ms_err
api_call_body(struct api_call *call, const char *bytes, size_t len,
              struct why *why)
{
    json_error_t error;

    if (len == 0) {
        call->body = json_object();
        return call->body != NULL ? MS_OK : MS_NOMEM;
    }
    if (is_deep(bytes, len))
        return why_set(why, MS_INVALID,
                       "the JSON is nested deeper than %d levels", API_DEPTH);
    call->body = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
    if (call->body == NULL)
        return why_set(why, MS_INVALID, "no JSON: line %d, column %d: %.128s",
                       error.line, error.column, error.text);
    if (!json_is_object(call->body))
        return why_set(why, MS_INVALID, "the JSON is no object");
    return MS_OK;
}

void
api_call_end(struct api_call *call)
{
    json_decref(call->body);
    json_decref(call->json);
    free(call->text);
    free(call->words);
    call->body = call->json = NULL;
    call->text = call->words = NULL;
}

/* ----- what was asked */

const char *
api_call_query(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->n_queries; i++) {
        if (strcmp(call->query[i].name, name) == 0)
            return call->query[i].value;
    }
    return NULL;
}

/* The decimal number TEXT; false: it is none, or over 64 bits. */
static bool
read_number(const char *text, uint64_t *out)
{
    uint64_t n = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (*text < '0' || *text > '9' || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

bool
api_call_number(struct api_call *call, const char *name, uint64_t preset,
                uint64_t least, uint64_t most, uint64_t *out)
{
    const char *text = api_call_query(call, name);
    uint64_t n;

    if (text == NULL) {
        *out = preset;
        return true;
    }
    if (!read_number(text, &n) || n < least || n > most) {
        api_problem(call, 400, "bad-request",
                    "%s must be a number from %llu to %llu", name,
                    (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *out = n;
    return true;
}

bool
api_call_when(struct api_call *call, const char *name, int64_t *out_s)
{
    const char *text = api_call_query(call, name);

    if (text == NULL || api_when_read(text, call->now.wall, false, out_s))
        return true;
    api_problem(call, 400, "bad-request",
                "%s must be a time such as 2026-11-22T14:00:00Z, a date, or "
                "how long ago it was, such as 7d or 30m",
                name);
    return false;
}

bool
api_call_cursor(struct api_call *call, size_t most,
                void (*write)(const void *list, size_t at,
                              char out[API_CURSOR]),
                const void *list, size_t *out)
{
    const char *cursor = api_call_query(call, "cursor");
    char same[API_CURSOR];
    const char *end;
    unsigned long at;

    *out = 0;
    if (cursor == NULL)
        return true;
    end = strrchr(cursor, '.');
    at = end != NULL ? strtoul(end + 1, NULL, 10) : most;
    if (at < most) {
        write(list, at, same);
        if (strcmp(same, cursor) == 0) {
            *out = at;
            return true;
        }
    }
    api_problem(call, 400, "bad-request",
                "cursor= is the `next' of an answer to the same question");
    return false;
}

bool
api_call_text(struct api_call *call, const char *key, size_t most,
              const char **out)
{
    json_t *value = json_object_get(call->body, key);

    *out = NULL;
    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_string(value)) {
        api_problem(call, 400, "bad-request", "%s must be a string", key);
        return false;
    }
    if (json_string_length(value) > most) {
        api_problem(call, 400, "bad-request", "%s is longer than %zu bytes",
                    key, most);
        return false;
    }
    *out = json_string_value(value);
    return true;
}

/* ----- answers */

void
api_ok(struct api_call *call, json_t *json)
{
    if (json == NULL) {
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    json_decref(call->json);
    call->json = json;
    call->status = 200;
    call->problem = false;
}

static const char *
title_of(const char *type)
{
    static const struct {
        const char *type, *title;
    } titles[] = {
        {"bad-request", "Bad request"},
        {"forbidden", "Not permitted"},
        {"unknown-subject", "Unknown subject"},
        {"unknown-limit", "Unknown limit"},
        {"unknown-act", "Unknown act"},
        {"unknown-code", "Unknown code"},
        {"used-code", "Code is used up"},
        {"repeat-offender", "Not for the first time"},
        {"not-found", "Not found"},
        {"conflict", "Not as things are"},
        {"method-not-allowed", "Method not allowed"},
        {"too-large", "Request too large"},
        {"uri-too-long", "URI too long"},
        {"unsupported-media-type", "Unsupported media type"},
        {"misdirected", "Asked by a name that is not this host's"},
        {"headers-too-large", "Headers too large"},
        {"store-unavailable", "Not available now"},
        {"no-memory", "No memory"},
        {"timeout", "No answer in time"},
    };

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        if (strcmp(titles[i].type, type) == 0)
            return titles[i].title;
    }
    return "Problem";
}

/* What is not printable, or no UTF-8, must not spoil the answer. */
static void
make_printable(char *text)
{
    bool utf8 = is_utf8(text);

    for (char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;

        if (c < ' ' || c == 0x7f || (c >= 0x80 && !utf8))
            *at = '?';
    }
}

void
api_problem(struct api_call *call, unsigned status, const char *type,
            const char *format, ...)
{
    char detail[DETAIL], uri[128];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    if (n < 0)
        detail[0] = '\0';
    else if ((size_t)n >= sizeof(detail))
        memcpy(detail + sizeof(detail) - 4, "...", 4);
    make_printable(detail);
    (void)snprintf(uri, sizeof(uri), "tag:mortsafe,2026:%.64s", type);
    json_decref(call->json);
    call->json = json_pack("{s:s, s:s, s:i, s:s, s:s?}", "type", uri, "title",
                           title_of(type), "status", (int)status, "detail",
                           detail, "instance", call->target);
    call->status = status;
    call->problem = true;
}

void
api_failed(struct api_call *call, enum ms_err err, const char *why)
{
    static const struct {
        unsigned status;
        const char *type, *words;
    } answers[] = {
        [MS_OK] = {503, "store-unavailable", "nothing can be said now"},
        [MS_INVALID] = {400, "bad-request", "that cannot be"},
        [MS_NOMEM] = {503, "no-memory", "there is no memory for it"},
        [MS_UNAVAIL] = {503, "store-unavailable",
                        "the store cannot be used now"},
        [MS_TIMEOUT] = {504, "timeout",
                        "the store has not answered in time; it may have "
                        "been done"},
        [MS_BUSY] = {503, "store-unavailable", "somebody else uses it now"},
        [MS_VERSION] = {503, "store-unavailable",
                        "it was written by a newer mortsafe"},
    };

    api_problem(call, answers[err].status, answers[err].type, "%s",
                why != NULL && *why != '\0' ? why : answers[err].words);
}

/* ----- turns */

enum { TURN_MS = 1000 }; /* how long a reader waits for one that comes soon */

bool
api_call_turn(struct api_call *call, enum desk_turn turn)
{
    static const char *const words[] = {
        [DESK_WALK] = "records are being looked through for somebody else",
        [DESK_SEARCH] = "the diary is being searched for others",
        [DESK_WAIT] = "too many wait at the status port already",
        [DESK_CONFIRM] = "another code is being looked at",
    };
    bool comes_soon = turn == DESK_SEARCH || turn == DESK_CONFIRM;

    if (desk_take_turn(call->desk, turn, call->peer->tcp,
                       comes_soon ? TURN_MS : 0))
        return true;
    api_problem(call, 503, "store-unavailable",
                "%s: ask again in a few seconds", words[turn]);
    return false;
}

void
api_call_turn_end(struct api_call *call, enum desk_turn turn)
{
    desk_end_turn(call->desk, turn, call->peer->tcp);
}

/* ----- rights */

static const char *
right_name(enum api_right right)
{
    switch (right) {
    case API_READ:
        return "read";
    case API_RESET:
        return "reset";
    case API_RELEASE:
        return "release";
    case API_ALL:
        return "all";
    }
    return "all";
}

/* The subject that CALL's path names, as policy would write it, whether or not
 * anything is known of it.  False: none. */
static bool
named_in_path(const struct api_call *call, struct subject *out)
{
    const struct config *config;
    struct api_find find;

    if (!call->v1 || call->n_segments < 2 ||
        strcmp(call->segment[0], "subjects") != 0)
        return false;
    config = daemon_config_get(call->desk->daemon);
    api_find_candidates(config, call->segment[1], &find);
    daemon_config_put(call->desk->daemon, config);
    if (find.n > 0)
        *out = find.subject[find.named ? find.n - 1 : 0];
    return find.n > 0;
}

/* Into the audit trail, with the subject where it is looked for by whoever must
 * forget it: not in the path, in which anything may be escaped. */
static void
audit_denied(struct api_call *call, const char *right)
{
    static const char *const methods[] = {
        [API_GET] = "GET", [API_POST] = "POST", [API_DELETE] = "DELETE"};
    const struct api_route *route = api_route_of(call);
    struct subject subject;
    bool named = named_in_path(call, &subject);

    api_audit(call, "denied", named ? &subject : NULL, false, "%s %s: needs %s",
              methods[call->method], route != NULL ? route->path : "", right);
}

bool
api_call_may(struct api_call *call, enum api_right right)
{
    const char *name = right_name(right);
    char groups[256];

    if ((call->rights & right) != 0)
        return true;
    if (call->peer->tcp)
        api_problem(call, 403, "forbidden",
                    "the status port only shows; use the Unix socket");
    else
        api_problem(call, 403, "forbidden",
                    "%s, of the groups %s, may not do this: it needs the right "
                    "`%s'; api { group NAME { may = %s } } in the "
                    "configuration gives it to a group",
                    call->peer->by,
                    peer_groups(call->peer, groups, sizeof(groups)), name,
                    name);
    if (grants_tell(call->desk->grants, call->now.mono))
        audit_denied(call, name);
    return false;
}
