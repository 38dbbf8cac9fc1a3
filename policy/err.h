/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/err.h - what can go wrong, and the words an operator will need.
 */
#ifndef MORTSAFE_POLICY_ERR_H
#define MORTSAFE_POLICY_ERR_H

enum ms_err {
    MS_OK,
    MS_INVALID, /* the input is not what it should be */
    MS_NOMEM,   /* no memory, or a fixed bound was reached */
    MS_UNAVAIL, /* a file, a disk or a server could not be used */
    MS_TIMEOUT, /* no answer within the deadline */
    MS_BUSY,    /* somebody else holds it */
    MS_VERSION  /* written by a newer mortsafe */
};

enum { WHY_TEXT = 512 };

/* An error in words, filled in where it arises and printed once. */
struct why {
    char text[WHY_TEXT]; /* one line; a longer one ends in "..." */
};

/*
 * Fill in WHY (NULL: nobody asks) as printf does, and return ERR, so that a
 * caller can write `return why_set(...)`.  Thread-safe.
 */
enum ms_err why_set(struct why *why, enum ms_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of errno behind SUBJECT (a path, say). */
enum ms_err why_errno(struct why *why, enum ms_err err, const char *subject);

#endif
