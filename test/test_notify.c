/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit.h"

/* A socket at ADDR that listens as systemd does. */
static int
listen_at(const struct sockaddr_un *addr, socklen_t len)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)addr, len), 0);
    return fd;
}

/* The next message at FD is WANT; NULL: there is none. */
static void
hears(int fd, const char *want)
{
    char got[600];
    ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);

    if (want == NULL) {
        assert_int_equal(n, -1);
        return;
    }
    assert_true(n >= 0);
    got[n] = '\0';
    assert_string_equal(got, want);
}

static void
test_path(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/test_notify.XXXXXX";
    struct notify notify;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/s", dir);
    fd = listen_at(&addr, sizeof(addr));
    assert_int_equal(setenv("NOTIFY_SOCKET", addr.sun_path, 1), 0);
    notify_open(&notify);
    notify_send(&notify, "STATUS=%d sessions", 7);
    hears(fd, "STATUS=7 sessions");
    for (int i = 0; i < 10000; i++) /* nobody reads: never waits */
        notify_send(&notify, "WATCHDOG=1");
    notify_close(&notify);
    notify_send(&notify, "READY=1");
    close(fd);
    unlink(addr.sun_path);
    rmdir(dir);
}

static void
test_abstract(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct notify notify;
    char name[64];
    int fd;

    (void)state;
    (void)snprintf(name, sizeof(name), "@test_notify.%ld", (long)getpid());
    memcpy(addr.sun_path, name, strlen(name));
    addr.sun_path[0] = '\0';
    fd = listen_at(&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                      strlen(name)));
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    notify_open(&notify);
    notify_send(&notify, "READY=1");
    hears(fd, "READY=1");
    hears(fd, NULL);
    notify_close(&notify);
    close(fd);
}

static const char *const nowhere[] = {
    "", "/", "@", "relative", "vsock:2:1", "/nonexistent/socket"};

static void
test_nowhere(void **state)
{
    char text[300];
    struct notify notify;

    (void)state;
    for (size_t i = 0; i < ROWS(nowhere); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", nowhere[i], 1), 0);
        notify_open(&notify);
        notify_send(&notify, "READY=1");
        notify_close(&notify);
    }
    memset(text, 'x', sizeof(text) - 1);
    text[0] = '/';
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", text, 1), 0);
    notify_open(&notify);
    assert_int_equal(notify.fd, -1);
    unsetenv("NOTIFY_SOCKET");
    notify_open(&notify);
    assert_int_equal(notify.fd, -1);
    assert_int_equal(notify.watchdog_us, 0);
}

static const struct {
    const char *name, *usec, *pid; /* pid: NULL, a number, or "own" */
    uint64_t watchdog_us;
} watchdogs[] = {
    {"for everybody", "30000000", NULL, 30000000},
    {"for us", "30000000", "own", 30000000},
    {"for another", "30000000", "1", 0},
    {"none", NULL, "own", 0},
    {"no number", "abc", NULL, 0},
    {"a negative number", "-5", NULL, 0},
    {"more than a number", "5s", NULL, 0},
    {"too large a number", "99999999999999999999999", NULL, 0},
};

static void
set(const char *name, const char *value)
{
    if (value == NULL)
        unsetenv(name);
    else
        assert_int_equal(setenv(name, value, 1), 0);
}

static void
test_watchdog(void **state)
{
    char own[32];

    (void)state;
    (void)snprintf(own, sizeof(own), "%ld", (long)getpid());
    set("NOTIFY_SOCKET", "/nonexistent/socket");
    for (size_t i = 0; i < ROWS(watchdogs); i++) {
        const char *pid = watchdogs[i].pid;
        struct notify notify;

        set("WATCHDOG_USEC", watchdogs[i].usec);
        set("WATCHDOG_PID", pid != NULL && strcmp(pid, "own") == 0 ? own : pid);
        notify_open(&notify);
        expect(watchdogs[i].name,
               notify.watchdog_us == watchdogs[i].watchdog_us);
        notify_close(&notify);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_abstract),
        cmocka_unit_test(test_nowhere),
        cmocka_unit_test(test_watchdog),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
