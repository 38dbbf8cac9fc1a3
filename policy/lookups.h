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
#include "policy/scene.h"

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
 */
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
 * no logins; STAGE_MAIL: SPF, and lists elsewhere).  Nothing of logins, own
 * networks, loopback, private addresses, sessions that do not come by SMTP,
 * and whom an exemption names.  FACTS are those of the scene.  Pure.
 */
void lookups_wanted(const struct config *config, const struct facts *facts,
                    const struct scene *scene, unsigned stage,
                    struct lookups_wanted *out);

/* Does config ask anything of this session's messages? (STAGE_RCPT then waits
 * for it.) */
bool lookups_any(const struct lookups *lookups);

/* Does V, of a list or of SPF, want the message to be told as spam to the
 * detector, where no filter has said anything?  Pure. */
bool lookups_evidence(const struct config *config, const struct scene *scene,
                      const struct lookups *lookups);

/* At RCPT: what P's facts' lookups come to.  Refusals and what is put off go
 * into p->verdict, trials into p->would.  The engine's own. */
void lookups_judge(struct policy *p);

/* "none", "neutral", "pass", "fail", ... (RFC 7208, RFC 8601 section 2.7.2). */
const char *spf_result_name(enum spf_result result);
/* The result that is spelled WORD, in *OUT.  False: none. */
bool spf_result_parse(const char *word, enum spf_result *out);

#endif
