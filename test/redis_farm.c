/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/redis_farm.c - servers are asked over Unix sockets of their own,
 * whatever else they listen on; so a password or TLS is not in the way.
 */
#include <config.h>

#include "test/redis_farm.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/unit.h"

enum {
    SERVERS = 6,
    SENTINELS_FROM = 3,
    MASTERS = 3, /* of a Cluster; the rest are their replicas */
    TRIES = 10,
    START_MS = 15000,
    ANSWER_MS = 5000,
    PATHS = 512,
    COMMAND = 1 << 16,
    ANSWER = 1 << 18,
    /* below what the system gives to those who do not ask, and so that a
     * Cluster's second port, 10000 above, is so, too */
    PORT_LEAST = 11000,
    PORTS = 11000
};

struct server {
    char dir[PATHS / 2];
    char socket[PATHS / 2];
    unsigned port;
    pid_t pid; /* 0: none */
    bool stopped, sentinel;
    int fd; /* a connection to ask it, or -1 */
};

struct farm {
    enum farm_layout layout;
    char dir[PATHS / 4];
    char ca[PATHS], cert[PATHS], key[PATHS]; /* FARM_TLS: a client's */
    size_t n;
    struct server server[SERVERS];
    char answer[ANSWER];
};

static int64_t
now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
pause_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&pause, NULL);
}

/* ----- what the system is asked */

