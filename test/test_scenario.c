/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays the files of test/scenario/ against the engine and a memory store with
 * a stepped clock.  test/scenario/README tells how they are written.
 */
#include <config.h>

#include "policy/acts.h"
#include "policy/explain.h"
#include "policy/lookups.h"
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

#include "test/judged.h"
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
    bool muted;        /* refused at MAIL, in observe mode */
    bool away;         /* the store that a fleet shares */
    struct wall birth; /* of the store */
    uint64_t met;      /* recipients that somebody was judged for */
    struct verdict held;
    struct lookups lookups; /* what was found out about the client */
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
    answers->degraded = play->away;
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
    play->facts.birth = play->birth;
    foresee(play, stage, &foreseen);
    policy_ask(play->config, &play->facts, stage, &play->p);
    while (!done) {
        bool charged = play->p.wants;

        if (charged) {
            charge(play, &answers);
            if (!play->p.spent)
                add_receipts(play, &answers);
        }
        done = policy_answer(&play->p, charged ? &answers : NULL);
    }
    compare(play, stage, &foreseen);
    play->lookups.put_off = play->lookups.put_off || play->p.put_off;
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
    f->flag = FLAG_NONE;
    f->throttled = NULL;
    f->n_seen = 0;
    f->bytes = f->size = 0;
    play->muted = false;
    play->n_receipts = 0;
    play->lookups.mail_from = play->lookups.helo = (struct spf_finding){0};
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
    play->lookups = (struct lookups){0};
    f->lookups = &play->lookups;
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
    for (size_t i = 1; i < n; i++) {
        if (strcmp(word[i], "spam") == 0)
            play->facts.flag = FLAG_SPAM;
        else if (strcmp(word[i], "clean") == 0)
            play->facts.flag = FLAG_CLEAN;
        else
            play->facts.bytes = strtoull(word[i], NULL, 10);
    }
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

/* ----- what the DNS says */

/* "spf fail [DOMAIN] [helo]", after MAIL. */
static void
do_spf(struct play *play, char **word, size_t n)
{
    const bool helo = n > 2 && strcmp(word[n - 1], "helo") == 0;
    struct spf_finding *found =
        helo ? &play->lookups.helo : &play->lookups.mail_from;
    struct why why;

    if (n < 2 ||
        lookups_say_spf(&play->lookups, helo ? LOOKUPS_HELO : LOOKUPS_MAIL_FROM,
                        word[1], &why) != MS_OK)
        stop(play, "say: spf RESULT [DOMAIN] [helo]", "");
    if (n - helo > 2)
        (void)snprintf(found->domain, sizeof(found->domain), "%s", word[2]);
}

/* "listed zen:127.0.0.4", after CONNECT. */
static void
do_listed(struct play *play, char **word, size_t n)
{
    struct why why = {"say: listed LIST[:ANSWER]"};

    if (n != 2 || lookups_say_listed(&play->lookups, play->config, word[1],
                                     &why) != MS_OK)
        stop(play, why.text, "");
}

/* What the daemon would ask here: "asks spf helo zen". */
static void
do_asks(struct play *play, char **word, size_t n)
{
    struct lookups_wanted at_connect, at_mail;
    char got[LINE] = "", wanted[LINE] = "";
    struct scene scene;

    scene_make(play->config, &play->facts, &scene);
    lookups_wanted(play->config, &play->facts, &scene, STAGE_CONNECT,
                   &at_connect);
    lookups_wanted(play->config, &play->facts, &scene, STAGE_MAIL, &at_mail);
    assert_int_equal(at_connect.lists & at_mail.lists, 0);
    assert_false(at_connect.mail_from || at_connect.helo);
    if (at_mail.mail_from)
        strcat(got, " spf");
    if (at_mail.helo)
        strcat(got, " helo");
    for (size_t i = 0; i < play->config->n_dnsbls; i++) {
        if (((at_connect.lists | at_mail.lists) >> i & 1) == 0)
            continue;
        strcat(got, (at_connect.lists >> i & 1) != 0 ? " early:" : " ");
        strcat(got, play->config->dnsbls[i]->name);
    }
    for (size_t i = 1; i < n; i++) {
        strcat(wanted, " ");
        strcat(wanted, word[i]);
    }
    if (strcmp(wanted, n == 2 && strcmp(word[1], "nobody") == 0 ? " nobody"
                                                                : got) != 0 ||
        (*got != '\0' && strcmp(wanted, " nobody") == 0))
        stop(play, "it asks:", got);
}

