/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/listmask.h - which answers of a DNS list mean "listed": an address, a
 * range of its last octet (127.0.0.2-11), or bits of it (127.0.0.&12: any of
 * them).
 */
#ifndef MORTSAFE_POLICY_LISTMASK_H
#define MORTSAFE_POLICY_LISTMASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listmask {
    uint8_t net[3];
    bool bits; /* `first` is a set of bits */
    uint8_t first, last;
};

/* Read TEXT.  False: it is none, or outside of 127.0.0.0/8. */
bool listmask_parse(const char *text, struct listmask *out);

/* Does CODE (an A record) match?  Whether it is an error is not asked. */
bool listmask_matches(const struct listmask *mask, const uint8_t code[4]);

/* Codes by which lists say that they do not answer this resolver
 * (127.255.255.0/24), or that something is not theirs (127.0.0.1, and anything
 * outside of 127.0.0.0/8: RFC 5782 section 2.1). */
bool listmask_is_error(const uint8_t code[4]);

/* Does CODE mean "listed" where these N masks are written?  None: any does that
 * is no error; an error never does. */
bool listmask_lists(const struct listmask *mask, size_t n,
                    const uint8_t code[4]);

/* Read a code, "127.0.0.2", whatever it means.  False: it is none. */
bool listmask_code(const char *text, uint8_t code[4]);

#endif
