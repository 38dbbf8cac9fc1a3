/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/api_bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milter/api/routes.h"
#include "milter/step.h"
#include "policy/store/memory.h"
#include "test/heard.h"
#include "test/unit.h"

/* in which %s is the path of a table of rates */
#define TEXT                                                                   \
    "mode = enforce\n"                                                         \
    "users { fold = yes  default_domain = example.org }\n"                     \
    "domains local { list = example.org }\n"                                   \
    "network office { addr = 192.0.2.0/24  relay = any }\n"                    \
    "listener submission { port = 587  auth = require  tls = allow }\n"        \
    "limit burst { off = yes }\nlimit message { off = yes }\n"                 \
    "limit user_all { off = yes }\nlimit user_bad { off = yes }\n"             \
    "limit relay { off = yes }\nlimit connect { off = yes }\n"                 \
    "limit harvest { off = yes }\n"                                            \
    "limit user { key = user  count = external  rate = 300/1h, 1000/1d\n"      \
    "  rates = texthash:%s }\n"                                                \
    "limit volume { key = user  count = bytes  rate = 20M/1d }\n"              \
    "limit box { key = user+sender  count = messages  rate = 20/1h }\n"        \
    "limit net { key = prefix  count = messages  rate = 50/1h }\n"             \
    "limit host { key = client  count = connections  rate = 30/1m }\n"         \
    "exempt news { user = news@example.org  skip = limit.user\n"               \
    "  note = \"weekly list\" }\n"                                             \
    "exempt both { user = ann@example.org  client = 192.0.2.9\n"               \
    "  skip = limits }\n"

/* ----- a store that fails when it is told to */

struct moody *
moody_of(struct store *store)
{
    return (struct moody *)store;
}

static enum ms_err
moody_submit(struct store *store, const struct charge_item *items, size_t n,
             struct store_time now, struct store_ticket **out)
{
    struct moody *m = moody_of(store);

    return m->err != MS_OK ? m->err : store_submit(m->real, items, n, now, out);
}

static enum ms_err
moody_collect(struct store *store, struct store_ticket *ticket,
              struct mono deadline, struct charge_answers *out)
{
    return store_collect(moody_of(store)->real, ticket, deadline, out);
}

static enum ms_err
moody_update(struct store *store, const struct subject *subject,
             struct store_time now,
             enum ms_err (*change)(void *arg, struct store_state *state),
             void *arg)
{
    struct moody *m = moody_of(store);

    return m->err != MS_OK ? m->err
                           : store_update(m->real, subject, now, change, arg);
}

static enum ms_err
moody_get(struct store *store, const struct subject *subject,
          struct store_time now, bool *found, struct store_record *out)
{
    struct moody *m = moody_of(store);

    return m->err != MS_OK ? m->err
                           : store_get(m->real, subject, now, found, out);
}

static enum ms_err
moody_list(struct store *store, enum subject_kind kind, struct store_time now,
           bool (*each)(void *arg, const struct store_record *record),
           void *arg)
{
    struct moody *m = moody_of(store);

    return m->err != MS_OK ? m->err : store_list(m->real, kind, now, each, arg);
}

static enum ms_err
moody_forget(struct store *store, const struct subject *subject,
             struct store_time now, bool *found)
{
    struct moody *m = moody_of(store);

    return m->err != MS_OK ? m->err
                           : store_forget(m->real, subject, now, found);
}

static enum ms_err
moody_reset(struct store *store, const struct subject *subject, uint64_t window,
            struct store_time now, bool *found)
{
    struct moody *m = moody_of(store);

    return m->err != MS_OK ? m->err
                           : store_reset(m->real, subject, window, now, found);
}

static enum ms_err
moody_standings(struct store *store, struct store_time now,
                bool (*each)(void *arg, const struct store_record *record),
                void *arg)
{
    struct moody *m = moody_of(store);

    return m->err != MS_OK ? m->err : store_standings(m->real, now, each, arg);
}

static void
moody_destroy(struct store *store)
{
    store_destroy(moody_of(store)->real);
    free(store);
}

static struct store *
moody_create(void)
{
    static const struct store_ops ops = {
        .submit = moody_submit,
        .collect = moody_collect,
        .update = moody_update,
        .get = moody_get,
        .list = moody_list,
        .standings = moody_standings,
        .forget = moody_forget,
        .reset = moody_reset,
        .destroy = moody_destroy,
    };
    struct moody *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->store.ops = &ops;
    assert_int_equal(store_memory_create(64 << 20, &m->real), MS_OK);
    return &m->store;
}

