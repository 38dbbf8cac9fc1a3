/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/callbacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfdef.h>

#include "milter/session.h"
#include "test/dialog.h"
#include "test/unit.h"

#define SITE                                                                   \
    "domains local { list = example.org }\n"                                   \
    "network office { addr = 192.0.2.0/24 relay = any }\n"                     \
    "store { type = memory }\n"
#define ENFORCE "mode = enforce\n" SITE
#define OBSERVE "mode = observe\n" SITE
#define NOT_DEFAULT                                                            \
    "limit burst { off = yes }\nlimit message { off = yes }\n"                 \
    "limit user { off = yes }\nlimit user_all { off = yes }\n"                 \
    "limit user_bad { off = yes }\nlimit relay { off = yes }\n"                \
    "limit connect { off = yes }\nlimit harvest { off = yes }\n"               \
    "zombie account { off = yes }\nzombie machine { off = yes }\n"
#define BARE ENFORCE NOT_DEFAULT
#define RCPTS "limit rcpts { key = user count = recipients rate = 3/1h }\n"

static const char stranger[] = "C 203.0.113.7 25\nM <s@spam.test>\n";

static const struct row {
    const char *name, *config, *script, *answers;
} rows[] = {
    /* who may relay */
    {"a stranger may write to us and not through us", ENFORCE,
     "C 203.0.113.7 25\nM <s@spam.test>\nR <v@victim.test>\n"
     "R <bob@example.org>\nE\nQ",
     "c c 550 c c c"},
    {"an office may write through us", ENFORCE,
     "C 192.0.2.9 25\nM <s@spam.test>\nR <v@victim.test>\nE", "c c c c"},
    {"a login may write through us on submission", ENFORCE,
     "C 203.0.113.7 587\nL ann@example.org <ann@example.org>\n"
     "R <v@victim.test>\nE",
     "c c c c"},
    {"submission needs a login", ENFORCE, "C 203.0.113.7 587\nM <s@spam.test>",
     "c 530"},
    {"a login ends with its message", ENFORCE,
     "C 203.0.113.7 25\nL ann@example.org <ann@example.org>", "c 550"},
    {"MAIL without CONNECT is a stranger's", ENFORCE,
     "M <s@spam.test>\nR <v@victim.test>\nR <bob@example.org>", "c 550 c"},
    {"no address is a stranger's", ENFORCE,
     "C - 25\nM <s@spam.test>\nR <v@victim.test>", "c c 550"},
    {"a Unix socket is a stranger's", ENFORCE,
     "C / 25\nM <s@spam.test>\nR <v@victim.test>", "c c 550"},
    {"no port is a stranger's", ENFORCE,
     "C 203.0.113.7 -\nM <s@spam.test>\nR <v@victim.test>", "c c 550"},
    {"Sendmail's standard input is local", ENFORCE,
     "C 0 -\nM <root>\nR <v@victim.test>\nE", "c c c c"},
    {"{client_addr} = 0 of an address is not standard input", ENFORCE,
     "C 203.0.113.7 -\nM <root>\nR <v@victim.test>", "c c 550"},
    {"a listener to be skipped ends the session's filtering",
     ENFORCE "listener reinject { port = 10025 skip = yes from = loopback }\n",
     "C 127.0.0.1 10025", "a"},
    {"but not for others",
     ENFORCE "listener reinject { port = 10025 skip = yes from = loopback }\n",
     "C 203.0.113.7 10025\nM <s@spam.test>\nR <v@victim.test>", "c c 550"},

    /* order */
    {"RCPT without MAIL is deferred", ENFORCE,
     "C 203.0.113.7 25\nR <bob@example.org>", "c 451"},
    {"RCPT without anything is deferred", ENFORCE, "R <bob@example.org>",
     "451"},
    {"an end without MAIL is deferred", ENFORCE, "E", "451"},
    {"abort and close without anything", ENFORCE, "A\nQ\nQ\nA", "c c c c"},
    {"RCPT after an end is deferred", ENFORCE,
     "C 192.0.2.9 25\nM <a@b.test>\nR <v@victim.test>\nE\nR <v@victim.test>\nE",
     "c c c c 451 451"},
    {"RCPT after a refused MAIL is deferred", ENFORCE,
     "C 203.0.113.7 587\nM <a@b.test>\nR <bob@example.org>", "c 530 451"},
    {"RCPT after an abort is deferred", ENFORCE,
     "C 192.0.2.9 25\nM <a@b.test>\nA\nR <v@victim.test>", "c c c 451"},
    {"MAIL after MAIL begins anew", ENFORCE,
     "C 192.0.2.9 25\nM <a@b.test>\nM <c@d.test>\nR <v@victim.test>\nE",
     "c c c c c"},
    {"CONNECT after CONNECT begins anew", ENFORCE,
     "C 192.0.2.9 25\nM <a@b.test>\nC 203.0.113.7 25\nM <a@b.test>\n"
     "R <v@victim.test>",
     "c c c c 550"},
    {"a body without a message", ENFORCE, "H 9\nB 9\nC 192.0.2.9 25\nB 9",
     "c c c c"},
    {"an end without recipients", ENFORCE, "C 192.0.2.9 25\nM <a@b.test>\nE",
     "c c c"},
    {"close ends all, and MAIL begins as a stranger's", ENFORCE,
     "C 192.0.2.9 25\nM <a@b.test>\nQ\nM <a@b.test>\nR <v@victim.test>",
     "c c c c 550"},

    /* what the MTA says of recipients */
    {"a refused recipient is not asked about", ENFORCE,
     "C 203.0.113.7 25\nM <s@spam.test>\nX 5.1.1 <no@example.org>", "c c c"},
    {"a virtual alias is not a refused one", ENFORCE,
     "C 203.0.113.7 25\nM <s@spam.test>\n"
     "X 5.1.1_User_unknown <info@victim.test>\n"
     "X 5.1.1_User_unknown <info@example.org>",
     "c c 550 c"},
    {"a refused recipient opens nothing, were it not refused", ENFORCE,
     "C 203.0.113.7 25\nM <s@spam.test>\nX 5.1.1 <v@victim.test>\n"
     "X 4.7.1 <v@victim.test>",
     "c c 550 550"},
    {"unknown recipients count, and tell at the next one",
     BARE "limit bad { key = client count = bad_recipients rate = 2/1h }\n",
     "C 203.0.113.7 25\nM <s@spam.test>\nX 5.1.1 <a@example.org>\n"
     "R <bob@example.org>\nX 5.1.1 <b@example.org>\nR <bob@example.org>\n"
     "M <s@spam.test>",
     "c c c c c 450 450"},
    {"recipients refused for another reason do not",
     BARE "limit bad { key = client count = bad_recipients rate = 2/1h }\n",
     "C 203.0.113.7 25\nM <s@spam.test>\nX 4.2.0 <a@example.org>\n"
     "X 5.7.1 <b@example.org>\nR <bob@example.org>",
     "c c c c c"},

    /* limits */
    {"the fourth of three recipients is deferred", BARE RCPTS,
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>\n"
     "R <b@a.test>\nR <c@a.test>\nR <d@a.test>\nE",
     "c c c c c 450 c"},
    {"what ends in an abort does not count", BARE RCPTS,
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>\n"
     "R <b@a.test>\nA\nL u@example.org <u@example.org>\nR <a@a.test>\n"
     "R <b@a.test>\nR <c@a.test>\nE",
     "c c c c c c c c c c"},
    {"what ends in another MAIL does not count", BARE RCPTS,
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>\n"
     "R <b@a.test>\nL u@example.org <u@example.org>\nR <a@a.test>\n"
     "R <b@a.test>\nR <c@a.test>\nR <d@a.test>",
     "c c c c c c c c 450"},
    {"what was accepted counts", BARE RCPTS,
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>\n"
     "R <b@a.test>\nE\nL u@example.org <u@example.org>\nR <a@a.test>\n"
     "R <b@a.test>",
     "c c c c c c c 450"},
    {"a second limit that refuses leaves the first as it was",
     BARE RCPTS "limit one { key = user count = messages rate = 1/1h }\n",
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>\nE\n"
     "L u@example.org <u@example.org>\nR <a@a.test>\nR <a@a.test>\n"
     "R <a@a.test>\nA",
     "c c c c c 450 450 450 c"},
    {"too many connections: 421 at MAIL, once",
     BARE "limit con { key = client count = connections rate = 2/1h "
          "in = strangers }\n",
     "C 203.0.113.7 25\nM <s@spam.test>\nQ\nC 203.0.113.7 25\nQ\n"
     "C 203.0.113.7 25\nM <s@spam.test>\nM <s@spam.test>",
     "c c c c c c 421 c"},
    {"a limit that holds: accepted and held",
     BARE "limit hold { key = user count = recipients rate = 1/1h "
          "action = hold }\n",
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>\nE\n"
     "L u@example.org <u@example.org>\nR <a@a.test>\nE",
     "c c c c c c h"},
    {"SIZE= over a limit of bytes is refused at MAIL",
     BARE "limit b { key = client count = bytes rate = 10K/1h }\n",
     "C 203.0.113.7 25\nM <s@spam.test> SIZE=10240\nM <s@spam.test> size=10241",
     "c c 552"},
    {"a SIZE= beyond all numbers is refused",
     BARE "limit b { key = client count = bytes rate = 10K/1h }\n",
     "C 203.0.113.7 25\nM <s@spam.test> SIZE=99999999999999999999999", "c 552"},
    {"bytes that came count at the end",
     BARE "limit b { key = client count = bytes rate = 3K/1h }\n",
     "C 203.0.113.7 25\nM <s@spam.test>\nR <bob@example.org>\nH 500\nB 1000\n"
     "E\nM <s@spam.test>\nR <bob@example.org>\nH 500\nB 1000\nE",
     "c c c c c c c c c c 450"},
    {"without a body SIZE= counts",
     BARE "limit b { key = client count = bytes rate = 3K/1h }\n",
     "C 203.0.113.7 25\nM <s@spam.test> SIZE=2000\nR <bob@example.org>\nE\n"
     "M <s@spam.test>\nR <bob@example.org>\nE\n"
     "M <s@spam.test> SIZE=2000",
     "c c c c c c c 450"},

    /* looking on */
    {"who observes lets all through",
     OBSERVE NOT_DEFAULT RCPTS
     "limit con { key = client count = connections rate = 1/1h }\n",
     "C 203.0.113.7 25\nM <s@spam.test>\nR <v@victim.test>\nE\n"
     "C 203.0.113.7 587\nM <s@spam.test>\nR <v%a.test@example.org>\nE\n"
     "R <x>\nE\nL u@example.org <u@example.org>\nR <a@a.test>\nR <b@a.test>\n"
     "R <c@a.test>\nR <d@a.test>\nE",
     "c c c c c c c c c c c c c c c c"},

    /* strange arguments */
    {"an empty sender", ENFORCE, "C 192.0.2.9 25\nM \nR <v@victim.test>\nE",
     "c c c c"},
    {"an empty recipient", ENFORCE, "C 192.0.2.9 25\nM <a@b.test>\nR ",
     "c c 501"},
    {"the null sender as a recipient", ENFORCE, "C 192.0.2.9 25\nM <>\nR <>",
     "c c 501"},
};

