/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/replay/run.h - the history once more, under a configuration: relay rules,
 * limits and the detector, in a store in memory whose clock is the history's.
 * One thread.
 */
#ifndef MORTSAFE_CTL_REPLAY_RUN_H
#define MORTSAFE_CTL_REPLAY_RUN_H

#include "ctl/replay/findings.h"
#include "ctl/replay/history.h"
#include "policy/config.h"
#include "policy/err.h"

/*
 * Run HISTORY under CONFIG and put into FINDINGS what would have been done, as
 * if every rule that only observes enforced.  A message's port is that of its
 * service's name, else 587 with a login and 25 without.  TELL hears now and
 * then how many events are done.  MS_NOMEM.
 */
enum ms_err replay_run(const struct history *history,
                       const struct config *config, struct findings *findings,
                       void (*tell)(void *arg, uint64_t done, uint64_t total),
                       void *arg);

#endif
