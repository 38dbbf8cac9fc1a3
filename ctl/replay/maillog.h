/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/replay/maillog.h - one line of Postfix's or Sendmail's log, as far as it
 * tells who sent what to whom and what became of it.  Pure; lines are hostile.
 */
#ifndef MORTSAFE_CTL_REPLAY_MAILLOG_H
#define MORTSAFE_CTL_REPLAY_MAILLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum maillog_kind {
    MAILLOG_CONNECT, /* a client: addr */
    MAILLOG_CLIENT,  /* a message's client: id, addr, user, port */
    MAILLOG_AUTH,    /* Sendmail: process, user; or id, user */
    MAILLOG_FROM,    /* a message's sender: id, address, count, size; of
                        Sendmail also addr and port */
    MAILLOG_TO, /* a recipient and what became of it: id, address, status */
    MAILLOG_REFUSED, /* a recipient that the MTA refused: addr, user unknown,
                        address, from; of Sendmail an id */
    MAILLOG_SPAM     /* a milter refused the message at its end: id; of
                        Postfix also address and from */
};

enum { MAILLOG_ID = 32, MAILLOG_ADDR = 46, MAILLOG_ADDRESS = 321 };

/* What became of a recipient. */
enum maillog_status {
    MAILLOG_SENT,
    MAILLOG_DEFERRED,
    MAILLOG_BOUNCED, /* finally */
    MAILLOG_UNKNOWN  /* ... since there is no such address (5.1.x) */
};

struct maillog_line {
    int64_t at_s; /* wall clock */
    enum maillog_kind kind;
    uint32_t process;
    char id[MAILLOG_ID];     /* "": none */
    char addr[MAILLOG_ADDR]; /* IP address; "": none */
    uint16_t port; /* 25, 587, 465: of which service it is; 0: not told */
    bool local;    /* by the sendmail command */
    char user[MAILLOG_ADDRESS];
    char address[MAILLOG_ADDRESS]; /* sender or recipient, without <> */
    char from[MAILLOG_ADDRESS]; /* MAILLOG_REFUSED, MAILLOG_SPAM: the sender */
    uint64_t size;
    enum maillog_status status;
    const char *others; /* what maillog_next() reads; in the line itself */
    size_t n_others;
};

/*
 * How times without a year are read: such a log ends at or before NOW, and its
 * lines are in order.  All zero but for NOW to begin a file; by the lines' own
 * time zone or OFFSET_S east of UTC.
 */
struct maillog_clock {
    int64_t now_s;
    int64_t offset_s;
    int64_t last_s;
    int year; /* 0: not known yet */
};

/*
 * Read LEN bytes at LINE, without a newline, into *OUT.  False: it says nothing
 * of interest, or is no line of a mail log.
 */
bool maillog_read(const char *line, size_t len, struct maillog_clock *clock,
                  struct maillog_line *out);

/* Sendmail tells of all recipients of a delivery at once: the next one of LINE,
 * in its address; the bytes that were read must still be there.  False: there
 * is no other. */
bool maillog_next(struct maillog_line *line);

#endif