static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dialog *dialog = dialog_create(rows[i].config);
        SMFICTX *ctx = fake_create();
        char answers[256], answer[DIALOG_ANSWER];
        struct daemon_counts counts;
        char *log;

        dialog_play(dialog, ctx, rows[i].script, answers, sizeof(answers));
        if (strcmp(answers, rows[i].answers) != 0)
            fail_msg("%s: answered %s", rows[i].name, answers);
        dialog_other(dialog, ctx, 'Q', answer);
        expect(rows[i].name, ctx->priv == NULL);
        daemon_counts(dialog_daemon(dialog), &counts);
        expect(rows[i].name, counts.sessions == 0 && counts.running == 0);
        log = dialog_destroy(dialog);
        expect(rows[i].name, strstr(log, "\n\n") == NULL);
        free(log);
        fake_destroy(ctx);
    }
}

/* ----- faults of our own */

static const struct fault_row {
    const char *name, *config;
    enum dialog_store store;
    const char *script, *answers, *log;
} faults[] = {
    {"a store that refuses defers", BARE RCPTS, DIALOG_REFUSES,
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>",
     "c c 451", "action=defer rule=error.store error=unavailable"},
    {"a store that hangs defers", BARE RCPTS, DIALOG_HANGS,
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>",
     "c c 451", "action=defer rule=error.store error=timeout"},
    {"on_error = accept accepts", "on_error = accept\n" BARE RCPTS,
     DIALOG_REFUSES,
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>\nE",
     "c c c c", "action=continue rule=error.store error=unavailable"},
    {"but no relay",
     "on_error = accept\n" BARE
     "limit con { key = client count = connections rate = 2/1h }\n",
     DIALOG_REFUSES,
     "C 203.0.113.7 25\nM <s@spam.test>\nR <v@victim.test>\n"
     "C 203.0.113.7 587\nM <s@spam.test>",
     "c c 550 c 530", "action=reject rule=relay.denied"},
    {"no setting opens a relay",
     BARE "limit con { key = client count = connections rate = 2/1h }\n",
     DIALOG_REFUSES, "C 203.0.113.7 25\nM <s@spam.test>\nR <v@victim.test>",
     "c 451 451", "rule=error.store"},
    {"a connection that was not counted defers once",
     BARE "limit con { key = client count = connections rate = 2/1h }\n",
     DIALOG_HANGS,
     "C 203.0.113.7 25\nM <s@spam.test>\nM <s@spam.test>\n"
     "R <bob@example.org>",
     "c 451 c c", "rule=error.store error=timeout"},
    {"who observes is not disturbed",
     OBSERVE NOT_DEFAULT RCPTS
     "limit con { key = client count = connections rate = 2/1h }\n",
     DIALOG_HANGS,
     "C 203.0.113.7 25\nM <s@spam.test>\nR <v@victim.test>\nE\n"
     "C 203.0.113.7 587\nL u@example.org <u@example.org>\nR <a@a.test>\nE",
     "c c c c c c c c", "would=defer rule=error.store error=timeout"},
    {"an unknown recipient is not our fault",
     BARE "limit bad { key = client count = bad_recipients rate = 2/1h }\n"
          "on_error = accept\n",
     DIALOG_REFUSES,
     "C 203.0.113.7 25\nM <s@spam.test>\nX 5.1.1 <a@example.org>", "c c c",
     "action=continue rule=error.store"},
};

