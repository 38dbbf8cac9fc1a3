/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/statedir.c - a file in the directory of the embedded store.
 * SQLite opens by path and follows links; that is safe only in a directory that
 * nobody else can write to, so such a one is insisted upon.
 */
#include <config.h>

#include "policy/store/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK "lock"

/* What SQLite puts beside a file. */
static const char *const journals[] = {"-wal", "-journal", "-shm"};
enum { JOURNALS = sizeof(journals) / sizeof(journals[0]) };

enum { NAME = 64, ASIDE_TRIES = 100 };

struct statedir {
    int fd, lock;
    bool ours;        /* nobody else uses the file */
    const char *name; /* of the file; a literal */
    dev_t dev;        /* of it as it was found */
    ino_t ino;
    char path[STATEDIR_PATH]; /* without a last slash: it would follow a link */
    char file[STATEDIR_PATH + NAME];
    char draft[STATEDIR_PATH + NAME];
};

static enum ms_err
set_paths(struct statedir *dir, const char *path, struct why *why)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len == 0 || len + NAME >= sizeof(dir->path))
        return why_set(why, MS_UNAVAIL, "`%.60s' is no path for the store",
                       path);
    memcpy(dir->path, path, len);
    dir->path[len] = '\0';
    (void)snprintf(dir->file, sizeof(dir->file), "%s/%s", dir->path, dir->name);
    (void)snprintf(dir->draft, sizeof(dir->draft), "%s/%s.new", dir->path,
                   dir->name);
    return MS_OK;
}

static enum ms_err
check_directory(const struct statedir *dir, struct why *why)
{
    struct stat st;

    if (fstat(dir->fd, &st) != 0)
        return why_errno(why, MS_UNAVAIL, dir->path);
    if (st.st_uid != geteuid())
        return why_set(why, MS_UNAVAIL,
                       "%s belongs to user %lu, but this is user %lu: try "
                       "`chown -R %lu %s'",
                       dir->path, (unsigned long)st.st_uid,
                       (unsigned long)geteuid(), (unsigned long)geteuid(),
                       dir->path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return why_set(why, MS_UNAVAIL,
                       "%s can be written to by others: try `chmod 0700 %s'",
                       dir->path, dir->path);
    return MS_OK;
}

static enum ms_err
open_directory(struct statedir *dir, struct why *why)
{
    if (mkdir(dir->path, 0700) != 0 && errno != EEXIST && errno != EROFS)
        return why_errno(why, MS_UNAVAIL, dir->path);
    dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir->fd >= 0)
        return check_directory(dir, why);
    if (errno == ELOOP || errno == ENOTDIR)
        return why_set(why, MS_UNAVAIL,
                       "%s is a symbolic link or no directory: name the "
                       "directory itself in `store { path = ... }'",
                       dir->path);
    return why_errno(why, MS_UNAVAIL, dir->path);
}

