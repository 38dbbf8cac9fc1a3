/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the callbacks do about look-ups: these are ours here, remember what was
 * asked, and find what a row says.
 */
#include <config.h>

#include "milter/callbacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfdef.h>

#include "milter/detect/detect.h"
#include "milter/lookup/look.h"
#include "milter/session.h"
#include "test/dialog.h"
#include "test/unit.h"

#define SITE                                                                   \
    "mode = enforce\n"                                                         \
    "domains local { list = example.org }\n"                                   \
    "network office { addr = 192.0.2.0/24  relay = any }\n"                    \
    "store { type = memory }\n"
#define LISTS                                                                  \
    SITE "dnsbl zen { zone = zen.test  action = reject }\n"                    \
         "dnsbl other { zone = other.test  action = mark }\n"
#define SPF                                                                    \
    SITE "spf { on = mx  fail = reject  header = authentication-results }\n"
#define MARKS SITE "spf { on = mx }\n"
#define BOTH LISTS "spf { on = mx  fail = reject  helo = reject }\n"
#define OBSERVES                                                               \
    "domains local { list = example.org }\n"                                   \
    "store { type = memory }\n"                                                \
    "dnsbl zen { zone = zen.test  action = reject }\n"                         \
    "spf { on = mx  fail = reject }\n"
#define EXEMPT LISTS "exempt friend { sender = s@spam.test  skip = dnsbl }\n"
#define EVIDENCE                                                               \
    MARKS "zombie strangers { key = client  in = strangers }\n"                \
          "verdict { header = X-Spam-Flag  from = 203.0.113.0/24 }\n"

#define NO_EVIDENCE                                                            \
    SITE "spf { on = mx  evidence = no }\n"                                    \
         "zombie strangers { key = client  in = strangers }\n"
#define STRANGER "C 203.0.113.7 25\n"
#define MAIL "M <s@spam.test>\n"
#define RCPT "R <bob@example.org>\n"
#define BODY "N From s@spam.test\nE"

struct lookup_case {
    const struct config *config; /* of its lists */
    struct lookups found;
};

static int anything; /* whose address is a lookup's, and a detector's */

/* What is to be found, and what was done. */
static struct {
    const char *spf, *helo, *lists; /* as rows say it */
    bool put_off;                   /* before */
    char log[512];                  /* what was asked, a word each */
    unsigned cases, waits, put_offs, noted;
    enum verdict_flag flag;
} now;

/* What was asked: KEY, and VALUE behind it. */
static void
add(const char *key, const char *value)
{
    size_t len = strlen(now.log);

    assert_in_range(
        snprintf(now.log + len, sizeof(now.log) - len, "%s%s ", key, value), 0,
        sizeof(now.log) - len - 1);
}

void __wrap_lookup_begin(struct lookup *lookup, const struct lookup_ask *ask,
                         struct lookup_case **c);
void __wrap_lookup_read(struct lookup_case *c, enum lookup_wait wait,
                        struct lookups *out);
void __wrap_lookup_next(struct lookup_case *c);
void __wrap_lookup_end(struct lookup_case *c);
void __wrap_lookup_put_off(struct lookup *lookup, struct lookup_case *c);
void __wrap_detect_note(struct detect *detect, const struct config *config,
                        const struct scene *scene,
                        const struct detect_message *message);
const struct hashes *__wrap_detect_hashes(const struct detect *detect);
bool __wrap_detect_frozen(struct detect *detect, struct wall at);

static void
find(const char *text, struct spf_finding *out)
{
    out->state = text != NULL && text[0] == '?' ? LOOKUP_PENDING : LOOKUP_KNOWN;
    if (text != NULL && text[0] != '?')
        assert_true(spf_result_parse(text, &out->result));
}