/* Is it told to the detector as spam? */
static void
do_evidence(struct play *play, char **word, size_t n)
{
    const bool wanted = n == 2 && strcmp(word[1], "yes") == 0;
    struct scene scene;

    scene_make(play->config, &play->facts, &scene);
    if (lookups_evidence(play->config, &scene, &play->lookups) != wanted)
        stop(play, "it is not so", "");
}

/* ----- those whom rules of zombies judge */

static struct judged
judged_of(const struct play *play, size_t n, char **word)
{
    struct judged judged = {.store = play->store,
                            .config = play->config,
                            .acts = play->acts,
                            .now = now(play)};

    read_subject(play, n > 1 ? word[1] : "", &judged.subject);
    return judged;
}

static enum standing
read_standing(const struct play *play, const char *name)
{
    enum standing standing;

    if (!standing_of(name, &standing))
        stop(play, "no standing:", name);
    return standing;
}

static void
do_born(struct play *play, char **word, size_t n)
{
    if (n != 3)
        stop(play, "say: born 2026-11-22 10:00", "");
    play->birth.s = read_time(play, word[1], word[2]);
}

static void
do_seen(struct play *play, char **word, size_t n)
{
    const struct judged judged = judged_of(play, n, word);

    if (n != 4)
        stop(play, "say: seen SUBJECT 2026-11-22 10:00", "");
    judged_seen(&judged, (struct wall){read_time(play, word[2], word[3])});
}

static void
do_standing(struct play *play, char **word, size_t n)
{
    const struct judged judged = judged_of(play, n, word);
    const char *rate = "0";

    for (size_t i = 3; i < n; i++)
        if (!pair(word, n, &i, "rate", &rate))
            stop(play, "what is", word[i]);
    judged_stand(&judged, read_standing(play, n > 2 ? word[2] : ""),
                 (uint32_t)strtoul(rate, NULL, 10));
}

enum { MOST_RECIPIENTS = 1024 };

static void
note(void *arg, struct detector *d, const struct detector_tuning *tuning,
     const struct zombie *rule)
{
    (void)rule;
    (void)detector_note(d, tuning, arg);
}

