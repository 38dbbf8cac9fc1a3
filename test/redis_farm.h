/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/redis_farm.h - real Redis servers for the unit programs: on loopback,
 * on free high ports and Unix sockets, in a directory of their own, nothing
 * kept on disk, ended with the program whatever happens to it.  Debian's
 * redis-tools is enough: redis-check-rdb is the server, when it is called so.
 */
#ifndef MORTSAFE_TEST_REDIS_FARM_H
#define MORTSAFE_TEST_REDIS_FARM_H

#include <stddef.h>
#include <sys/types.h>

#include "policy/store/redis/nodes.h"

struct farm;

enum farm_layout {
    FARM_UNIX,     /* one server on a Unix socket */
    FARM_TCP,      /* one on a port */
    FARM_TLS,      /* one on a TLS port, with a CA made for it */
    FARM_SENTINEL, /* a master, two replicas, three Sentinels */
    FARM_CLUSTER   /* three masters with a replica each */
};

/* Start it and wait until it serves, or fail the test.  They end with the
 * thread that calls. */
struct farm *farm_start(enum farm_layout layout);
void farm_stop(struct farm *farm); /* NULL is fine */

/* How a store reaches it; what is borrowed lives as long as FARM. */
void farm_where(const struct farm *farm, struct redis_where *out);

/* Server I (Sentinels come last), its port (0: none), its process. */
size_t farm_servers(const struct farm *farm);
unsigned farm_port(const struct farm *farm, size_t i);
const char *farm_socket(const struct farm *farm, size_t i);
pid_t farm_pid(const struct farm *farm, size_t i);

/* Which server is the master now (FARM_SENTINEL), or owns KEY's slot. */
size_t farm_master(struct farm *farm);
size_t farm_owner(struct farm *farm, const char *key);

/* SIGKILL, SIGSTOP, SIGCONT; and start one again that was killed, on the same
 * port, with its configuration as CONFIG REWRITE may have left it, and wait
 * until it answers anything. */
void farm_signal(struct farm *farm, size_t i, int signal);
void farm_restart(struct farm *farm, size_t i);

/* Ask server I a command of words split at blanks ("" is an empty one; a tab
 * is no blank, but Lua takes it for one); the reply as redis-cli --no-raw would
 * print it, for few comparisons, until the next call.  "(error) no answer":
 * there was none within five seconds.  The connection is kept, so what it may
 * do does not change with a password that is set meanwhile. */
const char *farm_ask(struct farm *farm, size_t i, const char *command);

/* The same, but nobody waits for the reply: a script that never ends. */
void farm_tell(struct farm *farm, size_t i, const char *command);

#endif