static bool
is_free(unsigned port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    bool free;

    assert_true(fd >= 0);
    at.sin_port = htons((uint16_t)port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    free = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return free;
}

static unsigned
free_port(bool two)
{
    for (int i = 0; i < 1000; i++) {
        uint32_t random;
        unsigned port;

        assert_int_equal(getrandom(&random, sizeof(random), 0), sizeof(random));
        port = PORT_LEAST + random % PORTS;
        if (is_free(port) && (!two || is_free(port + 10000)))
            return port;
    }
    fail_msg("no free port");
    return 0;
}

static void print_file(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
print_file(const char *path, const char *format, ...)
{
    FILE *out = fopen(path, "ae");
    va_list args;

    assert_non_null(out);
    va_start(args, format);
    assert_true(vfprintf(out, format, args) >= 0);
    va_end(args);
    assert_int_equal(fclose(out), 0);
}

/* ARGV[0] is the name it is to have; FILE is looked for in PATH. */
static pid_t
run(const char *const *files, char *const argv[], const char *log)
{
    pid_t parent = getpid(), pid = fork();
    int fd;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    if (fd >= 0) {
        (void)dup2(fd, 1);
        (void)dup2(fd, 2);
    }
    for (; *files != NULL; files++)
        (void)execvp(*files, argv);
    _exit(127);
}

static void
openssl(const struct farm *farm, const char *words)
{
    static const char *const files[] = {"openssl", NULL};
    char copy[4 * PATHS], log[PATHS], *argv[48], *rest = copy;
    size_t n = 0;
    int status;

    assert_true((size_t)snprintf(copy, sizeof(copy), "openssl %s", words) <
                sizeof(copy));
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL; n++) {
        assert_true(n + 1 < ROWS(argv));
        argv[n] = word;
    }
    argv[n] = NULL;
    (void)snprintf(log, sizeof(log), "%s/openssl.log", farm->dir);
    assert_true(waitpid(run(files, argv, log), &status, 0) > 0);
    if (status != 0)
        fail_msg("openssl %s: see %s", words, log);
}

static void
remove_all(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    char path[2 * PATHS];

    if (d == NULL)
        return;
    while ((entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (unlink(path) != 0)
            remove_all(path);
    }
    closedir(d);
    (void)rmdir(dir);
}

/* ----- asking a server */

static void
hang_up(struct server *server)
{
    if (server->fd >= 0)
        close(server->fd);
    server->fd = -1;
}

static int
dial(const struct server *server)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_true(strlen(server->socket) < sizeof(at.sun_path));
    memcpy(at.sun_path, server->socket, strlen(server->socket) + 1);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool
send_words(int fd, const char *command)
{
    char *out = malloc(COMMAND * 4), *words = strdup(command), *rest = words;
    size_t len = 0, n = 0, count = 0;
    bool sent;

    assert_non_null(out);
    assert_non_null(words);
    for (const char *p = command; *p != '\0'; p++)
        n += p[0] != ' ' && (p[1] == ' ' || p[1] == '\0');
    len += (size_t)snprintf(out, COMMAND, "*%zu\r\n", n);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL; count++) {
        const char *arg = strcmp(word, "\"\"") == 0 ? "" : word;

        assert_true(len + strlen(arg) + 32 < COMMAND * 4);
        len += (size_t)snprintf(out + len, COMMAND * 4 - len, "$%zu\r\n%s\r\n",
                                strlen(arg), arg);
    }
    assert_true(count == n);
    sent = send(fd, out, len, MSG_NOSIGNAL) == (ssize_t)len;
    free(words);
    free(out);
    return sent;
}

struct text {
    char *at;
    size_t len, room;
};

static void
add(struct text *text, const char *bytes, size_t len)
{
    assert_true(text->len + len < text->room);
    memcpy(text->at + text->len, bytes, len);
    text->len += len;
    text->at[text->len] = '\0';
}

/* Print the reply at P; where it ends, or NULL if there is more to come. */
static const char *print_reply(const char *p, const char *end, unsigned indent,
                               struct text *out);

static const char *
print_array(const char *p, const char *end, long n, unsigned indent,
            struct text *out)
{
    char head[64];

    if (n <= 0)
        add(out, n < 0 ? "(nil)" : "(empty array)", n < 0 ? 5 : 13);
    for (long i = 1; i <= n && p != NULL; i++) {
        int len = snprintf(head, sizeof(head), "%*s%ld) ",
                           i > 1 ? (int)indent : 0, "", i);

        add(out, head, (size_t)len);
        p = print_reply(p, end, indent + 3, out);
        if (i < n)
            add(out, "\n", 1);
    }
    return p;
}

static const char *
print_bulk(const char *p, const char *end, long n, struct text *out)
{
    if (n < 0) {
        add(out, "(nil)", 5);
        return p;
    }
    if (end - p < n + 2)
        return NULL;
    add(out, "\"", 1);
    add(out, p, (size_t)n);
    add(out, "\"", 1);
    return p + n + 2;
}

static const char *
print_reply(const char *p, const char *end, unsigned indent, struct text *out)
{
    const char *line = p + 1;
    const char *cr = p < end ? memchr(p, '\r', (size_t)(end - p)) : NULL;
    long n;

    if (cr == NULL || cr + 2 > end)
        return NULL;
    n = strtol(line, NULL, 10);
    switch (*p) {
    case '*':
        return print_array(cr + 2, end, n, indent, out);
    case '$':
        return print_bulk(cr + 2, end, n, out);
    case ':':
        add(out, "(integer) ", 10);
        break;
    case '-':
        add(out, "(error) ", 8);
        break;
    case '+':
        break;
    default:
        fail_msg("not the protocol: %.40s", p);
    }
    add(out, line, (size_t)(cr - line));
    return cr + 2;
}

/* False: no answer in time, or none at all. */
static bool
receive(int fd, int64_t until_ms, struct text *out)
{
    char *in = malloc(ANSWER);
    size_t len = 0;
    bool whole = false;

    assert_non_null(in);
    while (!whole) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = until_ms - now_ms();
        ssize_t got;

        if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
            break;
        assert_true(len + 1 < ANSWER);
        got = recv(fd, in + len, ANSWER - 1 - len, 0);
        if (got <= 0)
            break;
        len += (size_t)got;
        in[len] = '\0';
        out->len = 0;
        whole = print_reply(in, in + len, 0, out) != NULL;
    }
    free(in);
    return whole;
}

static bool
ask_within(struct farm *farm, size_t i, const char *command, int64_t ms)
{
    struct server *server = &farm->server[i];
    struct text out = {farm->answer, 0, sizeof(farm->answer)};

    farm->answer[0] = '\0';
    for (int try = 0; try < 2; try++) {
        bool fresh = server->fd < 0;

        if (fresh)
            server->fd = dial(server);
        if (server->fd < 0)
            return false;
        if (send_words(server->fd, command) &&
            receive(server->fd, now_ms() + ms, &out))
            return true;
        hang_up(server);
        if (fresh)
            return false;
    }
    return false;
}

