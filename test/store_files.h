/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/store_files.h - an embedded store with something in it that can be told
 * to be whole, and its files.
 */
#ifndef MORTSAFE_TEST_STORE_FILES_H
#define MORTSAFE_TEST_STORE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "policy/subject.h"
#include "test/store_lab.h"

enum { FILES_SPAN_S = 3600, FILES_USERS = 40, FILES_MOST = 1 << 20 };

struct subject files_user(unsigned i);

/* User I has I + 1 events in window 1; every fourth is quarantined. */
void files_fill(struct lab *lab);

/* How many of them are there?  Fail the test if one is not whole. */
unsigned files_filled(struct lab *lab);

/* Flush, or fail the test. */
void files_flush(struct lab *lab);

/* Flush, then what the disk would hold if the power failed: opened again. */
void files_crash(struct lab *lab);

/* A whole file; returns its size, at most FILES_MOST. */
size_t files_read(const char *path, uint8_t *out);
void files_write(const char *path, const void *bytes, size_t n);

/* Files of the store whose names begin with STEM. */
unsigned files_count(const struct lab *lab, const char *stem);
void files_remove(const struct lab *lab, const char *stem);

/* Run SQL on the closed store's file; the first number of its answer. */
void files_sql(const struct lab *lab, const char *sql);
int64_t files_ask(const struct lab *lab, const char *sql);

#endif
