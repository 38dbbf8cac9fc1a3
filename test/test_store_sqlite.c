/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedded store's files: what outlives the daemon, what a damaged, a
 * foreign or a newer file does, and who may not open it.
 */
#include <config.h>

#include "policy/store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "test/store_files.h"
#include "test/store_lab.h"
#include "test/unit.h"

/* ----- what outlives the daemon */

static void
test_all_is_kept(void **state)
{
    struct lab *lab = lab_create(lab_embedded());

    (void)state;
    files_fill(lab);
    lab_reopen(lab);
    assert_int_equal(files_filled(lab), FILES_USERS);
    lab_reopen(lab);
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(lab_told(lab), 0);
    lab_close(lab);
    assert_int_equal(files_count(lab, "state.db"), 1); /* no journals */
    lab_end(lab);
}

/* What changes after it was loaded is saved again. */
static void
test_changes_are_kept(void **state)
{
    static struct store_record record;
    struct lab *lab = lab_create(lab_embedded());
    struct subject ann = files_user(0), bob = files_user(1),
                   eve = files_user(4);
    bool found;

    (void)state;
    files_fill(lab);
    lab_reopen(lab);
    assert_true(lab_take(lab, &ann, 1, FILES_SPAN_S, 5, 1000));
    assert_int_equal(lab_judge(lab, &ann, STANDING_PROBATION, 0, 0), MS_OK);
    store_forget(lab->store, &bob, lab_now(lab), &found);
    assert_true(found);
    store_reset(lab->store, &eve, 1, lab_now(lab), &found);
    assert_true(found);
    lab_reopen(lab);
    assert_int_equal(lab_used(lab, &ann, 1), 6);
    store_get(lab->store, &ann, lab_now(lab), &found, &record);
    assert_int_equal(record.state.standing, STANDING_PROBATION);
    assert_int_equal(record.state.len, 0);
    assert_int_equal(record.state.version, 2);
    store_get(lab->store, &bob, lab_now(lab), &found, &record);
    assert_false(found);
    assert_int_equal(lab_used(lab, &eve, 1), 0);
    lab_close(lab);
    assert_int_equal(files_ask(lab, "SELECT count(*) FROM subject"),
                     FILES_USERS - 1);
    assert_int_equal(files_ask(lab, "SELECT count(*) FROM detector"),
                     FILES_USERS / 4 - 1); /* user 0 never had any: 0 bytes */
    lab_end(lab);
}

/* Somebody who was forgotten and comes back is one row, not two. */
static void
test_come_and_go(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct subject ann = files_user(0);
    bool found;

    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_true(lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 1000));
        lab_judge(lab, &ann, STANDING_WATCHED, 0, (uint16_t)(i % 3));
        if (i % 7 == 3)
            files_flush(lab);
        if (i % 5 == 4)
            store_forget(lab->store, &ann, lab_now(lab), &found);
        if (i % 11 == 10)
            lab_reopen(lab);
    }
    assert_true(lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 1000));
    lab_reopen(lab);
    assert_int_equal(lab_used(lab, &ann, 1), 1);
    lab_close(lab);
    assert_int_equal(files_ask(lab, "SELECT count(*) FROM subject"), 1);
    assert_int_equal(files_ask(lab, "SELECT count(*) FROM detector"), 0);
    lab_end(lab);
}

