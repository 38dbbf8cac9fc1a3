/* SPDX-License-Identifier: BSD-2-Clause */
/* What those hear who are asked later, of sessions as an MTA tells them. */
#include <config.h>

#include "milter/counts/ears.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/callbacks.h"
#include "milter/counts/picture.h"
#include "milter/counts/top.h"
#include "milter/now.h"
#include "policy/acts.h"
#include "test/dialog.h"
#include "test/unit.h"

#define SITE                                                                   \
    "domains local { list = example.org }\n"                                   \
    "network office { addr = 192.0.2.0/24 relay = any }\n"                     \
    "store { type = memory }\n"                                                \
    "limit burst { off = yes }\n"
#define ENFORCE "mode = enforce\n" SITE
#define OBSERVE "mode = observe\n" SITE
#define ANN                                                                    \
    "C 203.0.113.7 587\nL ann@example.org <ann@example.org>\n"                 \
    "R <a@x.test>\nR <b@x.test>\nR <bob@example.org>\n"
#define TWO(mode)                                                              \
    "limit rcpts { key = user count = recipients rate = 2/1h " mode " }\n"

static const struct row {
    const char *name, *config, *script;
    uint32_t outcome[HISTORY_OUTCOMES]; /* accepted, deferred, rejected, held,
                                           would */
    const char *subject;
    uint32_t picture[PICTURE_ROWS]; /* connections, messages, recipients,
                                       external, bad, bytes, refused */
} rows[] = {
    {"a message of three",
     ENFORCE,
     ANN "E",
     {3, 0, 0, 0, 0},
     "user:ann@example.org",
     {0, 1, 3, 2, 0, 0, 0}},
    {"one that is aborted",
     ENFORCE,
     ANN "A",
     {0, 0, 0, 0, 0},
     "client:203.0.113.7",
     {1, 0, 0, 0, 0, 0, 0}},
    {"a connection is the client's",
     ENFORCE,
     ANN "E",
     {3, 0, 0, 0, 0},
     "client:203.0.113.7",
     {1, 0, 0, 0, 0, 0, 0}},
    {"a stranger's refused recipient",
     ENFORCE,
     "C 203.0.113.7 25\nM <s@x.test>\nR <v@x.test>\nR <bob@example.org>\nE",
     {1, 0, 1, 0, 0},
     "client:203.0.113.7",
     {1, 1, 1, 0, 0, 0, 1}},
    {"in observe mode it goes through and is one that would be",
     OBSERVE,
     "C 203.0.113.7 25\nM <s@x.test>\nR <v@x.test>\nR <bob@example.org>\nE",
     {1, 0, 0, 0, 1},
     "client:203.0.113.7",
     {1, 1, 2, 0, 0, 0, 0}},
    {"a refused MAIL is one",
     ENFORCE,
     "C 203.0.113.7 587\nM <s@x.test>",
     {0, 0, 1, 0, 0},
     "client:203.0.113.7",
     {1, 0, 0, 0, 0, 0, 1}},
    {"in observe mode all its recipients would be",
     OBSERVE,
     "C 203.0.113.7 587\nM <s@x.test>\nR <a@x.test>\nR <b@x.test>\nE",
     {0, 0, 0, 0, 2},
     "client:203.0.113.7",
     {1, 1, 2, 0, 0, 0, 0}},
    {"a limit that defers",
     ENFORCE TWO(""),
     ANN "E",
     {2, 1, 0, 0, 0},
     "user:ann@example.org",
     {0, 1, 2, 2, 0, 0, 1}},
    {"a limit on trial",
     ENFORCE TWO("mode = observe"),
     ANN "E",
     {2, 0, 0, 0, 1},
     "user:ann@example.org",
     {0, 1, 3, 2, 0, 0, 0}},
    {"a limit that holds",
     ENFORCE TWO("action = hold"),
     ANN "E",
     {0, 0, 0, 3, 0},
     "user:ann@example.org",
     {0, 1, 3, 2, 0, 0, 0}},
    {"what the MTA refuses as unknown",
     ENFORCE,
     "C 203.0.113.7 25\nM <s@x.test>\nX 5.1.1 <no@example.org>\nA",
     {0, 0, 0, 0, 0},
     "client:203.0.113.7",
     {1, 0, 0, 0, 1, 0, 0}},
    {"an IPv6 client is its /64",
     ENFORCE,
     "C 2001:db8::7 25\nM <s@x.test>\nR <bob@example.org>\nE",
     {1, 0, 0, 0, 0},
     "client:2001:db8::/64",
     {1, 1, 1, 0, 0, 0, 0}},
    {"octets are KiB, and only of who counts them",
     ENFORCE "limit octets { key = user count = bytes rate = 9M/1h }\n",
     "C 203.0.113.7 587\nL ann@example.org <ann@example.org>\n"
     "R <a@x.test>\nB 3000\nE",
     {1, 0, 0, 0, 0},
     "user:ann@example.org",
     {0, 1, 1, 1, 0, 3, 0}},
    {"without CONNECT there is no client",
     ENFORCE,
     "M <s@x.test>\nR <v@x.test>\nR <bob@example.org>\nE",
     {1, 0, 1, 0, 0},
     "client:unknown",
     {0, 0, 0, 0, 0, 0, 0}},
};