const char *
farm_ask(struct farm *farm, size_t i, const char *command)
{
    assert_true(i < farm->n);
    if (!ask_within(farm, i, command, ANSWER_MS))
        (void)snprintf(farm->answer, sizeof(farm->answer), "(error) no answer");
    return farm->answer;
}

void
farm_tell(struct farm *farm, size_t i, const char *command)
{
    assert_true(i < farm->n);
    hang_up(&farm->server[i]);
    farm->server[i].fd = dial(&farm->server[i]);
    assert_true(farm->server[i].fd >= 0);
    assert_true(send_words(farm->server[i].fd, command));
    hang_up(&farm->server[i]);
}

/* Ask until the answer has TEXT in it. */
static void
await(struct farm *farm, size_t i, const char *command, const char *text)
{
    int64_t until = now_ms() + START_MS;

    while (!ask_within(farm, i, command, ANSWER_MS) ||
           strstr(farm->answer, text) == NULL) {
        if (now_ms() > until)
            fail_msg("server %zu: %s: no %s in %s; see %s", i, command, text,
                     farm->answer, farm->server[i].dir);
        pause_ms(10);
    }
}

static void
must_be_ok(struct farm *farm, size_t i, const char *command)
{
    if (strcmp(farm_ask(farm, i, command), "OK") != 0)
        fail_msg("server %zu: %.40s: %s", i, command, farm->answer);
}

/* ----- one server */

static void
launch(struct server *server)
{
    static const char *const files[] = {"redis-server", "redis-check-rdb",
                                        NULL};
    char name[] = "redis-server", conf[PATHS], log[PATHS];
    char sentinel[] = "--sentinel";
    char *argv[] = {name, conf, server->sentinel ? sentinel : NULL, NULL};

    (void)snprintf(conf, sizeof(conf), "%s/conf", server->dir);
    (void)snprintf(log, sizeof(log), "%s/log", server->dir);
    server->pid = run(files, argv, log);
    server->stopped = false;
}

/* True: it answers.  False: it has ended itself. */
static bool
await_start(struct farm *farm, size_t i)
{
    int64_t until = now_ms() + START_MS;

    while (!ask_within(farm, i, "PING", ANSWER_MS)) {
        if (waitpid(farm->server[i].pid, NULL, WNOHANG) != 0) {
            farm->server[i].pid = 0;
            return false;
        }
        if (now_ms() > until)
            fail_msg("server %zu does not answer; see %s", i,
                     farm->server[i].dir);
        pause_ms(5);
    }
    return true;
}

static void
write_conf(const struct farm *farm, const struct server *server,
           const char *extra)
{
    char conf[PATHS];

    (void)snprintf(conf, sizeof(conf), "%s/conf", server->dir);
    (void)unlink(conf);
    print_file(conf,
               "bind 127.0.0.1\ndir %s\nunixsocket %s\n"
               "daemonize no\nprotected-mode no\n",
               server->dir, server->socket);
    if (farm->layout == FARM_TLS)
        print_file(conf,
                   "port 0\ntls-port %u\ntls-ca-cert-file %s\n"
                   "tls-cert-file %s/server.crt\ntls-key-file %s/server.key\n",
                   server->port, farm->ca, farm->dir, farm->dir);
    else
        print_file(conf, "port %u\n", server->port);
    if (!server->sentinel)
        print_file(conf, "save \"\"\nappendonly no\nrepl-diskless-sync yes\n"
                         "repl-diskless-sync-delay 0\n");
    print_file(conf, "%s", extra);
}

