/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/api_bench.h - a desk made by hand, to ask the API's handlers at: a
 * memory store that fails when it is told to, a diary in memory, a clock that
 * stands.
 */
#ifndef MORTSAFE_TEST_API_BENCH_H
#define MORTSAFE_TEST_API_BENCH_H

#include <stdio.h>

#include "milter/api/call.h"
#include "policy/store/store.h"

enum { NOW_S = 1795357072 }; /* 2026-11-22T14:17:52Z */

/* A store above REAL. */
struct moody {
    struct store store; /* first, so that one is the other */
    struct store *real;
    enum ms_err err; /* what it fails with; MS_OK: it does not */
};
struct moody *moody_of(struct store *store);

struct bench {
    char table[64];
    FILE *log;
    struct journal *journal;
    struct desk desk;
    struct hashes hashes;
    struct peer peer;
    int64_t now_s;

    unsigned rights; /* of whoever asks */
    unsigned status; /* of the last answer */
    json_t *answer;
    char *text; /* the same, of one that is no JSON */
};

/* As cmocka has them, with a few limits; the same with MORE in the
 * configuration. */
int bench_set_up(void **state);
int bench_set_up_as(void **state, const char *more);
int bench_tear_down(void **state);

struct store_time bench_now(void *arg);
/* Give the desk a clerk, which reads the diary. */
void bench_clerk(struct bench *b);

/* What is answered, which is b->answer until the next. */
json_t *bench_ask(struct bench *b, enum api_method method, const char *target,
                  const char *body);
json_t *bench_get(struct bench *b, const char *target);

/* What stands at PATH ("limits.0.used") of JSON; NULL: nothing. */
json_t *bench_at(json_t *json, const char *path);
const char *bench_string(json_t *json, const char *path); /* "(none)" */
long bench_number(json_t *json, const char *path);        /* -1: none */
size_t bench_size(json_t *json, const char *path);

/* That is printed so. */
struct subject bench_subject(const char *id);

#endif
