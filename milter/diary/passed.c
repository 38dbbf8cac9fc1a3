/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "milter/diary/passed.h"

#include <string.h>

#include "milter/diary/inside.h"

struct adding {
    const struct passed *passed;
    size_t n;
};

static enum ms_err
add_passed(struct diary *diary, void *arg)
{
    const struct adding *adding = arg;
    struct diary_ask ask;
    enum ms_err err;

    diary_ask(diary, "INSERT INTO passed(at_s, id, subject) VALUES(?, ?, ?)",
              &ask);
    for (size_t i = 0; i < adding->n; i++) {
        const struct passed *p = &adding->passed[i];

        diary_again(&ask);
        diary_number(&ask, p->at_s);
        diary_text(&ask, p->id);
        diary_text(&ask, p->subject);
        (void)diary_row(&ask);
    }
    err = diary_done(&ask);
    return err == MS_OK ? diary_drop_oldest(diary,
                                            "DELETE FROM passed WHERE n <="
                                            " (SELECT max(n) FROM passed) - ?",
                                            DIARY_PASSED)
                        : err;
}

enum ms_err
diary_add_passed(struct diary *diary, const struct passed *passed, size_t n)
{
    struct adding adding = {passed, n};

    return n > 0 ? diary_write(diary, add_passed, &adding) : MS_OK;
}

struct finding {
    const char *id;      /* NULL: those of SUBJECT, */
    const char *subject; /* the newest first */
    int64_t until_s;     /* of ID */
    unsigned limit;      /* 0: all */
    bool (*each)(void *arg, const struct passed *passed);
    void *arg;
};

static enum ms_err
find_passed(struct diary *diary, void *arg)
{
    const struct finding *f = arg;
    struct diary_ask ask;
    struct passed p;

    diary_ask(diary,
              f->id != NULL ? "SELECT id, subject, at_s FROM passed"
                              " WHERE id = ?1 AND at_s = (SELECT max(at_s)"
                              " FROM passed WHERE id = ?1 AND at_s <= ?4)"
                              " ORDER BY n LIMIT ?3"
                            : "SELECT id, subject, at_s FROM passed"
                              " WHERE subject = ?2 AND ?4 IS NOT NULL"
                              " ORDER BY n DESC LIMIT ?3",
              &ask);
    diary_text(&ask, f->id);
    diary_text(&ask, f->subject);
    diary_number(&ask, f->limit > 0 ? (int64_t)f->limit : -1);
    diary_number(&ask, f->until_s);
    while (diary_row(&ask)) {
        diary_column(&ask, 0, p.id, sizeof(p.id));
        diary_column(&ask, 1, p.subject, sizeof(p.subject));
        p.at_s = sqlite3_column_int64(ask.statement, 2);
        if (ask.rc == SQLITE_ROW && !f->each(f->arg, &p))
            break;
    }
    return diary_done(&ask);
}

enum ms_err
diary_passed(struct diary *diary, const char *id, int64_t until_s,
             bool (*each)(void *arg, const struct passed *passed), void *arg)
{
    struct finding work = {
        .id = id, .until_s = until_s, .each = each, .arg = arg};

    return diary_read(diary, find_passed, &work);
}

enum ms_err
diary_passed_of(struct diary *diary, const char *subject, unsigned limit,
                bool (*each)(void *arg, const struct passed *passed), void *arg)
{
    char shown[DECISION_SUBJECT];
    struct finding work = {
        .subject = shown, .limit = limit, .each = each, .arg = arg};

    decision_subject(subject, shown);
    return diary_read(diary, find_passed, &work);
}
