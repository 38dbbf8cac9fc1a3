/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics: what is counted, and how it is written.  Called with a word it only
 * prints a page of everything, for test_prometheus.py.
 */
#include <config.h>

#include "milter/counts/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/unit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 20 };
#else
enum { SLOWER = 1 };
#endif

enum { THREADS = 4, NOTES = 5000, LINES = 4000 };

static struct metrics *
make(void)
{
    struct metrics *metrics = NULL;

    assert_int_equal(metrics_create(&metrics), MS_OK);
    return metrics;
}

/* What all pages have beside what was counted. */
struct lab {
    struct store_stats store;
    struct daemon_counts counts;
    struct detect_counts detect;
    struct notice_counts notice;
    struct lookup_counts lookups;
    struct dnsbl_state list;
    struct metrics_now now;
};

static struct lab *
make_lab(enum store_type type)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    assert_non_null(lab);
    lab->now = (struct metrics_now){
        .now = {{3600000}, {1800003600}},
        .started_s = 1800000000,
        .type = type,
        .mode = MODE_ENFORCE,
        .store = &lab->store,
        .counts = &lab->counts,
        .log_dropped = 1,
        .diary_lost = 2,
        .diary_queued = 3,
        .acts = 4,
        .sessions_limit = 4000,
        .ready = true,
        .detect = &lab->detect,
        .notice = &lab->notice,
        .lookups = &lab->lookups,
        .lists = &lab->list,
        .n_lists = 1,
        .held = 13,
        .held_oldest_s = 1800000000,
    };
    lab->counts = (struct daemon_counts){.sessions = 5,
                                         .sessions_all = 6,
                                         .capped = 7,
                                         .accepted = 8,
                                         .waits = 9,
                                         .waits_max = 10,
                                         .errors = 11,
                                         .running = 12};
    lab->detect = (struct detect_counts){
        .queued = 50,
        .events = 51,
        .merged = 52,
        .retries = 53,
        .damaged = 54,
        .braked = 55,
        .braking = true,
        .changes = {[STANDING_NORMAL] = 60, [STANDING_QUARANTINED] = 61},
        .standing = {[STANDING_NORMAL] = 70, [STANDING_THROTTLED] = 71},
    };
    lab->notice = (struct notice_counts){.sent = 80,
                                         .failed = 81,
                                         .limited = 82,
                                         .undeliverable = 83,
                                         .waiting = 84,
                                         .hooks = 85,
                                         .hooks_failed = 86,
                                         .hooks_waiting = 87,
                                         .hooks_lost = 89};
    lab->lookups = (struct lookup_counts){
        .resolver = true,
        .spf = true,
        .dns = {.answered = 90,
                .failed = 91,
                .late = 92,
                .crowded = 93,
                .in_flight = 94},
        .evaluations = {.done = {[SPF_FAIL] = 95}, .deaths = 96},
        .waits = 97,
        .not_waited = 98,
        .waited_us = 1500000,
        .put_off = 99,
    };
    lab->list = (struct dnsbl_state){.name = "zen",
                                     .health = DNSBL_BLOCKED,
                                     .asked = 10,
                                     .listed = 2,
                                     .failed = 1};
    return lab;
}

