/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ctl/call.h"
#include "ctl/help.h"

static void
print_options(const struct out *out, const struct command_option *option)
{
    for (; option->name != NULL; option++) {
        char letter[4] = "", head[64];

        if (option->letter != 0)
            (void)snprintf(letter, sizeof(letter), "-%c,", option->letter);
        (void)snprintf(head, sizeof(head), "%s --%s%s%s",
                       letter[0] != '\0' ? letter : "   ", option->name,
                       option->argument != NULL ? " " : "",
                       option->argument != NULL ? option->argument : "");
        out_line(out, OUT_PLAIN, 4, "  %-24s %s", head, option->help);
    }
}

void
help_synopsis(const struct command *command, FILE *to)
{
    const char *at = command->synopsis;

    do {
        size_t n = strcspn(at, "\n");

        (void)fprintf(to, "%s mortsafectl %s%s%.*s\n",
                      at == command->synopsis ? "usage:" : "      ",
                      command->name, n > 0 ? " " : "", (int)n, at);
        at += n;
    } while (*at++ == '\n');
}

static int
help_command(const struct call *call, const struct command *command)
{
    const struct out *out = call->out;
    const char *at = command->synopsis;

    do {
        size_t n = strcspn(at, "\n");

        out_line(out, OUT_BOLD, 4, "mortsafectl %s%s%.*s", command->name,
                 n > 0 ? " " : "", (int)n, at);
        at += n;
    } while (*at++ == '\n');
    out_line(out, OUT_PLAIN, 0, "%s", "");
    out_line(out, OUT_PLAIN, 0, "%s", command->help);
    if (command->options[0].name != NULL)
        out_heading(out, "Options");
    print_options(out, command->options);
    return CTL_OK;
}

static int
help_all(const struct call *call)
{
    const struct out *out = call->out;

    out_line(out, OUT_PLAIN, 4,
             "usage: mortsafectl [OPTIONS] COMMAND [ARGUMENTS]");
    for (enum command_group group = 0; group < COMMAND_GROUPS; group++) {
        out_heading(out, "%s", command_group_title(group));
        for (const struct command *one = commands; one->name != NULL; one++)
            if (one->group == group)
                out_line(out, OUT_PLAIN, 4, "  %-11s %s", one->name,
                         one->brief);
    }
    out_heading(out, "Options of all commands");
    print_options(out, common_options);
    out_line(out, OUT_PLAIN, 0, "%s", "");
    out_line(out, OUT_PLAIN, 0,
             "`mortsafectl help COMMAND` tells all about a command.");
    return CTL_OK;
}

int
cmd_help(const struct call *call)
{
    const char *name = call_word(call, 0);
    const struct command *command;

    call->out->format = OUT_PEOPLE; /* there is no other help */
    call->out->quiet = false;
    if (name == NULL)
        return help_all(call);
    command = command_find(name);
    if (command == NULL)
        return call_unknown_command(call, name);
    return help_command(call, command);
}

int
cmd_version(const struct call *call)
{
    json_t *row;

    if (call->out->format == OUT_PEOPLE) {
        out_line(call->out, OUT_PLAIN, 0, "mortsafectl %s", PACKAGE_VERSION);
        return CTL_OK;
    }
    row = json_pack("{s:s}", "version", PACKAGE_VERSION);
    out_fields(call->out,
               (const struct out_column[]){
                   {.title = "version", .path = "version", .kind = OUT_TEXT},
                   {.title = NULL}},
               row);
    json_decref(row);
    return CTL_OK;
}
