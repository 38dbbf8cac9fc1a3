/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/transfer.h - one conversation with a server by libcurl: bounded
 * in time and in what is listened to, and ended at once when the daemon is.
 * curl_global_init() has been called.
 */
#ifndef MORTSAFE_MILTER_NOTICE_TRANSFER_H
#define MORTSAFE_MILTER_NOTICE_TRANSFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "policy/err.h"

enum {
    TRANSFER_MOST = 65536, /* bytes of answers; more end it */
    TRANSFER_LINE = 256
};

struct transfer_bounds {
    long connect_ms, answer_ms, total_ms;
};

/* What has become of a letter or call. */
enum transfer_end {
    TRANSFER_DONE,
    TRANSFER_AGAIN,  /* not now, this one */
    TRANSFER_AWAY,   /* nobody is there, for anything */
    TRANSFER_REFUSED /* never, this one */
};

struct transfer {
    CURL *curl;
    const atomic_bool *stop;
    size_t heard;
    unsigned agreed;          /* SMTP replies of 2xx and 3xx; but to QUIT */
    char last[TRANSFER_LINE]; /* SMTP reply of 4xx or 5xx */
    char error[CURL_ERROR_SIZE];
};

/* Begin one; STOP (NULL: never) ends it.  MS_NOMEM. */
enum ms_err transfer_begin(struct transfer *t,
                           const struct transfer_bounds *bounds,
                           const atomic_bool *stop);
/* Run it; *STATUS is the last code that the server has given, 0: none. */
CURLcode transfer_run(struct transfer *t, long *status);
/* Why it went wrong with CODE, in words. */
void transfer_why(const struct transfer *t, CURLcode code, struct why *why);
void transfer_finish(struct transfer *t);

#endif
