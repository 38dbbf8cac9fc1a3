/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays the files of test/scenario/ against the engine and a memory store with
 * a stepped clock.  test/scenario/README tells how they are written.
 */
#include <config.h>

#include "policy/acts.h"
#include "policy/explain.h"
#include "policy/policy.h"
#include "policy/store/memory.h"
#include "policy/store/store.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "test/unit.h"

enum { WORDS = 32, LINE = 4096, RECEIPTS = 4096, ACTS = 32 };

/* One play: the daemon's part, with everything in plain sight. */
struct play {
    const char *file;
    unsigned line;
    int64_t now_ms; /* since 1970; also the store's clock */
    struct config *config, *connect_config;
    struct config *old[16]; /* ended with the play: verdicts point into them */
    size_t n_old;
    struct act set[ACTS]; /* by operators, beside the configuration */
    size_t n_set;
    struct acts *acts, *connect_acts;
    struct store *store;

    struct sockaddr_storage client;
    struct facts facts;  /* of the connection and its message */
    char text[12][LINE]; /* room for what facts point to */
    struct wall connected;
    struct store_ticket *connecting;
    bool muted; /* refused at MAIL, in observe mode */
    bool away;  /* the store that a fleet shares */
    struct verdict held;
    struct receipt receipts[RECEIPTS];
    size_t n_receipts;
    struct policy p;
};

/* Strings that facts borrow, by place in play.text. */
enum place { NAME, PORT, FLAGS, ADDR, HOST, LOGIN, SENDER, RCPT, MAILER };

static const char *
keep(struct play *play, enum place place, const char *text)
{
    (void)snprintf(play->text[place], LINE, "%s", text);
    return play->text[place];
}

static _Noreturn void
stop(const struct play *play, const char *what, const char *more)
{
    fail_msg("%s:%u: %s %s", play->file, play->line, what, more);
    abort();
}

/* ----- words of a line; <...> and "..." are one word */

static size_t
split(struct play *play, char *line, char *word[WORDS])
{
    size_t n = 0;

    for (;;) {
        char close = ' ';

        line += strspn(line, " \t\n");
        if (*line == '\0' || *line == '#')
            return n;
        if (n == WORDS)
            stop(play, "too many words", "");
        if (*line == '<')
            close = '>';
        else if (*line == '"')
            close = *line++;
        word[n++] = line;
        if (close == '>') { /* to the last one on the line before a blank */
            while (*line != '\0' &&
                   !(*line == '>' &&
                     (line[1] == ' ' || line[1] == '\n' || line[1] == '\0')))
                line++;
            line += *line == '>';
        } else {
            line += close == '"' ? strcspn(line, "\"") : strcspn(line, " \t\n");
        }
        if (*line != '\0')
            *line++ = '\0';
    }
}

/* ----- the daemon's part */

static struct store_time
now(const struct play *play)
{
    return (struct store_time){{play->now_ms}, {play->now_ms / 1000}};
}

static void
give_back(struct play *play, size_t from)
{
    store_refund(play->store, play->receipts + from, play->n_receipts - from,
                 now(play));
    play->n_receipts = from;
}

static void
add_receipts(struct play *play, const struct charge_answers *answers)
{
    for (size_t i = 0; i < answers->n; i++) {
        if (answers->item[i].receipt.n == 0)
            continue;
        if (play->n_receipts == RECEIPTS)
            stop(play, "too many receipts", "");
        play->receipts[play->n_receipts++] = answers->item[i].receipt;
    }
}

/* What ANSWERS to ITEMS would be if nobody but this host could count: with one
 * host, its share is the limit. */
static void
answer_alone(struct play *play, const struct charge_item *items,
             struct charge_answers *answers)
{
    for (size_t i = 0; i < answers->n; i++) {
        const struct charge_item *item = &items[i];
        struct charge_answer *answer = &answers->item[i];

        if (!play->away || item->host || item->fallback == FALLBACK_LOCAL)
            continue;
        store_refund(play->store, &answer->receipt, 1, now(play));
        *answer = (struct charge_answer){.unknown = item->fallback ==
                                                    FALLBACK_TEMPFAIL};
    }
}

