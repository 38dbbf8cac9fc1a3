/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The embedded store's file, damaged in every way: it is never fatal, and
 * never somebody's wrong count.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/store_files.h"
#include "test/store_lab.h"
#include "test/unit.h"

/* ----- damage */

/* Open a damaged store: it works, tells, and is whole afterwards. */
static unsigned
survive(struct lab *lab, const char *row)
{
    struct subject ann = lab_subject("user:newcomer");
    struct why why = {""};
    unsigned left;

    lab_told(lab);
    lab->damaged = true;
    if (lab_open(lab, &why) != MS_OK)
        fail_msg("%s: %s", row, why.text);
    left = files_filled(lab);
    expect(row, left == FILES_USERS || lab->told > 0);
    expect(row, lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 9));
    if (store_flush(lab->store, lab_now(lab), &why) != MS_OK)
        fail_msg("%s: %s", row, why.text);
    lab_told(lab);
    lab_reopen(lab);
    if (lab_told(lab) > 0)
        fail_msg("%s, the second time: %s", row, lab->told_text);
    expect(row, files_filled(lab) == left);
    expect(row, lab_used(lab, &ann, 1) == 1);
    lab_close(lab);
    return left;
}

static void
test_no_such_file(void **state)
{
    static const struct {
        const char *row, *bytes;
        size_t n;
    } rows[] = {
        {"zero length", "", 0},
        {"a text", "These are not the bytes of a data base.\n", 40},
        {"the first bytes only", "SQLite format 3", 16},
        {"a long text", NULL, 9000},
        {"zeroes", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 19},
    };
    char text[9000], path[LAB_PATH];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(lab_embedded());

        lab_close(lab);
        files_write(lab_file(lab, "state.db", path),
                    rows[i].bytes != NULL ? rows[i].bytes : text, rows[i].n);
        expect(rows[i].row, survive(lab, rows[i].row) == 0);
        expect(rows[i].row, files_count(lab, "state.db.damaged-") == 1);
        expect(rows[i].row, strstr(lab->told_text, "damaged-2027") != NULL);
        lab_end(lab);
    }
}