void
__wrap_lookup_begin(struct lookup *lookup, const struct lookup_ask *ask,
                    struct lookup_case **c)
{
    assert_ptr_equal(lookup, &anything);
    if (*c == NULL) {
        *c = calloc(1, sizeof(**c));
        assert_non_null(*c);
        (*c)->config = ask->config;
        now.cases++;
    }
    assert_ptr_equal((*c)->config, ask->config);
    for (size_t i = 0; i < ask->config->n_dnsbls; i++) {
        struct list_finding *found = &(*c)->found.list[i];
        const char *name = ask->config->dnsbls[i]->name;

        if ((ask->wanted->lists >> i & 1) == 0 ||
            found->state != LOOKUP_UNASKED)
            continue;
        add("", name);
        found->state = now.lists != NULL && now.lists[0] == '?' ? LOOKUP_PENDING
                                                                : LOOKUP_KNOWN;
        found->listed = now.lists != NULL && strstr(now.lists, name) != NULL;
        memcpy(found->code, "\x7f\0\0\2", 4);
    }
    if (ask->wanted->mail_from) {
        add("from=", ask->sender);
        find(now.spf, &(*c)->found.mail_from);
    }
    if (ask->wanted->helo) {
        add("helo=", ask->helo);
        find(now.helo, &(*c)->found.helo);
    }
}

void
__wrap_lookup_read(struct lookup_case *c, enum lookup_wait wait,
                   struct lookups *out)
{
    assert_non_null(c);
    now.waits += wait == LOOKUP_WAIT;
    *out = c->found;
    out->put_off = now.put_off || now.put_offs > 0;
}

void
__wrap_lookup_next(struct lookup_case *c)
{
    if (c == NULL)
        return;
    memset(&c->found.mail_from, 0, sizeof(c->found.mail_from));
    memset(&c->found.helo, 0, sizeof(c->found.helo));
}

void
__wrap_lookup_end(struct lookup_case *c)
{
    if (c != NULL)
        now.cases--;
    free(c);
}

void
__wrap_lookup_put_off(struct lookup *lookup, struct lookup_case *c)
{
    assert_ptr_equal(lookup, &anything);
    assert_non_null(c);
    now.put_offs++;
}

void
__wrap_detect_note(struct detect *detect, const struct config *config,
                   const struct scene *scene,
                   const struct detect_message *message)
{
    (void)detect;
    (void)config;
    (void)scene;
    now.noted++;
    now.flag = message->flag;
}

const struct hashes *
__wrap_detect_hashes(const struct detect *detect)
{
    static const struct hashes hashes = {{1}};

    (void)detect;
    return &hashes;
}

bool
__wrap_detect_frozen(struct detect *detect, struct wall at)
{
    (void)detect;
    (void)at;
    return false;
}

static struct dialog *
create(const char *config)
{
    struct dialog *dialog = dialog_create(config);

    daemon_set_lookup(dialog_daemon(dialog),
                      (struct lookup *)(void *)&anything);
    return dialog;
}

/* Play SCRIPT without closing; the client has said HELO mail.spam.test. */
static void
play(struct dialog *dialog, SMFICTX *ctx, const char *script, char *answers,
     size_t size)
{
    struct smfiDesc filter = callbacks_describe();
    char helo[] = "mail.spam.test";
    const char *rest = strchr(script, '\n');
    char first[64];

    (void)snprintf(first, sizeof(first), "%.*s", (int)(rest - script), script);
    dialog_play(dialog, ctx, first, answers, size);
    (void)filter.xxfi_helo(ctx, helo);
    (void)snprintf(answers + strlen(answers), size - strlen(answers), " ");
    dialog_play(dialog, ctx, rest + 1, answers + strlen(answers),
                size - strlen(answers));
}

static void
finish(struct dialog *dialog, SMFICTX *ctx)
{
    char answers[8];

    dialog_play(dialog, ctx, "Q", answers, sizeof(answers));
    fake_destroy(ctx);
    (void)dialog;
}

/* ----- what is asked, and what comes of it */

