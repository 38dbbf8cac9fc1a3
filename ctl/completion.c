/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/completion.c - what bash, zsh and fish need to complete a command line,
 * made from the table of commands.
 */
#include <config.h>

#include <string.h>

#include "ctl/call.h"
#include "ctl/command.h"

#define PROGRAM "mortsafectl"

/* "a|b|c" with blanks between. */
static void
put_choices(FILE *to, const char *choices)
{
    for (; *choices != '\0'; choices++)
        (void)fputc(*choices == '|' ? ' ' : *choices, to);
}

/* TEXT between single quotes of a shell; FISH has a backslash before one. */
static void
put_quoted(FILE *to, const char *text, bool fish)
{
    (void)fputc('\'', to);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            (void)fputs(fish ? "\\'" : "'\\''", to);
        else if (*text == '\\' && fish)
            (void)fputs("\\\\", to);
        else
            (void)fputc(*text, to);
    }
    (void)fputc('\'', to);
}

/* The same, without quotes around it, inside a specification of zsh's. */
static void
put_spec(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("[]:\\", *text) != NULL)
            (void)fputc('\\', to);
        if (*text == '\'')
            (void)fputs("'\\''", to);
        else
            (void)fputc(*text, to);
    }
}

static void
put_names(FILE *to)
{
    for (const struct command *c = commands; c->name != NULL; c++)
        (void)fprintf(to, "%s%s", c == commands ? "" : " ", c->name);
}

/* ----- bash */

static void
bash_options(FILE *to, const struct command_option *options)
{
    for (; options->name != NULL; options++) {
        (void)fprintf(to, " --%s", options->name);
        if (options->letter != 0)
            (void)fprintf(to, " -%c", options->letter);
    }
}

/* The case of an option's argument: `--color) ...;;` */
static void
bash_argument(FILE *to, const struct command_option *o)
{
    if (o->argument == NULL)
        return;
    (void)fprintf(to, "    --%s", o->name);
    if (o->letter != 0)
        (void)fprintf(to, "|-%c", o->letter);
    if (o->kind == WORD_FILE) {
        (void)fputs(") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", to);
        return;
    }
    (void)fputs(") words=\"", to);
    if (o->kind == WORD_CHOICE)
        put_choices(to, o->choices);
    (void)fputs("\"; COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); "
                "return ;;\n",
                to);
}

/* What may stand behind a command: its options, and its words' choices. */
static void
bash_command(FILE *to, const struct command *c)
{
    bool file = false;

    (void)fprintf(to, "    %s) words=\"", c->name);
    for (const struct command_word *w = c->words; w->name != NULL; w++) {
        if (w->choices != NULL)
            put_choices(to, w->choices);
        else if (w->kind == WORD_COMMAND)
            put_names(to);
        file = file || w->kind == WORD_FILE;
    }
    (void)fputs("\"; options=\"", to);
    bash_options(to, c->options);
    (void)fprintf(to, "\"; files=%s ;;\n", file ? "yes" : "");
}

static void
bash_case(FILE *to, const struct command *c)
{
    bool any = false;

    for (const struct command_option *o = c->options; o->name != NULL; o++)
        any = any || o->argument != NULL;
    if (!any)
        return;
    (void)fprintf(to, "    %s) case $prev in\n", c->name);
    for (const struct command_option *o = c->options; o->name != NULL; o++)
        bash_argument(to, o);
    (void)fputs("    esac ;;\n", to);
}

static void
print_bash(FILE *to)
{
    (void)fputs("# bash completion for " PROGRAM "\n"
                "_" PROGRAM "() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} "
                "prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                "    local command= words= options= files= i\n"
                "    COMPREPLY=()\n"
                "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "        case ${COMP_WORDS[i]} in\n"
                "        -s|--socket|--color) ((i++)) ;;\n"
                "        -*) ;;\n"
                "        *) command=${COMP_WORDS[i]}; break ;;\n"
                "        esac\n"
                "    done\n"
                "    case $prev in\n",
                to);
    for (const struct command_option *o = common_options; o->name != NULL; o++)
        bash_argument(to, o);
    (void)fputs("    esac\n    case $command in\n", to);
    for (const struct command *c = commands; c->name != NULL; c++)
        bash_case(to, c);
    (void)fputs("    esac\n    case $command in\n    '') words=\"", to);
    put_names(to);
    (void)fputs("\" ;;\n", to);
    for (const struct command *c = commands; c->name != NULL; c++)
        bash_command(to, c);
    (void)fputs("    esac\n    case $cur in\n    -*) words=\"$options", to);
    bash_options(to, common_options);
    (void)fputs("\" ;;\n    esac\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                "    case $files$cur in\n"
                "    yes-*) ;;\n"
                "    yes*) COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n"
                "    esac\n"
                "}\n"
                "complete -F _" PROGRAM " " PROGRAM "\n",
                to);
}

/* ----- zsh */

/* `:NAME:ACTION` of a word or an argument. */
static void
zsh_value(FILE *to, const char *name, enum word_kind kind, const char *choices)
{
    (void)fputc(':', to);
    put_spec(to, name);
    (void)fputc(':', to);
    if (choices != NULL) {
        (void)fputc('(', to);
        put_choices(to, choices);
        (void)fputc(')', to);
    } else if (kind == WORD_COMMAND) {
        (void)fputc('(', to);
        put_names(to);
        (void)fputc(')', to);
    } else if (kind == WORD_FILE) {
        (void)fputs("_files", to);
    }
}

