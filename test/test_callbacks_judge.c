/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the callbacks hand to the detector: its functions are ours here, and
 * keep what they are given.
 */
#include <config.h>

#include "milter/callbacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfdef.h>

#include "milter/detect/detect.h"
#include "milter/detect/hashes.h"
#include "milter/now.h"
#include "milter/session.h"
#include "test/dialog.h"
#include "test/unit.h"

#define SITE                                                                   \
    "mode = enforce\n"                                                         \
    "domains local { list = example.org }\n"                                   \
    "network office { addr = 192.0.2.0/24  relay = any }\n"                    \
    "store { type = memory }\n"
#define VERDICT SITE "verdict { header = X-Spam-Flag  from = 192.0.2.77 }\n"
#define ABORTED SITE "verdict { aborted = spam }\n"
#define NO_RULE                                                                \
    SITE "zombie account { off = yes }\nzombie machine { off = yes }\n"
#define HOLDS                                                                  \
    SITE "limit few { key = user  count = recipients  rate = 1/1h  "           \
         "action = hold }\n"

#define ANN "C 192.0.2.9 587\nL ann@example.org <ann@example.org>\n"

static const struct hashes hashes = {{1}};
static int anything; /* whose address is a detector's */

/* What was noted last, and how often. */
static struct {
    unsigned n, n_held;
    struct detect_message message;
    uint64_t recipients[DETECT_RECIPIENTS];
    char id[SESSION_ID], user[ADDRESS_TEXT];
    struct held held;
    bool frozen;
} noted;

void __wrap_detect_note(struct detect *detect, const struct config *config,
                        const struct scene *scene,
                        const struct detect_message *message);
void __wrap_detect_note_held(struct detect *detect, const struct held *held);
const struct hashes *__wrap_detect_hashes(const struct detect *detect);
bool __wrap_detect_frozen(struct detect *detect, struct wall now);

void
__wrap_detect_note(struct detect *detect, const struct config *config,
                   const struct scene *scene,
                   const struct detect_message *message)
{
    (void)detect;
    (void)config;
    noted.n++;
    noted.message = *message;
    assert_in_range(message->n_recipients, 0, DETECT_RECIPIENTS);
    if (message->n_recipients > 0)
        memcpy(noted.recipients, message->recipients,
               message->n_recipients * sizeof(noted.recipients[0]));
    (void)snprintf(noted.id, sizeof(noted.id), "%s", message->id);
    (void)snprintf(noted.user, sizeof(noted.user), "%s", scene->user);
}

void
__wrap_detect_note_held(struct detect *detect, const struct held *held)
{
    (void)detect;
    noted.n_held++;
    noted.held = *held;
}

const struct hashes *
__wrap_detect_hashes(const struct detect *detect)
{
    (void)detect;
    return &hashes;
}

bool
__wrap_detect_frozen(struct detect *detect, struct wall now)
{
    (void)detect;
    (void)now;
    return noted.frozen;
}

/* ----- playing */

static struct dialog *
create(const char *config)
{
    struct dialog *dialog = dialog_create(config);

    memset(&noted, 0, sizeof(noted));
    daemon_set_ears(dialog_daemon(dialog),
                    &(struct daemon_ears){
                        .detect = (struct detect *)(void *)&anything,
                    });
    return dialog;
}

static void
play(struct dialog *dialog, const char *script)
{
    SMFICTX *ctx = fake_create();
    char answers[2048];

    dialog_play(dialog, ctx, script, answers, sizeof(answers));
    dialog_play(dialog, ctx, "Q", answers, sizeof(answers));
    fake_destroy(ctx);
}

