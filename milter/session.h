/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/session.h - what is known of one SMTP session and of the message in
 * it: copies of what the MTA said, for its words end with the callback.  A
 * session hops between libmilter's threads, but never is in two at a time.
 */
#ifndef MORTSAFE_MILTER_SESSION_H
#define MORTSAFE_MILTER_SESSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "milter/daemon.h"
#include "milter/detect/flag.h"
#include "milter/lookup/heading.h"
#include "milter/lookup/lookup.h"
#include "policy/config.h"
#include "policy/scene.h"
#include "policy/store/store.h"
#include "policy/verdict.h"

enum { SESSION_WORD = 256, SESSION_ID = 64 };

/* From MAIL to the next MAIL, end of message, abort or close. */
struct message {
    const struct config *config; /* one reference */
    struct acts *acts;           /* one reference, or NULL */
    struct receipts *receipts;   /* of all that was charged; may be NULL */
    struct verdict *held;        /* why it is to be held; NULL: it is not */
    struct facts facts;          /* of MAIL, and the counts since */
    bool unjudged;   /* enforcing would have refused it: only looked on */
    bool bodies;     /* the MTA tells us of headers and body */
    uint64_t octets; /* of them so far */
    bool local;      /* a step was decided without a shared store */
    uint32_t waits;  /* of its steps for the store */
    uint32_t nrcpt;  /* let through, for the log */
    uint32_t would;  /* of them, that enforcing would have refused */
    bool doubted;    /* the same of the whole message */
    /* For those who judge senders, if a rule about zombies holds here. */
    bool watched;
    bool begun;       /* what follows DATA has */
    struct flag flag; /* what filters said, header by header */
    uint64_t from;    /* hashes of what is in the header; 0: none */
    uint64_t message_id;
    uint64_t *addressed; /* hashes of recipients */
    size_t n_addressed, room_addressed;
    uint32_t more, unknown; /* recipients without a hash; refused as unknown */
    bool looked;            /* its look-ups are asked for */
    uint32_t looked_lists;  /* ... bits of the lists that are */
    bool put_off;           /* it is put off for what is not yet known */
    bool headed;            /* its headers are looked through for forged ones */
    struct heading heading; /* ... and what was found so far */

    char id[SESSION_ID]; /* the MTA's; "" as long as it has none */
    char text[];         /* what the strings of FACTS point to */
};

struct session {
    struct daemon *daemon;
    bool over; /* more than the configuration allows */
    bool has_client;
    bool client_stdin;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } client;
    struct message *message; /* NULL between messages */

    /* What was asked at CONNECT and is used at the first MAIL. */
    struct store_ticket *ticket; /* NULL: nothing, or used */
    const struct config *config; /* as it was then, one reference */
    struct acts *acts;           /* the same; or NULL */
    enum ms_err connect_err;     /* why there is no ticket */
    struct store_time connected;

    struct lookup_case *lookups;         /* NULL: nothing was looked up */
    const struct config *lookups_config; /* of its lists, one reference */

    char name[SESSION_WORD]; /* the client's, for the log */
    char helo[SESSION_WORD]; /* what it calls itself */
    char daemon_name[SESSION_WORD];
    char daemon_addr[64];
    char daemon_port[8];
    char daemon_flags[32];
    char hostname[SESSION_WORD];
    char mta[64]; /* what it says it is */
};

/* What MAIL says; strings are borrowed, NULL or "" is "not said". */
struct session_mail {
    const char *sender; /* not NULL */
    const char *login, *login_type;
    const char *id;
    bool tls;
    uint64_t size;
};

/* Make a session in *OUT; session_destroy() ends it.  MS_NOMEM. */
enum ms_err session_create(struct daemon *daemon, struct session **out);

/* Ends the message, drops the ticket; never waits.  NULL is fine. */
void session_destroy(struct session *session);

/* Forget what was asked at CONNECT: its ticket is dropped. */
void session_forget_connect(struct session *session);

/* The same of what was looked up; it may wait for a callback of the resolver's
 * that runs just now, and these are short. */
void session_forget_lookups(struct session *session);

/* Copy ADDR (NULL, or of a family that is no address: no client). */
void session_set_client(struct session *session, const struct sockaddr *addr);

/*
 * Copy VALUE (NULL is "") to OUT, which has SIZE bytes; one that is longer is
 * taken as not said, for half a name could be another's.
 */
void session_copy(char *out, size_t size, const char *value);

/* The facts of the connection at NOW, with those of MESSAGE (may be NULL);
 * strings live as long as these two. */
void session_facts(const struct session *session, const struct message *message,
                   struct wall now, struct facts *out);

/* Begin a message with MAIL under CONFIG, whose reference it takes over, and
 * the acts of now, in place of the one there is.  MS_NOMEM: there is none, and
 * no reference. */
enum ms_err session_begin(struct session *session, const struct config *config,
                          const struct session_mail *mail);

/* How a message ends. */
enum session_end {
    SESSION_KEPT,     /* accepted: what was charged stays */
    SESSION_REFUNDED, /* not accepted: that is given back */
    SESSION_DROPPED   /* the same, but later: never waits */
};
void session_end(struct session *session, enum session_end end);

/* Take over the counts of FACTS. */
void message_count(struct message *message, const struct facts *facts);

/* Remember N receipts with the message; without memory some are forgotten,
 * and their counts age out. */
void message_charge(struct message *message, const struct receipt *receipts,
                    size_t n);

/* ADDRESS was one of the message's recipients, UNKNOWN to the MTA or not;
 * without memory, and beyond DETECT_RECIPIENTS, it only counts. */
void message_address(struct session *session, const char *address,
                     bool unknown);

/* A header of the message has come. */
void message_header(struct session *session, const char *name,
                    const char *value);

/* What filters have said of the message, whether they are believed now or not.
 */
enum verdict_flag message_flag(const struct session *session);

/* The message as evidence about its sender, under FLAG; PASSED: it goes out. */
void message_evidence(const struct session *session, const struct scene *scene,
                      enum verdict_flag flag, bool passed);

#endif
