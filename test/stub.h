/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/stub.h - a mail server, or a web server, of a test's own on a loopback
 * port: it takes what comes, or behaves as badly as it is told.  One
 * conversation at a time.
 */
#ifndef MORTSAFE_TEST_STUB_H
#define MORTSAFE_TEST_STUB_H

#include <stdbool.h>
#include <stddef.h>

struct stub;

enum stub_mood {
    STUB_TAKE,
    /* of mail */
    STUB_MUTE,         /* no greeting */
    STUB_BUSY,         /* 421 instead of one */
    STUB_NO_SERVICE,   /* 554 instead of one */
    STUB_BAR_MAIL,     /* 550 to MAIL */
    STUB_PUT_OFF_MAIL, /* 452 to MAIL */
    STUB_LOGIN,        /* 530 to RCPT */
    STUB_PUT_OFF,      /* 450 to RCPT */
    STUB_REFUSE,       /* 550 to RCPT */
    STUB_SHUT_DOWN,    /* 421 to RCPT */
    STUB_DROP_DATA,    /* hangs up behind DATA */
    STUB_MUTE_DATA,    /* says nothing behind the letter */
    STUB_PUT_OFF_DATA, /* 451 behind the letter */
    STUB_REFUSE_DATA,  /* 554 behind the letter */
    STUB_FLOOD,        /* a greeting without an end */
    /* of the web */
    STUB_WEB_FAIL, /* 500 */
    STUB_WEB_BUSY, /* 429, for ten minutes */
    STUB_WEB_GONE, /* 404 */
    STUB_WEB_MUTE, /* no answer */
    STUB_WEB_FLOOD /* an answer without an end */
};

enum { STUB_MOST = 65536 };

/* What it has taken last. */
struct stub_taken {
    unsigned n;           /* letters or calls, taken or not */
    char from[512];       /* MAIL, whole */
    char to[512];         /* RCPT, whole */
    char hello[512];      /* EHLO, whole */
    char head[4096];      /* of a call: its request and header */
    char body[STUB_MOST]; /* of a call; a letter, dots removed */
};

/* Begin one; aborts if that is not possible. */
struct stub *stub_start(bool web);
void stub_stop(struct stub *stub); /* NULL is fine */
unsigned stub_port(const struct stub *stub);
void stub_set(struct stub *stub, enum stub_mood mood);
void stub_taken(struct stub *stub, struct stub_taken *out);

#endif
