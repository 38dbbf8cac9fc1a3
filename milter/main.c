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

#include "milter/connect.h"
#include "milter/move_run.h"
#include "milter/service.h"
#include "policy/config.h"
#include "policy/store/redis/tls.h"
#include "policy/store/sitekey.h"

static const char usage_text[] =
    "usage: mortsafe [-fv] [-P pidfile] [-p socket] [-u user] [-x file]\n"
    "       mortsafe -n [-v] [--connect] [-u user] [-x file]\n"
    "       mortsafe --make-key file [-u user]\n"
    "       mortsafe --export file [-u user] [-x file]\n"
    "       mortsafe --import file [-u user] [-x file]\n"
    "       mortsafe -V\n"
    "  -f          stay in the foreground\n"
    "  -n          only check the configuration; with -v, print it\n"
    "  -P pidfile  write the process's number there\n"
    "  -p socket   listen there, not where the configuration says\n"
    "  -u user     become this user when started by root\n"
    "  -V          print the version\n"
    "  -v          log everything\n"
    "  -x file     the configuration (" SYSCONFDIR "/mortsafe/mortsafe.conf)\n"
    "  --connect   with -n: is the store fit for use?\n"
    "  --make-key file  make a site's key\n"
    "  --export file  write all that the store holds there; - is standard "
    "output\n"
    "  --import file  read it into the store; - is standard input\n";

enum task {
    TASK_RUN,
    TASK_CHECK,
    TASK_MAKE_KEY,
    TASK_EXPORT,
    TASK_IMPORT,
    TASK_VERSION,
    TASK_NONE
};

/* What to do, and with which file. */
struct order {
    enum task task;
    const char *file;
    bool connect;
};

enum { OPTION_CONNECT = 256, OPTION_EXPORT, OPTION_IMPORT, OPTION_MAKE_KEY };

static const struct option long_options[] = {
    {"connect", no_argument, NULL, OPTION_CONNECT},
    {"export", required_argument, NULL, OPTION_EXPORT},
    {"import", required_argument, NULL, OPTION_IMPORT},
    {"make-key", required_argument, NULL, OPTION_MAKE_KEY},
    {NULL, 0, NULL, 0}};

/* Only one thing is done at a time. */
static void
set_task(struct order *order, enum task task, const char *file)
{
    order->task =
        order->task == TASK_RUN || order->task == task ? task : TASK_NONE;
    order->file = file;
}

static void
read_option(int c, struct order *order, struct service_options *options)
{
    switch (c) {
    case 'f':
        options->foreground = true;
        break;
    case 'n':
        set_task(order, TASK_CHECK, NULL);
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
        set_task(order, TASK_VERSION, NULL);
        break;
    case 'v':
        options->verbose = true;
        break;
    case 'x':
        options->path = optarg;
        break;
    case OPTION_CONNECT:
        order->connect = true;
        break;
    case OPTION_EXPORT:
        set_task(order, TASK_EXPORT, optarg);
        break;
    case OPTION_IMPORT:
        set_task(order, TASK_IMPORT, optarg);
        break;
    case OPTION_MAKE_KEY:
        set_task(order, TASK_MAKE_KEY, optarg);
        break;
    default:
        order->task = TASK_NONE;
        break;
    }
}

static struct order
read_options(int argc, char **argv, struct service_options *options)
{
    struct order order = {TASK_RUN, NULL, false};
    int c;

    while (order.task != TASK_NONE &&
           (c = getopt_long(argc, argv, "fnP:p:u:Vvx:", long_options, NULL)) !=
               -1)
        read_option(c, &order, options);
    if (order.task == TASK_NONE)
        return order;
    if (order.connect && order.task != TASK_CHECK) {
        (void)fputs("mortsafe: --connect goes with -n\n", stderr);
        order.task = TASK_NONE;
    } else if (optind < argc) {
        (void)fprintf(stderr, "mortsafe: %s: not an option\n", argv[optind]);
        order.task = TASK_NONE;
    }
    return order;
}

/* ----- the configuration */

