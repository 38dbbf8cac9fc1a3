/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/spf.h"

#include <string.h>
enum ms_err spf_create(const struct spf_options *options, struct spf **out, struct why *why) { (void)options; (void)out; (void)why; return MS_UNAVAIL; }
void spf_destroy(struct spf *spf) { (void)spf; }
enum ms_err spf_run(struct spf *spf, struct resolver *resolver) { (void)spf; (void)resolver; return MS_UNAVAIL; }
enum ms_err spf_begin(struct spf *spf, const struct spf_ask *ask, struct mono deadline, void (*done)(void *arg, const struct spf_finding *found), void *arg, struct spf_task **out)
{ (void)spf; (void)ask; (void)deadline; (void)done; (void)arg; (void)out; return MS_UNAVAIL; }
void spf_forget(struct spf_task *task) { (void)task; }
void spf_counts(struct spf *spf, struct spf_counts *out) { (void)spf; memset(out, 0, sizeof(*out)); }
