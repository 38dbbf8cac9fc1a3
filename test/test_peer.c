/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milter/api/grants.h"
#include "milter/api/peer.h"
#include "test/unit.h"

enum {
    STRANGER = 4711,
    EVERYTHING = API_READ | API_RESET | API_RELEASE | API_ALL
};

static void
knows_who_asks(void **state)
{
    int pair[2];
    struct peer peer;
    uid_t uid = (uid_t)-1;
    char expected[64];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(peer_uid(pair[0], &uid), MS_OK);
    assert_int_equal(uid, getuid());
    assert_int_equal(peer_read(pair[0], &peer, NULL), MS_OK);
    assert_false(peer.tcp);
    assert_int_equal(peer.uid, getuid());
    assert_true(peer_has(&peer, getgid()));
    assert_true(peer_is_ours(&peer));
    (void)snprintf(expected, sizeof(expected), "uid %lu",
                   (unsigned long)getuid());
    assert_non_null(strstr(peer.by, expected));
    (void)close(pair[0]);
    (void)close(pair[1]);
    assert_int_equal(peer_read(pair[0], &peer, NULL), MS_UNAVAIL);
}

static void
the_status_port_is_nobody(void **state)
{
    struct peer peer;

    (void)state;
    peer_tcp(&peer);
    assert_true(peer.tcp);
    assert_false(peer_is_ours(&peer));
    assert_false(peer_has(&peer, 0));
    assert_string_equal(peer.by, "status port");
}

static void
tells_groups_in_little_room(void **state)
{
    struct peer peer = {.n_groups = 3, .groups = {990001, 990002, 990001}};
    char text[256], small[12];

    (void)state;
    assert_string_equal(peer_groups(&peer, text, sizeof(text)),
                        "990001, 990002");
    assert_string_equal(peer_groups(&peer, small, sizeof(small)), "990001...");
    peer.n_groups = 0;
    assert_string_equal(peer_groups(&peer, text, sizeof(text)), "");
}

/* ----- what they may do */

static unsigned missed;

static void
count_missing(void *arg, const char *group)
{
    (void)arg;
    assert_string_equal(group, "no-such-group-here");
    missed++;
}

/* A group of this machine that is not the test's own. */
static const char *
some_group(gid_t *gid)
{
    const struct group *entry = getgrnam("daemon");

    if (entry == NULL)
        entry = getgrgid(0);
    assert_non_null(entry);
    *gid = entry->gr_gid;
    return entry->gr_name;
}

static void
adds_rights_of_groups(void **state)
{
    static char missing[] = "no-such-group-here", again[64];
    struct api_group may_read = {.may = API_READ},
                     may_reset = {.may = API_RESET},
                     none = {.name = missing, .may = API_ALL};
    struct api_group *groups[] = {&may_read, &none, &may_reset};
    struct config config = {.api = {.groups = groups, .n_groups = 3}};
    struct peer peer = {.uid = STRANGER, .n_groups = 1};
    struct grants *grants;
    char first[64];

    (void)state;
    (void)snprintf(again, sizeof(again), "%s", some_group(&peer.groups[0]));
    may_read.name = may_reset.name = again;
    assert_int_equal(grants_create(&grants), MS_OK);
    assert_int_equal(grants_of(grants, &peer), 0);
    missed = 0;
    assert_int_equal(grants_set(grants, &config, count_missing, NULL), MS_OK);
    assert_int_equal(missed, 1);
    assert_int_equal(grants_missing(grants, first, sizeof(first)), 1);
    assert_string_equal(first, missing);
    assert_int_equal(grants_of(grants, &peer), API_READ | API_RESET);

    may_reset.may = API_ALL; /* includes the others */
    assert_int_equal(grants_set(grants, &config, count_missing, NULL), MS_OK);
    assert_int_equal(grants_of(grants, &peer), EVERYTHING);

    peer.groups[0] = 990001;
    assert_int_equal(grants_of(grants, &peer), 0);
    peer.groups[0] = (gid_t)-1; /* as the missing one, but nobody is in it */
    assert_int_equal(grants_of(grants, &peer), 0);
    peer.n_groups = 0;
    assert_int_equal(grants_of(grants, &peer), 0);
    peer.uid = 0;
    assert_int_equal(grants_of(grants, &peer), EVERYTHING);
    peer.uid = geteuid();
    assert_int_equal(grants_of(grants, &peer), EVERYTHING);
    peer.tcp = true; /* where nobody can say who asks */
    assert_int_equal(grants_of(grants, &peer), API_READ);
    grants_destroy(grants);
    grants_destroy(NULL);
}

static void
tells_some_refusals_a_minute(void **state)
{
    struct grants *grants;

    (void)state;
    assert_int_equal(grants_create(&grants), MS_OK);
    for (int i = 0; i < GRANTS_TOLD; i++)
        assert_true(grants_tell(grants, (struct mono){600000 + i}));
    assert_false(grants_tell(grants, (struct mono){659999}));
    assert_true(grants_tell(grants, (struct mono){660000}));
    grants_destroy(grants);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_who_asks),
        cmocka_unit_test(the_status_port_is_nobody),
        cmocka_unit_test(tells_groups_in_little_room),
        cmocka_unit_test(adds_rights_of_groups),
        cmocka_unit_test(tells_some_refusals_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
