/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/call.h - one request as its handler sees it: parsed, allowed,
 * not yet answered.  A handler runs in a thread of its connection, may wait
 * for the store, and answers once.
 */
#ifndef MORTSAFE_MILTER_API_CALL_H
#define MORTSAFE_MILTER_API_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "milter/api/desk.h"
#include "milter/api/peer.h"

enum api_method { API_GET, API_POST, API_DELETE };

enum {
    API_SEGMENTS = 8,
    API_BODY = 65536,
    API_DEPTH = 16, /* of arrays and objects in a body */
    API_QUERIES = 32,
    API_TARGET = 4096 /* bytes of path and query, as they came */
};

struct api_query {
    char *name, *value;
};

struct api_call {
    struct desk *desk;
    const struct peer *peer;
    struct store_time now;
    enum api_method method;
    /* The path behind "/v1/", decoded by segment: {"subjects", "user:ann",
     * "reset"}; of a page behind "/". */
    size_t n_segments;
    char *segment[API_SEGMENTS];
    size_t n_queries;
    struct api_query query[API_QUERIES];
    json_t *body;       /* of POST: an object; else NULL */
    unsigned rights;    /* of the peer: bits of enum api_right */
    bool v1;            /* the path begins with "/v1/" */
    const char *target; /* as it came, printable ASCII; borrowed; NULL: not fit
                           to be shown */
    char *words;        /* what SEGMENT and QUERY point to; owned */

    /* The answer: one of the two. */
    json_t *json; /* owned */
    char *text;   /* owned, malloc(); with TYPE */
    size_t text_len;
    const char *type;
    unsigned refresh_s; /* a browser should ask again then; 0: no */
    unsigned status;    /* 0: not answered yet */
    bool problem;       /* JSON is a problem document */
};

/*
 * Take path and query of TARGET, as it came in the request's first line, into
 * CALL.  A `+' is a `+' in the query, too.  MS_INVALID: no path, an escape that
 * is none, a byte that must be escaped, control bytes, bytes that are no UTF-8,
 * empty segments, `.' and `..', a parameter twice, too much of something; WHY
 * tells.  MS_NOMEM.
 */
enum ms_err api_call_target(struct api_call *call, const char *target,
                            struct why *why);

/* Take the body of a POST: LEN bytes, none being {}.  MS_INVALID; WHY. */
enum ms_err api_call_body(struct api_call *call, const char *bytes, size_t len,
                          struct why *why);

/* Free what CALL owns, not itself. */
void api_call_end(struct api_call *call);

/* May the peer do what needs RIGHT?  False: 403 has been answered, which says
 * what is missing, and it stands in the audit trail. */
bool api_call_may(struct api_call *call, enum api_right right);

/* Take a turn at what costs much (desk.h), to be ended.  False: others have it;
 * 503 has been answered. */
bool api_call_turn(struct api_call *call, enum desk_turn turn);
void api_call_turn_end(struct api_call *call, enum desk_turn turn);

/* The value of query parameter NAME (""  if it has none); NULL: not given. */
const char *api_call_query(const struct api_call *call, const char *name);

/*
 * The number in query NAME, PRESET if it is not given.  False: it is none, or
 * not from LEAST to MOST, and the problem has been answered.
 */
bool api_call_number(struct api_call *call, const char *name, uint64_t preset,
                     uint64_t least, uint64_t most, uint64_t *out);

/* The time in query NAME: RFC 3339, a date, or how long ago ("7d", "30m");
 * *OUT is left alone if it is not given.  False: answered. */
bool api_call_when(struct api_call *call, const char *name, int64_t *out_s);

/*
 * The position in query "cursor", below MOST (0: not given): what WRITE(LIST,
 * position) has put out for the same question.  False: it is another's, and the
 * problem has been answered.
 */
enum { API_CURSOR = 64 };
bool api_call_cursor(struct api_call *call, size_t most,
                     void (*write)(const void *list, size_t at,
                                   char out[API_CURSOR]),
                     const void *list, size_t *out);

/* The string KEY of the body (NULL: not there, or null).  False: it is
 * something else, or longer than MOST bytes; answered. */
bool api_call_text(struct api_call *call, const char *key, size_t most,
                   const char **out);

/* Answer 200 with JSON (moved; NULL: there was no memory, 503). */
void api_ok(struct api_call *call, json_t *json);

/* Answer with a problem document (RFC 9457): STATUS, TYPE ("unknown-subject":
 * the last part of its type URI), and a detail as printf does. */
void api_problem(struct api_call *call, unsigned status, const char *type,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Answer that ERR has come, WHY being told (NULL: in general words). */
void api_failed(struct api_call *call, enum ms_err err, const char *why);

/* "2026-11-22T14:17:52Z" or null. */
json_t *api_time(int64_t s);

/* Read a time as api_call_when() does, at NOW; FUTURE: a span is from now on,
 * and a date ends that day.  False: it is none. */
bool api_when_read(const char *text, struct wall now, bool future,
                   int64_t *out_s);

#endif
