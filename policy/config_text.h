/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/config_text.h - the configuration as it is written: blocks with
 * settings, first those of the files, then completed with what is built in.
 * What it holds at the end is in force, and printing it is printing that.
 */
#ifndef MORTSAFE_POLICY_CONFIG_TEXT_H
#define MORTSAFE_POLICY_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "policy/arena.h"
#include "policy/config.h"
#include "policy/err.h"
#include "policy/names.h"
#include "policy/notes.h"
#include "policy/option.h"
#include "policy/textfile.h"

struct config_term {
    const char *text;
    unsigned line, column;
    bool first; /* begins a value; else it goes on with one */
};

struct config_setting {
    const struct option *option; /* NULL: not written */
    struct config_term *terms;
    size_t n_terms;
    struct origin origin; /* of the option's name; file NULL: default */
};

struct config_block {
    enum option_block kind;
    char *title; /* "" without one */
    struct origin origin;
    struct config_setting *settings; /* one for each of the kind's rows */
    bool built_in;                   /* also if parts were written over */
    bool off;
    void *object; /* struct network and the like, once made; NULL if off */
};

enum { TEXT_DEPTH = 16, TEXT_FILES = 1000 }; /* of includes */

struct config_text {
    struct arena *arena;
    struct notes *notes;          /* borrowed */
    struct config_block **blocks; /* in order; [0] is BLOCK_TOP */
    size_t n_blocks, room;
    struct names *titles[BLOCKS];        /* to index in BLOCKS */
    bool building_in;                    /* what is read now is built in */
    struct textfile_id open[TEXT_DEPTH]; /* files that are being read */
    size_t n_open, n_files;
};

/* Make a text that holds what is built in; config_text_destroy() ends it.
 * Errors and warnings go to NOTES, which must outlive all reading.  MS_NOMEM.
 */
enum ms_err config_text_create(struct notes *notes, struct config_text **out);
void config_text_destroy(struct config_text *text);

/* Read the file PATH with its includes, or CONTENT as if from a file NAME.
 * Errors are noted; MS_NOMEM. */
enum ms_err config_text_read(struct config_text *text, const char *path);
enum ms_err config_text_read_memory(struct config_text *text, const char *name,
                                    const char *content);

/* Fill in the defaults.  MS_NOMEM. */
enum ms_err config_text_complete(struct config_text *text);

/* The block of KIND called TITLE, made if need be with ORIGIN; *KNOWN says
 * whether it was there.  MS_NOMEM. */
enum ms_err config_text_block(struct config_text *text, enum option_block kind,
                              const char *title, struct origin origin,
                              bool *known, struct config_block **out);

/* The block of KIND called TITLE, or NULL. */
struct config_block *config_text_find(const struct config_text *text,
                                      enum option_block kind,
                                      const char *title);

/* BLOCK's setting of NAME; NULL if it is not written nor has a default. */
const struct config_setting *
config_text_setting(const struct config_block *block, const char *name);

/* Where a term of SETTING in BLOCK stands; the block, if it is a default. */
struct origin config_text_place(const struct config_block *block,
                                const struct config_setting *setting,
                                size_t term);

/* Where BLOCK's option NAME stands; the block, if it is not written. */
struct origin config_text_origin(const struct config_block *block,
                                 const char *name);

/* May BLOCK have OPTION?  The listener `local` has hardly any. */
bool config_text_allows(const struct config_block *block,
                        const struct option *option);

/* Is the store one that a fleet shares? */
bool config_text_is_shared(const struct config_text *text);

#endif
