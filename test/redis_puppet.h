/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/redis_puppet.h - a server on a port of loopback that speaks Redis's
 * protocol, and does to a connection what the client's own commands tell it:
 *
 *      ECHO text       answer text
 *      RAW bytes       answer these bytes as they are
 *      DRIBBLE bytes   the same, a byte each 200 ms
 *      DRIP bytes      the same, a byte each 5 ms
 *      LATE ms bytes   the same, all at once and so much later
 *      SILENT          answer nothing
 *      CUT bytes       answer these bytes, close
 *      HALF bytes      answer these bytes, close this direction only
 *      RESET           close with an RST
 *      PAUSE ms        read nothing for so long; answer OK
 *
 * Anything else (AUTH, SELECT, CLIENT, PING) is answered with what was set
 * for it, or OK.  One connection at a time.
 */
#ifndef MORTSAFE_TEST_REDIS_PUPPET_H
#define MORTSAFE_TEST_REDIS_PUPPET_H

#include <stddef.h>

struct puppet;

/* Listen on 127.0.0.1 (PORT 0: a free one) and serve.  Fails the test. */
struct puppet *puppet_start(unsigned port);
void puppet_stop(struct puppet *puppet); /* NULL is fine */
unsigned puppet_port(const struct puppet *puppet);

/* From now on answer BYTES (NULL: OK) to COMMAND; both must last. */
void puppet_answer(struct puppet *puppet, const char *command,
                   const char *bytes);

/* Send BYTES unasked on the connection there is. */
void puppet_say(struct puppet *puppet, const char *bytes);

/* Close the connection there is. */
void puppet_cut(struct puppet *puppet);

/* How many connections there were; all commands but ECHO, "AUTH a b|PING|". */
unsigned puppet_connections(struct puppet *puppet);
void puppet_heard(struct puppet *puppet, char *out, size_t size);

#endif