/* EXTRA goes into its configuration. */
static void
start_server(struct farm *farm, const char *extra)
{
    size_t i = farm->n++;
    struct server *server = &farm->server[i];

    server->fd = -1;
    server->sentinel = farm->layout == FARM_SENTINEL && i >= SENTINELS_FROM;
    (void)snprintf(server->dir, sizeof(server->dir), "%s/%zu", farm->dir, i);
    (void)snprintf(server->socket, sizeof(server->socket), "%s/%zu/socket",
                   farm->dir, i);
    assert_int_equal(mkdir(server->dir, 0700), 0);
    for (int try = 0; try < TRIES; try++) {
        server->port = farm->layout == FARM_UNIX
                           ? 0
                           : free_port(farm->layout == FARM_CLUSTER);
        write_conf(farm, server, extra);
        launch(server);
        if (await_start(farm, i))
            return;
    }
    fail_msg("server %zu does not start; see %s/log", i, server->dir);
}

/* ----- layouts */

static void
make_certificates(struct farm *farm)
{
    static const struct {
        const char *name, *subject;
    } rows[] = {{"server", "/CN=a-test-server"}, {"client", "/CN=a-client"}};
    const char *dir = farm->dir;
    char words[4 * PATHS], path[PATHS];

    (void)snprintf(farm->ca, sizeof(farm->ca), "%s/ca.crt", dir);
    (void)snprintf(farm->cert, sizeof(farm->cert), "%s/client.crt", dir);
    (void)snprintf(farm->key, sizeof(farm->key), "%s/client.key", dir);
    (void)snprintf(path, sizeof(path), "%s/names", dir);
    print_file(path, "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    (void)snprintf(words, sizeof(words),
                   "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                   "-nodes -days 2 -subj /CN=a-test-CA -keyout %s/ca.key "
                   "-out %s",
                   dir, farm->ca);
    openssl(farm, words);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *name = rows[i].name;

        (void)snprintf(words, sizeof(words),
                       "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                       "-subj %s -keyout %s/%s.key -out %s/%s.csr",
                       rows[i].subject, dir, name, dir, name);
        openssl(farm, words);
        (void)snprintf(words, sizeof(words),
                       "x509 -req -in %s/%s.csr -CA %s -CAkey %s/ca.key "
                       "-CAcreateserial -days 2 -extfile %s/names "
                       "-out %s/%s.crt",
                       dir, name, farm->ca, dir, dir, dir, name);
        openssl(farm, words);
    }
}

static void
start_sentinels(struct farm *farm)
{
    char extra[PATHS];

    start_server(farm, "");
    (void)snprintf(extra, sizeof(extra),
                   "replicaof 127.0.0.1 %u\nrepl-timeout 5\n",
                   farm->server[0].port);
    start_server(farm, extra);
    start_server(farm, extra);
    for (size_t i = 1; i < SENTINELS_FROM; i++)
        await(farm, i, "INFO replication", "master_link_status:up");
    (void)snprintf(extra, sizeof(extra),
                   "sentinel monitor mortsafe 127.0.0.1 %u 2\n"
                   "sentinel down-after-milliseconds mortsafe 700\n"
                   "sentinel failover-timeout mortsafe 3000\n"
                   "sentinel parallel-syncs mortsafe 2\n",
                   farm->server[0].port);
    for (size_t i = SENTINELS_FROM; i < SERVERS; i++) {
        start_server(farm, extra);
        /* (since 7.0; else it takes a few seconds more) */
        (void)farm_ask(farm, i,
                       "SENTINEL DEBUG info-period 300 publish-period 200 "
                       "ping-period 200");
    }
    for (size_t i = SENTINELS_FROM; i < SERVERS; i++)
        await(farm, i, "INFO sentinel", "slaves=2,sentinels=3");
}

/* A third of all slots. */
static void
add_slots(struct farm *farm, size_t i)
{
    char *command = malloc(COMMAND);
    size_t len;

    assert_non_null(command);
    len = (size_t)snprintf(command, COMMAND, "CLUSTER ADDSLOTS");
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++)
        if (slot * MASTERS / REDIS_SLOTS == i)
            len += (size_t)snprintf(command + len, COMMAND - len, " %zu", slot);
    must_be_ok(farm, i, command);
    free(command);
}