static const struct {
    const char *row, *config, *script;
    const char *spf, *helo, *lists; /* found; "?" not yet; NULL as "none" */
    bool put_off;                   /* before */
    const char *asked, *answers;
    unsigned waits, put_offs;
    const char *log; /* is in it */
} rows[] = {
    {"without `spf' and lists nothing is asked", SITE, STRANGER MAIL RCPT "E",
     NULL, NULL, NULL, false, "", "c c c c", 0, 0, "action=continue"},
    {"lists are asked at CONNECT where nobody logs in", LISTS,
     "C 203.0.113.7 25\n", NULL, NULL, NULL, false, "zen other ", "c ", 0, 0,
     NULL},
    {"and collected at RCPT", LISTS, STRANGER MAIL RCPT "E", NULL, NULL, NULL,
     false, "zen other ", "c c c c", 1, 0, "action=continue"},
    {"who is listed is refused", LISTS, STRANGER MAIL RCPT, NULL, NULL, "zen",
     false, "zen other ", "c c 550", 1, 0,
     "action=reject rule=dnsbl.zen listener=mx via=port "
     "client=host.example.net[203.0.113.7] from=<s@spam.test> "
     "to=<bob@example.org> lists=zen"},
    {"a list that marks lets it pass, and is told", LISTS,
     STRANGER MAIL RCPT "E", NULL, NULL, "other", false, "zen other ",
     "c c c c", 1, 0, "lists=other"},
    {"help mail passes", LISTS, STRANGER MAIL "R <postmaster@example.org>\nE",
     NULL, NULL, "zen", false, "zen other ", "c c c c", 0, 0, "lists=zen"},
    {"what the relay rule refuses waits for nothing", LISTS,
     STRANGER MAIL "R <v@victim.test>", NULL, NULL, "zen", false, "zen other ",
     "c c 550", 0, 0, "rule=relay.denied"},
    {"what the MTA has refused waits for nothing", LISTS,
     STRANGER MAIL "X 5.1.1 <no@example.org>", NULL, NULL, "zen", false,
     "zen other ", "c c c", 0, 0, NULL},
    {"own networks are not asked about", BOTH,
     "C 192.0.2.9 25\nM <s@a.test>\nR <b@b.test>\nE", "fail", "fail", "zen",
     false, "", "c c c c", 0, 0, "action=continue"},
    {"nor who logs in", BOTH,
     "C 203.0.113.7 587\nL ann@example.org <ann@example.org>\nR <b@b.test>\nE",
     "fail", "fail", "zen", false, "", "c c c c", 0, 0, "action=continue"},
    {"nor loopback", BOTH, "C 127.0.0.1 25\n" MAIL RCPT "E", "fail", "fail",
     "zen", false, "", "c c c c", 0, 0, "action=continue"},
    {"a sender is looked up at MAIL", SPF, STRANGER MAIL RCPT "E", "pass", NULL,
     NULL, false, "from=s@spam.test helo=mail.spam.test ", "c c c c", 1, 0,
     "from=<s@spam.test> spf=pass nrcpt=1"},
    {"a fail is refused where that is written", SPF, STRANGER MAIL RCPT, "fail",
     NULL, NULL, false, "from=s@spam.test helo=mail.spam.test ", "c c 550", 1,
     0, "rule=spf.fail"},
    {"and marked where nothing is", MARKS, STRANGER MAIL RCPT "E", "fail", NULL,
     NULL, false, "from=s@spam.test helo=mail.spam.test ", "c c c c", 1, 0,
     "spf=fail"},
    {"without a sender it is <>", SPF, STRANGER "M <>\n" RCPT "E", "pass", NULL,
     NULL, false, "from= helo=mail.spam.test ", "c c c c", 1, 0, "spf=pass"},
    {"a sender without a domain is not asked about", MARKS,
     STRANGER "M <bob>\n" RCPT "E", "pass", "pass", NULL, false,
     "helo=mail.spam.test ", "c c c c", 1, 0, "spf=pass"},
    {"each message has its own", SPF,
     STRANGER MAIL RCPT "E\nM <t@two.test>\n" RCPT "E", "pass", NULL, NULL,
     false,
     "from=s@spam.test helo=mail.spam.test from=t@two.test "
     "helo=mail.spam.test ",
     "c c c c c c c", 2, 0, "spf=pass"},
    {"lists are asked once a session", LISTS,
     STRANGER MAIL RCPT "E\n" MAIL RCPT "E", NULL, NULL, "other", false,
     "zen other ", "c c c c c c c", 2, 0, "lists=other"},
    {"what is not yet known puts off, once", LISTS, STRANGER MAIL RCPT, NULL,
     NULL, "?", false, "zen other ", "c c 451", 1, 1, "rule=dnsbl.zen.pending"},
    {"all recipients of one message, and it counts as one", LISTS,
     STRANGER MAIL RCPT "R <ann@example.org>\n", NULL, NULL, "?", false,
     "zen other ", "c c 451 451", 2, 1, "to=<ann@example.org>"},
    {"the name in HELO does not speak for a sender who is not yet known", SPF,
     STRANGER MAIL RCPT, "?", "pass", NULL, false,
     "from=s@spam.test helo=mail.spam.test ", "c c 451", 1, 1,
     "to=<bob@example.org> ref="},
    {"and then no more", LISTS, STRANGER MAIL RCPT "E", NULL, NULL, "?", true,
     "zen other ", "c c c c", 1, 0, "action=continue"},
    {"not where it would only be marked", MARKS, STRANGER MAIL RCPT "E", "?",
     "?", NULL, false, "from=s@spam.test helo=mail.spam.test ", "c c c c", 1, 0,
     "action=continue"},
    {"in observe mode it is told", OBSERVES, STRANGER MAIL RCPT "E", "fail",
     NULL, "zen", false, "zen from=s@spam.test helo=mail.spam.test ", "c c c c",
     1, 0, "would=reject"},
    {"whom an exemption names is not asked about any more", EXEMPT,
     STRANGER MAIL RCPT "E", NULL, NULL, "zen", false, "zen other ", "c c c c",
     0, 0, "action=continue"},
};