/* Any number, but never the same for two. */
static uint64_t
hash_of(uint64_t kind, uint64_t n)
{
    return ((kind << 48) + n + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static void
do_judge(struct play *play, char **word, size_t n)
{
    static uint64_t recipients[MOST_RECIPIENTS];
    const struct judged judged = judged_of(play, n, word);
    struct detector_event event = {
        .at = now(play).wall, .recipients = recipients, .messages = 1};
    const char *value;

    for (size_t i = 2; i < n; i++) {
        bool is_new = strcmp(word[i], "new") == 0;

        if (is_new || strcmp(word[i], "known") == 0) {
            size_t more = strtoul(i + 1 < n ? word[i + 1] : "", NULL, 10);

            for (size_t j = 0; j < more && event.n_recipients < MOST_RECIPIENTS;
                 j++)
                recipients[event.n_recipients++] =
                    is_new ? hash_of(1, play->met++) : hash_of(2, j);
            i++;
        } else if (strcmp(word[i], "spam") == 0) {
            event.spam = 1;
        } else if (strcmp(word[i], "clean") == 0) {
            event.clean = 1;
        } else if (pair(word, n, &i, "unknown", &value)) {
            event.unknown = (uint32_t)strtoul(value, NULL, 10);
        } else if (pair(word, n, &i, "complaints", &value)) {
            event.complaints = (uint32_t)strtoul(value, NULL, 10);
        } else if (pair(word, n, &i, "network", &value)) {
            event.network = hash_of(3, strtoull(value, NULL, 10));
        } else if (pair(word, n, &i, "sender", &value)) {
            event.sender = hash_of(4, strtoull(value, NULL, 10));
        } else {
            stop(play, "what is", word[i]);
        }
    }
    judged_change(&judged, note, &event);
}

/* What changes a standing beside evidence. */
struct word_of {
    char **word;
    size_t n;
    struct wall now, until;
};

static void
pass_time(void *arg, struct detector *d, const struct detector_tuning *tuning,
          const struct zombie *rule)
{
    const struct word_of *of = arg;

    (void)rule;
    (void)detector_pass(d, tuning, of->now);
}

static void
release(void *arg, struct detector *d, const struct detector_tuning *tuning,
        const struct zombie *rule)
{
    const struct word_of *of = arg;
    bool legit = of->n > 2 && strcmp(of->word[2], "legit") == 0;

    (void)rule;
    detector_release(d, tuning, legit ? DETECTOR_LEGIT : DETECTOR_RELEASE,
                     CAUSE_OPERATOR, of->now);
}

static void
block(void *arg, struct detector *d, const struct detector_tuning *tuning,
      const struct zombie *rule)
{
    const struct word_of *of = arg;

    (void)tuning;
    (void)rule;
    detector_block(d, of->now, of->until);
}

static void
lease(void *arg, struct detector *d, const struct detector_tuning *tuning,
      const struct zombie *rule)
{
    const struct word_of *of = arg;

    (void)tuning;
    (void)rule;
    detector_lease(d, CAUSE_LEASE, of->now);
}

static void
demote(void *arg, struct detector *d, const struct detector_tuning *tuning,
       const struct zombie *rule)
{
    const struct word_of *of = arg;
    enum evidence_cause cause = CAUSE_ENFORCE;

    (void)tuning;
    (void)rule;
    if (of->n > 2)
        assert_true(cause_of(of->word[2], &cause));
    if (cause == CAUSE_BREAKER || d->observed)
        detector_demote(d, cause, of->now);
}

static void
take_back(void *arg, struct detector *d, const struct detector_tuning *tuning,
          const struct zombie *rule)
{
    const struct word_of *of = arg;

    (void)rule;
    (void)detector_take_back(d, tuning, (uint64_t)of->now.s, of->now);
}

/* "WORD SUBJECT ...": by the row of that name. */
static void
do_change(struct play *play, char **word, size_t n)
{
    static const struct {
        const char *name;
        void (*change)(void *, struct detector *,
                       const struct detector_tuning *, const struct zombie *);
    } changes[] = {{"pass", pass_time}, {"release", release},
                   {"block", block},    {"lease", lease},
                   {"demote", demote},  {"disbelieve", take_back}};
    const struct judged judged = judged_of(play, n, word);
    struct word_of of = {.word = word, .n = n, .now = now(play).wall};
    const char *span;
    size_t i = 0;

    for (size_t j = 2; j < n; j++)
        if (pair(word, n, &j, "for", &span))
            of.until.s = of.now.s + read_span(play, span);
    while (strcmp(changes[i].name, word[0]) != 0)
        i++;
    judged_change(&judged, changes[i].change, &of);
}

static void
expect_of(const struct play *play, const struct detector *d,
          const struct store_state *state, char **word, size_t n)
{
    const char *value;
    char got[64];

    for (size_t i = 3; i < n; i++) {
        if (pair(word, n, &i, "cause", &value)) {
            if (strcmp(cause_name(d->cause), value) != 0)
                stop(play, "its cause is", cause_name(d->cause));
        } else if (pair(word, n, &i, "rate", &value)) {
            (void)snprintf(got, sizeof(got), "%lu",
                           (unsigned long)state->throttle);
            if (strcmp(got, value) != 0)
                stop(play, "its rate is", got);
        } else if (strcmp(word[i], "observed") == 0) {
            if (!d->observed)
                stop(play, "it was not earned in observe mode", "");
        } else {
            stop(play, "what is", word[i]);
        }
    }
}

static void
do_stands(struct play *play, char **word, size_t n)
{
    const struct judged judged = judged_of(play, n, word);
    struct store_state state = {.standing = STANDING_NORMAL};
    struct detector d;

    detector_begin(&d);
    (void)judged_get(&judged, &d, &state);
    if (state.standing != read_standing(play, n > 2 ? word[2] : ""))
        stop(play, "it stands", standing_name(state.standing));
    expect_of(play, &d, &state, word, n);
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
    {"connect", do_connect},   {"mail", do_mail},
    {"rcpt", do_rcpt},         {"refused", do_refused},
    {"end", do_end},           {"abort", do_abort},
    {"after", do_after},       {"time", do_time},
    {"says", do_says},         {"trial", do_trial},
    {"warns", do_warns},       {"quiet", do_quiet},
    {"store", do_store},       {"exempt", do_exempt},
    {"raise", do_raise},       {"mode", do_mode},
    {"withdraw", do_withdraw}, {"born", do_born},
    {"seen", do_seen},         {"standing", do_standing},
    {"judge", do_judge},       {"pass", do_change},
    {"release", do_change},    {"block", do_change},
    {"lease", do_change},      {"demote", do_change},
    {"disbelieve", do_change}, {"stands", do_stands},
    {"spf", do_spf},           {"listed", do_listed},
    {"asks", do_asks},         {"evidence", do_evidence},
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
