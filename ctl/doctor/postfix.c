/* SPDX-License-Identifier: BSD-2-Clause */
/* ctl/doctor/postfix.c - what main.cf and master.cf say. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "ctl/doctor/checks.h"
#include "ctl/doctor/recipe.h"
#include "ctl/doctor/socket.h"

enum { MILTERS = 4096 };

/* A service that speaks SMTP with others. */
struct face {
    const struct postconf_service *inet;  /* what is listened on */
    const struct postconf_service *smtpd; /* who speaks */
    const struct listener *listener;      /* of its port; NULL: none */
};

/* Number *I of them and on; false: no more. */
static bool
next_face(const struct patient *p, size_t *i, struct face *out)
{
    while (*i < postconf_services(p->postfix)) {
        const struct postconf_service *one = postconf_at(p->postfix, (*i)++);
        const struct postconf_service *smtpd = postconf_smtpd(p->postfix, one);

        if (smtpd == NULL)
            continue;
        *out = (struct face){one, smtpd, patient_listener(p, one->port)};
        if (out->listener != NULL && out->listener->skip)
            out->listener = NULL;
        return true;
    }
    return false;
}

static const char *
milters_of(const struct patient *p, const struct face *face)
{
    return postconf_get(p->postfix, face->smtpd, "smtpd_milters");
}

static const char *
queue_of(const struct patient *p)
{
    return postconf_get(p->postfix, NULL, "queue_directory");
}

/* Is MILTER, as FACE calls it, mortsafe? */
static bool
is_ours(const struct patient *p, const struct face *face,
        const struct postconf_milter *milter)
{
    return socket_is(patient_socket(p), milter->endpoint,
                     postconf_chroot(p->postfix, face->smtpd) ? queue_of(p)
                                                              : "");
}

/* mortsafe among FACE's milters: its number from 0, and how many there are. */
static bool
find_ours(const struct patient *p, const struct face *face,
          struct postconf_milter *out, size_t *at, size_t *n)
{
    const char *text = milters_of(p, face);
    struct postconf_milter one;
    bool found = false;

    *n = 0;
    while (postconf_milter(&text, &one)) {
        if (!found && is_ours(p, face, &one)) {
            found = true;
            *out = one;
            *at = *n;
        }
        (*n)++;
    }
    return found;
}

/* The milters that FACE should have: those of TEXT without mortsafe, and that
 * behind them. */
static bool
write_milters(const struct patient *p, const struct face *face,
              char out[MILTERS])
{
    const bool chrooted = postconf_chroot(p->postfix, face->smtpd);
    const char *text = milters_of(p, face);
    char endpoint[RECIPE_TEXT], ours[RECIPE_TEXT], word[WORDS_TEXT];
    struct postconf_milter one;
    size_t len = 0;

    if (!recipe_endpoint(patient_socket(p), queue_of(p), chrooted, endpoint) ||
        !recipe_milter(endpoint, ours))
        return false;
    while (words_next(&text, word)) {
        const char *inside = word;

        (void)postconf_milter(&inside, &one);
        if (is_ours(p, face, &one))
            continue;
        len += (size_t)snprintf(
            out + len, MILTERS - len,
            strpbrk(word, ", \t") != NULL ? "{ %s }, " : "%s, ", word);
        if (len >= MILTERS)
            return false;
    }
    return snprintf(out + len, MILTERS - len, "%s", ours) <
           (int)(MILTERS - len);
}

/* postconf -P takes no blanks: VALUE without those that part nothing. */
static bool
squeeze(const char *value, char out[MILTERS])
{
    size_t n = 0;

    for (; *value != '\0' && n < MILTERS - 1; value++) {
        bool gap = *value == ' ' &&
                   (n == 0 || strchr(",{", out[n - 1]) || value[1] == '}');

        if (!gap)
            out[n++] = *value;
    }
    out[n] = '\0';
    return *value == '\0' && strchr(out, ' ') == NULL;
}

/* The command that sets NAME to VALUE where FACE has it from. */
static void
write_set(const struct patient *p, const struct face *face, const char *name,
          const char *value, char cure[FINDING_CURE])
{
    char set[PATIENT_COMMAND], reload[PATIENT_COMMAND], tight[MILTERS];
    int n;

    (void)patient_postconf(p, set);
    (void)patient_reload(p, reload);
    if (face != NULL && !squeeze(value, tight))
        n = -1;
    else if (face != NULL)
        n = snprintf(cure, FINDING_CURE, "%s -P '%s/%s/%s=%s'\n%s", set,
                     face->smtpd->name, face->smtpd->type, name, tight, reload);
    else
        n = snprintf(cure, FINDING_CURE, "%s -e '%s = %s'\n%s", set, name,
                     value, reload);
    if (n < 0 || n >= FINDING_CURE)
        (void)snprintf(cure, FINDING_CURE, "mortsafectl setup postfix");
}

