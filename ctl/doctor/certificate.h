/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/certificate.h - when a certificate ends, as openssl(1) says it.
 * Pure.
 */
#ifndef MORTSAFE_CTL_DOCTOR_CERTIFICATE_H
#define MORTSAFE_CTL_DOCTOR_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

enum { CERTIFICATE_SOON_S = 14 * 86400 };

/* "notAfter=Dec 22 21:49:09 2026 GMT" in seconds since 1970.  False: it is no
 * such line. */
bool certificate_end(const char *line, int64_t *out_s);

#endif
