/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/negotiate.h"

#include <stddef.h>
#include <stdint.h>

#include <libmilter/mfdef.h>

/*
 * The macros of each stage.  One of them is always set, because libmilter
 * drops an empty list and would go on showing the last transaction's login.
 * Not {daemon_name} at the end: there Postfix's cleanup(8) gives its own.
 */
static const struct {
    int stage;
    const char *names;
} macro_lists[] = {
    {SMFIM_CONNECT, "j {daemon_name} {daemon_port} {daemon_addr} "
                    "{daemon_flags} {client_addr} v"},
    {SMFIM_HELO, "j"},
    {SMFIM_ENVFROM, "j i {mail_addr} {auth_type} {auth_authen} "
                    "{tls_version}"},
    {SMFIM_ENVRCPT, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"},
    {SMFIM_EOM, "j i"},
};

unsigned long
negotiate_actions(unsigned long offered, unsigned want)
{
    unsigned long actions = SMFIF_QUARANTINE | SMFIF_SETSYMLIST;

    if ((want & NEGOTIATE_MARKS) != 0)
        actions |= SMFIF_ADDHDRS | SMFIF_CHGHDRS;
    return offered & actions;
}

unsigned long
negotiate_steps(unsigned long offered, unsigned want)
{
    unsigned long steps = SMFIP_RCPT_REJ | SMFIP_NOUNKNOWN;

    if ((want & NEGOTIATE_OCTETS) == 0)
        steps |= SMFIP_NOEOH | SMFIP_NOBODY;
    if ((want & (NEGOTIATE_OCTETS | NEGOTIATE_HEADERS | NEGOTIATE_MARKS)) == 0)
        steps |= SMFIP_NOHDRS;
    if ((want & NEGOTIATE_DATA) == 0)
        steps |= SMFIP_NODATA;
    return offered & steps;
}

void
negotiate_macros(SMFICTX *ctx, unsigned long offered)
{
    if ((offered & SMFIF_SETSYMLIST) == 0)
        return;
    /* libmilter's argument is not const, though it keeps a copy. */
    for (size_t i = 0; i < sizeof(macro_lists) / sizeof(macro_lists[0]); i++)
        (void)smfi_setsymlist(ctx, macro_lists[i].stage,
                              (char *)(uintptr_t)macro_lists[i].names);
}