/* Is mortsafe, called as FACE calls it, in main.cf's list, which FACE has
 * another in place of? */
static bool
is_in_main(const struct patient *p, const struct face *face)
{
    const char *text = postconf_get(p->postfix, NULL, "smtpd_milters");
    struct postconf_milter one;

    while (postconf_milter(&text, &one)) {
        if (is_ours(p, face, &one))
            return true;
    }
    return false;
}

/* The command that has FACE go by main.cf again. */
static void
write_unset(const struct patient *p, const struct face *face, const char *name,
            char cure[FINDING_CURE])
{
    char set[PATIENT_COMMAND], reload[PATIENT_COMMAND];
    int n = snprintf(cure, FINDING_CURE, "%s -PX '%s/%s/%s'\n%s",
                     patient_postconf(p, set), face->smtpd->name,
                     face->smtpd->type, name, patient_reload(p, reload));

    if (n < 0 || n >= FINDING_CURE) /* half a command is none */
        (void)snprintf(cure, FINDING_CURE, "mortsafectl setup postfix");
}

/* The command that has FACE ask mortsafe. */
static void
write_attach(const struct patient *p, const struct face *face,
             char cure[FINDING_CURE])
{
    bool own = postconf_has_own(p->postfix, face->smtpd, "smtpd_milters");
    char milters[MILTERS];

    if (own && is_in_main(p, face))
        write_unset(p, face, "smtpd_milters", cure);
    else if (write_milters(p, face, milters))
        write_set(p, own ? face : NULL, "smtpd_milters", milters, cure);
    else /* that tells what stands in the way */
        (void)snprintf(cure, FINDING_CURE, "mortsafectl setup postfix");
}

/* ----- is it asked? */

static void
tell_attached(struct patient *p, const struct face *face, size_t n)
{
    finding_ok(&p->findings, "%s (%s) asks mortsafe%s", face->inet->name,
               face->listener != NULL ? face->listener->name : "no listener",
               n > 1 ? ", among others" : "");
}

static void
tell_detached(struct patient *p, const struct face *face)
{
    char cure[FINDING_CURE];

    write_attach(p, face, cure);
    if (face->listener != NULL)
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s (%s) does not ask mortsafe: nothing is checked there",
                    face->inet->name, face->listener->name);
    else if (!face->inet->loopback)
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "%s takes mail and does not ask mortsafe, which knows no "
                    "listener with its port",
                    face->inet->name);
}

void
check_milter_postfix(struct patient *p)
{
    struct postconf_milter ours;
    struct face face;
    size_t at, n, i = 0, faces = 0;

    if (strncmp(patient_socket(p), "fd:", 3) == 0) {
        finding_skip(&p->findings,
                     "the configuration has socket = %s, which does not tell "
                     "where the MTA finds it",
                     patient_socket(p));
        return;
    }
    while (next_face(p, &i, &face)) {
        faces++;
        if (find_ours(p, &face, &ours, &at, &n))
            tell_attached(p, &face, n);
        else
            tell_detached(p, &face);
    }
    if (faces == 0)
        finding_bad(&p->findings, FINDING_WARN, "mortsafectl setup postfix",
                    "master.cf has no service that takes mail by SMTP");
}

/* ----- and while it is away? */

struct action {
    const char *name;
    enum finding_state state;
    const char *means;
};

static const struct action actions[] = {
    {"tempfail", FINDING_OK, "clients are put off"},
    {"shutdown", FINDING_OK, "clients are hung up on"},
    {"accept", FINDING_FAIL, "all mail passes without any check"},
    {"reject", FINDING_WARN,
     "mail is refused for good, and its senders lose "
     "it"},
    {"quarantine", FINDING_WARN, "all mail is taken, and held"},
};

void
check_action_postfix(struct patient *p)
{
    struct postconf_milter ours;
    char cure[FINDING_CURE];
    struct face face;
    size_t at, n, i = 0;

    while (next_face(p, &i, &face)) {
        const char *action;

        if (!find_ours(p, &face, &ours, &at, &n))
            continue;
        action = ours.action[0] != '\0' ? ours.action
                                        : postconf_get(p->postfix, face.smtpd,
                                                       "milter_default_action");
        for (size_t k = 0; k < sizeof(actions) / sizeof(actions[0]); k++) {
            if (strcmp(actions[k].name, action) != 0)
                continue;
            write_attach(p, &face, cure);
            finding_bad(&p->findings, actions[k].state,
                        actions[k].state == FINDING_OK ? "" : cure,
                        "while mortsafe is away %s at %s (%s)",
                        actions[k].means, face.inet->name, action);
        }
    }
}

/* ----- the order */