/* What was evicted goes from the file, what was shared stays shared. */
static void
test_evicted_rows_go(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct store_stats stats;
    struct subject subject;
    struct why why;

    (void)state;
    lab_close(lab);
    lab->memory = 1 << 20;
    assert_int_equal(lab_open(lab, &why), MS_OK);
    for (unsigned i = 0; i < 6000; i++) {
        char name[64];

        snprintf(name, sizeof(name), "client:198.51.%u.%u", i / 256, i % 256);
        subject = lab_subject(name);
        /* the first half cannot be evicted, the second shares */
        lab_take(lab, &subject, 1, FILES_SPAN_S, i < 3000 ? 6 : 1, 10);
        if (i % 1000 == 500)
            files_flush(lab);
        if (i == 3000) {
            store_stats(lab->store, &stats);
            assert_true(stats.overflowed > 0);
        }
    }
    lab_take(lab, &subject, 1, FILES_SPAN_S, 0, 10);
    lab_reopen(lab);
    store_stats(lab->store, &stats);
    lab_take(lab, &subject, 1, FILES_SPAN_S, 5, 10);
    assert_true(lab->answers.item[0].used > 5); /* it is remembered there */
    lab_close(lab);
    assert_int_equal(files_ask(lab, "SELECT count(*) FROM subject"
                                    " WHERE kind < 7"),
                     stats.subjects[SUBJECT_CLIENT]);
    lab_end(lab);
}

/* The store's clock goes on where it was. */
static void
test_clock(void **state)
{
    static const struct {
        const char *row;
        const char *boot; /* NULL: the same */
        int64_t mono_ms;  /* it passes, or it is after another boot */
        int64_t wall_s;   /* it passes */
        uint64_t used;    /* of an event per hour */
    } rows[] = {
        {"at once", NULL, 0, 0, 1},
        {"within the span, same boot", NULL, 3600000, 3600, 1},
        {"after the span, same boot", NULL, 3900000, 3900, 0},
        {"in one boot the wall clock does not matter", NULL, 3600000, 999999,
         1},
        {"even if it steps back", NULL, 3900000, -999999, 0},
        {"another boot, within the span", "second", 5000, 3595, 1},
        {"another boot, after the span", "second", 5000, 3900, 0},
        {"another boot, long up already", "second", 900000000, 3595, 1},
        {"another boot, the wall clock stepped back", "second", 5000, -999999,
         1},
        {"a boot that is not known", "", 5000, 3595, 1},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(lab_embedded());
        struct subject ann = files_user(0);

        lab->mono_ms = 99900000; /* begins a slice */
        lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 9);
        lab_close(lab);
        if (rows[i].boot == NULL)
            lab->mono_ms += rows[i].mono_ms;
        else
            lab->mono_ms = rows[i].mono_ms;
        if (rows[i].boot != NULL)
            snprintf(lab->boot, sizeof(lab->boot), "%s", rows[i].boot);
        lab->wall_s += rows[i].wall_s;
        lab_reopen(lab);
        expect(rows[i].row, lab_used(lab, &ann, 1) == rows[i].used);
        lab_end(lab);
    }
}

/* Many boots: time adds up, and no event counts for longer than it should. */
static void
test_many_boots(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct subject ann = files_user(0);
    char boot[16];

    (void)state;
    lab->mono_ms = 99900000;
    lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 9);
    for (int i = 0; i < 13; i++) {
        snprintf(boot, sizeof(boot), "%d", i);
        lab_pass(lab, 100000);
        lab_reboot(lab, boot, 185); /* and 15 s more until it is asked */
        lab_pass(lab, 15000);
        assert_int_equal(lab_used(lab, &ann, 1), i < 12 ? 1 : 0);
    }
    lab_end(lab);
}

/* The kernel names the boot if nobody else does. */
static void
test_kernel_boot(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    const struct store_clock clock = {lab_clock, lab, NULL};
    struct store *store;
    struct why why;
    char path[LAB_PATH];

    (void)state;
    snprintf(path, sizeof(path), "%.200s/other", lab->dir);
    assert_int_equal(store_sqlite_open(path, 1 << 20, clock,
                                       (struct store_events){NULL, NULL},
                                       &store, &why),
                     MS_OK);
    store_destroy(store);
    snprintf(lab->path, sizeof(lab->path), "%s", path);
    lab_close(lab);
    assert_int_equal(
        files_ask(lab, "SELECT length(boot) BETWEEN 1 AND 63 FROM meta"), 1);
    lab_end(lab);
}

/* ----- an end that was not clean */

