/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/counts/process.h - what the kernel says that this process takes.
 */
#ifndef MORTSAFE_MILTER_COUNTS_PROCESS_H
#define MORTSAFE_MILTER_COUNTS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process {
    uint64_t cpu_us; /* of all threads, in user and system mode */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t threads;
    uint64_t open_fds, max_fds; /* UINT64_MAX: no bound */
};

/* Fill in OUT; false: there is no /proc, and it is all zero.  Thread-safe. */
bool process_read(struct process *out);

#endif