static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct dialog *dialog = create(rows[i].config);
        SMFICTX *ctx = fake_create();
        char answers[256];
        char *log;

        memset(&now, 0, sizeof(now));
        now.spf = rows[i].spf;
        now.helo = rows[i].helo;
        now.lists = rows[i].lists;
        now.put_off = rows[i].put_off;
        play(dialog, ctx, rows[i].script, answers, sizeof(answers));
        finish(dialog, ctx);
        log = dialog_destroy(dialog);
        if (strcmp(now.log, rows[i].asked) != 0 ||
            strcmp(answers, rows[i].answers) != 0)
            fail_msg("%s: asked %s, answered %s", rows[i].row, now.log,
                     answers);
        if (rows[i].log != NULL && strstr(log, rows[i].log) == NULL)
            fail_msg("%s: %s", rows[i].row, log);
        expect(rows[i].row, now.waits == rows[i].waits);
        expect(rows[i].row, now.put_offs == rows[i].put_offs);
        expect(rows[i].row, now.cases == 0);
        free(log);
    }
}

/* ----- replies */

static const struct {
    const char *row, *script, *spf, *helo;
    const char *text; /* is in the reply */
} replies[] = {
    {"of a sender who is not yet known", STRANGER MAIL RCPT, "?", "pass",
     "may send mail of spam.test is not yet known"},
    {"of <>, for which HELO stands", STRANGER "M <>\n" RCPT, "?", "?",
     "may send mail of mail.spam.test is not yet known"},
    {"of the name in HELO", STRANGER MAIL RCPT, "pass", "?",
     "may send mail of mail.spam.test is not yet known"},
    {"of a name in HELO that fails", STRANGER MAIL RCPT, "pass", "fail",
     "may not call itself mail.spam.test in HELO"},
};

/* Whoever reads a reply learns which name it is about. */
static void
test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(replies); i++) {
        struct dialog *dialog = create(BOTH);
        SMFICTX *ctx = fake_create();
        char answers[256];

        memset(&now, 0, sizeof(now));
        now.spf = replies[i].spf;
        now.helo = replies[i].helo;
        play(dialog, ctx, replies[i].script, answers, sizeof(answers));
        if (strstr(ctx->text, replies[i].text) == NULL)
            fail_msg("%s: %s", replies[i].row, ctx->text);
        finish(dialog, ctx);
        free(dialog_destroy(dialog));
    }
}

