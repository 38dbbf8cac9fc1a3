/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/limit.h - a limit applied to a session: whether it holds here, for
 * which subject, with which rates, in which window.
 */
#ifndef MORTSAFE_POLICY_LIMIT_H
#define MORTSAFE_POLICY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/scene.h"

/* The window of LIMIT over SPAN_S: changing a number keeps it, changing name,
 * key, metric, span or scope starts another. */
uint64_t limit_window(const struct limit *limit, uint32_t span_s);

/* Does LIMIT hold for SCENE, all exemptions considered?  Pure. */
bool limit_holds(const struct config *config, const struct limit *limit,
                 const struct scene *scene);

/*
 * The subject that LIMIT counts in SCENE; false where there is none (a user
 * limit without a login, a sender limit for <> or a stranger).
 */
bool limit_subject(const struct limit *limit, const struct scene *scene,
                   struct subject *out);

/* LIMIT's rates for SCENE: its own, or its table's for this subject. */
void limit_rates(const struct limit *limit, const struct scene *scene,
                 struct rates *out);

#endif