/* ----- the desk */

struct store_time
bench_now(void *arg)
{
    struct bench *b = arg;

    return (struct store_time){.mono = {(b->now_s - NOW_S + 1000000) * 1000},
                               .wall = {b->now_s}};
}

static void
bench_acts(void *arg, struct acts *acts)
{
    struct bench *b = arg;

    daemon_acts_swap(b->desk.daemon, acts);
}

static uint64_t
bench_keep_s(void *arg)
{
    (void)arg;
    return 14 * 86400;
}

static void
bench_rank(void *arg, const struct store_record *record)
{
    struct bench *b = arg;
    const struct config *config = daemon_config_get(b->desk.daemon);

    top_rank(b->desk.top, config, record);
    daemon_config_put(b->desk.daemon, config);
}

static struct config *
bench_config(struct bench *b, const char *more)
{
    static struct heard heard;
    char whole[8192];
    struct config *config = NULL;
    FILE *table;

    (void)snprintf(b->table, sizeof(b->table), "/tmp/mortsafe-api-%ld",
                   (long)getpid());
    table = fopen(b->table, "we");
    assert_non_null(table);
    (void)fputs("plan@example.org 50/1h\n", table);
    (void)fclose(table);
    (void)snprintf(whole, sizeof(whole), TEXT "%s", b->table, more);
    if (heard_load(&heard, whole, NOW_S, &config) != MS_OK)
        fail_msg("%s", heard.text);
    return config;
}

static void
bench_daemon(struct bench *b, const char *more)
{
    struct spool_target target = {.to = LOG_TO_STDERR};
    struct config *config = bench_config(b, more);
    struct store *store = moody_create();
    struct pool *steps;

    b->log = tmpfile();
    assert_non_null(b->log);
    target.fd = fileno(b->log);
    assert_int_equal(
        journal_create(&target, LOG_TEXT, 7, "mx1.example.org", &b->journal),
        MS_OK);
    assert_int_equal(pool_create(sizeof(struct step), &steps), MS_OK);
    assert_int_equal(
        daemon_create(config, store, steps, b->journal, &b->desk.daemon),
        MS_OK);
}

void
bench_clerk(struct bench *b)
{
    struct desk *desk = &b->desk;
    const struct clerk_needs needs = {
        .diary = desk->diary,
        .history = desk->history,
        .pictures = desk->pictures,
        .top = desk->top,
        .store = daemon_store(desk->daemon),
        .journal = b->journal,
        .host = desk->host,
        .acts = bench_acts,
        .keep_s = bench_keep_s,
        .rank = bench_rank,
        .now = bench_now,
        .arg = b,
    };

    assert_int_equal(clerk_create(&needs, &desk->clerk), MS_OK);
}

/* ----- those who judge and tell */

static void
bench_changed(void *arg, const struct change *change)
{
    struct bench *b = arg;
    struct change mine = *change;

    clerk_share_change(b->desk.clerk, &mine);
    notice_change(b->desk.notice, &mine);
}

static void
bench_held(void *arg, const struct held *held)
{
    struct bench *b = arg;

    clerk_share_held(b->desk.clerk, held);
}

static void
bench_detect(struct bench *b)
{
    struct desk *desk = &b->desk;
    const struct detect_needs detect = {
        .daemon = desk->daemon,
        .store = daemon_store(desk->daemon),
        .diary = desk->diary,
        .host = desk->host,
        .hashes = &b->hashes,
        .changed = bench_changed,
        .held = bench_held,
        .now = bench_now,
        .arg = b,
    };
    const struct notice_needs notice = {
        .daemon = desk->daemon,
        .diary = desk->diary,
        .host = desk->host,
        .now = bench_now,
        .arg = b,
    };

    assert_int_equal(detect_create(&detect, &desk->detect), MS_OK);
    assert_int_equal(notice_create(&notice, &desk->notice), MS_OK);
}

int
bench_set_up(void **state)
{
    return bench_set_up_as(state, "");
}

