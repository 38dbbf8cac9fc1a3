/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/changes.h - changes of standings from several places, this host's
 * diary and the fleet's board: each once, the newest first.
 */
#ifndef MORTSAFE_MILTER_API_CHANGES_H
#define MORTSAFE_MILTER_API_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "milter/api/desk.h"
#include "milter/diary/change.h"

struct api_changes;

/* Where else than in the diary is looked. */
enum api_changes_from { API_CHANGES_HERE, API_CHANGES_FLEET };

/*
 * Those that QUERY asks for in *OUT, at most QUERY->limit of them, which
 * api_changes_destroy() ends.  A fleet that does not answer is none.  Errors of
 * the diary, MS_NOMEM.
 */
enum ms_err api_changes_find(struct desk *desk,
                             const struct diary_change_query *query,
                             enum api_changes_from from,
                             struct api_changes **out);
void api_changes_destroy(struct api_changes *changes); /* NULL is fine */

size_t api_changes_count(const struct api_changes *changes);
const struct change *api_changes_at(const struct api_changes *changes,
                                    size_t i);

/* As `changes' of GET /v1/changes.  NULL without memory. */
json_t *api_changes_json(const struct api_changes *changes);

/* The one called ID, wherever it is, in *OUT if it is *FOUND.  Errors of the
 * diary. */
enum ms_err api_changes_by_id(struct desk *desk, const char *id, bool *found,
                              struct change *out);

/* Which family of E says most; FAMILIES: none says anything.  Pure. */
enum family api_changes_family(const struct evidence *e);

/*
 * What a body or a query says of standings: words of standings, apart by
 * commas, as bits 1 << enum standing.  False: one of them is none, in *WRONG.
 */
enum { API_STANDING_WORD = 32 };
bool api_standings_read(const char *text, unsigned *out,
                        char wrong[API_STANDING_WORD]);

#endif
