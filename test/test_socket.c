/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/socket.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "test/unit.h"

/* ----- what is a socket */

static const struct row {
    const char *text;
    enum ms_err err;
    enum socket_kind kind;
    const char *path;
    int fd;
} rows[] = {
    {"local:/run/x.sock", MS_OK, SOCKET_LOCAL, "/run/x.sock", -1},
    {"unix:/run/x.sock", MS_OK, SOCKET_LOCAL, "/run/x.sock", -1},
    {"/run/x.sock", MS_OK, SOCKET_LOCAL, "/run/x.sock", -1},
    {"inet:10033@127.0.0.1", MS_OK, SOCKET_INET, NULL, -1},
    {"inet:10033", MS_OK, SOCKET_INET, NULL, -1},
    {"inet6:65535@::1", MS_OK, SOCKET_INET6, NULL, -1},
    {"fd:3", MS_OK, SOCKET_FD, NULL, 3},
    {"", MS_INVALID, 0, NULL, 0},
    {"run/x.sock", MS_INVALID, 0, NULL, 0},
    {"local:x.sock", MS_INVALID, 0, NULL, 0},
    {"local:", MS_INVALID, 0, NULL, 0},
    {"inet:0@127.0.0.1", MS_INVALID, 0, NULL, 0},
    {"inet:65536@127.0.0.1", MS_INVALID, 0, NULL, 0},
    {"inet:127.0.0.1:10033", MS_INVALID, 0, NULL, 0},
    {"inet:", MS_INVALID, 0, NULL, 0},
    {"inet:99999999999999999999@::1", MS_INVALID, 0, NULL, 0},
    {"fd:2", MS_INVALID, 0, NULL, 0},
    {"fd:", MS_INVALID, 0, NULL, 0},
    {"fd:3x", MS_INVALID, 0, NULL, 0},
    {"tcp:10033", MS_INVALID, 0, NULL, 0},
};

static void
test_parse(void **state)
{
    char text[256] = "local:/";
    struct socket_spec spec;
    struct why why;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        why.text[0] = '\0';
        expect(rows[i].text,
               socket_parse(rows[i].text, &spec, &why) == rows[i].err);
        expect(rows[i].text, (why.text[0] != '\0') == (rows[i].err != MS_OK));
        if (rows[i].err != MS_OK)
            continue;
        expect(rows[i].text, spec.kind == rows[i].kind);
        expect(rows[i].text, spec.fd == rows[i].fd);
        expect(rows[i].text, rows[i].path == NULL
                                 ? spec.path == NULL
                                 : strcmp(spec.path, rows[i].path) == 0);
    }
    memset(text + 7, 'x', SOCKET_PATH - 2); /* and the NUL: just fits */
    assert_int_equal(socket_parse(text, &spec, &why), MS_OK);
    text[strlen(text)] = 'x';
    assert_int_equal(socket_parse(text, &spec, &why), MS_INVALID);
}

/* ----- whose it is */

/* A folder of our own with the name of a socket in it. */
struct place {
    char dir[32], path[64], lock[80];
    struct socket_spec spec;
};

