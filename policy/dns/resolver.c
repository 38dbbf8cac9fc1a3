/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/resolver.h"

#include <string.h>
enum ms_err resolver_create(const struct resolver_options *options, struct resolver **out, struct why *why) { (void)options; (void)out; (void)why; return MS_UNAVAIL; }
void resolver_destroy(struct resolver *resolver) { (void)resolver; }
enum ms_err resolver_ask(struct resolver *resolver, const char *name, enum resolver_type type, struct mono deadline, void (*done)(void *arg, const struct resolver_answer *answer), void *arg, struct resolver_question **out)
{ (void)resolver; (void)name; (void)type; (void)deadline; (void)done; (void)arg; (void)out; return MS_UNAVAIL; }
void resolver_forget(struct resolver_question *question) { (void)question; }
void resolver_counts(struct resolver *resolver, struct resolver_counts *out) { (void)resolver; memset(out, 0, sizeof(*out)); }
bool resolver_name(const uint8_t *data, size_t length, char out[RESOLVER_NAME]) { (void)data; (void)length; (void)out; return false; }