static const struct {
    const char *row, *config, *script;
    unsigned n, recipients, unknown; /* noted */
    enum verdict_flag flag;
    bool passed;
} rows[] = {
    {"a message that goes out", SITE, ANN "R <a@a.test>\nR <b@a.test>\nE", 1, 2,
     0, FLAG_NONE, true},
    {"its unknown recipients are its recipients, too", SITE,
     ANN "R <a@a.test>\nX 5.1.1 <no@example.org>\nE", 1, 2, 1, FLAG_NONE, true},
    {"those refused for another reason are not", SITE,
     ANN "R <a@a.test>\nX 4.7.1 <no@example.org>\nE", 1, 1, 0, FLAG_NONE, true},
    {"nor those that we refuse", SITE,
     ANN "R <a@a.test>\nR <a@victim.test@example.org>\nE", 1, 1, 0, FLAG_NONE,
     true},
    {"a stranger is nobody's zombie", SITE,
     "C 203.0.113.7 25\nM <s@spam.test>\nR <bob@example.org>\nE", 0, 0, 0,
     FLAG_NONE, false},
    {"a machine that relays is judged", SITE,
     "C 192.0.2.9 25\nM <s@a.test>\nR <b@b.test>\nE", 1, 1, 0, FLAG_NONE, true},
    {"without a rule nothing is gathered", NO_RULE, ANN "R <a@a.test>\nE", 0, 0,
     0, FLAG_NONE, false},
    {"an aborted message is none", SITE, ANN "R <a@a.test>\nD\nA", 0, 0, 0,
     FLAG_NONE, false},
    {"unless that is a verdict", ABORTED, ANN "R <a@a.test>\nD\nA", 1, 1, 0,
     FLAG_SPAM, false},
    {"which it is not before DATA", ABORTED, ANN "R <a@a.test>\nA", 0, 0, 0,
     FLAG_NONE, false},
    {"a header tells that it has begun", ABORTED,
     ANN "R <a@a.test>\nN From a@b.test\nA", 1, 1, 0, FLAG_SPAM, false},
    {"the next message is another", ABORTED,
     ANN "R <a@a.test>\nD\nA\nL ann@example.org <a@example.org>\n"
         "R <b@b.test>\nA",
     1, 1, 0, FLAG_SPAM, false},
    {"a message that is held goes out some day", HOLDS,
     ANN "R <a@a.test>\nR <b@a.test>\nE", 1, 2, 0, FLAG_NONE, true},
    {"a filter's verdict", VERDICT,
     ANN "R <a@a.test>\nN X-Spam-Flag YES\nN From a@b.test\nE", 1, 1, 0,
     FLAG_SPAM, true},
    {"a clean one", VERDICT,
     ANN "R <a@a.test>\nN X-Spam-Flag NO\nN From a@b.test\nE", 1, 1, 0,
     FLAG_CLEAN, true},
    {"a header that is not named says nothing", VERDICT,
     ANN "R <a@a.test>\nN X-Spam YES\nN From a@b.test\nE", 1, 1, 0, FLAG_NONE,
     true},
    {"headers that nobody asked for say nothing", SITE,
     ANN "R <a@a.test>\nN X-Spam-Flag YES\nN From a@b.test\nE", 1, 1, 0,
     FLAG_NONE, true},
    {"a copy from outside says nothing", VERDICT,
     ANN "R <a@a.test>\nN From a@b.test\nN X-Spam-Flag YES\nN To c@d.test\nE",
     1, 1, 0, FLAG_NONE, true},
    {"but for a client whose copies are believed", VERDICT,
     "C 192.0.2.77 587\nL ann@example.org <ann@example.org>\nR <a@a.test>\n"
     "N From a@b.test\nN X-Spam-Flag YES\nN To c@d.test\nE",
     1, 1, 0, FLAG_SPAM, true},
};

static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dialog *dialog = create(rows[i].config);

        play(dialog, rows[i].script);
        free(dialog_destroy(dialog));
        expect(rows[i].row, noted.n == rows[i].n);
        if (rows[i].n == 0)
            continue;
        expect(rows[i].row, noted.message.n_recipients == rows[i].recipients);
        expect(rows[i].row, noted.message.unknown == rows[i].unknown);
        expect(rows[i].row, noted.message.flag == rows[i].flag);
        expect(rows[i].row, noted.message.passed == rows[i].passed);
        expect(rows[i].row, noted.message.more == 0);
    }
}

/* ----- what is in it */

static void
test_contents(void **state)
{
    struct dialog *dialog = create(VERDICT);

    (void)state;
    play(dialog, ANN "R <B@b.test>\nN From <Ann@Example.ORG>\n"
                     "N From other@example.org\nN Message-ID <1@b.test>\nE");
    assert_string_equal(noted.user, "ann@example.org");
    assert_string_equal(noted.id, "4XYZ");
    assert_true(noted.message.from ==
                hashes_address(&hashes, "ann@example.org"));
    assert_true(noted.message.message_id == hashes_text(&hashes, "<1@b.test>"));
    play(dialog, ANN "R <b@b.test>\nE"); /* without a header From */
    assert_true(noted.message.from ==
                hashes_address(&hashes, "ann@example.org"));
    assert_true(noted.message.message_id == 0);
    free(dialog_destroy(dialog));
}