/* ----- headers */

#define OURS "Authentication-Results: mx.example.org;\n\tspf=pass"
#define FORGED "N Authentication-Results mx.example.org;spf=pass\n"

static const struct {
    const char *row, *config, *script, *lists;
    const char *deeds; /* begin so */
} marks[] = {
    {"nothing without `spf' and lists", SITE, STRANGER MAIL RCPT FORGED "E",
     NULL, ""},
    {"the result", MARKS, STRANGER MAIL RCPT BODY, NULL,
     OURS "\n\tsmtp.mailfrom=s@spam.test;\n\tspf=none"
          "\n\tsmtp.helo=mail.spam.test\n"},
    {"in observe mode as well", OBSERVES, STRANGER MAIL RCPT FORGED BODY, NULL,
     "-Authentication-Results 1\n" OURS},
    {"a forged one goes before", MARKS, STRANGER MAIL RCPT FORGED BODY, NULL,
     "-Authentication-Results 1\n" OURS},
    {"the last of them first", MARKS,
     STRANGER MAIL RCPT FORGED
     "N Authentication-Results a.test;none\n" FORGED BODY,
     NULL, "-Authentication-Results 3\n-Authentication-Results 1\n" OURS},
    {"the results stand in front of what lists say", BOTH,
     STRANGER MAIL RCPT BODY, "other",
     "X-Mortsafe-Lists: other (127.0.0.2)\n" OURS},
    {"forged lists go", LISTS,
     STRANGER MAIL RCPT "N X-Mortsafe-Lists none\n" BODY, NULL,
     "-X-Mortsafe-Lists 1\n"},
    {"who logs in forges nothing, and gets none", MARKS,
     "C 203.0.113.7 587\nL ann@example.org <ann@example.org>\nR "
     "<b@b.test>\n" FORGED "E",
     NULL, "-Authentication-Results 1\n"},
    {"nor who relays", MARKS,
     "C 192.0.2.9 25\nM <s@a.test>\nR <b@b.test>\n" FORGED "E", NULL,
     "-Authentication-Results 1\n"},
    {"what this machine hands to itself is left as it is", BOTH,
     "C 127.0.0.1 25\n" MAIL RCPT FORGED "N X-Mortsafe-Lists x\nE", NULL, ""},
    {"and what does not come by SMTP", BOTH, "C 0 -\n" MAIL RCPT FORGED "E",
     NULL, ""},
    {"what is refused at its end is left as it is",
     SPF "limit few { key = client  count = bytes  rate = 1K/1h  in = "
         "strangers }\n",
     STRANGER MAIL RCPT FORGED "B 9999\nE", NULL, ""},
};

static void
test_marks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(marks); i++) {
        struct dialog *dialog = create(marks[i].config);
        SMFICTX *ctx = fake_create();
        const char *want = marks[i].deeds;
        char answers[256];

        memset(&now, 0, sizeof(now));
        now.spf = "pass";
        now.lists = marks[i].lists;
        play(dialog, ctx, marks[i].script, answers, sizeof(answers));
        if (strncmp(ctx->deeds, want, strlen(want)) != 0 ||
            (*want == '\0' && ctx->deeds[0] != '\0'))
            fail_msg("%s: %s", marks[i].row, ctx->deeds);
        finish(dialog, ctx);
        free(dialog_destroy(dialog));
    }
}

/* Who sends more than are kept in mind loses all of that name, within bounds.
 */
