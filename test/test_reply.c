/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/fake_milter.h"
#include "test/unit.h"

static const struct row {
    const char *name;
    enum verdict_action action;
    unsigned code;
    const char *enhanced, *text;
    sfsistat status;
    const char *reply; /* "" if none is to be set */
} rows[] = {
    {"a deferral is a tempfail with its code", VERDICT_DEFER, 450, "4.7.1",
     "Later", SMFIS_TEMPFAIL, "450 4.7.1 Later"},
    {"a rejection is a reject with its code", VERDICT_REJECT, 550, "5.7.1",
     "No", SMFIS_REJECT, "550 5.7.1 No"},
    {"421 is a tempfail", VERDICT_DEFER, 421, "4.7.0", "Bye", SMFIS_TEMPFAIL,
     "421 4.7.0 Bye"},
    {"552 keeps its enhanced code", VERDICT_REJECT, 552, "5.3.4", "Big",
     SMFIS_REJECT, "552 5.3.4 Big"},
    {"a 5xx code never goes with a tempfail", VERDICT_DEFER, 550, "4.7.1", "x",
     SMFIS_TEMPFAIL, "451 4.7.1 x"},
    {"a 4xx code never goes with a reject", VERDICT_REJECT, 450, "5.7.1", "x",
     SMFIS_REJECT, "550 5.7.1 x"},
    {"an enhanced code of the other class is replaced", VERDICT_DEFER, 450,
     "5.7.1", "x", SMFIS_TEMPFAIL, "450 4.7.1 x"},
    {"an enhanced code of another form is replaced", VERDICT_REJECT, 550, "5.7",
     "x", SMFIS_REJECT, "550 5.7.1 x"},
    {"no codes at all are replaced", VERDICT_DEFER, 0, "", "x", SMFIS_TEMPFAIL,
     "451 4.7.1 x"},
    {"a per cent sign is doubled", VERDICT_REJECT, 550, "5.7.1",
     "a%b@c 100% %n", SMFIS_REJECT, "550 5.7.1 a%%b@c 100%% %%n"},
    {"what is not printable ASCII becomes ?", VERDICT_REJECT, 550, "5.7.1",
     "a\r\nb\033c\td\xc3\xa4", SMFIS_REJECT, "550 5.7.1 a??b?c?d??"},
    {"no text is our own text", VERDICT_REJECT, 550, "5.7.1", "", SMFIS_REJECT,
     "550 5.7.1 Refused by policy"},
    {"to continue sets nothing", VERDICT_CONTINUE, 0, "", "x", SMFIS_CONTINUE,
     ""},
    {"to hold sets nothing and continues", VERDICT_HOLD, 0, "", "x",
     SMFIS_CONTINUE, ""},
    {"to accept sets nothing", VERDICT_ACCEPT, 0, "", "x", SMFIS_ACCEPT, ""},
};

static void
make(struct verdict *v, enum verdict_action action, unsigned code,
     const char *enhanced)
{
    memset(v, 0, sizeof(*v));
    v->action = action;
    v->code = (uint16_t)code;
    (void)snprintf(v->enhanced, sizeof(v->enhanced), "%s", enhanced);
}

static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        SMFICTX *ctx = fake_create();
        char reply[FAKE_TEXT + 32] = "";
        struct verdict v;

        make(&v, row->action, row->code, row->enhanced);
        expect(row->name, reply_set(ctx, &v, row->text) == row->status);
        if (ctx->replies > 0)
            (void)snprintf(reply, sizeof(reply), "%s %s %s", ctx->code,
                           ctx->enhanced, ctx->text);
        expect(row->name, strcmp(reply, row->reply) == 0);
        fake_destroy(ctx);
    }
}

/* Also when every byte must be doubled, libmilter's 980 are not exceeded. */
static void
test_length(void **state)
{
    static const size_t lengths[] = {449, 450, 451, 5000};

    (void)state;
    for (size_t i = 0; i < ROWS(lengths); i++) {
        SMFICTX *ctx = fake_create();
        char *text = malloc(lengths[i] + 1);
        size_t wire = 0;
        struct verdict v;

        assert_non_null(text);
        memset(text, '%', lengths[i]);
        text[lengths[i]] = '\0';
        make(&v, VERDICT_REJECT, 550, "5.7.1");
        assert_int_equal(reply_set(ctx, &v, text), SMFIS_REJECT);
        assert_int_equal(ctx->replies, 1);
        for (const char *p = ctx->text; *p != '\0'; p++)
            wire += *p != '%' || *++p == '%';
        assert_int_equal(wire, lengths[i] <= 450 ? lengths[i] : 450);
        assert_true((strstr(ctx->text, "...") != NULL) == (lengths[i] > 450));
        free(text);
        fake_destroy(ctx);
    }
}

static void
test_refused_text(void **state)
{
    SMFICTX *ctx = fake_create();
    struct verdict v;

    (void)state;
    ctx->refuses_reply = true;
    make(&v, VERDICT_DEFER, 450, "4.7.1");
    assert_int_equal(reply_set(ctx, &v, "words"), SMFIS_TEMPFAIL);
    assert_string_equal(ctx->code, "451");
    assert_string_equal(ctx->text, "Try again later");
    fake_destroy(ctx);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_refused_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
