/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/reload.h - the configuration file becomes the configuration, whole
 * or not at all, at start and again on SIGUSR1.
 */
#ifndef MORTSAFE_MILTER_RELOAD_H
#define MORTSAFE_MILTER_RELOAD_H

#include <stdbool.h>

#include "milter/daemon.h"
#include "milter/spool.h"
#include "policy/config.h"
#include "policy/err.h"

struct reload {
    const char *path; /* of the configuration file */
    bool debug;       /* -v: log all, whatever is written */
    bool foreground;  /* standard error is somebody's */
};

/* Where CONFIG wants the log. */
struct spool_target reload_target(const struct reload *reload,
                                  const struct config *config);
int reload_level(const struct reload *reload, const struct config *config);

/*
 * Raise the limit of open descriptors to what is allowed, and see whether
 * that is enough for CONFIG: two a session, 64, and 128 for each socket of the
 * API.  MS_INVALID.
 */
enum ms_err reload_descriptors(const struct config *config, struct why *why);

/*
 * Read the file again for DAEMON and tell its journal what changes, what
 * waits for a restart, and what is wrong; then the old one stays.
 */
enum ms_err reload_now(const struct reload *reload, struct daemon *daemon);

/* The same; each line, with its level as syslog(3) has it, also goes to
 * LINE(TO), without "reload: " (NULL: to nobody else). */
enum ms_err reload_tell(const struct reload *reload, struct daemon *daemon,
                        void (*line)(void *to, int level, const char *text),
                        void *to);

#endif