static void
start_cluster(struct farm *farm)
{
    char command[PATHS], id[64];

    for (size_t i = 0; i < SERVERS; i++) {
        start_server(farm, "cluster-enabled yes\ncluster-node-timeout 1000\n"
                           "cluster-replica-validity-factor 0\n");
        (void)snprintf(command, sizeof(command), "CLUSTER SET-CONFIG-EPOCH %zu",
                       i + 1);
        must_be_ok(farm, i, command);
        if (i < MASTERS)
            add_slots(farm, i);
    }
    for (size_t i = 1; i < SERVERS; i++) {
        (void)snprintf(command, sizeof(command), "CLUSTER MEET 127.0.0.1 %u",
                       farm->server[i].port);
        must_be_ok(farm, 0, command);
    }
    for (size_t i = 0; i < SERVERS; i++)
        await(farm, i, "CLUSTER INFO", "cluster_known_nodes:6");
    for (size_t i = MASTERS; i < SERVERS; i++) {
        (void)snprintf(id, sizeof(id), "%.40s",
                       farm_ask(farm, i - MASTERS, "CLUSTER MYID") + 1);
        (void)snprintf(command, sizeof(command), "CLUSTER REPLICATE %s", id);
        must_be_ok(farm, i, command);
    }
    for (size_t i = 0; i < SERVERS; i++) {
        await(farm, i, "CLUSTER INFO", "cluster_state:ok");
        if (i >= MASTERS)
            await(farm, i, "INFO replication", "master_link_status:up");
    }
}

struct farm *
farm_start(enum farm_layout layout)
{
    struct farm *farm = calloc(1, sizeof(*farm));

    assert_non_null(farm);
    farm->layout = layout;
    (void)snprintf(farm->dir, sizeof(farm->dir), "/tmp/redis.XXXXXX");
    assert_non_null(mkdtemp(farm->dir));
    switch (layout) {
    case FARM_UNIX:
    case FARM_TCP:
        start_server(farm, "");
        break;
    case FARM_TLS:
        make_certificates(farm);
        start_server(farm, "");
        break;
    case FARM_SENTINEL:
        start_sentinels(farm);
        break;
    case FARM_CLUSTER:
        start_cluster(farm);
        break;
    }
    return farm;
}

void
farm_stop(struct farm *farm)
{
    if (farm == NULL)
        return;
    for (size_t i = 0; i < farm->n; i++) {
        hang_up(&farm->server[i]);
        if (farm->server[i].pid > 0)
            (void)kill(farm->server[i].pid, SIGKILL);
    }
    for (size_t i = 0; i < farm->n; i++)
        if (farm->server[i].pid > 0)
            (void)waitpid(farm->server[i].pid, NULL, 0);
    remove_all(farm->dir);
    free(farm);
}

/* ----- what others ask */

static void
seed(const struct farm *farm, size_t i, struct redis_where *out)
{
    struct endpoint *at = &out->seed[out->n_seeds++];

    memset(at, 0, sizeof(*at));
    at->tls = farm->layout == FARM_TLS;
    if (farm->layout == FARM_UNIX) {
        (void)snprintf(at->path, sizeof(at->path), "%.100s",
                       farm->server[i].socket);
        return;
    }
    (void)snprintf(at->host, sizeof(at->host), "127.0.0.1");
    at->port = (uint16_t)farm->server[i].port;
}

void
farm_where(const struct farm *farm, struct redis_where *out)
{
    memset(out, 0, sizeof(*out));
    out->deadline_ms = 300;
    switch (farm->layout) {
    case FARM_TLS:
        out->tls = true;
        out->tls_options.ca_file = farm->ca;
        out->tls_options.cert_file = farm->cert;
        out->tls_options.key_file = farm->key;
        seed(farm, 0, out);
        break;
    case FARM_UNIX:
    case FARM_TCP:
        seed(farm, 0, out);
        break;
    case FARM_SENTINEL:
        out->layout = REDIS_SENTINEL;
        (void)snprintf(out->master, sizeof(out->master), "mortsafe");
        for (size_t i = SENTINELS_FROM; i < farm->n; i++)
            seed(farm, i, out);
        break;
    case FARM_CLUSTER:
        out->layout = REDIS_CLUSTER;
        for (size_t i = 0; i < farm->n; i++)
            seed(farm, i, out);
        break;
    }
}

size_t
farm_servers(const struct farm *farm)
{
    return farm->n;
}

