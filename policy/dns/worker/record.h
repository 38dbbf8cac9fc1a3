/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/worker/record.h - the terms of an SPF record, by the grammar of
 * RFC 7208 section 12 to the letter: libspf2 lets pass what is none.
 */
#ifndef MORTSAFE_POLICY_DNS_WORKER_RECORD_H
#define MORTSAFE_POLICY_DNS_WORKER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/err.h"

enum {
    RECORD_SPEC = 255,  /* octets of a domain-spec that is read */
    RECORD_MACROS = 32, /* in one of them: libspf2 1.2.10 writes past a buffer
                           where some fifty are (CVE-2023-42118) */
    RECORD_WHY = 96
};

enum term_kind {
    TERM_ALL,
    TERM_INCLUDE,
    TERM_A,
    TERM_MX,
    TERM_PTR,
    TERM_IP4,
    TERM_IP6,
    TERM_EXISTS,
    TERM_REDIRECT
};

struct term {
    enum term_kind kind;
    char qualifier;   /* + - ? ~ */
    const char *text; /* the whole of it, borrowed */
    size_t text_len;
    const char *spec;      /* its domain-spec without a last dot */
    size_t spec_len;       /* 0: the domain itself */
    bool uses_p;           /* %{p} is in it */
    unsigned cidr4, cidr6; /* 32, 128 unless said; IP4, IP6: the mask of the
                              network, in its own family's */
    uint8_t network[16];
};

struct record {
    struct term *term; /* without modifiers */
    size_t n;
    struct term redirect; /* spec_len 0: none, or all stands beside it */
};

/*
 * Read the SPF record TEXT into *OUT, which borrows it; record_clear() ends it.
 * MS_INVALID: WHY says in a few words what is wrong; MS_NOMEM.
 */
enum ms_err record_read(const char *text, size_t len, struct record *out,
                        char why[RECORD_WHY]);
void record_clear(struct record *record);

/* Does TERM ask the DNS (RFC 7208 section 4.6.4)? */
bool term_asks(const struct term *term);

#endif