/* The page, the caller's to free(). */
static char *
print(struct metrics *metrics, const struct metrics_now *now)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    metrics_print(metrics, now, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static bool
has_line(const char *text, const char *line)
{
    size_t len = strlen(line);

    for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
        if ((at == text || at[-1] == '\n') && at[len] == '\n')
            return true;
    return false;
}

static void
expect_line(struct metrics *metrics, const char *line)
{
    struct lab *lab = make_lab(STORE_MEMORY);
    char *text = print(metrics, &lab->now);

    if (!has_line(text, line))
        fail_msg("not there: %s\n%s", line, text);
    free(text);
    free(lab);
}

/* ----- a page of everything */

static void
fill_store(struct store_stats *store)
{
    store->subjects[SUBJECT_USER] = 21;
    store->bytes = 22;
    store->evicted = 23;
    store->saving_failed = true;
    store->shared = (struct store_shared){.n_nodes = 2,
                                          .n_hosts = 3,
                                          .degraded = true,
                                          .since = {3540000},
                                          .hosts = 4,
                                          .foreign = true,
                                          .commands = 31};
    (void)snprintf(store->shared.node[0].name, STORE_NODE_NAME,
                   "192.0.2.1:6379");
    (void)snprintf(store->shared.node[1].name, STORE_NODE_NAME,
                   "unix:/run/\"redis\"\\.sock\n");
    store->shared.node[0].up = true;
    store->shared.node[1].errors = 32;
}

static void
fill(struct metrics *metrics)
{
    static const char *const rules[] = {NULL,
                                        "",
                                        "relay.denied",
                                        "limit.user",
                                        "limit.burst",
                                        "limit.\" 1\nmortsafe_evil 1\n",
                                        "limit.\\",
                                        "limit.\\\"",
                                        "limit.{}",
                                        "limit.\xff\xc3\x28",
                                        "limit.caf\xc3\xa9",
                                        "limit.a\tb",
                                        "limit.<script>",
                                        "limit.",
                                        "listener.mx.auth",
                                        "other"};
    static const char *const listeners[] = {NULL, "mx", "submission", "\"} 1\n",
                                            "-"};

    for (size_t i = 0; i < ROWS(rules); i++)
        for (size_t j = 0; j < ROWS(listeners); j++)
            for (unsigned k = 0; k < 30; k++)
                metrics_decision(metrics, listeners[j],
                                 (enum metrics_stage)(k % METRICS_STAGES),
                                 (enum verdict_action)(k % 5),
                                 (enum journal_deed)(k % 2), rules[i]);
    for (unsigned i = 0; i < METRICS_STAGES; i++)
        for (int64_t us = 1; us < 10000000; us *= 3)
            metrics_callback(metrics, (enum metrics_stage)i, us);
    for (unsigned i = 0; i < HISTORY_OUTCOMES; i++)
        metrics_recipients(metrics, (enum history_outcome)i, i + 1);
    metrics_reload(metrics, true);
    metrics_reload(metrics, false);
    metrics_request(metrics, false, 200);
    metrics_request(metrics, true, 404);
    metrics_request(metrics, true, 100000);
}

static char *
page_of_all(void)
{
    struct lab *lab = make_lab(STORE_REDIS);
    struct metrics *metrics = make();
    char *text;

    fill_store(&lab->store);
    fill(metrics);
    text = print(metrics, &lab->now);
    metrics_destroy(metrics);
    free(lab);
    return text;
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Of a line of the page: how long are name and labels?  0: it is no sample. */
static size_t
read_sample(const char *line)
{
    size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
    const char *at = line + len;

    if (*at == '{') {
        bool quoted = false;

        for (at++; *at != '\0' && (quoted || *at != '}'); at++) {
            if (quoted && *at == '\\')
                at++;
            else if (*at == '"')
                quoted = !quoted;
        }
        if (*at != '}')
            return 0;
        at++;
        len = (size_t)(at - line);
    }
    if (len == 0 || *at != ' ' || at[1] == '\0' ||
        strspn(at + 1, "0123456789.") != strlen(at + 1))
        return 0;
    return len;
}

/* Every line is what it should be, and no two are about the same. */
static void
test_page(void **state)
{
    static char *series[LINES];
    char *text = page_of_all(), *rest = text, *line;
    char family[64] = "";
    size_t n = 0;

    (void)state;
    assert_int_equal(text[strlen(text) - 1], '\n');
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
        size_t len;

        for (const char *at = line; *at != '\0'; at++)
            assert_true(*at >= ' ' && *at <= '~');
        if (sscanf(line, "# HELP %63s", family) == 1)
            continue;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_memory_equal(line + 7, family, strlen(family));
            continue;
        }
        assert_memory_equal(line, family, strlen(family));
        len = read_sample(line);
        if (len == 0)
            fail_msg("no sample: %s", line);
        line[len] = '\0';
        assert_true(n < LINES);
        series[n++] = line;
    }
    assert_true(n > 200);
    qsort(series, n, sizeof(series[0]), by_text);
    for (size_t i = 1; i < n; i++)
        assert_string_not_equal(series[i - 1], series[i]);
    free(text);
}