static void
test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(faults); i++) {
        struct dialog *dialog = dialog_create(faults[i].config);
        SMFICTX *ctx = fake_create();
        char answers[256], answer[DIALOG_ANSWER];
        char *log;

        dialog_store(dialog, faults[i].store);
        dialog_play(dialog, ctx, faults[i].script, answers, sizeof(answers));
        if (strcmp(answers, faults[i].answers) != 0)
            fail_msg("%s: answered %s", faults[i].name, answers);
        dialog_other(dialog, ctx, 'Q', answer);
        log = dialog_destroy(dialog);
        if (strstr(log, faults[i].log) == NULL)
            fail_msg("%s: logged %s", faults[i].name, log);
        free(log);
        fake_destroy(ctx);
    }
}

/* The store is told of when it goes and when it comes back, not in between. */
static void
test_store_again(void **state)
{
    struct dialog *dialog = dialog_create(BARE RCPTS);
    SMFICTX *ctx = fake_create();
    char answers[256];
    char *log;

    (void)state;
    dialog_store(dialog, DIALOG_REFUSES);
    dialog_play(dialog, ctx,
                "C 203.0.113.7 587\nL u@example.org <u@example.org>\n"
                "R <a@a.test>\nR <b@a.test>",
                answers, sizeof(answers));
    dialog_store(dialog, DIALOG_WORKS);
    dialog_play(dialog, ctx, "R <a@a.test>\nR <b@a.test>\nE\nQ", answers,
                sizeof(answers));
    assert_string_equal(answers, "c c c c");
    log = dialog_destroy(dialog);
    assert_non_null(strstr(log, "store: does not answer (unavailable)\n"));
    assert_non_null(
        strstr(log, "store: answers again; 2 decisions went without it\n"));
    assert_null(strstr(strstr(log, "does not") + 1, "does not"));
    assert_null(strstr(strstr(log, "again;") + 1, "again;"));
    free(log);
    fake_destroy(ctx);
}