/* Does ENDPOINT look like who signs mail? */
static bool
signs(const char *endpoint)
{
    size_t len = strlen(endpoint);

    return strstr(endpoint, "dkim") != NULL ||
           strstr(endpoint, "arc") != NULL ||
           (len > 5 && strcmp(endpoint + len - 5, ":8891") == 0);
}

/* What stands at the wrong side of mortsafe among FACE's milters; false:
 * nothing. */
static bool
find_misplaced(const struct patient *p, const struct face *face, size_t at,
               struct postconf_milter *out, bool *behind)
{
    const char *text = milters_of(p, face);

    for (size_t i = 0; postconf_milter(&text, out); i++) {
        *behind = i > at;
        if (i != at && !is_ours(p, face, out) &&
            signs(out->endpoint) != *behind)
            return true;
    }
    return false;
}

static void
tell_misplaced(struct patient *p, const struct face *face,
               const struct postconf_milter *other, bool behind)
{
    char cure[FINDING_CURE];

    write_attach(p, face, cure);
    if (behind)
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "%s asks %s behind mortsafe: its verdict cannot be read, "
                    "and what it refuses has been counted by then",
                    face->inet->name, other->endpoint);
    else
        finding_bad(&p->findings, FINDING_WARN,
                    "postconf smtpd_milters; postconf -P | grep smtpd_milters",
                    "%s has %s sign mail before mortsafe, which may still add "
                    "a header: put it last in smtpd_milters",
                    face->inet->name, other->endpoint);
}

/* Does mortsafe remove Authentication-Results that bear this server's name?
 * Milters before it usually write theirs under it. */
static bool
takes_name(const struct config *config)
{
    return (config->spf.written || config->n_dnsbls > 0) &&
           config->spf.authserv_id == NULL;
}

static void
tell_name(struct patient *p)
{
    char cure[FINDING_CURE];

    (void)snprintf(cure, sizeof(cure),
                   "mortsafectl config spf  # give it authserv_id = "
                   "mortsafe.%.200s",
                   postconf_get(p->postfix, NULL, "myhostname"));
    finding_bad(&p->findings, FINDING_WARN, cure,
                "milters before mortsafe may write Authentication-Results in "
                "this server's name: mortsafe, which does so too, removes them "
                "as forged");
}

void
check_order_postfix(struct patient *p)
{
    struct postconf_milter ours, other;
    struct face face;
    size_t at, n, i = 0, found = 0, wrong = 0;
    bool behind, first = true;

    while (next_face(p, &i, &face)) {
        if (!find_ours(p, &face, &ours, &at, &n))
            continue;
        found++;
        first = first && at == 0;
        if (find_misplaced(p, &face, at, &other, &behind)) {
            tell_misplaced(p, &face, &other, behind);
            wrong++;
        }
    }
    if (found > 0 && wrong == 0)
        finding_ok(&p->findings, "mortsafe is asked behind filters, and before "
                                 "who signs");
    if (!first && takes_name(p->config))
        tell_name(p);
}

/* ----- twice? */

static bool
filters_content(const struct patient *p)
{
    size_t i = 0;
    struct face face;

    while (next_face(p, &i, &face)) {
        if (postconf_get(p->postfix, face.smtpd, "content_filter")[0] != '\0' ||
            postconf_get(p->postfix, face.smtpd, "smtpd_proxy_filter")[0] !=
                '\0')
            return true;
    }
    return false;
}

/* Does FACE take mail back from a filter? */
static bool
is_way_back(const struct patient *p, const struct face *face)
{
    return face->listener == NULL && face->inet->loopback &&
           postconf_get(p->postfix, face->smtpd, "content_filter")[0] == '\0' &&
           postconf_get(p->postfix, face->smtpd, "smtpd_proxy_filter")[0] ==
               '\0';
}

void
check_twice_postfix(struct patient *p)
{
    struct postconf_milter ours;
    char cure[FINDING_CURE];
    struct face face;
    size_t at, n, i = 0, wrong = 0;

    if (!filters_content(p)) {
        finding_ok(&p->findings, "no content filter gives mail back");
        return;
    }
    while (next_face(p, &i, &face)) {
        if (!is_way_back(p, &face) || !find_ours(p, &face, &ours, &at, &n))
            continue;
        write_set(p, &face, "smtpd_milters", "", cure);
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s, where a content filter gives mail back, asks mortsafe "
                    "again: each message is counted twice, the second time as "
                    "this machine's",
                    face.inet->name);
        wrong++;
    }
    if (wrong == 0)
        finding_ok(&p->findings, "what a content filter gives back is not "
                                 "asked about again");
}

/* ----- logins */