/* Ears with all but a clerk. */
static void
make_ears(struct daemon_ears *out)
{
    *out = (struct daemon_ears){0};
    assert_int_equal(metrics_create(&out->metrics), MS_OK);
    assert_int_equal(history_create(&out->history), MS_OK);
    assert_int_equal(pictures_create(100, &out->pictures), MS_OK);
    assert_int_equal(top_create(&out->top), MS_OK);
    assert_int_equal(sights_create((struct wall){1}, &out->sights), MS_OK);
}

static void
end_ears(struct daemon_ears *ears)
{
    metrics_destroy(ears->metrics);
    history_destroy(ears->history);
    pictures_destroy(ears->pictures);
    top_destroy(ears->top);
    sights_destroy(ears->sights);
}

static void
play(struct dialog *dialog, const char *script)
{
    char answers[256];
    SMFICTX *ctx = fake_create();

    dialog_play(dialog, ctx, script, answers, sizeof(answers));
    dialog_play(dialog, ctx, "Q", answers, sizeof(answers));
    fake_destroy(ctx);
}

static void
check_history(const struct row *row, struct history *history)
{
    struct history_view *view = calloc(1, sizeof(*view));

    assert_non_null(view);
    history_view(history, HISTORY_MONTH, now_read().wall, view);
    for (size_t i = 0; i < HISTORY_OUTCOMES; i++) {
        uint32_t sum = 0;

        for (size_t j = 0; j < view->n; j++)
            sum += view->count[i][j];
        if (sum != row->outcome[i])
            fail_msg("%s: %u %s", row->name, sum,
                     history_outcome_name((enum history_outcome)i));
    }
    free(view);
}

static void
check_picture(const struct row *row, struct pictures *pictures)
{
    struct picture_view *view = calloc(1, sizeof(*view));
    struct subject subject;

    assert_non_null(view);
    assert_int_equal(subject_parse(row->subject, &subject, NULL), MS_OK);
    (void)picture_view(pictures, &subject, now_read().wall, view);
    for (unsigned i = 0; i < PICTURE_ROWS; i++) {
        uint32_t sum = 0;

        for (size_t j = 0; j < PICTURE_DAYS; j++)
            sum += view->day[i][j];
        if (sum != row->picture[i])
            fail_msg("%s: %u %s of %s", row->name, sum, picture_row_name(i),
                     row->subject);
    }
    free(view);
}

static void
hears_what_came_of_recipients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dialog *dialog = dialog_create(rows[i].config);
        struct daemon_ears ears;

        make_ears(&ears);
        daemon_set_ears(dialog_daemon(dialog), &ears);
        play(dialog, rows[i].script);
        free(dialog_destroy(dialog));
        check_history(&rows[i], ears.history);
        check_picture(&rows[i], ears.pictures);
        end_ears(&ears);
    }
}

/* The number behind NAME in what is printed for Prometheus; -1: not there. */
static double
metric(struct metrics *metrics, const char *name)
{
    static struct store_stats store;
    static struct daemon_counts counts;
    const struct metrics_now now = {.now = now_read(),
                                    .mode = MODE_ENFORCE,
                                    .store = &store,
                                    .counts = &counts};
    char *text = NULL, *found;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    double value;

    assert_non_null(out);
    metrics_print(metrics, &now, out);
    assert_int_equal(fclose(out), 0);
    found = strstr(text, name);
    value = found != NULL ? strtod(found + strlen(name), NULL) : -1;
    free(text);
    return value;
}

static void
counts_callbacks_by_stage(void **state)
{
    static const struct {
        const char *stage;
        double n;
    } expected[] = {{"connect", 1}, {"mail", 1}, {"rcpt", 3}, {"data", 2}};
    struct dialog *dialog = dialog_create(ENFORCE);
    struct daemon_ears ears;
    char name[128];

    (void)state;
    make_ears(&ears);
    daemon_set_ears(dialog_daemon(dialog), &ears);
    play(dialog, ANN "H 10\nB 10\nE");
    free(dialog_destroy(dialog));
    for (size_t i = 0; i < ROWS(expected); i++) {
        (void)snprintf(name, sizeof(name),
                       "mortsafe_callback_seconds_count{stage=\"%s\"} ",
                       expected[i].stage);
        if (metric(ears.metrics, name) < expected[i].n)
            fail_msg("%s: %f", name, metric(ears.metrics, name));
    }
    end_ears(&ears);
}

static void
works_for_the_deaf(void **state)
{
    struct dialog *dialog = dialog_create(ENFORCE);

    (void)state;
    play(dialog, ANN "E");
    free(dialog_destroy(dialog));
}

/* ----- acts */

