/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/help.h - how a command is called, for those who called it otherwise.
 */
#ifndef MORTSAFE_CTL_HELP_H
#define MORTSAFE_CTL_HELP_H

#include <stdio.h>

#include "ctl/command.h"

/* "usage: mortsafectl NAME ..." on TO, a line each way. */
void help_synopsis(const struct command *command, FILE *to);

#endif