static void
open_place(struct place *place)
{
    struct why why;

    (void)snprintf(place->dir, sizeof(place->dir), "/tmp/test_socket.XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->path, sizeof(place->path), "%s/s", place->dir);
    (void)snprintf(place->lock, sizeof(place->lock), "%s.lock", place->path);
    assert_int_equal(socket_parse(place->path, &place->spec, &why), MS_OK);
}

static void
close_place(const struct place *place)
{
    (void)unlink(place->path);
    (void)unlink(place->lock);
    assert_int_equal(rmdir(place->dir), 0);
}

/* A socket at PATH on which somebody listens. */
static int
listen_at(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static enum ms_err
claim(const struct place *place, int *lock)
{
    struct why why = {""};
    enum ms_err err = socket_claim(&place->spec, (uid_t)-1, lock, &why);

    assert_true((why.text[0] != '\0') == (err != MS_OK));
    assert_true((*lock >= 0) == (err == MS_OK));
    return err;
}

static void
test_nothing_there(void **state)
{
    struct place place;
    int lock;

    (void)state;
    open_place(&place);
    assert_int_equal(claim(&place, &lock), MS_OK);
    close(lock);
    assert_int_equal(claim(&place, &lock), MS_OK); /* the file stays */
    close(lock);
    close_place(&place);
}

static void
test_dead_socket(void **state)
{
    struct place place;
    int lock;

    (void)state;
    open_place(&place);
    close(listen_at(place.path));
    assert_int_equal(access(place.path, F_OK), 0);
    assert_int_equal(claim(&place, &lock), MS_OK);
    assert_int_not_equal(access(place.path, F_OK), 0);
    close(lock);
    close_place(&place);
}

static void
test_live_socket(void **state)
{
    struct place place;
    int lock, fd;

    (void)state;
    open_place(&place);
    fd = listen_at(place.path);
    assert_int_equal(claim(&place, &lock), MS_BUSY);
    assert_int_equal(access(place.path, F_OK), 0);
    close(fd);
    assert_int_equal(claim(&place, &lock), MS_OK);
    close(lock);
    close_place(&place);
}

/* Held by another of us, whose socket may look dead for a moment. */
static void
test_lock_held(void **state)
{
    struct place place;
    int first, second;

    (void)state;
    open_place(&place);
    assert_int_equal(claim(&place, &first), MS_OK);
    close(listen_at(place.path));
    assert_int_equal(claim(&place, &second), MS_BUSY);
    assert_int_equal(access(place.path, F_OK), 0);
    close(first);
    close_place(&place);
}

static void
test_no_socket(void **state)
{
    struct place place;
    struct stat st;
    int lock, fd;

    (void)state;
    open_place(&place);
    fd = open(place.path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_int_equal(claim(&place, &lock), MS_INVALID);
    assert_int_equal(lstat(place.path, &st), 0);
    (void)unlink(place.path);
    assert_int_equal(symlink("/nonexistent", place.path), 0);
    assert_int_equal(claim(&place, &lock), MS_INVALID);
    assert_int_equal(lstat(place.path, &st), 0);
    (void)unlink(place.path);
    assert_int_equal(mkfifo(place.path, 0600), 0);
    assert_int_equal(claim(&place, &lock), MS_INVALID);
    close_place(&place);
}

static void
test_lock_is_something_else(void **state)
{
    struct place place;
    int lock;

    (void)state;
    open_place(&place);
    assert_int_equal(symlink("/etc/passwd", place.lock), 0);
    assert_int_equal(claim(&place, &lock), MS_UNAVAIL);
    (void)unlink(place.lock);
    assert_int_equal(mkfifo(place.lock, 0600), 0);
    assert_int_equal(claim(&place, &lock), MS_INVALID);
    close_place(&place);
}

static void
test_no_folder(void **state)
{
    struct socket_spec spec;
    struct why why;
    int lock;

    (void)state;
    assert_int_equal(socket_parse("/nonexistent/s", &spec, &why), MS_OK);
    assert_int_equal(socket_claim(&spec, (uid_t)-1, &lock, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, "/nonexistent/s"));
}

static void
test_inherited(void **state)
{
    char text[16];
    struct place place;
    struct socket_spec spec;
    struct why why;
    int lock, fd = open("/dev/null", O_RDONLY);

    (void)state;
    open_place(&place);
    (void)snprintf(text, sizeof(text), "fd:%d", fd);
    assert_int_equal(socket_parse(text, &spec, &why), MS_OK);
    assert_int_equal(socket_claim(&spec, (uid_t)-1, &lock, &why), MS_UNAVAIL);
    close(fd);
    fd = listen_at(place.path);
    (void)snprintf(text, sizeof(text), "fd:%d", fd);
    assert_int_equal(socket_parse(text, &spec, &why), MS_OK);
    assert_int_equal(socket_claim(&spec, (uid_t)-1, &lock, &why), MS_OK);
    assert_int_equal(lock, -1);
    close(fd);
    close_place(&place);
}

/* ----- libmilter's part; it can only be asked once a process */

static void
test_listen(void **state)
{
    struct smfiDesc filter = {.xxfi_version = SMFI_VERSION};
    char name[] = "test";
    struct socket_access access = {.mode = 0620,
                                   .group = "no such group",
                                   .gid = (gid_t)-1,
                                   .owner = (uid_t)-1};
    struct why warning, why = {""};
    struct place place;
    struct stat st;
    mode_t mask = umask(077);
    int lock;

    (void)state;
    filter.xxfi_name = name;
    assert_int_equal(smfi_register(filter), MI_SUCCESS);
    open_place(&place);
    assert_int_equal(claim(&place, &lock), MS_OK);
    assert_int_equal(
        socket_listen(place.path, &place.spec, &access, 9, &warning, &why),
        MS_OK);
    assert_int_equal(stat(place.path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0620);
    assert_non_null(strstr(warning.text, "no such group"));
    assert_int_equal(umask(mask), 077);
    assert_int_equal(claim(&place, &lock), MS_BUSY);
    socket_wake(place.path, &place.spec);
    close_place(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_dead_socket),
        cmocka_unit_test(test_live_socket),
        cmocka_unit_test(test_lock_held),
        cmocka_unit_test(test_no_socket),
        cmocka_unit_test(test_lock_is_something_else),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_listen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