static void
test_crash(void **state)
{
    struct lab *lab = lab_create(lab_embedded());

    (void)state;
    files_fill(lab);
    files_crash(lab);
    assert_int_equal(files_filled(lab), FILES_USERS);
    files_crash(lab); /* nothing was written since */
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(lab_told(lab), 0);
    lab_end(lab);
}

/* How long until nothing waits to be saved. */
static int
saved_after_ms(struct lab *lab)
{
    struct store_stats stats;
    int ms = 0;

    do {
        usleep(5000);
        ms += 5;
        store_stats(lab->store, &stats);
    } while (stats.dirty > 0 && ms < 10000);
    return ms;
}

/* A second or so is enough without a flush; a standing needs none at all. */
static void
test_saves_by_itself(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct subject ann = files_user(0);
    int least_ms = 10000;

    (void)state;
    for (int i = 0; i < 5 && least_ms > 200; i++) { /* others are about */
        int ms;

        files_flush(lab);
        assert_int_equal(lab_judge(lab, &ann, (enum standing)(i % 2 + 1), 0, 0),
                         MS_OK);
        ms = saved_after_ms(lab);
        least_ms = ms < least_ms ? ms : least_ms;
    }
    assert_in_range(least_ms, 0, 200);
    assert_true(lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 9));
    assert_in_range(saved_after_ms(lab), 1, 9000);
    lab_end(lab);
}

/* ----- versions */

static void
test_newer(void **state)
{
    static uint8_t before[FILES_MOST], after[FILES_MOST];
    struct lab *lab = lab_create(lab_embedded());
    char path[LAB_PATH];
    struct why why = {""};
    size_t size;

    (void)state;
    files_fill(lab);
    lab_close(lab);
    files_sql(lab, "PRAGMA user_version = 2");
    size = files_read(lab_file(lab, "state.db", path), before);
    assert_int_equal(lab_open(lab, &why), MS_VERSION);
    assert_non_null(strstr(why.text, path));
    assert_non_null(strstr(why.text, "newer"));
    assert_int_equal(files_read(path, after), size);
    assert_memory_equal(before, after, size);
    assert_int_equal(files_count(lab, "state.db"), 1);
    assert_int_equal(lab_told(lab), 0);
    files_sql(lab, "PRAGMA user_version = 1");
    assert_int_equal(lab_open(lab, &why), MS_OK);
    assert_int_equal(files_filled(lab), FILES_USERS);
    lab_end(lab);
}

/* ----- who may open what */

