/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/reading.h - one setting being read into the struct that the engine
 * uses.  There is a reader for each type of option; readers note errors and
 * go on, and fail only with MS_NOMEM.
 */
#ifndef MORTSAFE_POLICY_READING_H
#define MORTSAFE_POLICY_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/clock.h"
#include "policy/config.h"
#include "policy/config_text.h"
#include "policy/err.h"
#include "policy/notes.h"
#include "policy/prefix.h"

/* Where a prefix of a network stands, for those who write it again. */
struct prefix_place {
    struct prefix prefix;
    const struct network *network;
    struct origin at; /* column 0: a line of a table */
};

struct prefix_places {
    struct prefix_place *place;
    size_t n, room;
};

/* One making of a configuration. */
struct build {
    struct config *config;
    struct config_text *text;
    struct notes *notes;
    struct arena *arena; /* of TEXT: lives as long as CONFIG */
    struct wall today;
    struct prefix_places *places; /* of all networks' prefixes */
};

struct reading {
    const struct build *build;
    const struct config_block *block;
    const struct config_setting *setting;
    void *object; /* the struct that the option's destinations are in */
};

/* The option's destinations. */
void *reading_at(const struct reading *r);
void *reading_count_at(const struct reading *r);

/* Term I, and where it stands. */
const char *reading_term(const struct reading *r, size_t i);
struct origin reading_place(const struct reading *r, size_t i);

/* An error, a warning about term I. */
void reading_error(const struct reading *r, size_t i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reading_warning(const struct reading *r, size_t i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Digits of BASE (8 or 10) at *TEXT as a number in *OUT; *TEXT moves behind
 * them.  False, with both left alone, if there are none or too many.
 */
bool reading_digits(const char **text, unsigned base, uint64_t *out);

#endif
