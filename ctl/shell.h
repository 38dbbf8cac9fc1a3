/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/shell.h - words of a command that somebody will paste.
 */
#ifndef MORTSAFE_CTL_SHELL_H
#define MORTSAFE_CTL_SHELL_H

/* TEXT as one word of a shell's command, quoted if it must be; malloc()ed.
 * NULL: no memory. */
char *shell_quote(const char *text);

#endif