/* Who holds the lock wrote its process id into it. */
static enum ms_err
tell_holder(const struct statedir *dir, struct why *why)
{
    char pid[16] = "";
    ssize_t n = pread(dir->lock, pid, sizeof(pid) - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return why_set(why, MS_BUSY, "%s is in use by another mortsafe (%s%s)",
                   dir->path, pid[0] != '\0' ? "process " : "unknown process",
                   pid);
}

static enum ms_err
lock_directory(struct statedir *dir, struct why *why)
{
    int flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    struct stat st;

    dir->lock = openat(dir->fd, LOCK, O_RDWR | O_CREAT | flags, 0600);
    if (dir->lock < 0 && (errno == EROFS || errno == EACCES))
        dir->lock = openat(dir->fd, LOCK, O_RDONLY | flags);
    if (dir->lock < 0 || fstat(dir->lock, &st) != 0 || !S_ISREG(st.st_mode))
        return why_set(why, MS_UNAVAIL,
                       "%s/" LOCK " cannot be opened as a plain file: remove "
                       "it and see that the directory can be written to, or "
                       "use `store { type = memory }'",
                       dir->path);
    if (flock(dir->lock, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? tell_holder(dir, why)
                                    : why_errno(why, MS_UNAVAIL, dir->path);
    if (ftruncate(dir->lock, 0) == 0)
        dprintf(dir->lock, "%ld\n", (long)getpid()); /* only for people */
    return MS_OK;
}

enum locking { LOCK_IT, LOCKED_BY_CALLER };

static enum ms_err
open_for(const char *path, const char *name, enum locking locking,
         struct statedir **out, struct why *why)
{
    struct statedir *dir = calloc(1, sizeof(*dir));
    enum ms_err err;

    if (dir == NULL)
        return why_set(why, MS_NOMEM, "%s: no memory", path);
    dir->fd = dir->lock = -1;
    dir->name = name;
    err = set_paths(dir, path, why);
    if (err == MS_OK)
        err = open_directory(dir, why);
    if (err == MS_OK && locking == LOCK_IT)
        err = lock_directory(dir, why);
    dir->ours = err == MS_OK;
    if (err == MS_OK)
        *out = dir;
    else
        statedir_close(dir);
    return err;
}

enum ms_err
statedir_open(const char *path, struct statedir **out, struct why *why)
{
    return open_for(path, "state.db", LOCK_IT, out, why);
}

enum ms_err
statedir_beside(const char *path, const char *name, struct statedir **out,
                struct why *why)
{
    return open_for(path, name, LOCKED_BY_CALLER, out, why);
}

/* SQLite leaves a journal behind that nothing was written to. */
static void
remove_empty_journals(const struct statedir *dir)
{
    char name[NAME];
    struct stat st;

    for (unsigned i = 0; i < JOURNALS; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", dir->name, journals[i]);
        if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_size == 0)
            unlinkat(dir->fd, name, 0);
    }
}

void
statedir_close(struct statedir *dir)
{
    if (dir == NULL)
        return;
    if (dir->ours)
        remove_empty_journals(dir);
    if (dir->lock >= 0)
        close(dir->lock);
    if (dir->fd >= 0)
        close(dir->fd);
    free(dir);
}

const char *
statedir_file(const struct statedir *dir)
{
    return dir->file;
}

const char *
statedir_draft(const struct statedir *dir)
{
    return dir->draft;
}

/* Is NAME missing, or a plain file of ours?  Then *ST; its mode is put right.
 */
static enum ms_err
look_at(const struct statedir *dir, const char *name, bool *found,
        struct stat *st, struct why *why)
{
    *found = fstatat(dir->fd, name, st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!*found)
        return errno == ENOENT ? MS_OK : why_errno(why, MS_UNAVAIL, dir->path);
    if (!S_ISREG(st->st_mode))
        return why_set(why, MS_UNAVAIL,
                       "%s/%s is no plain file (a link? a FIFO?): remove it",
                       dir->path, name);
    if (st->st_uid != geteuid())
        return why_set(why, MS_UNAVAIL,
                       "%s/%s belongs to user %lu, but this is user %lu: try "
                       "`chown %lu %s/%s'",
                       dir->path, name, (unsigned long)st->st_uid,
                       (unsigned long)geteuid(), (unsigned long)geteuid(),
                       dir->path, name);
    if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0 &&
        fchmodat(dir->fd, name, 0600, 0) != 0 && errno != EROFS)
        return why_errno(why, MS_UNAVAIL, dir->file);
    return MS_OK;
}

enum ms_err
statedir_look(struct statedir *dir, bool *found, struct why *why)
{
    struct stat st;
    char name[NAME];
    enum ms_err err = MS_OK;

    for (unsigned i = 0; i < JOURNALS && err == MS_OK; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", dir->name, journals[i]);
        err = look_at(dir, name, found, &st, why);
    }
    if (err == MS_OK)
        err = look_at(dir, dir->name, found, &st, why);
    if (err == MS_OK && *found) {
        dir->dev = st.st_dev;
        dir->ino = st.st_ino;
    }
    return err;
}

bool
statedir_is_same(const struct statedir *dir)
{
    struct stat st;

    return fstatat(dir->fd, dir->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_dev == dir->dev && st.st_ino == dir->ino;
}

bool
statedir_is_writable(const struct statedir *dir)
{
    return faccessat(dir->fd, ".", W_OK, 0) == 0;
}

static void
remove_journals(const struct statedir *dir, const char *stem)
{
    char name[NAME];

    for (unsigned i = 0; i < JOURNALS; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", stem, journals[i]);
        unlinkat(dir->fd, name, 0);
    }
}

enum ms_err
statedir_begin_draft(struct statedir *dir, struct why *why)
{
    char name[NAME];
    int fd;

    (void)snprintf(name, sizeof(name), "%s.new", dir->name);
    unlinkat(dir->fd, name, 0);
    remove_journals(dir, name);
    fd = openat(dir->fd, name,
                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return why_errno(why, MS_UNAVAIL, dir->draft);
    close(fd);
    return MS_OK;
}

enum ms_err
statedir_end_draft(struct statedir *dir, struct why *why)
{
    char name[NAME];

    (void)snprintf(name, sizeof(name), "%s.new", dir->name);
    remove_journals(dir, dir->name); /* of a file that is gone */
    if (renameat(dir->fd, name, dir->fd, dir->name) != 0 || fsync(dir->fd) != 0)
        return why_errno(why, MS_UNAVAIL, dir->file);
    return MS_OK;
}

/* "state.db.damaged-20270131T120000Z", with a number if that is taken. */
static bool
free_name(const struct statedir *dir, struct wall now, char name[NAME])
{
    time_t s = (time_t)now.s;
    struct tm tm;
    char when[32] = "undated";
    struct stat st;

    if (gmtime_r(&s, &tm) == NULL ||
        strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm) == 0)
        memcpy(when, "undated", sizeof("undated"));
    (void)snprintf(name, NAME, "%s.damaged-%s", dir->name, when);
    for (int i = 2; i < ASIDE_TRIES; i++) {
        if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            return errno == ENOENT;
        (void)snprintf(name, NAME, "%s.damaged-%s-%d", dir->name, when, i);
    }
    return false;
}

enum ms_err
statedir_move_aside(struct statedir *dir, struct wall now,
                    char aside[STATEDIR_PATH], struct why *why)
{
    char name[NAME], from[NAME], to[NAME + 16];

    if (!free_name(dir, now, name))
        return why_set(why, MS_UNAVAIL,
                       "%s: no free name to move it to: remove the damaged "
                       "files",
                       dir->file);
    remove_empty_journals(dir);
    for (unsigned i = 0; i < JOURNALS; i++) {
        (void)snprintf(from, sizeof(from), "%s%s", dir->name, journals[i]);
        (void)snprintf(to, sizeof(to), "%s%s", name, journals[i]);
        if (renameat(dir->fd, from, dir->fd, to) != 0 && errno != ENOENT)
            return why_errno(why, MS_UNAVAIL, dir->file);
    }
    if (renameat(dir->fd, dir->name, dir->fd, name) != 0)
        return why_errno(why, MS_UNAVAIL, dir->file);
    (void)snprintf(aside, STATEDIR_PATH, "%.*s/%s", STATEDIR_PATH - NAME - 2,
                   dir->path, name);
    return MS_OK;
}
