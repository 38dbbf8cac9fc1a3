/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit.h"

#include <string.h>

#include "milter/progress.h"

static const struct {
    const char *name;
    uint64_t done, total;
    unsigned columns;
    const char *line;
} lines[] = {
    {"nothing is done", 0, 100, 80,
     "exporting [........................................]   0%  0 of 100"},
    {"half of it", 50, 100, 80,
     "exporting [####################....................]  50%  50 of 100"},
    {"all of it", 100, 100, 80,
     "exporting [########################################] 100%  100 of 100"},
    {"more have come than there were", 120, 100, 80,
     "exporting [########################################] 100%  120 of 120"},
    {"a narrow terminal has a short bar", 5, 10, 42,
     "exporting [#######........]  50%  5 of 10"},
    {"a very narrow one has none", 5, 10, 30, "exporting  50%  5 of 10"},
    {"a total that is not known", 12345, 0, 80, "exporting 12345"},
    {"numbers of any size", UINT64_MAX, UINT64_MAX, 80,
     "exporting [################] 100%  "
     "18446744073709551615 of 18446744073709551615"},
};

static void
test_line(void **state)
{
    char line[PROGRESS_LINE];

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        progress_line("exporting", lines[i].done, lines[i].total,
                      lines[i].columns, line);
        if (lines[i].columns >= strlen("exporting [##########] 100%  x"))
            assert_true(strlen(line) <= lines[i].columns);
        if (strcmp(line, lines[i].line) != 0)
            fail_msg("%s: %s, not %s", lines[i].name, line, lines[i].line);
    }
}

/* The standard error of a test is no terminal. */
static void
test_silent_elsewhere(void **state)
{
    struct progress progress;

    (void)state;
    progress_start(&progress, "exporting");
    if (progress.to != NULL)
        return; /* by hand, on a terminal */
    progress_step(&progress, 1, 2);
    assert_int_equal(progress.drawn_us, 0);
    progress_end(&progress);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_silent_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
