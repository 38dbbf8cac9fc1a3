/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedded store on a disk that is full, read-only or broken: decisions go
 * on, nothing is lost, and it is told once when saving fails and once when it
 * works again.
 */
#include <config.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/faulty_disk.h"
#include "test/store_files.h"
#include "test/store_lab.h"
#include "test/unit.h"

enum { SPAN_S = FILES_SPAN_S, OPERATIONS = 200, SKIPPED = 77 };

static enum ms_err
try_flush(struct lab *lab, struct why *why)
{
    return store_flush(lab->store, lab_now(lab), why);
}

static struct store_stats
stats_of(struct lab *lab)
{
    struct store_stats stats;

    store_stats(lab->store, &stats);
    return stats;
}

/* Somebody new, so that there is something to save. */
static void
somebody(struct lab *lab, unsigned i)
{
    char name[32];
    struct subject subject;

    snprintf(name, sizeof(name), "sender:%u", i);
    subject = lab_subject(name);
    assert_true(lab_take(lab, &subject, 1, SPAN_S, 1, 9));
}

/* Faults that come once, at the operation after AFTER others. */
static const struct fault_row {
    const char *row;
    enum disk_fault fault;
} once[] = {
    {"full", DISK_FULL},           {"write error", DISK_EIO_WRITE},
    {"sync error", DISK_EIO_SYNC}, {"torn write", DISK_TORN},
    {"read-only", DISK_READONLY},
};

static void
test_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(once); i++) {
        struct lab *lab = lab_create(lab_embedded());
        bool failed = true;
        int after = 0;

        for (; failed && after < OPERATIONS; after++) {
            enum ms_err err;
            unsigned told;

            faulty_disk_set(DISK_WORKS, 0, 0);
            files_flush(lab);
            lab_told(lab);
            faulty_disk_set(once[i].fault, after, 1);
            files_fill(lab);
            somebody(lab, (unsigned)after);
            err = try_flush(lab, NULL);
            failed = faulty_disk_failed();
            expect(once[i].row, files_filled(lab) == FILES_USERS);
            faulty_disk_set(DISK_WORKS, 0, 0);
            expect(once[i].row, try_flush(lab, NULL) == MS_OK);
            told = lab_told(lab); /* a round of the saver's own may fail, too */
            expect(once[i].row, told == 2 || (told == 0 && err == MS_OK));
            files_crash(lab);
            if (files_filled(lab) != FILES_USERS)
                fail_msg("%s after %d", once[i].row, after);
            expect(once[i].row, lab_told(lab) == 0);
            for (unsigned j = 0; j < FILES_USERS; j++) {
                struct subject subject = files_user(j);
                bool found;

                store_forget(lab->store, &subject, lab_now(lab), &found);
            }
        }
        expect(once[i].row, after > 1 && after < OPERATIONS);
        lab_end(lab);
    }
}

/* The same while it ends: then the next start finds what was saved before. */
static void
test_once_at_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(once); i++) {
        struct lab *lab = lab_create(lab_embedded());
        bool failed = true;
        int after = 0;
        struct why why;

        files_fill(lab);
        for (; failed && after < OPERATIONS; after++) {
            unsigned told;

            files_flush(lab);
            somebody(lab, (unsigned)after);
            lab_told(lab);
            faulty_disk_set(once[i].fault, after, 1);
            lab_close(lab);
            failed = faulty_disk_failed();
            told = lab_told(lab);
            faulty_disk_set(DISK_WORKS, 0, 0);
            expect(once[i].row, lab_open(lab, &why) == MS_OK);
            if (files_filled(lab) != FILES_USERS)
                fail_msg("%s after %d", once[i].row, after);
            expect(once[i].row,
                   told > 0 || stats_of(lab).subjects[SUBJECT_SENDER] ==
                                   (uint64_t)after + 1);
            expect(once[i].row, lab_told(lab) == 0);
            somebody(lab, (unsigned)after); /* if it was lost */
        }
        expect(once[i].row, after > 1 && after < OPERATIONS);
        lab_end(lab);
    }
}

