/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/sendmail_cf.h - what sendmail.cf says of daemons, filters and
 * options.  The text is not believed to be well formed.  Pure.
 */
#ifndef MORTSAFE_CTL_DOCTOR_SENDMAIL_CF_H
#define MORTSAFE_CTL_DOCTOR_SENDMAIL_CF_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/doctor/words.h"
#include "policy/err.h"

enum {
    SENDMAIL_CF_DAEMONS = 32, /* at most; more are passed over */
    SENDMAIL_CF_FILTERS = 16,
    SENDMAIL_CF_FEATURES = 16,
    SENDMAIL_CF_RELAYS = 1000
};

/* A network that may relay, and where that is written. */
struct sendmail_relay {
    char net[64];     /* as people write it: "192.0.2.0/24" */
    char written[48]; /* as it stands there: "192.0.2" */
    enum sendmail_relay_in {
        SENDMAIL_RELAY_CF, /* sendmail.cf itself */
        SENDMAIL_RELAY_FILE,
        SENDMAIL_RELAY_ACCESS
    } in;
};

/* `X`: a filter. */
struct sendmail_filter {
    char name[64];
    char socket[WORDS_TEXT]; /* of S= */
    char on_failure;         /* of F=: T, R, 4; 0: mail passes */
};

/* `O DaemonPortOptions`. */
struct sendmail_daemon {
    char name[64];
    char host[64]; /* of Addr=; "": any */
    unsigned port; /* 25 if it is not said; 0: not known */
    bool loopback;
    char modify[32];
    char filters[WORDS_TEXT]; /* of InputMailFilters=, `;' between them; else
                                 the general ones, once all is read */
    bool own_filters;         /* it has its own, which may be none */
};

struct sendmail_cf {
    char filters[WORDS_TEXT]; /* O InputMailFilters */
    size_t n_daemons;
    struct sendmail_daemon daemon[SENDMAIL_CF_DAEMONS];
    size_t n_filters;
    struct sendmail_filter filter[SENDMAIL_CF_FILTERS];
    char auth_options[64];
    char auth_mechanisms[WORDS_TEXT];
    char server_cert[WORDS_TEXT], server_key[WORDS_TEXT];
    char relay_file[WORDS_TEXT];  /* of class R; "" */
    char access_file[WORDS_TEXT]; /* of the access map, without .db; "" */
    size_t n_features;
    char feature[SENDMAIL_CF_FEATURES][64]; /* that open relaying */
    size_t n_relays;
    struct sendmail_relay relay[SENDMAIL_CF_RELAYS];
    bool begun; /* something was understood */

    char line[8192]; /* what is not yet whole: the next may continue it */
    size_t len;
};

/* All zero is empty; the next line of the file, without its end.  After the
 * last sendmail_cf_end(), or it is not taken. */
void sendmail_cf_line(struct sendmail_cf *cf, const char *text);
void sendmail_cf_end(struct sendmail_cf *cf);

/* The filter NAME, or NULL. */
const struct sendmail_filter *sendmail_cf_filter(const struct sendmail_cf *cf,
                                                 const char *name);

/* A line of the file of class R, or of the access map's source: the network
 * that may relay is added, if it names one. */
void sendmail_cf_relay(struct sendmail_cf *cf, const char *line);
void sendmail_cf_access(struct sendmail_cf *cf, const char *line);

#endif
