/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/faulty_disk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

/* What SQLite opens; the usual VFS's file is behind it. */
struct file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_vfs faulty;
static sqlite3_vfs *usual;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum disk_fault fault;
static int left_before, left_failing;
static bool failed;

static sqlite3_file *
real(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

/* Is it this operation's turn to fail? */
static enum disk_fault
turn(bool writing, bool syncing, bool opening)
{
    enum disk_fault out = DISK_WORKS;

    pthread_mutex_lock(&lock);
    if ((fault == DISK_EIO_SYNC && syncing) ||
        (fault == DISK_READONLY && (writing || opening)) ||
        (fault != DISK_EIO_SYNC && writing))
        out = fault;
    if (out != DISK_WORKS && left_before > 0) {
        left_before--;
        out = DISK_WORKS;
    }
    if (out != DISK_WORKS && left_failing == 0)
        out = DISK_WORKS;
    if (out != DISK_WORKS) {
        failed = true;
        if (left_failing > 0)
            left_failing--;
    }
    pthread_mutex_unlock(&lock);
    return out;
}

void
faulty_disk_set(enum disk_fault new_fault, int after, int times)
{
    pthread_mutex_lock(&lock);
    fault = new_fault;
    left_before = after;
    left_failing = times;
    failed = false;
    pthread_mutex_unlock(&lock);
}

bool
faulty_disk_failed(void)
{
    bool out;

    pthread_mutex_lock(&lock);
    out = failed;
    pthread_mutex_unlock(&lock);
    return out;
}

/* ----- a file */

static int
do_close(sqlite3_file *f)
{
    int rc = real(f)->pMethods->xClose(real(f));

    free(real(f));
    return rc;
}

static int
do_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real(f)->pMethods->xRead(real(f), to, n, at);
}

static int
do_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    switch (turn(true, false, false)) {
    case DISK_WORKS:
    case DISK_EIO_SYNC:
        return real(f)->pMethods->xWrite(real(f), from, n, at);
    case DISK_TORN:
        real(f)->pMethods->xWrite(real(f), from, n / 2, at);
        return SQLITE_IOERR_WRITE;
    case DISK_EIO_WRITE:
        return SQLITE_IOERR_WRITE;
    case DISK_READONLY:
        return SQLITE_READONLY;
    case DISK_FULL:
        return SQLITE_FULL;
    }
    return SQLITE_INTERNAL;
}

static int
do_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real(f)->pMethods->xTruncate(real(f), size);
}

static int
do_sync(sqlite3_file *f, int flags)
{
    if (turn(false, true, false) != DISK_WORKS)
        return SQLITE_IOERR_FSYNC;
    return real(f)->pMethods->xSync(real(f), flags);
}

static int
do_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real(f)->pMethods->xFileSize(real(f), size);
}

static int
do_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int
do_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int
do_check_lock(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int
do_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int
do_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int
do_traits(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

/* Version 1: no shared memory; whoever needed it would fail. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = do_close,
    .xRead = do_read,
    .xWrite = do_write,
    .xTruncate = do_truncate,
    .xSync = do_sync,
    .xFileSize = do_size,
    .xLock = do_lock,
    .xUnlock = do_unlock,
    .xCheckReservedLock = do_check_lock,
    .xFileControl = do_control,
    .xSectorSize = do_sector,
    .xDeviceCharacteristics = do_traits,
};

static int
do_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *out, int flags,
        int *out_flags)
{
    struct file *f = (struct file *)out;
    int rc;

    (void)vfs;
    f->base.pMethods = NULL;
    if (turn(false, false, (flags & SQLITE_OPEN_READWRITE) != 0) != DISK_WORKS)
        return SQLITE_CANTOPEN;
    f->real = calloc(1, (size_t)usual->szOsFile);
    if (f->real == NULL)
        return SQLITE_NOMEM;
    rc = usual->xOpen(usual, name, f->real, flags, out_flags);
    if (rc == SQLITE_OK)
        f->base.pMethods = &methods;
    else
        free(f->real);
    return rc;
}

void
faulty_disk_install(void)
{
    usual = sqlite3_vfs_find(NULL);
    faulty = *usual;
    faulty.zName = "faulty";
    faulty.szOsFile = sizeof(struct file);
    faulty.xOpen = do_open;
    sqlite3_vfs_register(&faulty, 1);
}
