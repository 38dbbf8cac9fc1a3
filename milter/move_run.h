/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/move_run.h - `mortsafe --export` and `mortsafe --import`: the store,
 * the file and the user who may touch them.
 */
#ifndef MORTSAFE_MILTER_MOVE_RUN_H
#define MORTSAFE_MILTER_MOVE_RUN_H

#include "milter/identity.h"
#include "policy/config.h"

enum move_way { MOVE_EXPORT, MOVE_IMPORT };

/*
 * Move between CONFIG's store and the file PATH ("-": standard output or
 * input), which is opened as who calls; then the process becomes WHO.  Tells
 * what it did on standard error.  Returns an exit code of sysexits.h.
 */
int move_run(enum move_way way, const char *path, struct config *config,
             const struct identity *who);

#endif