static void
test_modes(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    char path[LAB_PATH];
    struct stat st;

    (void)state;
    files_fill(lab);
    files_flush(lab);
    assert_int_equal(stat(lab->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(lab_file(lab, "state.db", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(lab_file(lab, "state.db-wal", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(lab_file(lab, "lock", path), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    lab_close(lab);
    chmod(lab_file(lab, "state.db", path), 0644);
    lab_reopen(lab);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    lab_end(lab);
}

enum trap {
    DIR_OTHERS_WRITE,
    DIR_GROUP_WRITES,
    DIR_IS_LINK,
    DIR_IS_LINK_WITH_SLASH,
    DIR_IS_FILE,
    DIR_OF_ANOTHER,
    DIR_WITHOUT_PARENT,
    DIR_WITHOUT_NAME,
    DIR_NAME_TOO_LONG,
    FILE_IS_LINK,
    FILE_IS_FIFO,
    FILE_IS_DIR,
    FILE_OF_ANOTHER,
    WAL_IS_LINK,
    JOURNAL_IS_FIFO,
    LOCK_IS_LINK,
    LOCK_IS_FIFO
};

static void
replace_by_link(const char *path)
{
    char other[LAB_PATH + 16];

    snprintf(other, sizeof(other), "%s.other", path);
    rename(path, other);
    assert_int_equal(symlink(other, path), 0);
}

static void
replace_by_fifo(const char *path)
{
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void
set_trap(struct lab *lab, enum trap trap)
{
    char file[LAB_PATH], lock[LAB_PATH], wal[LAB_PATH], journal[LAB_PATH];

    lab_file(lab, "state.db", file);
    lab_file(lab, "state.db-wal", wal);
    lab_file(lab, "state.db-journal", journal);
    lab_file(lab, "lock", lock);
    switch (trap) {
    case DIR_OTHERS_WRITE:
        assert_int_equal(chmod(lab->path, 0702), 0);
        break;
    case DIR_GROUP_WRITES:
        assert_int_equal(chmod(lab->path, 0770), 0);
        break;
    case DIR_IS_LINK:
        replace_by_link(lab->path);
        break;
    case DIR_IS_LINK_WITH_SLASH:
        replace_by_link(lab->path);
        strcat(lab->path, "//");
        break;
    case DIR_IS_FILE:
        snprintf(lab->path, sizeof(lab->path), "%s", file);
        break;
    case DIR_OF_ANOTHER:
        assert_int_equal(chown(lab->path, 65534, 65534), 0);
        break;
    case DIR_WITHOUT_PARENT:
        snprintf(lab->path, sizeof(lab->path), "%.100s/no/such", lab->dir);
        break;
    case DIR_WITHOUT_NAME:
        lab->path[0] = '\0';
        break;
    case DIR_NAME_TOO_LONG:
        break;
    case FILE_IS_LINK:
        replace_by_link(file);
        break;
    case FILE_IS_FIFO:
        replace_by_fifo(file);
        break;
    case FILE_IS_DIR:
        unlink(file);
        assert_int_equal(mkdir(file, 0700), 0);
        break;
    case FILE_OF_ANOTHER:
        assert_int_equal(chown(file, 65534, 65534), 0);
        break;
    case WAL_IS_LINK:
        assert_int_equal(symlink("/dev/null", wal), 0);
        break;
    case JOURNAL_IS_FIFO:
        replace_by_fifo(journal);
        break;
    case LOCK_IS_LINK:
        replace_by_link(lock);
        break;
    case LOCK_IS_FIFO:
        replace_by_fifo(lock);
        break;
    }
}

static void
test_traps(void **state)
{
    static const struct {
        const char *row;
        enum trap trap;
        const char *cure; /* in what the operator is told */
    } rows[] = {
        {"a directory that others can write to", DIR_OTHERS_WRITE, "chmod"},
        {"one that the group can write to", DIR_GROUP_WRITES, "chmod"},
        {"a link to a directory", DIR_IS_LINK, "name the directory itself"},
        {"the same with a slash", DIR_IS_LINK_WITH_SLASH, "symbolic link"},
        {"a file for a directory", DIR_IS_FILE, "no directory"},
        {"a directory of another user", DIR_OF_ANOTHER, "chown"},
        {"a directory in one that is not there", DIR_WITHOUT_PARENT, "No such"},
        {"no directory", DIR_WITHOUT_NAME, "no path"},
        {"a link for a file", FILE_IS_LINK, "remove it"},
        {"a FIFO for a file", FILE_IS_FIFO, "remove it"},
        {"a directory for a file", FILE_IS_DIR, "remove it"},
        {"a file of another user", FILE_OF_ANOTHER, "chown"},
        {"a link for the journal", WAL_IS_LINK, "remove it"},
        {"a FIFO for the older journal", JOURNAL_IS_FIFO, "remove it"},
        {"a link for the lock", LOCK_IS_LINK, "remove it"},
        {"a FIFO for the lock", LOCK_IS_FIFO, "remove it"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(lab_embedded());
        struct why why = {""};

        lab_close(lab);
        if ((rows[i].trap == DIR_OF_ANOTHER ||
             rows[i].trap == FILE_OF_ANOTHER) &&
            geteuid() != 0) {
            lab_end(lab);
            continue;
        }
        set_trap(lab, rows[i].trap);
        expect(rows[i].row, lab_open(lab, &why) == MS_UNAVAIL);
        if (strstr(why.text, rows[i].cure) == NULL)
            fail_msg("%s: %s", rows[i].row, why.text);
        expect(rows[i].row, lab_told(lab) == 0);
        lab_end(lab);
    }
}

static void
test_long_path(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    const struct store_clock clock = {lab_clock, lab, NULL};
    static char path[5000];
    struct store *store = NULL;
    struct why why = {""};

    (void)state;
    memset(path, '/', sizeof(path) - 1);
    path[1] = 'x';
    path[sizeof(path) - 2] = 'x';
    assert_int_equal(store_sqlite_open(path, 1 << 20, clock,
                                       (struct store_events){NULL, NULL},
                                       &store, &why),
                     MS_UNAVAIL);
    assert_null(store);
    lab_end(lab);
}

/* The second is refused, the first does not notice. */
static void
test_two(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    const struct store_clock clock = {lab_clock, lab, NULL};
    const struct store_events events = {NULL, NULL};
    struct store *second = NULL;
    struct why why = {""};
    char pid[32];

    (void)state;
    files_fill(lab);
    assert_int_equal(
        store_sqlite_open(lab->path, 1 << 20, clock, events, &second, &why),
        MS_BUSY);
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(why.text, pid));
    assert_non_null(strstr(why.text, lab->path));
    files_flush(lab);
    assert_int_equal(files_filled(lab), FILES_USERS);
    lab_close(lab);
    assert_int_equal(
        store_sqlite_open(lab->path, 1 << 20, clock, events, &second, &why),
        MS_OK);
    store_destroy(second);
    lab_end(lab);
}

/* Another program has the file open. */
static void
test_locked_file(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    char path[LAB_PATH];
    struct why why = {""};
    sqlite3 *db;

    (void)state;
    files_fill(lab);
    lab_close(lab);
    sqlite3_open(lab_file(lab, "state.db", path), &db);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(lab_open(lab, &why), MS_BUSY);
    assert_non_null(strstr(why.text, path));
    sqlite3_close(db);
    assert_int_equal(lab_open(lab, &why), MS_OK);
    assert_int_equal(files_filled(lab), FILES_USERS);
    lab_end(lab);
}

static void
test_too_little_memory(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct why why = {""};

    (void)state;
    lab_close(lab);
    lab->memory = (1 << 20) - 1;
    assert_int_equal(lab_open(lab, &why), MS_INVALID);
    assert_true(why.text[0] != '\0');
    lab->memory++;
    assert_int_equal(lab_open(lab, &why), MS_OK);
    lab_end(lab);
}

/* ----- files that go while they are in use */

static void
test_removed(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct subject ann = lab_subject("user:ann");

    (void)state;
    files_fill(lab);
    files_flush(lab);
    files_remove(lab, "state.db");
    assert_true(lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 9));
    files_crash(lab);
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(lab_used(lab, &ann, 1), 1);
    lab_end(lab);
}

static void
test_replaced(void **state)
{
    struct lab *lab = lab_create(lab_embedded());
    struct subject ann = lab_subject("user:ann");
    char path[LAB_PATH];

    (void)state;
    files_fill(lab);
    files_flush(lab);
    lab_told(lab);
    unlink(lab_file(lab, "state.db", path));
    files_write(path, "what is this?", 13);
    assert_true(lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 9));
    files_flush(lab);
    assert_int_equal(lab_told(lab), 1);
    assert_int_equal(files_count(lab, "state.db.damaged-"), 2); /* and wal */
    files_crash(lab);
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(lab_used(lab, &ann, 1), 1);
    lab_end(lab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_kept),
        cmocka_unit_test(test_changes_are_kept),
        cmocka_unit_test(test_come_and_go),
        cmocka_unit_test(test_evicted_rows_go),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_many_boots),
        cmocka_unit_test(test_kernel_boot),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_saves_by_itself),
        cmocka_unit_test(test_newer),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_traps),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_locked_file),
        cmocka_unit_test(test_too_little_memory),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