static void
test_lines(void **state)
{
    static const char *const lines[] = {
        "mortsafe_build_info{version=\"" PACKAGE_VERSION "\"} 1",
        "mortsafe_start_time_seconds 1800000000",
        "mortsafe_mode{mode=\"observe\"} 0",
        "mortsafe_mode{mode=\"enforce\"} 1",
        "mortsafe_ready 1",
        "mortsafe_sessions 5",
        "mortsafe_sessions_limit 4000",
        "mortsafe_sessions_opened_total 6",
        "mortsafe_sessions_capped_total 7",
        "mortsafe_messages_accepted_total 8",
        "mortsafe_messages_store_waits_total 9",
        "mortsafe_messages_store_waits_max 10",
        "mortsafe_errors_total 11",
        "mortsafe_callbacks_running 12",
        "mortsafe_recipients_total{outcome=\"would\"} 5",
        "mortsafe_store_info{type=\"redis\"} 1",
        "mortsafe_store_subjects{kind=\"user\"} 21",
        "mortsafe_store_records_bytes 22",
        "mortsafe_store_evicted_total 23",
        "mortsafe_store_saving_failed 1",
        "mortsafe_store_degraded 1",
        "mortsafe_store_degraded_seconds 60",
        "mortsafe_store_foreign_key 1",
        "mortsafe_store_node_up{node=\"192.0.2.1:6379\"} 1",
        "mortsafe_store_node_errors_total{node=\"unix:/run/\\\"redis\\\""
        "\\\\.sock?\"} 32",
        "mortsafe_reloads_total{result=\"ok\"} 1",
        "mortsafe_reloads_total{result=\"failed\"} 1",
        "mortsafe_last_reload_successful 0",
        "mortsafe_api_requests_total{face=\"socket\",code=\"200\"} 1",
        "mortsafe_api_requests_total{face=\"status\",code=\"404\"} 1",
        "mortsafe_api_requests_total{face=\"status\",code=\"0\"} 1",
        "mortsafe_log_lines_dropped_total 1",
        "mortsafe_diary_lost_total 2",
        "mortsafe_diary_queued 3",
        "mortsafe_acts 4",
        "mortsafe_subjects_standing{standing=\"throttled\"} 71",
        "mortsafe_subjects_standing{standing=\"probation\"} 0",
        "mortsafe_standing_changes_total{to=\"normal\"} 60",
        "mortsafe_standing_changes_total{to=\"quarantined\"} 61",
        "mortsafe_detector_queue 50",
        "mortsafe_detector_events_total 51",
        "mortsafe_detector_merged_total 52",
        "mortsafe_detector_retries_total 53",
        "mortsafe_detector_damaged_total 54",
        "mortsafe_detector_braked_total 55",
        "mortsafe_detector_braking 1",
        "mortsafe_detector_frozen 0",
        "mortsafe_held_messages 13",
        "mortsafe_held_oldest_seconds 3600",
        "mortsafe_notices_total{result=\"sent\"} 80",
        "mortsafe_notices_total{result=\"failed\"} 81",
        "mortsafe_notices_total{result=\"limited\"} 82",
        "mortsafe_notices_total{result=\"undeliverable\"} 83",
        "mortsafe_notices_waiting 84",
        "mortsafe_dns_questions_total{result=\"answered\"} 90",
        "mortsafe_dns_questions_total{result=\"failed\"} 91",
        "mortsafe_dns_questions_total{result=\"late\"} 92",
        "mortsafe_dns_questions_total{result=\"crowded\"} 93",
        "mortsafe_dns_in_flight 94",
        "mortsafe_spf_results_total{result=\"none\"} 0",
        "mortsafe_spf_results_total{result=\"fail\"} 95",
        "mortsafe_spf_running 1",
        "mortsafe_spf_worker_deaths_total 96",
        "mortsafe_dnsbl_answers_total{list=\"zen\",result=\"listed\"} 2",
        "mortsafe_dnsbl_answers_total{list=\"zen\",result=\"not_listed\"} 7",
        "mortsafe_dnsbl_answers_total{list=\"zen\",result=\"failed\"} 1",
        "mortsafe_dnsbl_usable{list=\"zen\"} 0",
        "mortsafe_lookup_waits_total{result=\"waited\"} 97",
        "mortsafe_lookup_waits_total{result=\"not_waited\"} 98",
        "mortsafe_lookup_wait_seconds_total 1.500000",
        "mortsafe_lookups_put_off_total 99",
        "mortsafe_webhooks_total{result=\"sent\"} 85",
        "mortsafe_webhooks_total{result=\"failed\"} 86",
        "mortsafe_webhooks_total{result=\"lost\"} 89",
        "mortsafe_webhooks_waiting 87",
        "mortsafe_limit_hits_total{limit=\"\\\" 1?mortsafe_evil 1?\","
        "deed=\"done\"} 45",
    };
    char *text = page_of_all();

    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++)
        if (!has_line(text, lines[i]))
            fail_msg("not there: %s\n%s", lines[i], text);
    free(text);
}

