/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/bench/floor.c - what a milter costs that does nothing: it asks for the
 * events and macros that mortsafe asks for (by the same functions;
 * test/bench/run compares the two answers), and only says "continue".
 */
#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <libmilter/mfapi.h>

#include "milter/negotiate.h"

enum { EXIT_USAGE = 64 };

static sfsistat
negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
          unsigned long f2, unsigned long f3, unsigned long *out_actions,
          unsigned long *out_steps, unsigned long *out_f2,
          unsigned long *out_f3)
{
    (void)f2;
    (void)f3;
    *out_actions = negotiate_actions(actions, 0);
    *out_steps = negotiate_steps(steps, false);
    *out_f2 = 0;
    *out_f3 = 0;
    negotiate_macros(ctx, actions);
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
helo(SMFICTX *ctx, char *name)
{
    (void)ctx;
    (void)name;
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
        .xxfi_flags = SMFIF_QUARANTINE,
        .xxfi_connect = connected,
        .xxfi_helo = helo,
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
