/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/spf_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/dns/spf_wire.h"

/* ----- its beginning */

/* No signal blocked, none ignored, and a group of its own: what a terminal
 * sends the daemon is not for it. */
static int
set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int failed;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    if (failed == 0)
        failed = posix_spawnattr_setpgroup(attributes, 0);
    if (failed == 0)
        failed = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                            POSIX_SPAWN_SETPGROUP);
    return failed;
}

/* Start PROGRAM with FD as its descriptor 0; an errno. */
static int
spawn(const char *program, int fd, pid_t *pid)
{
    char *words[] = {(char *)(uintptr_t)program, NULL}, *nothing[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);

    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    failed = set_attributes(&attributes);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, fd, 0);
    if (failed == 0)
        failed =
            posix_spawn(pid, program, &actions, &attributes, words, nothing);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Wait until it has said that it is ready. */
static enum ms_err
expect_hello(const struct spf_process *process)
{
    uint8_t frame[SPF_REPLY];
    enum spf_frame kind;
    struct spf_in in;
    size_t len;
    enum ms_err err = spf_process_ask(process, NULL, 0, SPF_HELLO_MS, frame,
                                      sizeof(frame), &len);

    if (err == MS_OK && (!spf_frame_open(frame, len, &kind, &in) ||
                         kind != SPF_FRAME_HELLO || in.at != in.end))
        err = MS_VERSION;
    return err;
}

enum ms_err
spf_process_start(const char *program, struct spf_process *out, struct why *why)
{
    struct spf_process process = {0};
    char how[SPF_HOW];
    enum ms_err err;
    int pair[2], failed;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return why_errno(why, MS_UNAVAIL, "a socket");
    failed = spawn(program, pair[1], &process.pid);
    (void)close(pair[1]);
    if (failed != 0) {
        (void)close(pair[0]);
        errno = failed;
        return why_errno(why, MS_UNAVAIL, program);
    }
    process.fd = pair[0];
    err = expect_hello(&process);
    if (err == MS_OK) {
        *out = process;
        return MS_OK;
    }
    spf_process_end(&process, how);
    return why_set(why, MS_UNAVAIL, "%s: %s (%s)", program,
                   err == MS_VERSION ? "not of this version of mortsafe"
                                     : "did not come up",
                   how);
}

/* ----- its work */

static enum ms_err
send_frame(int fd, const uint8_t *frame, size_t len)
{
    ssize_t n;

    if (len == 0)
        return MS_OK;
    do
        n = send(fd, frame, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)len ? MS_OK : MS_UNAVAIL;
}

static enum ms_err
wait_for(int fd, int limit_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;

    do
        n = poll(&p, 1, limit_ms);
    while (n < 0 && errno == EINTR);
    return n > 0 ? MS_OK : n == 0 ? MS_TIMEOUT : MS_UNAVAIL;
}

enum ms_err
spf_process_ask(const struct spf_process *process, const uint8_t *frame,
                size_t len, int limit_ms, uint8_t *reply, size_t size,
                size_t *reply_len)
{
    enum ms_err err = send_frame(process->fd, frame, len);
    ssize_t n;

    if (err == MS_OK)
        err = wait_for(process->fd, limit_ms);
    if (err != MS_OK)
        return err;
    n = recv(process->fd, reply, size, MSG_DONTWAIT | MSG_TRUNC);
    if (n <= 0)
        return MS_UNAVAIL;
    *reply_len = (size_t)n;
    return (size_t)n <= size ? MS_OK : MS_INVALID;
}

/* ----- its end */

static void
say_how(int status, char how[SPF_HOW])
{
    int len = 0;

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        len = snprintf(how, SPF_HOW, "killed");
    else if (WIFSIGNALED(status))
        len = snprintf(how, SPF_HOW, "ended by signal %d", WTERMSIG(status));
    else
        len =
            snprintf(how, SPF_HOW, "ended with status %d", WEXITSTATUS(status));
    if (len < 0 || len >= SPF_HOW)
        how[0] = '\0';
}

void
spf_process_end(struct spf_process *process, char how[SPF_HOW])
{
    int status = 0;
    pid_t pid;

    how[0] = '\0';
    if (process->pid == 0)
        return;
    /* one that has ended by itself is not reaped yet: its number is nobody
     * else's */
    (void)kill(process->pid, SIGKILL);
    do
        pid = waitpid(process->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    if (pid == process->pid)
        say_how(status, how);
    (void)close(process->fd);
    *process = (struct spf_process){0};
}
