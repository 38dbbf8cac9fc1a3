/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/lookup/heading.h"

const char *heading_name(enum heading_name name) { (void)name; return ""; }
void heading_read(struct heading *heading, const char *name, const char *value, const char *authserv_id) { (void)heading; (void)name; (void)value; (void)authserv_id; }
bool heading_write(enum heading_name name, const struct config *config, const struct facts *facts, const struct scene *scene, const struct lookups *lookups, const char *helo, const char *authserv_id, char out[HEADING_VALUE])
{ (void)name; (void)config; (void)facts; (void)scene; (void)lookups; (void)helo; (void)authserv_id; (void)out; return false; }