static void
test_no_quarantine(void **state)
{
    struct dialog *dialog = dialog_create(
        BARE "limit hold { key = user count = recipients rate = 1/1h "
             "action = hold }\n");
    SMFICTX *ctx = fake_create();
    char answers[256];
    char *log;

    (void)state;
    ctx->refuses_quarantine = true;
    dialog_play(dialog, ctx,
                "C 203.0.113.7 587\nL u@example.org <u@example.org>\n"
                "R <a@a.test>\nR <b@a.test>\nE\nQ",
                answers, sizeof(answers));
    assert_string_equal(answers, "c c c c 451 c");
    assert_int_equal(dialog_used(dialog, "user:u@example.org"), 0);
    log = dialog_destroy(dialog);
    assert_non_null(strstr(log, "action=defer rule=limit.hold "));
    free(log);
    fake_destroy(ctx);
}

static void
test_no_private(void **state)
{
    struct dialog *dialog = dialog_create(ENFORCE);
    SMFICTX *ctx = fake_create();
    char answers[256];

    (void)state;
    ctx->refuses_private = true;
    dialog_play(dialog, ctx, "C 192.0.2.1 25\nM <a@b.test>\nR <a@a.test>\nE\nQ",
                answers, sizeof(answers));
    assert_string_equal(answers, "451 451 451 451 c");
    free(dialog_destroy(dialog));
    fake_destroy(ctx);
}

