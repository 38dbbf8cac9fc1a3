/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A family is a row of a table where its samples need no labels, and a function
 * where they do.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "milter/counts/metrics_inside.h"
#include "milter/counts/process.h"
#include "milter/counts/prom.h"

/* All that is printed from. */
struct page {
    struct metrics *metrics;
    const struct metrics_now *now;
    struct prom prom;
};

static uint64_t
load(_Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* One sample with the label NAME. */
static void
put_one(struct page *page, const char *name, const char *value, uint64_t n)
{
    const struct prom_label labels[] = {{name, value}, {NULL, NULL}};

    prom_sample(&page->prom, labels, n);
}

/* ----- the daemon */

static void
put_self(struct page *page)
{
    const struct metrics_now *now = page->now;
    struct prom *prom = &page->prom;

    prom_family(prom, "mortsafe_build_info", "gauge", "The version, always 1.");
    put_one(page, "version", PACKAGE_VERSION, 1);
    prom_gauge(prom, "mortsafe_start_time_seconds",
               "When the daemon was started, since 1970.",
               now->started_s > 0 ? (uint64_t)now->started_s : 0);
    prom_gauge(prom, "mortsafe_ready", "Are sessions served (1) or not (0)?",
               now->ready);
    prom_family(prom, "mortsafe_mode", "gauge",
                "1 for the mode that is in force.");
    put_one(page, "mode", "observe", now->mode != MODE_ENFORCE);
    put_one(page, "mode", "enforce", now->mode == MODE_ENFORCE);
}

static void
put_sessions(struct page *page)
{
    const struct daemon_counts *counts = page->now->counts;
    struct prom *prom = &page->prom;

    prom_gauge(prom, "mortsafe_sessions", "Milter sessions that are open.",
               counts->sessions);
    prom_gauge(prom, "mortsafe_sessions_limit",
               "Sessions that may be open at one time.",
               page->now->sessions_limit);
    prom_counter(prom, "mortsafe_sessions_opened_total",
                 "Sessions since the start.", counts->sessions_all);
    prom_counter(prom, "mortsafe_sessions_capped_total",
                 "Sessions turned away because too many were open.",
                 counts->capped);
    prom_gauge(prom, "mortsafe_callbacks_running",
               "Callbacks that are being answered.", counts->running);
    prom_counter(prom, "mortsafe_messages_accepted_total",
                 "Messages that were let through.", counts->accepted);
    prom_counter(prom, "mortsafe_messages_store_waits_total",
                 "Waits for the store of all messages let through.",
                 counts->waits);
    prom_gauge(prom, "mortsafe_messages_store_waits_max",
               "Most waits for the store of one message let through.",
               counts->waits_max);
    prom_counter(prom, "mortsafe_errors_total",
                 "Decisions in which something of our own failed.",
                 counts->errors);
}

static void
put_recipients(struct page *page)
{
    prom_family(&page->prom, "mortsafe_recipients_total", "counter",
                "Recipients by what came of them.");
    for (unsigned i = 0; i < HISTORY_OUTCOMES; i++)
        put_one(page, "outcome", history_outcome_name((enum history_outcome)i),
                load(&page->metrics->recipients[i]));
}

/* ----- callbacks */

static void
put_times(struct page *page, enum metrics_stage stage)
{
    struct metrics_times *times = &page->metrics->times[stage];
    const char *name = metrics_stage_name(stage);
    struct prom_label labels[] = {
        {"stage", name}, {"le", "+Inf"}, {NULL, NULL}};
    const struct prom_label alone[] = {{"stage", name}, {NULL, NULL}};
    uint64_t n = 0;

    for (unsigned i = 0; i <= METRICS_BUCKETS; i++) {
        n += load(&times->bucket[i]);
        labels[1].value = i < METRICS_BUCKETS ? metrics_buckets[i].le : "+Inf";
        prom_sample_of(&page->prom, "_bucket", labels, n);
    }
    prom_sample_micro(&page->prom, "_sum", alone, load(&times->sum_us));
    prom_sample_of(&page->prom, "_count", alone, n);
}

static void
put_callbacks(struct page *page)
{
    prom_family(&page->prom, "mortsafe_callback_seconds", "histogram",
                "How long callbacks took, by what the MTA told.");
    for (unsigned stage = 0; stage < METRICS_STAGES; stage++)
        put_times(page, (enum metrics_stage)stage);
}

/* ----- decisions */

static const char *
deed_name(enum journal_deed deed)
{
    return deed == JOURNAL_WOULD ? "would" : "done";
}

static void
put_decision(struct page *page, const struct metrics_key *key, uint64_t n)
{
    const struct prom_label labels[] = {
        {"listener", key->listener},
        {"stage", metrics_stage_name(key->stage)},
        {"action", verdict_action_name(key->action)},
        {"deed", deed_name(key->deed)},
        {"rule", key->rule},
        {NULL, NULL},
    };

    prom_sample(&page->prom, labels, n);
}

/* Those that found no cell. */
static void
put_other(struct page *page)
{
    struct metrics_key key = {.listener = "other", .rule = "other"};

    for (unsigned stage = 0; stage < METRICS_STAGES; stage++)
        for (unsigned action = 0; action < METRICS_ACTIONS; action++)
            for (unsigned deed = 0; deed < METRICS_DEEDS; deed++) {
                uint64_t n = load(&page->metrics->other[stage][action][deed]);

                key.stage = (enum metrics_stage)stage;
                key.action = (enum verdict_action)action;
                key.deed = (enum journal_deed)deed;
                if (n > 0)
                    put_decision(page, &key, n);
            }
}

/* Those of one rule stand together, what is done before what would be. */
static int
by_rule(const void *a, const void *b)
{
    const struct metrics_key *x = &(*(struct metrics_cell *const *)a)->key;
    const struct metrics_key *y = &(*(struct metrics_cell *const *)b)->key;
    int order = strcmp(x->rule, y->rule);

    if (order == 0)
        order = (int)x->deed - (int)y->deed;
    if (order == 0)
        order = strcmp(x->listener, y->listener);
    if (order == 0)
        order = (int)x->stage - (int)y->stage;
    return order != 0 ? order : (int)x->action - (int)y->action;
}

/* All cells, sorted; how many there are. */
static size_t
sort_cells(struct metrics *metrics, struct metrics_cell *out[METRICS_CELLS])
{
    size_t n = 0;

    for (size_t i = 0; i < METRICS_SLOTS && n < METRICS_CELLS; i++) {
        struct metrics_cell *cell =
            atomic_load_explicit(&metrics->slot[i], memory_order_acquire);

        if (cell != NULL)
            out[n++] = cell;
    }
    qsort(out, n, sizeof(out[0]), by_rule);
    return n;
}

static bool
is_hit(const struct metrics_key *key)
{
    return strncmp(key->rule, "limit.", 6) == 0 &&
           key->action != VERDICT_CONTINUE && key->action != VERDICT_ACCEPT;
}

/* A limit's hits from CELL on, of N that are left; how many cells they are. */
static size_t
put_limit(struct page *page, struct metrics_cell *const *cell, size_t n)
{
    const struct metrics_key *first = &cell[0]->key;
    const struct prom_label labels[] = {{"limit", first->rule + 6},
                                        {"deed", deed_name(first->deed)},
                                        {NULL, NULL}};
    uint64_t hits = 0;
    size_t i = 0;

    for (; i < n && cell[i]->key.deed == first->deed &&
           strcmp(cell[i]->key.rule, first->rule) == 0;
         i++)
        hits += is_hit(&cell[i]->key) ? load(&cell[i]->n) : 0;
    if (hits > 0)
        prom_sample(&page->prom, labels, hits);
    return i;
}

static void
put_decisions(struct page *page)
{
    struct metrics_cell *cells[METRICS_CELLS];
    size_t n = sort_cells(page->metrics, cells);

    prom_family(&page->prom, "mortsafe_decisions_total", "counter",
                "Decisions: what was done, and what enforcing would have "
                "done; - stands for none.");
    for (size_t i = 0; i < n; i++)
        put_decision(page, &cells[i]->key, load(&cells[i]->n));
    put_other(page);
    prom_family(&page->prom, "mortsafe_limit_hits_total", "counter",
                "Decisions because a limit was reached.");
    for (size_t i = 0; i < n;) {
        if (is_hit(&cells[i]->key))
            i += put_limit(page, cells + i, n - i);
        else
            i++;
    }
}

/* ----- the store */

static const char *
type_name(enum store_type type)
{
    switch (type) {
    case STORE_MEMORY:
        return "memory";
    case STORE_EMBEDDED:
        return "embedded";
    case STORE_REDIS:
        return "redis";
    }
    return "?";
}

static void
put_records(struct page *page)
{
    const struct store_stats *store = page->now->store;
    struct prom *prom = &page->prom;

    prom_family(prom, "mortsafe_store_info", "gauge",
                "The type of the store, always 1.");
    put_one(page, "type", type_name(page->now->type), 1);
    prom_family(prom, "mortsafe_store_subjects", "gauge",
                "Subjects with counts in this host.");
    for (unsigned i = 0; i < SUBJECT_KINDS; i++)
        put_one(page, "kind", subject_kind_name((enum subject_kind)i),
                store->subjects[i]);
    prom_gauge(prom, "mortsafe_store_records_bytes",
               "Memory of these, as its cap counts them.", store->bytes);
    prom_counter(prom, "mortsafe_store_evicted_total",
                 "Subjects that made room for others.", store->evicted);
    prom_counter(prom, "mortsafe_store_overflowed_total",
                 "Charges that found no room and shared a record.",
                 store->overflowed);
    prom_gauge(prom, "mortsafe_store_unsaved_subjects",
               "Subjects that are not on the disk yet.", store->dirty);
    prom_counter(prom, "mortsafe_store_saves_total", "Writes to the disk.",
                 store->saves);
    prom_counter(prom, "mortsafe_store_save_errors_total",
                 "Writes to the disk that failed.", store->save_errors);
    prom_gauge(prom, "mortsafe_store_saving_failed",
               "Did the last write to the disk fail (1)?",
               store->saving_failed);
}

static void
put_shared(struct page *page)
{
    const struct store_shared *shared = &page->now->store->shared;
    int64_t away_ms = page->now->now.mono.ms - shared->since.ms;
    struct prom *prom = &page->prom;

    prom_gauge(prom, "mortsafe_store_degraded",
               "Is some node of the shared store away (1)?", shared->degraded);
    prom_gauge(prom, "mortsafe_store_degraded_seconds", "For how long it is.",
               shared->degraded && away_ms > 0 ? (uint64_t)away_ms / 1000 : 0);
    prom_gauge(prom, "mortsafe_store_foreign_key",
               "Has the shared store refused us for another site's key (1)?",
               shared->foreign);
    prom_gauge(prom, "mortsafe_store_hosts",
               "Hosts that limits are shared among while it is away.",
               shared->hosts);
    prom_gauge(prom, "mortsafe_store_other_hosts",
               "Other hosts that are alive.", shared->n_hosts);
    prom_counter(prom, "mortsafe_store_commands_total", "Commands sent.",
                 shared->commands);
    prom_counter(prom, "mortsafe_store_waits_total",
                 "Charges that waited for a reply.", shared->waits);
    prom_counter(prom, "mortsafe_store_redirects_total",
                 "Replies that named another node.", shared->redirects);
    prom_counter(prom, "mortsafe_store_scripts_loaded_total",
                 "Scripts loaded again.", shared->scripts);
    prom_counter(prom, "mortsafe_store_local_decisions_total",
                 "Decisions made from what this host knows.", shared->local);
    prom_gauge(prom, "mortsafe_store_deltas",
               "Subjects with counts that wait to be added.", shared->deltas);
    prom_gauge(prom, "mortsafe_store_denials",
               "Refusals remembered for a few seconds.", shared->denials);
    prom_counter(prom, "mortsafe_store_denials_used_total",
                 "Refusals given from that memory.", shared->denials_used);
}

/* A figure of each node. */
static void
put_nodes(struct page *page, const char *name, const char *type,
          const char *help, uint64_t (*get)(const struct store_node *node))
{
    const struct store_shared *shared = &page->now->store->shared;

    prom_family(&page->prom, name, type, help);
    for (size_t i = 0; i < shared->n_nodes && i < STORE_NODES; i++)
        put_one(page, "node", shared->node[i].name, get(&shared->node[i]));
}

static uint64_t
node_up(const struct store_node *node)
{
    return node->up;
}

static uint64_t
node_commands(const struct store_node *node)
{
    return node->commands;
}

static uint64_t
node_errors(const struct store_node *node)
{
    return node->errors;
}

static uint64_t
node_in_flight(const struct store_node *node)
{
    return node->in_flight;
}

static void
put_store(struct page *page)
{
    put_records(page);
    if (page->now->type != STORE_REDIS)
        return;
    put_shared(page);
    put_nodes(page, "mortsafe_store_node_up", "gauge",
              "Is the node asked (1), or is its breaker open (0)?", node_up);
    put_nodes(page, "mortsafe_store_node_commands_total", "counter",
              "Commands sent to the node.", node_commands);
    put_nodes(page, "mortsafe_store_node_errors_total", "counter",
              "Commands without a good reply.", node_errors);
    put_nodes(page, "mortsafe_store_node_in_flight", "gauge",
              "Commands that wait for a reply.", node_in_flight);
}

/* ----- zombies */

static void
put_standings(struct page *page)
{
    const struct detect_counts *detect = page->now->detect;

    prom_family(&page->prom, "mortsafe_subjects_standing", "gauge",
                "Subjects that do not stand normal, as last looked at.");
    for (unsigned i = STANDING_NORMAL + 1; i <= STANDING_PROBATION; i++)
        put_one(page, "standing", standing_name((enum standing)i),
                detect->standing[i]);
    prom_family(&page->prom, "mortsafe_standing_changes_total", "counter",
                "Changes of a subject's standing, by the new one.");
    for (unsigned i = STANDING_NORMAL; i <= STANDING_PROBATION; i++)
        put_one(page, "to", standing_name((enum standing)i),
                detect->changes[i]);
}

static void
put_detector(struct page *page)
{
    const struct detect_counts *detect = page->now->detect;
    struct prom *prom = &page->prom;

    put_standings(page);
    prom_gauge(prom, "mortsafe_detector_queue",
               "Subjects whose messages wait to be judged.", detect->queued);
    prom_counter(prom, "mortsafe_detector_events_total",
                 "Messages taken as evidence.", detect->events);
    prom_counter(prom, "mortsafe_detector_merged_total",
                 "Of them, those judged together for want of room.",
                 detect->merged);
    prom_counter(prom, "mortsafe_detector_retries_total",
                 "Judgements made again because another host was faster.",
                 detect->retries);
    prom_counter(prom, "mortsafe_detector_damaged_total",
                 "States of subjects that could not be read.", detect->damaged);
    prom_counter(prom, "mortsafe_detector_braked_total",
                 "Subjects that only became watched because too many would "
                 "have been stopped.",
                 detect->braked);
    prom_gauge(prom, "mortsafe_detector_braking",
               "Was that so within the last hour (1)?", detect->braking);
    prom_gauge(prom, "mortsafe_detector_frozen",
               "Are verdicts of filters disbelieved now (1)?", detect->frozen);
}

static void
put_held(struct page *page)
{
    const struct metrics_now *now = page->now;
    int64_t age_s =
        now->held_oldest_s > 0 ? now->now.wall.s - now->held_oldest_s : 0;

    prom_gauge(&page->prom, "mortsafe_held_messages",
               "Messages that the MTA of this host holds for us.", now->held);
    prom_gauge(&page->prom, "mortsafe_held_oldest_seconds",
               "For how long the oldest of them is held.",
               age_s > 0 ? (uint64_t)age_s : 0);
}

static void
put_notices(struct page *page)
{
    const struct notice_counts *notice = page->now->notice;
    struct prom *prom = &page->prom;

    prom_family(prom, "mortsafe_notices_total", "counter",
                "Letters, by what came of them; failed counts tries.");
    put_one(page, "result", "sent", notice->sent);
    put_one(page, "result", "failed", notice->failed);
    put_one(page, "result", "limited", notice->limited);
    put_one(page, "result", "undeliverable", notice->undeliverable);
    prom_gauge(prom, "mortsafe_notices_waiting", "Letters that wait.",
               notice->waiting);
    prom_family(prom, "mortsafe_webhooks_total", "counter",
                "Calls of the webhook; failed counts tries.");
    put_one(page, "result", "sent", notice->hooks);
    put_one(page, "result", "failed", notice->hooks_failed);
    put_one(page, "result", "lost", notice->hooks_lost);
    prom_gauge(prom, "mortsafe_webhooks_waiting", "Calls that wait.",
               notice->hooks_waiting);
}

static void
put_zombies(struct page *page)
{
    if (page->now->detect != NULL)
        put_detector(page);
    put_held(page);
    if (page->now->notice != NULL)
        put_notices(page);
}

/* ----- what goes on beside mail */

static void
put_reloads(struct page *page)
{
    struct metrics *metrics = page->metrics;
    struct prom *prom = &page->prom;
    uint64_t ok, failed;
    int64_t last_s;
    bool last_ok;

    metrics_reloads(metrics, &ok, &failed, &last_s, &last_ok);
    prom_family(prom, "mortsafe_reloads_total", "counter",
                "Times the configuration was read again.");
    put_one(page, "result", "ok", ok);
    put_one(page, "result", "failed", failed);
    prom_gauge(prom, "mortsafe_last_reload_successful",
               "Was the last of them in order (1), or is an older "
               "configuration in force (0)?",
               last_ok);
    (void)pthread_mutex_lock(&metrics->lock);
    last_s = metrics->succeeded_s;
    (void)pthread_mutex_unlock(&metrics->lock);
    if (last_s < page->now->started_s)
        last_s = page->now->started_s;
    prom_gauge(prom, "mortsafe_last_reload_success_timestamp_seconds",
               "When the configuration in force was read, since 1970.",
               last_s > 0 ? (uint64_t)last_s : 0);
}

static void
put_requests(struct page *page)
{
    static const char *const faces[METRICS_FACES] = {"socket", "status"};

    prom_family(&page->prom, "mortsafe_api_requests_total", "counter",
                "Requests to the API, by face and code of the answer.");
    for (unsigned face = 0; face < METRICS_FACES; face++)
        for (unsigned code = 0; code < METRICS_CODES; code++) {
            uint64_t n = load(&page->metrics->requests[face][code]);
            char text[16];
            const struct prom_label labels[] = {
                {"face", faces[face]}, {"code", text}, {NULL, NULL}};

            (void)snprintf(text, sizeof(text), "%u", code);
            if (n > 0)
                prom_sample(&page->prom, labels, n);
        }
}

static void
put_beside(struct page *page)
{
    const struct metrics_now *now = page->now;
    struct prom *prom = &page->prom;

    put_reloads(page);
    put_requests(page);
    prom_counter(prom, "mortsafe_log_lines_dropped_total",
                 "Lines of the log that nobody took.", now->log_dropped);
    prom_counter(prom, "mortsafe_diary_lost_total",
                 "Decisions that could not be kept for later questions.",
                 now->diary_lost);
    prom_gauge(prom, "mortsafe_diary_queued",
               "Decisions that wait to be written down.", now->diary_queued);
    prom_gauge(prom, "mortsafe_acts",
               "Exemptions, raised limits and modes set by hand.", now->acts);
}

static void
put_process(struct page *page)
{
    struct prom *prom = &page->prom;
    struct process process;

    if (!process_read(&process))
        return;
    prom_family(prom, "process_cpu_seconds_total", "counter",
                "Processor time, in user and system mode.");
    prom_sample_micro(prom, "", NULL, process.cpu_us);
    prom_gauge(prom, "process_resident_memory_bytes", "Memory in use.",
               process.resident_bytes);
    prom_gauge(prom, "process_virtual_memory_bytes", "Memory reserved.",
               process.virtual_bytes);
    prom_gauge(prom, "process_open_fds", "Open file descriptors.",
               process.open_fds);
    prom_gauge(prom, "process_max_fds",
               "File descriptors that may be open at one time.",
               process.max_fds);
    prom_gauge(prom, "process_start_time_seconds",
               "When the process was started, since 1970.",
               page->now->started_s > 0 ? (uint64_t)page->now->started_s : 0);
    prom_gauge(prom, "process_threads", "Threads.", process.threads);
}

void
metrics_print(struct metrics *metrics, const struct metrics_now *now, FILE *out)
{
    struct page page = {
        .metrics = metrics, .now = now, .prom = {.out = out, .family = ""}};

    put_self(&page);
    put_sessions(&page);
    put_recipients(&page);
    put_callbacks(&page);
    put_decisions(&page);
    put_store(&page);
    put_zombies(&page);
    if (now->lookups != NULL)
        metrics_print_lookups(&page.prom, now);
    put_beside(&page);
    put_process(&page);
}
