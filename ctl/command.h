/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/command.h - the one table of commands: what each is called, which words
 * and options it takes, what help says of it, and which function does it.
 * Dispatch, help, guesses, completions and the manual's test read this table.
 */
#ifndef MORTSAFE_CTL_COMMAND_H
#define MORTSAFE_CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct call;

enum command_group {
    GROUP_STATE,
    GROUP_ANSWERS,
    GROUP_ACTS,
    GROUP_ZOMBIES,
    GROUP_SERVER,
    GROUP_PRIVACY,
    GROUP_SERVICE,
    COMMAND_GROUPS
};

/* What a word or an option's argument is, for completions. */
enum word_kind {
    WORD_NONE,    /* an option without an argument */
    WORD_TEXT,    /* anything */
    WORD_CHOICE,  /* one of `choices` */
    WORD_VERB,    /* one of `choices`, or a subject */
    WORD_KEY,     /* a subject, as people name it */
    WORD_LIMIT,   /* a limit's name */
    WORD_RULE,    /* "limit.user" */
    WORD_RATES,   /* "2000/1d" */
    WORD_WHEN,    /* a date, a time, or a span such as 7d */
    WORD_SPAN,    /* "2h" */
    WORD_NUMBER,  /* a whole number */
    WORD_ADDRESS, /* a mail address */
    WORD_CLIENT,  /* an IP address */
    WORD_FILE,    /* a path */
    WORD_ACT,     /* an act's id, or the key it is about */
    WORD_COMMAND, /* a command's name */
    WORD_BLOCK    /* a block of the configuration: "limit", "limit user" */
};

/* NAME NULL ends a list of either. */
struct command_option {
    const char *name;     /* "since", for --since */
    char letter;          /* 'i' for -i; 0: none */
    bool many;            /* may be given more than once */
    const char *argument; /* "TIME"; NULL: takes none */
    enum word_kind kind;
    const char *choices; /* of WORD_CHOICE, WORD_VERB: "users|clients" */
    const char *help;    /* a phrase, no full stop */
};

struct command_word {
    const char *name; /* "KEY" */
    bool needed;
    bool many; /* the last: any number of them */
    enum word_kind kind;
    const char *choices;
};

enum { COMMAND_OPTIONS = 18, COMMAND_WORDS = 5 }; /* one for the end */

struct command {
    const char *name;
    enum command_group group;
    const char *synopsis; /* behind the name; a line each way to call it */
    const char *brief;    /* one line, no full stop */
    const char *help;     /* sentences; lines end where the source's do not */
    struct command_option options[COMMAND_OPTIONS];
    struct command_word words[COMMAND_WORDS];
    /* Do it; returns the exit code, complaints having been made. */
    int (*run)(const struct call *call);
};

/* All commands, in the order of help; a row without name ends them. */
extern const struct command commands[];

/* The options that every command takes, ended like a command's. */
extern const struct command_option common_options[];

/* "State", ... */
const char *command_group_title(enum command_group group);

/* The command called NAME, or NULL. */
const struct command *command_find(const char *name);

/* The option called NAME, or with LETTER (0: none), of COMMAND (NULL: none) or
 * of all commands; NULL: there is no such option. */
const struct command_option *command_option(const struct command *command,
                                            const char *name, char letter);

/* ----- the functions, one group a file */

int cmd_status(const struct call *call); /* state.c, stats.c, top.c, log.c */
int cmd_ping(const struct call *call);
int cmd_stats(const struct call *call);
int cmd_top(const struct call *call);
int cmd_log(const struct call *call);

int cmd_would(const struct call *call); /* would.c, explain.c, why.c, show.c */
int cmd_explain(const struct call *call);
int cmd_why(const struct call *call);
int cmd_show(const struct call *call);

int cmd_reset(const struct call *call); /* acts.c */
int cmd_raise(const struct call *call);
int cmd_exempt(const struct call *call);
int cmd_audit(const struct call *call);

int cmd_zombies(const struct call *call); /* zombies.c, quarantine.c, held.c */
int cmd_quarantine(const struct call *call);
int cmd_release(const struct call *call);
int cmd_lease(const struct call *call);
int cmd_confirm(const struct call *call);
int cmd_held(const struct call *call);
int cmd_notices(const struct call *call); /* notices.c, feedback.c */
int cmd_feedback(const struct call *call);

int cmd_replay(const struct call *call); /* replay/replay.c */

int cmd_doctor(const struct call *call); /* doctor/, relay/, listed/, abuse.c */
int cmd_setup(const struct call *call);
int cmd_relay_test(const struct call *call);
int cmd_proxy_test(const struct call *call);
int cmd_listed(const struct call *call);
int cmd_report(const struct call *call);

int cmd_export(const struct call *call); /* privacy.c */
int cmd_forget(const struct call *call);
int cmd_data(const struct call *call);

int cmd_check(const struct call *call); /* service.c */
int cmd_config(const struct call *call);
int cmd_limits(const struct call *call);
int cmd_reload(const struct call *call);
int cmd_mode(const struct call *call);

int cmd_completion(const struct call *call); /* completion.c */

int cmd_help(const struct call *call); /* help.c */
int cmd_version(const struct call *call);

#endif
