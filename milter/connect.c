/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/connect.h"

#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <syslog.h>

#include "milter/now.h"
#include "milter/open_store.h"
#include "policy/store/redis/check.h"

static struct store_time
read_now(void *arg)
{
    (void)arg;
    return now_read();
}

static void
print_result(void *arg, enum check_result result, const char *line)
{
    static const char *const words[] = {
        [CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_FAIL] = "FAIL"};

    (void)arg;
    (void)printf("%-4s  %s\n", words[result], line);
    (void)fflush(stdout); /* what comes next may take seconds */
}

/* What is well need not be told. */
static void
log_result(void *arg, enum check_result result, const char *line)
{
    if (result != CHECK_OK)
        journal_say(arg, result == CHECK_WARN ? LOG_WARNING : LOG_ERR,
                    "store: %s", line);
}

void
connect_look(const struct config *config, const struct sitekey *key,
             struct journal *journal)
{
    const struct store_clock clock = {.now = read_now};
    struct redis_where where;

    open_store_where(config, &where);
    (void)redis_check(&where, config->store.prefix, key, clock, log_result,
                      journal);
}

int
connect_check(const struct config *config, const struct sitekey *key)
{
    const struct store_clock clock = {.now = read_now};
    struct redis_where where;
    enum check_result worst;

    if (config->store.type != STORE_REDIS) {
        print_result(NULL, CHECK_OK,
                     "the store is on this host; there is nothing to connect "
                     "to");
        return EX_OK;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a server may hang up on us */
    open_store_where(config, &where);
    worst = redis_check(&where, config->store.prefix, key, clock, print_result,
                        NULL);
    return worst == CHECK_FAIL ? EX_UNAVAILABLE : EX_OK;
}
