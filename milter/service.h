/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/service.h - the process from its start to its end: in which order
 * things are made, the threads, signals, and the way out.
 */
#ifndef MORTSAFE_MILTER_SERVICE_H
#define MORTSAFE_MILTER_SERVICE_H

#include <stdbool.h>
#include <sysexits.h>

#include "milter/identity.h"
#include "policy/config.h"

struct service_options {
    const char *path;    /* of the configuration */
    const char *socket;  /* instead of the written one; NULL */
    const char *pidfile; /* NULL: none */
    const char *user;    /* instead of the written one; NULL */
    bool foreground;
    bool verbose;
};

/* What to do if the user that root is to become does not exist. */
enum service_need { SERVICE_MUST, SERVICE_MAY };

/*
 * Find out whom to work as, and read the configuration as that user would,
 * telling errors and warnings on standard error.  Returns an exit code of
 * sysexits.h; *CONFIG is set if that is EX_OK.
 */
int service_read(const struct service_options *options, enum service_need need,
                 struct identity *who, struct config **config);

/* Run until a signal ends it.  Returns an exit code of sysexits.h. */
int service_run(const struct service_options *options);

#endif
