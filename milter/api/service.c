/* SPDX-License-Identifier: BSD-2-Clause */
/* milter/api/service.c - the daemon itself: its configuration, mode, metrics.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "milter/api/handlers.h"
#include "milter/api/json.h"
#include "policy/acts.h"

enum { CONCERNED = 10000 }; /* by a change of mode, told at most */

void
api_get_ping(struct api_call *call)
{
    if (api_only_queries(call, ""))
        api_ok(call,
               json_pack("{s:b, s:s}", "ok", 1, "version", PACKAGE_VERSION));
}

/* ----- plain text */

static void
say(struct api_call *call, const char *text)
{
    if (!api_only_queries(call, ""))
        return;
    call->text = strdup(text);
    call->text_len = strlen(text);
    call->type = "text/plain; charset=utf-8";
    call->status = 200;
}

void
api_get_healthz(struct api_call *call)
{
    say(call, "ok\n");
}

/* There is no API before sessions are served, nor after. */
void
api_get_readyz(struct api_call *call)
{
    bool ready = desk_ready(call->desk);

    say(call, ready ? "ready\n" : "not ready\n");
    if (!ready && call->status == 200)
        call->status = 503;
}

/* What there is of it in NOW. */
static void
count_zombies(struct desk *desk, struct detect_counts *detect,
              struct notice_counts *notice, struct metrics_now *now)
{
    if (desk->detect != NULL) {
        detect_counts(desk->detect, detect);
        now->detect = detect;
    }
    if (desk->notice != NULL) {
        notice_counts(desk->notice, notice);
        now->notice = notice;
    }
    if (desk->diary != NULL)
        (void)diary_count_held(desk->diary, &now->held, &now->held_oldest_s);
}

/* The same of what is looked up, in LISTS. */
static void
count_lookups(struct desk *desk, struct lookup_counts *counts,
              struct dnsbl_state lists[DNSBL_LISTS], struct metrics_now *now)
{
    struct lookup *lookup = daemon_lookup(desk->daemon);

    if (lookup == NULL)
        return;
    lookup_counts(lookup, counts);
    now->lookups = counts;
    now->lists = lists;
    now->n_lists = lookup_lists(lookup, lists, DNSBL_LISTS);
}

static void
print_metrics(struct api_call *call, FILE *out)
{
    struct desk *desk = call->desk;
    const struct config *config = daemon_config_get(desk->daemon);
    struct acts *acts = daemon_acts_get(desk->daemon);
    struct store_stats store;
    struct daemon_counts counts;
    struct detect_counts detect;
    struct notice_counts notice;
    struct lookup_counts lookups;
    struct dnsbl_state lists[DNSBL_LISTS];
    struct metrics_now now = {
        .now = call->now,
        .started_s = desk->started_s,
        .type = desk->type,
        .mode = acts_mode(acts, config->mode, call->now.wall, NULL),
        .store = &store,
        .counts = &counts,
        .log_dropped = journal_dropped(daemon_journal(desk->daemon)),
        .diary_lost = clerk_lost(desk->clerk),
        .diary_queued = clerk_queued(desk->clerk),
        .acts = acts_count(acts),
        .sessions_limit = config->sessions,
        .ready = desk_ready(desk),
    };

    count_zombies(desk, &detect, &notice, &now);
    count_lookups(desk, &lookups, lists, &now);
    store_stats(daemon_store(desk->daemon), &store);
    daemon_counts(desk->daemon, &counts);
    metrics_print(desk->metrics, &now, out);
    acts_put(acts);
    daemon_config_put(desk->daemon, config);
}

