/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* Wait for the child's word; without one, for its end. */
static int
wait_for(pid_t child, int fd)
{
    char word;
    int status;
    ssize_t n;

    do
        n = read(fd, &word, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        return EX_OK;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return EX_OSERR;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

bool
detach_fork(struct detach *detach, int *code)
{
    int fds[2] = {-1, -1};
    pid_t child = -1;

    if (pipe2(fds, O_CLOEXEC) == 0)
        child = fork();
    if (child < 0) {
        perror("mortsafe: cannot detach");
        *code = EX_OSERR;
        return false;
    }
    if (child > 0) {
        (void)close(fds[1]);
        *code = wait_for(child, fds[0]);
        return false;
    }
    (void)close(fds[0]);
    (void)setsid();
    detach->fd = fds[1];
    return true;
}

void
detach_ready(struct detach *detach, enum detach_stderr keep)
{
    int null;

    if (detach->fd < 0)
        return;
    if (chdir("/") != 0)
        perror("mortsafe: /");
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
        if (keep == DETACH_CLOSE_STDERR)
            (void)dup2(null, STDERR_FILENO);
        if (null > STDERR_FILENO)
            (void)close(null);
    }
    if (write(detach->fd, "", 1) != 1)
        perror("mortsafe: nobody waits"); /* and nobody minds */
    (void)close(detach->fd);
    detach->fd = -1;
}