static void
charge(struct play *play, struct charge_answers *answers)
{
    struct store_ticket *ticket;

    assert_int_equal(store_submit(play->store, play->p.items, play->p.n_items,
                                  now(play), &ticket),
                     MS_OK);
    assert_int_equal(store_collect(play->store, ticket,
                                   (struct mono){play->now_ms + 300}, answers),
                     MS_OK);
    answer_alone(play, play->p.items, answers);
}

/* ----- explained beforehand: it must come out as it then does */

struct foreseen {
    bool asked;
    struct verdict verdict;
    enum stage stage;
    unsigned steps;
};

static enum ms_err
look(void *arg, const struct charge_item *items, size_t n,
     struct charge_answers *out)
{
    struct play *play = arg;
    struct store_ticket *ticket;

    for (size_t i = 0; i < n; i++)
        assert_int_equal(items[i].kind, CHARGE_LOOK);
    assert_int_equal(store_submit(play->store, items, n, now(play), &ticket),
                     MS_OK);
    assert_int_equal(store_collect(play->store, ticket,
                                   (struct mono){play->now_ms + 300}, out),
                     MS_OK);
    answer_alone(play, items, out);
    return MS_OK;
}

static void
count_step(void *to, const struct explain_step *step)
{
    struct foreseen *foreseen = to;

    foreseen->steps++;
    assert_true(step->text[0] != '\0' && step->rule[0] != '\0');
}

static void
foresee(struct play *play, enum stage stage, struct foreseen *out)
{
    const struct explain_asked asked = {
        .config = play->config,
        .facts = play->facts,
        .recipients = &play->facts.recipient,
        .n_recipients = stage == STAGE_RCPT,
        .look = look,
        .arg = play,
    };

    out->asked = stage == STAGE_MAIL || stage == STAGE_RCPT;
    out->steps = 0;
    if (!out->asked)
        return;
    assert_int_equal(
        policy_explain(&asked, count_step, out, &out->verdict, &out->stage),
        MS_OK);
    assert_true(out->steps > 3);
}

/* What stops an earlier stage by now says nothing about this one. */
static void
compare(struct play *play, enum stage stage, const struct foreseen *foreseen)
{
    const struct verdict *v = &play->p.verdict;
    const bool refuses = foreseen->verdict.action == VERDICT_DEFER ||
                         foreseen->verdict.action == VERDICT_REJECT;

    if (!foreseen->asked || (refuses && foreseen->stage < stage))
        return;
    if (!refuses || foreseen->stage > stage) {
        if (policy_refuses(&play->p))
            stop(play, "not foreseen:", v->rule);
        return;
    }
    if (v->action != foreseen->verdict.action ||
        v->used != foreseen->verdict.used ||
        v->observed != foreseen->verdict.observed ||
        v->code != foreseen->verdict.code ||
        v->retry_s != foreseen->verdict.retry_s ||
        strcmp(v->rule, foreseen->verdict.rule) != 0)
        stop(play, "foreseen, and did not come:", foreseen->verdict.rule);
}

/* Ask, charge and answer until the verdict stands; a refusal costs nothing. */
static void
decide(struct play *play, enum stage stage)
{
    static struct charge_answers answers;
    size_t before = play->n_receipts;
    struct foreseen foreseen;
    bool done = false;

    play->facts.now = now(play).wall;
    play->facts.acts = play->acts;
    foresee(play, stage, &foreseen);
    policy_ask(play->config, &play->facts, stage, &play->p);
    while (!done) {
        bool charged = play->p.wants;

        if (charged) {
            charge(play, &answers);
            add_receipts(play, &answers);
        }
        done = policy_answer(&play->p, charged ? &answers : NULL);
    }
    compare(play, stage, &foreseen);
    if (policy_refuses(&play->p))
        give_back(play, before);
    policy_count(&play->p, &play->facts);
    if (play->p.hold) {
        play->held = play->p.verdict;
        play->facts.held = &play->held;
    }
}

