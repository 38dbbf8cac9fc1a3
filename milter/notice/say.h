/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/say.h - what a letter says: the fields of its template, from
 * the change that it is about.  Pure but for the time zone.
 */
#ifndef MORTSAFE_MILTER_NOTICE_SAY_H
#define MORTSAFE_MILTER_NOTICE_SAY_H

#include "milter/diary/change.h"
#include "milter/notice/notice.h"
#include "milter/notice/template.h"
#include "policy/arena.h"
#include "policy/config.h"

enum { SAY_NAME = 64 /* bytes of a name in a subject; more end in "..." */ };

struct say {
    const struct config *config;
    const struct change *change;
    const struct letters *templates;
    enum notice_kind kind;
    const char *code; /* "": none */
    const char *told; /* where the owner is told; "": nowhere */
};

/* Its subject and body, UTF-8, in ARENA.  MS_NOMEM. */
enum ms_err say_letter(const struct say *say, struct arena *arena,
                       const char **subject, const char **body);

/* The rule that CHANGE came by, or one that judges its subject now; NULL:
 * there is none any more. */
const struct zombie *say_rule(const struct config *config,
                              const struct change *change);

#endif
