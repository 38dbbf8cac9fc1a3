/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test/unit.h - what every cmocka program needs: cmocka itself (whose header
 * wants three others first) and the length of a table.
 */
#ifndef MORTSAFE_TEST_UNIT_H
#define MORTSAFE_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka's header needs those above */
#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Fail with the row's name in front. */
#define expect(row, condition)                                                 \
    do {                                                                       \
        if (!(condition))                                                      \
            fail_msg("%s: %s", (row), #condition);                             \
    } while (0)

#endif
