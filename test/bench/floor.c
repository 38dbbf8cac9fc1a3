/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/floor.c - what a milter costs that does nothing: it asks for the
 * events and macros that mortsafe asks for (test/bench/run compares the two),
 * and only answers "continue".
 */
#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

enum { EXIT_USAGE = 64 };

/* As in milter/callbacks.c. */
static const unsigned long actions_used = SMFIF_QUARANTINE | SMFIF_SETSYMLIST;
static const unsigned long steps_used =
    SMFIP_RCPT_REJ | SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOUNKNOWN |
    SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY;
static const struct {
    int stage;
    char *names;
} macro_lists[] = {
    {SMFIM_CONNECT, "j {daemon_name} {daemon_port} {daemon_addr} "
                    "{daemon_flags} {client_addr}"},
    {SMFIM_ENVFROM, "j i {mail_addr} {auth_type} {auth_authen} "
                    "{tls_version}"},
    {SMFIM_ENVRCPT, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"},
    {SMFIM_EOM, "j i"},
};

static sfsistat
negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
          unsigned long f2, unsigned long f3, unsigned long *out_actions,
          unsigned long *out_steps, unsigned long *out_f2,
          unsigned long *out_f3)
{
    (void)f2;
    (void)f3;
    *out_actions = actions & actions_used;
    *out_steps = steps & steps_used;
    *out_f2 = 0;
    *out_f3 = 0;
    if ((actions & SMFIF_SETSYMLIST) == 0)
        return SMFIS_CONTINUE;
    for (size_t i = 0; i < sizeof(macro_lists) / sizeof(macro_lists[0]); i++)
        (void)smfi_setsymlist(ctx, macro_lists[i].stage, macro_lists[i].names);
    return SMFIS_CONTINUE;
}

static sfsistat
connected(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
    (void)ctx;
    (void)host;
    (void)addr;
    return SMFIS_CONTINUE;
}

static sfsistat
envelope(SMFICTX *ctx, char **argv)
{
    (void)ctx;
    (void)argv;
    return SMFIS_CONTINUE;
}

static sfsistat
event(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
    struct smfiDesc filter = {
        .xxfi_name = "floor",
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
        .xxfi_connect = connected,
        .xxfi_envfrom = envelope,
        .xxfi_envrcpt = envelope,
        .xxfi_eom = event,
        .xxfi_abort = event,
        .xxfi_close = event,
        .xxfi_negotiate = negotiate,
    };

    if (argc != 2) {
        fputs("floor SOCKET\n", stderr);
        return EXIT_USAGE;
    }
    (void)umask(0117);
    if (smfi_setconn(argv[1]) != MI_SUCCESS ||
        smfi_register(filter) != MI_SUCCESS ||
        smfi_opensocket(true) != MI_SUCCESS) {
        fprintf(stderr, "floor: %s: cannot be opened\n", argv[1]);
        return EXIT_FAILURE;
    }
    return smfi_main() == MI_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