void
api_get_metrics(struct api_call *call)
{
    FILE *out;

    if (!api_only_queries(call, ""))
        return;
    out = open_memstream(&call->text, &call->text_len);
    if (out == NULL) {
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    print_metrics(call, out);
    if (fclose(out) != 0) {
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    call->type = "text/plain; version=0.0.4; charset=utf-8";
    call->status = 200;
}

/* ----- limits */

static void
add_word(void *arg, const char *word)
{
    (void)api_append(arg, api_text(word));
}

/* The values of OPTION in LIMIT; null: none, which means everywhere. */
static json_t *
words_json(const struct config *config, const struct limit *limit,
           const char *option)
{
    json_t *list = json_array();

    if (config_option_words(config, BLOCK_LIMIT, limit->name, option, add_word,
                            list) > 0)
        return list;
    json_decref(list);
    return json_null();
}

/* The one value of OPTION, as it is written. */
static json_t *
word_json(const struct config *config, const struct limit *limit,
          const char *option)
{
    json_t *list = words_json(config, limit, option);
    json_t *first = json_array_get(list, 0);
    json_t *word = first != NULL ? json_incref(first) : json_null();

    json_decref(list);
    return word;
}

static json_t *
rates_json(const struct limit *limit)
{
    json_t *list = json_array();
    char text[RATE_TEXT];

    for (size_t i = 0; i < limit->rates.n && list != NULL; i++) {
        if (!api_append(
                list, json_string(rate_print(limit->rates.rate[i],
                                             api_unit(limit->count), text)))) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *
limit_json(const struct config *config, const struct limit *limit)
{
    char rule[VERDICT_RULE];

    (void)snprintf(rule, sizeof(rule), "limit.%.80s", limit->name);
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o}",
        "name", api_text(limit->name), "rule", api_text(rule), "origin",
        api_origin(limit->origin), "key", word_json(config, limit, "key"),
        "count", metric_name(limit->count), "rates", rates_json(limit), "table",
        word_json(config, limit, "rates"), "mode",
        limit->mode == MODE_OBSERVE ? "observe" : "enforce", "scope",
        limit->scope == SCOPE_HOST ? "host" : "fleet", "action",
        api_limit_action_name(limit->action), "on",
        words_json(config, limit, "on"), "in", words_json(config, limit, "in"),
        "warn_percent",
        limit->warn_percent != 0 ? api_number(limit->warn_percent)
                                 : json_null());
}

void
api_get_limits(struct api_call *call)
{
    const struct config *config;
    json_t *list;
    bool all = true;

    if (!api_only_queries(call, ""))
        return;
    config = daemon_config_get(call->desk->daemon);
    list = json_array();
    for (size_t i = 0; i < config->n_limits && all; i++)
        all = api_append(list, limit_json(config, config->limits[i]));
    if (all && config->postmaster != NULL)
        all = api_append(list, limit_json(config, config->postmaster));
    daemon_config_put(call->desk->daemon, config);
    api_ok(call, all ? json_pack("{s:o}", "limits", list) : NULL);
    if (!all)
        json_decref(list);
}

/* ----- the configuration */

static void
print_config(struct api_call *call, const struct config *config,
             const char *name, bool defaults)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct store_host self;
    bool known;

    if (out == NULL) {
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    known = config_print_some(config, name, defaults, out);
    if (fclose(out) != 0) {
        free(text);
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    self_get(call->desk->self, &self);
    if (known)
        api_ok(call, json_pack("{s:o, s:o, s:o}", "path",
                               api_text(call->desk->path), "hash",
                               api_text(self.config), "text", api_text(text)));
    else
        api_problem(call, 404, "not-found", "%.*s", (int)strcspn(text, "\n"),
                    text);
    free(text);
}

void
api_get_config(struct api_call *call)
{
    const char *name = api_call_query(call, "name");
    const struct config *config;
    bool defaults;

    if (!api_only_queries(call, "name defaults") ||
        !api_yes(call, "defaults", true, &defaults))
        return;
    config = daemon_config_get(call->desk->daemon);
    print_config(call, config, name != NULL && *name != '\0' ? name : NULL,
                 defaults);
    daemon_config_put(call->desk->daemon, config);
}

static void
add_line(void *to, int level, const char *text)
{
    const char *name = level <= LOG_ERR       ? "error"
                       : level == LOG_WARNING ? "warning"
                                              : "notice";

    (void)api_append(
        to, json_pack("{s:s, s:o}", "level", name, "text", api_text(text)));
}

void
api_post_reload(struct api_call *call)
{
    struct desk *desk = call->desk;
    json_t *lines;
    enum ms_err err;

    if (!api_only_queries(call, "") || !api_only_keys(call, ""))
        return;
    lines = json_array();
    if (lines == NULL) {
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    err = desk->reload(desk->arg, add_line, lines);
    api_audit(call, "reload", NULL, err == MS_OK, "%s", desk->path);
    api_ok(call, json_pack("{s:b, s:o}", "ok", err == MS_OK, "lines", lines));
}

/* ----- the mode */

/* Is OLD a mode that WISH, or what the configuration says, takes the place of?
 * What one host sets for itself is not the fleet's. */
static bool
is_unset(const struct act *old, const struct act *wish)
{
    return old->kind == ACT_MODE && old->until.s <= wish->until.s &&
           strcmp(old->id, wish->id) != 0 && (wish->fleet || !old->fleet);
}

/* Remove the modes that operators have set, and that WISH replaces. */
static enum ms_err
unset_modes(struct desk *desk, const struct act *wish, struct why *why)
{
    struct acts *acts = daemon_acts_get(desk->daemon);
    enum ms_err err = MS_OK;

    for (size_t i = 0; i < acts_count(acts) && err == MS_OK; i++) {
        const struct act *act = acts_at(acts, i);
        bool found;

        if (is_unset(act, wish))
            err = clerk_unset(desk->clerk, act->id, &found, why);
    }
    acts_put(acts);
    return err;
}

/*
 * A host that is to follow its configuration while it has no mode of its own
 * but the fleet's: only the fleet can give that up.  True: answered.
 */
static bool
is_the_fleets(struct api_call *call, const struct act *wish)
{
    struct acts *acts = daemon_acts_get(call->desk->daemon);
    const struct act *fleets = NULL;
    bool own = false;

    for (size_t i = 0; i < acts_count(acts) && !wish->fleet; i++) {
        const struct act *act = acts_at(acts, i);

        own = own || is_unset(act, wish);
        if (act->kind == ACT_MODE && act->fleet &&
            acts_holds(act, call->now.wall))
            fleets = act;
    }
    if (fleets != NULL && !own)
        api_problem(call, 409, "conflict",
                    "%s is set for the whole fleet, by %s on %s: end it on "
                    "all hosts with --fleet (\"fleet\": true), or set observe "
                    "or enforce for this host alone",
                    mode_name(fleets->mode), fleets->by, fleets->host);
    acts_put(acts);
    return fleets != NULL && !own;
}

/* What is asked for in the body.  False: answered. */
static bool
read_mode(struct api_call *call, struct act *act, bool *configured)
{
    const char *mode, *span, *note;

    if (!api_only_queries(call, "") ||
        !api_only_keys(call, "mode for fleet note") ||
        !api_call_text(call, "mode", 32, &mode) ||
        !api_call_text(call, "for", 64, &span) ||
        !api_call_text(call, "note", ACT_NOTE - 1, &note) ||
        !api_bool(call, "fleet", false, &act->fleet))
        return false;
    *configured = mode != NULL && strcmp(mode, "configured") == 0;
    if (mode == NULL || (!*configured && strcmp(mode, "observe") != 0 &&
                         strcmp(mode, "enforce") != 0)) {
        api_problem(call, 400, "bad-request",
                    "\"mode\" must be observe, enforce or configured");
        return false;
    }
    act->mode = strcmp(mode, "observe") == 0 ? MODE_OBSERVE : MODE_ENFORCE;
    if (span != NULL &&
        (!api_when_read(span, call->now.wall, true, &act->until.s) ||
         act->until.s <= call->now.wall.s)) {
        api_problem(call, 400, "bad-request",
                    "\"for\" must say how long, such as 30m or 2h");
        return false;
    }
    if (act->fleet && call->desk->shared == NULL) {
        api_problem(call, 400, "bad-request",
                    "\"fleet\": this host shares its store with no other");
        return false;
    }
    (void)snprintf(act->note, sizeof(act->note), "%s",
                   note != NULL ? note : "");
    return true;
}

/* Whose standing was earned while rules only looked on. */
struct concerned {
    json_t *list;
    bool failed;
};

static bool
add_concerned(void *arg, const struct store_record *record,
              const struct detector *detector)
{
    struct concerned *concerned = arg;
    char id[SUBJECT_TEXT];

    concerned->failed = !api_append(
        concerned->list,
        json_pack("{s:o, s:s, s:o}", "subject",
                  api_text(subject_print(&record->subject, id)), "standing",
                  standing_name(record->state.standing), "since",
                  detector->since_s != 0 ? api_time(detector->since_s)
                                         : json_null()));
    return !concerned->failed && json_array_size(concerned->list) < CONCERNED;
}

/* They become watched when the mode is enforce from now on: told while they
 * can be.  NULL: no memory. */
static json_t *
concerned_json(const struct api_call *call, const struct act *act,
               bool configured)
{
    struct desk *desk = call->desk;
    struct concerned concerned = {.list = json_array()};
    const struct config *config = daemon_config_get(desk->daemon);
    enum mode wish = configured ? config->mode : act->mode;
    enum mode was = daemon_mode(desk->daemon, call->now.wall);

    daemon_config_put(desk->daemon, config);
    if (concerned.list != NULL && wish == MODE_ENFORCE && was == MODE_OBSERVE)
        (void)detect_enforce(desk->detect, DETECT_ONLY_TELL, add_concerned,
                             &concerned);
    if (concerned.failed) {
        json_decref(concerned.list);
        return NULL;
    }
    return concerned.list;
}

static void
answer_mode(struct api_call *call, const struct act *act, json_t *concerned)
{
    enum mode mode = daemon_mode(call->desk->daemon, call->now.wall);

    api_ok(call,
           json_pack("{s:o, s:s, s:O}", "act",
                     act != NULL ? act_json(act, call->now.wall) : json_null(),
                     "mode", mode_name(mode), "concerned", concerned));
}

static void
set_mode(struct api_call *call, struct act *act, bool configured)
{
    struct desk *desk = call->desk;
    struct why why = {""};
    enum ms_err err = MS_OK;
    json_t *concerned;

    if (configured && is_the_fleets(call, act))
        return;
    concerned = concerned_json(call, act, configured);
    if (concerned == NULL)
        err = MS_NOMEM;
    if (err == MS_OK && !configured)
        err = clerk_set(desk->clerk, act, &why);
    if (err == MS_OK)
        err = unset_modes(desk, act, &why);
    api_audit(call, "mode", NULL, err == MS_OK, "%s%s%s%.200s",
              configured ? "configured" : mode_name(act->mode),
              act->fleet ? " in the fleet" : "",
              act->note[0] != '\0' ? ": " : "", act->note);
    if (err != MS_OK)
        api_failed(call, err, why.text);
    else
        answer_mode(call, configured ? NULL : act, concerned);
    json_decref(concerned);
}

void
api_post_mode(struct api_call *call)
{
    struct act *act = calloc(1, sizeof(*act));
    bool configured = false;

    if (act == NULL) {
        api_failed(call, MS_NOMEM, NULL);
        return;
    }
    act->kind = ACT_MODE;
    act->subject.kind = SUBJECT_KINDS;
    act->since = call->now.wall;
    act->until.s = ACT_FOR_EVER;
    (void)snprintf(act->by, sizeof(act->by), "%s", call->peer->by);
    (void)snprintf(act->host, sizeof(act->host), "%s", call->desk->host);
    if (read_mode(call, act, &configured))
        set_mode(call, act, configured);
    free(act);
}
