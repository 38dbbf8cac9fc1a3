/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/zombie.h - a rule about zombies applied to a session: whether it holds
 * here, whom it judges, by which tuning.  As policy/limit.h is for limits.
 */
#ifndef MORTSAFE_POLICY_ZOMBIE_H
#define MORTSAFE_POLICY_ZOMBIE_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/detector/detector.h"
#include "policy/limit.h"
#include "policy/scene.h"

enum {
    ZOMBIE_RULES = 8,      /* in a configuration, at most */
    ZOMBIE_HELP_HOUR = 20, /* transactions that somebody quarantined may begin
                              an hour to reach help; then refused at MAIL */
    ZOMBIE_HELD_DAY = 100  /* messages a subject may have held */
};

/*
 * Whether ZOMBIE holds for SCENE.  One about addresses (client, prefix, or a
 * pair with them) never holds for a login, nor on loopback unless `in =` names
 * it.  Mail that does not come by SMTP is judged as the user of its sender's
 * name, too.  Pure.
 */
enum limit_state zombie_state(const struct config *config,
                              const struct zombie *zombie,
                              const struct scene *scene,
                              struct limit_reason *out);
bool zombie_holds(const struct config *config, const struct zombie *zombie,
                  const struct scene *scene);

/* Whom it judges in SCENE; false: nobody. */
bool zombie_subject(const struct zombie *zombie, const struct scene *scene,
                    struct subject *out);

/* What SCENE's subject of ZOMBIE is: by an exemption that names a class, by
 * `users { classes }` (a login) or the rule's own; for addresses by their
 * network; else a person. */
enum network_class zombie_class(const struct config *config,
                                const struct zombie *zombie,
                                const struct scene *scene);

/* The same for one who is only known by name (an operator asks, time passes):
 * the rule that judges SUBJECT, in *CLASS what it is; NULL: none does. */
const struct zombie *zombie_of(const struct config *config,
                               const struct subject *subject, struct wall now,
                               enum network_class *class);

/* CLASS's tuning with ZOMBIE's thresholds. */
void zombie_tuning(const struct zombie *zombie, enum network_class class,
                   struct detector_tuning *out);

/* In force, or only looked on, in SCENE; and for one known by name, of whom the
 * daemon's mode is MODE. */
enum mode zombie_mode(const struct zombie *zombie, const struct scene *scene);

/* The window of what ZOMBIE lets through while throttled; of its help. */
uint64_t zombie_window(const struct zombie *zombie);
uint64_t zombie_help_window(const struct zombie *zombie);

/* May a quarantined sender write to ADDRESS (postmaster, abuse of our domains,
 * `support_rcpt`)? */
bool zombie_is_help(const struct config *config, const struct address *address,
                    bool external);

#endif
