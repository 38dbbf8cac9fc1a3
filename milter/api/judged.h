/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/judged.h - what the detector thinks of a subject, as answers of
 * the API tell it.
 */
#ifndef MORTSAFE_MILTER_API_JUDGED_H
#define MORTSAFE_MILTER_API_JUDGED_H

#include <stdbool.h>

#include <jansson.h>

#include "milter/api/desk.h"
#include "milter/api/use.h"
#include "milter/detect/detect.h"

/* A subject's record in the light of the configuration. */
struct api_judged {
    struct api_use_of of; /* all borrowed; OF.record is not NULL */
    struct detect_view view;
    bool has_change; /* the change that has made the standing what it is: */
    struct change change;
};

/*
 * Fill in OUT for OF (copied).  False: nothing is known of it but its standing,
 * and there may be no other than normal.  The change is looked for here and in
 * the fleet.  Some 5 KB are filled in.
 */
bool api_judged_read(struct desk *desk, const struct api_use_of *of,
                     struct api_judged *out);

/* The evidence of that change; where there was none, what shows now. */
const struct evidence *api_judged_evidence(const struct api_judged *judged);

/* Since when, or 0. */
int64_t api_judged_since_s(const struct api_judged *judged);

/* "zombie.account", "" for NULL, in OUT.  Returns OUT. */
char *api_judged_rule(const struct zombie *rule, char out[VERDICT_RULE]);

/* `zombie' of GET /v1/subjects/ID.  NULL without memory. */
json_t *api_judged_json(const struct api_judged *judged);

#endif
