/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/bench/mta.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include "test/bench/cast.h"
#include "test/bench/frame.h"
#include "test/bench/macros.h"

/* What Postfix offers. */
enum { OFFER_VERSION = 6, OFFER_ACTIONS = 0x1ff, OFFER_STEPS = 0x1fffff };

enum { READ_SIZE = 4096 };

enum step {
    STEP_NEGOTIATE,
    STEP_CONNECT,
    STEP_HELO,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_HEADER,
    STEP_EOH,
    STEP_BODY,
    STEP_EOM,
    STEP_HOLD, /* an idle session */
    STEP_QUIT
};

struct mta {
    const struct endpoint *milter;
    struct plan *plan;
    struct score *score;
    int fd;
    enum step step; /* whose answer is awaited, or that comes next */
    struct frames in;
    struct frames out;
    uint64_t sent_ns;  /* when the event whose answer is awaited went out */
    uint64_t began_ns; /* when MAIL went out */
    uint32_t flags;    /* what the milter wants (SMFIP_*) */
    struct macro_lists lists;
    struct cast cast;

    uint32_t begun;    /* messages of this session */
    uint32_t rcpt;     /* recipients done */
    uint32_t accepted; /* of these */
    uint32_t header;   /* headers done */
    uint32_t body;     /* bytes of the body done */
    bool held;
    bool hangup;       /* a 421: quit after this message */
    bool dropped;      /* answered for good at connect or HELO */
    enum outcome last; /* of the last recipient */
};

static uint64_t
now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* ---- what is sent ---- */

static void
write_connect(struct mta *mta)
{
    frames_string(&mta->out, mta->cast.client);
    frames_byte(&mta->out, SMFIA_INET);
    frames_u16(&mta->out, 40000);
    frames_string(&mta->out, mta->cast.addr);
}

static void
write_helo(struct mta *mta)
{
    frames_string(&mta->out, mta->cast.client);
}

static void
write_path(struct mta *mta, const char *address)
{
    frames_bytes(&mta->out, "<", 1);
    frames_bytes(&mta->out, address, strlen(address));
    frames_string(&mta->out, ">");
}

static void
write_mail(struct mta *mta)
{
    char size[32];

    write_path(mta, mta->cast.sender);
    (void)snprintf(size, sizeof(size), "SIZE=%" PRIu32, mta->plan->body);
    frames_string(&mta->out, size);
}

static void
write_rcpt(struct mta *mta)
{
    write_path(mta, mta->cast.to);
}

static void
write_nothing(struct mta *mta)
{
    (void)mta;
}

static const char *const headers[][2] = {
    {"From", "Ann <ann@example.org>"},
    {"To", "Bob <bob@example.com>"},
    {"Subject", "a message that somebody might have written"},
    {"Date", "Thu, 1 Jan 2026 12:00:00 +0000"},
    {"Message-ID", "<20260101120000.12345@example.org>"},
};
enum { HEADERS = sizeof(headers) / sizeof(headers[0]) };

static void
write_header(struct mta *mta)
{
    frames_string(&mta->out, headers[mta->header][0]);
    frames_string(&mta->out, headers[mta->header][1]);
}

/* A chunk of the body; Postfix sends the last one with the end of message. */
static void
write_body(struct mta *mta)
{
    uint32_t rest = mta->plan->body - mta->body;
    uint32_t n = rest < MILTER_CHUNK_SIZE ? rest : MILTER_CHUNK_SIZE;
    uint8_t *to;

    if ((mta->flags & SMFIP_NOBODY) != 0)
        return;
    to = frames_room(&mta->out, n);
    if (to == NULL)
        return;
    memset(to, 'x', n);
    frames_grew(&mta->out, n);
    mta->body += n;
}

/* An event: its command, what it is timed as, whose macros precede it
 * (MACROS_STAGES: none), and by which flags the milter goes without it or its
 * answer. */
struct event {
    char command;
    enum timed timed;
    enum macro_stage stage;
    uint32_t skip;
    uint32_t silent;
    bool content; /* if skipped, so are its macros */
    void (*write)(struct mta *);
};