/* Only a shared store has nodes. */
static void
test_local_store(void **state)
{
    struct lab *lab = make_lab(STORE_EMBEDDED);
    struct metrics *metrics = make();
    char *text = print(metrics, &lab->now);

    (void)state;
    assert_true(has_line(text, "mortsafe_store_info{type=\"embedded\"} 1"));
    assert_null(strstr(text, "_degraded"));
    assert_null(strstr(text, "_node_"));
    free(text);
    free(lab);
    metrics_destroy(metrics);
    metrics_destroy(NULL);
}

/* Who judges nobody, and tells nobody, has no figures of that; what was held
 * before still is. */
static void
test_no_zombies(void **state)
{
    struct lab *lab = make_lab(STORE_MEMORY);
    struct metrics *metrics = make();
    char *text;

    (void)state;
    lab->now.detect = NULL;
    lab->now.notice = NULL;
    lab->now.lookups = NULL;
    lab->now.held_oldest_s = lab->now.now.wall.s + 5; /* a clock set back */
    text = print(metrics, &lab->now);
    assert_null(strstr(text, "_standing"));
    assert_null(strstr(text, "_detector_"));
    assert_null(strstr(text, "_notices_"));
    assert_null(strstr(text, "_dns_"));
    assert_null(strstr(text, "_webhooks_"));
    assert_true(has_line(text, "mortsafe_held_messages 13"));
    assert_true(has_line(text, "mortsafe_held_oldest_seconds 0"));
    free(text);
    lab->now.held_oldest_s = 0;
    text = print(metrics, &lab->now);
    assert_true(has_line(text, "mortsafe_held_oldest_seconds 0"));
    free(text);
    free(lab);
    metrics_destroy(metrics);
}

/* ----- counting */

static void
test_decisions(void **state)
{
    static const struct {
        const char *row, *listener;
        enum metrics_stage stage;
        enum verdict_action action;
        enum journal_deed deed;
        const char *rule, *line;
    } rows[] = {
        {"a refusal", "mx", METRICS_RCPT, VERDICT_REJECT, JOURNAL_DONE,
         "relay.denied",
         "mortsafe_decisions_total{listener=\"mx\",stage=\"rcpt\","
         "action=\"reject\",deed=\"done\",rule=\"relay.denied\"} 2"},
        {"what would be", "mx", METRICS_MAIL, VERDICT_DEFER, JOURNAL_WOULD,
         "limit.user",
         "mortsafe_decisions_total{listener=\"mx\",stage=\"mail\","
         "action=\"defer\",deed=\"would\",rule=\"limit.user\"} 2"},
        {"an accepted message", "submission", METRICS_END, VERDICT_CONTINUE,
         JOURNAL_DONE, "",
         "mortsafe_decisions_total{listener=\"submission\",stage=\"end\","
         "action=\"continue\",deed=\"done\",rule=\"-\"} 2"},
        {"too early for a listener", NULL, METRICS_CONNECT, VERDICT_DEFER,
         JOURNAL_DONE, NULL,
         "mortsafe_decisions_total{listener=\"-\",stage=\"connect\","
         "action=\"defer\",deed=\"done\",rule=\"-\"} 2"},
        {"a limit reached", "mx", METRICS_MAIL, VERDICT_DEFER, JOURNAL_WOULD,
         "limit.hit",
         "mortsafe_limit_hits_total{limit=\"hit\",deed=\"would\"} 2"},
        {"a name that is too long is cut",
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         METRICS_DATA, VERDICT_HOLD, JOURNAL_DONE, "a",
         "mortsafe_decisions_total{listener=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\",stage=\"data\",action=\"hold\","
         "deed=\"done\",rule=\"a\"} 2"},
    };
    struct metrics *metrics = make();

    (void)state;
    for (unsigned twice = 0; twice < 2; twice++)
        for (size_t i = 0; i < ROWS(rows); i++)
            metrics_decision(metrics, rows[i].listener, rows[i].stage,
                             rows[i].action, rows[i].deed, rows[i].rule);
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_line(metrics, rows[i].line);
    metrics_destroy(metrics);
}

