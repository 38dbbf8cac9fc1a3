/* SPDX-License-Identifier: BSD-2-Clause */
/* milter/api/status.c - "how are we", in one answer. */
#include <config.h>

#include "milter/api/handlers.h"
#include "milter/api/health.h"
#include "milter/api/json.h"
#include "milter/status.h"
#include "policy/acts.h"

#include <string.h>
#include <unistd.h>

/* What the parts of the answer are made from; all borrowed. */
struct view {
    struct desk *desk;
    struct store_time now;
    const struct config *config;
    struct store_host self;
    struct store_stats store;
    struct daemon_counts counts;
    enum mode mode;
    const struct act *by; /* whose mode it is; NULL: the configuration's */
};

/* The wall clock when it was SINCE. */
static json_t *
time_of(const struct view *v, struct mono since)
{
    int64_t ago_ms = v->now.mono.ms - since.ms;

    return api_time(v->now.wall.s - (ago_ms > 0 ? ago_ms : 0) / 1000);
}

static json_t *
config_json(const struct view *v)
{
    uint64_t ok = 0, failed = 0;
    int64_t last_s = 0;
    bool last_ok = true;

    metrics_reloads(v->desk->metrics, &ok, &failed, &last_s, &last_ok);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "path",
                     api_text(v->desk->path), "hash", api_text(v->self.config),
                     "loaded", api_time(self_loaded_s(v->desk->self)),
                     "reloads", api_number(ok), "reloads_failed",
                     api_number(failed), "last_ok", last_s == 0 || last_ok);
}

static json_t *
sessions_json(const struct view *v)
{
    const struct daemon_counts *c = &v->counts;

    return json_pack("{s:o, s:o, s:o, s:o}", "open", api_number(c->sessions),
                     "all", api_number(c->sessions_all), "limit",
                     api_number(v->config->sessions), "capped",
                     api_number(c->capped));
}

static json_t *
callbacks_json(const struct view *v)
{
    return json_pack("{s:o, s:o}", "running", api_number(v->counts.running),
                     "finished", api_number(v->counts.finished));
}

static json_t *
messages_json(const struct view *v)
{
    const struct daemon_counts *c = &v->counts;

    return json_pack("{s:o, s:o, s:o, s:o}", "accepted",
                     api_number(c->accepted), "waits", api_number(c->waits),
                     "waits_max", api_number(c->waits_max), "local",
                     api_number(c->local));
}

static json_t *
decisions_json(const struct view *v)
{
    const struct daemon_counts *c = &v->counts;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "deferred",
                     api_number(c->done[VERDICT_DEFER]), "rejected",
                     api_number(c->done[VERDICT_REJECT]), "held",
                     api_number(c->done[VERDICT_HOLD]), "would_defer",
                     api_number(c->would[VERDICT_DEFER]), "would_reject",
                     api_number(c->would[VERDICT_REJECT]), "would_hold",
                     api_number(c->would[VERDICT_HOLD]), "errors",
                     api_number(c->errors));
}

static json_t *
subjects_json(const struct view *v)
{
    json_t *json = json_object();

    for (unsigned kind = 0; kind < SUBJECT_KINDS && json != NULL; kind++) {
        if (json_object_set_new(json, subject_kind_name(kind),
                                api_number(v->store.subjects[kind])) != 0) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}

static json_t *
store_json(const struct view *v)
{
    const struct store_stats *s = &v->store;

    return json_pack(
        "{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "type",
        status_store_type(v->desk->type), "shared", v->desk->shared != NULL,
        "subjects", subjects_json(v), "bytes", api_number(s->bytes), "evicted",
        api_number(s->evicted), "overflowed", api_number(s->overflowed),
        "dirty", api_number(s->dirty), "saves", api_number(s->saves),
        "save_errors", api_number(s->save_errors), "trouble",
        api_text(s->saving_failed ? s->trouble : NULL));
}

/* ----- the fleet */

static json_t *
node_json(const struct view *v, const struct store_node *node)
{
    return json_pack(
        "{s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "name", api_text(node->name),
        "up", node->up, "since", time_of(v, node->since), "commands",
        api_number(node->commands), "errors", api_number(node->errors),
        "in_flight", api_number(node->in_flight), "trouble",
        api_text(node->trouble[0] != '\0' ? node->trouble : NULL));
}

static json_t *
member_json(const struct view *v, const struct store_host *host)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:I, s:b}", "name",
                     api_text(host->name), "version", api_text(host->version),
                     "config", api_text(host->config), "mode",
                     api_text(host->mode), "form", (int)host->form, "seen_s",
                     (json_int_t)host->seen_s, "self",
                     strcmp(host->name, v->self.name) == 0);
}

