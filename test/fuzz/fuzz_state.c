/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the embedded store reads: the first byte says whether the rest is one
 * row, one row whose checksum is put right, or the whole file.
 */
#include <config.h>

#include "policy/store/ledger.h"
#include "policy/store/row.h"
#include "policy/store/sqlite.h"
#include "policy/store/step.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/fuzz/fuzz.h"

enum { ROW, SEALED_ROW, STATE_FILE, FORMS, HEAD = 12, SUM = 8, PATH = 64 };

static const struct store_time now = {{4000000}, {1800000000}};

static struct store_time
the_time(void *arg)
{
    (void)arg;
    return now;
}

/* What was read can be used, and is written as it was. */
static void
use(struct ledger *ledger, struct rows *rows, const struct row *row)
{
    static struct store_record record;
    static struct charge_answers answers;
    struct subject subject;
    struct charge_item item = {
        .subject = &subject, .window = 1, .span_s = 60, .n = 1, .limit = 5};
    struct store_ticket *ticket;
    struct row again;
    bool found;

    ledger_all_dirty(ledger);
    must(ledger_take(ledger, rows) == MS_OK && rows_count(rows) == 1);
    again = rows_at(rows, 0);
    must(again.id == row->id && again.windows_len == row->windows_len);
    must(row_check(&again) && row_check_state(&again));
    must(memcmp(again.windows, row->windows, row->windows_len - SUM) == 0);
    ledger_saved(ledger);
    if (!subject_read(row->name, row->name_len, &subject))
        return; /* one that many share */
    must(ledger_get(ledger, &subject, now, &found, &record) == MS_OK && found);
    if (step_submit(ledger, &item, 1, now, &ticket) == MS_OK)
        step_collect(ticket, &answers);
    must(ledger_forget(ledger, &subject, now, &found) == MS_OK && found);
}

/* Kind, id, length of name, a state's length; then name, windows, state. */
static void
read_row(const uint8_t *data, size_t size, bool seal)
{
    static struct rows *rows;
    struct ledger *ledger = NULL;
    uint8_t *copy = malloc(size + 1), key[RECORD_KEY] = {0};
    struct row row = {.key = key, .key_len = RECORD_KEY};
    size_t rest = size - HEAD;

    must(copy != NULL && (rows != NULL || rows_create(&rows) == MS_OK));
    memcpy(copy, data, size);
    row.kind = data[0] % 10;
    row.id = (uint64_t)data[1] << (data[2] % 64);
    row.name_len = (size_t)data[4] << 8 | data[5];
    row.state_len = (size_t)data[6] << 8 | data[7];
    row.name_len = row.name_len < rest ? row.name_len : rest;
    rest -= row.name_len;
    row.state_len = row.state_len < rest ? row.state_len : rest;
    row.windows_len = rest - row.state_len;
    row.name = copy + HEAD;
    row.windows = row.name + row.name_len;
    row.state = row.state_len > 0 ? row.windows + row.windows_len : NULL;
    must(ledger_create(1 << 20, NULL, &ledger) == MS_OK);
    ledger->tally.saved = true;
    if (seal && row.windows_len >= SUM)
        for (unsigned i = 0; i < SUM; i++)
            copy[HEAD + row.name_len + row.windows_len - SUM + i] =
                (uint8_t)(row_sum(&row) >> 8 * i);
    if (ledger_restore(ledger, &row, LEDGER_KEYS_NEW) == MS_OK)
        use(ledger, rows, &row);
    ledger_destroy(ledger);
    free(copy);
}

static char dir[PATH];

static void
remove_files(void)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    must(d != NULL);
    while ((entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
}

static void
remove_all(void)
{
    remove_files();
    rmdir(dir);
}

static void
read_file(const uint8_t *data, size_t size)
{
    const struct store_clock clock = {the_time, NULL, "this boot"};
    const struct store_events events = {NULL, NULL};
    struct store *store;
    struct why why;
    char path[2 * PATH];
    enum ms_err err;
    FILE *out;

    if (dir[0] == '\0') {
        snprintf(dir, sizeof(dir), "%s/fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        must(mkdtemp(dir) != NULL);
        atexit(remove_all);
    }
    remove_files();
    snprintf(path, sizeof(path), "%s/state.db", dir);
    out = fopen(path, "we");
    must(out != NULL && fwrite(data, 1, size, out) == size);
    fclose(out);
    err = store_sqlite_open(dir, 1 << 20, clock, events, &store, &why);
    must(err == MS_OK || err == MS_VERSION);
    if (err != MS_OK)
        return;
    must(store_flush(store, now, &why) == MS_OK);
    store_destroy(store);
    /* whatever it was: now it is whole */
    must(store_sqlite_open(dir, 1 << 20, clock, events, &store, &why) == MS_OK);
    store_destroy(store);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % FORMS == STATE_FILE)
        read_file(data + 1, size - 1);
    else if (size > HEAD)
        read_row(data + 1, size - 1, data[0] % FORMS == SEALED_ROW);
    return 0;
}
