/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/zombie.h"

#include <string.h>
#include <strings.h>

#include "policy/acts.h"
#include "policy/relay.h"

/* What sets a rule's windows apart from each other. */
static const uint64_t help_window = UINT64_C(0x68656c702168656c);
static const uint64_t held_window = UINT64_C(0x7a68656c64217a68);
static const uint64_t host_window = UINT64_C(0x686f7374686f6c64);

/* ----- whom a rule is about */

bool
zombie_is_address(const struct zombie *zombie)
{
    for (size_t i = 0; i < zombie->n_keys; i++) {
        if (zombie->key[i].kind == SUBJECT_CLIENT ||
            zombie->key[i].kind == SUBJECT_PREFIX)
            return true;
    }
    return false;
}

bool
zombie_same_key(const struct zombie *a, const struct zombie *b)
{
    if (a->n_keys != b->n_keys)
        return false;
    for (size_t i = 0; i < a->n_keys; i++) {
        if (a->key[i].kind != b->key[i].kind ||
            a->key[i].len4 != b->key[i].len4 ||
            a->key[i].len6 != b->key[i].len6)
            return false;
    }
    return true;
}

/* SCENE as rules see it: mail that does not come by SMTP, in ROOM, as if its
 * sender had logged in. */
static const struct scene *
as_login(const struct scene *scene, struct scene *room)
{
    if (scene->kind != KIND_LOCAL)
        return scene;
    *room = *scene;
    room->kind = KIND_LOGIN;
    memcpy(room->user, scene->local_user, sizeof(room->user));
    return room;
}

bool
zombie_subject(const struct zombie *zombie, const struct scene *scene,
               struct subject *out)
{
    struct scene room;

    if (zombie_is_address(zombie) &&
        (scene->kind == KIND_LOCAL || scene->client.family == 0))
        return false;
    return limit_key_subject(zombie->key, zombie->n_keys, NULL,
                             as_login(scene, &room), out);
}

bool
zombie_bare_subject(const struct config *config, const struct zombie *zombie,
                    const struct scene *scene, struct subject *out)
{
    const struct address *sender = &scene->sender_parsed;

    if (scene->kind != KIND_LOCAL || zombie->n_keys != 1 ||
        zombie->key[0].kind != SUBJECT_USER ||
        config->users_default_domain != NULL ||
        sender->form != ADDRESS_DOMAIN ||
        !domains_has(config->domains, sender->domain))
        return false;
    return subject_make(SUBJECT_USER, sender->local, out);
}

/* ----- whether it holds */

static bool
skips(const struct exempt *exempt, const struct zombie *zombie)
{
    return exempt->skip_zombies ||
           (exempt->skip_zombie != NULL && exempt->skip_zombie[zombie->index]);
}

static const struct exempt *
find_exempt(const struct config *config, const struct zombie *zombie,
            const struct scene *scene)
{
    for (size_t i = 0; i < config->n_exempts; i++) {
        const struct exempt *exempt = config->exempts[i];

        if (skips(exempt, zombie) && limit_is_exempt(exempt, scene))
            return exempt;
    }
    return NULL;
}

static bool
spares_loopback(const struct config *config, const struct zombie *zombie,
                const struct scene *scene)
{
    return zombie_is_address(zombie) && !zombie->in_loopback &&
           scene->network != NULL && scene->network == config->loopback;
}

/* The same as zombie_state() but for listener and session. */
static enum limit_state
spared_state(const struct config *config, const struct zombie *zombie,
             const struct scene *scene, struct limit_reason *reason)
{
    struct subject subject;

    if (spares_loopback(config, zombie, scene))
        return LIMIT_LOOPBACK;
    reason->exempt = find_exempt(config, zombie, scene);
    if (reason->exempt != NULL)
        return LIMIT_EXEMPT;
    if (acts_count(scene->acts) > 0 && zombie_subject(zombie, scene, &subject))
        reason->act = acts_skips_zombie(scene->acts, zombie, scene, &subject);
    return reason->act != NULL ? LIMIT_RELEASED : LIMIT_APPLIES;
}

enum limit_state
zombie_state(const struct config *config, const struct zombie *zombie,
             const struct scene *scene, struct limit_reason *out)
{
    size_t at = scene->network != NULL ? scene->network->index + 1 : 0;
    struct limit_reason none, *reason = out != NULL ? out : &none;
    struct scene room;

    *reason = (struct limit_reason){NULL, NULL};
    if ((zombie->on >> scene->listener->index & 1) == 0)
        return LIMIT_OTHER_LISTENER;
    if ((zombie->in[at] & scene->kind) == 0)
        return LIMIT_OTHER_SESSION;
    if (scene->kind == KIND_LOGIN && zombie_is_address(zombie))
        return LIMIT_LOGIN;
    return spared_state(config, zombie, as_login(scene, &room), reason);
}