static struct acts *
observe_until(struct wall until)
{
    struct act act = {.id = "7K2M9QXD",
                      .kind = ACT_MODE,
                      .mode = MODE_OBSERVE,
                      .since = now_read().wall,
                      .until = until};
    struct acts *acts;

    act.subject.kind = SUBJECT_KINDS;
    assert_int_equal(acts_create(&act, 1, &acts), MS_OK);
    return acts;
}

static void
follows_another_mode(void **state)
{
    static const char script[] =
        "C 203.0.113.7 25\nM <s@x.test>\nR <v@x.test>\nA";
    struct dialog *dialog = dialog_create(ENFORCE);
    struct daemon *daemon = dialog_daemon(dialog);
    const struct wall now = now_read().wall;
    char answers[64];
    SMFICTX *ctx = fake_create();

    (void)state;
    dialog_play(dialog, ctx, script, answers, sizeof(answers));
    assert_string_equal(answers, "c c 550 c");
    assert_int_equal(daemon_mode(daemon, now), MODE_ENFORCE);

    daemon_acts_swap(daemon, observe_until((struct wall){now.s + 3600}));
    dialog_play(dialog, ctx, script, answers, sizeof(answers));
    assert_string_equal(answers, "c c c c");
    assert_int_equal(daemon_mode(daemon, now), MODE_OBSERVE);
    assert_int_equal(daemon_mode(daemon, (struct wall){now.s + 3600}),
                     MODE_ENFORCE);

    /* a message keeps what it has begun with */
    dialog_play(dialog, ctx, "M <s@x.test>", answers, sizeof(answers));
    daemon_acts_swap(daemon, NULL);
    dialog_play(dialog, ctx, "R <v@x.test>\nA", answers, sizeof(answers));
    assert_string_equal(answers, "c c");
    dialog_play(dialog, ctx, script, answers, sizeof(answers));
    assert_string_equal(answers, "c c 550 c");

    /* failures of our own follow it, too */
    dialog_store(dialog, DIALOG_REFUSES);
    dialog_play(dialog, ctx, "C 192.0.2.9 25\nM <s@x.test>\nR <v@x.test>",
                answers, sizeof(answers));
    assert_non_null(strstr(answers, "451"));
    daemon_acts_swap(daemon, observe_until((struct wall){now.s + 3600}));
    dialog_play(dialog, ctx, "C 192.0.2.9 25\nM <s@x.test>\nR <v@x.test>",
                answers, sizeof(answers));
    assert_null(strstr(answers, "451"));
    dialog_play(dialog, ctx, "Q\nR <v@x.test>", answers, sizeof(answers));
    assert_string_equal(answers, "c c");
    dialog_play(dialog, ctx, "Q", answers, sizeof(answers));
    fake_destroy(ctx);
    free(dialog_destroy(dialog));
}

/* What the MTA shows: the dialog says its port, and no {daemon_name}. */
static void
sees_the_mta(void **state)
{
    static const struct {
        enum sights_macro macro;
        uint64_t asked, missing;
    } expected[] = {{SIGHTS_DAEMON_PORT, 2, 0},
                    {SIGHTS_LOGIN, 1, 0},
                    {SIGHTS_MAILER, 2, 0},
                    {SIGHTS_DAEMON_NAME, 2, 2}};
    struct sights_view *view = calloc(1, sizeof(*view));
    struct dialog *dialog = dialog_create(ENFORCE);
    struct daemon_ears ears;

    (void)state;
    assert_non_null(view);
    make_ears(&ears);
    daemon_set_ears(dialog_daemon(dialog), &ears);
    play(dialog, "C 203.0.113.7 25\nM <s@x.test>\nR <bob@example.org>\nE");
    play(dialog, "C 203.0.113.7 587\nL ann@example.org <ann@example.org>\n"
                 "R <a@x.test>\nE");
    free(dialog_destroy(dialog));
    sights_read(ears.sights, view);
    assert_int_equal(view->n_listeners, 2);
    assert_string_equal(view->listener[1].name, "submission");
    assert_string_equal(view->listener[1].port, "587");
    assert_int_equal(view->listener[1].sessions, 1);
    assert_int_equal(view->listener[1].messages, 1);
    assert_int_equal(view->listener[1].logins, 1);
    assert_int_equal(view->listener[0].logins, 0);
    assert_int_equal(view->logins, 0); /* no header is read here */
    for (size_t i = 0; i < ROWS(expected); i++) {
        expect(sights_macro_name(expected[i].macro),
               view->macro[expected[i].macro].asked == expected[i].asked);
        expect(sights_macro_name(expected[i].macro),
               view->macro[expected[i].macro].missing == expected[i].missing);
    }
    end_ears(&ears);
    free(view);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_what_came_of_recipients),
        cmocka_unit_test(counts_callbacks_by_stage),
        cmocka_unit_test(sees_the_mta),
        cmocka_unit_test(works_for_the_deaf),
        cmocka_unit_test(follows_another_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
