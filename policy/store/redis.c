/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/redis.c - the store that a fleet shares, put together: steps in
 * redis/ticket.c and redis/settle.c, records in redis/record.c, what is done
 * beside them in redis/keeper.c.
 */
#include <config.h>

#include "policy/store/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "policy/store/redis/core.h"
#include "policy/store/redis/drain.h"
#include "policy/store/redis/keeper.h"
#include "policy/store/redis/record.h"
#include "policy/store/redis/settle.h"
#include "policy/store/redis/ticket.h"

enum {
    LAST_DELTAS_MS = 500, /* for counts that wait, at the end */
    PROBE_SPAN_S = 12
};

static struct redis *
of(struct store *store)
{
    return (struct redis *)store;
}

/* ----- the function table */

static enum ms_err
redis_submit(struct store *store, const struct charge_item *items, size_t n,
             struct store_time now, struct store_ticket **out)
{
    return redis_ticket_submit(of(store), items, n, now, out);
}

static enum ms_err
redis_collect(struct store *store, struct store_ticket *ticket,
              struct mono deadline, struct charge_answers *out)
{
    (void)store;
    return redis_ticket_collect(ticket, deadline, out);
}

static void
redis_drop(struct store *store, struct store_ticket *ticket)
{
    (void)store;
    redis_ticket_drop(ticket);
}

static void
redis_refund(struct store *store, const struct receipt *receipts, size_t n,
             struct store_time now)
{
    redis_settle_refund(of(store), receipts, n, now);
}

static enum ms_err
redis_update(struct store *store, const struct subject *subject,
             struct store_time now,
             enum ms_err (*change)(void *, struct store_state *), void *arg)
{
    return redis_record_update(of(store), subject, now, change, arg);
}

static enum ms_err
redis_get(struct store *store, const struct subject *subject,
          struct store_time now, bool *found, struct store_record *out)
{
    return redis_record_get(of(store), subject, now, found, out);
}

static enum ms_err
redis_list(struct store *store, enum subject_kind kind, struct store_time now,
           bool (*each)(void *, const struct store_record *), void *arg)
{
    return redis_record_list(of(store), kind, now, each, arg);
}

static enum ms_err
redis_standings(struct store *store, struct store_time now,
                bool (*each)(void *, const struct store_record *), void *arg)
{
    return redis_record_standings(of(store), now, each, arg);
}

static void
redis_keep(struct store *store, uint32_t keep_s)
{
    atomic_store(&of(store)->keep_s, keep_s);
}

static enum ms_err
redis_forget(struct store *store, const struct subject *subject,
             struct store_time now, bool *found)
{
    return redis_record_forget(of(store), subject, now, found);
}

static enum ms_err
redis_reset(struct store *store, const struct subject *subject, uint64_t window,
            struct store_time now, bool *found)
{
    return redis_record_reset(of(store), subject, window, now, found);
}

static enum ms_err
redis_put(struct store *store, const struct store_record *record,
          struct store_time now)
{
    return redis_record_put(of(store), record, now);
}

/* The shadow's, and beside them what is shared. */
static void
redis_stats(struct store *store, struct store_stats *out)
{
    struct redis *r = of(store);
    struct store_shared *shared = &out->shared;

    store_stats(r->shadow, out);
    memset(shared, 0, sizeof(*shared));
    redis_nodes_stats(r->nodes, shared);
    fleet_stats(r->fleet, shared);
    shared->hosts = fleet_hosts(r->fleet, redis_core_now(r).mono);
    shared->waits = r->waits;
    shared->local = r->local;
    shared->deltas = deltas_waiting(r->deltas);
    shared->foreign = r->foreign;
    pthread_mutex_lock(&r->lock);
    shared->local_now = shared->degraded ? shared->local - r->local_at : 0;
    pthread_mutex_unlock(&r->lock);
}

static enum ms_err
redis_flush(struct store *store, struct store_time now, struct why *why)
{
    return store_flush(of(store)->shadow, now, why);
}

