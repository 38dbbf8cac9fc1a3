/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/checks.h - the table of checks: what each is called, what it
 * needs, and the function that looks.
 */
#ifndef MORTSAFE_CTL_DOCTOR_CHECKS_H
#define MORTSAFE_CTL_DOCTOR_CHECKS_H

#include <stddef.h>

#include "ctl/doctor/patient.h"

/* What a check needs, as bits. */
enum check_needs {
    NEEDS_CONFIG = 1,
    NEEDS_DAEMON = 2, /* that it answers */
    NEEDS_SEEN = 4,   /* and may tell what the MTA has shown */
    NEEDS_POSTFIX = 8,
    NEEDS_SENDMAIL = 16,
    NEEDS_ROOT = 32
};

struct check {
    const char *name; /* rows of one name follow each other */
    unsigned needs;
    void (*look)(struct patient *patient);
};

/* A row without name ends them. */
extern const struct check checks[];

/* Do one; what it needs and is not there is a finding, too. */
void check_run(const struct check *check, struct patient *patient);

/* ----- the functions, a place to look at a file */

void check_daemon(struct patient *p); /* daemon.c */
void check_config(struct patient *p);
void check_health(struct patient *p);
void check_macros(struct patient *p);
void check_crowds(struct patient *p);
void check_filter(struct patient *p);

void check_socket(struct patient *p); /* socket.c */
void check_socket_postfix(struct patient *p);
void check_socket_sendmail(struct patient *p);

void check_milter_postfix(struct patient *p); /* postfix.c */
void check_action_postfix(struct patient *p);
void check_order_postfix(struct patient *p);
void check_twice_postfix(struct patient *p);
void check_auth_postfix(struct patient *p);
void check_newline(struct patient *p);
void check_rules(struct patient *p);

void check_milter_sendmail(struct patient *p); /* sendmail.c */
void check_action_sendmail(struct patient *p);
void check_order_sendmail(struct patient *p);
void check_auth_sendmail(struct patient *p);
void check_features(struct patient *p);

void check_networks_postfix(struct patient *p); /* networks.c */
void check_networks_sendmail(struct patient *p);
void check_gateway(struct patient *p);

void check_keys(struct patient *p); /* host.c */
void check_keys_postfix(struct patient *p);
void check_keys_sendmail(struct patient *p);
void check_certificates(struct patient *p);
void check_certificates_postfix(struct patient *p);
void check_certificates_sendmail(struct patient *p);
void check_clock(struct patient *p);
void check_store(struct patient *p);

void check_dns(struct patient *p); /* net.c */
void check_listed(struct patient *p);
void check_relay(struct patient *p);
void check_proxy(struct patient *p);

#endif
