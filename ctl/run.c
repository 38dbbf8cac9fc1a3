/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/pace.h"

extern char **environ;

/* A program that runs: our ends of its pipes, and the line that comes in. */
struct running {
    pid_t pid;
    int to, from; /* -1: closed */
    const char *input;
    size_t left;
    char *text;
    size_t len, room;
};

/* ----- where it is */

/* The first executable NAME in FOLDERS, "a:b". */
static bool
find_in(const char *folders, const char *name, char path[PATH_MAX])
{
    while (*folders != '\0') {
        size_t n = strcspn(folders, ":");
        int len = snprintf(path, PATH_MAX, "%.*s/%s", (int)(n < 4096 ? n : 0),
                           folders, name);

        if (folders[0] == '/' && len > 0 && len < PATH_MAX &&
            access(path, X_OK) == 0)
            return true;
        folders += n;
        folders += *folders == ':' ? 1 : 0;
    }
    return false;
}

static bool
find(const char *name, char path[PATH_MAX])
{
    const char *folders = getenv("PATH");

    return find_in(folders != NULL ? folders : "", name, path) ||
           find_in("/usr/sbin:/usr/local/sbin:/usr/lib", name, path);
}

/* ----- its beginning */

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Start PATH with its ends of the pipes; an errno. */
static int
spawn(const char *path, const char *const *words, const int in[2],
      const int out[2], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t pipe_signal;
    int failed = posix_spawn_file_actions_init(&actions);

    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    /* we ignore SIGPIPE, which it would inherit */
    (void)sigemptyset(&pipe_signal);
    (void)sigaddset(&pipe_signal, SIGPIPE);
    (void)posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    failed = posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, out[1], 2);
    if (failed == 0)
        failed = posix_spawn(pid, path, &actions, &attributes,
                             (char *const *)(uintptr_t)words, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static enum ms_err
start(const struct run *run, struct running *out, struct why *why)
{
    int in[2] = {-1, -1}, from[2] = {-1, -1};
    enum ms_err err = MS_OK;
    char path[PATH_MAX];

    if (!find(run->words[0], path))
        return why_set(why, MS_UNAVAIL, "there is no %s in PATH",
                       run->words[0]);
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 ||
        fcntl(in[1], F_SETFL, O_NONBLOCK) != 0)
        err = why_errno(why, MS_UNAVAIL, "a pipe");
    if (err == MS_OK &&
        (errno = spawn(path, run->words, in, from, &out->pid)) != 0)
        err = why_errno(why, MS_UNAVAIL, path);
    close_fd(&in[0]);
    close_fd(&from[1]);
    if (err != MS_OK) {
        close_fd(&in[1]);
        close_fd(&from[0]);
        return err;
    }
    out->to = in[1];
    out->from = from[0];
    out->input = run->input;
    out->left = run->input_len;
    return MS_OK;
}

/* ----- what it reads and says */

static void
feed(struct running *r)
{
    ssize_t n = r->left > 0 ? write(r->to, r->input, r->left) : 0;

    if (n > 0) {
        r->input += n;
        r->left -= (size_t)n;
    }
    if (r->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(&r->to); /* all is said, or it does not listen any more */
}

/* Hand out the whole lines that have come. */
static void
hand_out(const struct run *run, struct running *r)
{
    char *at = r->text, *end;

    while ((end = memchr(at, '\n', r->len - (size_t)(at - r->text))) != NULL) {
        *end = '\0';
        run->line(run->arg, at);
        at = end + 1;
    }
    r->len -= (size_t)(at - r->text);
    memmove(r->text, at, r->len);
}

static enum ms_err
make_room(struct running *r, struct why *why)
{
    size_t room = r->room == 0 ? 65536 : 2 * r->room;
    char *text;

    if (r->len + 1 < r->room)
        return MS_OK;
    if (room > RUN_LINE_BYTES)
        return why_set(why, MS_INVALID, "a line of it has no end");
    text = realloc(r->text, room);
    if (text == NULL)
        return why_set(why, MS_NOMEM, "no memory");
    r->text = text;
    r->room = room;
    return MS_OK;
}

static enum ms_err
listen_to(const struct run *run, struct running *r, struct why *why)
{
    enum ms_err err = make_room(r, why);
    ssize_t n;

    if (err != MS_OK)
        return err;
    n = read(r->from, r->text + r->len, r->room - r->len - 1);
    if (n > 0) {
        r->len += (size_t)n;
        hand_out(run, r);
    } else if (n == 0 || errno != EINTR) {
        if (r->len > 0) { /* a last line without its end */
            r->text[r->len] = '\0';
            run->line(run->arg, r->text);
        }
        close_fd(&r->from);
    }
    return MS_OK;
}

static unsigned
wait_of(const struct run *run)
{
    return run->wait_s > 0 ? run->wait_s : RUN_WAIT_S;
}

/* Until it has closed its output, or END. */
static enum ms_err
talk(const struct run *run, struct running *r, int64_t end_ms, struct why *why)
{
    enum ms_err err = MS_OK;

    while (err == MS_OK && r->from >= 0) {
        struct pollfd fds[2] = {{r->from, POLLIN, 0}, {r->to, POLLOUT, 0}};
        int64_t left_ms = end_ms - pace_now().ms;

        if (left_ms <= 0)
            return why_set(why, MS_TIMEOUT, "%.80s has not ended within %u s",
                           run->words[0], wait_of(run));
        if (poll(fds, 2, (int)left_ms) < 0 && errno != EINTR)
            return why_errno(why, MS_UNAVAIL, "poll");
        if (r->to >= 0 && fds[1].revents != 0)
            feed(r);
        if (fds[0].revents != 0)
            err = listen_to(run, r, why);
    }
    return err;
}

/* Ask PID to end, and after a while have it ended.  True: it has, and was
 * waited for. */
static bool
end_early(pid_t pid, int *status)
{
    const int64_t end_ms = pace_now().ms + RUN_KILL_MS;
    const struct timespec nap = {.tv_nsec = 10000000};

    (void)kill(pid, SIGTERM);
    while (pace_now().ms < end_ms) {
        if (waitpid(pid, status, WNOHANG) == pid)
            return true;
        (void)nanosleep(&nap, NULL);
    }
    (void)kill(pid, SIGKILL);
    return false;
}

enum ms_err
run_program(const struct run *run, int *code, struct why *why)
{
    struct running r = {.to = -1, .from = -1};
    enum ms_err err = start(run, &r, why);
    int status = 0;

    if (err != MS_OK)
        return err;
    err = talk(run, &r, pace_now().ms + 1000 * (int64_t)wait_of(run), why);
    close_fd(&r.to);
    close_fd(&r.from);
    if (err == MS_OK || !end_early(r.pid, &status))
        while (waitpid(r.pid, &status, 0) < 0 && errno == EINTR)
            continue;
    free(r.text);
    *code = WIFEXITED(status) ? WEXITSTATUS(status)
                              : RUN_CODE_SIGNAL + WTERMSIG(status);
    return err;
}