static void
forget_message(struct play *play)
{
    struct facts *f = &play->facts;

    f->login = f->login_type = f->sender = f->recipient = NULL;
    f->rcpt_mailer = NULL;
    f->refused = f->unknown = f->counted = false;
    f->recipients = f->external = f->bad = f->ordinary = 0;
    f->held = NULL;
    f->bytes = f->size = 0;
    play->muted = false;
    play->n_receipts = 0;
}

static void
nothing(struct play *play)
{
    verdict_continue(&play->p.verdict);
    play->p.n_would = 0;
    play->p.n_warnings = 0;
}

/* ----- verbs */

static bool
pair(char **word, size_t n, size_t *i, const char *name, const char **value)
{
    if (strcmp(word[*i], name) != 0 || *i + 1 >= n)
        return false;
    *value = word[++*i];
    return true;
}

static void
set_client(struct play *play, const char *text, uint16_t source)
{
    struct sockaddr_in *in = (void *)&play->client;
    struct sockaddr_in6 *in6 = (void *)&play->client;

    memset(&play->client, 0, sizeof(play->client));
    play->facts.client = (struct sockaddr *)&play->client;
    play->facts.client_stdin = strcmp(text, "stdin") == 0;
    if (play->facts.client_stdin || strcmp(text, "unknown") == 0) {
        play->facts.client = NULL;
    } else if (strcmp(text, "unix") == 0) {
        play->client.ss_family = AF_UNIX;
    } else if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(source);
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(source);
    } else {
        stop(play, "no address:", text);
    }
}

/* What was asked at CONNECT is judged at the first MAIL; true: refused. */
static bool
judge_connect(struct play *play)
{
    static struct charge_answers answers;
    struct facts facts = play->facts;
    enum ms_err err;

    if (play->connecting == NULL)
        return false;
    err = store_collect(play->store, play->connecting,
                        (struct mono){play->now_ms + 300}, &answers);
    play->connecting = NULL;
    assert_int_equal(err, MS_OK);
    facts.now = play->connected;
    facts.acts = play->connect_acts;
    facts.login = facts.login_type = facts.sender = NULL;
    facts.size = 0;
    policy_ask(play->connect_config, &facts, STAGE_CONNECT, &play->p);
    assert_int_equal(play->p.n_items, answers.n);
    answer_alone(play, play->p.items, &answers);
    (void)policy_answer(&play->p, &answers);
    return policy_refuses(&play->p);
}

static void
do_connect(struct play *play, char **word, size_t n)
{
    struct facts *f = &play->facts;
    const char *value = "25", *source = "40000";

    forget_message(play);
    memset(f, 0, sizeof(*f));
    store_drop(play->store, play->connecting);
    play->connecting = NULL;
    f->daemon_port = keep(play, PORT, "25");
    f->daemon_addr = keep(play, ADDR, "192.0.2.1");
    f->hostname = keep(play, HOST, "mx.example.org");
    for (size_t i = 2; i < n; i++) {
        if (pair(word, n, &i, "port", &value))
            f->daemon_port =
                strcmp(value, "none") == 0 ? NULL : keep(play, PORT, value);
        else if (pair(word, n, &i, "name", &value))
            f->daemon_name = keep(play, NAME, value);
        else if (pair(word, n, &i, "flags", &value))
            f->daemon_flags = keep(play, FLAGS, value);
        else if (pair(word, n, &i, "daemon", &value))
            f->daemon_addr = keep(play, ADDR, value);
        else if (pair(word, n, &i, "host", &value))
            f->hostname = keep(play, HOST, value);
        else if (!pair(word, n, &i, "source", &source))
            stop(play, "what is", word[i]);
    }
    set_client(play, n > 1 ? word[1] : "unknown",
               (uint16_t)strtoul(source, NULL, 10));
    play->connect_config = play->config;
    acts_put(play->connect_acts);
    play->connect_acts = acts_get(play->acts);
    f->acts = play->acts;
    f->now = play->connected = now(play).wall;
    policy_ask(play->config, f, STAGE_CONNECT, &play->p);
    if (play->p.wants)
        assert_int_equal(store_submit(play->store, play->p.items,
                                      play->p.n_items, now(play),
                                      &play->connecting),
                         MS_OK);
    else
        (void)policy_answer(&play->p, NULL);
}

