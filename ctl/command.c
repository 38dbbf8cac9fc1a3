/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/command.h"

#include <string.h>

const char *
command_group_title(enum command_group group)
{
    switch (group) {
    case GROUP_STATE:
        return "State";
    case GROUP_ANSWERS:
        return "Answers";
    case GROUP_ACTS:
        return "Acts";
    case GROUP_ZOMBIES:
        return "Zombies";
    case GROUP_SERVER:
        return "Is my server secure?";
    case GROUP_PRIVACY:
        return "Privacy";
    case GROUP_SERVICE:
        return "Configuration and service";
    case COMMAND_GROUPS:
        break;
    }
    return "";
}

const struct command *
command_find(const char *name)
{
    for (const struct command *one = commands; one->name != NULL; one++)
        if (strcmp(one->name, name) == 0)
            return one;
    return NULL;
}

static const struct command_option *
find_option(const struct command_option *list, const char *name, char letter)
{
    for (; list->name != NULL; list++)
        if (letter != 0 ? list->letter == letter
                        : strcmp(list->name, name) == 0)
            return list;
    return NULL;
}

const struct command_option *
command_option(const struct command *command, const char *name, char letter)
{
    const struct command_option *found = NULL;

    if (command != NULL)
        found = find_option(command->options, name, letter);
    return found != NULL ? found : find_option(common_options, name, letter);
}