/* Can the files that a shared store needs be used? */
static enum ms_err
check_files(const struct config *config, struct sitekey **key, struct why *why)
{
    const struct link_tls_options tls_options = {
        .ca_file = config->store.ca_file,
        .cert_file = config->store.cert_file,
        .key_file = config->store.key_file,
        .name = config->store.tls_name,
    };
    struct link_tls *tls = NULL;
    enum ms_err err = sitekey_read(config->privacy.key_file, key, why);

    if (err == MS_OK && config->store.urls[0].tls)
        err = link_tls_create(&tls_options, &tls, why);
    link_tls_destroy(tls);
    return err;
}

/* The daemon would start without it, and find out nothing by SPF. */
static void
warn_program(const struct config *config)
{
    struct why why;

    if (!config->spf.written || access(config->spf.program, X_OK) == 0)
        return;
    (void)why_errno(&why, MS_UNAVAIL, config->spf.program);
    (void)fprintf(stderr,
                  "warning: spf: program: %s (all senders would count as "
                  "temperror)\n",
                  why.text);
}

/* As WHO, if there is such a user, and for good: whoever asks a server or looks
 * for a program is to have the daemon's rights. */
static int
check_host(const struct order *order, const struct config *config,
           const struct identity *who)
{
    struct sitekey *key = NULL;
    struct why why;
    int code = EX_OK;

    if (who->change && identity_become(who, &why) != MS_OK) {
        (void)fprintf(stderr, "mortsafe: %s\n", why.text);
        return EX_NOPERM;
    }
    warn_program(config);
    if (config->store.type == STORE_REDIS &&
        check_files(config, &key, &why) != MS_OK) {
        (void)fprintf(stderr, "mortsafe: %s\n", why.text);
        code = EX_CONFIG;
    }
    if (code == EX_OK && order->connect)
        code = connect_check(config, key);
    sitekey_destroy(key);
    return code;
}

static int
check(const struct order *order, const struct service_options *options)
{
    struct identity who;
    struct config *config = NULL;
    int code = service_read(options, SERVICE_MAY, &who, &config);

    if (code == EX_OK && options->verbose)
        config_print(config, stdout);
    if (code == EX_OK)
        code = check_host(order, config, &who);
    config_destroy(config);
    if (fflush(stdout) != 0)
        return EX_IOERR;
    return code;
}

/* ----- the site's key */

/* The group that is to read it: the daemon's, if we may give it away. */
static int
find_group(const char *user, struct identity *who)
{
    struct why why;

    *who = identity_own();
    who->gid = (gid_t)-1;
    if (!identity_is_root() ||
        identity_find(user != NULL ? user : "mortsafe", who, &why) == MS_OK)
        return EX_OK;
    (void)fprintf(stderr, "mortsafe: %s (create it, or name another with -u)\n",
                  why.text);
    return EX_NOUSER;
}

static int
make_key(const struct order *order, const struct service_options *options)
{
    struct identity who;
    struct why why;
    int code = find_group(options->user, &who);
    enum ms_err err;

    if (code != EX_OK)
        return code;
    err = sitekey_make(order->file, who.gid, &why);
    if (err != MS_OK) {
        (void)fprintf(stderr, "mortsafe: %s\n", why.text);
        return err == MS_NOMEM ? EX_OSERR : EX_CANTCREAT;
    }
    (void)printf("made %s, mode 0640%s%s: every host of the fleet needs this "
                 "same file, copied over a safe way such as scp\n",
                 order->file, who.change ? ", for user " : "",
                 who.change ? who.name : "");
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

/* ----- the rest */

static int
move(enum move_way way, const struct order *order,
     const struct service_options *options)
{
    struct identity who;
    struct config *config = NULL;
    int code = service_read(options, SERVICE_MUST, &who, &config);

    if (code == EX_OK)
        code = move_run(way, order->file, config, &who);
    config_destroy(config);
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
    struct order order;

    if (sodium_init() < 0) {
        (void)fputs("mortsafe: libsodium cannot be used\n", stderr);
        return EX_OSERR;
    }
    order = read_options(argc, argv, &options);
    switch (order.task) {
    case TASK_RUN:
        return service_run(&options);
    case TASK_CHECK:
        return check(&order, &options);
    case TASK_MAKE_KEY:
        return make_key(&order, &options);
    case TASK_EXPORT:
        return move(MOVE_EXPORT, &order, &options);
    case TASK_IMPORT:
        return move(MOVE_IMPORT, &order, &options);
    case TASK_VERSION:
        return print_version();
    case TASK_NONE:
        break;
    }
    (void)fputs(usage_text, stderr);
    return EX_USAGE;
}
