/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/call.h - one run of one command: the words and options it was given, the
 * daemon it asks, and where it prints.
 */
#ifndef MORTSAFE_CTL_CALL_H
#define MORTSAFE_CTL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#include <jansson.h>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/out.h"
#include "ctl/url.h"

/* Exit codes beside those of <sysexits.h>. */
enum {
    CTL_OK = 0,
    CTL_NO = 1,  /* the answer is no, or there is none */
    CTL_AWAY = 3 /* the daemon is not running, or does not answer */
};

struct call_given {
    const struct command_option *option;
    const char *value; /* "" where it takes none */
};

struct call {
    const struct command *command; /* NULL until one is named */
    struct out *out;
    struct client *client; /* connects when it is first asked */
    const char **words;    /* behind the command */
    size_t n_words;
    struct call_given *given;
    size_t n_given;
};

/*
 * Read ARGV (behind the program's name; borrowed while OUT lives) into OUT,
 * whose `out` is set to complain on.  CTL_OK, EX_USAGE or EX_OSERR, having
 * complained.  call_end() frees what it holds, in any case.
 */
int call_read(int argc, char *const *argv, struct call *out);
void call_end(struct call *call);

/* The value of the N-th option NAME ("" if it takes none); NULL: not given so
 * often.  call_option() tells the last. */
const char *call_option(const struct call *call, const char *name);
const char *call_option_nth(const struct call *call, const char *name,
                            size_t n);
bool call_given(const struct call *call, const char *name);

/* Word N behind the command, or NULL. */
const char *call_word(const struct call *call, size_t n);

/* The whole number in option NAME (PRESET: not given), from LEAST to MOST.
 * CTL_OK or EX_USAGE, having complained. */
int call_number(const struct call *call, const char *name, uint64_t preset,
                uint64_t least, uint64_t most, uint64_t *out);

/* Complain that there is no command NAME, with a guess; returns EX_USAGE. */
int call_unknown_command(const struct call *call, const char *name);

/* Complain as printf does, tell the usage; returns EX_USAGE. */
int call_usage(const struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Ask the daemon.  CTL_OK with a new reference in *OUT; else the exit code,
 * having complained, *OUT untouched.  BODY is moved (NULL: {}).
 */
int call_get(const struct call *call, const struct url *url, json_t **out);
/* The same of an answer that is text: malloc()ed, with a 0 at its end. */
int call_get_text(const struct call *call, const struct url *url, char **out);
int call_post(const struct call *call, const struct url *url, json_t *body,
              json_t **out);
int call_delete(const struct call *call, const struct url *url, json_t **out);

/* What is asked next may take N seconds longer than usual; CTL_OK, or the exit
 * code if the daemon does not even answer a ping. */
int call_patience(const struct call *call, unsigned n);

/*
 * Ask "QUESTION [y/N]" on the terminal, unless --yes was given.  CTL_OK: yes;
 * CTL_NO: no; EX_USAGE: there is no terminal to ask on, having said so.
 */
int call_confirm(const struct call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
