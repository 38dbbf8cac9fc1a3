/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/main.c - the command line of mortsafe(8).
 */
#include <config.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include <libmilter/mfapi.h>
#include <sodium.h>

#include "milter/service.h"
#include "policy/config.h"

static const char usage_text[] =
    "usage: mortsafe [-fv] [-P pidfile] [-p socket] [-u user] [-x file]\n"
    "       mortsafe -n [-v] [-u user] [-x file]\n"
    "       mortsafe -V\n"
    "  -f          stay in the foreground\n"
    "  -n          only check the configuration; with -v, print it\n"
    "  -P pidfile  write the process's number there\n"
    "  -p socket   listen there, not where the configuration says\n"
    "  -u user     become this user when started by root\n"
    "  -V          print the version\n"
    "  -v          log everything\n"
    "  -x file     the configuration (" SYSCONFDIR "/mortsafe/mortsafe.conf)\n";

enum task { TASK_RUN, TASK_CHECK, TASK_VERSION, TASK_NONE };

static enum task
read_options(int argc, char **argv, struct service_options *options)
{
    enum task task = TASK_RUN;
    int c;

    while ((c = getopt(argc, argv, "fnP:p:u:Vvx:")) != -1) {
        switch (c) {
        case 'f':
            options->foreground = true;
            break;
        case 'n':
            task = TASK_CHECK;
            break;
        case 'P':
            options->pidfile = optarg;
            break;
        case 'p':
            options->socket = optarg;
            break;
        case 'u':
            options->user = optarg;
            break;
        case 'V':
            task = TASK_VERSION;
            break;
        case 'v':
            options->verbose = true;
            break;
        case 'x':
            options->path = optarg;
            break;
        default:
            return TASK_NONE;
        }
    }
    if (optind == argc)
        return task;
    (void)fprintf(stderr, "mortsafe: %s: not an option\n", argv[optind]);
    return TASK_NONE;
}

static int
check(const struct service_options *options)
{
    struct identity who;
    struct config *config = NULL;
    int code = service_read(options, SERVICE_MAY, &who, &config);

    if (code == EX_OK && options->verbose)
        config_print(config, stdout);
    config_destroy(config);
    if (fflush(stdout) != 0)
        return EX_IOERR;
    return code;
}

static int
print_version(void)
{
    unsigned major = 0, minor = 0, level = 0;

    (void)smfi_version(&major, &minor, &level);
    (void)printf("mortsafe %s (libmilter %u.%u.%u)\n", PACKAGE_VERSION, major,
                 minor, level);
    return EX_OK;
}

int
main(int argc, char **argv)
{
    struct service_options options = {
        .path = SYSCONFDIR "/mortsafe/mortsafe.conf",
    };

    if (sodium_init() < 0) {
        (void)fputs("mortsafe: libsodium cannot be used\n", stderr);
        return EX_OSERR;
    }
    switch (read_options(argc, argv, &options)) {
    case TASK_RUN:
        return service_run(&options);
    case TASK_CHECK:
        return check(&options);
    case TASK_VERSION:
        return print_version();
    case TASK_NONE:
        break;
    }
    (void)fputs(usage_text, stderr);
    return EX_USAGE;
}
