/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/faulty_disk.h - SQLite's way to the disk, which fails on demand: a VFS
 * in front of the usual one.
 */
#ifndef MORTSAFE_TEST_FAULTY_DISK_H
#define MORTSAFE_TEST_FAULTY_DISK_H

#include <stdbool.h>

enum disk_fault {
    DISK_WORKS,
    DISK_FULL,      /* writing */
    DISK_EIO_WRITE, /* writing */
    DISK_EIO_SYNC,  /* syncing */
    DISK_TORN,      /* writing: only a half gets there */
    DISK_READONLY   /* writing and opening for it */
};

/* Put it before the usual one, for whatever is opened from now on. */
void faulty_disk_install(void);

/*
 * From the AFTER-th operation of the kind that fails on (0: the next one),
 * TIMES of them fail; -1: all.
 */
void faulty_disk_set(enum disk_fault fault, int after, int times);

/* Did any fail since? */
bool faulty_disk_failed(void);

#endif