static void
do_mail(struct play *play, char **word, size_t n)
{
    struct facts *f = &play->facts;
    const char *value;

    give_back(play, 0);
    forget_message(play);
    f->sender = keep(play, SENDER, n > 1 ? word[1] : "<>");
    for (size_t i = 2; i < n; i++) {
        if (pair(word, n, &i, "login", &value)) {
            f->login = keep(play, LOGIN, value);
            f->login_type = "PLAIN";
        } else if (pair(word, n, &i, "claims", &value)) {
            f->login = keep(play, LOGIN, value); /* no {auth_type} */
        } else if (pair(word, n, &i, "size", &value)) {
            f->size = strtoull(value, NULL, 10);
        } else if (strcmp(word[i], "tls") == 0) {
            f->tls = true;
        } else if (strcmp(word[i], "plain") == 0) {
            f->tls = false;
        } else {
            stop(play, "what is", word[i]);
        }
    }
    decide(play, STAGE_MAIL);
    play->muted = policy_refuses(&play->p) && play->p.verdict.observed;
    if (!policy_refuses(&play->p))
        (void)judge_connect(play);
}

static void
do_rcpt(struct play *play, char **word, size_t n)
{
    struct facts *f = &play->facts;
    const char *value;

    f->recipient = keep(play, RCPT, n > 1 ? word[1] : "");
    f->rcpt_mailer = NULL;
    f->refused = f->unknown = false;
    for (size_t i = 2; i < n; i++) {
        if (pair(word, n, &i, "mailer", &value))
            f->rcpt_mailer = keep(play, MAILER, value);
        else
            stop(play, "what is", word[i]);
    }
    if (play->muted)
        nothing(play);
    else
        decide(play, STAGE_RCPT);
}

static void
do_refused(struct play *play, char **word, size_t n)
{
    struct facts *f = &play->facts;
    struct charge_answers answers;

    f->recipient = keep(play, RCPT, n > 1 ? word[1] : "");
    f->refused = true;
    f->unknown = n > 2 && strncmp(word[2], "5.1.", 4) == 0;
    f->now = now(play).wall;
    f->acts = play->acts;
    policy_ask(play->config, f, STAGE_REFUSED, &play->p);
    if (play->p.wants)
        charge(play, &answers); /* never refunded */
    policy_count(&play->p, f);
    nothing(play);
}

static void
do_end(struct play *play, char **word, size_t n)
{
    if (n > 1)
        play->facts.bytes = strtoull(word[1], NULL, 10);
    if (play->muted)
        nothing(play);
    else
        decide(play, STAGE_END);
    if (policy_refuses(&play->p) && !play->p.verdict.observed)
        give_back(play, 0);
    forget_message(play);
}

static void
do_abort(struct play *play, char **word, size_t n)
{
    (void)word;
    (void)n;
    give_back(play, 0);
    forget_message(play);
    nothing(play);
}

static int64_t
read_span(const struct play *play, const char *span)
{
    struct rate rate;
    char text[64];

    if (*span != '\0' && span[strlen(span) - 1] == 's')
        return strtoll(span, NULL, 10);
    (void)snprintf(text, sizeof(text), "1/%s", span);
    if (rate_parse(text, RATE_EVENTS, &rate, NULL) != MS_OK)
        stop(play, "no span:", text);
    return (int64_t)rate.span_s;
}

