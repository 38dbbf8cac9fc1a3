/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The n-th allocation of a store fails, for every n: a step is charged whole
 * or not at all, and what is known stays known.
 */
#include <config.h>

#include <stdio.h>

#include "test/scarce.h"
#include "test/store_files.h"
#include "test/store_lab.h"
#include "test/unit.h"

enum { SPAN_S = 60, SUBJECTS = 3, WINDOWS = 2, MOST = 10000 };

static struct subject
subject_of(unsigned long n, unsigned i)
{
    char name[32];

    snprintf(name, sizeof(name), "user:%lu-%u", n, i);
    return lab_subject(name);
}

static enum ms_err
charge(struct lab *lab, const struct subject subject[SUBJECTS])
{
    struct charge_item item[SUBJECTS * WINDOWS];
    struct store_ticket *ticket = NULL;
    enum ms_err err;

    for (unsigned i = 0; i < ROWS(item); i++)
        item[i] = (struct charge_item){.subject = &subject[i % SUBJECTS],
                                       .window = i / SUBJECTS,
                                       .span_s = SPAN_S,
                                       .n = 1,
                                       .limit = 9};
    err = store_submit(lab->store, item, ROWS(item), lab_now(lab), &ticket);
    assert_true((ticket != NULL) == (err == MS_OK));
    store_drop(lab->store, ticket);
    return err;
}

static void
check_all(struct lab *lab, const struct subject subject[SUBJECTS],
          uint64_t used)
{
    for (unsigned i = 0; i < SUBJECTS * WINDOWS; i++)
        assert_int_equal(lab_used(lab, &subject[i % SUBJECTS], i / SUBJECTS),
                         used);
}

/* Newcomers, so that records, windows, pages and buckets are needed. */
static void
test_charge(void **state)
{
    struct lab *lab = lab_create(*state);
    unsigned failed = 0;

    for (unsigned long n = 1; n < 3000; n++) {
        struct subject subject[SUBJECTS];
        enum ms_err err;

        for (unsigned i = 0; i < SUBJECTS; i++)
            subject[i] = subject_of(n, i);
        scarce_set(n % 20);
        err = charge(lab, subject);
        scarce_set(0);
        failed += err == MS_NOMEM;
        check_all(lab, subject, err == MS_OK ? 1 : 0);
        assert_int_equal(charge(lab, subject), MS_OK);
        check_all(lab, subject, err == MS_OK ? 2 : 1);
    }
    assert_true(failed > 1000);
    lab_end(lab);
}

static void
test_update(void **state)
{
    static struct store_record record;
    struct lab *lab = lab_create(*state);
    unsigned failed = 0;

    for (unsigned long n = 1; n < 500; n++) {
        struct subject subject = subject_of(n, 0);
        enum ms_err err;
        bool found;

        scarce_set(n % 5);
        err = lab_judge(lab, &subject, STANDING_WATCHED, 0, 300);
        scarce_set(0);
        failed += err == MS_NOMEM;
        store_get(lab->store, &subject, lab_now(lab), &found, &record);
        assert_true(err == MS_OK || err == MS_NOMEM);
        if (found)
            assert_int_equal(record.state.standing,
                             err == MS_OK ? STANDING_WATCHED : STANDING_NORMAL);
        else
            assert_int_equal(err, MS_NOMEM);
    }
    assert_true(failed > 100);
    lab_end(lab);
}

static bool
any(void *arg, const struct store_record *record)
{
    (void)arg;
    (void)record;
    return true;
}

static void
test_list(void **state)
{
    struct lab *lab = lab_create(*state);
    enum ms_err err = MS_OK;

    for (int i = 0; i < 100 && err == MS_OK; i++) { /* the saver needs some */
        scarce_set(1);
        err = store_list(lab->store, SUBJECT_USER, lab_now(lab), any, NULL);
        scarce_set(0);
    }
    assert_int_equal(err, MS_NOMEM);
    lab_end(lab);
}

static void
test_open(void **state)
{
    struct lab *lab = lab_create(*state);
    enum ms_err err = MS_NOMEM;
    unsigned long n = 0;

    files_fill(lab);
    lab_close(lab);
    while (err != MS_OK && n < MOST) {
        struct why why = {""};

        scarce_set(++n);
        err = lab_open(lab, &why);
        scarce_set(0);
        if (err != MS_OK)
            assert_int_equal(err, MS_NOMEM);
    }
    assert_true(n > 60 && n < MOST);
    if (lab->kind->keeps)
        assert_int_equal(files_filled(lab), FILES_USERS);
    lab_end(lab);
}

static void
test_save(void **state)
{
    struct lab *lab = lab_create(*state);

    files_fill(lab);
    for (unsigned long n = 1; n < 8; n++) {
        struct subject subject = subject_of(n, 0);

        lab_take(lab, &subject, 1, FILES_SPAN_S, 1, 9);
        scarce_set(n);
        (void)store_flush(lab->store, lab_now(lab), NULL);
        scarce_set(0);
        files_flush(lab);
    }
    if (lab->kind->keeps) {
        lab_reopen(lab);
        assert_int_equal(files_filled(lab), FILES_USERS);
    }
    lab_end(lab);
}

static const struct lab_test all[] = {
    LAB_TEST(test_charge), LAB_TEST(test_update), LAB_TEST(test_list),
    LAB_TEST(test_open),   LAB_TEST(test_save),
};

int
main(void)
{
    return lab_run(all, ROWS(all));
}
