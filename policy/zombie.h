/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/zombie.h - a rule about zombies applied to a session: whether it holds
 * here, whom it judges, by which tuning.  As policy/limit.h is for limits.
 */
#ifndef MORTSAFE_POLICY_ZOMBIE_H
#define MORTSAFE_POLICY_ZOMBIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/detector/detector.h"
#include "policy/limit.h"
#include "policy/scene.h"

enum {
    ZOMBIE_RULES = 8,        /* in a configuration, at most */
    ZOMBIE_SPAN_S = 3600,    /* of what is let through while throttled */
    ZOMBIE_HELP_HOUR = 20,   /* transactions that somebody quarantined may begin
                                an hour to reach help; then refused at MAIL */
    ZOMBIE_HELD_DAY = 100,   /* messages a subject may have held */
    ZOMBIE_HELD_HOST = 5000, /* ... and all of them together, on one host */
    ZOMBIE_DAY_S = 86400
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

/* The rules that hold for SCENE, of several with the same key the first;
 * whether one finds somebody to judge, zombie_subject() tells.  Returns how
 * many. */
size_t zombie_rules(const struct config *config, const struct scene *scene,
                    const struct zombie *out[ZOMBIE_RULES]);

/* Is ZOMBIE about addresses: client, prefix, or a pair with one of them? */
bool zombie_is_address(const struct zombie *zombie);

/* Do A and B judge the same subjects, whatever the scene? */
bool zombie_same_key(const struct zombie *a, const struct zombie *b);

/* Whom it judges in SCENE; false: nobody. */
bool zombie_subject(const struct zombie *zombie, const struct scene *scene,
                    struct subject *out);

/*
 * The other name that whoever sends mail that does not come by SMTP may log in
 * by: without the domain, if that is ours and no `default_domain` completes
 * logins.  False: there is none.
 */
bool zombie_bare_subject(const struct config *config,
                         const struct zombie *zombie, const struct scene *scene,
                         struct subject *out);

/*
 * What SCENE's subject of ZOMBIE is: by an exemption that names a class; of a
 * login, by `users { classes }`; by the rule; of an address, by its network;
 * else a person.
 */
enum network_class zombie_class(const struct config *config,
                                const struct zombie *zombie,
                                const struct scene *scene);

/* The same for one who is only known by name (an operator asks, time passes):
 * the rule that judges SUBJECT, in *CLASS what it is; NULL: none does. */
const struct zombie *zombie_of(const struct config *config,
                               const struct subject *subject, struct wall now,
                               enum network_class *class);

/* The rule whose id is ID; NULL: there is none. */
const struct zombie *zombie_by_id(const struct config *config, uint64_t id);

/* As zombie_of(), but the rule ID before all others, as long as it judges
 * SUBJECT: of several with the same key it is not always the first whose
 * sessions SUBJECT has. */
const struct zombie *zombie_still(const struct config *config,
                                  const struct subject *subject, uint64_t id,
                                  struct wall now, enum network_class *class);

/* CLASS's tuning with ZOMBIE's thresholds. */
void zombie_tuning(const struct zombie *zombie, enum network_class class,
                   struct detector_tuning *out);

/* After how many seconds the N-th quarantine (from 1) by ZOMBIE lifts by
 * itself; 0: never. */
uint64_t zombie_lift_s(const struct zombie *zombie, uint32_t n);

/* In force, or only looked on, in SCENE; and for one known by name, as far as
 * that tells: by the rule, the daemon (ACTS may be NULL) and, of an address,
 * its network. */
enum mode zombie_mode(const struct zombie *zombie, const struct scene *scene);
enum mode zombie_mode_of(const struct config *config, const struct acts *acts,
                         const struct zombie *zombie,
                         const struct subject *subject, struct wall now);

/* The window of what ZOMBIE lets through while throttled; of its help; of what
 * is held for its sake; and that of all that is held on this host, whose
 * subject is network:(host). */
uint64_t zombie_window(const struct zombie *zombie);
uint64_t zombie_help_window(const struct zombie *zombie);
uint64_t zombie_held_window(const struct zombie *zombie);
uint64_t zombie_host_window(void);

/* May a quarantined sender write to ADDRESS (postmaster, abuse of our domains,
 * `support_rcpt`)?  EXTERNAL: it is outside of them. */
bool zombie_is_help(const struct config *config, const struct address *address,
                    bool external);

#endif
