/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/held.h - messages that MTAs hold for somebody's sake, and what becomes of
 * them when he is released: this host's by the MTA's programs, others' by
 * whoever reads what is to be run there.
 */
#ifndef MORTSAFE_CTL_HELD_H
#define MORTSAFE_CTL_HELD_H

#include "ctl/call.h"

enum held_deed { HELD_KEEP, HELD_DELIVER, HELD_DELETE };

/* What --held says (HELD_KEEP: nothing). */
enum held_deed held_deed(const struct call *call);

/* Can --held be done?  CTL_OK; EX_USAGE with a complaint: --mta-config without
 * it. */
int held_check(const struct call *call);

/* A table of HELD, objects of mortsafe-api(7). */
void held_print(const struct out *out, const json_t *held);

/* The same where all are for the sake of one; for people. */
void held_print_of_one(const struct out *out, const json_t *held);

/* What root would run on their hosts to let them go, or to delete them; of the
 * first few. */
void held_print_commands(const struct out *out, const json_t *held);

/*
 * Do what --held says with HELD, the answer's list (NULL: none), tell of each
 * message, and tell the daemon which are gone.  CTL_OK; CTL_NO if some are left
 * for somebody to deal with by hand, the commands having been printed; another
 * exit code, having complained.
 */
int held_settle(const struct call *call, const json_t *held);

#endif
