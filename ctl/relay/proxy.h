/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/relay/proxy.h - is there an open proxy on a host?  Each protocol asks a
 * port for a connection to a listener of our own, the canary, which says a
 * random token; the token coming back, or the canary being called with it, is
 * the proof, whatever the proxy says.  Nobody else is ever the destination.
 */
#ifndef MORTSAFE_CTL_RELAY_PROXY_H
#define MORTSAFE_CTL_RELAY_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "policy/clock.h"
#include "policy/err.h"

enum {
    PROXY_PORTS = 32,
    PROXY_TEXT = 256,
    PROXY_REPLY = 200,
    PROXY_ANSWER_MS = 5000,
    PROXY_LIMIT_S = 300
};

enum proxy_verdict { PROXY_NONE, PROXY_OPEN, PROXY_UNTOLD };

enum proxy_kind {
    PROXY_CONNECT,
    PROXY_POST,
    PROXY_GET,
    PROXY_PUT,
    PROXY_SOCKS4,
    PROXY_SOCKS4A,
    PROXY_SOCKS5,
    PROXY_TELNET,
    PROXY_KINDS
};

enum proxy_answer {
    PROXY_UNASKED,
    PROXY_NOBODY,  /* nobody listens there */
    PROXY_REFUSED, /* it said no, hung up, or spoke of something else */
    PROXY_LOGIN,   /* it wants a login */
    PROXY_CLAIMED, /* it said yes, and nothing came */
    PROXY_SILENT,  /* no answer */
    PROXY_PROVED   /* the token came: it is open */
};

/* The ports that are tried if none are named, 0 at the end. */
extern const uint16_t proxy_usual_ports[];

struct proxy_ask {
    struct sockaddr_storage to;     /* its port is of no account */
    struct sockaddr_storage canary; /* an address of ours to listen on, with
                                       port 0 or one; family 0: the one we reach
                                       TO from */
    uint16_t ports[PROXY_PORTS];
    size_t n_ports;     /* 0: the usual ones */
    unsigned answer_ms; /* 0: PROXY_ANSWER_MS */
    unsigned limit_s;   /* 0: PROXY_LIMIT_S */
    void (*line)(void *arg, char who, const char *text); /* NULL: not wanted */
    void (*done)(void *arg, size_t done, size_t total);  /* NULL */
    void *arg;
    struct mono (*now)(void); /* NULL: ctl/pace.h's */
    bool (*ended)(void);      /* has the user had enough?  NULL: pace_ended() */
};

struct proxy_row {
    uint16_t port;
    enum proxy_kind kind;
    enum proxy_answer answer;
    char reply[PROXY_REPLY]; /* what it said, printable; "" */
};

struct proxy_outcome {
    enum proxy_verdict verdict;
    char why[PROXY_TEXT];    /* a sentence */
    char canary[PROXY_TEXT]; /* "192.0.2.1:40123" */
    size_t listening;        /* ports */
    size_t proved;           /* rows */
    unsigned kinds;          /* that were proved: bits of enum proxy_kind */
    struct proxy_row *rows;
    size_t n_rows;
};

/*
 * Try the host at ASK->to; that it is the operator's own is the caller's
 * affair.  MS_OK with *OUT filled in, which proxy_end() frees.  MS_NOMEM;
 * MS_UNAVAIL with WHY: no listener could be had.
 */
enum ms_err proxy_run(const struct proxy_ask *ask, struct proxy_outcome *out,
                      struct why *why);
void proxy_end(struct proxy_outcome *outcome);

const char *proxy_kind_name(enum proxy_kind kind);       /* "HTTP CONNECT" */
const char *proxy_answer_name(enum proxy_answer answer); /* "refused" */
const char *proxy_verdict_name(enum proxy_verdict verdict);

#endif
