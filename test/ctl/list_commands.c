/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints the table of commands, for what holds the manual and the completions
 * to it: "command NAME GROUP BRIEF", "synopsis LINE", "option NAME LETTER
 * ARGUMENT", "choice WORD", with tabs between.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

static void
print_lines(const char *what, const char *text, const char *at)
{
    do {
        size_t n = strcspn(text, at);

        (void)printf("%s\t%.*s\n", what, (int)n, text);
        text += n;
    } while (*text++ != '\0');
}

static void
print_options(const struct command_option *option)
{
    for (; option->name != NULL; option++) {
        (void)printf("option\t%s\t%c\t%s\n", option->name,
                     option->letter != 0 ? option->letter : '-',
                     option->argument != NULL ? option->argument : "");
        if (option->choices != NULL)
            print_lines("choice", option->choices, "|");
    }
}

int
main(void)
{
    (void)printf("command\t\t\t\n");
    print_options(common_options);
    for (const struct command *c = commands; c->name != NULL; c++) {
        (void)printf("command\t%s\t%s\t%s\n", c->name,
                     command_group_title(c->group), c->brief);
        print_lines("synopsis", c->synopsis, "\n");
        print_options(c->options);
        for (const struct command_word *w = c->words; w->name != NULL; w++)
            if (w->choices != NULL)
                print_lines("choice", w->choices, "|");
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