/* Whatever comes, there are no more than so many lines. */
static void
test_bound(void **state)
{
    struct lab *lab = make_lab(STORE_MEMORY);
    struct metrics *metrics = make();
    char rule[32], *text;
    size_t lines = 0;

    (void)state;
    for (unsigned i = 0; i < 2500; i++) {
        (void)snprintf(rule, sizeof(rule), "limit.n%u", i);
        metrics_decision(metrics, "mx", METRICS_RCPT, VERDICT_DEFER,
                         JOURNAL_DONE, rule);
    }
    metrics_decision(metrics, "mx", METRICS_RCPT, VERDICT_DEFER, JOURNAL_DONE,
                     "limit.n1999");
    expect_line(metrics,
                "mortsafe_decisions_total{listener=\"mx\",stage=\"rcpt\","
                "action=\"defer\",deed=\"done\",rule=\"limit.n1999\"} 2");
    expect_line(metrics,
                "mortsafe_decisions_total{listener=\"other\",stage=\"rcpt\","
                "action=\"defer\",deed=\"done\",rule=\"other\"} 500");
    text = print(metrics, &lab->now);
    for (const char *at = text;
         (at = strstr(at, "\nmortsafe_decisions_total{")) != NULL; at++)
        lines++;
    assert_int_equal(lines, 2001);
    free(text);
    free(lab);
    metrics_destroy(metrics);
}

static void
test_times(void **state)
{
    static const struct {
        const char *row;
        int64_t took_us;
        const char *in, *not_in; /* "le" of the first bucket, of the last
                                    without it */
        const char *sum;
    } rows[] = {
        {"no time at all", 0, "0.00025", NULL, "0.000000"},
        {"a clock that went back", -5, "0.00025", NULL, "0.000000"},
        {"the end of the first", 250, "0.00025", NULL, "0.000250"},
        {"just behind it", 251, "0.0005", "0.00025", "0.000251"},
        {"a second", 1000000, "1", "0.5", "1.000000"},
        {"the end of the last", 5000000, "5", "2.5", "5.000000"},
        {"just behind it", 5000001, "+Inf", "5", "5.000001"},
        {"an hour", 3600000000, "+Inf", "5", "3600.000000"},
    };
    char line[128];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct metrics *metrics = make();

        metrics_callback(metrics, METRICS_MAIL, rows[i].took_us);
        (void)snprintf(line, sizeof(line),
                       "mortsafe_callback_seconds_bucket{stage=\"mail\","
                       "le=\"%s\"} 1",
                       rows[i].in);
        expect_line(metrics, line);
        if (rows[i].not_in != NULL) {
            (void)snprintf(line, sizeof(line),
                           "mortsafe_callback_seconds_bucket{stage=\"mail\","
                           "le=\"%s\"} 0",
                           rows[i].not_in);
            expect_line(metrics, line);
        }
        (void)snprintf(line, sizeof(line),
                       "mortsafe_callback_seconds_sum{stage=\"mail\"} %s",
                       rows[i].sum);
        expect_line(metrics, line);
        expect_line(metrics, "mortsafe_callback_seconds_bucket{stage=\"mail\","
                             "le=\"+Inf\"} 1");
        expect_line(metrics,
                    "mortsafe_callback_seconds_count{stage=\"mail\"} 1");
        expect_line(metrics,
                    "mortsafe_callback_seconds_count{stage=\"rcpt\"} 0");
        metrics_destroy(metrics);
    }
}

static void
test_reloads(void **state)
{
    struct metrics *metrics = make();
    uint64_t ok, failed;
    int64_t last_s;
    bool last_ok;

    (void)state;
    metrics_reloads(metrics, &ok, &failed, &last_s, &last_ok);
    assert_true(ok == 0 && failed == 0 && last_s == 0 && last_ok);
    expect_line(metrics, "mortsafe_last_reload_successful 1");
    expect_line(metrics, "mortsafe_last_reload_success_timestamp_seconds "
                         "1800000000"); /* the start */
    metrics_reload(metrics, false);
    metrics_reloads(metrics, &ok, &failed, &last_s, &last_ok);
    assert_true(ok == 0 && failed == 1 && last_s > 0 && !last_ok);
    expect_line(metrics, "mortsafe_last_reload_successful 0");
    metrics_reload(metrics, true);
    metrics_reload(metrics, true);
    metrics_reloads(metrics, &ok, &failed, &last_s, &last_ok);
    assert_true(ok == 2 && failed == 1 && last_s > 0 && last_ok);
    metrics_destroy(metrics);
}

