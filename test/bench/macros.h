/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/macros.h - the macros an MTA sends before each event, as Postfix
 * does: those of the milter's lists, else its own; what has no value is left
 * out, so a packet can be empty.
 */
#ifndef MORTSAFE_TEST_BENCH_MACROS_H
#define MORTSAFE_TEST_BENCH_MACROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/bench/frame.h"

/* The macros Postfix 3.7 has a value for; every other name is skipped. */
enum macro {
    MACRO_J,
    MACRO_V,
    MACRO_UNDERSCORE,
    MACRO_DAEMON_NAME,
    MACRO_DAEMON_ADDR,
    MACRO_DAEMON_PORT,
    MACRO_CLIENT_ADDR,
    MACRO_CLIENT_PORT,
    MACRO_CLIENT_NAME,
    MACRO_CLIENT_PTR,
    MACRO_CLIENT_RESOLVE,
    MACRO_CLIENT_CONNECTIONS,
    MACRO_TLS_VERSION,
    MACRO_CIPHER,
    MACRO_CIPHER_BITS,
    MACRO_I,
    MACRO_AUTH_TYPE,
    MACRO_AUTH_AUTHEN,
    MACRO_MAIL_ADDR,
    MACRO_MAIL_HOST,
    MACRO_MAIL_MAILER,
    MACRO_RCPT_ADDR,
    MACRO_RCPT_HOST,
    MACRO_RCPT_MAILER,
    MACROS
};

/* Numbered as in the milter's answer to the negotiation. */
enum macro_stage {
    MACROS_CONNECT,
    MACROS_HELO,
    MACROS_MAIL,
    MACROS_RCPT,
    MACROS_DATA,
    MACROS_EOM,
    MACROS_EOH,
    MACROS_STAGES
};

enum { MACROS_LISTED = 50 }; /* in one stage */

struct macro_lists {
    uint8_t n[MACROS_STAGES];
    uint8_t macro[MACROS_STAGES][MACROS_LISTED];
};

/* Borrowed strings; NULL: no value. */
struct macro_values {
    const char *value[MACROS];
};

/* Postfix's own lists. */
void macros_default(struct macro_lists *lists);

/*
 * Replace the lists that the milter names in LEN bytes at DATA, the end of its
 * answer to the negotiation.  False: that end has no such form.
 */
bool macros_take(struct macro_lists *lists, const uint8_t *data, size_t len);

/* Write the packet of STAGE's macros that goes before COMMAND. */
void macros_write(const struct macro_lists *lists, enum macro_stage stage,
                  char command, const struct macro_values *values,
                  struct frames *out);

#endif
