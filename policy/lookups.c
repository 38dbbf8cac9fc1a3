/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/lookups.h"

#include <string.h>
void lookups_wanted(const struct config *config, const struct facts *facts, const struct scene *scene, unsigned stage, struct lookups_wanted *out)
{ (void)config; (void)facts; (void)scene; (void)stage; memset(out, 0, sizeof(*out)); }
bool lookups_any(const struct lookups *lookups) { (void)lookups; return false; }
bool lookups_evidence(const struct config *config, const struct scene *scene, const struct lookups *lookups) { (void)config; (void)scene; (void)lookups; return false; }
void lookups_judge(struct policy *p) { (void)p; }
const char *spf_result_name(enum spf_result result) { (void)result; return "none"; }
bool spf_result_parse(const char *word, enum spf_result *out) { (void)word; (void)out; return false; }
