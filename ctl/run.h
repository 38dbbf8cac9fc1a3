/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/run.h - running a program of the MTA's: without a shell, from a list of
 * words, with what it shall read, and what it says a line at a time.
 */
#ifndef MORTSAFE_CTL_RUN_H
#define MORTSAFE_CTL_RUN_H

#include <stddef.h>

#include "policy/err.h"

enum {
    RUN_WAIT_S = 600,                  /* then it is ended, unless said
                                          otherwise */
    RUN_KILL_MS = 500,                 /* later, without mercy */
    RUN_LINE_BYTES = 64 * 1024 * 1024, /* of one line, at most */
    RUN_CODE_SIGNAL = 256              /* and more: ended by a signal */
};

struct run {
    const char *const *words; /* the program's name first; NULL ends them */
    const char *input;        /* for its standard input */
    size_t input_len;
    /* Each line of its output and its complaints, without its end (borrowed
     * for the call); it may be changed. */
    void (*line)(void *arg, char *text);
    void *arg;
    unsigned wait_s; /* 0: RUN_WAIT_S */
};

/*
 * Run it and wait for its end: *CODE is its exit code, or RUN_CODE_SIGNAL plus
 * a signal's number.  It is looked for in PATH, and in /usr/sbin,
 * /usr/local/sbin and /usr/lib, which PATH may lack; a folder that is not named
 * from the root is passed over.  MS_UNAVAIL (there is none, or it could not be
 * started), MS_INVALID (a line too long), MS_TIMEOUT, MS_NOMEM, each with WHY.
 */
enum ms_err run_program(const struct run *run, int *code, struct why *why);

#endif