static void
test_for_long(void **state)
{
    static const struct {
        const char *row;
        enum disk_fault fault;
    } rows[] = {
        {"full", DISK_FULL},
        {"write error", DISK_EIO_WRITE},
        {"sync error", DISK_EIO_SYNC},
        {"read-only", DISK_READONLY},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(lab_embedded());
        struct why why = {""};
        char path[LAB_PATH];

        files_fill(lab);
        files_flush(lab);
        faulty_disk_set(rows[i].fault, 0, -1);
        for (unsigned j = 0; j < 20; j++) {
            somebody(lab, j);
            expect(rows[i].row, try_flush(lab, &why) == MS_UNAVAIL);
        }
        expect(rows[i].row,
               strstr(why.text, lab_file(lab, "state.db", path)) != NULL);
        expect(rows[i].row, stats_of(lab).saving_failed);
        expect(rows[i].row, stats_of(lab).save_errors >= 20);
        expect(rows[i].row, stats_of(lab).dirty >= 20);
        expect(rows[i].row, strcmp(stats_of(lab).trouble, why.text) == 0);
        expect(rows[i].row, lab_told(lab) == 1);
        expect(rows[i].row, lab->told_err == MS_UNAVAIL);
        faulty_disk_set(DISK_WORKS, 0, 0);
        expect(rows[i].row, try_flush(lab, &why) == MS_OK);
        expect(rows[i].row, lab_told(lab) == 1);
        expect(rows[i].row, lab->told_err == MS_OK);
        expect(rows[i].row, !stats_of(lab).saving_failed);
        expect(rows[i].row, stats_of(lab).dirty == 0);
        files_crash(lab);
        expect(rows[i].row, files_filled(lab) == FILES_USERS);
        expect(rows[i].row, stats_of(lab).subjects[SUBJECT_SENDER] == 20);
        lab_end(lab);
    }
}

/* Nobody needs to ask for it. */
static void
test_resumes_by_itself(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    int ms = 0;

    (void)state;
    files_flush(lab);
    faulty_disk_set(DISK_FULL, 0, -1);
    somebody(lab, 1);
    assert_int_equal(try_flush(lab, NULL), MS_UNAVAIL);
    faulty_disk_set(DISK_WORKS, 0, 0);
    for (; stats_of(lab).saving_failed && ms < 30000; ms += 10)
        usleep(10000);
    assert_in_range(ms, 10, 29999);
    assert_int_equal(stats_of(lab).dirty, 0);
    lab_end(lab);
}

/* Started on a full disk: there is not even a file. */
static void
test_full_at_start(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct why why;

    (void)state;
    lab_close(lab);
    files_remove(lab, "state.db");
    faulty_disk_set(DISK_FULL, 0, -1);
    assert_int_equal(lab_open(lab, &why), MS_OK);
    files_fill(lab);
    assert_int_equal(try_flush(lab, NULL), MS_UNAVAIL);
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(lab_told(lab), 1);
    faulty_disk_set(DISK_WORKS, 0, 0);
    files_crash(lab);
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(lab_told(lab), 1);
    /* and with one that was there */
    lab_close(lab);
    faulty_disk_set(DISK_FULL, 0, -1);
    assert_int_equal(lab_open(lab, &why), MS_OK);
    assert_int_equal(files_filled(lab), FILES_USERS);
    somebody(lab, 1);
    assert_int_equal(try_flush(lab, NULL), MS_UNAVAIL);
    faulty_disk_set(DISK_WORKS, 0, 0);
    lab_end(lab);
}

/* It ends all the same, says what is lost, and what was saved is there. */
static void
test_full_at_end(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct why why;

    (void)state;
    files_fill(lab);
    files_flush(lab);
    faulty_disk_set(DISK_FULL, 0, -1);
    somebody(lab, 1);
    somebody(lab, 2);
    lab_close(lab);
    assert_int_equal(lab_told(lab), 2);
    assert_non_null(strstr(lab->told_text, "2 subjects could not be saved"));
    faulty_disk_set(DISK_WORKS, 0, 0);
    assert_int_equal(lab_open(lab, &why), MS_OK);
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(lab_told(lab), 0);
    lab_end(lab);
}

/* The kernel's own refusal, not only a made one. */
static void
test_size_limit(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct rlimit old, small;
    unsigned i = 0;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 200000;
    files_fill(lab);
    files_flush(lab);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    do
        for (int j = 0; j < 100; j++)
            somebody(lab, i++);
    while (try_flush(lab, NULL) == MS_OK && i < 10000);
    assert_in_range(i, 100, 9999);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    files_crash(lab);
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(stats_of(lab).subjects[SUBJECT_SENDER], i);
    lab_end(lab);
}

