/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/helds.h - messages that MTAs hold because we said so, of this host
 * and of the fleet: each once, the oldest first.
 */
#ifndef MORTSAFE_MILTER_API_HELDS_H
#define MORTSAFE_MILTER_API_HELDS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "milter/api/desk.h"
#include "milter/diary/held.h"

/*
 * At most MOST of those held for SUBJECT (as printed; NULL: for anybody), as
 * `held' of mortsafe-api(7), in a new *OUT; with FLEET of other hosts, too.  A
 * fleet that does not answer is none.  Errors of the diary, MS_NOMEM.
 */
enum ms_err api_helds(struct desk *desk, const char *subject, size_t most,
                      bool fleet, json_t **out);

/* How many this host's diary has for SUBJECT.  Its errors. */
enum ms_err api_helds_count(struct desk *desk, const char *subject,
                            uint64_t *out);

#endif