static void
test_flood(void **state)
{
    static const struct {
        unsigned n, removed;
    } floods[] = {{HEADING_FORGED, HEADING_FORGED},
                  {HEADING_FORGED + 1, HEADING_FORGED + 2}};

    (void)state;
    for (size_t i = 0; i < ROWS(floods); i++) {
        struct dialog *dialog = create(LISTS);
        SMFICTX *ctx = fake_create();
        char answers[256], answer[DIALOG_ANSWER];
        unsigned removed = 0;

        memset(&now, 0, sizeof(now));
        play(dialog, ctx, STRANGER MAIL RCPT "N Authentication-Results a;none",
             answers, sizeof(answers));
        for (unsigned k = 0; k < floods[i].n; k++)
            dialog_header(dialog, ctx, "Authentication-Results",
                          "mx.example.org; none", answer);
        dialog_other(dialog, ctx, 'E', answer);
        for (const char *at = ctx->deeds;
             (at = strstr(at, "-Authentication-Results ")) != NULL; at++)
            removed++;
        assert_int_equal(removed, floods[i].removed);
        finish(dialog, ctx);
        free(dialog_destroy(dialog));
    }
}

/* A session that was negotiated before the configuration wanted headers. */
static void
test_no_right(void **state)
{
    struct dialog *dialog = create(MARKS);
    SMFICTX *ctx = fake_create();
    char answers[256];

    (void)state;
    memset(&now, 0, sizeof(now));
    now.spf = "pass";
    ctx->refuses_headers = true;
    play(dialog, ctx, STRANGER MAIL RCPT FORGED BODY, answers, sizeof(answers));
    assert_string_equal(answers, "c c c c c c");
    assert_string_equal(ctx->deeds, "");
    finish(dialog, ctx);
    free(dialog_destroy(dialog));
}

/* ----- sessions */

/* Lists are those of the configuration under which they were asked. */
static void
test_reload(void **state)
{
    struct dialog *dialog = create(LISTS);
    SMFICTX *ctx = fake_create();
    char answers[256];

    (void)state;
    memset(&now, 0, sizeof(now));
    now.lists = "other";
    play(dialog, ctx, STRANGER MAIL RCPT, answers, sizeof(answers));
    dialog_reload(dialog,
                  SITE "dnsbl third { zone = third.test }\n"
                       "dnsbl other { zone = other.test  action = reject }\n");
    dialog_play(dialog, ctx, RCPT "E", answers, sizeof(answers));
    assert_string_equal(answers, "c c"); /* the message's own configuration */
    dialog_play(dialog, ctx, MAIL RCPT, answers, sizeof(answers));
    assert_string_equal(answers, "c 550");
    assert_string_equal(now.log, "zen other third other ");
    assert_int_equal(now.cases, 1);
    dialog_reload(dialog, SITE);
    dialog_play(dialog, ctx, MAIL RCPT "E", answers, sizeof(answers));
    assert_string_equal(answers, "c c c");
    assert_int_equal(now.cases, 0);
    finish(dialog, ctx);
    free(dialog_destroy(dialog));
}

/* A connection that is used again is another client's. */
static void
test_again(void **state)
{
    struct dialog *dialog = create(BOTH);
    SMFICTX *ctx = fake_create();
    char answers[256];

    (void)state;
    memset(&now, 0, sizeof(now));
    play(dialog, ctx, STRANGER MAIL RCPT, answers, sizeof(answers));
    assert_int_equal(now.cases, 1);
    now.log[0] = '\0';
    dialog_play(dialog, ctx, "A\nC 203.0.113.8 25", answers, sizeof(answers));
    assert_int_equal(now.cases, 1);
    assert_string_equal(now.log, "zen other ");
    dialog_play(dialog, ctx, "C 192.0.2.9 25\n", answers, sizeof(answers));
    assert_int_equal(now.cases, 0);
    finish(dialog, ctx);
    free(dialog_destroy(dialog));
}