/* Free what there is of R; the shadow is its owner's. */
static void
redis_end(struct redis *r)
{
    r->admitted = false;
    if (r->nodes != NULL)
        redis_nodes_destroy(r->nodes);
    redis_keeper_destroy(r->keeper);
    known_destroy(r->known);
    fleet_destroy(r->fleet);
    deltas_destroy(r->deltas);
    for (size_t i = 0; i < r->n_rooms; i++)
        script_room_destroy(r->room[i]);
    script_room_destroy(r->probe.room);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void
redis_destroy(struct store *store)
{
    struct redis *r = of(store);
    struct store *shadow = r->shadow;
    struct mono until = redis_core_now(r).mono;

    until.ms += LAST_DELTAS_MS;
    redis_keeper_stop(r->keeper);
    redis_drain_all(r, until);
    redis_end(r);
    store_destroy(shadow);
}

static const struct store_ops redis_ops = {
    .submit = redis_submit,
    .collect = redis_collect,
    .drop = redis_drop,
    .refund = redis_refund,
    .update = redis_update,
    .get = redis_get,
    .list = redis_list,
    .standings = redis_standings,
    .forget = redis_forget,
    .reset = redis_reset,
    .put = redis_put,
    .keep = redis_keep,
    .stats = redis_stats,
    .flush = redis_flush,
    .destroy = redis_destroy,
};

/* ----- probes: what is done all day, on a key of this host's own */

static void
probe(void *arg, const char *tag, struct codec_command *out, size_t *script)
{
    struct redis *r = arg;
    struct redis_probe *p = &r->probe;

    *script = SCRIPT_CHARGE;
    out->n = 0;
    (void)snprintf(p->key, sizeof(p->key), "%s:{%.*s}:%s", r->prefix,
                   (int)SCRIPT_PREFIX, tag, p->host);
    if (script_ask_charge(&p->charge, p->room, out) != MS_OK)
        return;
    out->arg[1] = p->key; /* behind the number of keys */
    out->len[1] = strlen(p->key);
}

static bool
probe_is_good(void *arg, const struct reply *reply)
{
    const struct redis *r = arg;
    struct script_answer answer;

    return script_read_charge(&r->probe.charge, reply, &answer) == MS_OK &&
           answer.answers.item[0].receipt.n > 0;
}

static enum ms_err
make_probe(struct redis *r, const uint8_t host[8])
{
    struct redis_probe *p = &r->probe;

    for (size_t i = 0; i < 8; i++)
        (void)snprintf(p->host + 2 * i, 3, "%02x", host[i]);
    p->item = (struct charge_item){
        .window = 1, .span_s = PROBE_SPAN_S, .n = 1, .kind = CHARGE_NOTE};
    p->charge = (struct script_charge){.prefix = r->prefix,
                                       .subjects = &p->subject,
                                       .n_subjects = 1,
                                       .items = &p->item,
                                       .of = &p->of,
                                       .n = 1,
                                       .form = 1,
                                       .reads = r->form};
    return script_room_create(&p->room);
}

/* ----- events */

static struct redis_server *
server_of(struct redis *r, const char *node)
{
    for (size_t i = 0; i < STORE_NODES; i++) {
        struct redis_server *server = &r->server[i];

        if (server->name[0] == '\0')
            (void)snprintf(server->name, sizeof(server->name), "%s", node);
        if (strncmp(server->name, node, sizeof(server->name) - 1) == 0)
            return server;
    }
    return NULL;
}

/* Note that NODE has gone or come; how many decisions were made without it.
 * False: that it has gone was never told. */
static bool
note_change(struct redis *r, const char *node, bool up, bool degraded,
            uint64_t *meanwhile)
{
    struct redis_server *server;
    bool was_away = false;

    pthread_mutex_lock(&r->lock);
    /* none were made while all were there */
    if (!degraded)
        r->local_at = r->local;
    server = server_of(r, node);
    if (server != NULL) {
        was_away = server->away;
        server->away = !up;
        *meanwhile = r->local - server->local_at;
        if (up)
            server->local_at = r->local;
    }
    pthread_mutex_unlock(&r->lock);
    return was_away;
}

static void
node_changed(void *arg, const char *node, bool up, bool degraded,
             const struct why *why)
{
    struct redis *r = arg;
    uint64_t meanwhile = 0;
    bool was_away = note_change(r, node, up, degraded, &meanwhile);
    struct why text;

    if (up)
        redis_keeper_returned(r->keeper);
    if (r->foreign || was_away != up || r->events.tell == NULL)
        return; /* it has been told, or there is nothing to tell */
    if (up)
        why_set(&text, MS_OK,
                "%s answers again; %llu decisions were made without it", node,
                (unsigned long long)meanwhile);
    else
        why_set(&text, MS_UNAVAIL,
                "%s does not answer (%s); limits are decided from this host's "
                "counts, 1/%u of each",
                node, why != NULL ? why->text : "",
                fleet_hosts(r->fleet, redis_core_now(r).mono));
    r->events.tell(r->events.arg, up ? MS_OK : MS_UNAVAIL, text.text);
}

static void
news_came(void *arg, const char *text, size_t len)
{
    struct redis *r = arg;

    redis_keeper_news(r->keeper, text, len);
}

static void
news_missed(void *arg)
{
    struct redis *r = arg;

    redis_keeper_missed(r->keeper);
    if (r->changed != NULL)
        r->changed(r->arg, NULL);
}

/* ----- making it */

static enum ms_err
copy_names(struct redis *r, const char *prefix)
{
    const size_t len = strlen(prefix);

    if (len == 0 || len >= sizeof(r->prefix))
        return MS_INVALID;
    (void)snprintf(r->prefix, sizeof(r->prefix), "%s", prefix);
    (void)snprintf(r->channel, sizeof(r->channel), "%s:news", prefix);
    (void)snprintf(r->index, sizeof(r->index), "%s:{q}", prefix);
    (void)snprintf(r->fleet_key, sizeof(r->fleet_key), "%s:{fleet}", prefix);
    return MS_OK;
}

static enum ms_err
make_parts(struct redis *r, const struct redis_needs *needs)
{
    uint8_t host[8];
    enum ms_err err;

    randombytes_buf(host, sizeof(host)); /* of this run */
    err = deltas_create(host, (size_t)needs->memory, &r->deltas);
    if (err == MS_OK)
        err = fleet_create(needs->hosts_file, needs->hosts, &r->fleet);
    if (err == MS_OK)
        err = known_create(&r->known);
    if (err == MS_OK)
        err = redis_keeper_create(r, &r->keeper);
    if (err == MS_OK)
        err = make_probe(r, host);
    return err;
}

/* One of the shadow's records. */
static bool
learn(void *arg, const struct store_record *record)
{
    struct redis *r = arg;
    uint8_t hash[SITEKEY_HASH];

    if (record->state.standing == STANDING_NORMAL)
        return true;
    sitekey_hash(r->key, &record->subject, hash);
    known_set(r->known, hash, &record->subject, record->state.standing, 0);
    return true;
}

/* Who did not stand normal when this host was stopped. */
static enum ms_err
learn_shadow(struct redis *r)
{
    enum ms_err err = MS_OK;

    for (unsigned kind = 0; kind < SUBJECT_KINDS && err == MS_OK; kind++)
        err = store_list(r->shadow, (enum subject_kind)kind, redis_core_time(r),
                         learn, r);
    return err;
}

static enum ms_err
make_nodes(struct redis *r, const struct redis_needs *needs, struct why *why)
{
    const struct redis_nodes_needs nodes = {.where = needs->where,
                                            .scripts = script_lua,
                                            .n_scripts = SCRIPTS,
                                            .clock = needs->clock,
                                            .probe = probe,
                                            .probe_is_good = probe_is_good,
                                            .changed = node_changed,
                                            .arg = r};
    enum ms_err err = redis_nodes_create(&nodes, &r->nodes, why);

    if (err == MS_OK)
        err = redis_nodes_subscribe(r->nodes, r->channel, news_came,
                                    news_missed, r);
    return err;
}

static struct redis *
begin(const struct redis_needs *needs)
{
    struct redis *r = calloc(1, sizeof(*r));

    if (r == NULL)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    r->store.ops = &redis_ops;
    r->one_node = needs->where->layout != REDIS_CLUSTER;
    r->handed_clock = needs->handed_clock;
    r->form = needs->form > 0 ? needs->form : SCRIPT_FORM;
    r->keep_s = needs->keep_s;
    r->key = needs->key;
    r->clock = needs->clock;
    r->events = needs->events;
    r->describe = needs->describe;
    r->changed = needs->changed;
    r->board = needs->board;
    r->arg = needs->arg;
    r->shadow = needs->shadow;
    r->offset_ms = REDIS_CORE_NO_OFFSET;
    return r;
}

enum ms_err
store_redis_create(const struct redis_needs *needs, struct store **out,
                   struct why *why)
{
    struct redis *r;
    enum ms_err err;

    if (sodium_init() < 0)
        return why_set(why, MS_NOMEM, "libsodium cannot be used");
    r = begin(needs);
    if (r == NULL)
        return why_set(why, MS_NOMEM, "no memory for the store");
    err = copy_names(r, needs->prefix);
    if (err != MS_OK)
        why_set(why, err, "a store's prefix has 1 to %d characters",
                SCRIPT_PREFIX - 1);
    if (err == MS_OK)
        err = make_parts(r, needs);
    if (err == MS_OK)
        err = learn_shadow(r);
    if (err == MS_OK)
        err = make_nodes(r, needs, why);
    if (err == MS_OK)
        err = redis_keeper_start(r->keeper);
    if (err != MS_OK) {
        redis_end(r);
        return err == MS_NOMEM ? why_set(why, err, "no memory for the store")
                               : err;
    }
    *out = &r->store;
    return MS_OK;
}

struct store *
store_redis_shadow(struct store *store)
{
    return of(store)->shadow;
}

bool
store_redis_wait_up(struct store *store, struct mono deadline)
{
    struct redis *r = of(store);
    bool before = r->admitted;

    while (redis_nodes_wait_up(r->nodes, deadline) &&
           redis_core_now(r).mono.ms < deadline.ms && !r->foreign) {
        if (!redis_keeper_beat(r->keeper))
            continue;
        if (before)
            return true;
        before = true; /* once more, to catch up with what is there */
    }
    return false;
}

void
store_redis_beat(struct store *store)
{
    (void)redis_keeper_beat(of(store)->keeper);
}