static const struct event events[] = {
    [STEP_NEGOTIATE] = {SMFIC_OPTNEG, TIMED_NEGOTIATE, MACROS_STAGES, 0, 0,
                        false, write_nothing},
    [STEP_CONNECT] = {SMFIC_CONNECT, TIMED_CONNECT, MACROS_CONNECT,
                      SMFIP_NOCONNECT, SMFIP_NR_CONN, false, write_connect},
    [STEP_HELO] = {SMFIC_HELO, TIMED_HELO, MACROS_HELO, SMFIP_NOHELO,
                   SMFIP_NR_HELO, false, write_helo},
    [STEP_MAIL] = {SMFIC_MAIL, TIMED_MAIL, MACROS_MAIL, SMFIP_NOMAIL,
                   SMFIP_NR_MAIL, false, write_mail},
    [STEP_RCPT] = {SMFIC_RCPT, TIMED_RCPT, MACROS_RCPT, SMFIP_NORCPT,
                   SMFIP_NR_RCPT, false, write_rcpt},
    [STEP_DATA] = {SMFIC_DATA, TIMED_DATA, MACROS_DATA, SMFIP_NODATA,
                   SMFIP_NR_DATA, false, write_nothing},
    [STEP_HEADER] = {SMFIC_HEADER, TIMED_HEADER, MACROS_EOH, SMFIP_NOHDRS,
                     SMFIP_NR_HDR, true, write_header},
    [STEP_EOH] = {SMFIC_EOH, TIMED_EOH, MACROS_EOH, SMFIP_NOEOH, SMFIP_NR_EOH,
                  true, write_nothing},
    [STEP_BODY] = {SMFIC_BODY, TIMED_BODY, MACROS_EOM, SMFIP_NOBODY,
                   SMFIP_NR_BODY, true, write_body},
    [STEP_EOM] = {SMFIC_BODYEOB, TIMED_EOM, MACROS_EOM, 0, 0, false,
                  write_body},
};

/* Write the event of the present step; true: it will be answered. */
static bool
send_event(struct mta *mta)
{
    const struct event *event = &events[mta->step];
    bool skip = (mta->flags & event->skip) != 0;

    if (skip && event->content)
        return false;
    if (event->stage != MACROS_STAGES)
        macros_write(&mta->lists, event->stage, event->command,
                     &mta->cast.macros, &mta->out);
    if (skip)
        return false;
    frames_begin(&mta->out, event->command);
    event->write(mta);
    frames_end(&mta->out);
    return (mta->flags & event->silent) == 0;
}

static void
send_bare(struct mta *mta, char command)
{
    frames_begin(&mta->out, command);
    frames_end(&mta->out);
}

/* Postfix sends one after each message and one before QUIT.  It has no answer
 * and leaves with what is sent next. */
static void
send_abort(struct mta *mta)
{
    send_bare(mta, SMFIC_ABORT);
}

static void
send_offer(struct mta *mta)
{
    frames_begin(&mta->out, SMFIC_OPTNEG);
    frames_u32(&mta->out, OFFER_VERSION);
    frames_u32(&mta->out, OFFER_ACTIONS);
    frames_u32(&mta->out, OFFER_STEPS);
    frames_end(&mta->out);
}

/* ---- what happens ---- */

/* On to MAIL, the first of a session's messages having been taken already. */
static void
begin_message(struct mta *mta)
{
    if (mta->begun > 0 && (mta->hangup || mta->begun >= mta->plan->messages ||
                           !plan_take(mta->plan))) {
        mta->step = STEP_QUIT;
        return;
    }
    mta->begun++;
    mta->rcpt = mta->accepted = mta->header = mta->body = 0;
    mta->held = false;
    cast_message(&mta->cast, mta->plan);
    mta->step = STEP_MAIL;
}

static void
end_message(struct mta *mta, enum outcome outcome)
{
    mta->score->messages[outcome]++;
    if (mta->began_ns != 0)
        hist_add(&mta->score->took[TIMED_MESSAGE], now_ns() - mta->began_ns);
    mta->began_ns = 0;
    send_abort(mta);
    begin_message(mta);
}

static void
end_rcpt(struct mta *mta, enum outcome outcome)
{
    mta->score->recipients[outcome]++;
    mta->last = outcome;
    mta->rcpt++;
    if (outcome == OUTCOME_ACCEPTED)
        mta->accepted++;
    if (mta->rcpt < mta->plan->recipients && !mta->hangup)
        cast_rcpt(&mta->cast, mta->plan, mta->rcpt, mta->accepted);
    else if (mta->accepted == 0 || mta->hangup)
        end_message(mta, mta->last);
    else {
        cast_data(&mta->cast);
        mta->step = STEP_DATA;
    }
}