static int64_t
read_time(const struct play *play, const char *day, const char *hour)
{
    struct tm tm = {0};

    if (strptime(day, "%Y-%m-%d", &tm) == NULL ||
        strptime(hour, "%H:%M", &tm) == NULL)
        stop(play, "say: 2026-11-22 10:00", "");
    return (int64_t)timegm(&tm);
}

static void
do_after(struct play *play, char **word, size_t n)
{
    play->now_ms += 1000 * read_span(play, n > 1 ? word[1] : "");
}

static void
do_store(struct play *play, char **word, size_t n)
{
    play->away = n > 1 && strcmp(word[1], "away") == 0;
    if (!play->away && (n < 2 || strcmp(word[1], "back") != 0))
        stop(play, "say: store away, or: store back", "");
}

static void
do_time(struct play *play, char **word, size_t n)
{
    if (n != 3)
        stop(play, "say: time 2026-11-22 10:00", "");
    play->now_ms = 1000 * read_time(play, word[1], word[2]);
}

/* ----- what operators set */

static void
take_acts(struct play *play)
{
    acts_put(play->acts);
    play->acts = NULL;
    assert_int_equal(acts_create(play->set, play->n_set, &play->acts), MS_OK);
}

/* From word I on: how long ACT holds, and for which limit; then it is set. */
static void
set_act(struct play *play, struct act *act, char **word, size_t n, size_t i)
{
    const char *value;

    act->since = now(play).wall;
    act->until.s = ACT_FOR_EVER;
    for (; i < n; i++) {
        if (pair(word, n, &i, "for", &value)) {
            act->until.s = act->since.s + read_span(play, value);
        } else if (pair(word, n, &i, "limit", &value)) {
            (void)snprintf(act->limit, sizeof(act->limit), "%s", value);
        } else if (strcmp(word[i], "until") == 0 && i + 2 < n) {
            act->until.s = read_time(play, word[i + 1], word[i + 2]);
            i += 2;
        } else {
            stop(play, "what is", word[i]);
        }
    }
    if (play->n_set == ACTS)
        stop(play, "too many acts", "");
    play->set[play->n_set++] = *act;
    take_acts(play);
}

static void
read_subject(const struct play *play, const char *text, struct subject *out)
{
    const char *plus = strchr(text, '+'), *colon = strchr(text, ':');

    if (plus != NULL && colon != NULL && plus < colon) { /* client+sender:a+b */
        char value[LINE];

        (void)snprintf(value, sizeof(value), "%s", colon + 1);
        plus = strchr(value, '+');
        if (strncmp(text, "client+sender:", 14) != 0 || plus == NULL)
            stop(play, "no such pair:", text);
        value[plus - value] = '\0';
        assert_true(subject_make_pair(SUBJECT_CLIENT, value, SUBJECT_SENDER,
                                      plus + 1, out));
    } else if (subject_parse(text, out, NULL) != MS_OK) {
        stop(play, "no subject:", text);
    }
}

static void
do_exempt(struct play *play, char **word, size_t n)
{
    struct act act = {.kind = ACT_EXEMPT};

    read_subject(play, n > 1 ? word[1] : "", &act.subject);
    set_act(play, &act, word, n, 2);
}

static void
do_raise(struct play *play, char **word, size_t n)
{
    struct act act = {.kind = ACT_RAISE};

    if (n < 4 || rates_parse(word[3], RATE_EVENTS, &act.rates, NULL) != MS_OK)
        stop(play, "say: raise SUBJECT LIMIT RATES", "");
    read_subject(play, word[1], &act.subject);
    (void)snprintf(act.limit, sizeof(act.limit), "%s", word[2]);
    set_act(play, &act, word, n, 4);
}