unsigned
farm_port(const struct farm *farm, size_t i)
{
    assert_true(i < farm->n);
    return farm->server[i].port;
}

const char *
farm_socket(const struct farm *farm, size_t i)
{
    assert_true(i < farm->n);
    return farm->server[i].socket;
}

pid_t
farm_pid(const struct farm *farm, size_t i)
{
    assert_true(i < farm->n);
    return farm->server[i].pid;
}

static size_t
by_port(const struct farm *farm, unsigned long port)
{
    for (size_t i = 0; i < farm->n; i++)
        if (farm->server[i].port == port)
            return i;
    fail_msg("no server has port %lu", port);
    return 0;
}

/* The first at or after FROM that can answer. */
static size_t
first_live(const struct farm *farm, size_t from)
{
    for (size_t i = from; i < farm->n; i++)
        if (farm->server[i].pid > 0 && !farm->server[i].stopped)
            return i;
    fail_msg("no server is left to ask");
    return 0;
}

size_t
farm_master(struct farm *farm)
{
    const char *port;

    if (farm->layout != FARM_SENTINEL)
        return 0;
    port = strstr(farm_ask(farm, first_live(farm, SENTINELS_FROM),
                           "SENTINEL get-master-addr-by-name mortsafe"),
                  "2) \"");
    assert_non_null(port);
    return by_port(farm, strtoul(port + 4, NULL, 10));
}

/* A line of CLUSTER NODES: has its node SLOT?  Slots begin at the ninth
 * word: 0-99, 100, or [93->-...] which moves. */
static bool
line_owns(const char *line, const char *end, unsigned long slot)
{
    for (int word = 1; word < 9 && line < end; word++) {
        line += strcspn(line, " \n");
        line += *line == ' ';
    }
    while (line < end && *line != '\n') {
        char *after;
        unsigned long from = strtoul(line, &after, 10);
        unsigned long to = from;

        if (after != line && *after == '-')
            to = strtoul(after + 1, &after, 10);
        if (after != line && from <= slot && slot <= to)
            return true;
        line += strcspn(line, " \n");
        line += *line == ' ';
    }
    return false;
}

size_t
farm_owner(struct farm *farm, const char *key)
{
    char command[PATHS];
    size_t live = first_live(farm, 0);
    unsigned long slot;

    if (farm->layout != FARM_CLUSTER)
        return farm_master(farm);
    (void)snprintf(command, sizeof(command), "CLUSTER KEYSLOT %s", key);
    slot =
        strtoul(farm_ask(farm, live, command) + strlen("(integer) "), NULL, 10);
    (void)farm_ask(farm, live, "CLUSTER NODES");
    for (const char *line = farm->answer + 1; *line != '\0';) {
        const char *end = line + strcspn(line, "\n");
        const char *port = memchr(line, ':', (size_t)(end - line));

        if (port != NULL && line_owns(line, end, slot))
            return by_port(farm, strtoul(port + 1, NULL, 10));
        line = end + (*end == '\n');
    }
    fail_msg("nobody owns slot %lu", slot);
    return 0;
}

void
farm_signal(struct farm *farm, size_t i, int signal)
{
    struct server *server = &farm->server[i];

    assert_true(i < farm->n && server->pid > 0);
    assert_int_equal(kill(server->pid, signal), 0);
    if (signal == SIGSTOP)
        (void)waitpid(server->pid, NULL, WUNTRACED);
    if (signal == SIGSTOP || signal == SIGCONT)
        server->stopped = signal == SIGSTOP;
    if (signal != SIGKILL)
        return;
    (void)waitpid(server->pid, NULL, 0);
    server->pid = 0;
    hang_up(server);
}

void
farm_restart(struct farm *farm, size_t i)
{
    assert_true(i < farm->n && farm->server[i].pid == 0);
    (void)unlink(farm->server[i].socket);
    for (int try = 0; try < TRIES; try++) {
        launch(&farm->server[i]);
        if (await_start(farm, i))
            return;
        pause_ms(50); /* its port is not free yet */
    }
    fail_msg("server %zu does not start again; see %s/log", i,
             farm->server[i].dir);
}