/*
 * Run TEST, which returns whether all is well, in a process with a file system
 * of 256 KiB of its own on /tmp.
 */
static void
with_tmpfs(bool (*test)(void))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* other tests are not ours */
        setenv("TMPDIR", "/tmp", 1);
        if (unshare(CLONE_NEWNS) != 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", "/tmp", "tmpfs", 0, "size=256k") != 0)
            _exit(SKIPPED);
        _exit(test() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED)
        skip(); /* not root, or not allowed to mount */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool
remount(unsigned long flags, const char *options)
{
    return mount("none", "/tmp", "tmpfs", MS_REMOUNT | flags, options) == 0;
}

/* It is full, and grows. */
static bool
fill_up(void)
{
    struct lab *lab = lab_create(lab_embedded());
    unsigned i = 0;

    files_fill(lab);
    files_flush(lab);
    do
        for (int j = 0; j < 100; j++)
            somebody(lab, i++);
    while (try_flush(lab, NULL) == MS_OK && i < 10000);
    if (i >= 10000 || files_filled(lab) != FILES_USERS || lab_told(lab) != 1)
        return false;
    if (!remount(0, "size=16m") || try_flush(lab, NULL) != MS_OK ||
        lab_told(lab) != 1)
        return false;
    lab_reopen(lab);
    return files_filled(lab) == FILES_USERS &&
           stats_of(lab).subjects[SUBJECT_SENDER] == i;
}

static void
test_no_space(void **state)
{
    (void)state;
    with_tmpfs(fill_up);
}

/* It is read-only at the start; and becomes so, as far as the kernel lets it:
 * not while a file is open for writing. */
static bool
start_read_only(void)
{
    struct lab *lab = lab_create(lab_embedded());
    struct why why = {""};

    files_fill(lab);
    lab_close(lab);
    if (!remount(MS_RDONLY, NULL))
        return false;
    if (lab_open(lab, &why) != MS_OK)
        fail_msg("%s", why.text);
    somebody(lab, 1);
    if (files_filled(lab) != FILES_USERS ||
        try_flush(lab, NULL) != MS_UNAVAIL || lab_told(lab) != 1)
        return false;
    if (!remount(0, NULL) || try_flush(lab, NULL) != MS_OK)
        return false;
    lab_reopen(lab);
    return files_filled(lab) == FILES_USERS &&
           stats_of(lab).subjects[SUBJECT_SENDER] == 1;
}

static void
test_read_only(void **state)
{
    (void)state;
    with_tmpfs(start_read_only);
}

/* Somebody overwrites the file under the daemon. */
static void
test_overwritten(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    char path[LAB_PATH], zeroes[9000] = {0};

    (void)state;
    files_fill(lab);
    files_flush(lab);
    lab_reopen(lab); /* all is in the file now, nothing in the journal */
    files_write(lab_file(lab, "state.db", path), zeroes, sizeof(zeroes));
    for (unsigned i = 0; i < 50; i++) {
        somebody(lab, i);
        assert_int_equal(try_flush(lab, NULL), MS_OK);
    }
    lab->damaged = true;
    lab_reopen(lab);
    (void)files_filled(lab); /* right or gone */
    somebody(lab, 1);
    files_flush(lab);
    lab_end(lab);
}

static int
reset(void **state)
{
    (void)state;
    faulty_disk_set(DISK_WORKS, 0, 0);
    return 0;
}

static int
install(void **state)
{
    (void)state;
    faulty_disk_install();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_once, reset),
        cmocka_unit_test_teardown(test_once_at_end, reset),
        cmocka_unit_test_teardown(test_for_long, reset),
        cmocka_unit_test_teardown(test_resumes_by_itself, reset),
        cmocka_unit_test_teardown(test_full_at_start, reset),
        cmocka_unit_test_teardown(test_full_at_end, reset),
        cmocka_unit_test_teardown(test_size_limit, reset),
        cmocka_unit_test_teardown(test_no_space, reset),
        cmocka_unit_test_teardown(test_read_only, reset),
        cmocka_unit_test_teardown(test_overwritten, reset),
    };

    return cmocka_run_group_tests(tests, install, NULL);
}