static void
do_mode(struct play *play, char **word, size_t n)
{
    struct act act = {
        .kind = ACT_MODE, .subject.kind = SUBJECT_KINDS, .mode = MODE_ENFORCE};

    if (n > 1 && strcmp(word[1], "observe") == 0)
        act.mode = MODE_OBSERVE;
    else if (n < 2 || strcmp(word[1], "enforce") != 0)
        stop(play, "say: mode observe, or: mode enforce", "");
    set_act(play, &act, word, n, 2);
}

static void
do_withdraw(struct play *play, char **word, size_t n)
{
    (void)word;
    (void)n;
    if (play->n_set == 0)
        stop(play, "nothing is set", "");
    play->n_set--;
    take_acts(play);
}

/* ----- what is expected */

static void
print_verdict(const struct verdict *v, char out[LINE])
{
    (void)snprintf(out, LINE, "%s%s %u %s %s used %llu/%u retry %llus",
                   v->observed ? "would " : "", verdict_action_name(v->action),
                   v->code, v->enhanced, v->rule, (unsigned long long)v->used,
                   v->rate.n, (unsigned long long)v->retry_s);
}

/* Every word expected must be so; what is not said may be anything. */
static void
expect_verdict(struct play *play, const struct verdict *v, char **word,
               size_t n)
{
    bool would = false;
    char got[LINE], padded[LINE + 2], wanted[LINE];

    print_verdict(v, got);
    (void)snprintf(padded, sizeof(padded), " %s ", got);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(wanted, sizeof(wanted), " %s ", word[i]);
        would = would || strcmp(word[i], "would") == 0;
        if (strstr(padded, wanted) == NULL)
            stop(play, "got", got);
    }
    if (would != v->observed)
        stop(play, "got", got);
}

static void
do_says(struct play *play, char **word, size_t n)
{
    char text[VERDICT_TEXT];

    verdict_text(&play->p.verdict, play->config, &play->p.scene,
                 play->facts.recipient, "REF00001", text);
    for (size_t i = 1; i < n; i++) {
        if (strstr(text, word[i]) == NULL)
            stop(play, "it says:", text);
    }
}

static void
do_trial(struct play *play, char **word, size_t n)
{
    if (play->p.n_would == 0)
        stop(play, "no trial would have refused", "");
    expect_verdict(play, &play->p.would[0], word + 1, n - 1);
}

static void
do_warns(struct play *play, char **word, size_t n)
{
    if (play->p.n_warnings == 0 || n < 2 ||
        strcmp(play->p.warning[0].limit->name, word[1]) != 0)
        stop(play, "no such warning:", n > 1 ? word[1] : "");
}

static void
do_quiet(struct play *play, char **word, size_t n)
{
    (void)word;
    (void)n;
    if (play->p.n_would > 0)
        stop(play, "a trial would have refused:", play->p.would[0].rule);
    if (play->p.n_warnings > 0)
        stop(play, "a warning about", play->p.warning[0].limit->name);
}

static const struct {
    const char *name;
    void (*act)(struct play *, char **, size_t);
} verbs[] = {
    {"connect", do_connect}, {"mail", do_mail},         {"rcpt", do_rcpt},
    {"refused", do_refused}, {"end", do_end},           {"abort", do_abort},
    {"after", do_after},     {"time", do_time},         {"says", do_says},
    {"trial", do_trial},     {"warns", do_warns},       {"quiet", do_quiet},
    {"store", do_store},     {"exempt", do_exempt},     {"raise", do_raise},
    {"mode", do_mode},       {"withdraw", do_withdraw},
};

