/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/relay.h - is a mail server an open relay?  Every form of recipient
 * and sender that has ever slipped through one is offered to it, up to RCPT:
 * no message is sent unless the operator names an address of his own for it.
 *
 * A server that trusts whoever asks proves nothing by accepting; it is asked as
 * a stranger by XCLIENT where it allows that, else the verdict is that there is
 * none.
 */
#ifndef MORTSAFE_CTL_RELAY_RELAY_H
#define MORTSAFE_CTL_RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "ctl/relay/letter.h"
#include "ctl/relay/vector.h"
#include "policy/clock.h"
#include "policy/err.h"
#include "policy/nettree.h"

enum {
    RELAY_TEXT = 256,    /* of a name or a remark */
    RELAY_REPLY = 200,   /* of a server's reply, as it is kept */
    RELAY_LIMIT_S = 300, /* a run's time, unless other is asked for */
    RELAY_ANSWER_MS = 30000
};

enum relay_verdict { RELAY_CLOSED, RELAY_OPEN, RELAY_UNTOLD };

/* What became of a vector. */
enum relay_answer {
    RELAY_UNASKED,
    RELAY_REFUSED,
    RELAY_DEFERRED,
    RELAY_NO_DOMAIN, /* refused, but for a domain the server cannot find */
    RELAY_CUT,       /* it hung up */
    RELAY_LATE,      /* it said nothing in time, or nothing that can be read */
    RELAY_ACCEPTED
};

/* Where in a session it was offered; each with a second recipient. */
enum relay_after {
    RELAY_AFTER_HELO,
    RELAY_AFTER_EHLO,
    RELAY_AFTER_TLS,
    RELAY_AFTER_RSET,
    RELAY_PLACES
};

struct relay_ask {
    struct sockaddr_storage to;   /* with its port */
    struct sockaddr_storage from; /* family 0: any address of ours */
    const char *domain;       /* one that the server takes mail for; NULL: by
                                 its greeting */
    const char *relay_domain; /* one it passes mail on for; NULL: none */
    const char *foreign; /* one that is nobody's here; NULL: RELAY_FOREIGN */
    const char *deliver; /* "me@elsewhere.example": send a message to it by
                            each form that is accepted; NULL: none */
    const struct nettree *nets; /* networks the server may trust; NULL */
    bool stranger;      /* the server has no reason to trust our address */
    bool brief;         /* only after EHLO */
    unsigned limit_s;   /* 0: RELAY_LIMIT_S */
    unsigned answer_ms; /* for each answer; 0: RELAY_ANSWER_MS */
    /* Each line of the dialog: WHO is 'C' (us) or 'S'.  NULL: not wanted. */
    void (*line)(void *arg, char who, const char *text);
    /* How far it is.  NULL: not wanted. */
    void (*done)(void *arg, size_t done, size_t total);
    void *arg;
    /* The clock, and a wait that returns false if the user has had enough;
     * NULL: ctl/pace.h's. */
    struct mono (*now)(void);
    bool (*wait)(int64_t ms);
};

#define RELAY_FOREIGN "example.com"

/* A vector's answers, the worse of its two recipients in each place. */
struct relay_row {
    const struct vector *vector;
    char mail[VECTOR_TEXT], rcpt[VECTOR_TEXT]; /* as they were sent */
    enum relay_answer answer[RELAY_PLACES];
    char reply[RELAY_REPLY];     /* the last of those, or of accepting */
    enum relay_answer delivered; /* of `deliver`; UNASKED: not sent */
    enum letter_step step;       /* where that answer came */
};

struct relay_outcome {
    enum relay_verdict verdict;
    char why[RELAY_TEXT]; /* a sentence: what it rests on */
    unsigned holes;       /* bits of enum vector_hole */
    enum relay_mta {
        RELAY_MTA_UNKNOWN,
        RELAY_POSTFIX,
        RELAY_SENDMAIL,
        RELAY_EXIM
    } mta; /* as it greets */
    char greeting[RELAY_REPLY];
    char domain[RELAY_TEXT], host[RELAY_TEXT]; /* the server's, as used */
    char source[RELAY_TEXT]; /* the address we asked from, or claimed */
    bool xclient;            /* it was claimed */
    bool trusted;            /* the server trusts our source */
    bool catch_all; /* it takes any mailbox of its domain: forms that end
                       there prove nothing before delivery */
    bool tls;       /* STARTTLS was offered */
    size_t asked, accepted, deferred; /* vectors, in any place */
    struct relay_row *rows;
    size_t n_rows;
};

/*
 * Try the server at ASK->to; that it is the operator's own is the caller's
 * affair.  MS_OK with *OUT filled in, also where there is no verdict for want
 * of a connection; relay_end() frees it.  MS_NOMEM; MS_INVALID with WHY: a
 * domain or address in ASK is none.
 */
enum ms_err relay_run(const struct relay_ask *ask, struct relay_outcome *out,
                      struct why *why);
void relay_end(struct relay_outcome *outcome);

/* "refused", "accepted" ... and "after EHLO" ... */
const char *relay_answer_name(enum relay_answer answer);
const char *relay_after_name(enum relay_after place);
const char *relay_verdict_name(enum relay_verdict verdict);

#endif
