/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/worker/macro.h - what a domain-spec stands for (RFC 7208 section
 * 7).  Not by libspf2, which knows two of the seven delimiters less, takes
 * "%{d4}" of three labels for something else, and writes past a buffer.
 */
#ifndef MORTSAFE_POLICY_DNS_WORKER_MACRO_H
#define MORTSAFE_POLICY_DNS_WORKER_MACRO_H

#include <stddef.h>

#include "policy/dns/spf_wire.h"
#include "policy/dns/worker/record.h"

enum {
    /* whatever a domain-spec of RECORD_SPEC octets and RECORD_MACROS macros may
     * stand for, each octet of them encoded, and a NUL */
    MACRO_TEXT = RECORD_SPEC + RECORD_MACROS * 3 * SPF_SENDER + 1
};

/* None of them has SPF_SENDER octets or more. */
struct macro_values {
    const char *sender;        /* %{s} */
    const char *sender_domain; /* %{o} */
    const char *domain;        /* %{d} */
    const char *client;        /* %{i}: its octets or nibbles, with dots */
    const char *name;          /* %{p} */
    const char *family;        /* %{v} */
    const char *helo;          /* %{h} */
};

/* What the domain-spec SPEC, one that record_read() has let pass, stands for,
 * into OUT. */
void macro_expand(const char *spec, size_t len,
                  const struct macro_values *values, char out[MACRO_TEXT]);

#endif