/* The same recipient is known again, however it is written. */
static void
test_recipients(void **state)
{
    struct dialog *dialog = create(SITE);
    uint64_t first;

    (void)state;
    play(dialog, ANN "R <b@b.test>\nR <c@b.test>\nE");
    first = noted.recipients[0];
    assert_true(first != noted.recipients[1]);
    play(dialog, ANN "R b@b.test\nE");
    assert_true(noted.recipients[0] == first);
    play(dialog, ANN "R <B@B.test>\nE");
    assert_true(noted.recipients[0] == first);
    free(dialog_destroy(dialog));
}

static void
test_many_recipients(void **state)
{
    struct dialog *dialog =
        create("limit message { off = yes }\nlimit burst { off = yes }\n"
               "limit user { off = yes }\nlimit user_all { off = yes }\n" SITE);
    SMFICTX *ctx = fake_create();
    char answers[64], answer[DIALOG_ANSWER], recipient[32];

    (void)state;
    dialog_play(dialog, ctx,
                "C 192.0.2.9 587\nL ann@example.org <ann@example.org>", answers,
                sizeof(answers));
    for (int i = 0; i < DETECT_RECIPIENTS + 7; i++) {
        (void)snprintf(recipient, sizeof(recipient), "<u%d@a.test>", i);
        dialog_rcpt(dialog, ctx, recipient, "smtp", "a.test", answer);
        assert_string_equal(answer, "c");
    }
    dialog_play(dialog, ctx, "E\nQ", answers, sizeof(answers));
    assert_int_equal(noted.message.n_recipients, DETECT_RECIPIENTS);
    assert_int_equal(noted.message.more, 7);
    fake_destroy(ctx);
    free(dialog_destroy(dialog));
}

#define ACTS VERDICT "zombie account { mode = enforce  quarantine = hold }\n"
#define FLAGGED ANN "R <a@a.test>\nN X-Spam-Flag YES\nN From a@b.test\nE"

static enum ms_err
set_standing(void *arg, struct store_state *state)
{
    const enum standing *standing = arg;

    state->standing = *standing;
    state->throttle = 100;
    return MS_OK;
}

/* Ann stands so. */
static void
stand(struct dialog *dialog, enum standing standing)
{
    struct subject subject;

    assert_true(subject_make(SUBJECT_USER, "ann@example.org", &subject));
    assert_int_equal(store_update(daemon_store(dialog_daemon(dialog)), &subject,
                                  now_read(), set_standing, &standing),
                     MS_OK);
}

static const struct {
    const char *row, *config;
    enum standing standing;
    bool frozen, no_hold;
    const char *answers; /* of the end */
    unsigned n;
    enum verdict_flag flag;
    bool passed;
} ends[] = {
    {"flagged mail of one who is throttled is refused, and evidence", ACTS,
     STANDING_THROTTLED, false, false, "550", 1, FLAG_SPAM, false},
    {"not while filters are not believed; what they say is still told", ACTS,
     STANDING_THROTTLED, true, false, "c", 1, FLAG_SPAM, true},
    {"held mail of one who is quarantined is told", ACTS, STANDING_QUARANTINED,
     false, false, "h", 1, FLAG_SPAM, true},
    {"what cannot be held comes again, and is not", ACTS, STANDING_QUARANTINED,
     false, true, "451", 0, FLAG_NONE, false},
};

static void
test_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ends); i++) {
        struct dialog *dialog = create(ends[i].config);
        SMFICTX *ctx = fake_create();
        char answers[256];
        const char *last;

        stand(dialog, ends[i].standing);
        noted.frozen = ends[i].frozen;
        ctx->refuses_quarantine = ends[i].no_hold;
        dialog_play(dialog, ctx, FLAGGED, answers, sizeof(answers));
        last = strrchr(answers, ' ');
        expect(ends[i].row,
               last != NULL && strcmp(last + 1, ends[i].answers) == 0);
        dialog_play(dialog, ctx, "Q", answers, sizeof(answers));
        fake_destroy(ctx);
        free(dialog_destroy(dialog));
        expect(ends[i].row, noted.n == ends[i].n);
        expect(ends[i].row, noted.message.flag == ends[i].flag);
        expect(ends[i].row, noted.message.passed == ends[i].passed);
    }
}

