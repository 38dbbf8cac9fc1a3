/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/negotiate.h - what we ask of the MTA: as few events, macros and
 * rights as will do, and nothing that it does not offer.
 */
#ifndef MORTSAFE_MILTER_NEGOTIATE_H
#define MORTSAFE_MILTER_NEGOTIATE_H

#include <stdbool.h>

#include <libmilter/mfapi.h>

/* Of the SMFIF_ rights OFFERED, those that we use. */
unsigned long negotiate_actions(unsigned long offered);

/* Of the SMFIP_ changes OFFERED, those that we want; headers and body only if
 * their octets COUNT.  Never "no reply": it loses events. */
unsigned long negotiate_steps(unsigned long offered, bool count);

/* Ask for our macros, if the MTA has OFFERED to be asked. */
void negotiate_macros(SMFICTX *ctx, unsigned long offered);

#endif
