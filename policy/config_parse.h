/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_parse.h - from tokens to blocks and settings.
 */
#ifndef MORTSAFE_POLICY_CONFIG_PARSE_H
#define MORTSAFE_POLICY_CONFIG_PARSE_H

#include <stddef.h>

#include "policy/config_text.h"
#include "policy/err.h"

/*
 * Read LEN bytes of CONTENT (borrowed for the call) into BLOCK of TEXT and
 * the blocks it opens.  FILE is their origin (NULL: built in), kept as it is;
 * FOLDER is where its relative paths begin, absolute.  Errors are noted;
 * MS_NOMEM.
 */
struct config_source {
    const char *file, *folder;
    const char *content;
    size_t len;
};
enum ms_err config_parse(struct config_text *text, struct config_block *block,
                         const struct config_source *source);

/* Read VALUE, a preset, as SETTING's terms.  MS_NOMEM. */
enum ms_err config_parse_preset(struct config_text *text, const char *value,
                                struct config_setting *setting);

#endif
