/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/store/sqlite.h - the embedded store: a memory store whose records one
 * thread copies to SQLite about once a second and reads back at start.
 */
#ifndef MORTSAFE_POLICY_STORE_SQLITE_H
#define MORTSAFE_POLICY_STORE_SQLITE_H

#include "policy/store/store.h"

/* How the saver's thread learns the time; it reads no clock itself. */
struct store_clock {
    struct store_time (*now)(void *arg); /* from any thread */
    void *arg;
    const char *boot; /* which boot MONO counts from; NULL: the kernel's id */
};

/* What befell the files, told once each, for the log. */
struct store_events {
    /* By the saver's thread, or in store_sqlite_open(); no lock is held. */
    void (*tell)(void *arg, enum ms_err err, const char *text);
    void *arg;
};

/*
 * Open the store in directory PATH (made 0700 if it is missing), load what it
 * holds and start the saver; MEMORY as for store_memory_create().  *OUT is
 * ended by store_destroy(), which saves. MS_BUSY: another daemon uses it.
 * MS_VERSION: written by a newer mortsafe. MS_UNAVAIL: cannot be used (WHY
 * names path and cure).  A damaged file is moved aside (EVENTS tells) and is
 * never fatal.
 */
enum ms_err store_sqlite_open(const char *path, uint64_t memory,
                              struct store_clock clock,
                              struct store_events events, struct store **out,
                              struct why *why);

#endif
