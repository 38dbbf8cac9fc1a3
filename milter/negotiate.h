/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/negotiate.h - what we ask of the MTA: as few events, macros and
 * rights as will do, and nothing that it does not offer.
 */
#ifndef MORTSAFE_MILTER_NEGOTIATE_H
#define MORTSAFE_MILTER_NEGOTIATE_H

#include <libmilter/mfapi.h>

/* What is asked for beside the envelope, as bits. */
enum negotiate_want {
    NEGOTIATE_OCTETS = 1, /* headers, body and their ends: their octets count */
    NEGOTIATE_HEADERS = 2, /* a filter's verdict is in one */
    NEGOTIATE_DATA = 4,    /* what is aborted behind it is a verdict, too */
    NEGOTIATE_MARKS = 8    /* headers, of which forged ones go and ours come */
};

/* Of the SMFIF_ rights OFFERED, those that we use for what we WANT. */
unsigned long negotiate_actions(unsigned long offered, unsigned want);

/* Of the SMFIP_ changes OFFERED, those by which we get what we WANT and no
 * more.  Never "no reply": it loses events. */
unsigned long negotiate_steps(unsigned long offered, unsigned want);

/* Ask for our macros, if the MTA has OFFERED to be asked. */
void negotiate_macros(SMFICTX *ctx, unsigned long offered);

#endif
