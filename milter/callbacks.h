/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/callbacks.h - libmilter's callbacks: what the MTA tells becomes
 * facts, and a step's outcome an answer.  They may come in any order.
 */
#ifndef MORTSAFE_MILTER_CALLBACKS_H
#define MORTSAFE_MILTER_CALLBACKS_H

#include <libmilter/mfapi.h>

#include "milter/daemon.h"

/* What to hand to smfi_register(). */
struct smfiDesc callbacks_describe(void);

/*
 * From now on callbacks serve DAEMON.  libmilter passes them nothing of ours,
 * so it is kept here, for the process: to be called before smfi_main(), and
 * DAEMON must outlive every callback.
 */
void callbacks_serve(struct daemon *daemon);

#endif