/* An earlier filter's refusal is a verdict as others are: told in any case. */
static void
test_frozen_abort(void **state)
{
    struct dialog *dialog = create(ABORTED);

    (void)state;
    noted.frozen = true;
    play(dialog, ANN "R <a@a.test>\nD\nA");
    assert_int_equal(noted.n, 1);
    assert_int_equal(noted.message.flag, FLAG_SPAM);
    free(dialog_destroy(dialog));
}

/* What would have been refused is let through in observe mode, and counts. */
static void
test_observed(void **state)
{
    struct dialog *dialog =
        create("domains local { list = example.org }\nmode = observe\n"
               "network office { addr = 192.0.2.0/24  relay = any }\n"
               "store { type = memory }\n"
               "limit one { key = user  count = messages  rate = 1/1h }\n");

    (void)state;
    for (int i = 0; i < 3; i++)
        play(dialog, ANN "R <a@a.test>\nR <b@a.test>\n"
                         "X 5.1.1 <no@example.org>\nE");
    assert_int_equal(noted.n, 3);
    assert_int_equal(noted.message.n_recipients, 3);
    assert_int_equal(noted.message.unknown, 1);
    free(dialog_destroy(dialog));
}

/* ----- what is held */

static const struct {
    const char *row, *mta, *id;
    enum held_mta kind;
} mtas[] = {
    {"Postfix says so", "Postfix 3.7.11", "4XYZ", HELD_POSTFIX},
    {"under another name", "Example Mail 2", "4XYZ", HELD_POSTFIX},
    {"Sendmail says a number", "8.17.1.9", "4XYZ", HELD_SENDMAIL},
    {"an id of Postfix", NULL, "4XYZ", HELD_POSTFIX},
};

static void
test_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(mtas); i++) {
        struct dialog *dialog = create(HOLDS);

        dialog_mta(dialog, mtas[i].mta);
        play(dialog, ANN "R <a@a.test>\nR <b@a.test>\nE");
        expect(mtas[i].row, noted.n_held == 1);
        expect(mtas[i].row, noted.held.mta == mtas[i].kind);
        assert_string_equal(noted.held.id, mtas[i].id);
        assert_string_equal(noted.held.subject, "user:ann@example.org");
        assert_string_equal(noted.held.rule, "limit.few");
        assert_string_equal(noted.held.from, "ann@example.org");
        assert_true(noted.held.has_from);
        assert_int_equal(noted.held.nrcpt, 2);
        free(dialog_destroy(dialog));
    }
}

/* ----- what is asked of the MTA */

static const struct {
    const char *row, *config;
    unsigned long not_asked; /* of these four */
} asks[] = {
    {"nothing is asked for nothing", SITE,
     SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NODATA},
    {"headers for a verdict", VERDICT,
     SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NODATA},
    {"DATA where an abort is one", ABORTED,
     SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY},
    {"all octets where they count",
     SITE "limit size { key = user  count = bytes  rate = 1M/1h }\n",
     SMFIP_NODATA},
    {"nothing where nobody judges",
     NO_RULE "verdict { header = X-Spam-Flag  aborted = spam }\n",
     SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NODATA},
};

static void
test_asks(void **state)
{
    const unsigned long all =
        SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NODATA;

    (void)state;
    for (size_t i = 0; i < ROWS(asks); i++) {
        struct dialog *dialog = create(asks[i].config);
        struct smfiDesc filter = callbacks_describe();
        SMFICTX *ctx = fake_create();
        unsigned long out[4];

        expect(asks[i].row,
               filter.xxfi_negotiate(ctx, SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
                                     SMFI_CURR_PROT, 0, 0, &out[0], &out[1],
                                     &out[2], &out[3]) == SMFIS_CONTINUE);
        expect(asks[i].row, (out[1] & all) == asks[i].not_asked);
        expect(asks[i].row, strstr(ctx->lists[SMFIM_CONNECT], " v") != NULL);
        fake_destroy(ctx);
        free(dialog_destroy(dialog));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_many_recipients),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_frozen_abort),
        cmocka_unit_test(test_observed),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