static void
test_process(void **state)
{
    struct lab *lab = make_lab(STORE_MEMORY);
    struct metrics *metrics = make();
    char *text = print(metrics, &lab->now);
    unsigned long long n;

    (void)state;
    assert_non_null(strstr(text, "\nprocess_cpu_seconds_total "));
    assert_int_equal(sscanf(strstr(text, "\nprocess_threads "),
                            "\nprocess_threads %llu", &n),
                     1);
    assert_true(n >= 1 && n < 100);
    assert_int_equal(sscanf(strstr(text, "\nprocess_open_fds "),
                            "\nprocess_open_fds %llu", &n),
                     1);
    assert_true(n >= 3 && n < 1000);
    assert_int_equal(sscanf(strstr(text, "\nprocess_resident_memory_bytes "),
                            "\nprocess_resident_memory_bytes %llu", &n),
                     1);
    assert_true(n > 500000);
    free(text);
    free(lab);
    metrics_destroy(metrics);
}

/* A scrape with as many lines as there can be takes under 5 ms. */
static void
test_speed(void **state)
{
    struct lab *lab = make_lab(STORE_REDIS);
    struct metrics *metrics = make();
    clock_t best = CLOCKS_PER_SEC;
    char rule[32];

    (void)state;
    fill(metrics);
    for (unsigned i = 0; i < 2500; i++) {
        (void)snprintf(rule, sizeof(rule), "limit.n%u", i);
        metrics_decision(metrics, "submission", METRICS_RCPT, VERDICT_DEFER,
                         JOURNAL_DONE, rule);
    }
    for (unsigned i = 0; i < 10; i++) {
        clock_t began = clock(), took;

        free(print(metrics, &lab->now));
        took = clock() - began;
        if (took < best)
            best = took;
    }
    print_message("# at most %ld us\n",
                  (long)(best * 1000000 / CLOCKS_PER_SEC));
    assert_true(best < CLOCKS_PER_SEC / 200 * SLOWER);
    free(lab);
    metrics_destroy(metrics);
}

/* ----- many at once */

static void *
run(void *arg)
{
    struct metrics *metrics = arg;
    struct lab *lab = make_lab(STORE_MEMORY);
    char rule[32];

    for (unsigned i = 0; i < NOTES; i++) {
        (void)snprintf(rule, sizeof(rule), "limit.n%u", i % 100);
        metrics_decision(metrics, "mx", METRICS_RCPT, VERDICT_DEFER,
                         JOURNAL_DONE, rule);
        metrics_callback(metrics, METRICS_RCPT, 300);
        metrics_recipients(metrics, HISTORY_ACCEPTED, 2);
        metrics_request(metrics, true, 200);
        if (i % 1000 == 0) {
            metrics_reload(metrics, true);
            free(print(metrics, &lab->now));
        }
    }
    free(lab);
    return NULL;
}

static void
test_threads(void **state)
{
    struct metrics *metrics = make();
    pthread_t thread[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run, metrics), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    expect_line(metrics,
                "mortsafe_decisions_total{listener=\"mx\",stage=\"rcpt\","
                "action=\"defer\",deed=\"done\",rule=\"limit.n7\"} 200");
    expect_line(metrics, "mortsafe_callback_seconds_count{stage=\"rcpt\"} "
                         "20000");
    expect_line(metrics, "mortsafe_recipients_total{outcome=\"accepted\"} "
                         "40000");
    expect_line(metrics, "mortsafe_api_requests_total{face=\"status\","
                         "code=\"200\"} 20000");
    expect_line(metrics, "mortsafe_reloads_total{result=\"ok\"} 20");
    metrics_destroy(metrics);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_local_store), cmocka_unit_test(test_no_zombies),
        cmocka_unit_test(test_decisions),   cmocka_unit_test(test_bound),
        cmocka_unit_test(test_times),       cmocka_unit_test(test_reloads),
        cmocka_unit_test(test_process),     cmocka_unit_test(test_speed),
        cmocka_unit_test(test_threads),
    };
    char *text;

    (void)argv;
    if (argc == 1)
        return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
    text = page_of_all();
    (void)fputs(text, stdout);
    free(text);
    return 0;
}
