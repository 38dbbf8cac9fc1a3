/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_include.h - files of the configuration: which ones, from
 * where, and none within itself.
 */
#ifndef MORTSAFE_POLICY_CONFIG_INCLUDE_H
#define MORTSAFE_POLICY_CONFIG_INCLUDE_H

#include "policy/arena.h"
#include "policy/config_text.h"
#include "policy/err.h"

/*
 * Read into BLOCK all files that PATTERN (a glob; relative to FOLDER) names,
 * sorted by name.  It stands at AT, where errors are noted.  MS_NOMEM.
 */
enum ms_err config_include(struct config_text *text, struct config_block *block,
                           const char *folder, const char *pattern,
                           struct origin at);

/* Read the one file PATH into BLOCK.  AT.FILE is NULL for the first file of
 * all.  Errors are noted; MS_NOMEM. */
enum ms_err config_include_file(struct config_text *text,
                                struct config_block *block, const char *path,
                                struct origin at);

/* BEFORE, then PATH as seen from FOLDER, in ARENA; NULL: no memory. */
const char *config_include_path(struct arena *arena, const char *before,
                                const char *folder, const char *path);

/* The folder of the file PATH, absolute if the working directory is known;
 * in ARENA; NULL: no memory. */
const char *config_include_folder(struct arena *arena, const char *path);

#endif
