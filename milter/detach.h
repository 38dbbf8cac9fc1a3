/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/detach.h - going into the background: whoever started us goes on
 * only when we are ready, and learns if we are not.
 */
#ifndef MORTSAFE_MILTER_DETACH_H
#define MORTSAFE_MILTER_DETACH_H

#include <stdbool.h>

struct detach {
    int fd; /* to the process that waits; -1: none does */
};

/*
 * Go on in a child, in a session of its own; to be called while there is one
 * thread.  True: we are the child.  False: we are the parent, which has waited
 * and is to exit with *CODE.
 */
bool detach_fork(struct detach *detach, int *code);

/* How standard error goes on. */
enum detach_stderr { DETACH_CLOSE_STDERR, DETACH_KEEP_STDERR };

/* The child is ready: let the parent exit, let go of its terminal. */
void detach_ready(struct detach *detach, enum detach_stderr keep);

#endif
