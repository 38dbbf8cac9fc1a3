/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/patient.h - all that the checks look at: mortsafe's configuration,
 * what its daemon answers, and the MTA's configuration.  What could not be had
 * is NULL, with the reason in words.
 */
#ifndef MORTSAFE_CTL_DOCTOR_PATIENT_H
#define MORTSAFE_CTL_DOCTOR_PATIENT_H

#include <stdbool.h>

#include <jansson.h>

#include "ctl/call.h"
#include "ctl/doctor/finding.h"
#include "ctl/doctor/postconf.h"
#include "ctl/doctor/sendmail_cf.h"
#include "policy/config.h"
#include "policy/err.h"

enum { PATIENT_RUN_S = 20 }; /* for a program of the MTA's */

enum patient_mta { PATIENT_NO_MTA, PATIENT_POSTFIX, PATIENT_SENDMAIL };

struct patient {
    const struct call *call;
    struct findings findings;

    const char *path; /* of the configuration */
    struct config *config;
    struct why no_config;

    json_t *status, *seen;
    struct why no_daemon, no_seen;

    enum patient_mta mta;
    const char *mta_config; /* --mta-config, or NULL: the usual one */
    struct postconf *postfix;
    struct sendmail_cf *sendmail;
    const char *cf; /* the path of sendmail.cf */
    struct why no_mta;
    char path_said[1024]; /* what PATH may point to */
};

/* Look for all of it, by the options of CALL: --file, --mta, --mta-config.
 * CTL_OK, or an exit code, having complained: wrong options, no memory. */
int patient_start(const struct call *call, struct patient *out);
/* The same where MTA is named otherwise; NO_MTA: it is not. */
int patient_start_for(const struct call *call, enum patient_mta mta,
                      struct patient *out);
void patient_end(struct patient *patient);

/* The socket of the milter, as the configuration has it ("" without one). */
const char *patient_socket(const struct patient *patient);

/* The listener that PORT is one of; NULL: none. */
const struct listener *patient_listener(const struct patient *patient,
                                        unsigned port);

/* The command that no longer lets ADDRESS relay by mortsafe's configuration. */
enum { PATIENT_CURE = 2048 };
void patient_untrust(const struct patient *patient, struct prefix address,
                     char out[PATIENT_CURE]);

/* "postconf " with the -c that it needs, and "postfix ... reload". */
enum { PATIENT_COMMAND = 1200 };
char *patient_postconf(const struct patient *patient,
                       char out[PATIENT_COMMAND]);
char *patient_reload(const struct patient *patient, char out[PATIENT_COMMAND]);

#endif
