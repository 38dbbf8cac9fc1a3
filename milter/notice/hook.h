/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/hook.h - the webhook: a change of standing as JSON to a program
 * of the operator's, signed, so that it can tell ours from others'.
 */
#ifndef MORTSAFE_MILTER_NOTICE_HOOK_H
#define MORTSAFE_MILTER_NOTICE_HOOK_H

#include <stdatomic.h>
#include <stdint.h>

#include "milter/notice/transfer.h"
#include "policy/err.h"

enum { HOOK_SIGNATURE = 65 };

/* All borrowed. */
struct hook {
    const char *url;  /* http:// or https:// */
    const char *key;  /* NULL: not signed */
    const char *body; /* JSON */
    int64_t now_s;
    const struct transfer_bounds *bounds; /* NULL: the usual ones */
    const atomic_bool *stop;              /* NULL: never */
    long *pause_s; /* how long the server asks us to wait; NULL: nobody asks */
};

/* HMAC-SHA256 (RFC 2104) with KEY of NOW_S in decimal digits, a full stop and
 * BODY, in hexadecimal digits.  Pure. */
void hook_sign(const char *key, int64_t now_s, const char *body,
               char out[HOOK_SIGNATURE]);

/* POST it.  DONE: 2xx; AWAY: no answer, 5xx, or 429 (too many calls); AGAIN:
 * any other answer, or no memory.  WHY, unless it is done. */
enum transfer_end hook_call(const struct hook *hook, struct why *why);

/* MS_INVALID: no URL that can be called. */
enum ms_err hook_check(const char *url, struct why *why);

#endif
