/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/replay/history.h - what happened according to logs: lines put together to
 * messages, and all of it in the order of time.  One thread.
 */
#ifndef MORTSAFE_CTL_REPLAY_HISTORY_H
#define MORTSAFE_CTL_REPLAY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/replay/maillog.h"
#include "ctl/replay/strings.h"
#include "policy/err.h"

/* Texts are numbers of strings_text(). */
struct history_message {
    int64_t at_s;
    uint32_t id, addr, user, sender;
    uint32_t recipients; /* the first of a list; HISTORY_NONE: none */
    uint32_t last;       /* of it */
    uint32_t count;      /* recipients in the list */
    uint64_t size;
    uint16_t port; /* 0: not told */
    bool local, spam;
    bool known; /* its client has been told */
};

struct history_recipient {
    uint32_t address;
    uint32_t next;
    bool refused; /* by the MTA, as unknown */
};

enum history_kind { HISTORY_CONNECT, HISTORY_MESSAGE, HISTORY_BOUNCE };

struct history_event {
    int64_t at_s;
    uint32_t what; /* HISTORY_CONNECT: an address; else a message */
    enum history_kind kind;
};

#define HISTORY_NONE UINT32_MAX

struct history {
    struct strings *strings;
    struct history_message *message;
    size_t n_messages, messages_room;
    struct history_recipient *recipient;
    size_t n_recipients, recipients_room;
    struct history_event *event; /* in order, after history_sort() */
    size_t n_events, events_room;
    uint32_t *by_id; /* of a text's number: its message + 1 */
    size_t by_id_room;
    /* Sendmail tells a login apart from the message, by the process. */
    struct history_login {
        uint32_t process, user, addr;
        int64_t at_s;
    } login[64];
    uint64_t *pair; /* which address each message has: a hash table of both
                       numbers; 0: free */
    size_t n_pairs, pairs_room;
    uint64_t lines, used; /* read; of them, that told something */
};

enum ms_err history_create(struct history **out); /* MS_NOMEM */
void history_destroy(struct history *history);    /* NULL is fine */

/* Take LINE in.  MS_NOMEM. */
enum ms_err history_add(struct history *history,
                        const struct maillog_line *line);

/*
 * Read the log PATH (plain or gzip; "-": standard input).  TELL(ARG, done,
 * total) hears now and then how many bytes have been read.  MS_UNAVAIL,
 * MS_INVALID (a damaged gzip file), MS_NOMEM; WHY.  Lines over 64 KiB are
 * passed over.
 */
enum ms_err history_read(struct history *history, const char *path,
                         const struct maillog_clock *clock,
                         void (*tell)(void *arg, uint64_t done, uint64_t total),
                         void *arg, struct why *why);

/* Make the events, in order. */
enum ms_err history_sort(struct history *history); /* MS_NOMEM */

#endif
