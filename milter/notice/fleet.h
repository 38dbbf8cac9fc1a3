/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/fleet.h - quarantines of which this host has told, and that
 * other hosts of the fleet have ended.
 */
#ifndef MORTSAFE_MILTER_NOTICE_FLEET_H
#define MORTSAFE_MILTER_NOTICE_FLEET_H

#include "milter/notice/inside.h"

/* Look at the fleet's changes if it is time, and there are letters that they
 * may be about.  Errors of the diary; that the fleet is away is none. */
enum ms_err fleet_look(struct notice *notice, int64_t now_s);

#endif