bool
zombie_holds(const struct config *config, const struct zombie *zombie,
             const struct scene *scene)
{
    return zombie_state(config, zombie, scene, NULL) == LIMIT_APPLIES;
}

static bool
has_key(const struct zombie *const *rules, size_t n,
        const struct zombie *zombie)
{
    for (size_t i = 0; i < n; i++)
        if (zombie_same_key(rules[i], zombie))
            return true;
    return false;
}

size_t
zombie_rules(const struct config *config, const struct scene *scene,
             const struct zombie *out[ZOMBIE_RULES])
{
    size_t n = 0;

    for (size_t i = 0; i < config->n_zombies && n < ZOMBIE_RULES; i++) {
        const struct zombie *zombie = config->zombies[i];

        if (zombie_holds(config, zombie, scene) && !has_key(out, n, zombie))
            out[n++] = zombie;
    }
    return n;
}

/* ----- what its subject is */

static enum network_class
exempt_class(const struct config *config, const struct scene *scene)
{
    for (size_t i = 0; i < config->n_exempts; i++) {
        const struct exempt *exempt = config->exempts[i];

        if (exempt->class != CLASS_UNSET && limit_is_exempt(exempt, scene))
            return exempt->class;
    }
    return CLASS_UNSET;
}

enum network_class
zombie_class(const struct config *config, const struct zombie *zombie,
             const struct scene *scene)
{
    struct scene room;
    const struct scene *seen = as_login(scene, &room);
    const char *text = NULL;
    enum network_class class = exempt_class(config, seen);

    if (class != CLASS_UNSET)
        return class;
    if (config->classes != NULL && zombie->key[0].kind == SUBJECT_USER)
        text = limit_by_name(config->classes, seen->user);
    if (text != NULL && network_class_parse(text, &class))
        return class;
    if (zombie->class != CLASS_UNSET)
        return zombie->class;
    if (zombie_is_address(zombie) && seen->network != NULL &&
        seen->network->class != CLASS_UNSET)
        return seen->network->class;
    return CLASS_PERSON;
}

void
zombie_tuning(const struct zombie *zombie, enum network_class class,
              struct detector_tuning *out)
{
    detector_tuning(class, out);
    out->watch = zombie->watch;
    out->throttle = zombie->throttle_at;
    out->quarantine = zombie->quarantine_at;
    out->probation_s = zombie->probation_s > UINT32_MAX
                           ? UINT32_MAX
                           : (uint32_t)zombie->probation_s;
}

/* ----- one who is only known by name */

static const struct network *
network_of(const struct config *config, struct prefix prefix)
{
    uint32_t index;

    return nettree_longest(config->nets, prefix, &index)
               ? config->networks[index]
               : NULL;
}

static const struct network *
network_named(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->n_networks; i++)
        if (strcmp(config->networks[i]->name, name) == 0)
            return config->networks[i];
    return NULL;
}

/* Put the part of KIND that is called TEXT into SCENE, a login's by now if it
 * is a name. */
static void
imagine_part(const struct config *config, enum subject_kind kind,
             const char *text, struct scene *scene)
{
    const size_t len = strlen(text);

    switch (kind) {
    case SUBJECT_CLIENT:
    case SUBJECT_PREFIX:
        if (prefix_parse(text, &scene->client, NULL) == MS_OK)
            scene->network = network_of(config, scene->client);
        break;
    case SUBJECT_USER:
        if (len < sizeof(scene->user))
            memcpy(scene->user, text, len + 1);
        break;
    case SUBJECT_SENDER:
        if (len < sizeof(scene->sender))
            memcpy(scene->sender, text, len + 1);
        break;
    case SUBJECT_DOMAIN:
        if (len + 1 < sizeof(scene->user)) {
            scene->user[0] = '@';
            memcpy(scene->user + 1, text, len + 1);
        }
        break;
    case SUBJECT_NETWORK:
        scene->network = network_named(config, text);
        break;
    case SUBJECT_PAIR:
    case SUBJECT_KINDS:
        break;
    }
}

/* A scene in which SUBJECT is judged, as far as it tells: not known are the
 * listener, and of a login the client and its network. */
static void
imagine(const struct config *config, const struct subject *subject,
        struct wall now, struct scene *out)
{
    char text[SUBJECT_PART_MAX + 1];
    enum subject_kind kind;

    memset(out, 0, sizeof(*out));
    out->now = now;
    for (size_t i = 0; subject_part(subject, i, &kind, text); i++)
        imagine_part(config, kind, text, out);
    out->kind = KIND_LOGIN;
    if (out->client.family != 0)
        out->kind = out->network != NULL && out->network->relay == RELAY_ANY
                        ? KIND_RELAY
                        : KIND_STRANGER;
}

/* Is SCENE's client a prefix in no one network?  Several may be in it. */
static bool
is_wide(const struct scene *scene)
{
    return scene->network == NULL && scene->client.family != 0 &&
           scene->client.len < (scene->client.family == 4 ? 32 : 64);
}