int
bench_set_up_as(void **state, const char *more)
{
    static const uint8_t key[ALIAS_KEY] = {1, 2, 3};
    struct bench *b = calloc(1, sizeof(*b));
    struct desk *desk = &b->desk;
    struct why why;

    b->now_s = NOW_S;
    b->peer.uid = 1000;
    b->rights = API_READ | API_RESET | API_RELEASE | API_ALL;
    (void)snprintf(b->peer.by, sizeof(b->peer.by), "ann (uid 1000)");
    desk->host = "mx1.example.org";
    desk->path = "t";
    desk->type = STORE_MEMORY;
    desk->now = bench_now;
    desk->arg = b;
    bench_daemon(b, more);
    assert_int_equal(
        diary_open(NULL, (struct wall){NOW_S}, NULL, NULL, &desk->diary, &why),
        MS_OK);
    assert_int_equal(history_create(&desk->history), MS_OK);
    assert_int_equal(pictures_create(1000, &desk->pictures), MS_OK);
    assert_int_equal(top_create(&desk->top), MS_OK);
    assert_int_equal(sights_create((struct wall){NOW_S}, &desk->sights), MS_OK);
    assert_int_equal(alias_create(key, &desk->alias), MS_OK);
    assert_int_equal(grants_create(&desk->grants), MS_OK);
    assert_int_equal(desk_turns_create(&desk->turns), MS_OK);
    bench_clerk(b);
    bench_detect(b);
    *state = b;
    return 0;
}

int
bench_tear_down(void **state)
{
    struct bench *b = *state;
    struct desk *desk = &b->desk;

    json_decref(b->answer);
    free(b->text);
    notice_destroy(desk->notice);
    detect_destroy(desk->detect);
    clerk_destroy(desk->clerk);
    desk_turns_destroy(desk->turns);
    grants_destroy(desk->grants);
    alias_destroy(desk->alias);
    sights_destroy(desk->sights);
    top_destroy(desk->top);
    pictures_destroy(desk->pictures);
    history_destroy(desk->history);
    diary_close(desk->diary);
    daemon_destroy(desk->daemon);
    journal_destroy(b->journal);
    (void)fclose(b->log);
    (void)remove(b->table);
    free(b);
    return 0;
}

/* ----- asking */

json_t *
bench_ask(struct bench *b, enum api_method method, const char *target,
          const char *body)
{
    struct api_call call = {.desk = &b->desk,
                            .peer = &b->peer,
                            .now = bench_now(b),
                            .method = method,
                            .rights = b->rights};
    const struct api_route *route;
    struct why why = {.text = ""};

    json_decref(b->answer);
    b->answer = NULL;
    free(b->text);
    b->text = NULL;
    if (api_call_target(&call, target, &why) != MS_OK)
        fail_msg("%s: %s", target, why.text);
    if (method != API_GET &&
        api_call_body(&call, body, strlen(body), &why) != MS_OK)
        fail_msg("%s: %s", body, why.text);
    route = api_route_of(&call);
    if (route == NULL)
        fail_msg("%s: no such route", target);
    route->handle(&call);
    b->answer = json_incref(call.json);
    b->status = call.status;
    b->text = call.text;
    call.text = NULL;
    api_call_end(&call);
    return b->answer;
}

json_t *
bench_get(struct bench *b, const char *target)
{
    return bench_ask(b, API_GET, target, "");
}

/* What stands at PATH ("limits.0.used") of JSON; NULL: nothing. */
json_t *
bench_at(json_t *json, const char *path)
{
    while (json != NULL && *path != '\0') {
        char word[64];
        size_t len = strcspn(path, ".");

        (void)snprintf(word, sizeof(word), "%.*s", (int)len, path);
        json = json_is_array(json)
                   ? json_array_get(json, (size_t)strtoul(word, NULL, 10))
                   : json_object_get(json, word);
        path += len + (path[len] == '.');
    }
    return json;
}

const char *
bench_string(json_t *json, const char *path)
{
    const char *string = json_string_value(bench_at(json, path));

    return string != NULL ? string : "(none)";
}

long
bench_number(json_t *json, const char *path)
{
    json_t *number = bench_at(json, path);

    return json_is_integer(number) ? (long)json_integer_value(number) : -1;
}

size_t
bench_size(json_t *json, const char *path)
{
    return json_array_size(bench_at(json, path));
}

struct subject
bench_subject(const char *id)
{
    struct subject subject;

    assert_int_equal(subject_parse(id, &subject, NULL), MS_OK);
    return subject;
}
