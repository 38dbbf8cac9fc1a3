/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/spool.h - lines on their way to the log: whoever adds one never
 * waits for a disk, a pipe or syslogd; one thread writes.  When the spool is
 * full, lines are dropped, counted, and the count is told as soon as there is
 * room again.
 */
#ifndef MORTSAFE_MILTER_SPOOL_H
#define MORTSAFE_MILTER_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/err.h"

struct spool;

struct spool_target {
    enum log_to to;
    int facility;       /* of LOG_TO_SYSLOG */
    int fd;             /* of LOG_TO_STDERR; borrowed */
    const char *syslog; /* its socket; borrowed; NULL: the system's */
    bool or_stderr;     /* where there is no syslogd: use FD */
};

/* Make a spool of SIZE bytes (4096 at least, twice) in *OUT; spool_destroy()
 * ends it.  MS_NOMEM, MS_INVALID. */
enum ms_err spool_create(const struct spool_target *target, size_t size,
                         struct spool **out);

/* Start the writer; until then lines wait.  MS_UNAVAIL: no thread. */
enum ms_err spool_start(struct spool *spool);

/* From now on lines go to TARGET. */
void spool_aim(struct spool *spool, const struct spool_target *target);

/* Add a line of LEN bytes at LEVEL (as syslog(3)).  Thread-safe, and waits
 * for nobody but another thread that adds a line. */
void spool_add(struct spool *spool, int level, const char *line, size_t len);

/* Lines dropped since the start. */
uint64_t spool_dropped(struct spool *spool);

/*
 * Write what is left, for a second at most, and end the thread.  A writer
 * that hangs in the kernel is left behind with its memory.  NULL is fine.
 */
void spool_destroy(struct spool *spool);

#endif