static bool
has_tls(const struct patient *p, const struct face *face)
{
    const char *level =
        postconf_get(p->postfix, face->smtpd, "smtpd_tls_security_level");

    return postconf_yes(p->postfix, face->smtpd, "smtpd_tls_auth_only") ||
           postconf_yes(p->postfix, face->smtpd, "smtpd_tls_wrappermode") ||
           postconf_yes(p->postfix, face->smtpd, "smtpd_enforce_tls") ||
           strcmp(level, "encrypt") == 0;
}

/* Should no logins come in at FACE? */
static bool
forbids(const struct face *face)
{
    return face->listener != NULL ? face->listener->auth == AUTH_FORBID
                                  : face->inet->port == 25;
}

static size_t
look_at_auth(struct patient *p, const struct face *face)
{
    char cure[FINDING_CURE];
    size_t wrong = 0;

    if (!postconf_yes(p->postfix, face->smtpd, "smtpd_sasl_auth_enable"))
        return 0;
    if (!has_tls(p, face)) {
        write_set(p, face, "smtpd_tls_auth_only", "yes", cure);
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s offers AUTH without TLS: passwords can be read on the "
                    "way",
                    face->inet->name);
        wrong++;
    }
    if (forbids(face)) {
        write_set(p, face, "smtpd_sasl_auth_enable", "no", cure);
        finding_bad(&p->findings, FINDING_WARN, cure,
                    "%s offers AUTH, where mail from other servers comes in: "
                    "passwords are tried there day and night; mail programs "
                    "have 587 and 465",
                    face->inet->name);
        wrong++;
    }
    return wrong;
}

void
check_auth_postfix(struct patient *p)
{
    struct face face;
    size_t i = 0, wrong = 0;

    while (next_face(p, &i, &face))
        wrong += look_at_auth(p, &face);
    if (wrong == 0)
        finding_ok(&p->findings,
                   "AUTH is offered with TLS, and not to other servers");
}

/* ----- what else lets strangers in */

void
check_newline(struct patient *p)
{
    static const char name[] = "smtpd_forbid_bare_newline";
    const char *value = postconf_get(p->postfix, NULL, name);
    char cure[FINDING_CURE];

    if (!postconf_knows(p->postfix, name)) {
        finding_bad(&p->findings, FINDING_FAIL,
                    "apt-get install --only-upgrade postfix",
                    "this Postfix (%s) is too old to forbid bare newlines: "
                    "messages can be smuggled in behind others",
                    postconf_get(p->postfix, NULL, "mail_version"));
    } else if (strcmp(value, "no") == 0 || strcmp(value, "note") == 0) {
        write_set(p, NULL, name, "yes", cure);
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s = %s: messages can be smuggled in behind others, past "
                    "mortsafe too",
                    name, value);
    } else {
        finding_ok(&p->findings, "%s = %s", name, value);
    }
}

/* What a list of restrictions says to a stranger's recipient elsewhere. */
enum fate { FATE_CLOSED, FATE_OPEN, FATE_OPEN_ENDED };

static enum fate
fate_of(const char *rules)
{
    static const char *const closing[] = {"reject", "defer",
                                          "reject_unauth_destination",
                                          "defer_unauth_destination"};
    char word[WORDS_TEXT];
    bool only_warns = false;

    while (words_next(&rules, word)) {
        if (only_warns) {
            only_warns = false;
            continue;
        }
        only_warns = strcmp(word, "warn_if_reject") == 0;
        for (size_t i = 0; i < sizeof(closing) / sizeof(closing[0]); i++) {
            if (strcmp(word, closing[i]) == 0)
                return FATE_CLOSED;
        }
        if (strcmp(word, "permit") == 0)
            return FATE_OPEN;
    }
    return FATE_OPEN_ENDED;
}

/* The one that closes is enough. */
static bool
is_closed(const struct patient *p, const struct face *face)
{
    return fate_of(postconf_get(p->postfix, face->smtpd,
                                "smtpd_relay_restrictions")) == FATE_CLOSED ||
           fate_of(postconf_get(p->postfix, face->smtpd,
                                "smtpd_recipient_restrictions")) == FATE_CLOSED;
}

void
check_rules(struct patient *p)
{
    char cure[FINDING_CURE];
    struct face face;
    size_t i = 0, wrong = 0;

    while (next_face(p, &i, &face)) {
        if (is_closed(p, &face))
            continue;
        write_set(
            p,
            postconf_has_own(p->postfix, face.smtpd, "smtpd_relay_restrictions")
                ? &face
                : NULL,
            "smtpd_relay_restrictions",
            "permit_mynetworks,permit_sasl_authenticated,"
            "reject_unauth_destination",
            cure);
        finding_bad(&p->findings, FINDING_FAIL, cure,
                    "%s has no reject_unauth_destination in force: Postfix "
                    "relays for anybody while mortsafe only observes",
                    face.inet->name);
        wrong++;
    }
    if (wrong == 0)
        finding_ok(&p->findings, "Postfix's own rules refuse to relay");
}