/* Kinds of sessions in which ZOMBIE finds SCENE's subject. */
static unsigned
kinds_of(const struct zombie *zombie, const struct scene *scene)
{
    if (zombie_is_address(zombie))
        return is_wide(scene) ? KIND_RELAY | KIND_STRANGER : scene->kind;
    if (zombie->key[0].kind == SUBJECT_USER)
        return KIND_LOGIN | KIND_LOCAL;
    if (zombie->key[0].kind == SUBJECT_NETWORK)
        return KIND_LOGIN | KIND_RELAY | KIND_STRANGER;
    return KIND_LOGIN | KIND_RELAY | KIND_LOCAL;
}

/* Does ZOMBIE hold in any session that SCENE may stand for? */
static bool
holds_somewhere(const struct config *config, const struct zombie *zombie,
                const struct scene *scene)
{
    const unsigned kinds = kinds_of(zombie, scene);

    if (zombie->on == 0)
        return false;
    if (scene->network != NULL ||
        (scene->client.family != 0 && !is_wide(scene)))
        return (zombie->in[scene->network != NULL ? scene->network->index + 1
                                                  : 0] &
                kinds) != 0;
    for (size_t at = 0; at <= config->n_networks; at++)
        if ((zombie->in[at] & kinds) != 0)
            return true;
    return false;
}

static bool
judges(const struct config *config, const struct zombie *zombie,
       const struct subject *subject, const struct scene *scene)
{
    struct limit_reason reason = {NULL, NULL};

    return limit_key_makes(zombie->key, zombie->n_keys, subject) &&
           holds_somewhere(config, zombie, scene) &&
           spared_state(config, zombie, scene, &reason) == LIMIT_APPLIES;
}

const struct zombie *
zombie_by_id(const struct config *config, uint64_t id)
{
    for (size_t i = 0; i < config->n_zombies; i++)
        if (config->zombies[i]->id == id)
            return config->zombies[i];
    return NULL;
}

const struct zombie *
zombie_still(const struct config *config, const struct subject *subject,
             uint64_t id, struct wall now, enum network_class *class)
{
    const struct zombie *zombie = zombie_by_id(config, id);
    struct scene scene;

    imagine(config, subject, now, &scene);
    if (zombie != NULL && !judges(config, zombie, subject, &scene))
        zombie = NULL;
    for (size_t i = 0; zombie == NULL && i < config->n_zombies; i++)
        if (judges(config, config->zombies[i], subject, &scene))
            zombie = config->zombies[i];
    if (zombie != NULL)
        *class = zombie_class(config, zombie, &scene);
    return zombie;
}

const struct zombie *
zombie_of(const struct config *config, const struct subject *subject,
          struct wall now, enum network_class *class)
{
    return zombie_still(config, subject, 0, now, class);
}

/* ----- mode, windows, help */

uint64_t
zombie_lift_s(const struct zombie *zombie, uint32_t n)
{
    size_t i = n > 0 ? n - 1 : 0;

    if (zombie->n_lifts == 0)
        return 0;
    return zombie->lift_s[i < zombie->n_lifts ? i : zombie->n_lifts - 1];
}

enum mode
zombie_mode(const struct zombie *zombie, const struct scene *scene)
{
    return scene->mode == MODE_OBSERVE || zombie->mode != MODE_ENFORCE
               ? MODE_OBSERVE
               : MODE_ENFORCE;
}

enum mode
zombie_mode_of(const struct config *config, const struct acts *acts,
               const struct zombie *zombie, const struct subject *subject,
               struct wall now)
{
    const struct network *network;
    struct scene scene;

    imagine(config, subject, now, &scene);
    network = scene.network;
    scene.mode = acts_mode(acts, config->mode, now, NULL);
    if (network != NULL && network->mode == MODE_OBSERVE &&
        (!network->has_until || now.s < network->until.s))
        scene.mode = MODE_OBSERVE;
    return zombie_mode(zombie, &scene);
}

uint64_t
zombie_window(const struct zombie *zombie)
{
    return zombie->id;
}

uint64_t
zombie_help_window(const struct zombie *zombie)
{
    return zombie->id ^ help_window;
}

uint64_t
zombie_held_window(const struct zombie *zombie)
{
    return zombie->id ^ held_window;
}

uint64_t
zombie_host_window(void)
{
    return host_window;
}

bool
zombie_is_help(const struct config *config, const struct address *address,
               bool external)
{
    char text[ADDRESS_TEXT];

    if (!external && relay_is_desk(address))
        return true;
    if (config->n_support_rcpts == 0)
        return false;
    address_canonical(address, text);
    for (size_t i = 0; i < config->n_support_rcpts; i++)
        if (strcasecmp(config->support_rcpts[i], text) == 0)
            return true;
    return false;
}