/* The milter lets the present step pass: on to the next. */
static void
pass(struct mta *mta)
{
    switch (mta->step) {
    case STEP_NEGOTIATE:
        mta->step = STEP_CONNECT;
        break;
    case STEP_CONNECT:
        mta->step = STEP_HELO;
        break;
    case STEP_HELO:
        if (mta->plan->idle)
            mta->step = STEP_HOLD;
        else
            begin_message(mta);
        break;
    case STEP_MAIL:
        mta->step = STEP_RCPT;
        cast_rcpt(&mta->cast, mta->plan, 0, 0);
        break;
    case STEP_RCPT:
        end_rcpt(mta, OUTCOME_ACCEPTED);
        break;
    case STEP_DATA:
        mta->step = STEP_HEADER;
        break;
    case STEP_HEADER:
        if (++mta->header >= HEADERS || (mta->flags & SMFIP_NOHDRS) != 0)
            mta->step = STEP_EOH;
        break;
    case STEP_EOH:
        mta->step = mta->plan->body >= MILTER_CHUNK_SIZE ? STEP_BODY : STEP_EOM;
        break;
    case STEP_BODY:
        if (mta->plan->body - mta->body < MILTER_CHUNK_SIZE ||
            (mta->flags & SMFIP_NOBODY) != 0)
            mta->step = STEP_EOM;
        break;
    case STEP_EOM:
        end_message(mta, mta->held ? OUTCOME_HELD : OUTCOME_ACCEPTED);
        break;
    case STEP_HOLD:
    case STEP_QUIT:
        break;
    }
}

/* The milter wants no more of this message, or of this session. */
static void
settle(struct mta *mta, enum outcome outcome)
{
    switch (mta->step) {
    case STEP_CONNECT:
    case STEP_HELO:
        /* the MTA closes at once, and answers MAIL itself */
        mta->score->messages[outcome]++;
        mta->dropped = true;
        mta->step = STEP_QUIT;
        break;
    case STEP_RCPT:
        if (outcome != OUTCOME_ACCEPTED && outcome != OUTCOME_DISCARDED)
            end_rcpt(mta, outcome);
        else
            end_message(mta, outcome);
        break;
    default:
        end_message(mta, outcome);
        break;
    }
}

static enum ms_err
answer_code(struct mta *mta, const struct frame *answer)
{
    const uint8_t *text = answer->data;

    if (answer->len < 6 || (text[0] != '4' && text[0] != '5') ||
        text[4] != text[0] || text[answer->len - 1] != '\0') {
        score_error(mta->score, "a malformed reply");
        return MS_INVALID;
    }
    mta->hangup = memcmp(text, "421", 3) == 0;
    settle(mta, text[0] == '4' ? OUTCOME_DEFERRED : OUTCOME_REJECTED);
    return MS_OK;
}

static enum ms_err
answer_offer(struct mta *mta, const struct frame *answer)
{
    if (answer->len < MILTER_OPTLEN ||
        frame_u32(answer->data) > OFFER_VERSION ||
        (frame_u32(answer->data + 4) & ~(uint32_t)OFFER_ACTIONS) != 0) {
        score_error(mta->score, "an answer to more than was offered");
        return MS_INVALID;
    }
    mta->flags = frame_u32(answer->data + 8);
    if (!macros_take(&mta->lists, answer->data + MILTER_OPTLEN,
                     answer->len - MILTER_OPTLEN)) {
        score_error(mta->score, "a malformed macro list");
        return MS_INVALID;
    }
    pass(mta);
    return MS_OK;
}

/* Take one answer.  *FINAL: the event has been answered. */
static enum ms_err
answer_take(struct mta *mta, const struct frame *answer, bool *final)
{
    *final = true;
    if ((answer->command == SMFIC_OPTNEG) != (mta->step == STEP_NEGOTIATE)) {
        score_error(mta->score, "an answer out of place");
        return MS_INVALID;
    }
    switch (answer->command) {
    case SMFIC_OPTNEG:
        return answer_offer(mta, answer);
    case SMFIR_CONTINUE:
        pass(mta);
        return MS_OK;
    case SMFIR_ACCEPT:
        settle(mta, mta->held ? OUTCOME_HELD : OUTCOME_ACCEPTED);
        return MS_OK;
    case SMFIR_REJECT:
        settle(mta, OUTCOME_REJECTED);
        return MS_OK;
    case SMFIR_TEMPFAIL:
        settle(mta, OUTCOME_DEFERRED);
        return MS_OK;
    case SMFIR_DISCARD:
        settle(mta, OUTCOME_DISCARDED);
        return MS_OK;
    case SMFIR_REPLYCODE:
        return answer_code(mta, answer);
    case SMFIR_SHUTDOWN:
        mta->hangup = true;
        settle(mta, OUTCOME_DEFERRED);
        return MS_OK;
    case SMFIR_SKIP:
        mta->body = mta->plan->body;
        pass(mta);
        return MS_OK;
    default:
        *final = false;
        break;
    }
    if (answer->command == SMFIR_PROGRESS)
        return MS_OK;
    if (mta->step != STEP_EOM || strchr("+-2behimq", answer->command) == NULL) {
        score_error(mta->score, "an answer out of place");
        return MS_INVALID;
    }
    if (answer->command == SMFIR_QUARANTINE)
        mta->held = true;
    return MS_OK;
}

/* ---- the wire ---- */

/* Write events until one needs an answer.  False: none does; it is over. */
static bool
speak(struct mta *mta)
{
    while (mta->step < STEP_HOLD && !send_event(mta))
        pass(mta);
    return mta->step != STEP_QUIT;
}