/* Another program's data base, or one of ours that lacks something. */
static void
test_wrong_contents(void **state)
{
    static const struct {
        const char *row, *sql;
        unsigned left;
        bool moved;
    } rows[] = {
        {"another program's", "PRAGMA application_id = 77", 0, true},
        {"no layout", "PRAGMA user_version = 0", 0, true},
        {"a layout that never was", "PRAGMA user_version = -1", 0, true},
        {"a table is missing", "DROP TABLE subject", 0, true},
        {"a column is missing", "ALTER TABLE subject DROP COLUMN name", 0,
         true},
        {"no first row", "DELETE FROM meta", FILES_USERS, true},
        {"the hash key is another", "UPDATE meta SET hash_key = zeroblob(16)",
         FILES_USERS, true},
        {"the hash key is short", "UPDATE meta SET hash_key = x'00'",
         FILES_USERS, true},
        {"the clock is another", "UPDATE meta SET clock_ms = clock_ms + 1",
         FILES_USERS, true},
        {"the boot is too long", "UPDATE meta SET boot = hex(zeroblob(99))",
         FILES_USERS, true},
        {"the boot is none", "UPDATE meta SET boot = ''", FILES_USERS, true},
        {"a row without windows",
         "UPDATE subject SET windows = x'' WHERE id = 5", FILES_USERS - 1,
         false},
        {"a row with a text",
         "UPDATE subject SET windows = 'text' WHERE id = 5", FILES_USERS - 1,
         false},
        {"a row with half of its windows",
         "UPDATE subject SET windows = substr(windows, 1, 50) WHERE id = 5",
         FILES_USERS - 1, false},
        {"a row with more",
         "UPDATE subject SET windows = windows || x'00' WHERE id = 5",
         FILES_USERS - 1, false},
        {"a row with another's windows",
         "UPDATE subject SET windows = (SELECT windows FROM subject WHERE"
         " id = 6) WHERE id = 5",
         FILES_USERS - 1, false},
        {"a row with another's name",
         "UPDATE subject SET name = (SELECT name FROM subject WHERE id = 6)"
         " WHERE id = 5",
         FILES_USERS - 1, false},
        {"a row with another's key",
         "UPDATE subject SET key = (SELECT key FROM subject WHERE id = 6)"
         " WHERE id = 5",
         FILES_USERS - 1, false},
        {"a row of another kind", "UPDATE subject SET kind = 3 WHERE id = 5",
         FILES_USERS - 1, false},
        {"a row of no kind", "UPDATE subject SET kind = 99 WHERE id = 5",
         FILES_USERS - 1, false},
        {"a row that was given another id",
         "UPDATE subject SET id = 4711 WHERE id = 5", FILES_USERS - 1, false},
        {"a row below all ids", "UPDATE subject SET id = -1 WHERE id = 5",
         FILES_USERS - 1, false},
        {"a row at the greatest id",
         "UPDATE subject SET id = 9223372036854775807 WHERE id = 5",
         FILES_USERS - 1, false},
        {"a state of nobody",
         "INSERT INTO detector VALUES(4711, x'00112233445566778899')",
         FILES_USERS, false},
        {"a state that is damaged",
         "UPDATE detector SET blob = x'00112233445566778899' WHERE id = 5",
         FILES_USERS, false},
        {"a state that is too long",
         "UPDATE detector SET blob = zeroblob(5000) WHERE id = 5", FILES_USERS,
         false},
        {"a long name",
         "UPDATE subject SET name = zeroblob(60000) WHERE id = 5",
         FILES_USERS - 1, false},
        {"all rows are damaged", "UPDATE subject SET windows = zeroblob(99)", 0,
         false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab *lab = lab_create(lab_embedded());
        unsigned left;

        files_fill(lab);
        lab_close(lab);
        files_sql(lab, rows[i].sql);
        left = survive(lab, rows[i].row);
        if (left != rows[i].left)
            fail_msg("%s: %u left", rows[i].row, left);
        expect(rows[i].row, files_count(lab, "state.db.damaged-") ==
                                (rows[i].moved ? 1 : 0));
        if (!rows[i].moved) /* nothing lies there that is not known */
            expect(rows[i].row,
                   files_ask(lab, "SELECT count(*) FROM subject") == left + 1);
        lab_end(lab);
    }
}

/* Cut to each multiple of 512 bytes, and torn there: zeroes from there on. */
static void
test_torn(void **state)
{
    static uint8_t whole[FILES_MOST], torn[FILES_MOST];
    struct lab *lab = lab_create(lab_embedded());
    char path[LAB_PATH];
    size_t size;

    (void)state;
    files_fill(lab);
    lab_close(lab);
    size = files_read(lab_file(lab, "state.db", path), whole);
    assert_in_range(size, 512 * 20, FILES_MOST);
    for (size_t at = 0; at < size; at += 512)
        for (int tear = 0; tear < 2; tear++) {
            char row[64];

            memset(torn, 0, size);
            memcpy(torn, whole, at);
            files_write(path, torn, tear ? size : at);
            snprintf(row, sizeof(row), "%s at %zu", tear ? "torn" : "cut", at);
            survive(lab, row);
            files_remove(lab, "state.db");
        }
    lab_end(lab);
}

/* A flipped bit is never somebody's count: files_filled() compares all. */
static void
test_flipped(void **state)
{
    static uint8_t whole[FILES_MOST];
    struct lab *lab = lab_create(lab_embedded());
    char path[LAB_PATH];
    unsigned seed = 1;
    size_t size;

    (void)state;
    files_fill(lab);
    lab_close(lab);
    size = files_read(lab_file(lab, "state.db", path), whole);
    for (int i = 0; i < 100; i++) {
        size_t at = (size_t)rand_r(&seed) % size;
        uint8_t bit = (uint8_t)(1 << rand_r(&seed) % 8);
        char row[64];

        if (at >= 60 && at < 64)
            continue; /* the layout's number: another test's */
        snprintf(row, sizeof(row), "bit %u of byte %zu", bit, at);
        whole[at] ^= bit;
        files_write(path, whole, size);
        whole[at] ^= bit;
        survive(lab, row);
        files_remove(lab, "state.db");
    }
    lab_end(lab);
}

/* The journal, cut anywhere: the last transaction may go, nothing else. */
static void
test_cut_journal(void **state)
{
    static uint8_t file[FILES_MOST], wal[FILES_MOST];
    struct lab *lab = lab_create(lab_embedded());
    struct subject ann = lab_subject("user:ann");
    char path[LAB_PATH], wal_path[LAB_PATH];
    struct why why = {""};
    size_t size, wal_size;

    (void)state;
    files_fill(lab);
    lab_reopen(lab);
    lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 9);
    files_flush(lab);
    size = files_read(lab_file(lab, "state.db", path), file);
    wal_size = files_read(lab_file(lab, "state.db-wal", wal_path), wal);
    assert_true(wal_size > 4096);
    lab_close(lab);
    for (size_t at = 0; at <= wal_size; at += 1024) {
        files_write(path, file, size);
        files_write(wal_path, wal, at);
        if (lab_open(lab, &why) != MS_OK)
            fail_msg("%zu: %s", at, why.text);
        assert_int_equal(files_filled(lab), FILES_USERS);
        if (at == 0)
            assert_int_equal(lab_used(lab, &ann, 1), 0);
        lab_close(lab);
        assert_int_equal(files_count(lab, "state.db.damaged-"), 0);
    }
    files_write(path, file, size);
    files_write(wal_path, wal, wal_size);
    assert_int_equal(lab_open(lab, &why), MS_OK);
    assert_int_equal(lab_used(lab, &ann, 1), 1);
    lab_end(lab);
}

/* Damage of a page that nobody reads is looked for only after a crash. */
static void
test_check_after_crash(void **state)
{
    static uint8_t whole[FILES_MOST];
    struct lab *lab = lab_create(lab_embedded());
    struct subject ann = lab_subject("user:ann");
    char path[LAB_PATH];
    size_t size;

    (void)state;
    files_fill(lab);
    lab_close(lab);
    files_sql(lab, "CREATE TABLE other(a); INSERT INTO other VALUES(1)");
    size = files_read(lab_file(lab, "state.db", path), whole);
    whole[size - 4096 + 4] ^= 0xff; /* its number of rows */
    files_write(path, whole, size);
    assert_int_equal(survive(lab, "a clean end"), FILES_USERS);
    assert_int_equal(files_count(lab, "state.db.damaged-"), 0);
    lab_reopen(lab);
    lab_take(lab, &ann, 1, FILES_SPAN_S, 1, 9);
    files_crash(lab);
    assert_int_equal(lab_told(lab), 2); /* what was read, where it went */
    assert_int_equal(files_filled(lab), FILES_USERS);
    assert_int_equal(lab_used(lab, &ann, 1), 1);
    files_crash(lab);
    assert_int_equal(lab_told(lab), 0);
    assert_int_equal(files_filled(lab), FILES_USERS);
    lab_end(lab);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_such_file),
        cmocka_unit_test(test_wrong_contents),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_cut_journal),
        cmocka_unit_test(test_check_after_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
