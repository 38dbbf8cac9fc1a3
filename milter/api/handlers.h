/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/api/handlers.h - every handler of the API, each named in a row of
 * api_routes.c.  Their answers are those of mortsafe-api(7).
 */
#ifndef MORTSAFE_MILTER_API_HANDLERS_H
#define MORTSAFE_MILTER_API_HANDLERS_H

#include "milter/api/call.h"

/* api_service.c */
void api_get_ping(struct api_call *call);
void api_get_status(struct api_call *call);
void api_get_limits(struct api_call *call);
void api_get_config(struct api_call *call);
void api_get_data(struct api_call *call);
void api_post_reload(struct api_call *call);
void api_post_mode(struct api_call *call);
void api_get_metrics(struct api_call *call);
void api_get_healthz(struct api_call *call);
void api_get_readyz(struct api_call *call);

/* api_lookups.c */
void api_get_lookups(struct api_call *call);

/* seen.c */
void api_get_seen(struct api_call *call);

/* api_subjects.c: a list of them */
void api_get_subjects(struct api_call *call);

/* api_subject.c: one of them */
void api_get_subject(struct api_call *call);
void api_get_export(struct api_call *call);

/* api_undo.c */
void api_post_reset(struct api_call *call);
void api_post_forget(struct api_call *call);

/* api_acts.c */
void api_post_exempt(struct api_call *call);
void api_post_raise(struct api_call *call);
void api_get_acts(struct api_call *call);
void api_delete_act(struct api_call *call);

/* api_audit.c */
void api_get_audit(struct api_call *call);

/* api_decisions.c */
void api_get_decisions(struct api_call *call);
void api_get_would(struct api_call *call);
void api_get_history(struct api_call *call);

/* api_zombies.c: who stands other than normal; api_changes.c: since when */
void api_get_zombies(struct api_call *call);
void api_get_changes(struct api_call *call);

/* api_standing.c, api_release.c */
void api_post_quarantine(struct api_call *call);
void api_post_release(struct api_call *call);
void api_post_lease(struct api_call *call);
void api_post_release_all(struct api_call *call);
void api_post_confirm(struct api_call *call);

/* api_held.c */
void api_get_held(struct api_call *call);
void api_post_held_gone(struct api_call *call);

/* api_notices.c */
void api_get_notices(struct api_call *call);
void api_get_preview(struct api_call *call);
void api_post_resend(struct api_call *call);

/* api_feedback.c */
void api_post_feedback(struct api_call *call);
void api_get_reports(struct api_call *call);

/* api_explain.c */
void api_post_explain(struct api_call *call);

/* api_page.c: pages, from the answers of the above */
void api_get_home(struct api_call *call);
void api_get_subject_page(struct api_call *call);

/* The answer to "how are we", for whoever needs it beside the handler. */
json_t *api_status_json(struct desk *desk, struct store_time now);

/*
 * The subject that segment 1 of CALL names (api_find.c): an id such as
 * "user:ann@example.org", one with a pseudonym, or a bare key, whose kinds are
 * tried: client, prefix, user, sender, domain, network.  With a kind it need
 * not be known.  False: answered 404 or 400.
 */
bool api_find_subject(struct api_call *call, struct subject *out);

/* Write CALL's deed into the audit trail; SUBJECT may be NULL. */
void api_audit(struct api_call *call, const char *act,
               const struct subject *subject, bool ok, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
