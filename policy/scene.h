/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/scene.h - who is here and where: what the facts mean under one
 * configuration.  Made anew at each step, never kept across messages.
 */
#ifndef MORTSAFE_POLICY_SCENE_H
#define MORTSAFE_POLICY_SCENE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "policy/address.h"
#include "policy/clock.h"
#include "policy/config.h"
#include "policy/prefix.h"

struct acts;
struct lookups;
struct verdict;

/* How the listener became known, for the log. */
enum listener_by {
    LISTENER_BY_NAME,    /* {daemon_name}, by the operator's map */
    LISTENER_BY_PORT,    /* {daemon_port} */
    LISTENER_BY_FLAGS,   /* {daemon_flags} */
    LISTENER_BY_DEFAULT, /* nothing known: mx */
    LISTENER_BY_ORIGIN   /* did not come by SMTP: local */
};

enum {
    FACTS_SEEN = 8, /* limits with `warmup` in a configuration, at most */
    SCENE_LEARN_S = 14 * 86400 /* without a rule of zombies that says more */
};

/* What the MTA said about a connection and its message so far.  Strings are
 * borrowed; NULL and "" both mean "not said". */
struct facts {
    struct wall now;
    const struct acts *acts;       /* borrowed; NULL: none */
    const struct sockaddr *client; /* NULL: unknown, AF_UNIX, no CONNECT */
    bool client_stdin;             /* Sendmail's {client_addr} = 0 */
    const char *daemon_name, *daemon_port, *daemon_flags, *daemon_addr;
    const char *hostname; /* {j} */
    bool tls;
    const char *login;      /* {auth_authen} */
    const char *login_type; /* {auth_type}; both or no login */
    const char *sender;     /* argv[0] of MAIL; NULL before MAIL */
    uint64_t size;          /* SIZE=, octets; 0: not said */

    const char *recipient;   /* argv[0] of RCPT, at RCPT */
    const char *rcpt_mailer; /* {rcpt_mailer}: never authorizes, see below */
    bool refused;            /* the MTA itself refused it */
    bool unknown;            /* ... with 5.1.x */

    /* The message as accepted so far. */
    uint32_t recipients, external, bad; /* accepted; of them outside; refused
                                           as unknown */
    uint32_t ordinary;          /* accepted recipients that limits counted */
    bool counted;               /* `messages` has been charged */
    const struct verdict *held; /* a copy of the verdict with which the
                                   engine set `hold`; NULL: none */
    uint64_t bytes; /* at end of message: octets, headers included */

    /* What was looked up; at RCPT it is filled in before policy_answer() if
     * policy.looks; NULL: nothing was. */
    const struct lookups *lookups;

    /* Of zombies and newcomers. */
    struct wall birth; /* of the store; 0: not known */
    enum verdict_flag {
        FLAG_NONE,
        FLAG_CLEAN,
        FLAG_SPAM
    } flag; /* at end of message: what an upstream filter said */
    const struct zombie *throttled; /* a rule by which the sender was throttled
                                       when a recipient was let in; NULL */
    struct facts_seen {
        const struct limit *limit; /* with `warmup` */
        uint32_t first_s;          /* its subject was first seen; 0: never */
    } seen[FACTS_SEEN];            /* found out at MAIL */
    size_t n_seen;
};

struct scene {
    struct wall now;
    const struct acts *acts; /* as in the facts */
    struct prefix client;    /* host; family 0 unknown */
    const struct listener *listener;
    enum listener_by by;
    const struct network *network; /* NULL: none */
    enum session_kind kind;
    enum mode mode; /* of daemon, listener, network together */
    enum auth_rule auth;
    enum tls_rule tls;
    bool tls_on;
    bool own;                /* a login or one of the own networks: is
                                told numbers */
    bool has_login;          /* offered, whether taken or not */
    char user[ADDRESS_TEXT]; /* canonical; "" without */
    const char *sender_said; /* as it came; borrowed from the facts;
                                NULL before MAIL */
    struct address sender_parsed;
    char sender[ADDRESS_TEXT];     /* canonical; "" for <> */
    char local_user[ADDRESS_TEXT]; /* of mail that does not come by SMTP: its
                                      sender as a login is written; "" */

    /* Of newcomers; borrowed from the facts. */
    const struct facts_seen *seen;
    size_t n_seen;
    bool has_birth;
    struct wall settled; /* first second that is not within `learn` of the
                            store's birth */
};

/* What FACTS mean under CONFIG.  Pure. */
void scene_make(const struct config *config, const struct facts *facts,
                struct scene *out);

/* "name", "port", "flags", "default", "origin". */
const char *listener_by_name(enum listener_by by);

#endif
