/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/main.c - mortsafectl(8): which command, and what comes of it.
 */
#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl/call.h"

/*
 * Whoever started us may have closed standard input or output: the next socket
 * would be taken for it.  What stands in is opened the wrong way round, so
 * that its use fails.
 */
static bool
keep_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return false;
    }
    return true;
}

int
main(int argc, char **argv)
{
    struct out out;
    struct call call = {.out = &out};
    int code;

    if (!keep_descriptors())
        return EX_OSERR;
    (void)signal(SIGPIPE, SIG_IGN); /* told by what cannot be written */
    out_start(&out);
    code = call_read(argc > 0 ? argc - 1 : 0, argv + 1, &call);
    if (code == CTL_OK)
        code = call.command->run(&call);
    code = out_end(&out, code);
    call_end(&call);
    return code;
}