/* An address, or a name without a dot, is no HELO that could be looked up. */
static void
test_helo(void **state)
{
    static const char *const names[] = {"[203.0.113.7]", "203.0.113.7",
                                        "localhost", "", "a b.test"};

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        struct dialog *dialog = create(MARKS);
        struct smfiDesc filter = callbacks_describe();
        SMFICTX *ctx = fake_create();
        char answers[256], helo[32];

        memset(&now, 0, sizeof(now));
        (void)snprintf(helo, sizeof(helo), "%s", names[i]);
        dialog_play(dialog, ctx, "C 203.0.113.7 25", answers, sizeof(answers));
        (void)filter.xxfi_helo(ctx, helo);
        dialog_play(dialog, ctx, "M <>\nA\n" MAIL, answers, sizeof(answers));
        expect(names[i], strcmp(now.log, "from=s@spam.test ") == 0);
        finish(dialog, ctx);
        free(dialog_destroy(dialog));
    }
}

/* ----- evidence */

static const struct {
    const char *row, *config, *script, *spf;
    enum verdict_flag flag;
} evidences[] = {
    {"a fail is spam to the detector", EVIDENCE, STRANGER MAIL RCPT BODY,
     "fail", FLAG_SPAM},
    {"a softfail is not", EVIDENCE, STRANGER MAIL RCPT BODY, "softfail",
     FLAG_NONE},
    {"what a filter says goes first", EVIDENCE,
     STRANGER MAIL RCPT "N X-Spam-Flag NO\nN From s@spam.test\nE", "fail",
     FLAG_CLEAN},
    {"unless it is not to be", NO_EVIDENCE, STRANGER MAIL RCPT BODY, "fail",
     FLAG_NONE},
};

static void
test_evidence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(evidences); i++) {
        struct dialog *dialog = create(evidences[i].config);
        SMFICTX *ctx = fake_create();
        char answers[256];

        memset(&now, 0, sizeof(now));
        now.spf = evidences[i].spf;
        daemon_set_ears(dialog_daemon(dialog),
                        &(struct daemon_ears){
                            .detect = (struct detect *)(void *)&anything,
                        });
        play(dialog, ctx, evidences[i].script, answers, sizeof(answers));
        finish(dialog, ctx);
        free(dialog_destroy(dialog));
        expect(evidences[i].row, now.noted == 1);
        expect(evidences[i].row, now.flag == evidences[i].flag);
    }
}

/* ----- rights */

static const struct {
    const char *row, *config;
    unsigned long actions, not_asked; /* of headers */
} asks[] = {
    {"no right for nothing", SITE, SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
     SMFIP_NOHDRS},
    {"headers and their rights for SPF", MARKS,
     SMFIF_QUARANTINE | SMFIF_SETSYMLIST | SMFIF_ADDHDRS | SMFIF_CHGHDRS, 0},
    {"and for lists", LISTS,
     SMFIF_QUARANTINE | SMFIF_SETSYMLIST | SMFIF_ADDHDRS | SMFIF_CHGHDRS, 0},
};

static void
test_asks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(asks); i++) {
        struct dialog *dialog = create(asks[i].config);
        struct smfiDesc filter = callbacks_describe();
        SMFICTX *ctx = fake_create();
        unsigned long out[4];

        expect(asks[i].row,
               filter.xxfi_negotiate(ctx, SMFI_CURR_ACTS, SMFI_CURR_PROT, 0, 0,
                                     &out[0], &out[1], &out[2],
                                     &out[3]) == SMFIS_CONTINUE);
        expect(asks[i].row, out[0] == asks[i].actions);
        expect(asks[i].row, (out[1] & SMFIP_NOHDRS) == asks[i].not_asked);
        expect(asks[i].row, (out[1] & SMFIP_NOBODY) != 0);
        (void)filter.xxfi_negotiate(ctx, SMFIF_QUARANTINE, SMFI_CURR_PROT, 0, 0,
                                    &out[0], &out[1], &out[2], &out[3]);
        expect(asks[i].row, out[0] == SMFIF_QUARANTINE);
        fake_destroy(ctx);
        free(dialog_destroy(dialog));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_replies),
        cmocka_unit_test(test_marks),    cmocka_unit_test(test_flood),
        cmocka_unit_test(test_no_right), cmocka_unit_test(test_reload),
        cmocka_unit_test(test_again),    cmocka_unit_test(test_helo),
        cmocka_unit_test(test_evidence), cmocka_unit_test(test_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