/* "VERB ... [x N] [= EXPECTED ...]" */
static void
act(struct play *play, char *line)
{
    char *word[WORDS];
    size_t n = split(play, line, word), args = 0, times = 1, verb = 0;

    if (n == 0)
        return;
    while (args < n && strcmp(word[args], "=") != 0)
        args++;
    n -= args < n;
    if (args > 2 && strcmp(word[args - 2], "x") == 0) {
        times = strtoul(word[args - 1], NULL, 10);
        args -= 2;
        memmove(word + args, word + args + 2, (n - args - 1) * sizeof(*word));
        n -= 2;
    }
    while (verb < ROWS(verbs) && strcmp(verbs[verb].name, word[0]) != 0)
        verb++;
    if (verb == ROWS(verbs))
        stop(play, "no such verb:", word[0]);
    for (; times > 0; times--) {
        verbs[verb].act(play, word, args);
        if (n > args)
            expect_verdict(play, &play->p.verdict, word + args + 1, n - args);
    }
}

/* ----- files */

static void
show(void *arg, const char *line)
{
    (void)arg;
    print_message("%s\n", line);
}

static void
ignore(void *arg, const char *line)
{
    (void)arg;
    (void)line;
}

static void
read_config(struct play *play, FILE *in)
{
    static const struct config_report report = {show, ignore, NULL};
    char line[LINE], *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    long at = ftell(in);

    assert_non_null(out);
    while (fgets(line, sizeof(line), in) != NULL &&
           (line[0] == ' ' || line[0] == '\n')) {
        fputs(line, out);
        play->line++;
        at = ftell(in);
    }
    fclose(out);
    fseek(in, at, SEEK_SET);
    if (play->config != NULL)
        play->old[play->n_old++] = play->config;
    if (config_load_text(play->file, text, now(play).wall, &report,
                         &play->config) != MS_OK)
        stop(play, "the configuration is wrong", "");
    free(text);
}

static void
test_file(void **state)
{
    struct play *play = calloc(1, sizeof(*play));
    unsigned long times = 0;
    unsigned loop_line = 0;
    long loop = 0;
    char line[LINE];
    FILE *in;

    assert_non_null(play);
    play->file = *state;
    play->now_ms = INT64_C(1795348800000); /* 2026-11-22 12:00 */
    in = fopen(play->file, "r");
    assert_non_null(in);
    assert_int_equal(store_memory_create(64 << 20, &play->store), MS_OK);
    while (fgets(line, sizeof(line), in) != NULL) {
        play->line++;
        if (strncmp(line, "config", 6) == 0) {
            read_config(play, in);
        } else if (strncmp(line, "repeat ", 7) == 0) {
            times = strtoul(line + 7, NULL, 10);
            loop = ftell(in);
            loop_line = play->line;
        } else if (strncmp(line, "done", 4) == 0) {
            if (times-- > 1) {
                fseek(in, loop, SEEK_SET);
                play->line = loop_line;
            }
        } else {
            act(play, line);
        }
    }
    fclose(in);
    store_drop(play->store, play->connecting);
    store_destroy(play->store);
    acts_put(play->acts);
    acts_put(play->connect_acts);
    config_destroy(play->config);
    while (play->n_old > 0)
        config_destroy(play->old[--play->n_old]);
    free(play);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_scenario(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot != NULL && strcmp(dot, ".txt") == 0;
}

int
main(void)
{
    enum { MOST = 200 };
    static struct CMUnitTest tests[MOST];
    static char paths[MOST][PATH_MAX];
    const char *top = getenv("top_srcdir");
    char dir[PATH_MAX];
    struct dirent **list = NULL;
    int n;

    (void)snprintf(dir, sizeof(dir), "%s/test/scenario",
                   top != NULL ? top : ".");
    n = scandir(dir, &list, is_scenario, by_name);
    if (n <= 0 || n > MOST) {
        print_error("no scenarios in %s\n", dir);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        (void)snprintf(paths[i], PATH_MAX, "%.2000s/%.200s", dir,
                       list[i]->d_name);
        tests[i] = (struct CMUnitTest){
            .name = strrchr(paths[i], '/') + 1,
            .test_func = test_file,
            .initial_state = paths[i],
        };
        free(list[i]);
    }
    free(list);
    return _cmocka_run_group_tests("scenario", tests, (size_t)n, NULL, NULL);
}
