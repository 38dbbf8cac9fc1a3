/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/dns/worker/sandbox.h - the door that closes behind mortsafe-spf: it
 * can read and write its socket, ask for memory, and end.
 */
#ifndef MORTSAFE_POLICY_DNS_WORKER_SANDBOX_H
#define MORTSAFE_POLICY_DNS_WORKER_SANDBOX_H

#include <stdbool.h>

/* Close every descriptor but FD 0. */
void sandbox_close_files(void);

/*
 * Close the door.  False: it cannot be closed, and nothing hostile must be
 * read.  Built with sanitizers there are no limit on memory and no filter of
 * system calls, for both end what the sanitizers do.
 */
bool sandbox_enter(void);

#endif