/* MS_BUSY: the socket takes no more at present. */
static enum ms_err
flush(struct mta *mta)
{
    struct frames *out = &mta->out;

    if (out->failed || mta->in.failed) {
        score_error(mta->score, "no memory");
        return MS_NOMEM;
    }
    while (out->start < out->len) {
        ssize_t n = send(mta->fd, out->data + out->start, out->len - out->start,
                         MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
            return MS_BUSY;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            score_error(mta->score, "the milter closed before an event");
            return MS_UNAVAIL;
        }
        out->start += (size_t)n;
    }
    frames_clear(out);
    return MS_OK;
}

/* Take the answers that are there and write what follows from them.  MS_BUSY:
 * all are taken; MS_OK: the session has come to its end. */
static enum ms_err
hear(struct mta *mta)
{
    struct frame answer;
    uint64_t now = now_ns();
    int got;

    while ((got = frames_next(&mta->in, &answer)) > 0) {
        enum step asked = mta->step;
        bool final;
        enum ms_err err = answer_take(mta, &answer, &final);

        if (err != MS_OK)
            return err;
        if (!final)
            continue;
        hist_add(&mta->score->took[events[asked].timed], now - mta->sent_ns);
        if (!speak(mta))
            return MS_OK;
        mta->sent_ns = now;
        if (mta->step >= STEP_MAIL && mta->began_ns == 0)
            mta->began_ns = now;
    }
    if (got < 0) {
        score_error(mta->score, "no packet of the milter protocol");
        return MS_INVALID;
    }
    return MS_BUSY;
}

/* Read what is there.  MS_BUSY: nothing. */
static enum ms_err
fill(struct mta *mta)
{
    uint8_t *to = frames_room(&mta->in, READ_SIZE);
    ssize_t n;

    if (to == NULL)
        return MS_NOMEM;
    do
        n = recv(mta->fd, to, READ_SIZE, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
        return MS_BUSY;
    if (n <= 0) {
        score_error(mta->score, "the milter closed before its answer");
        return MS_UNAVAIL;
    }
    frames_grew(&mta->in, (size_t)n);
    return MS_OK;
}

static enum mta_state
hang_up(struct mta *mta)
{
    close(mta->fd);
    mta->fd = -1;
    return MTA_OVER;
}

static enum mta_state
quit(struct mta *mta)
{
    if (!mta->dropped) {
        send_abort(mta);
        send_bare(mta, SMFIC_QUIT);
        (void)flush(mta);
    }
    return hang_up(mta);
}

enum mta_state
mta_go(struct mta *mta)
{
    enum ms_err err = flush(mta);

    if (err == MS_BUSY)
        return MTA_WRITES;
    if (err == MS_OK)
        err = fill(mta);
    if (err == MS_BUSY)
        return mta->step == STEP_HOLD ? MTA_HOLDS : MTA_READS;
    if (err == MS_OK)
        err = hear(mta);
    if (err == MS_OK)
        return quit(mta);
    if (err == MS_BUSY)
        err = flush(mta);
    if (err == MS_BUSY)
        return MTA_WRITES;
    if (err != MS_OK)
        return hang_up(mta);
    return mta->step == STEP_HOLD ? MTA_HOLDS : MTA_READS;
}

enum ms_err
mta_start(struct mta *mta)
{
    mta->fd = endpoint_connect(mta->milter);
    if (mta->fd < 0)
        return errno == EAGAIN ? MS_BUSY : MS_UNAVAIL;
    frames_clear(&mta->in);
    frames_clear(&mta->out);
    mta->flags = 0;
    mta->hangup = false;
    mta->dropped = false;
    mta->held = false;
    mta->begun = 0;
    mta->began_ns = 0;
    mta->step = STEP_NEGOTIATE;
    macros_default(&mta->lists);
    cast_client(&mta->cast, mta->plan);
    mta->score->sessions++;
    send_offer(mta);
    mta->sent_ns = now_ns();
    return MS_OK;
}

int
mta_fd(const struct mta *mta)
{
    return mta->fd;
}

enum ms_err
mta_create(const struct endpoint *milter, struct plan *plan,
           struct score *score, struct mta **out)
{
    struct mta *mta = calloc(1, sizeof(*mta));

    if (mta == NULL)
        return MS_NOMEM;
    mta->milter = milter;
    mta->plan = plan;
    mta->score = score;
    mta->fd = -1;
    *out = mta;
    return MS_OK;
}

void
mta_destroy(struct mta *mta)
{
    if (mta == NULL)
        return;
    if (mta->fd >= 0)
        close(mta->fd);
    frames_release(&mta->in);
    frames_release(&mta->out);
    free(mta);
}
