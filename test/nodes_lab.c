/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/nodes_lab.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/unit.h"

static struct store_time
clock_now(void *arg)
{
    struct timespec now;

    (void)arg;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (struct store_time){
        .mono = {(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000},
        .wall = {1700000000},
    };
}

int64_t
now_ms(void)
{
    return clock_now(NULL).mono.ms;
}

void
pause_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

/* ----- the lab */

static const char add[] = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

static void
probe(void *arg, const char *tag, struct codec_command *out, size_t *script)
{
    struct lab *lab = arg;

    (void)snprintf(lab->probe_key, sizeof(lab->probe_key), "probe:{%s}", tag);
    codec_word(out, "1");
    codec_word(out, lab->probe_key);
    codec_word(out, "0");
    *script = 0;
}

static bool
probe_is_good(void *arg, const struct reply *reply)
{
    (void)arg;
    return reply->type == REPLY_INTEGER;
}

static void
changed(void *arg, const char *node, bool up, bool degraded,
        const struct why *why)
{
    struct lab *lab = arg;

    (void)pthread_mutex_lock(&lab->lock);
    assert_true(node[0] != '\0');
    lab->ups += up;
    lab->downs += !up;
    lab->degraded = degraded;
    if (!up)
        (void)snprintf(lab->trouble, sizeof(lab->trouble), "%s", why->text);
    (void)pthread_mutex_unlock(&lab->lock);
}

static struct redis_nodes_needs
needs_of(struct lab *lab, const struct redis_where *where)
{
    static const struct redis_lua scripts[] = {{"add", add, sizeof(add) - 1}};

    return (struct redis_nodes_needs){
        .where = where,
        .scripts = scripts,
        .n_scripts = ROWS(scripts),
        .clock = {.now = clock_now},
        .probe = probe,
        .probe_is_good = probe_is_good,
        .changed = changed,
        .arg = lab,
    };
}

void
lab_again(struct lab *lab)
{
    struct redis_nodes_needs needs;
    struct redis_where where;
    struct why why;

    redis_nodes_destroy(lab->nodes);
    lab->ups = lab->downs = 0;
    farm_where(lab->farm, &where);
    (void)snprintf(where.user, sizeof(where.user), "%s",
                   lab->user != NULL ? lab->user : "");
    where.password = lab->password;
    where.sentinel_password = lab->sentinel_password;
    needs = needs_of(lab, &where);
    assert_int_equal(redis_nodes_create(&needs, &lab->nodes, &why), MS_OK);
}

struct lab *
lab_begin(enum farm_layout layout)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    assert_non_null(lab);
    (void)pthread_mutex_init(&lab->lock, NULL);
    lab->farm = farm_start(layout);
    lab_again(lab);
    assert_true(
        redis_nodes_wait_up(lab->nodes, (struct mono){now_ms() + 5000}));
    return lab;
}

void
lab_end(struct lab *lab)
{
    redis_nodes_destroy(lab->nodes);
    farm_stop(lab->farm);
    (void)pthread_mutex_destroy(&lab->lock);
    free(lab);
}

enum ms_err
begin(struct lab *lab, const char *key, const char *n, struct redis_call **out)
{
    struct codec_command args = {0};

    codec_word(&args, "1");
    codec_word(&args, key);
    codec_word(&args, n);
    return redis_nodes_call(lab->nodes, key, strlen(key), 0, &args, out);
}

struct outcome
count(struct lab *lab, const char *key, const char *n)
{
    struct outcome out = {.value = -1};
    int64_t start = now_ms();
    struct redis_call *call;
    struct reply *reply;
    bool waited;

    out.err = begin(lab, key, n, &call);
    if (out.err == MS_OK)
        out.err = redis_call_wait(call, (struct mono){start + 5000}, &reply,
                                  &waited, &out.unknown);
    out.took_ms = now_ms() - start;
    if (out.err != MS_OK)
        return out;
    if (reply->type == REPLY_INTEGER)
        out.value = reply->integer;
    else if (reply->type == REPLY_ERROR)
        (void)snprintf(out.error, sizeof(out.error), "%s", reply->text);
    reply_destroy(reply);
    return out;
}

int64_t
recovery(struct lab *lab, const char *key, int64_t most)
{
    int64_t start = now_ms();

    while (count(lab, key, "0").err != MS_OK) {
        if (now_ms() - start > most)
            fail_msg("no recovery in %d ms: %s", (int)most, lab->trouble);
        pause_ms(5);
    }
    return now_ms() - start;
}

void
await_told(struct lab *lab, unsigned ups, unsigned downs)
{
    int64_t until = now_ms() + 5000;
    bool told;

    do {
        (void)pthread_mutex_lock(&lab->lock);
        told = lab->ups == ups && lab->downs == downs;
        (void)pthread_mutex_unlock(&lab->lock);
        if (told)
            return;
        pause_ms(5);
    } while (now_ms() < until);
    fail_msg("told of %u up and %u down, not %u and %u; %s", lab->ups,
             lab->downs, ups, downs, lab->trouble);
}

const struct store_shared *
stats_of(struct lab *lab)
{
    redis_nodes_stats(lab->nodes, &lab->stats);
    return &lab->stats;
}

void
hear(void *arg, enum ms_err err, const struct reply *reply)
{
    struct heard *heard = arg;

    (void)pthread_mutex_lock(&heard->lock);
    heard->n++;
    heard->good += err == MS_OK;
    heard->err = err;
    if (err == MS_OK && reply->type == REPLY_INTEGER)
        heard->value += reply->integer;
    (void)pthread_mutex_unlock(&heard->lock);
}

void
await_heard(struct heard *heard, unsigned n)
{
    int64_t until = now_ms() + 3000;

    for (;; pause_ms(2)) {
        bool done;

        (void)pthread_mutex_lock(&heard->lock);
        done = heard->n == n;
        (void)pthread_mutex_unlock(&heard->lock);
        if (done)
            return;
        if (now_ms() > until)
            fail_msg("heard %u times, not %u", heard->n, n);
    }
}

void
take_message(void *arg, const char *text, size_t len)
{
    struct lab *lab = arg;

    (void)pthread_mutex_lock(&lab->lock);
    lab->messages++;
    (void)snprintf(lab->message, sizeof(lab->message), "%.*s", (int)len, text);
    (void)pthread_mutex_unlock(&lab->lock);
}

void
take_loss(void *arg)
{
    struct lab *lab = arg;

    (void)pthread_mutex_lock(&lab->lock);
    lab->losses++;
    (void)pthread_mutex_unlock(&lab->lock);
}

void
await_number(struct lab *lab, const unsigned *number, unsigned least)
{
    int64_t until = now_ms() + 5000;

    for (;; pause_ms(5)) {
        bool there;

        (void)pthread_mutex_lock(&lab->lock);
        there = *number >= least;
        (void)pthread_mutex_unlock(&lab->lock);
        if (there)
            return;
        if (now_ms() > until)
            fail_msg("it is %u, not %u", *number, least);
    }
}

bool
told_of(struct lab *lab, const char *word)
{
    bool told;

    (void)pthread_mutex_lock(&lab->lock);
    told = strstr(lab->trouble, word) != NULL;
    (void)pthread_mutex_unlock(&lab->lock);
    return told;
}
