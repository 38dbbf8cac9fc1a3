/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A link to real servers: over a Unix socket, TCP and TLS, with passwords,
 * databases and certificates, right and wrong.
 */
#include <config.h>

#include "policy/store/redis/link.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/redis_farm.h"
#include "test/unit.h"

extern char **environ;

static int64_t
now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct store_time
clock_now(void *arg)
{
    struct store_time time = {.mono = {now_ms()}};

    (void)arg;
    return time;
}

static const struct store_clock the_clock = {.now = clock_now};

/* How an attempt ended. */
struct end {
    atomic_int ups, downs;
    struct why why; /* of the first that failed; DOWNS tells it is there */
};

static void
on_up(void *arg)
{
    struct end *end = arg;

    atomic_fetch_add(&end->ups, 1);
}

static void
on_down(void *arg, const struct why *why)
{
    struct end *end = arg;

    if (atomic_load(&end->downs) == 0)
        end->why = *why;
    atomic_fetch_add(&end->downs, 1);
}

/* Something that is only said to who asks. */
static enum ms_err
on_hello(void *arg, struct redis_link *link, struct why *why)
{
    struct codec_command ping = {0};
    struct link_request *request;
    struct reply *reply = NULL;
    struct mono deadline = {now_ms() + 3000};
    enum ms_err err;

    (void)arg;
    codec_word(&ping, "PING");
    err = redis_link_send(link, &ping, 1, deadline, &request);
    if (err == MS_OK)
        err = redis_link_wait(link, request, &reply, NULL);
    if (err == MS_OK && !reply_is(reply, REPLY_STATUS, "PONG"))
        err = why_set(why, MS_UNAVAIL, "PING: %s",
                      reply->text != NULL ? reply->text : "?");
    reply_destroy(reply);
    return err;
}

static struct redis_link *
link_to(const struct link_target *target, struct end *end)
{
    struct link_events events = {on_hello, on_up, on_down, NULL, end};
    struct redis_link *link = NULL;
    int64_t until = now_ms() + 5000;

    memset(end, 0, sizeof(*end));
    assert_int_equal(redis_link_create(target, the_clock, events, &link),
                     MS_OK);
    while (atomic_load(&end->ups) + atomic_load(&end->downs) == 0 &&
           now_ms() < until)
        (void)poll(NULL, 0, 2);
    return link;
}

/* Ask a command of words split at blanks; the reply is the caller's. */
static struct reply *
ask(struct redis_link *link, const char *words)
{
    struct codec_command command = {0};
    struct mono deadline = {now_ms() + 5000};
    struct link_request *request;
    struct reply *reply = NULL;
    char *copy = strdup(words), *rest = copy;

    assert_non_null(copy);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;)
        codec_word(&command, word);
    assert_int_equal(redis_link_send(link, &command, 1, deadline, &request),
                     MS_OK);
    assert_int_equal(redis_link_wait(link, request, &reply, NULL), MS_OK);
    free(copy);
    return reply;
}

static struct link_target
target_of(const struct farm *farm, struct redis_where *where)
{
    struct link_target target = {.deadline_ms = 3000};

    farm_where(farm, where);
    target.at = where->seed[0];
    return target;
}

/* ----- commands over each */

enum { THREADS = 8, EACH = 300, LARGE = 1 << 20 };

static void *
count_up(void *arg)
{
    struct redis_link *link = arg;

    for (int i = 0; i < EACH; i++)
        reply_destroy(ask(link, "INCR n"));
    return NULL;
}

/* All are counted; nobody has another's reply. */
static void
crowd(struct redis_link *link)
{
    pthread_t thread[THREADS];
    struct reply *reply;

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, count_up, link), 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(thread[i], NULL);
    reply = ask(link, "GET n");
    assert_string_equal(reply->text, "2400");
    reply_destroy(reply);
}

/* What fills every buffer on its way comes back as it was. */
static void
large(struct redis_link *link)
{
    struct codec_command command = {0};
    struct mono deadline = {now_ms() + 5000};
    struct link_request *request;
    struct reply *reply = NULL;
    char *text = malloc(LARGE);

    assert_non_null(text);
    for (int i = 0; i < LARGE; i++)
        text[i] = (char)(i * 7 + i / 251);
    codec_word(&command, "ECHO");
    codec_arg(&command, text, LARGE);
    assert_int_equal(redis_link_send(link, &command, 1, deadline, &request),
                     MS_OK);
    assert_int_equal(redis_link_wait(link, request, &reply, NULL), MS_OK);
    assert_int_equal(reply->len, LARGE);
    assert_memory_equal(reply->text, text, LARGE);
    reply_destroy(reply);
    free(text);
}

