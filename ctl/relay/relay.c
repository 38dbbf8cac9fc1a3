/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run: look who answers, see whether it takes mail of its own and trusts us,
 * then offer every vector in every place of a session, a few a connection: a
 * server slows down, or hangs up, after some refusals.
 */
#include <config.h>

#include "ctl/relay/relay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "ctl/pace.h"
#include "ctl/relay/letter.h"
#include "ctl/relay/smtp.h"
#include "policy/address.h"
#include "policy/prefix.h"

enum {
    ERRORS = 8,  /* of a connection: Postfix is slow from 10 on */
    OFFERS = 20, /* the same: it counts RSETs */
    MOST_QUOTA = 64,
    PAUSE_MS = 50, /* between two connections */
    TRIES = 6,     /* of a connection, each after twice as long a wait */
    FIRST_WAIT_MS = 1000
};

#define STRANGER "192.0.2.99" /* of a range that is nobody's (RFC 5737) */
#define MAILBOX "relay-test"

struct relay {
    const struct relay_ask *ask;
    struct relay_outcome *out;
    struct smtp_watch watch;
    struct vector_words words;
    char victim[ADDRESS_LOCAL_MAX + 1], second[ADDRESS_LOCAL_MAX + 8];
    char foreign[ADDRESS_DOMAIN_MAX + 1], relayed[ADDRESS_DOMAIN_MAX + 1];
    char literal[PREFIX_TEXT + 8], hello[PREFIX_TEXT + 8];
    char sender[VECTOR_TEXT]; /* of an ordinary stranger */
    struct mono (*now)(void);
    bool (*wait)(int64_t ms);
    int64_t until_ms;

    struct conn *conn; /* NULL: none */
    enum relay_after place;
    unsigned errors, offers, quota;
    bool xclient; /* it is offered */
    bool near;    /* the server may trust our address for where it is */
    size_t done;
    bool stopped;          /* before its end, which OUT tells */
    enum relay_after base; /* where it is first asked */
    bool own;              /* it takes mail for its own domain */
    bool log_in;           /* a plain foreign address needs a login */
    enum relay_answer plain;
};

