/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/fake_milter.h - a libmilter of our own, linked in place of the real
 * one: what callbacks ask for is at hand, and what they do is kept.
 */
#ifndef MORTSAFE_TEST_FAKE_MILTER_H
#define MORTSAFE_TEST_FAKE_MILTER_H

#include <stdbool.h>
#include <stddef.h>

#include <libmilter/mfapi.h>

enum {
    FAKE_STAGES = SMFIM_LAST + 1,
    FAKE_MACROS = 12,
    FAKE_TEXT = 1200,
    FAKE_DEEDS = 16384
};

/* libmilter's name for a session.  All zero is a fresh one. */
struct smfi_str {
    void *priv;
    struct {
        char *name, *value;
    } macro[FAKE_STAGES][FAKE_MACROS];
    char *lists[FAKE_STAGES]; /* as asked for by smfi_setsymlist() */
    char code[8], enhanced[16], text[FAKE_TEXT]; /* the reply set last */
    unsigned replies;                            /* how often one was set */
    char reason[FAKE_TEXT];  /* of the quarantine; "" if there is none */
    bool refuses_reply;      /* the next smfi_setreply() fails */
    bool refuses_quarantine; /* was not negotiated */
    bool refuses_private;    /* smfi_setpriv() fails */
    bool refuses_headers;    /* rights to change them were not negotiated */
    char deeds[FAKE_DEEDS];  /* what was done to headers, a line each: "NAME:
                                VALUE" inserted in front, "-NAME N" removed;
                                folds as they are */
};

/* Make a session; fake_destroy() ends it. */
SMFICTX *fake_create(void);
void fake_destroy(SMFICTX *ctx);

/* Set a macro of STAGE (SMFIM_CONNECT and so on). */
void fake_macro(SMFICTX *ctx, int stage, const char *name, const char *value);

/* Forget the macros of STAGE, and with it those of the stages behind. */
void fake_forget(SMFICTX *ctx, int stage);

/* Forget the reply and the quarantine. */
void fake_clear(SMFICTX *ctx);

#endif
