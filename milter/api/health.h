/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/health.h - is all well, and if not, what is to be done: a line in
 * plain words for each part.
 */
#ifndef MORTSAFE_MILTER_API_HEALTH_H
#define MORTSAFE_MILTER_API_HEALTH_H

#include <jansson.h>

#include "milter/api/desk.h"
#include "milter/daemon.h"
#include "policy/config.h"
#include "policy/store/store.h"

/* What is looked at; all borrowed. */
struct api_health {
    struct desk *desk;
    struct store_time now;
    const struct config *config;
    const struct store_stats *store;
    const struct daemon_counts *counts;
};

/* The rows, as `health' of GET /v1/status has them; NULL: no memory. */
json_t *api_health(const struct api_health *health);

#endif