static void tell(struct relay *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
tell(struct relay *r, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(r->out->why, RELAY_TEXT, format, args);
    va_end(args);
    if (n >= RELAY_TEXT)
        memcpy(r->out->why + RELAY_TEXT - 4, "...", 4);
}

/* ----- replies */

static bool
is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

/* The server did not look at whose mail it is: it knows no such domain. */
static bool
lacks_domain(const struct smtp_reply *reply)
{
    static const char *const codes[] = {"5.1.2",  "4.1.2", "5.1.8",  "4.1.8",
                                        "5.1.10", "4.4.3", "5.7.27", NULL};

    return is_one_of(reply->enhanced, codes);
}

/* A Postfix as it comes says 454 where it will never relay
 * (defer_unauth_destination). */
static bool
denies_relay(const struct smtp_reply *reply)
{
    return strcasestr(reply->text, "relay access denied") != NULL;
}

static enum relay_answer
answer_of(const struct smtp_reply *reply)
{
    if (reply->code < 300)
        return RELAY_ACCEPTED;
    if (lacks_domain(reply))
        return RELAY_NO_DOMAIN;
    if (denies_relay(reply))
        return RELAY_REFUSED;
    return reply->code < 500 ? RELAY_DEFERRED : RELAY_REFUSED;
}

/* ----- a connection */

static void
hang_up(struct relay *r)
{
    struct smtp_reply reply;

    if (r->conn != NULL) /* it may have hung up before */
        (void)smtp_ask(r->conn, &r->watch, &reply, NULL, "QUIT");
    conn_close(r->conn);
    r->conn = NULL;
}

/* A reply of 421 is an end, too: MS_BUSY. */
static enum ms_err
ask(struct relay *r, struct smtp_reply *reply, struct why *why,
    const char *verb, const char *argument)
{
    enum ms_err err =
        smtp_ask(r->conn, &r->watch, reply, why, "%s%s", verb, argument);

    if (err == MS_OK && reply->code == 421)
        err = why_set(why, MS_BUSY, "%s", reply->text);
    if (err != MS_OK) {
        conn_close(r->conn);
        r->conn = NULL;
    }
    return err;
}

static void
note_feature(void *arg, const char *text)
{
    struct relay *r = arg;

    if (strcasecmp(text, "STARTTLS") == 0)
        r->out->tls = true;
    if (strncasecmp(text, "XCLIENT ", 8) == 0 && strstr(text, "ADDR") != NULL)
        r->xclient = true;
}

static enum ms_err
ehlo(struct relay *r, struct why *why)
{
    struct smtp_reply reply;
    enum ms_err err = smtp_say(r->conn, &r->watch, why, "EHLO %s", r->hello);

    if (err == MS_OK)
        err = smtp_hear(r->conn, &r->watch, note_feature, r, &reply, why);
    if (err == MS_OK && reply.code != 250)
        err = why_set(why, MS_UNAVAIL, "%s", reply.text);
    return err;
}

static enum ms_err
helo(struct relay *r, struct why *why)
{
    struct smtp_reply reply;
    enum ms_err err =
        smtp_ask(r->conn, &r->watch, &reply, why, "HELO %s", r->hello);

    if (err == MS_OK && reply.code != 250)
        err = why_set(why, MS_UNAVAIL, "%s", reply.text);
    return err;
}

static enum ms_err
encrypt(struct relay *r, struct why *why)
{
    struct smtp_reply reply;
    enum ms_err err = smtp_ask(r->conn, &r->watch, &reply, why, "STARTTLS");

    if (err == MS_OK && reply.code != 220)
        err = why_set(why, MS_UNAVAIL, "%s", reply.text);
    if (err == MS_OK)
        err = conn_tls(r->conn, r->out->host[0] != '\0' ? r->out->host : NULL,
                       why);
    return err == MS_OK ? ehlo(r, why) : err;
}

/* Be a stranger from now on. */
static enum ms_err
disguise(struct relay *r, struct why *why)
{
    struct smtp_reply reply;
    enum ms_err err = smtp_ask(r->conn, &r->watch, &reply, why,
                               "XCLIENT NAME=[UNAVAILABLE] ADDR=" STRANGER);

    if (err == MS_OK && reply.code != 220)
        err = why_set(why, MS_INVALID, "XCLIENT: %s", reply.text);
    return err;
}

static enum ms_err
greet(struct relay *r, struct why *why)
{
    struct smtp_reply reply;
    enum ms_err err = smtp_hear(r->conn, &r->watch, NULL, NULL, &reply, why);

    if (err != MS_OK)
        return err;
    (void)snprintf(r->out->greeting, RELAY_REPLY, "%.*s", RELAY_REPLY - 1,
                   reply.text);
    if (reply.code == 220)
        return MS_OK;
    return why_set(why, reply.code < 500 ? MS_BUSY : MS_UNAVAIL, "%s",
                   reply.text);
}

static enum ms_err
introduce(struct relay *r, struct why *why)
{
    enum ms_err err = greet(r, why);

    if (err == MS_OK && r->out->xclient) {
        err = ehlo(r, why);
        if (err == MS_OK)
            err = disguise(r, why);
    }
    if (err == MS_OK && r->place == RELAY_AFTER_HELO)
        return helo(r, why);
    if (err == MS_OK)
        err = ehlo(r, why);
    if (err == MS_OK && r->place == RELAY_AFTER_TLS)
        err = encrypt(r, why);
    return err;
}

static enum ms_err
open_wire(struct relay *r, struct why *why)
{
    const struct relay_ask *a = r->ask;
    const struct conn_to to = {
        .to = &a->to,
        .from = &a->from,
        .wait_ms = a->answer_ms != 0 ? a->answer_ms : RELAY_ANSWER_MS,
        .until_ms = r->until_ms,
        .now = r->now,
    };
    enum ms_err err = conn_open(&to, &r->conn, why);

    if (err != MS_OK)
        return err;
    r->errors = r->offers = 0;
    err = introduce(r, why);
    if (err != MS_OK) {
        conn_close(r->conn);
        r->conn = NULL;
    }
    return err;
}

static bool
stop(struct relay *r, const char *sentence)
{
    if (!r->stopped)
        tell(r, "%s", sentence);
    r->stopped = true;
    return false;
}

static bool
wait_ms(struct relay *r, int64_t ms)
{
    if (r->now().ms + ms >= r->until_ms)
        return stop(r, "the time was up before all was tried");
    return r->wait(ms) || stop(r, "it was stopped before all was tried");
}

/*
 * A connection, introduced.  A server that has had enough of connections is
 * given time, and from then on fewer of them.
 */
static enum ms_err
connect_again(struct relay *r, struct why *why)
{
    int64_t pause = FIRST_WAIT_MS;

    for (unsigned n = 1;; n++) {
        enum ms_err err = open_wire(r, why);

        if (err == MS_OK || err == MS_NOMEM || err == MS_INVALID || n == TRIES)
            return err;
        if (err != MS_BUSY && r->plain == RELAY_UNASKED)
            return err; /* it was never heard: it is not tired of us */
        r->quota = r->quota * 2 < MOST_QUOTA ? r->quota * 2 : MOST_QUOTA;
        if (!wait_ms(r, pause))
            return err;
        pause *= 2;
    }
}

/* A connection for one more vector in PLACE. */
static bool
ready(struct relay *r, enum relay_after place)
{
    struct why why;

    if (r->conn != NULL &&
        (r->place != place || r->errors >= r->quota || r->offers >= OFFERS)) {
        hang_up(r);
        if (!wait_ms(r, PAUSE_MS))
            return false;
    }
    r->place = place;
    if (!wait_ms(r, 0))
        return false;
    if (r->conn != NULL || connect_again(r, &why) == MS_OK)
        return true;
    if (!r->stopped)
        tell(r, "%s", why.text);
    r->stopped = true;
    return false;
}

/* ----- a transaction */

/* What is asked for; *ANSWER is the worse of what it was and this. */
static enum ms_err
offer_one(struct relay *r, const char *verb, const char *argument,
          enum relay_answer *answer, char kept[RELAY_REPLY])
{
    struct smtp_reply reply;
    struct why why;
    enum ms_err err = ask(r, &reply, &why, verb, argument);
    enum relay_answer now;

    if (err != MS_OK)
        return err;
    now = answer_of(&reply);
    if (now != RELAY_ACCEPTED)
        r->errors++;
    if (now >= *answer) {
        *answer = now;
        (void)snprintf(kept, RELAY_REPLY, "%.*s", RELAY_REPLY - 1, reply.text);
    }
    return MS_OK;
}

/* A transaction that is given up before ours; without a recipient, which some
 * servers make wait for their disk. */
static enum ms_err
begin_other(struct relay *r)
{
    struct smtp_reply reply;
    enum ms_err err = ask(r, &reply, NULL, "MAIL FROM:", "<>");

    return err == MS_OK ? ask(r, &reply, NULL, "RSET", "") : err;
}

struct offer {
    const char *mail, *rcpt, *rcpt2; /* RCPT2 NULL: one is enough */
};

static enum ms_err
offer(struct relay *r, const struct offer *o, enum relay_answer *answer,
      char kept[RELAY_REPLY])
{
    enum relay_answer mail = RELAY_UNASKED;
    struct smtp_reply reply;
    enum ms_err err = MS_OK;

    *answer = RELAY_UNASKED;
    r->offers++;
    if (r->place == RELAY_AFTER_RSET)
        err = begin_other(r);
    if (err == MS_OK)
        err = offer_one(r, "MAIL FROM:", o->mail, &mail, kept);
    if (err == MS_OK && mail != RELAY_ACCEPTED) {
        *answer = mail;
        return ask(r, &reply, NULL, "RSET", "");
    }
    if (err == MS_OK)
        err = offer_one(r, "RCPT TO:", o->rcpt, answer, kept);
    if (err == MS_OK && o->rcpt2 != NULL)
        err = offer_one(r, "RCPT TO:", o->rcpt2, answer, kept);
    return err == MS_OK ? ask(r, &reply, NULL, "RSET", "") : err;
}

/* What it is that a form ended with ERR, twice. */
static enum relay_answer
answer_without(enum ms_err err)
{
    if (err == MS_BUSY)
        return RELAY_DEFERRED;
    return err == MS_UNAVAIL ? RELAY_CUT : RELAY_LATE;
}

/* The same; a server that hangs up in the midst of it, or says nothing, is
 * asked once more.  False: the run has stopped. */
static bool
offer_twice(struct relay *r, enum relay_after place, const struct offer *o,
            enum relay_answer *answer, char kept[RELAY_REPLY])
{
    enum relay_answer so_far = RELAY_UNASKED;
    enum ms_err err = MS_TIMEOUT;

    for (int n = 0; n < 2; n++) {
        enum relay_answer now;

        if (!ready(r, place))
            return false;
        err = offer(r, o, &now, kept);
        so_far = now > so_far ? now : so_far;
        if (err == MS_OK)
            break;
    }
    *answer =
        err == MS_OK || so_far == RELAY_ACCEPTED ? so_far : answer_without(err);
    return true;
}

/* ----- who answers */

static bool
is_name(const char *text)
{
    char domain[ADDRESS_DOMAIN_MAX + 1];

    return strchr(text, '.') != NULL && address_domain(text, domain);
}

static void
learn_names(struct relay *r)
{
    struct relay_outcome *out = r->out;
    size_t n = strcspn(out->greeting + 4, " ");
    const char *dot;

    if (strlen(out->greeting) > 4)
        (void)snprintf(out->host, RELAY_TEXT, "%.*s", (int)n,
                       out->greeting + 4);
    if (!is_name(out->host))
        out->host[0] = '\0';
    dot = strchr(out->host, '.');
    if (r->ask->domain != NULL)
        (void)snprintf(out->domain, RELAY_TEXT, "%s", r->ask->domain);
    else if (dot != NULL)
        (void)snprintf(out->domain, RELAY_TEXT, "%s",
                       strchr(dot + 1, '.') != NULL ? dot + 1 : out->host);
    r->words.host = out->host[0] != '\0' ? out->host : NULL;
    r->words.domain = out->domain[0] != '\0' ? out->domain : NULL;
}

static void
learn_mta(struct relay_outcome *out)
{
    static const struct {
        const char *word;
        enum relay_mta mta;
    } rows[] = {{" Postfix", RELAY_POSTFIX},
                {" Sendmail", RELAY_SENDMAIL},
                {" Exim", RELAY_EXIM}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strstr(out->greeting, rows[i].word) != NULL)
            out->mta = rows[i].mta;
}

static struct prefix
cut(struct prefix p)
{
    return prefix_cut(p, 24, 64);
}

static bool
is_near(const struct relay_ask *a, struct prefix source)
{
    struct prefix to = prefix_of_sockaddr((const struct sockaddr *)&a->to);
    uint32_t network;

    return prefix_is_private(source) || prefix_covers(cut(to), source) ||
           (a->nets != NULL && nettree_longest(a->nets, source, &network));
}

static void
learn_source(struct relay *r)
{
    struct sockaddr_storage here;
    struct prefix source;

    conn_source(r->conn, &here);
    source = prefix_of_sockaddr((const struct sockaddr *)&here);
    (void)prefix_print(source, r->out->source);
    r->near = !r->ask->stranger && is_near(r->ask, source);
    (void)snprintf(r->hello, sizeof(r->hello), "[%s%.60s]",
                   source.family == 6 ? "IPv6:" : "", r->out->source);
}

/* Greetings and EHLO, and whether XCLIENT makes us a stranger. */
static bool
look(struct relay *r)
{
    struct why why;

    (void)snprintf(r->hello, sizeof(r->hello), "[127.0.0.1]");
    r->place = RELAY_AFTER_EHLO;
    if (connect_again(r, &why) != MS_OK) {
        if (!r->stopped)
            tell(r, "%s", why.text);
        return false;
    }
    learn_names(r);
    learn_mta(r->out);
    learn_source(r);
    if (!r->near || !r->xclient)
        return true;
    hang_up(r);
    r->out->xclient = true;
    if (connect_again(r, &why) == MS_OK) {
        (void)snprintf(r->out->source, RELAY_TEXT, STRANGER);
        return true;
    }
    r->out->xclient = false; /* it is offered, but not to us */
    return ready(r, RELAY_AFTER_EHLO);
}

/* ----- does it work at all, and does it trust us? */

/* 530 says two things: TLS first (RFC 3207), or a login (RFC 4954). */
static bool
wants_tls(const char *reply)
{
    return strncmp(reply, "530", 3) == 0 &&
           strcasestr(reply, "STARTTLS") != NULL;
}

static bool
wants_login(const char *reply)
{
    return !wants_tls(reply) &&
           (strncmp(reply, "530", 3) == 0 || strncmp(reply, "538", 3) == 0);
}

/* The answer to a lone recipient FORM from the sender MAIL; of a server that
 * talks by TLS only, there, and from then on. */
static bool
offer_form(struct relay *r, const char *mail, const char *form,
           enum relay_answer *answer)
{
    char rcpt[VECTOR_TEXT], kept[RELAY_REPLY] = "";
    const struct offer o = {mail, rcpt, NULL};

    *answer = RELAY_UNASKED;
    if (!vector_write(form, &r->words, rcpt))
        return true;
    if (!offer_twice(r, r->base, &o, answer, kept))
        return false;
    if (r->base == RELAY_AFTER_EHLO && r->out->tls && wants_tls(kept)) {
        r->base = RELAY_AFTER_TLS;
        return offer_form(r, mail, form, answer);
    }
    r->log_in = wants_login(kept);
    return true;
}

/* A mailbox that nobody has. */
static bool
offer_nobody(struct relay *r, enum relay_answer *answer)
{
    char form[64];
    uint64_t number = 0;

    (void)!getrandom(&number, sizeof(number), 0);
    (void)snprintf(form, sizeof(form), "<no-%016" PRIx64 "@{d}>", number);
    return offer_form(r, r->sender, form, answer);
}

static bool
check_own(struct relay *r)
{
    static const char *const forms[] = {"<postmaster@{d}>", "<postmaster>"};
    enum relay_answer answer = RELAY_UNASKED;

    for (size_t i = 0; i < 2 && !r->own; i++) {
        if (!offer_form(r, r->sender, forms[i], &answer))
            return false;
        if (answer != RELAY_ACCEPTED && i == 0) {
            /* a sender that the server cannot look up is no stranger */
            (void)snprintf(r->sender, sizeof(r->sender), "<>");
            if (!offer_form(r, r->sender, forms[i], &answer))
                return false;
        }
        r->own = answer == RELAY_ACCEPTED;
    }
    return true;
}

static bool
check(struct relay *r)
{
    enum relay_answer nobody = RELAY_UNASKED;

    if (!check_own(r) || !offer_nobody(r, &nobody) ||
        !offer_form(r, r->sender, vectors[0].rcpt, &r->plain))
        return false;
    r->out->catch_all = nobody == RELAY_ACCEPTED;
    r->out->trusted = r->plain == RELAY_ACCEPTED && r->near && !r->out->xclient;
    return true;
}

/* ----- all of it */

static bool
is_tried(const struct relay *r, enum relay_after place)
{
    return place == r->base ||
           (!r->ask->brief && (place != RELAY_AFTER_TLS || r->out->tls));
}

/* How many forms: of a server that relays for anybody the first tells enough,
 * and what it accepts may cost it a second each. */
static size_t
forms_in(const struct relay *r, enum relay_after place)
{
    if (!is_tried(r, place))
        return 0;
    return place != r->base && r->plain == RELAY_ACCEPTED ? 1 : r->out->n_rows;
}

static void
report(const struct relay *r)
{
    size_t total = 0;

    for (unsigned p = 0; p < RELAY_PLACES; p++)
        total += forms_in(r, p);
    if (r->ask->done != NULL)
        r->ask->done(r->ask->arg, r->done, total);
}

static bool
try_place(struct relay *r, enum relay_after place)
{
    for (size_t i = 0; i < forms_in(r, place); i++) {
        struct relay_row *row = &r->out->rows[i];
        struct vector_words words = r->words;
        char second[VECTOR_TEXT];
        struct offer o = {row->mail, row->rcpt, second};

        words.victim = r->second;
        if (!vector_write(row->vector->rcpt, &words, second))
            o.rcpt2 = NULL;
        if (!offer_twice(r, place, &o, &row->answer[place], row->reply))
            return false;
        r->done++;
        report(r);
    }
    return true;
}

static bool
try_places(struct relay *r)
{
    /* the most usual first, for a run that comes to no end */
    static const enum relay_after order[RELAY_PLACES] = {
        RELAY_AFTER_EHLO, RELAY_AFTER_TLS, RELAY_AFTER_HELO, RELAY_AFTER_RSET};

    for (unsigned p = 0; p < RELAY_PLACES; p++)
        if (!try_place(r, order[p]))
            return false;
    return true;
}

static enum relay_answer
worst(const struct relay_row *row)
{
    enum relay_answer answer = RELAY_UNASKED;

    for (unsigned p = 0; p < RELAY_PLACES; p++)
        answer = row->answer[p] > answer ? row->answer[p] : answer;
    return answer;
}

/* Where ROW was accepted. */
static enum relay_after
place_of(const struct relay *r, const struct relay_row *row)
{
    enum relay_after place = r->base;

    for (unsigned p = 0;
         p < RELAY_PLACES && row->answer[place] != RELAY_ACCEPTED; p++)
        place = p;
    return place;
}

/* One message by each form that was accepted, to the operator's address. */
static bool
deliver(struct relay *r)
{
    for (size_t i = 0; i < r->out->n_rows; i++) {
        struct relay_row *row = &r->out->rows[i];
        const struct letter letter = {row->vector->name, row->mail, row->rcpt,
                                      r->out->source, r->out->host};
        struct smtp_reply reply;

        if (!row->vector->ours || worst(row) != RELAY_ACCEPTED)
            continue;
        if (!ready(r, place_of(r, row)))
            return false;
        r->offers++;
        if (letter_send(r->conn, &r->watch, &letter, &reply, &row->step) ==
            MS_OK) {
            row->delivered = answer_of(&reply);
        } else {
            row->delivered = RELAY_CUT;
            conn_close(r->conn);
            r->conn = NULL;
        }
    }
    return true;
}

/* ----- what it means */

/* Was its message refused after all, behind addresses that were taken? */
static bool
is_stopped(const struct relay_row *row)
{
    return row->delivered == RELAY_REFUSED && row->step != LETTER_ADDRESSES;
}

static bool
shows(const struct relay *r, const struct relay_row *row)
{
    if (worst(row) != RELAY_ACCEPTED || row->vector->end == END_HARMLESS ||
        is_stopped(row))
        return false;
    return row->vector->end == END_ELSEWHERE || !r->out->catch_all;
}

static void
count(struct relay *r)
{
    struct relay_outcome *out = r->out;

    for (size_t i = 0; i < out->n_rows; i++) {
        const struct relay_row *row = &out->rows[i];
        enum relay_answer answer = worst(row);

        out->asked += answer != RELAY_UNASKED;
        out->accepted += answer == RELAY_ACCEPTED;
        out->deferred += answer == RELAY_DEFERRED;
        if (shows(r, row))
            out->holes |= 1U << row->vector->hole;
    }
}

/* Forms that were taken where any mailbox is. */
static size_t
doubtful(const struct relay_outcome *out)
{
    size_t n = 0;

    for (size_t i = 0; i < out->n_rows; i++)
        n += out->rows[i].vector->end == END_HERE &&
             worst(&out->rows[i]) == RELAY_ACCEPTED &&
             !is_stopped(&out->rows[i]);
    return out->catch_all ? n : 0;
}

/* Messages that were refused once they had been read: perhaps for what they
 * said. */
static size_t
filtered(const struct relay_outcome *out)
{
    size_t n = 0;

    for (size_t i = 0; i < out->n_rows; i++)
        n += is_stopped(&out->rows[i]) && out->rows[i].step == LETTER_TEXT;
    return n;
}

/* Forms that may pass another time: put off, as by a greylist or a limit, or
 * held up until nobody waited any more. */
static size_t
unsettled(const struct relay_outcome *out)
{
    size_t n = 0;

    for (size_t i = 0; i < out->n_rows; i++) {
        const struct relay_row *row = &out->rows[i];
        bool is = false;

        for (unsigned p = 0; p < RELAY_PLACES; p++)
            is = is || row->answer[p] == RELAY_DEFERRED ||
                 row->answer[p] == RELAY_LATE;
        n += is && row->vector->end != END_HARMLESS;
    }
    return n;
}

static void
judge(struct relay *r)
{
    struct relay_outcome *out = r->out;

    out->verdict = RELAY_UNTOLD;
    if (out->trusted)
        tell(r,
             "the server trusts %s, where this was run: it would relay for "
             "it in any case",
             out->source);
    else if (out->holes != 0)
        out->verdict = RELAY_OPEN,
        tell(r, "%zu of %zu forms were accepted for an address elsewhere",
             out->accepted, out->n_rows);
    else if (r->stopped)
        ; /* said */
    else if (r->plain == RELAY_NO_DOMAIN)
        tell(r, "it cannot find the domain %s: name another with --foreign",
             r->foreign);
    else if (r->plain == RELAY_DEFERRED)
        tell(r, "a plain foreign address was only put off: try again later");
    else if (r->plain == RELAY_CUT)
        tell(r, "it hung up at a plain foreign address");
    else if (r->plain == RELAY_LATE)
        tell(r, "it did not answer in time to a plain foreign address");
    else if (!r->own && !r->log_in)
        tell(r,
             "it refused even mail to its own postmaster@%s: it may know "
             "this address, or --domain has to tell its domain",
             out->domain[0] != '\0' ? out->domain : "?");
    else if (doubtful(out) > 0)
        tell(r,
             "it takes any mailbox of %s, so that %zu forms prove nothing "
             "before delivery: try --deliver",
             out->domain, doubtful(out));
    else if (filtered(out) > 0)
        tell(r,
             "it took the addresses of %zu messages and refused what they "
             "said: another text may pass",
             filtered(out));
    else if (unsettled(out) > 0)
        tell(r,
             "%zu of %zu forms were put off, or not answered in time: try "
             "again in ten minutes",
             unsettled(out), out->n_rows);
    else
        out->verdict = RELAY_CLOSED,
        tell(r, "none of %zu forms was accepted for an address elsewhere",
             out->n_rows);
}

/* ----- begin and end */

static enum ms_err
domain_in(const char *text, char out[ADDRESS_DOMAIN_MAX + 1], struct why *why)
{
    if (text != NULL && !address_domain(text, out))
        return why_set(why, MS_INVALID, "%s: this is no domain", text);
    return MS_OK;
}

/* Whom forms are about: the operator's address, or nobody's. */
static enum ms_err
set_victim(struct relay *r, struct why *why)
{
    struct address address;

    (void)snprintf(r->victim, sizeof(r->victim), MAILBOX);
    (void)snprintf(r->second, sizeof(r->second), MAILBOX "-2");
    (void)snprintf(r->sender, sizeof(r->sender), "<" MAILBOX "@example.net>");
    if (r->ask->deliver == NULL)
        return domain_in(r->ask->foreign != NULL ? r->ask->foreign
                                                 : RELAY_FOREIGN,
                         r->foreign, why);
    address_parse(r->ask->deliver, &address);
    if (address.form != ADDRESS_DOMAIN ||
        strspn(address.local, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                              "WXYZ0123456789.-_+=") != strlen(address.local))
        return why_set(why, MS_INVALID,
                       "%s: a plain address is wanted, such as me@example.net",
                       r->ask->deliver);
    (void)snprintf(r->victim, sizeof(r->victim), "%s", address.local);
    (void)snprintf(r->second, sizeof(r->second), "%s", address.local);
    (void)snprintf(r->foreign, sizeof(r->foreign), "%s", address.domain);
    (void)snprintf(r->sender, sizeof(r->sender), "<%s@%s>", address.local,
                   address.domain);
    return MS_OK;
}

static enum ms_err
set_words(struct relay *r, struct why *why)
{
    struct prefix to = prefix_of_sockaddr((const struct sockaddr *)&r->ask->to);
    char text[PREFIX_TEXT];
    enum ms_err err = set_victim(r, why);

    if (err == MS_OK)
        err = domain_in(r->ask->relay_domain, r->relayed, why);
    (void)snprintf(r->literal, sizeof(r->literal), "[%s%s]",
                   to.family == 6 ? "IPv6:" : "", prefix_print(to, text));
    r->words = (struct vector_words){
        .victim = r->victim,
        .foreign = r->foreign,
        .other = "example.net",
        .literal = r->literal,
        .relayed = r->ask->relay_domain != NULL ? r->relayed : NULL,
    };
    return err;
}

static enum ms_err
set_rows(struct relay *r)
{
    struct relay_outcome *out = r->out;

    out->rows = calloc(vectors_count, sizeof(*out->rows));
    if (out->rows == NULL)
        return MS_NOMEM;
    for (size_t i = 0; i < vectors_count; i++) {
        struct relay_row *row = &out->rows[out->n_rows];
        const char *mail = vectors[i].mail;

        row->vector = &vectors[i];
        if (vector_write(mail != NULL ? mail : r->sender, &r->words,
                         row->mail) &&
            vector_write(vectors[i].rcpt, &r->words, row->rcpt))
            out->n_rows++;
    }
    return MS_OK;
}

static enum ms_err
go(struct relay *r)
{
    enum ms_err err = MS_OK;

    if (look(r) && check(r) && !r->out->trusted) {
        err = set_rows(r);
        if (err == MS_OK && try_places(r) && r->ask->deliver != NULL)
            (void)deliver(r);
    } else if (!r->out->trusted) {
        r->stopped = true; /* and it was told why */
    }
    hang_up(r);
    if (err == MS_OK) {
        count(r);
        judge(r);
    }
    return err;
}

enum ms_err
relay_run(const struct relay_ask *ask, struct relay_outcome *out,
          struct why *why)
{
    struct relay *r = calloc(1, sizeof(*r));
    enum ms_err err;

    memset(out, 0, sizeof(*out));
    if (r == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    r->ask = ask;
    r->out = out;
    r->watch = (struct smtp_watch){ask->line, ask->arg};
    r->now = ask->now != NULL ? ask->now : pace_now;
    r->wait = ask->wait != NULL ? ask->wait : pace_wait;
    r->quota = ERRORS;
    r->base = RELAY_AFTER_EHLO;
    r->until_ms =
        r->now().ms +
        1000 * (int64_t)(ask->limit_s != 0 ? ask->limit_s : RELAY_LIMIT_S);
    err = set_words(r, why);
    if (err == MS_OK && go(r) != MS_OK)
        err = why_set(why, MS_NOMEM, "no memory");
    free(r);
    if (err != MS_OK)
        relay_end(out);
    return err;
}

void
relay_end(struct relay_outcome *outcome)
{
    free(outcome->rows);
    outcome->rows = NULL;
    outcome->n_rows = 0;
}

const char *
relay_answer_name(enum relay_answer answer)
{
    static const char *const names[] = {
        [RELAY_UNASKED] = "not asked", [RELAY_REFUSED] = "refused",
        [RELAY_DEFERRED] = "deferred", [RELAY_NO_DOMAIN] = "no domain",
        [RELAY_CUT] = "hung up",       [RELAY_LATE] = "no answer",
        [RELAY_ACCEPTED] = "ACCEPTED"};

    return names[answer];
}

const char *
relay_after_name(enum relay_after place)
{
    static const char *const names[RELAY_PLACES] = {
        [RELAY_AFTER_HELO] = "helo",
        [RELAY_AFTER_EHLO] = "ehlo",
        [RELAY_AFTER_TLS] = "starttls",
        [RELAY_AFTER_RSET] = "rset"};

    return names[place];
}

const char *
relay_verdict_name(enum relay_verdict verdict)
{
    static const char *const names[] = {[RELAY_CLOSED] = "closed",
                                        [RELAY_OPEN] = "OPEN",
                                        [RELAY_UNTOLD] = "cannot tell"};

    return names[verdict];
}
