/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/zombie.h"

enum limit_state
zombie_state(const struct config *c, const struct zombie *z,
             const struct scene *s, struct limit_reason *o)
{
    (void)c;
    (void)z;
    (void)s;
    (void)o;
    return LIMIT_OTHER_SESSION;
}
bool
zombie_holds(const struct config *c, const struct zombie *z,
             const struct scene *s)
{
    return zombie_state(c, z, s, NULL) == LIMIT_APPLIES;
}
bool
zombie_subject(const struct zombie *z, const struct scene *s, struct subject *o)
{
    (void)z;
    (void)s;
    (void)o;
    return false;
}
enum network_class
zombie_class(const struct config *c, const struct zombie *z,
             const struct scene *s)
{
    (void)c;
    (void)z;
    (void)s;
    return CLASS_PERSON;
}
const struct zombie *
zombie_of(const struct config *c, const struct subject *s, struct wall now,
          enum network_class *o)
{
    (void)c;
    (void)s;
    (void)now;
    (void)o;
    return NULL;
}
void
zombie_tuning(const struct zombie *z, enum network_class c,
              struct detector_tuning *o)
{
    (void)z;
    detector_tuning(c, o);
}
enum mode
zombie_mode(const struct zombie *z, const struct scene *s)
{
    (void)s;
    return z->mode;
}
uint64_t
zombie_window(const struct zombie *z)
{
    return z->id;
}
uint64_t
zombie_help_window(const struct zombie *z)
{
    return z->id;
}
bool
zombie_is_help(const struct config *c, const struct address *a, bool e)
{
    (void)c;
    (void)a;
    (void)e;
    return false;
}
