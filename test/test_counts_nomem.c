/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is counted for later questions, while the n-th allocation fails, for
 * every n: a count may be lost, what is asked for says MS_NOMEM, and all goes
 * on.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/api/alias.h"
#include "milter/counts/history.h"
#include "milter/counts/metrics.h"
#include "milter/counts/picture.h"
#include "milter/counts/top.h"
#include "policy/limit.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { SUBJECTS = 60, MOST = 40 };

static unsigned long refused; /* times that no memory was told */

/* Call WORK with the first allocation failing, the second, and so on until
 * none does. */
static void
try_all(void (*work)(void))
{
    unsigned long n = 1;

    refused = 0;
    for (bool failed = true; failed; n++) {
        scarce_set(n);
        work();
        failed = scarce_left() == 0;
        scarce_set(0);
    }
    assert_true(n > 2 && refused > 0);
}

static struct subject
numbered(unsigned n)
{
    struct subject subject;
    char name[32];

    (void)snprintf(name, sizeof(name), "user%u", n);
    assert_true(subject_make(SUBJECT_USER, name, &subject));
    return subject;
}

/* ----- histories */

static void
work_history(void)
{
    struct history *history = NULL;
    void *bytes = NULL;
    size_t len;
    enum ms_err err = history_create(&history);

    if (err == MS_OK) {
        for (int64_t i = 0; i < 100; i++)
            history_note(history, HISTORY_HELD, 1, (struct wall){i * 60});
        err = history_save(history, &bytes, &len);
    }
    if (err == MS_OK)
        err = history_load(history, bytes, len);
    assert_true(err == MS_OK || err == MS_NOMEM);
    refused += err == MS_NOMEM;
    free(bytes);
    history_destroy(history);
}

static void
test_history(void **state)
{
    (void)state;
    try_all(work_history);
}

/* ----- pictures */

static void
note(struct pictures *pictures, unsigned n, uint32_t count)
{
    struct subject subject = numbered(n);

    picture_note(pictures, &subject, METRIC_MESSAGES, count,
                 (struct wall){1800000000});
}

static unsigned
known(struct pictures *pictures)
{
    unsigned n = 0;

    for (unsigned i = 0; i < SUBJECTS; i++) {
        struct subject subject = numbered(i);
        struct picture_view view;

        n += picture_view(pictures, &subject, (struct wall){1800000000}, &view);
    }
    return n;
}

static void
work_notes(void)
{
    struct pictures *pictures = NULL;

    if (pictures_create(MOST, &pictures) != MS_OK) {
        refused++;
        return;
    }
    for (unsigned i = 0; i < SUBJECTS; i++)
        note(pictures, i, i % 2 == 0 ? 1 : 70000);
    assert_in_range(known(pictures), MOST - 1, MOST);
    for (unsigned i = 0; i < SUBJECTS; i++)
        note(pictures, i, 70000);
    assert_in_range(known(pictures), MOST - 1, MOST);
    pictures_destroy(pictures);
}

static void
work_pictures(void)
{
    struct pictures *pictures = NULL, *other = NULL;
    void *bytes = NULL;
    size_t len;
    enum ms_err err = pictures_create(MOST, &pictures);

    if (err == MS_OK)
        err = pictures_create(MOST, &other);
    if (err == MS_OK) {
        for (unsigned i = 0; i < 5; i++)
            note(pictures, i, 70000);
        err = pictures_save(pictures, &bytes, &len);
    }
    if (err == MS_OK) {
        unsigned all = known(pictures);

        err = pictures_load(other, bytes, len);
        assert_int_equal(known(other), err == MS_OK ? all : 0);
        note(other, 7, 1);
    }
    assert_true(err == MS_OK || err == MS_NOMEM);
    refused += err == MS_NOMEM;
    free(bytes);
    pictures_destroy(pictures);
    pictures_destroy(other);
}

static void
test_pictures(void **state)
{
    (void)state;
    try_all(work_notes);
    try_all(work_pictures);
}

/* ----- top */

static struct config *config;

static void
work_top(void)
{
    struct store_record record = {.n_windows = 1};
    struct top *top = NULL;
    struct subject *list = NULL;
    size_t n = 0;
    enum ms_err err = top_create(&top);

    for (unsigned i = 0; err == MS_OK && i < SUBJECTS; i++) {
        const struct limit *limit = config->limits[0];

        record.subject = numbered(i);
        record.windows[0] =
            (struct store_window){.window = limit_window(limit, 3600),
                                  .span_s = 3600,
                                  .limit = 100,
                                  .used = i + 1};
        top_rank(top, config, &record);
    }
    if (err == MS_OK)
        err = top_list(top, record.subject.kind, TOP_SHARE, &list, &n);
    assert_true(err == MS_NOMEM || n >= SUBJECTS - 1);
    refused += err == MS_NOMEM;
    free(list);
    top_destroy(top);
}

static void
test_top(void **state)
{
    const struct config_report report = {.error = NULL, .warning = NULL};

    (void)state;
    assert_int_equal(
        config_load_text("test", "domains local { list = example.org }\n",
                         (struct wall){1800000000}, &report, &config),
        MS_OK);
    try_all(work_top);
    config_destroy(config);
}

/* ----- metrics */

/* None is lost: those without a line of their own are "other". */
static void
work_metrics(void)
{
    struct metrics *metrics = NULL;
    struct store_stats store = {.bytes = 0};
    struct daemon_counts counts = {.sessions = 0};
    const struct metrics_now now = {.store = &store, .counts = &counts};
    unsigned long long all = 0;
    char line[256], rule[16];
    FILE *page;

    if (metrics_create(&metrics) != MS_OK) {
        refused++;
        return;
    }
    for (unsigned i = 0; i < SUBJECTS; i++) {
        (void)snprintf(rule, sizeof(rule), "limit.%u", i);
        metrics_decision(metrics, "mx", METRICS_RCPT, VERDICT_DEFER,
                         JOURNAL_DONE, rule);
    }
    page = tmpfile();
    assert_non_null(page);
    metrics_print(metrics, &now, page);
    rewind(page);
    while (fgets(line, sizeof(line), page) != NULL)
        if (strncmp(line, "mortsafe_decisions_total{", 25) == 0)
            all += strtoull(strrchr(line, ' ') + 1, NULL, 10);
    assert_int_equal(fclose(page), 0);
    assert_int_equal(all, SUBJECTS);
    metrics_destroy(metrics);
}

static void
test_metrics(void **state)
{
    (void)state;
    try_all(work_metrics);
}

/* ----- pseudonyms */

static void
work_alias(void)
{
    static const uint8_t key[ALIAS_KEY] = {0};
    json_t *json = json_pack("{s:s, s:[s]}", "user", "ann", "to", "bob");
    struct alias *alias = NULL;
    enum ms_err err = alias_create(key, &alias);

    assert_non_null(json);
    if (err == MS_OK)
        err = alias_json(alias, json);
    assert_true(err == MS_NOMEM || err == MS_OK);
    refused += err == MS_NOMEM;
    if (err == MS_OK)
        assert_string_not_equal(
            json_string_value(json_object_get(json, "user")), "ann");
    json_decref(json);
    alias_destroy(alias);
}

static void
test_alias(void **state)
{
    (void)state;
    try_all(work_alias);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_history), cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_top),     cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_alias),
    };

    return cmocka_run_group_tests_name("counts_nomem", tests, NULL, NULL);
}