static void
test_layouts(void **state)
{
    static const enum farm_layout rows[] = {FARM_UNIX, FARM_TCP, FARM_TLS};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct farm *farm = farm_start(rows[i]);
        struct redis_where where;
        struct link_target target = target_of(farm, &where);
        struct link_tls *tls = NULL;
        struct redis_link *link;
        struct reply *reply;
        struct end end;

        if (where.tls)
            assert_int_equal(link_tls_create(&where.tls_options, &tls, NULL),
                             MS_OK);
        target.tls = tls;
        target.at.db = 5;
        link = link_to(&target, &end);
        if (!redis_link_is_up(link))
            fail_msg("%zu: %s", i, end.why.text);
        crowd(link);
        large(link);
        reply = ask(link, "CLIENT GETNAME");
        assert_string_equal(reply->text, "mortsafe");
        reply_destroy(reply);
        assert_non_null(strstr(farm_ask(farm, 0, "INFO keyspace"), "db5:"));
        farm_signal(farm, 0, SIGKILL);
        for (int n = 0; n < 500 && atomic_load(&end.downs) == 0; n++)
            (void)poll(NULL, 0, 2);
        assert_false(redis_link_is_up(link));
        redis_link_destroy(link);
        link_tls_destroy(tls);
        farm_stop(farm);
    }
}

static void
test_passwords(void **state)
{
    static const struct {
        const char *row, *user, *password, *why;
        unsigned db;
    } rows[] = {
        {"a user and a password", "ann", "secret", NULL, 0},
        {"a wrong password", "ann", "hunter", "AUTH: WRONGPASS", 0},
        {"a user who is not", "eve", "secret", "AUTH: WRONGPASS", 0},
        {"a user without a password", "guest", NULL, NULL, 0},
        {"the default user's password", "", "other", NULL, 0},
        {"none where one is needed", "", NULL, "NOAUTH", 0},
        {"a database that is not", "ann", "secret", "SELECT: ERR", 99},
    };
    struct farm *farm = farm_start(FARM_UNIX);
    struct redis_where where;
    struct link_target target = target_of(farm, &where);

    (void)state;
    (void)farm_ask(farm, 0, "ACL SETUSER ann on >secret ~* +@all");
    (void)farm_ask(farm, 0, "ACL SETUSER guest on nopass ~* +@all");
    (void)farm_ask(farm, 0, "CONFIG SET requirepass other");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct redis_link *link;
        struct end end;

        (void)snprintf(target.at.user, sizeof(target.at.user), "%s",
                       rows[i].user);
        target.password = rows[i].password;
        target.at.db = rows[i].db;
        link = link_to(&target, &end);
        expect(rows[i].row, redis_link_is_up(link) == (rows[i].why == NULL));
        redis_link_destroy(link);
        if (rows[i].why != NULL && strstr(end.why.text, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].row, end.why.text);
        expect(rows[i].row, strstr(end.why.text, "hunter") == NULL);
    }
    farm_stop(farm);
}

/* ----- certificates */

static char dir[200]; /* the farm's */

static const char *
in_dir(const char *name, char buf[256])
{
    assert_true(snprintf(buf, 256, "%s/%s", dir, name) < 256);
    return buf;
}

/* Run openssl, in the farm's directory, with WORDS split at blanks. */
static void
openssl(const char *words)
{
    posix_spawn_file_actions_t actions;
    char copy[512], name[] = "openssl", *rest = copy, *argv[40] = {name};
    size_t n = 1;
    int status;
    pid_t pid;

    assert_true(snprintf(copy, sizeof(copy), "%s", words) < 512);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;)
        argv[n++] = word;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addchdir_np(&actions, dir);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1, 0);
    assert_int_equal(posix_spawnp(&pid, name, &actions, NULL, argv, environ),
                     0);
    (void)posix_spawn_file_actions_destroy(&actions);
    assert_true(waitpid(pid, &status, 0) == pid);
    if (status != 0)
        fail_msg("openssl %s", words);
}

/* Another CA, a client of its, and what has expired. */
static void
make_certificates(void)
{
    static const char *const commands[] = {
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=another-CA -keyout other-ca.key -out other-ca.crt",
        "x509 -req -in client.csr -CA other-ca.crt -CAkey other-ca.key "
        "-CAcreateserial -days 2 -out foreign.crt",
        "x509 -req -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial "
        "-days -1 -out expired.crt",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial "
        "-days -1 -extfile names -out old-server.crt",
        "pkey -in client.key -aes128 -passout pass:x -out sealed.key",
    };

    for (size_t i = 0; i < ROWS(commands); i++)
        openssl(commands[i]);
}

/* A name that is not NULL, in the farm's directory. */
static const char *
file_of(const char *name, char buf[256])
{
    return name == NULL ? NULL : in_dir(name, buf);
}

