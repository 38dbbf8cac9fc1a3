/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/doctor/socket.h - is what an MTA calls a milter the socket that mortsafe
 * listens on?
 */
#ifndef MORTSAFE_CTL_DOCTOR_SOCKET_H
#define MORTSAFE_CTL_DOCTOR_SOCKET_H

#include <stdbool.h>

/*
 * Is ENDPOINT ("unix:/mortsafe/milter.sock", "inet:127.0.0.1:9900", or as
 * Sendmail writes it, "local:/path", "inet:9900@127.0.0.1"), looked for below
 * the folder ROOT ("": the whole file system), mortsafe's SOCKET?  By name, or
 * because both names lead to one file.
 */
bool socket_is(const char *socket, const char *endpoint, const char *root);

#endif
