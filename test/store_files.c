/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "test/store_files.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "test/unit.h"

struct subject
files_user(unsigned i)
{
    char name[64];

    snprintf(name, sizeof(name), "user:user%u@example.org", i);
    return lab_subject(name);
}

void
files_fill(struct lab *lab)
{
    for (unsigned i = 0; i < FILES_USERS; i++) {
        struct subject subject = files_user(i);

        assert_true(lab_take(lab, &subject, 1, FILES_SPAN_S, i + 1, 1000));
        if (i % 4 == 0)
            assert_int_equal(lab_judge(lab, &subject, STANDING_QUARANTINED, i,
                                       (uint16_t)(10 * i)),
                             MS_OK);
    }
}

void
files_flush(struct lab *lab)
{
    struct why why = {""};

    if (store_flush(lab->store, lab_now(lab), &why) != MS_OK)
        fail_msg("%s", why.text);
}

unsigned
files_filled(struct lab *lab)
{
    static struct store_record record;
    unsigned n = 0;

    for (unsigned i = 0; i < FILES_USERS; i++) {
        struct subject subject = files_user(i);
        bool found;

        store_get(lab->store, &subject, lab_now(lab), &found, &record);
        if (!found)
            continue;
        n++;
        assert_int_equal(record.n_windows, 1);
        assert_int_equal(record.windows[0].used, i + 1);
        assert_int_equal(record.windows[0].limit, 1000);
        if (i % 4 != 0) {
            assert_int_equal(record.state.standing, STANDING_NORMAL);
            continue;
        }
        assert_int_equal(record.state.standing, STANDING_QUARANTINED);
        assert_int_equal(record.state.throttle, i);
        if (lab->damaged && record.state.len == 0)
            continue;
        assert_int_equal(record.state.len, 10 * i);
        for (unsigned j = 0; j < 10 * i; j++)
            assert_int_equal(record.state.bytes[j], (j * 7 + 10 * i) & 0xff);
    }
    return n;
}

size_t
files_read(const char *path, uint8_t *out)
{
    FILE *in = fopen(path, "re");
    size_t n;

    assert_non_null(in);
    n = fread(out, 1, FILES_MOST, in);
    fclose(in);
    return n;
}

void
files_write(const char *path, const void *bytes, size_t n)
{
    FILE *out = fopen(path, "we");

    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(out);
}

unsigned
files_count(const struct lab *lab, const char *stem)
{
    DIR *dir = opendir(lab->path);
    struct dirent *entry;
    unsigned n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, stem, strlen(stem)) == 0)
            n++;
    closedir(dir);
    return n;
}

void
files_remove(const struct lab *lab, const char *stem)
{
    DIR *dir = opendir(lab->path);
    struct dirent *entry;
    char path[2 * LAB_PATH];

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, stem, strlen(stem)) == 0) {
            snprintf(path, sizeof(path), "%.200s/%.200s", lab->path,
                     entry->d_name);
            unlink(path);
        }
    closedir(dir);
}

void
files_sql(const struct lab *lab, const char *sql)
{
    char path[LAB_PATH], *message = NULL;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(lab_file(lab, "state.db", path), &db),
                     SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

int64_t
files_ask(const struct lab *lab, const char *sql)
{
    char path[LAB_PATH];
    sqlite3 *db;
    sqlite3_stmt *s;
    int64_t out;

    assert_int_equal(sqlite3_open(lab_file(lab, "state.db", path), &db),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    out = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return out;
}

void
files_crash(struct lab *lab)
{
    static uint8_t file[FILES_MOST], wal[FILES_MOST];
    char path[LAB_PATH], wal_path[LAB_PATH];
    size_t n, n_wal;
    struct why why = {""};

    files_flush(lab);
    n = files_read(lab_file(lab, "state.db", path), file);
    n_wal = files_read(lab_file(lab, "state.db-wal", wal_path), wal);
    lab_close(lab);
    files_write(path, file, n);
    files_write(wal_path, wal, n_wal);
    if (lab_open(lab, &why) != MS_OK)
        fail_msg("%s", why.text);
}