/* More sessions than are configured: answered, counted, and gone again. */
static void
test_cap(void **state)
{
    static const struct {
        const char *config, *script, *answers, *log;
    } caps[] = {
        {"sessions = 1\n" ENFORCE, "C 192.0.2.1 25\nM <a@b.test>\nQ",
         "451 451 c", "action=defer rule=error.sessions"},
        {"sessions = 1\n" ENFORCE, "M <a@b.test>\nQ", "451 c",
         "action=defer rule=error.sessions"},
        {"sessions = 1\n" OBSERVE, "C 192.0.2.1 25\nQ", "a c",
         "would=defer rule=error.sessions"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(caps); i++) {
        struct dialog *dialog = dialog_create(caps[i].config);
        SMFICTX *first = fake_create(), *second = fake_create();
        char answers[256];
        char *log;

        dialog_play(dialog, first, "C 192.0.2.1 25", answers, sizeof(answers));
        assert_string_equal(answers, "c");
        dialog_play(dialog, second, caps[i].script, answers, sizeof(answers));
        assert_string_equal(answers, caps[i].answers);
        dialog_play(dialog, first, "Q", answers, sizeof(answers));
        dialog_play(dialog, second, "C 192.0.2.1 25\nM <a@b.test>\nQ", answers,
                    sizeof(answers));
        assert_string_equal(answers, "c c c");
        log = dialog_destroy(dialog);
        assert_non_null(strstr(log, caps[i].log));
        free(log);
        fake_destroy(first);
        fake_destroy(second);
    }
}

/* A message keeps the configuration it began with; the next has the new. */
static void
test_reload(void **state)
{
    struct dialog *dialog = dialog_create(ENFORCE);
    SMFICTX *ctx = fake_create();
    char answers[256];

    (void)state;
    dialog_play(dialog, ctx, "C 192.0.2.1 25\nM <a@b.test>\nR <v@victim.test>",
                answers, sizeof(answers));
    assert_string_equal(answers, "c c c");
    dialog_reload(dialog, "mode = enforce\nstore { type = memory }\n"
                          "domains d { list = victim.test }\n");
    dialog_play(dialog, ctx,
                "R <w@other.test>\nE\nM <a@b.test>\nR <w@other.test>\n"
                "R <v@victim.test>\nE\nQ",
                answers, sizeof(answers));
    assert_string_equal(answers, "c c c 550 c c c");
    free(dialog_destroy(dialog));
    fake_destroy(ctx);
}

/* A login is what MAIL's own macros say, whatever else claims to be one. */
static void
test_logins(void **state)
{
    struct smfiDesc filter;
    struct dialog *dialog = dialog_create(ENFORCE);
    SMFICTX *ctx = fake_create();
    char sender[] = "<a@b.test>", *argv[] = {sender, NULL};
    char answers[256];

    (void)state;
    filter = callbacks_describe();
    dialog_play(dialog, ctx, "C 203.0.113.7 587", answers, sizeof(answers));
    fake_macro(ctx, SMFIM_ENVFROM, "{auth_author}", "ann@example.org");
    fake_macro(ctx, SMFIM_ENVFROM, "{tls_version}", "TLSv1.3");
    assert_int_equal(filter.xxfi_envfrom(ctx, argv), SMFIS_REJECT);
    fake_macro(ctx, SMFIM_ENVFROM, "{auth_authen}", "ann@example.org");
    assert_int_equal(filter.xxfi_envfrom(ctx, argv), SMFIS_REJECT);
    fake_macro(ctx, SMFIM_ENVFROM, "{auth_type}", "");
    assert_int_equal(filter.xxfi_envfrom(ctx, argv), SMFIS_REJECT);
    fake_macro(ctx, SMFIM_ENVFROM, "{auth_type}", "PLAIN");
    assert_int_equal(filter.xxfi_envfrom(ctx, argv), SMFIS_CONTINUE);
    /* Behind MAIL nothing can take it away, or give it. */
    fake_forget(ctx, SMFIM_ENVFROM);
    dialog_play(dialog, ctx, "R <v@victim.test>\nE\nQ", answers,
                sizeof(answers));
    assert_string_equal(answers, "c c c");
    dialog_play(dialog, ctx, "C 203.0.113.7 25\nM <a@b.test>", answers,
                sizeof(answers));
    fake_macro(ctx, SMFIM_ENVRCPT, "{auth_authen}", "ann@example.org");
    fake_macro(ctx, SMFIM_ENVRCPT, "{auth_type}", "PLAIN");
    dialog_play(dialog, ctx, "R <v@victim.test>\nQ", answers, sizeof(answers));
    assert_string_equal(answers, "550 c");
    free(dialog_destroy(dialog));
    fake_destroy(ctx);
}

/* The queue id stands in front as soon as the MTA has one. */
static void
test_lines(void **state)
{
    struct dialog *dialog = dialog_create(ENFORCE);
    SMFICTX *ctx = fake_create();
    char answers[256];
    char *log;

    (void)state;
    dialog_play(dialog, ctx, stranger, answers, sizeof(answers));
    dialog_play(dialog, ctx, "R <v@victim.test>\nR <bob@example.org>", answers,
                sizeof(answers));
    dialog_play(dialog, ctx, "E\nQ", answers, sizeof(answers));
    log = dialog_destroy(dialog);
    assert_memory_equal(log,
                        "NOQUEUE: action=reject rule=relay.denied listener=mx "
                        "via=port client=host.example.net[203.0.113.7] "
                        "from=<s@spam.test> to=<v@victim.test> ref=",
                        130);
    assert_non_null(strstr(log, "\n4XYZ: action=continue listener=mx via=port "
                                "client=host.example.net[203.0.113.7] "
                                "from=<s@spam.test> nrcpt=1 ms="));
    free(log);
    fake_destroy(ctx);
}

/* ----- a store that a fleet shares */

#define ASKING                                                                 \
    BARE "limit rcpts { key = user count = recipients rate = 50/1h }\n"        \
         "limit size { key = user count = bytes rate = 1M/1h }\n"              \
         "limit con { key = client count = connections rate = 50/1h }\n"       \
         "listener mx { port = 25 auth = allow }\n"

static void
test_waits(void **state)
{
    static const struct {
        const char *row, *script;
        uint64_t accepted, waits, most;
    } waits[] = {
        {"what is asked at CONNECT, a recipient, and its size",
         "C 203.0.113.7 25\nL u <u@example.org>\nR <a@a.test>\nB 9\nE", 1, 3,
         3},
        {"what was asked at CONNECT is asked once",
         "C 203.0.113.7 25\nL u <u@example.org>\nR <a@a.test>\nB 9\nE\n"
         "L u <u@example.org>\nR <a@a.test>\nR <b@a.test>\nB 9\nE",
         2, 6, 3},
        {"the most of one message",
         "C 203.0.113.7 25\nL u <u@example.org>\nR <a@a.test>\nB 9\nE\n"
         "L u <u@example.org>\nR <a@a.test>\nR <b@a.test>\nR <c@a.test>\nB 9\n"
         "E",
         2, 7, 4},
        {"a message that is not accepted does not count",
         "C 203.0.113.7 25\nL u <u@example.org>\nR <a@a.test>\nA\n"
         "L u <u@example.org>\nR <a@a.test>\nB 9\nE",
         1, 2, 2},
        {"one without a limit waits for nothing",
         "M <u@a.test>\nR <bob@example.org>\nE", 1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(waits); i++) {
        struct dialog *dialog = dialog_create(ASKING);
        SMFICTX *ctx = fake_create();
        struct daemon_counts counts;
        char answers[256];

        dialog_store(dialog, DIALOG_SHARED);
        dialog_play(dialog, ctx, waits[i].script, answers, sizeof(answers));
        daemon_counts(dialog_daemon(dialog), &counts);
        expect(answers, counts.accepted == waits[i].accepted);
        dialog_play(dialog, ctx, "Q", answers, sizeof(answers));
        expect(waits[i].row, counts.waits == waits[i].waits);
        expect(waits[i].row, counts.waits_max == waits[i].most);
        expect(waits[i].row, counts.local == 0);
        free(dialog_destroy(dialog));
        fake_destroy(ctx);
    }
}

/* A message is told to have been decided here if one of its steps was. */
static void
test_alone(void **state)
{
    struct dialog *dialog = dialog_create(BARE RCPTS);
    SMFICTX *ctx = fake_create();
    struct daemon_counts counts;
    char answers[256];
    const char *line;
    char *log;

    (void)state;
    dialog_play(dialog, ctx, "C 203.0.113.7 587\nL u@example.org <u@a.test>",
                answers, sizeof(answers));
    dialog_store(dialog, DIALOG_ALONE);
    dialog_play(dialog, ctx, "R <a@a.test>", answers, sizeof(answers));
    dialog_store(dialog, DIALOG_WORKS);
    dialog_play(dialog, ctx, "R <b@a.test>\nE", answers, sizeof(answers));
    assert_string_equal(answers, "c c");
    dialog_play(dialog, ctx, "L u@example.org <w@a.test>\nR <c@a.test>",
                answers, sizeof(answers));
    dialog_store(dialog, DIALOG_ALONE);
    dialog_play(dialog, ctx, "R <d@a.test>", answers, sizeof(answers));
    assert_string_equal(answers, "450");
    dialog_store(dialog, DIALOG_WORKS);
    dialog_play(dialog, ctx,
                "R <e@a.test>\nA\n"
                "L u@example.org <x@a.test>\nR <f@a.test>\nE\nQ",
                answers, sizeof(answers));
    daemon_counts(dialog_daemon(dialog), &counts);
    assert_int_equal(counts.local, 2);
    log = dialog_destroy(dialog);
    line = strstr(log, "from=<u@a.test> nrcpt=2 store=local ms=");
    assert_non_null(line);
    line = strstr(log, "to=<d@a.test> nrcpt=1 used=4/3/1h retry=");
    assert_non_null(line);
    assert_ptr_equal(strstr(line, " store=local ref="), strstr(line, " store"));
    line = strstr(log, "to=<e@a.test>");
    assert_non_null(line);
    assert_null(strstr(line, "store=local")); /* nor behind it */
    assert_non_null(strstr(line, "from=<x@a.test> nrcpt=1 ms="));
    free(log);
    fake_destroy(ctx);
}

/* Receipts of one slice become one; slices are those of both stores. */
static void
test_receipts(void **state)
{
    static const struct receipt one = {
        .key = {1},
        .epoch = 2,
        .window = 3,
        .span_s = 60,
        .slice = 4,
        .n = 5,
        .shared = {.key = {6}, .epoch = 7, .slice = 8}};
    struct {
        const char *row;
        struct receipt receipt;
        size_t n;
    } receipts[] = {
        {"the same", one, 1},
        {"another subject", one, 2},
        {"another record", one, 2},
        {"another window", one, 2},
        {"another span", one, 2},
        {"another slice", one, 2},
        {"another subject of the shared store", one, 2},
        {"another record there", one, 2},
        {"another slice there", one, 2},
        {"counts that have not arrived there", one, 2},
    };

    (void)state;
    receipts[1].receipt.key[9] = 1;
    receipts[2].receipt.epoch++;
    receipts[3].receipt.window++;
    receipts[4].receipt.span_s++;
    receipts[5].receipt.slice++;
    receipts[6].receipt.shared.key[9] = 1;
    receipts[7].receipt.shared.epoch++;
    receipts[8].receipt.shared.slice++;
    receipts[9].receipt.shared.waits = true;
    for (size_t i = 0; i < ROWS(receipts); i++) {
        struct message m = {.receipts = NULL};

        message_charge(&m, &one, 1);
        message_charge(&m, &receipts[i].receipt, 1);
        expect(receipts[i].row, m.receipts->n == receipts[i].n);
        expect(receipts[i].row,
               m.receipts->item[0].n == (receipts[i].n == 1 ? 10 : 5));
        free(m.receipts);
    }
}

/* When the daemon is closed, callbacks touch nothing and open nothing. */
static void
test_closed(void **state)
{
    struct dialog *dialog = dialog_create(ENFORCE);
    SMFICTX *ctx = fake_create();
    char answers[256];

    (void)state;
    daemon_close(dialog_daemon(dialog));
    dialog_play(dialog, ctx, "A\nQ", answers, sizeof(answers));
    assert_string_equal(answers, "c c");
    assert_int_equal(ctx->replies, 0);
    dialog_play(dialog, ctx, "C 192.0.2.1 25\nM <a@b.test>\nR <a@b.test>\nE",
                answers, sizeof(answers));
    assert_string_equal(answers, "? ? ? ?"); /* a tempfail without a reply */
    free(dialog_destroy(dialog));
    fake_destroy(ctx);
}

/* ----- negotiation */

static const struct negotiation {
    const char *name, *config;
    unsigned long actions, steps;         /* offered */
    unsigned long out_actions, out_steps; /* wanted */
    bool lists;
} negotiations[] = {
    {"all that is needed of today's MTAs", ENFORCE, 0x1ff, 0x1fffff,
     SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
     SMFIP_RCPT_REJ | SMFIP_NODATA | SMFIP_NOUNKNOWN | SMFIP_NOHDRS |
         SMFIP_NOEOH | SMFIP_NOBODY,
     true},
    {"headers and body only if a limit counts bytes",
     ENFORCE "limit b { key = client count = bytes rate = 1M/1h }\n", 0x1ff,
     0x1fffff, SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
     SMFIP_RCPT_REJ | SMFIP_NODATA | SMFIP_NOUNKNOWN, true},
    {"nothing that version 2 does not know", ENFORCE, 0x3f, 0x7f,
     SMFIF_QUARANTINE, SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY, false},
    {"nothing of an MTA that offers nothing", ENFORCE, 0, 0, 0, 0, false},
};

/* Is one of NAMES a macro that every MTA sets at that stage? */
static bool
has_constant(const char *names)
{
    char text[256];

    (void)snprintf(text, sizeof(text), " %s ", names);
    return strstr(text, " j ") != NULL || strstr(text, " {rcpt_addr} ") != NULL;
}

static void
test_negotiate(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(negotiations); i++) {
        const struct negotiation *row = &negotiations[i];
        struct dialog *dialog = dialog_create(row->config);
        struct smfiDesc filter = callbacks_describe();
        SMFICTX *ctx = fake_create();
        unsigned long actions = ~0UL, steps = ~0UL, f2 = ~0UL, f3 = ~0UL;

        expect(row->name, filter.xxfi_negotiate(ctx, row->actions, row->steps,
                                                0, 0, &actions, &steps, &f2,
                                                &f3) == SMFIS_CONTINUE);
        expect(row->name, actions == row->out_actions);
        expect(row->name, steps == row->out_steps);
        expect(row->name, f2 == 0 && f3 == 0);
        for (int stage = 0; stage < FAKE_STAGES; stage++)
            expect(row->name,
                   ctx->lists[stage] == NULL ||
                       (row->lists && has_constant(ctx->lists[stage])));
        expect(row->name, (ctx->lists[SMFIM_ENVFROM] != NULL) == row->lists);
        expect(row->name,
               ctx->lists[SMFIM_EOM] == NULL ||
                   strstr(ctx->lists[SMFIM_EOM], "daemon_name") == NULL);
        free(dialog_destroy(dialog));
        fake_destroy(ctx);
    }
}

/* ----- any order */

static unsigned
roll(uint32_t *random, unsigned sides)
{
    *random = *random * 1664525 + 1013904223;
    return (*random >> 16) % sides;
}

/*
 * Thousands of events in no order at all, over a few sessions: whatever comes,
 * a stranger's mail to others is never let through, and in the end each login
 * has used exactly what was accepted from it.
 */
static void
test_any_order(void **state)
{
    enum { SESSIONS = 4, EVENTS = 60000 };
    static const char events[] = "CMMMRRRRRRRRRRRRRRRXHBEEEEAQ";
    struct dialog *dialog = dialog_create(
        BARE "limit all { key = user count = recipients rate = 1000000/7d }\n"
             "limit some { key = user count = external rate = 100/7d }\n"
             "limit con { key = client count = connections rate = 3000/1h }\n");
    SMFICTX *ctx[SESSIONS];
    struct {
        bool open, login, trusted;
        unsigned all, external;
    } told[SESSIONS] = {{0}};
    uint64_t used = 0;
    uint32_t random = 1;

    (void)state;
    for (int i = 0; i < SESSIONS; i++)
        ctx[i] = fake_create();
    for (int i = 0; i < EVENTS; i++) {
        unsigned s = roll(&random, SESSIONS);
        char kind = events[roll(&random, sizeof(events) - 1)];
        char answer[DIALOG_ANSWER];
        bool ours = roll(&random, 2) == 0;
        bool continues;

        switch (kind) {
        case 'C':
            told[s].trusted = roll(&random, 3) == 0;
            dialog_connect(dialog, ctx[s],
                           told[s].trusted ? "192.0.2.1" : "203.0.113.9",
                           roll(&random, 2) == 0 ? "25" : "587", answer);
            told[s].open = false;
            break;
        case 'M':
            told[s].login = roll(&random, 2) == 0;
            dialog_mail(dialog, ctx[s], "<a@b.test>", NULL,
                        told[s].login ? "ann@example.org" : NULL, answer);
            told[s].open = strcmp(answer, "c") == 0;
            told[s].all = told[s].external = 0;
            break;
        case 'R':
        case 'X':
            dialog_rcpt(dialog, ctx[s],
                        ours ? "<bob@example.org>" : "<v@victim.test>",
                        kind == 'X' ? "error" : "smtp", "5.1.1", answer);
            continues = strcmp(answer, "c") == 0;
            assert_true(!continues || told[s].open);
            assert_true(!continues || ours || told[s].login || told[s].trusted);
            if (continues && kind == 'R') {
                told[s].all++;
                told[s].external += !ours;
            }
            break;
        case 'H':
        case 'B':
            dialog_octets(dialog, ctx[s], kind, roll(&random, 3000), answer);
            break;
        default:
            dialog_other(dialog, ctx[s], kind, answer);
            continues = strcmp(answer, "c") == 0;
            assert_true(kind != 'E' || continues == told[s].open);
            if (kind == 'E' && continues && told[s].login)
                used += told[s].all + told[s].external;
            if (kind == 'Q')
                told[s].trusted = false;
            told[s].open = false;
            break;
        }
    }
    for (int i = 0; i < SESSIONS; i++) {
        char answer[DIALOG_ANSWER];

        dialog_other(dialog, ctx[i], 'Q', answer);
        assert_null(ctx[i]->priv);
        fake_destroy(ctx[i]);
    }
    assert_true(used > 200); /* the limit of 100 and more */
    assert_int_equal(dialog_used(dialog, "user:ann@example.org"), used);
    free(dialog_destroy(dialog));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_store_again),
        cmocka_unit_test(test_no_quarantine),
        cmocka_unit_test(test_no_private),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_logins),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_negotiate),
        cmocka_unit_test(test_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
