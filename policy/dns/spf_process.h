/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/spf_process.h - mortsafe-spf as a process: started, asked, ended.
 */
#ifndef MORTSAFE_POLICY_DNS_SPF_PROCESS_H
#define MORTSAFE_POLICY_DNS_SPF_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "policy/err.h"

enum {
    SPF_HELLO_MS = 2000, /* for one to be ready */
    SPF_HOW = 64         /* for words about an end */
};

struct spf_process {
    pid_t pid; /* 0: none */
    int fd;
};

/*
 * Start PROGRAM with no environment and nothing but a socket, and wait until it
 * is ready; spf_process_end() ends it.  MS_UNAVAIL (WHY).
 */
enum ms_err spf_process_start(const char *program, struct spf_process *out,
                              struct why *why);

/*
 * Hand it the FRAME and wait for what it says, *REPLY_LEN of at most SIZE
 * octets.  MS_TIMEOUT: it said nothing for LIMIT_MS; MS_UNAVAIL: it has gone;
 * MS_INVALID: it said too much.  Whatever it is, the process is of no more use.
 */
enum ms_err spf_process_ask(const struct spf_process *process,
                            const uint8_t *frame, size_t len, int limit_ms,
                            uint8_t *reply, size_t size, size_t *reply_len);

/* Kill it, if it still runs, and say HOW it ended: "killed", "ended by signal
 * 31", "ended with status 1". */
void spf_process_end(struct spf_process *process, char how[SPF_HOW]);

#endif
