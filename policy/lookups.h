/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/lookups.h - what the DNS says about a stranger: SPF and lists, who is
 * looked up, and what follows from it.  Pure: somebody else asks.
 */
#ifndef MORTSAFE_POLICY_LOOKUPS_H
#define MORTSAFE_POLICY_LOOKUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/config.h"
#include "policy/err.h"
#include "policy/limit.h"
#include "policy/scene.h"
#include "policy/verdict.h"

struct policy;

/* RFC 7208 section 2.6. */
enum spf_result {
    SPF_NONE,
    SPF_NEUTRAL,
    SPF_PASS,
    SPF_FAIL,
    SPF_SOFTFAIL,
    SPF_TEMPERROR,
    SPF_PERMERROR,
    SPF_RESULTS
};

/* How far a look-up has come. */
enum lookup_state {
    LOOKUP_UNASKED, /* nobody wants to know */
    LOOKUP_PENDING, /* not yet known */
    LOOKUP_KNOWN
};

enum { LOOKUPS_DOMAIN = 256, LOOKUPS_DETAIL = 128, LOOKUPS_LISTS = 16 };

/* Of one identity (RFC 7208 section 2.3 and 2.4). */
struct spf_finding {
    enum lookup_state state;
    enum spf_result result;
    char domain[LOOKUPS_DOMAIN]; /* that was asked about */
    char detail[LOOKUPS_DETAIL]; /* the mechanism that matched, or what is wrong
                                    with the record: printable ASCII; "" */
};

/* Of one list. */
struct list_finding {
    enum lookup_state state;
    bool failed;     /* KNOWN: it could not be found out, or the list is off */
    bool listed;     /* KNOWN: by a code that the list's masks match */
    uint8_t code[4]; /* LISTED: the first of these, 127.x.x.x */
};

/* What is known of a session's client and its message; owned by whoever asks.
 * All zero: nothing was asked. */
struct lookups {
    struct spf_finding mail_from, helo;
    struct list_finding list[LOOKUPS_LISTS]; /* by struct dnsbl's index */
    bool put_off; /* this client was put off before, for what was not yet
                     known; it is not put off for that again */
};

/* What is to be asked at a stage. */
struct lookups_wanted {
    uint32_t lists; /* bits 1 << index of a list */
    bool mail_from, helo;
};

/*
 * Whom to ask about what at STAGE (STAGE_CONNECT: lists on listeners that take
 * no logins; STAGE_MAIL: SPF, and lists elsewhere; else nothing).  Nothing of
 * logins, own networks, loopback, private addresses, sessions that do not come
 * by SMTP, and whom an exemption names.  Whether the client has said a domain
 * in HELO is for the caller to see.  FACTS are those of the scene.  Pure.
 */
void lookups_wanted(const struct config *config, const struct facts *facts,
                    const struct scene *scene, unsigned stage,
                    struct lookups_wanted *out);

/* Was anything asked?  (STAGE_RCPT then waits for it.) */
bool lookups_any(const struct lookups *lookups);

/* Whose finding: one of these, or a list by its index behind the last. */
enum lookups_source { LOOKUPS_MAIL_FROM, LOOKUPS_HELO, LOOKUPS_LIST };

/*
 * Whether SOURCE is asked about SCENE's client, and if not, why, with the
 * exemption in *OUT (NULL: nobody asks): LIMIT_APPLIES, LIMIT_OTHER_LISTENER,
 * LIMIT_OTHER_SESSION (it is no stranger, or none that the DNS could know),
 * LIMIT_EXEMPT.  Pure.
 */
enum limit_state lookups_state(const struct config *config,
                               const struct scene *scene, unsigned source,
                               struct limit_reason *out);

/* What the rules say of one finding. */
struct lookups_ruling {
    enum lookup_action action; /* not IGNORE */
    bool pending;              /* it is not yet known */
    bool trial;                /* the rule itself only observes */
    struct verdict verdict;    /* its rule is set even where it goes on */
};

/*
 * What follows from finding SOURCE of FACTS' lookups.  False: nothing does; it
 * was not asked, nobody is to ask about it here, it says nothing against the
 * client, or what it says is ignored.  Pure.
 */
bool lookups_rule(const struct config *config, const struct facts *facts,
                  const struct scene *scene, unsigned source,
                  struct lookups_ruling *out);

/* Does a list or SPF want the message to be told as spam to the detector, where
 * no filter has said anything?  Pure. */
bool lookups_evidence(const struct config *config, const struct scene *scene,
                      const struct lookups *lookups);

/*
 * At RCPT: what P's facts' lookups come to.  What is refused or put off goes
 * into p->verdict (what is refused for good goes first, what is not yet known
 * last), trials into p->would; p->put_off is set if it is put off for what is
 * not yet known.  The engine's own.
 */
void lookups_judge(struct policy *p);

/*
 * Findings as a person says them, for those who ask what would be: SOURCE says
 * WORD, a result of SPF or "pending"; TEXT is a list's name, and behind a colon
 * its answer ("zen:127.0.0.4"), "pending" or "failed".  MS_INVALID (WHY).
 */
enum ms_err lookups_say_spf(struct lookups *lookups, enum lookups_source source,
                            const char *word, struct why *why);
enum ms_err lookups_say_listed(struct lookups *lookups,
                               const struct config *config, const char *text,
                               struct why *why);

/* "none", "neutral", "pass", "fail", ... (RFC 7208, RFC 8601 section 2.7.2). */
const char *spf_result_name(enum spf_result result);
/* The result that is spelled WORD, in *OUT.  False: none. */
bool spf_result_parse(const char *word, enum spf_result *out);

#endif