static json_t *
nodes_json(const struct view *v)
{
    const struct store_shared *s = &v->store.shared;
    json_t *list = json_array();

    for (size_t i = 0; i < s->n_nodes && i < STORE_NODES && list != NULL; i++) {
        if (!api_append(list, node_json(v, &s->node[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *
members_json(const struct view *v)
{
    const struct store_shared *s = &v->store.shared;
    json_t *list = json_array();

    for (size_t i = 0; i < s->n_hosts && i < STORE_NODES && list != NULL; i++) {
        if (!api_append(list, member_json(v, &s->host[i]))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *
fleet_json(const struct view *v)
{
    const struct store_shared *s = &v->store.shared;
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = {
        {"hosts", s->hosts},         {"local", s->local},
        {"local_now", s->local_now}, {"deltas", s->deltas},
        {"waits", s->waits},         {"commands", s->commands},
        {"redirects", s->redirects}, {"scripts", s->scripts},
        {"denials", s->denials},     {"denials_used", s->denials_used},
    };
    json_t *json;

    if (v->desk->shared == NULL)
        return json_null();
    json = json_pack(
        "{s:b, s:o, s:b, s:o, s:o}", "degraded", s->degraded, "degraded_since",
        s->degraded ? time_of(v, s->since) : json_null(), "foreign_key",
        s->foreign, "nodes", nodes_json(v), "members", members_json(v));
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        (void)json_object_set_new(json, counts[i].name,
                                  api_number(counts[i].n));
    return json;
}

/* ----- all of it */

static json_t *
health_json(const struct view *v)
{
    return api_health(&(struct api_health){
        .desk = v->desk,
        .now = v->now,
        .config = v->config,
        .store = &v->store,
        .counts = &v->counts,
    });
}

static json_t *
make(const struct view *v)
{
    struct desk *desk = v->desk;
    int64_t uptime_s = v->now.wall.s - desk->started_s;
    json_t *diary =
        json_pack("{s:o, s:o}", "queued", api_number(clerk_queued(desk->clerk)),
                  "lost", api_number(clerk_lost(desk->clerk)));
    json_t *log =
        json_pack("{s:o}", "dropped",
                  api_number(journal_dropped(daemon_journal(desk->daemon))));

    return json_pack(
        "{s:s, s:o, s:i, s:o, s:I, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o, s:o, s:o, s:o}",
        "version", PACKAGE_VERSION, "host", api_text(desk->host), "pid",
        (int)getpid(), "started", api_time(desk->started_s), "uptime_s",
        (json_int_t)(uptime_s > 0 ? uptime_s : 0), "now",
        api_time(v->now.wall.s), "mode", mode_name(v->mode), "configured_mode",
        mode_name(v->config->mode), "mode_act",
        v->by != NULL ? act_json(v->by, v->now.wall) : json_null(), "config",
        config_json(v), "sessions", sessions_json(v), "callbacks",
        callbacks_json(v), "messages", messages_json(v), "decisions",
        decisions_json(v), "store", store_json(v), "fleet", fleet_json(v),
        "diary", diary, "log", log, "health", health_json(v));
}

json_t *
api_status_json(struct desk *desk, struct store_time now)
{
    struct view v = {.desk = desk, .now = now};
    struct acts *acts = daemon_acts_get(desk->daemon);
    json_t *json;

    v.config = daemon_config_get(desk->daemon);
    v.mode = acts_mode(acts, v.config->mode, now.wall, &v.by);
    self_get(desk->self, &v.self);
    store_stats(daemon_store(desk->daemon), &v.store);
    daemon_counts(desk->daemon, &v.counts);
    json = make(&v);
    daemon_config_put(desk->daemon, v.config);
    acts_put(acts);
    return json;
}

void
api_get_status(struct api_call *call)
{
    if (api_only_queries(call, ""))
        api_ok(call, api_status_json(call->desk, call->now));
}
