/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/detector/cusum.h - evidence that adds up message by message and never
 * below nothing: a filter's verdicts, and how recipients took the mail.
 */
#ifndef MORTSAFE_POLICY_DETECTOR_CUSUM_H
#define MORTSAFE_POLICY_DETECTOR_CUSUM_H

#include "policy/detector/detector.h"

/* Below it nothing is evidence: one flagged message, one unknown recipient. */
#define CUSUM_DEAD 10.0
/* No family says more than this, so that no single one can quarantine. */
#define CUSUM_CAP 45.0

/* Take in what EVENT says; the times of D are those of the event. */
void cusum_content(struct detector *d, const struct detector_event *event);
void cusum_reception(struct detector *d, const struct detector_event *event);

#endif