static void
check_certificates(const struct link_target *base)
{
    static const struct {
        const char *row, *ca, *cert, *key, *name;
        const char *why; /* NULL: it comes up */
    } rows[] = {
        {"all is right", "ca.crt", "client.crt", "client.key", NULL, NULL},
        {"another name of the server's", "ca.crt", "client.crt", "client.key",
         "localhost", NULL},
        {"a name that is not the server's", "ca.crt", "client.crt",
         "client.key", "redis.example", "ertificate: hostname mismatch"},
        {"an address that is not the server's", "ca.crt", "client.crt",
         "client.key", "192.0.2.1", "ertificate: IP address mismatch"},
        {"its CN is not a name", "ca.crt", "client.crt", "client.key",
         "a-test-server", "ertificate: hostname mismatch"},
        {"another CA", "other-ca.crt", "client.crt", "client.key", NULL,
         "TLS: the server's certificate: "},
        {"the system's CAs", NULL, "client.crt", "client.key", NULL,
         "TLS: the server's certificate: "},
        {"no certificate of ours", "ca.crt", NULL, NULL, NULL,
         "TLS: tlsv13 alert certificate required"},
        {"an expired one of ours", "ca.crt", "expired.crt", "client.key", NULL,
         "certificate expired"},
        {"one of ours from another CA", "ca.crt", "foreign.crt", "client.key",
         NULL, "unknown ca"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char ca[256], cert[256], key[256];
        struct link_tls_options options = {
            file_of(rows[i].ca, ca), file_of(rows[i].cert, cert),
            file_of(rows[i].key, key), rows[i].name};
        struct link_target target = *base;
        struct redis_link *link;
        struct end end;

        assert_int_equal(link_tls_create(&options, &target.tls, NULL), MS_OK);
        link = link_to(&target, &end);
        expect(rows[i].row, redis_link_is_up(link) == (rows[i].why == NULL));
        redis_link_destroy(link);
        link_tls_destroy(target.tls);
        if (rows[i].why != NULL && strstr(end.why.text, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].row, end.why.text);
    }
}

static void
check_expired_server(struct farm *farm, struct link_target target,
                     const struct link_tls_options *options)
{
    char path[256], command[300];
    struct redis_link *link;
    struct end end;

    (void)snprintf(command, sizeof(command), "CONFIG SET tls-cert-file %.250s",
                   in_dir("old-server.crt", path));
    assert_string_equal(farm_ask(farm, 0, command), "OK");
    assert_int_equal(link_tls_create(options, &target.tls, NULL), MS_OK);
    link = link_to(&target, &end);
    assert_false(redis_link_is_up(link));
    redis_link_destroy(link);
    link_tls_destroy(target.tls);
    assert_non_null(strstr(end.why.text, "certificate has expired"));
}

/* Who does not speak TLS, to who does, is no server either. */
static void
check_plain(struct link_target target)
{
    struct redis_link *link;
    struct end end;

    target.deadline_ms = 300;
    target.tls = NULL;
    link = link_to(&target, &end);
    assert_false(redis_link_is_up(link));
    redis_link_destroy(link);
}

static void
check_files(void)
{
    static const struct {
        const char *row, *ca, *cert, *key, *why;
    } rows[] = {
        {"no such CA", "none.crt", NULL, NULL, "none.crt: "},
        {"a CA that is none", "names", NULL, NULL, "names: "},
        {"no such certificate", "ca.crt", "none.crt", "client.key",
         "none.crt: No such file"},
        {"no such key", "ca.crt", "client.crt", "none.key",
         "none.key: No such file"},
        {"a certificate that is none", "ca.crt", "names", "client.key",
         "names: "},
        {"a key that is none", "ca.crt", "client.crt", "names", "names: "},
        {"another's key", "ca.crt", "client.crt", "server.key",
         "server.key: key values mismatch"},
        {"a key with a passphrase", "ca.crt", "client.crt", "sealed.key",
         "sealed.key: "},
        {"a certificate without a key", "ca.crt", "client.crt", NULL,
         "client.crt: a key belongs to it"},
        {"a key without a certificate", "ca.crt", NULL, "client.key",
         "client.key: a certificate belongs to it"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char ca[256], cert[256], key[256];
        struct link_tls_options options = {file_of(rows[i].ca, ca),
                                           file_of(rows[i].cert, cert),
                                           file_of(rows[i].key, key), NULL};
        struct link_tls *tls = NULL;
        struct why why = {""};

        expect(rows[i].row,
               link_tls_create(&options, &tls, &why) == MS_UNAVAIL);
        expect(rows[i].row, tls == NULL);
        if (strstr(why.text, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].row, why.text);
    }
}

static void
test_tls(void **state)
{
    struct farm *farm = farm_start(FARM_TLS);
    struct redis_where where;
    struct link_target target = target_of(farm, &where);

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%.*s",
                   (int)(strrchr(where.tls_options.ca_file, '/') -
                         where.tls_options.ca_file),
                   where.tls_options.ca_file);
    make_certificates();
    check_files();
    check_certificates(&target);
    check_plain(target);
    check_expired_server(farm, target, &where.tls_options);
    farm_stop(farm);
}

/* TLS to a server that knows none. */
static void
test_tls_to_plain(void **state)
{
    struct farm *farm = farm_start(FARM_TCP);
    struct redis_where where;
    struct link_target target = target_of(farm, &where);
    struct link_tls_options options = {NULL, NULL, NULL, NULL};
    struct redis_link *link;
    struct end end;

    (void)state;
    assert_int_equal(link_tls_create(&options, &target.tls, NULL), MS_OK);
    target.deadline_ms = 300;
    link = link_to(&target, &end);
    assert_false(redis_link_is_up(link));
    redis_link_destroy(link);
    assert_non_null(strstr(end.why.text, "TLS"));
    link_tls_destroy(target.tls);
    farm_stop(farm);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_tls_to_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