/* NAME with its dashes as one specification. */
static void
zsh_option(FILE *to, const struct command_option *o, const char *dashes,
           const char *name, size_t len)
{
    (void)fprintf(to, " \\\n            '%s%s%.*s[", o->many ? "*" : "", dashes,
                  (int)len, name);
    put_spec(to, o->help);
    (void)fputc(']', to);
    if (o->argument != NULL)
        zsh_value(to, o->argument, o->kind, o->choices);
    (void)fputc('\'', to);
}

static void
zsh_options(FILE *to, const struct command_option *options)
{
    for (const struct command_option *o = options; o->name != NULL; o++) {
        zsh_option(to, o, "--", o->name, strlen(o->name));
        if (o->letter != 0)
            zsh_option(to, o, "-", &o->letter, 1);
    }
}

static void
zsh_command(FILE *to, const struct command *c)
{
    (void)fprintf(to, "        %s) _arguments", c->name);
    zsh_options(to, common_options);
    zsh_options(to, c->options);
    for (const struct command_word *w = c->words; w->name != NULL; w++) {
        (void)fprintf(to, " \\\n            '%s%s", w->many ? "*" : "",
                      w->needed || w->many ? "" : ":");
        zsh_value(to, w->name, w->kind, w->choices);
        (void)fputc('\'', to);
    }
    (void)fputs(" ;;\n", to);
}

static void
print_zsh(FILE *to)
{
    (void)fputs("#compdef " PROGRAM "\n"
                "_" PROGRAM "() {\n"
                "    local context state state_descr line curcontext="
                "$curcontext\n"
                "    typeset -A opt_args\n"
                "    _arguments -C",
                to);
    zsh_options(to, common_options);
    (void)fputs(" \\\n            '1:command:->command' "
                "'*::argument:->argument'\n"
                "    case $state in\n"
                "    command)\n"
                "        local -a names=(\n",
                to);
    for (const struct command *c = commands; c->name != NULL; c++) {
        (void)fputs("            '", to);
        put_spec(to, c->name);
        (void)fputc(':', to);
        put_spec(to, c->brief);
        (void)fputs("'\n", to);
    }
    (void)fputs("        )\n        _describe command names ;;\n"
                "    argument)\n        case $words[1] in\n",
                to);
    for (const struct command *c = commands; c->name != NULL; c++)
        zsh_command(to, c);
    /* loaded by its name it is to complete; sourced, to be known */
    (void)fputs("        esac ;;\n    esac\n}\n"
                "if [ \"$funcstack[1]\" = _" PROGRAM " ]; then\n"
                "    _" PROGRAM " \"$@\"\n"
                "else\n"
                "    compdef _" PROGRAM " " PROGRAM "\n"
                "fi\n",
                to);
}

/* ----- fish */

/* One option, of COMMAND or (NULL) of all. */
static void
fish_option(FILE *to, const char *command, const struct command_option *o)
{
    (void)fputs("complete -c " PROGRAM, to);
    if (command != NULL)
        (void)fprintf(to, " -n '__fish_seen_subcommand_from %s'", command);
    (void)fprintf(to, " -l %s", o->name);
    if (o->letter != 0)
        (void)fprintf(to, " -s %c", o->letter);
    if (o->argument != NULL)
        (void)fputs(o->kind == WORD_FILE ? " -r -F" : " -x", to);
    if (o->kind == WORD_CHOICE) {
        (void)fputs(" -a '", to);
        put_choices(to, o->choices);
        (void)fputc('\'', to);
    }
    (void)fputs(" -d ", to);
    put_quoted(to, o->help, true);
    (void)fputc('\n', to);
}

static void
fish_word(FILE *to, const struct command *c, const struct command_word *w)
{
    bool files = w->kind == WORD_FILE;

    if (!files && w->choices == NULL && w->kind != WORD_COMMAND)
        return;
    (void)fprintf(
        to, "complete -c " PROGRAM " -n '__fish_seen_subcommand_from %s'%s",
        c->name, files ? " -F\n" : " -a '");
    if (files)
        return;
    if (w->choices != NULL)
        put_choices(to, w->choices);
    else
        put_names(to);
    (void)fputs("'\n", to);
}

static void
print_fish(FILE *to)
{
    (void)fputs("# fish completion for " PROGRAM "\n"
                "complete -c " PROGRAM " -f\n",
                to);
    for (const struct command_option *o = common_options; o->name != NULL; o++)
        fish_option(to, NULL, o);
    for (const struct command *c = commands; c->name != NULL; c++) {
        (void)fprintf(
            to, "complete -c " PROGRAM " -n __fish_use_subcommand -a %s -d ",
            c->name);
        put_quoted(to, c->brief, true);
        (void)fputc('\n', to);
        for (const struct command_option *o = c->options; o->name != NULL; o++)
            fish_option(to, c->name, o);
        for (const struct command_word *w = c->words; w->name != NULL; w++)
            fish_word(to, c, w);
    }
}

/* ----- */

int
cmd_completion(const struct call *call)
{
    static const struct {
        const char *name;
        void (*print)(FILE *to);
    } shells[] = {
        {"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    const char *shell = call_word(call, 0);

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].print(call->out->file);
            return CTL_OK;
        }
    }
    return call_usage(call, "no completions for %s: bash, zsh or fish", shell);
}
