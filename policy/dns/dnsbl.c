/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/dnsbl.h"

bool dnsbl_name(struct prefix client, const char *zone, char out[RESOLVER_NAME]) { (void)client; (void)zone; (void)out; return false; }
void dnsbl_read(const struct dnsbl *list, const struct resolver_answer *answer, struct list_finding *out) { (void)list; (void)answer; (void)out; }
enum ms_err dnsbl_care_create(struct resolver *resolver, struct mono (*now)(void), void (*say)(void *arg, const char *text), void *arg, struct dnsbl_care **out)
{ (void)resolver; (void)now; (void)say; (void)arg; (void)out; return MS_NOMEM; }
void dnsbl_care_destroy(struct dnsbl_care *care) { (void)care; }
enum ms_err dnsbl_care_set(struct dnsbl_care *care, const struct config *config) { (void)care; (void)config; return MS_NOMEM; }
void dnsbl_care_beat(struct dnsbl_care *care) { (void)care; }
bool dnsbl_care_usable(struct dnsbl_care *care, const struct dnsbl *list) { (void)care; (void)list; return false; }
void dnsbl_care_note(struct dnsbl_care *care, const struct dnsbl *list, const struct resolver_answer *answer) { (void)care; (void)list; (void)answer; }
size_t dnsbl_care_states(struct dnsbl_care *care, struct dnsbl_state *out, size_t n) { (void)care; (void)out; (void)n; return 0; }
const char *dnsbl_health_name(enum dnsbl_health health) { (void)health; return ""; }
