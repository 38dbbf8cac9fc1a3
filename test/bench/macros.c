/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/bench/macros.h"

#include <string.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

static const char *const names[MACROS] = {
    [MACRO_J] = "j",
    [MACRO_V] = "v",
    [MACRO_UNDERSCORE] = "_",
    [MACRO_DAEMON_NAME] = "{daemon_name}",
    [MACRO_DAEMON_ADDR] = "{daemon_addr}",
    [MACRO_DAEMON_PORT] = "{daemon_port}",
    [MACRO_CLIENT_ADDR] = "{client_addr}",
    [MACRO_CLIENT_PORT] = "{client_port}",
    [MACRO_CLIENT_NAME] = "{client_name}",
    [MACRO_CLIENT_PTR] = "{client_ptr}",
    [MACRO_CLIENT_RESOLVE] = "{client_resolve}",
    [MACRO_CLIENT_CONNECTIONS] = "{client_connections}",
    [MACRO_TLS_VERSION] = "{tls_version}",
    [MACRO_CIPHER] = "{cipher}",
    [MACRO_CIPHER_BITS] = "{cipher_bits}",
    [MACRO_I] = "i",
    [MACRO_AUTH_TYPE] = "{auth_type}",
    [MACRO_AUTH_AUTHEN] = "{auth_authen}",
    [MACRO_MAIL_ADDR] = "{mail_addr}",
    [MACRO_MAIL_HOST] = "{mail_host}",
    [MACRO_MAIL_MAILER] = "{mail_mailer}",
    [MACRO_RCPT_ADDR] = "{rcpt_addr}",
    [MACRO_RCPT_HOST] = "{rcpt_host}",
    [MACRO_RCPT_MAILER] = "{rcpt_mailer}",
};

/* postconf -d of Postfix 3.7: milter_connect_macros and so on. */
static const char *const postfix[MACROS_STAGES] = {
    [MACROS_CONNECT] = "j {daemon_name} {daemon_addr} v _",
    [MACROS_HELO] = "{tls_version} {cipher} {cipher_bits}",
    [MACROS_MAIL] = "i {auth_type} {auth_authen} {mail_addr} {mail_host} "
                    "{mail_mailer}",
    [MACROS_RCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
    [MACROS_DATA] = "i",
    [MACROS_EOM] = "i",
    [MACROS_EOH] = "i",
};

_Static_assert((int)MACROS_CONNECT == SMFIM_CONNECT, "as libmilter numbers");
_Static_assert((int)MACROS_EOH == SMFIM_EOH, "as libmilter numbers");

/* The macro of LEN bytes at NAME, {j} being j; MACROS if Postfix has none. */
static enum macro
macro_named(const char *name, size_t len)
{
    enum macro m;

    if (len == 3 && name[0] == '{' && name[2] == '}') {
        name++;
        len = 1;
    }
    for (m = 0; m < MACROS; m++) {
        if (strlen(names[m]) == len && memcmp(names[m], name, len) == 0)
            break;
    }
    return m;
}

static void
list_read(struct macro_lists *lists, enum macro_stage stage, const char *text)
{
    static const char blanks[] = " \t,";

    lists->n[stage] = 0;
    for (;;) {
        size_t len;
        enum macro m;

        text += strspn(text, blanks);
        len = strcspn(text, blanks);
        if (len == 0)
            break;
        m = macro_named(text, len);
        if (m < MACROS && lists->n[stage] < MACROS_LISTED)
            lists->macro[stage][lists->n[stage]++] = (uint8_t)m;
        text += len;
    }
}

void
macros_default(struct macro_lists *lists)
{
    enum macro_stage stage;

    for (stage = 0; stage < MACROS_STAGES; stage++)
        list_read(lists, stage, postfix[stage]);
}

bool
macros_take(struct macro_lists *lists, const uint8_t *data, size_t len)
{
    while (len > 0) {
        const uint8_t *nul;
        uint32_t stage;

        if (len < 5)
            return false;
        stage = frame_u32(data);
        nul = memchr(data + 4, '\0', len - 4);
        if (stage >= MACROS_STAGES || nul == NULL)
            return false;
        list_read(lists, (enum macro_stage)stage, (const char *)data + 4);
        len -= (size_t)(nul + 1 - data);
        data = nul + 1;
    }
    return true;
}

void
macros_write(const struct macro_lists *lists, enum macro_stage stage,
             char command, const struct macro_values *values,
             struct frames *out)
{
    unsigned i;

    frames_begin(out, SMFIC_MACRO);
    frames_byte(out, command);
    for (i = 0; i < lists->n[stage]; i++) {
        unsigned m = lists->macro[stage][i];

        if (values->value[m] == NULL)
            continue;
        frames_string(out, names[m]);
        frames_string(out, values->value[m]);
    }
    frames_end(out);
}
