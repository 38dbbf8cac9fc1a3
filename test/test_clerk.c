/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clerk: what is noted is written down, however much comes and whatever
 * fails; acts hold when and where they should.  The fleet's board is one in
 * this process: the linker puts it in the place of the real, see local.mk.
 */
#include <config.h>

#include "milter/clerk/clerk.h"
#include "milter/clerk/inside.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "milter/clerk/cases.h"
#include "milter/clerk/queue.h"
#include "milter/clerk/site.h"
#include "policy/limit.h"
#include "policy/store/memory.h"
#include "test/faulty_disk.h"
#include "test/heard.h"
#include "test/scarce.h"
#include "test/unit.h"

enum { NOON_S = 1767787200, DAY_S = 86400, ROOM = 1 << 16, MANY = 64 };

/* ----- a board */

static struct board {
    bool away, marked, others; /* by whom: us, another host */
    size_t n_acts, n_decisions, n_audits, n_tops;
    struct act act[MANY];
    struct decision decision[MANY];
    size_t n_rows;
    struct top_row row;       /* the first of the last top that had one */
    unsigned refused;         /* decisions to be refused as too many */
    char order[512];          /* to forget; "" */
    struct diary_audit audit; /* the last */
    size_t n_changes, n_fields;
    struct change change; /* the last */
    struct field {
        char name[64], field[BOARD_FIELD + 1], bytes[2048];
        size_t len;
    } field[MANY]; /* of all names but those above */
} board;

static struct store *a_board = (struct store *)&board; /* only to be named */
static struct store *a_shadow;

static enum ms_err
ask_board(void)
{
    return board.away ? MS_UNAVAIL : MS_OK;
}

static size_t
board_find(const char *id)
{
    size_t i = 0;

    while (i < board.n_acts && strcmp(board.act[i].id, id) != 0)
        i++;
    return i;
}

/* What the linker gives these names to. */
enum ms_err __wrap_clerk_share_act(struct store *, const struct act *);
enum ms_err __wrap_clerk_share_unact(struct store *, const char *);
enum ms_err __wrap_clerk_share_acts(struct store *, struct wall,
                                    bool (*)(void *, const struct act *),
                                    void *);
enum ms_err __wrap_clerk_share_decision(struct store *, struct clerk_share *,
                                        const struct decision *, uint64_t);
enum ms_err __wrap_clerk_share_audit(struct store *,
                                     const struct diary_audit *);
enum ms_err __wrap_clerk_share_top(struct store *, const char *, struct wall,
                                   enum subject_kind, const struct top_row *,
                                   size_t);
enum ms_err
__wrap_store_board_fields(struct store *, const char *,
                          bool (*)(void *, const struct board_blob *), void *);
enum ms_err __wrap_store_board_put(struct store *, const char *,
                                   const struct board_blob *, uint32_t, bool);
enum ms_err __wrap_store_board_remove(struct store *, const char *,
                                      const char *);
enum ms_err __wrap_clerk_share_change_now(struct store *,
                                          struct clerk_share_day *,
                                          const struct change *);
struct store *__wrap_store_redis_shadow(struct store *);

enum ms_err
__wrap_clerk_share_act(struct store *shared, const struct act *act)
{
    size_t i = board_find(act->id);

    assert_ptr_equal(shared, a_board);
    if (ask_board() != MS_OK)
        return MS_UNAVAIL;
    assert_true(i < MANY);
    board.act[i] = *act;
    if (i == board.n_acts)
        board.n_acts++;
    return MS_OK;
}

enum ms_err
__wrap_clerk_share_unact(struct store *shared, const char *id)
{
    size_t i = board_find(id);

    assert_ptr_equal(shared, a_board);
    if (ask_board() == MS_OK && i < board.n_acts)
        board.act[i] = board.act[--board.n_acts];
    return ask_board();
}

enum ms_err
__wrap_clerk_share_acts(struct store *shared, struct wall now,
                        bool (*each)(void *, const struct act *), void *arg)
{
    assert_ptr_equal(shared, a_board);
    (void)now;
    for (size_t i = 0; ask_board() == MS_OK && i < board.n_acts; i++)
        if (!each(arg, &board.act[i]))
            break;
    return ask_board();
}

enum ms_err
__wrap_clerk_share_decision(struct store *shared, struct clerk_share *share,
                            const struct decision *decision, uint64_t keep_s)
{
    assert_ptr_equal(shared, a_board);
    assert_non_null(share);
    assert_true(keep_s > 0);
    if (ask_board() != MS_OK)
        return MS_UNAVAIL;
    if (board.refused > 0) {
        board.refused--;
        return MS_NOMEM;
    }
    assert_true(board.n_decisions < MANY);
    board.decision[board.n_decisions++] = *decision;
    return MS_OK;
}

enum ms_err
__wrap_clerk_share_audit(struct store *shared, const struct diary_audit *entry)
{
    assert_ptr_equal(shared, a_board);
    assert_non_null(entry);
    board.n_audits += ask_board() == MS_OK;
    if (ask_board() == MS_OK)
        board.audit = *entry;
    return ask_board();
}

enum ms_err
__wrap_clerk_share_top(struct store *shared, const char *host, struct wall now,
                       enum subject_kind kind, const struct top_row *rows,
                       size_t n)
{
    assert_ptr_equal(shared, a_board);
    assert_memory_equal(host, "mx", 2);
    assert_true(now.s > 0);
    assert_true(kind < SUBJECT_KINDS && n <= CLERK_TOP);
    board.n_tops++;
    board.n_rows += n;
    if (n > 0)
        board.row = rows[0];
    return ask_board();
}

enum ms_err
__wrap_clerk_share_change_now(struct store *shared,
                              struct clerk_share_day *today,
                              const struct change *change)
{
    if (shared == NULL)
        return MS_OK;
    assert_ptr_equal(shared, a_board);
    assert_non_null(today);
    if (ask_board() == MS_OK) {
        board.n_changes++;
        board.change = *change;
    }
    return ask_board();
}

static struct field *
find_field(const char *name, const char *field)
{
    for (size_t i = 0; i < board.n_fields; i++)
        if (strcmp(board.field[i].name, name) == 0 &&
            (field == NULL || strcmp(board.field[i].field, field) == 0))
            return &board.field[i];
    return NULL;
}

static enum ms_err
put_field(const char *name, const struct board_blob *blob)
{
    struct field *field = find_field(name, blob->field);

    if (ask_board() != MS_OK)
        return MS_UNAVAIL;
    if (field == NULL) {
        assert_true(board.n_fields < MANY);
        field = &board.field[board.n_fields++];
    }
    assert_true(strlen(name) < sizeof(field->name));
    assert_in_range(strlen(blob->field), 1, BOARD_FIELD);
    assert_true(blob->len <= sizeof(field->bytes));
    (void)snprintf(field->name, sizeof(field->name), "%s", name);
    (void)snprintf(field->field, sizeof(field->field), "%s", blob->field);
    memcpy(field->bytes, blob->bytes, blob->len);
    field->len = blob->len;
    return MS_OK;
}

enum ms_err
__wrap_store_board_remove(struct store *store, const char *name,
                          const char *field)
{
    struct field *there = find_field(name, field);

    assert_ptr_equal(store, a_board);
    if (ask_board() == MS_OK && there != NULL)
        *there = board.field[--board.n_fields];
    return ask_board();
}

/* EACH may remove what it sees. */
static enum ms_err
each_field(const char *name, bool (*each)(void *, const struct board_blob *),
           void *arg)
{
    static struct field copy[MANY];
    size_t n = board.n_fields;
    bool more = true;

    if (ask_board() != MS_OK)
        return MS_UNAVAIL;
    memcpy(copy, board.field, n * sizeof(*copy));
    for (size_t i = 0; i < n && more; i++) {
        const struct board_blob blob = {
            copy[i].field, (const uint8_t *)copy[i].bytes, copy[i].len};

        if (strcmp(copy[i].name, name) == 0)
            more = each(arg, &blob);
    }
    return MS_OK;
}

enum ms_err
__wrap_store_board_fields(struct store *store, const char *name,
                          bool (*each)(void *, const struct board_blob *),
                          void *arg)
{
    const struct board_blob others = {.field = "mx9"}, ours = {.field = "mx1"};
    const struct board_blob order = {
        "0123456789abcdef", (const uint8_t *)board.order, strlen(board.order)};

    assert_ptr_equal(store, a_board);
    if (strcmp(name, "forgets") == 0) {
        if (ask_board() == MS_OK && board.order[0] != '\0')
            (void)each(arg, &order);
        return ask_board();
    }
    if (strcmp(name, "marks") != 0)
        return each_field(name, each, arg);
    if (ask_board() == MS_OK && (!board.others || each(arg, &others)) &&
        board.marked)
        (void)each(arg, &ours);
    return ask_board();
}

enum ms_err
__wrap_store_board_put(struct store *store, const char *name,
                       const struct board_blob *blob, uint32_t keep_s,
                       bool tell)
{
    assert_ptr_equal(store, a_board);
    if (strcmp(name, "marks") != 0)
        return put_field(name, blob);
    assert_memory_equal(blob->field, "mx", 2);
    assert_true(keep_s == 0 && !tell);
    board.marked = board.marked || ask_board() == MS_OK;
    return ask_board();
}

struct store *
__wrap_store_redis_shadow(struct store *store)
{
    assert_ptr_equal(store, a_board);
    return a_shadow;
}

/* ----- a host */

struct host {
    char dir[64];
    struct diary *diary;
    struct history *history;
    struct pictures *pictures;
    struct top *top;
    struct store *store, *shared;
    struct journal *journal;
    FILE *log;
    char text[ROOM];
    struct clerk *clerk;
    struct acts *acts;
    unsigned handed; /* snapshots */
    struct store_time now;
    uint64_t keep_s;
    pthread_mutex_t lock; /* guards `ranked' */
    pthread_cond_t change;
    unsigned ranked;
    unsigned forgotten; /* orders that were followed */
    enum ms_err forget_err;
    const char *name;
    unsigned heard;             /* feedback of others */
    struct diary_report report; /* the last */
    uint32_t unknown, complaints;
    enum ms_err feedback_err;
};

static void
take_acts(void *arg, struct acts *acts)
{
    struct host *host = arg;

    acts_put(host->acts);
    host->acts = acts;
    host->handed++;
}

static uint64_t
keep_s(void *arg)
{
    return ((const struct host *)arg)->keep_s;
}

static struct store_time
now(void *arg)
{
    return ((const struct host *)arg)->now;
}

static void
rank(void *arg, const struct store_record *record)
{
    struct host *host = arg;

    assert_true(record->subject.kind < SUBJECT_KINDS);
    pthread_mutex_lock(&host->lock);
    host->ranked++;
    pthread_cond_signal(&host->change);
    pthread_mutex_unlock(&host->lock);
}

static bool
row(void *arg, const struct store_record *record, unsigned sort,
    struct top_row *out)
{
    (void)arg;
    assert_int_equal(sort, TOP_SHARE);
    *out = (struct top_row){.subject = record->subject, .share = 500};
    return true;
}

static enum ms_err
forget(void *arg, const struct subject *subject, const char *pseudonym)
{
    struct host *host = arg;

    host->forgotten++;
    clerk_settle(host->clerk);
    clerk_forget_waiting(host->clerk, subject, pseudonym);
    return host->forget_err;
}

static enum ms_err
feedback(void *arg, const struct diary_report *report, uint32_t unknown,
         uint32_t complaints)
{
    struct host *host = arg;

    host->heard++;
    host->report = *report;
    host->unknown = unknown;
    host->complaints = complaints;
    return host->feedback_err;
}

static struct clerk_needs
needs_of(struct host *host)
{
    const struct clerk_needs needs = {.diary = host->diary,
                                      .history = host->history,
                                      .pictures = host->pictures,
                                      .top = host->top,
                                      .store = host->store,
                                      .shared = host->shared,
                                      .journal = host->journal,
                                      .host = host->name,
                                      .acts = take_acts,
                                      .keep_s = keep_s,
                                      .rank = rank,
                                      .row = row,
                                      .forget = forget,
                                      .feedback = feedback,
                                      .now = now,
                                      .arg = host};

    return needs;
}

static void
host_open(struct host *host)
{
    struct clerk_needs needs;
    struct why why = {""};

    if (diary_open(host->dir, host->now.wall, NULL, NULL, &host->diary, &why) !=
        MS_OK)
        fail_msg("%s", why.text);
    assert_int_equal(history_create(&host->history), MS_OK);
    assert_int_equal(pictures_create(1000, &host->pictures), MS_OK);
    needs = needs_of(host);
    assert_int_equal(clerk_create(&needs, &host->clerk), MS_OK);
}

static void
host_begin_as(struct host *host, const char *name, struct store *shared)
{
    struct spool_target target = {.to = LOG_TO_STDERR};

    memset(host, 0, sizeof(*host));
    (void)snprintf(host->dir, sizeof(host->dir), "/tmp/test_clerk.XXXXXX");
    assert_non_null(mkdtemp(host->dir));
    host->now = (struct store_time){{1000000}, {NOON_S}};
    host->keep_s = 30 * DAY_S;
    host->shared = shared;
    host->name = name;
    (void)pthread_mutex_init(&host->lock, NULL);
    (void)pthread_cond_init(&host->change, NULL);
    host->log = tmpfile();
    assert_non_null(host->log);
    target.fd = fileno(host->log);
    assert_int_equal(
        journal_create(&target, LOG_TEXT, LOG_DEBUG, "mx1", &host->journal),
        MS_OK);
    assert_int_equal(top_create(&host->top), MS_OK);
    assert_int_equal(store_memory_create(4 << 20, &host->store), MS_OK);
    host_open(host);
}

static void
host_begin(struct host *host, struct store *shared)
{
    host_begin_as(host, "mx1", shared);
}

static void
host_close(struct host *host)
{
    clerk_stop(host->clerk);
    clerk_destroy(host->clerk);
    host->clerk = NULL;
    diary_close(host->diary);
    history_destroy(host->history);
    pictures_destroy(host->pictures);
}

static void
host_reopen(struct host *host)
{
    host_close(host);
    acts_put(host->acts);
    host->acts = NULL;
    host->handed = 0;
    host_open(host);
}

/* What was told in the end. */
static const char *
host_end(struct host *host)
{
    char command[128];
    size_t n;

    host_close(host);
    journal_destroy(host->journal);
    rewind(host->log);
    n = fread(host->text, 1, sizeof(host->text) - 1, host->log);
    host->text[n] = '\0';
    fclose(host->log);
    acts_put(host->acts);
    top_destroy(host->top);
    store_destroy(host->store);
    (void)pthread_cond_destroy(&host->change);
    (void)pthread_mutex_destroy(&host->lock);
    assert_memory_equal(host->dir, "/tmp/test_clerk.", 16);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", host->dir);
    assert_int_equal(system(command), 0);
    return host->text;
}

static void
pass_ms(struct host *host, int64_t ms)
{
    host->now.mono.ms += ms;
    host->now.wall.s = NOON_S + (host->now.mono.ms - 1000000) / 1000;
}

static unsigned
lines_of(const char *text, const char *with)
{
    unsigned n = 0;

    for (; (text = strstr(text, with)) != NULL; text++)
        n++;
    return n;
}

/* ----- decisions */

struct wish {
    const char *user, *rule, *error;
    enum verdict_action action;
    enum journal_deed deed;
};

static void
note(struct host *host, const struct wish *wish, unsigned times)
{
    struct verdict verdict;
    struct journal_entry entry = {.now = host->now,
                                  .verdict = &verdict,
                                  .deed = wish->deed,
                                  .error = wish->error};

    memset(&verdict, 0, sizeof(verdict));
    verdict_continue(&verdict);
    verdict.action = wish->action;
    (void)snprintf(verdict.rule, sizeof(verdict.rule), "%s", wish->rule);
    assert_true(subject_make(SUBJECT_USER, wish->user, &verdict.subject));
    while (times-- > 0)
        clerk_note(host->clerk, &entry, "later");
}

static void
note_user(struct host *host, const char *user)
{
    note(host,
         &(struct wish){user, "limit.user", NULL, VERDICT_DEFER, JOURNAL_DONE},
         1);
}

static bool
count_decision(void *arg, const struct decision *d)
{
    (void)d;
    ++*(size_t *)arg;
    return true;
}

static size_t
count_of(struct host *host, const char *subject)
{
    const struct diary_query query = {.subject = subject, .limit = 1000000};
    size_t n = 0;

    assert_int_equal(diary_find(host->diary, &query, count_decision, &n),
                     MS_OK);
    return n;
}

static bool
sum_would(void *arg, const struct diary_would *w)
{
    *(uint64_t *)arg += w->n;
    return true;
}

static uint64_t
woulds_of(struct host *host)
{
    uint64_t n = 0;

    assert_int_equal(diary_woulds(host->diary, NULL, 0, sum_would, &n), MS_OK);
    return n;
}

static void
test_note(void **state)
{
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    note_user(&host, "ann");
    assert_int_equal(clerk_queued(host.clerk), 1);
    assert_int_equal(count_of(&host, "user:ann"), 0);
    clerk_settle(host.clerk);
    assert_int_equal(clerk_queued(host.clerk), 0);
    assert_int_equal(count_of(&host, "user:ann"), 1);
    note(&host, &(struct wish){"ann", "", NULL, VERDICT_CONTINUE, JOURNAL_DONE},
         1);
    note(&host, &(struct wish){"ann", "", NULL, VERDICT_ACCEPT, JOURNAL_DONE},
         1);
    assert_int_equal(clerk_queued(host.clerk), 0);
    note_user(&host, "bob");
    host_reopen(&host); /* what waits is written at the end */
    assert_int_equal(count_of(&host, "user:bob"), 1);
    assert_string_equal(host_end(&host), "");
}

static void
test_part_of_a_minute(void **state)
{
    static const struct {
        const char *row;
        struct wish wish;
        size_t kept; /* of 30 */
        uint64_t woulds;
    } rows[] = {
        {"of one subject and minute only some",
         {"a", "r", NULL, VERDICT_DEFER, JOURNAL_DONE},
         CLERK_A_SUBJECT,
         0},
        {"who would have been stopped is counted all the same",
         {"a", "r", NULL, VERDICT_REJECT, JOURNAL_WOULD},
         CLERK_A_SUBJECT,
         30},
        {"all that is held is kept",
         {"a", "r", NULL, VERDICT_HOLD, JOURNAL_DONE},
         30,
         0},
        {"what would be held is not",
         {"a", "r", NULL, VERDICT_HOLD, JOURNAL_WOULD},
         CLERK_A_SUBJECT,
         30},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct host host;

        host_begin(&host, NULL);
        note(&host, &rows[i].wish, 30);
        note_user(&host, "another");
        clerk_settle(host.clerk);
        expect(rows[i].row, count_of(&host, "user:a") == rows[i].kept);
        expect(rows[i].row, count_of(&host, "user:another") == 1);
        expect(rows[i].row, woulds_of(&host) == rows[i].woulds);
        pass_ms(&host, 60000);
        note(&host, &rows[i].wish, 1);
        clerk_settle(host.clerk);
        expect(rows[i].row, count_of(&host, "user:a") == rows[i].kept + 1);
        expect(rows[i].row, clerk_lost(host.clerk) == 0);
        (void)host_end(&host);
    }
}

/* Our own failures are about nobody: some of a rule. */
static void
test_failures(void **state)
{
    struct wish wish = {"a", "store", "timeout", VERDICT_DEFER, JOURNAL_DONE};
    char user[16];
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(user, sizeof(user), "u%d", i);
        wish.user = user;
        note(&host, &wish, 1);
    }
    clerk_settle(host.clerk);
    assert_int_equal(count_of(&host, NULL), CLERK_A_SUBJECT);
    (void)host_end(&host);
}

static void
note_many(struct host *host, unsigned n)
{
    char user[16];

    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(user, sizeof(user), "u%u", i);
        note_user(host, user);
    }
}

static void
test_full_queue(void **state)
{
    enum { MORE = 100 };
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    faulty_disk_set(DISK_FULL, 0, -1);
    note_many(&host, CLERK_QUEUE);
    clerk_settle(host.clerk);
    clerk_settle(host.clerk);
    assert_int_equal(clerk_queued(host.clerk), CLERK_QUEUE);
    assert_int_equal(clerk_lost(host.clerk), 0);
    pass_ms(&host, 60000);
    note_many(&host, MORE);
    assert_int_equal(clerk_lost(host.clerk), MORE);
    faulty_disk_set(DISK_WORKS, 0, 0);
    clerk_settle(host.clerk);
    assert_int_equal(clerk_queued(host.clerk), 0);
    assert_int_equal(count_of(&host, NULL), CLERK_QUEUE);
    assert_int_equal(count_of(&host, "user:u0"), 1); /* the older one went */
    (void)host_end(&host);
    assert_int_equal(lines_of(host.text, "diary: cannot write: "), 1);
    assert_int_equal(lines_of(host.text, "writing works again; decisions "
                                         "lost: 100"),
                     1);
    assert_int_equal(lines_of(host.text, "\n"), 2);
}

static void
test_woulds_wait_too(void **state)
{
    const struct wish wish = {"a", "r", NULL, VERDICT_DEFER, JOURNAL_WOULD};
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    note(&host, &wish, 50);
    clerk_settle(host.clerk);
    faulty_disk_set(DISK_FULL, 0, -1);
    note(&host, &wish, 4); /* only counted, so that nothing else waits */
    clerk_settle(host.clerk);
    note(&host, &wish, 1);
    clerk_settle(host.clerk);
    assert_int_equal(woulds_of(&host), 50);
    faulty_disk_set(DISK_WORKS, 0, 0);
    clerk_settle(host.clerk);
    assert_int_equal(woulds_of(&host), 55);
    assert_int_equal(clerk_lost(host.clerk), 0);
    (void)host_end(&host);
}

/* More subjects over their part than can be counted: those are lost. */
static void
test_queue_counts(void **state)
{
    enum { MORE = 10, TIMES = CLERK_A_SUBJECT + 2 };
    static struct diary_would woulds[CLERK_WOULDS];
    struct clerk_queue *queue;
    struct decision d = {.deed = JOURNAL_WOULD, .rule = "r"};
    uint64_t sum = 0;

    (void)state;
    assert_int_equal(clerk_queue_create(16, &queue), MS_OK);
    for (int i = 0; i < CLERK_WOULDS + MORE; i++) {
        (void)snprintf(d.subject, sizeof(d.subject), "user:%d", i);
        for (int j = 0; j < TIMES; j++)
            clerk_queue_add(queue, &d, d.subject, (struct mono){1});
    }
    assert_int_equal(clerk_queue_count(queue), 16);
    assert_int_equal(clerk_queue_lost(queue),
                     (CLERK_WOULDS + MORE) * CLERK_A_SUBJECT - 16 + 2 * MORE);
    assert_int_equal(clerk_queue_take_woulds(queue, woulds), CLERK_WOULDS);
    for (size_t i = 0; i < CLERK_WOULDS; i++)
        sum += woulds[i].n;
    assert_int_equal(sum, 2 * CLERK_WOULDS);
    clerk_queue_put_back_woulds(queue, woulds, 2);
    clerk_queue_put_back_woulds(queue, woulds, 1);
    assert_int_equal(clerk_queue_take_woulds(queue, woulds), 2);
    assert_int_equal(woulds[0].n, 4);
    assert_int_equal(clerk_queue_take_woulds(queue, woulds), 0);
    clerk_queue_destroy(queue);
}

static void
test_queue_order(void **state)
{
    struct clerk_queue *queue;
    struct clerk_node *list;
    struct decision d = {.deed = JOURNAL_DONE};

    (void)state;
    assert_int_equal(clerk_queue_create(4, &queue), MS_OK);
    for (unsigned i = 1; i <= 4; i++) {
        d.seq = i;
        clerk_queue_add(queue, &d, "x", (struct mono){1});
    }
    list = clerk_queue_take(queue, 2);
    assert_true(list->decision.seq == 1 && list->next->decision.seq == 2 &&
                list->next->next == NULL);
    d.seq = 5;
    clerk_queue_add(queue, &d, "x", (struct mono){1});
    clerk_queue_put_back(queue, list); /* 1 is too many */
    clerk_queue_put_back(queue, NULL);
    assert_int_equal(clerk_queue_lost(queue), 1);
    for (unsigned i = 2; i <= 5; i++) {
        list = clerk_queue_take(queue, 1);
        assert_true(list->decision.seq == i && list->next == NULL);
        free(list);
    }
    assert_null(clerk_queue_take(queue, 1));
    clerk_queue_add(queue, &d, "x", (struct mono){1});
    clerk_queue_clear(queue);
    assert_null(clerk_queue_take(queue, 1));
    assert_int_equal(clerk_queue_lost(queue), 1);
    clerk_queue_destroy(queue);
}

/* privacy { decisions = 0 }: none, and nobody counted; a reload changes it. */
static void
test_keeps_nothing(void **state)
{
    const struct wish wish = {"a", "r", NULL, VERDICT_DEFER, JOURNAL_WOULD};
    const struct diary_audit entry = {.at_s = NOON_S, .act = "reset"};
    struct host host;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&host, a_board);
    note(&host, &wish, 30);
    host.keep_s = 0;
    clerk_audit(host.clerk, &entry);
    clerk_beat(host.clerk);
    note(&host, &wish, 30);
    assert_int_equal(clerk_queued(host.clerk), 0);
    assert_int_equal(count_of(&host, NULL), 0);
    assert_int_equal(woulds_of(&host), 0);
    assert_int_equal(board.n_decisions, 0);
    assert_int_equal(board.n_audits, 1);
    assert_int_equal(clerk_lost(host.clerk), 0);
    host.keep_s = 100;
    clerk_beat(host.clerk);
    pass_ms(&host, 60000);
    note(&host, &wish, 1);
    clerk_settle(host.clerk);
    assert_int_equal(count_of(&host, NULL), 1);
    (void)host_end(&host);
}

/* ----- acts */

static struct act
an_act(enum act_kind kind, const char *user, const char *limit)
{
    struct act act = {.kind = kind,
                      .mode = MODE_OBSERVE,
                      .until = {NOON_S + DAY_S},
                      .by = "ann (uid 1000)",
                      .host = "mx1"};

    act.subject.kind = SUBJECT_KINDS;
    if (kind != ACT_MODE)
        assert_true(subject_make(SUBJECT_USER, user, &act.subject));
    (void)snprintf(act.limit, sizeof(act.limit), "%s", limit);
    if (kind == ACT_RAISE)
        assert_int_equal(rates_parse("2000/1d", RATE_EVENTS, &act.rates, NULL),
                         MS_OK);
    return act;
}

static struct act
set(struct host *host, struct act act)
{
    struct why why = {""};

    if (clerk_set(host->clerk, &act, &why) != MS_OK)
        fail_msg("%s", why.text);
    return act;
}

static bool
holds(const struct host *host, const struct act *act)
{
    for (size_t i = 0; i < acts_count(host->acts); i++)
        if (strcmp(acts_at(host->acts, i)->id, act->id) == 0)
            return true;
    return false;
}

static void
test_set(void **state)
{
    struct host host;
    struct act act, other;
    bool found = false;

    (void)state;
    host_begin(&host, NULL);
    assert_int_equal(host.handed, 1); /* at once, an empty one */
    assert_int_equal(acts_count(host.acts), 0);
    act = an_act(ACT_EXEMPT, "ann", "");
    act.fleet = true;
    act = set(&host, act);
    assert_int_equal(strlen(act.id), 8);
    assert_int_equal(strspn(act.id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 8);
    assert_false(act.fleet); /* there is none */
    assert_int_equal(act.since.s, NOON_S);
    other = set(&host, an_act(ACT_RAISE, "ann", "user"));
    assert_string_not_equal(act.id, other.id);
    assert_int_equal(host.handed, 3);
    assert_true(holds(&host, &act) && holds(&host, &other));
    host_reopen(&host);
    assert_int_equal(host.handed, 1);
    assert_true(holds(&host, &act) && holds(&host, &other));
    assert_int_equal(clerk_unset(host.clerk, act.id, &found, NULL), MS_OK);
    assert_true(found && !holds(&host, &act));
    assert_int_equal(clerk_unset(host.clerk, act.id, &found, NULL), MS_OK);
    assert_false(found);
    host_reopen(&host);
    assert_false(holds(&host, &act));
    assert_true(holds(&host, &other));
    (void)host_end(&host);
}

static void
test_replaced(void **state)
{
    static const struct {
        const char *row;
        struct {
            enum act_kind kind;
            const char *user, *limit;
            bool fleet;
        } old, young;
        bool stays;
    } rows[] = {
        {"the same again",
         {ACT_RAISE, "a", "user", false},
         {ACT_RAISE, "a", "user", false},
         false},
        {"of another subject",
         {ACT_RAISE, "a", "user", false},
         {ACT_RAISE, "b", "user", false},
         true},
        {"of another limit",
         {ACT_RAISE, "a", "user", false},
         {ACT_RAISE, "a", "client", false},
         true},
        {"of all limits",
         {ACT_EXEMPT, "a", "user", false},
         {ACT_EXEMPT, "a", "", false},
         true},
        {"of another kind",
         {ACT_RAISE, "a", "user", false},
         {ACT_EXEMPT, "a", "user", false},
         true},
        {"a mode by any mode",
         {ACT_MODE, "", "", false},
         {ACT_MODE, "", "", false},
         false},
        {"the fleet's by the fleet's",
         {ACT_MODE, "", "", true},
         {ACT_MODE, "", "", true},
         false},
        {"a host's by the fleet's",
         {ACT_EXEMPT, "a", "user", false},
         {ACT_EXEMPT, "a", "user", true},
         false},
        {"the fleet's not by a host's",
         {ACT_MODE, "", "", true},
         {ACT_MODE, "", "", false},
         true},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct act old =
            an_act(rows[i].old.kind, rows[i].old.user, rows[i].old.limit);
        struct act young =
            an_act(rows[i].young.kind, rows[i].young.user, rows[i].young.limit);
        struct host host;

        memset(&board, 0, sizeof(board));
        host_begin(&host, a_board);
        clerk_beat(host.clerk);
        old.fleet = rows[i].old.fleet;
        young.fleet = rows[i].young.fleet;
        old = set(&host, old);
        young = set(&host, young);
        expect(rows[i].row, holds(&host, &young));
        expect(rows[i].row, holds(&host, &old) == rows[i].stays);
        expect(rows[i].row, board.n_acts == (size_t)young.fleet +
                                                (rows[i].stays && old.fleet));
        host_reopen(&host);
        expect(rows[i].row, holds(&host, &young));
        expect(rows[i].row, holds(&host, &old) == rows[i].stays);
        (void)host_end(&host);
    }
}

static void
test_ends(void **state)
{
    struct act act = an_act(ACT_MODE, "", ""), ever;
    struct host host;
    unsigned handed;

    (void)state;
    host_begin(&host, NULL);
    act.until.s = NOON_S + 100;
    act = set(&host, act);
    ever = an_act(ACT_EXEMPT, "ann", "");
    ever.until.s = ACT_FOR_EVER;
    ever = set(&host, ever);
    handed = host.handed;
    pass_ms(&host, 99999);
    clerk_beat(host.clerk);
    assert_int_equal(host.handed, handed);
    assert_true(holds(&host, &act));
    pass_ms(&host, 1);
    clerk_beat(host.clerk);
    clerk_beat(host.clerk);
    assert_int_equal(host.handed, handed + 1);
    assert_false(holds(&host, &act));
    host_reopen(&host);
    assert_false(holds(&host, &act));
    assert_true(holds(&host, &ever));
    (void)host_end(&host);
}

/* A wall clock that is ahead for a moment ends nothing for good. */
static void
test_clock_ahead(void **state)
{
    struct act act = an_act(ACT_MODE, "", ""), fleet;
    struct host host;
    unsigned handed;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&host, a_board);
    clerk_beat(host.clerk);
    act = set(&host, act);
    fleet = an_act(ACT_EXEMPT, "ann", "");
    fleet.fleet = true;
    fleet = set(&host, fleet);
    note_user(&host, "ann");
    clerk_settle(host.clerk);
    handed = host.handed;
    for (int i = 0; i < 2; i++) {
        pass_ms(&host, CLERK_TRIM_MS);
        host.now.wall.s += 400 * DAY_S;
        clerk_beat(host.clerk); /* a trim is due, and an exchange */
        clerk_beat(host.clerk);
        assert_int_equal(acts_count(host.acts), 0);
        assert_int_equal(count_of(&host, NULL), 1);
        if (i == 1)
            host_reopen(&host); /* nor does a start then lose them */
        pass_ms(&host, CLERK_SHARE_MS);
        clerk_beat(host.clerk);
        clerk_beat(host.clerk);
        assert_true(holds(&host, &act) && holds(&host, &fleet));
        if (i == 0)
            assert_int_equal(host.handed, handed + 2);
        pass_ms(&host, CLERK_TRIM_MS);
        clerk_beat(host.clerk);
    }
    /* what is right again in the next trim is relied on */
    pass_ms(&host, 31 * (int64_t)DAY_S * 1000);
    clerk_beat(host.clerk);
    assert_int_equal(count_of(&host, NULL), 0);
    assert_int_equal(acts_count(host.acts), 0);
    (void)host_end(&host);
    assert_int_equal(lines_of(host.text, "the wall clock has jumped"), 2);
}

static void
test_cannot_be_written(void **state)
{
    struct act act = an_act(ACT_EXEMPT, "ann", "");
    struct why why = {""};
    struct host host;
    bool found;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&host, a_board);
    clerk_beat(host.clerk);
    faulty_disk_set(DISK_FULL, 0, -1);
    act.fleet = true;
    assert_int_equal(clerk_set(host.clerk, &act, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, "diary.db"));
    assert_int_equal(acts_count(host.acts), 0);
    assert_int_equal(board.n_acts, 0);
    faulty_disk_set(DISK_WORKS, 0, 0);
    act = set(&host, act);
    board.away = true;
    assert_int_equal(clerk_unset(host.clerk, act.id, &found, &why), MS_UNAVAIL);
    assert_true(holds(&host, &act));
    assert_int_equal(clerk_set(host.clerk, &act, &why), MS_UNAVAIL);
    assert_non_null(strstr(why.text, "fleet"));
    assert_int_equal(acts_count(host.acts), 1);
    board.away = false;
    (void)host_end(&host);
}

/* ----- a fleet */

static void
exchange(struct host *host)
{
    pass_ms(host, CLERK_SHARE_MS);
    clerk_beat(host->clerk);
}

static void
test_fleet(void **state)
{
    struct act act = an_act(ACT_MODE, "", ""), own, other;
    struct host a, b;
    bool found;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    host_begin(&b, a_board);
    exchange(&a);
    exchange(&b);
    act.fleet = true;
    act = set(&a, act);
    own = set(&a, an_act(ACT_EXEMPT, "ann", ""));
    other = an_act(ACT_EXEMPT, "bob", "");
    other.fleet = true;
    other = set(&b, other);
    assert_false(holds(&b, &act));
    clerk_news(b.clerk); /* at once, not only in five seconds */
    clerk_beat(b.clerk);
    exchange(&a);
    assert_true(holds(&b, &act) && !holds(&b, &own) && holds(&b, &other));
    assert_true(holds(&a, &act) && holds(&a, &own) && holds(&a, &other));
    /* they hold while the board is away, after a restart, too */
    board.away = true;
    host_reopen(&b);
    exchange(&b);
    assert_true(holds(&b, &act) && holds(&b, &other));
    board.away = false;
    exchange(&b);
    assert_true(holds(&b, &act) && holds(&b, &other));
    /* and no more when another host has taken them back */
    assert_int_equal(clerk_unset(b.clerk, act.id, &found, NULL), MS_OK);
    assert_true(found);
    exchange(&a);
    assert_true(!holds(&a, &act) && holds(&a, &own) && holds(&a, &other));
    host_reopen(&a);
    assert_true(!holds(&a, &act) && holds(&a, &own) && holds(&a, &other));
    (void)host_end(&a);
    (void)host_end(&b);
}

/* Servers that have lost all they had are told again. */
static void
test_empty_board(void **state)
{
    struct act act = an_act(ACT_EXEMPT, "ann", ""), own;
    struct host a;
    unsigned handed;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    exchange(&a);
    assert_true(board.marked);
    act.fleet = true;
    act = set(&a, act);
    own = set(&a, an_act(ACT_EXEMPT, "bob", ""));
    exchange(&a);
    handed = a.handed;
    memset(&board, 0, sizeof(board));
    board.others = true; /* a host that knew nothing was there first */
    exchange(&a);
    assert_true(board.marked);
    assert_int_equal(board.n_acts, 1);
    assert_true(holds(&a, &act) && holds(&a, &own));
    exchange(&a);
    assert_int_equal(a.handed, handed); /* nothing has changed */
    (void)host_end(&a);
}

/* What has ended, and what is there twice. */
static void
test_board_of_others(void **state)
{
    struct act ended = an_act(ACT_MODE, "", "");
    struct act act = an_act(ACT_EXEMPT, "ann", "");
    struct host a;

    (void)state;
    memset(&board, 0, sizeof(board));
    board.marked = true;
    (void)snprintf(ended.id, sizeof(ended.id), "AAAAAAAA");
    ended.until.s = NOON_S;
    (void)snprintf(act.id, sizeof(act.id), "BBBBBBBB");
    board.act[board.n_acts++] = ended;
    board.act[board.n_acts++] = act;
    board.act[board.n_acts++] = act;
    host_begin(&a, a_board);
    exchange(&a);
    assert_int_equal(acts_count(a.acts), 1);
    assert_true(holds(&a, &act));
    assert_true(acts_at(a.acts, 0)->fleet);
    (void)host_end(&a);
}

static void
test_share(void **state)
{
    const struct diary_audit entry = {.at_s = NOON_S, .act = "reset"};
    struct host a;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    board.away = true;
    note_user(&a, "ann");
    note_user(&a, "bob");
    clerk_audit(a.clerk, &entry);
    clerk_beat(a.clerk);
    assert_int_equal(count_of(&a, NULL), 2); /* here at once */
    clerk_settle(a.clerk);
    board.away = false;
    board.refused = 1; /* this host has put enough there: the first is not */
    clerk_beat(a.clerk);
    clerk_beat(a.clerk);
    assert_int_equal(board.n_decisions, 1);
    assert_string_equal(board.decision[0].subject, "user:bob");
    assert_int_equal(board.decision[0].seq, 2);
    assert_string_equal(board.decision[0].host, "mx1");
    assert_int_equal(board.n_audits, 1);
    assert_int_equal(clerk_lost(a.clerk), 0);
    (void)host_end(&a);
}

/* What another host of the fleet says at NOON_S. */
static void
order_forget(const struct subject *subject)
{
    size_t len = 0;

    len += (size_t)snprintf(board.order, sizeof(board.order),
                            "{\"alias\":\"~K7Q2M9XD\",\"at\":%d,"
                            "\"subject\":\"",
                            NOON_S);
    for (size_t i = 0; i < subject->len; i++)
        len += (size_t)snprintf(board.order + len, sizeof(board.order) - len,
                                "%02x", subject->bytes[i]);
    (void)snprintf(board.order + len, sizeof(board.order) - len, "\"}");
}

/* Who is to be forgotten is not put on the board by name a moment later. */
static void
test_forgotten_before_shared(void **state)
{
    struct diary_audit entry = {
        .at_s = NOON_S, .act = "reset", .subject = "user:ann"};
    struct subject subject;
    struct host a;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann", &subject));
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    order_forget(&subject);
    note_user(&a, "ann");
    note_user(&a, "joann");
    clerk_audit(a.clerk, &entry);
    clerk_beat(a.clerk);
    assert_int_equal(a.forgotten, 1);
    assert_int_equal(board.n_decisions, 1);
    assert_string_equal(board.decision[0].subject, "user:joann");
    assert_int_equal(board.n_audits, 1);
    assert_string_equal(board.audit.subject, "user:~K7Q2M9XD");
    /* and what others say of it, by whole names */
    (void)snprintf(entry.subject, sizeof(entry.subject), "user:bob");
    (void)snprintf(entry.detail, sizeof(entry.detail), "joann cannot");
    clerk_audit(a.clerk, &entry);
    clerk_forget_waiting(a.clerk, &subject, "~K7Q2M9XD");
    clerk_beat(a.clerk);
    assert_string_equal(board.audit.detail, "joann cannot");
    (void)snprintf(entry.detail, sizeof(entry.detail), "of Ann.");
    clerk_audit(a.clerk, &entry);
    clerk_forget_waiting(a.clerk, &subject, "~K7Q2M9XD");
    clerk_beat(a.clerk);
    assert_string_equal(board.audit.detail, "user:~K7Q2M9XD");
    (void)host_end(&a);
}

static void
pass_exchange(struct host *host)
{
    pass_ms(host, CLERK_SHARE_MS);
    clerk_beat(host->clerk);
}

static void
test_orders_are_followed_once(void **state)
{
    struct subject subject;
    struct host a;
    char order[512];

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann", &subject));
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    order_forget(&subject);
    memcpy(order, board.order, sizeof(order));
    a.forget_err = MS_UNAVAIL;
    pass_exchange(&a);
    assert_int_equal(a.forgotten, 1);
    a.forget_err = MS_OK; /* what could not be done is tried again */
    pass_exchange(&a);
    pass_exchange(&a);
    assert_int_equal(a.forgotten, 2);
    board.order[0] = '\0'; /* a board that shows nothing for once */
    pass_exchange(&a);
    memcpy(board.order, order, sizeof(order));
    pass_exchange(&a);
    assert_int_equal(a.forgotten, 2);
    for (unsigned long n = 1; n < 40; n++) { /* no memory */
        pass_ms(&a, CLERK_SHARE_MS);
        scarce_set(n);
        clerk_beat(a.clerk);
        scarce_set(0);
    }
    pass_exchange(&a);
    assert_int_equal(a.forgotten, 2);
    host_reopen(&a);
    pass_exchange(&a);
    assert_int_equal(a.forgotten, 2);
    (void)host_end(&a);
}

/* However memory fails, an order is followed, and not twice. */
static void
test_orders_without_memory(void **state)
{
    struct subject subject;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann", &subject));
    for (unsigned long n = 1; n < 40; n++) {
        struct host a;

        memset(&board, 0, sizeof(board));
        host_begin(&a, a_board);
        order_forget(&subject);
        scarce_set(n);
        clerk_beat(a.clerk);
        scarce_set(0);
        assert_in_range(a.forgotten, 0, 1);
        pass_exchange(&a);
        pass_exchange(&a);
        host_reopen(&a);
        pass_exchange(&a);
        assert_int_equal(a.forgotten, 1);
        (void)host_end(&a);
    }
}

/* ----- standings */

static struct change
a_change(const char *user)
{
    struct change c = {.id = "AAAAAAAA",
                       .host = "mx1",
                       .evidence = {.at_s = NOON_S, .to = STANDING_WATCHED}};

    assert_true(subject_make(SUBJECT_USER, user, &c.subject));
    return c;
}

static struct held
a_held(const char *id, const char *user)
{
    struct held h = {.at_s = NOON_S, .host = "mx1", .nrcpt = 1};

    (void)snprintf(h.id, sizeof(h.id), "%s", id);
    (void)snprintf(h.subject, sizeof(h.subject), "user:%s", user);
    return h;
}

static bool
count_change(void *arg, const struct change *change)
{
    (void)change;
    ++*(size_t *)arg;
    return true;
}

static size_t
changes_in(struct host *host)
{
    const struct diary_change_query query = {.limit = 10000};
    size_t n = 0;

    assert_int_equal(diary_changes(host->diary, &query, count_change, &n),
                     MS_OK);
    return n;
}

static size_t
held_in(struct host *host)
{
    uint64_t n = 0;
    int64_t oldest_s;

    assert_int_equal(diary_count_held(host->diary, &n, &oldest_s), MS_OK);
    return (size_t)n;
}

/* They are in the diary at once; the board gets them when it is there. */
static void
test_cases_are_shared(void **state)
{
    struct change change = a_change("ann");
    struct held held = a_held("1A", "ann");
    struct host a;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    board.away = true;
    clerk_share_change(a.clerk, &change);
    assert_int_equal(change.seq, 1);
    clerk_share_change(a.clerk, &change); /* it is written already */
    clerk_share_held(a.clerk, &held);
    assert_int_equal(changes_in(&a), 1);
    assert_int_equal(held_in(&a), 1);
    clerk_beat(a.clerk);
    assert_int_equal(board.n_changes, 0);
    board.away = false;
    clerk_beat(a.clerk);
    assert_int_equal(board.n_changes, 2);
    assert_string_equal(board.change.id, "AAAAAAAA");
    assert_non_null(find_field("helds", "mx1 1A"));
    assert_non_null(find_field("held user:ann", "mx1 1A"));
    clerk_beat(a.clerk);
    assert_int_equal(board.n_changes, 2); /* once */
    (void)host_end(&a);
}

/* A full disk: they wait, and are shared when they are written. */
static void
test_cases_wait_for_the_disk(void **state)
{
    struct change change = a_change("ann");
    struct held held = a_held("1A", "ann");
    struct host a;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    faulty_disk_set(DISK_FULL, 0, -1);
    clerk_share_change(a.clerk, &change);
    clerk_share_held(a.clerk, &held);
    assert_int_equal(change.seq, 0);
    clerk_beat(a.clerk);
    assert_int_equal(board.n_changes, 0);
    faulty_disk_set(DISK_WORKS, 0, 0);
    clerk_beat(a.clerk);
    assert_int_equal(changes_in(&a), 1);
    assert_int_equal(held_in(&a), 1);
    assert_int_equal(board.n_changes, 1);
    assert_int_equal(clerk_lost(a.clerk), 0);
    /* more than can wait: the oldest go, and are counted */
    faulty_disk_set(DISK_FULL, 0, -1);
    for (int i = 0; i < CLERK_CASES_WAIT + 5; i++)
        clerk_share_change(a.clerk, &change);
    faulty_disk_set(DISK_WORKS, 0, 0);
    assert_int_equal(clerk_lost(a.clerk), 5);
    assert_non_null(strstr(host_end(&a), "diary: cannot write"));
}

static void
test_cases_without_memory(void **state)
{
    struct host a;
    unsigned lost = 0;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    for (unsigned long n = 1; n < 60; n++) {
        struct change change = a_change("ann");

        scarce_set(n);
        clerk_share_change(a.clerk, &change);
        clerk_beat(a.clerk);
        scarce_set(0);
        clerk_beat(a.clerk);
        lost = (unsigned)clerk_lost(a.clerk);
        assert_int_equal(changes_in(&a) + lost, n);
    }
    assert_int_equal(lost, 0); /* what is not written finds room to wait */
    (void)host_end(&a);
}

/* Who is told on one host that a message is held no more tells its own. */
static void
test_held_no_more(void **state)
{
    static const struct clerk_gone gone[] = {
        {"mx1", "1A"}, {"mx1", "2B"}, {"mx1", "9Z"}, {"mx2", "1A"}};
    struct held held[] = {a_held("1A", "ann"), a_held("2B", "bob"),
                          a_held("3C", "bob"), a_held("1A", "ann")};
    struct host a, b;
    unsigned dropped = 9;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    host_begin_as(&b, "mx2", a_board);
    for (size_t i = 0; i < 3; i++)
        clerk_share_held(a.clerk, &held[i]);
    (void)snprintf(held[3].host, sizeof(held[3].host), "mx2");
    clerk_share_held(b.clerk, &held[3]);
    clerk_beat(a.clerk);
    clerk_beat(b.clerk);
    assert_int_equal(held_in(&a), 3);
    assert_int_equal(clerk_drop_held(b.clerk, gone, ROWS(gone), &dropped),
                     MS_OK);
    assert_int_equal(dropped, 3);
    assert_int_equal(held_in(&b), 0);
    assert_int_equal(held_in(&a), 3); /* not told yet */
    assert_null(find_field("helds", "mx1 1A"));
    assert_null(find_field("held user:bob", "mx1 2B"));
    assert_null(find_field("helds", "mx2 1A"));
    assert_non_null(find_field("held user:bob", "mx1 3C"));
    clerk_news(a.clerk);
    pass_exchange(&a);
    assert_int_equal(held_in(&a), 1);
    assert_null(find_field("gone mx1", NULL)); /* done */
    /* its own are gone at once, also without the fleet */
    board.away = true;
    assert_int_equal(clerk_drop_held(a.clerk, &(struct clerk_gone){"mx1", "3C"},
                                     1, &dropped),
                     MS_UNAVAIL);
    assert_int_equal(dropped, 1);
    assert_int_equal(held_in(&a), 0);
    board.away = false;
    assert_int_equal(clerk_drop_held(a.clerk, &(struct clerk_gone){"mx1", "3C"},
                                     1, &dropped),
                     MS_OK);
    assert_int_equal(dropped, 1); /* the board still had it */
    assert_null(find_field("helds", "mx1 3C"));
    assert_int_equal(clerk_drop_held(a.clerk, NULL, 0, &dropped), MS_OK);
    assert_int_equal(dropped, 0);
    (void)host_end(&b);
    (void)host_end(&a);
}

static void
test_held_alone(void **state)
{
    static const struct clerk_gone gone[] = {{"mx1", "1A"}, {"mx1", "9Z"}};
    struct held held = a_held("1A", "ann");
    struct host a;
    unsigned dropped = 9;

    (void)state;
    host_begin(&a, NULL);
    clerk_share_held(a.clerk, &held);
    assert_int_equal(clerk_drop_held(a.clerk, gone, ROWS(gone), &dropped),
                     MS_OK);
    assert_int_equal(dropped, 1);
    assert_int_equal(held_in(&a), 0);
    (void)host_end(&a);
}

/* ----- what the site knows */

static void
test_birth(void **state)
{
    struct host a, b;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    assert_int_equal(clerk_birth(a.clerk).s, NOON_S);
    clerk_beat(a.clerk);
    pass_ms(&a, 3600000);
    host_reopen(&a); /* it does not begin again */
    assert_int_equal(clerk_birth(a.clerk).s, NOON_S);
    host_begin_as(&b, "mx2", a_board);
    b.now.wall.s += DAY_S;
    host_reopen(&b);
    clerk_beat(a.clerk);
    clerk_beat(b.clerk); /* a new host joins an old site */
    assert_int_equal(clerk_birth(b.clerk).s, NOON_S);
    memset(&board, 0, sizeof(board)); /* servers that lost everything */
    pass_exchange(&b);
    pass_exchange(&a);
    assert_int_equal(clerk_birth(a.clerk).s, NOON_S);
    host_reopen(&b);
    board.away = true;
    assert_int_equal(clerk_birth(b.clerk).s, NOON_S);
    board.away = false;
    (void)host_end(&b);
    (void)host_end(&a);
}

static void
test_freeze(void **state)
{
    struct clerk_freeze one, two;
    struct host a, b;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    host_begin_as(&b, "mx2", a_board);
    clerk_freeze(a.clerk, &one);
    assert_int_equal(one.id, 0);
    clerk_share_freeze(a.clerk, NOON_S + 3600);
    clerk_freeze(a.clerk, &one);
    assert_int_equal(one.id, NOON_S);
    assert_int_equal(one.until_s, NOON_S + 3600);
    clerk_beat(a.clerk);
    pass_exchange(&b);
    clerk_freeze(b.clerk, &two);
    assert_memory_equal(&one, &two, sizeof(one));
    /* another sign: the same freeze goes on, for all */
    clerk_share_freeze(b.clerk, NOON_S + 4000);
    clerk_share_freeze(b.clerk, NOON_S + 3900);
    pass_exchange(&b);
    pass_exchange(&a);
    clerk_freeze(a.clerk, &one);
    assert_true(one.id == NOON_S && one.until_s == NOON_S + 4000);
    host_reopen(&a); /* nor does an end of the process end it */
    board.away = true;
    clerk_freeze(a.clerk, &two);
    assert_memory_equal(&one, &two, sizeof(one));
    board.away = false;
    /* the next one is another */
    pass_ms(&a, 4000000);
    a.now.wall.s = NOON_S + 5000;
    clerk_share_freeze(a.clerk, NOON_S + 8600);
    clerk_freeze(a.clerk, &one);
    assert_true(one.id == NOON_S + 5000 && one.until_s == NOON_S + 8600);
    (void)host_end(&b);
    (void)host_end(&a);
}

/* A freeze that a clock has begun which was ahead is none, there or here. */
static void
test_freeze_ahead(void **state)
{
    struct clerk_freeze freeze;
    struct host a, b;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    host_begin_as(&b, "mx2", a_board);
    a.now.wall.s = NOON_S + 365 * 86400;
    clerk_share_freeze(a.clerk, NOON_S + 365 * 86400 + 3600);
    clerk_beat(a.clerk);
    pass_exchange(&b);
    clerk_freeze(b.clerk, &freeze);
    assert_int_equal(freeze.id, 0);
    a.now.wall.s = NOON_S;
    clerk_freeze(a.clerk, &freeze);
    assert_int_equal(freeze.id, 0);
    clerk_share_freeze(a.clerk, NOON_S + 3600);
    clerk_freeze(a.clerk, &freeze);
    assert_int_equal(freeze.id, NOON_S);
    assert_int_equal(freeze.until_s, NOON_S + 3600);
    (void)host_end(&b);
    (void)host_end(&a);
}

static void
test_freezes_join(void **state)
{
    static const struct {
        const char *row;
        struct clerk_freeze a, b, both;
    } rows[] = {
        {"none", {0, 0}, {0, 0}, {0, 0}},
        {"one", {5, 9}, {0, 0}, {5, 9}},
        {"the same", {5, 9}, {5, 9}, {5, 9}},
        {"the same, longer", {5, 9}, {5, 12}, {5, 12}},
        {"two that meet", {5, 9}, {7, 12}, {5, 12}},
        {"one inside of the other", {5, 12}, {7, 9}, {5, 12}},
        {"they touch", {5, 7}, {7, 9}, {5, 9}},
        {"one after the other", {5, 7}, {8, 9}, {8, 9}},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct clerk_freeze x = clerk_site_join(rows[i].a, rows[i].b);
        struct clerk_freeze y = clerk_site_join(rows[i].b, rows[i].a);

        expect(rows[i].row, memcmp(&x, &rows[i].both, sizeof(x)) == 0);
        expect(rows[i].row, memcmp(&y, &rows[i].both, sizeof(y)) == 0);
    }
}

/* ----- feedback about a message that another host knows */

static void
test_feedback(void **state)
{
    struct diary_report report = {
        .at_s = NOON_S, .host = "mx1", .kind = "complaint", .id = "4XyZ"};
    struct host a, b;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    host_begin_as(&b, "mx2", a_board);
    clerk_beat(b.clerk);
    assert_int_equal(clerk_order_feedback(a.clerk, &report, 0, 2), MS_OK);
    clerk_news(b.clerk);
    b.feedback_err = MS_UNAVAIL; /* its store is away: asked again */
    pass_exchange(&b);
    assert_int_equal(b.heard, 1);
    b.feedback_err = MS_OK;
    clerk_news(b.clerk);
    pass_exchange(&b);
    clerk_news(b.clerk);
    pass_exchange(&b);
    assert_int_equal(b.heard, 2);
    assert_string_equal(b.report.id, "4XyZ");
    assert_string_equal(b.report.kind, "complaint");
    assert_true(b.unknown == 0 && b.complaints == 2);
    pass_exchange(&a);
    assert_int_equal(a.heard, 0); /* not by who could not place it */
    host_reopen(&b);
    pass_exchange(&b);
    assert_int_equal(b.heard, 2);
    /* without news it is asked for every minute; a day later it is gone */
    assert_int_equal(clerk_order_feedback(a.clerk, &report, 7, 0), MS_OK);
    pass_ms(&b, CLERK_SHARE_MS);
    clerk_beat(b.clerk);
    assert_int_equal(b.heard, 2);
    pass_ms(&b, 60000);
    clerk_beat(b.clerk);
    assert_int_equal(b.heard, 3);
    assert_int_equal(b.unknown, 7);
    for (int i = 0; i < 3; i++) { /* one at a time */
        pass_ms(&b, (int64_t)DAY_S * 1000 + 60000);
        clerk_beat(b.clerk);
    }
    assert_null(find_field("feedback", NULL));
    board.away = true;
    assert_int_equal(clerk_order_feedback(a.clerk, &report, 7, 0), MS_UNAVAIL);
    board.away = false;
    (void)host_end(&b);
    (void)host_end(&a);
}

/* A stranger who sends reports does not fill the servers. */
static void
test_feedback_room(void **state)
{
    const struct diary_report report = {.at_s = NOON_S, .kind = "log"};
    struct host a;
    enum ms_err err = MS_OK;
    int n = 0;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    while (err == MS_OK && n <= CLERK_FEEDBACK) {
        err = clerk_order_feedback(a.clerk, &report, 1, 0);
        n += err == MS_OK;
        if (board.n_fields > MANY / 2)
            board.n_fields = 0; /* there is less room here */
    }
    assert_int_equal(err, MS_NOMEM);
    assert_int_equal(n, CLERK_FEEDBACK);
    (void)host_end(&a);
    host_begin(&a, NULL);
    assert_int_equal(clerk_order_feedback(a.clerk, &report, 1, 0), MS_OK);
    (void)host_end(&a);
}

/* Who is forgotten is not put on the board by what waits. */
static void
test_cases_forgotten(void **state)
{
    struct change ann = a_change("ann"), bob = a_change("bob");
    struct held held = a_held("1A", "bob");
    struct subject subject = ann.subject;
    struct host a;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    board.away = true;
    (void)snprintf(bob.note, sizeof(bob.note), "as ann said");
    held.has_from = true;
    (void)snprintf(held.from, sizeof(held.from), "Ann");
    clerk_share_change(a.clerk, &ann);
    clerk_share_change(a.clerk, &bob);
    clerk_share_held(a.clerk, &held);
    held = a_held("2B", "ann");
    clerk_share_held(a.clerk, &held);
    clerk_forget_waiting(a.clerk, &subject, "~K7Q2M9XD");
    board.away = false;
    clerk_beat(a.clerk);
    assert_int_equal(board.n_changes, 1);
    assert_string_equal(board.change.note, "user:~K7Q2M9XD");
    assert_null(find_field("helds", "mx1 2B"));
    assert_non_null(find_field("helds", "mx1 1A"));
    assert_null(strstr(find_field("helds", "mx1 1A")->bytes, "Ann"));
    (void)host_end(&a);
}

/* ----- acts of who is forgotten */

static void
test_acts_forgotten(void **state)
{
    struct act own, fleets, pairs, other;
    struct subject ann;
    uint64_t n = 0;
    struct host a;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann", &ann));
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    own = set(&a, an_act(ACT_EXEMPT, "ann", ""));
    fleets = an_act(ACT_RAISE, "ann", "user");
    fleets.fleet = true;
    fleets = set(&a, fleets);
    pairs = an_act(ACT_EXEMPT, "ann", "box");
    assert_true(subject_make_pair(SUBJECT_USER, "ann", SUBJECT_SENDER, "x@y",
                                  &pairs.subject));
    pairs = set(&a, pairs);
    other = set(&a, an_act(ACT_EXEMPT, "joann", ""));
    (void)set(&a, an_act(ACT_MODE, NULL, ""));
    a.handed = 0;
    /* the fleet's cannot be taken back: what was is handed over, and told */
    board.away = true;
    assert_int_equal(clerk_acts_forget(a.clerk, &ann, &n), MS_UNAVAIL);
    assert_true(holds(&a, &fleets) && holds(&a, &other));
    board.away = false;
    assert_int_equal(clerk_acts_forget(a.clerk, &ann, &n), MS_OK);
    assert_int_equal(n, 3);
    assert_in_range(a.handed, 1, 2);
    assert_false(holds(&a, &own) || holds(&a, &fleets) || holds(&a, &pairs));
    assert_true(holds(&a, &other));
    assert_int_equal(acts_count(a.acts), 2);
    assert_int_equal(board.n_acts, 0);
    assert_int_equal(clerk_acts_forget(a.clerk, &ann, &n), MS_OK);
    assert_int_equal(n, 3);
    host_reopen(&a);
    assert_int_equal(acts_count(a.acts), 2);
    (void)host_end(&a);
}

static void
charge(struct store *store, const struct subject *subject, uint64_t window,
       struct store_time at)
{
    static struct charge_answers answers;
    const struct charge_item item = {.subject = subject,
                                     .window = window,
                                     .span_s = 3600,
                                     .n = 1,
                                     .limit = 9};
    struct store_ticket *ticket;

    assert_int_equal(store_submit(store, &item, 1, at, &ticket), MS_OK);
    assert_int_equal(store_collect(store, ticket, at.mono, &answers), MS_OK);
}

/* The busiest as this host's own store has them, every five seconds. */
static void
test_publish(void **state)
{
    static struct store_record record;
    const struct limit *limit;
    struct subject subject;
    struct config *config;
    struct heard heard;
    bool found = false;
    struct host a;

    (void)state;
    assert_int_equal(heard_load(&heard, "", NOON_S, &config), MS_OK);
    memset(&board, 0, sizeof(board));
    host_begin(&a, a_board);
    a_shadow = a.store;
    assert_true(subject_make(SUBJECT_USER, "ann", &subject));
    limit = limit_of(config, "user");
    assert_non_null(limit);
    charge(a.store, &subject, limit_window(limit, 3600), a.now);
    assert_int_equal(store_get(a.store, &subject, a.now, &found, &record),
                     MS_OK);
    assert_true(found);
    top_rank(a.top, config, &record);
    clerk_beat(a.clerk);
    assert_int_equal(board.n_tops, SUBJECT_KINDS);
    assert_int_equal(board.n_rows, 1);
    assert_int_equal(board.row.share, 500);
    assert_memory_equal(board.row.subject.bytes, subject.bytes, subject.len);
    clerk_beat(a.clerk);
    assert_int_equal(board.n_tops, SUBJECT_KINDS);
    exchange(&a);
    assert_int_equal(board.n_tops, 2 * SUBJECT_KINDS);
    (void)host_end(&a);
    a_shadow = NULL;
    config_destroy(config);
}

/* ----- now and then */

static uint64_t
messages_of(struct host *host, const struct subject *subject)
{
    struct picture_view view;
    uint64_t sum = 0;

    if (!picture_view(host->pictures, subject, host->now.wall, &view))
        return 0;
    for (int i = 0; i < PICTURE_HOURS; i++)
        sum += view.hour[METRIC_MESSAGES][i];
    return sum;
}

static uint32_t
accepted(struct host *host)
{
    static struct history_view view;
    uint32_t sum = 0;

    history_view(host->history, HISTORY_DAY, host->now.wall, &view);
    for (size_t i = 0; i < view.n; i++)
        sum += view.count[HISTORY_ACCEPTED][i];
    return sum;
}

/* The process is killed: what was saved by then is there again. */
static void
host_crash(struct host *host)
{
    struct clerk_needs needs;

    clerk_destroy(host->clerk);
    history_destroy(host->history);
    pictures_destroy(host->pictures);
    assert_int_equal(history_create(&host->history), MS_OK);
    assert_int_equal(pictures_create(1000, &host->pictures), MS_OK);
    needs = needs_of(host);
    assert_int_equal(clerk_create(&needs, &host->clerk), MS_OK);
}

static void
test_saved(void **state)
{
    struct diary_forgotten gone;
    struct subject subject;
    struct host host;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann", &subject));
    host_begin(&host, NULL);
    clerk_beat(host.clerk);
    history_note(host.history, HISTORY_ACCEPTED, 3, host.now.wall);
    picture_note(host.pictures, &subject, METRIC_MESSAGES, 5, host.now.wall);
    pass_ms(&host, CLERK_SAVE_MS - 1);
    clerk_beat(host.clerk);
    host_crash(&host);
    assert_int_equal(accepted(&host), 0);
    history_note(host.history, HISTORY_ACCEPTED, 3, host.now.wall);
    picture_note(host.pictures, &subject, METRIC_MESSAGES, 5, host.now.wall);
    pass_ms(&host, CLERK_SAVE_MS);
    clerk_beat(host.clerk);
    host_crash(&host);
    assert_int_equal(accepted(&host), 3);
    assert_int_equal(messages_of(&host, &subject), 5);
    /* who was forgotten does not come back */
    clerk_beat(host.clerk);
    assert_int_equal(diary_forget(host.diary, &subject, "~K7Q2M9XD", &gone),
                     MS_OK);
    assert_true(picture_forget(host.pictures, &subject));
    clerk_beat(host.clerk);
    pass_ms(&host, 2 * CLERK_BEAT_MS);
    clerk_beat(host.clerk);
    host_crash(&host);
    assert_int_equal(messages_of(&host, &subject), 0);
    assert_int_equal(accepted(&host), 3);
    history_note(host.history, HISTORY_ACCEPTED, 1, host.now.wall);
    host_reopen(&host); /* at the end they are saved in any case */
    assert_int_equal(accepted(&host), 4);
    (void)host_end(&host);
}

/* Is NEEDLE anywhere in the files of the folder? */
static bool
is_on_disk(const struct host *host, const char *needle)
{
    char command[256];
    int rc;

    (void)snprintf(command, sizeof(command), "grep -rqaF '%s' '%s'", needle,
                   host->dir);
    rc = system(command);
    assert_true(WIFEXITED(rc) && WEXITSTATUS(rc) <= 1);
    return WEXITSTATUS(rc) == 0;
}

/* Who is forgotten is not left in the picture that was saved before. */
static void
test_saved_and_forgotten(void **state)
{
    struct diary_forgotten gone;
    struct subject subject;
    struct host host;

    (void)state;
    assert_true(subject_make(SUBJECT_USER, "ann@pictured.test", &subject));
    host_begin(&host, NULL);
    picture_note(host.pictures, &subject, METRIC_MESSAGES, 5, host.now.wall);
    assert_int_equal(clerk_save(host.clerk), MS_OK);
    assert_true(is_on_disk(&host, "ann@pictured.test"));
    assert_true(picture_forget(host.pictures, &subject));
    assert_int_equal(clerk_save(host.clerk), MS_OK);
    assert_int_equal(diary_forget(host.diary, &subject, "~K7Q2M9XD", &gone),
                     MS_OK);
    assert_false(is_on_disk(&host, "ann@pictured.test"));
    faulty_disk_set(DISK_FULL, 0, -1);
    assert_int_not_equal(clerk_save(host.clerk), MS_OK);
    faulty_disk_set(DISK_WORKS, 0, 0);
    (void)host_end(&host);
}

static void
test_damaged_blobs(void **state)
{
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    assert_int_equal(diary_put_blob(host.diary, "history", "x", 1), MS_OK);
    assert_int_equal(diary_put_blob(host.diary, "pictures", "", 0), MS_OK);
    host_crash(&host);
    assert_int_equal(accepted(&host), 0);
    (void)host_end(&host);
    assert_int_equal(lines_of(host.text, "diary: the history cannot be read"),
                     1);
    assert_int_equal(lines_of(host.text, "diary: the pictures cannot be read"),
                     1);
}

static void
test_trimmed_every_hour(void **state)
{
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    host.keep_s = 600;
    clerk_beat(host.clerk);
    note_user(&host, "ann");
    clerk_settle(host.clerk);
    pass_ms(&host, CLERK_TRIM_MS - 1);
    clerk_beat(host.clerk);
    assert_int_equal(count_of(&host, NULL), 1);
    pass_ms(&host, 1);
    clerk_beat(host.clerk);
    assert_int_equal(count_of(&host, NULL), 0);
    (void)host_end(&host);
}

static size_t audits_of(struct host *host);

static bool
count_audit(void *arg, const struct diary_audit *entry)
{
    (void)entry;
    ++*(size_t *)arg;
    return true;
}

static size_t
audits_of(struct host *host)
{
    size_t n = 0;

    assert_int_equal(diary_audits(host->diary, 0, 10000, count_audit, &n),
                     MS_OK);
    return n;
}

static void
test_audits_wait(void **state)
{
    const struct diary_audit entry = {.at_s = NOON_S, .act = "reset"};
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    faulty_disk_set(DISK_FULL, 0, -1);
    clerk_audit(host.clerk, &entry);
    clerk_audit(host.clerk, &entry);
    clerk_beat(host.clerk);
    assert_int_equal(audits_of(&host), 0);
    faulty_disk_set(DISK_WORKS, 0, 0);
    clerk_beat(host.clerk);
    assert_int_equal(audits_of(&host), 2);
    clerk_audit(host.clerk, &entry);
    assert_int_equal(audits_of(&host), 3);
    clerk_beat(host.clerk);
    assert_int_equal(audits_of(&host), 3);
    (void)host_end(&host);
    assert_int_equal(lines_of(host.text, "diary: cannot write: "), 1);
}

/* ----- threads */

static void
test_walk(void **state)
{
    enum { SUBJECTS = 350 };
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    for (unsigned i = 0; i < SUBJECTS; i++) {
        struct subject subject;
        char name[16];

        (void)snprintf(name, sizeof(name), "u%u", i);
        assert_true(subject_make(i % 2 == 0 ? SUBJECT_USER : SUBJECT_SENDER,
                                 name, &subject));
        charge(host.store, &subject, 1, host.now);
    }
    assert_int_equal(clerk_start(host.clerk), MS_OK);
    pthread_mutex_lock(&host.lock);
    while (host.ranked < SUBJECTS)
        pthread_cond_wait(&host.change, &host.lock);
    pthread_mutex_unlock(&host.lock);
    clerk_stop(host.clerk); /* long before the next walk */
    assert_int_equal(host.ranked, SUBJECTS);
    (void)host_end(&host);
}

enum { THREADS = 4, THREAD_NOTES = 500 };

struct noter {
    struct host *host;
    int i;
};

static void *
note_often(void *arg)
{
    const struct noter *noter = arg;
    char user[32];

    for (int i = 0; i < THREAD_NOTES; i++) {
        (void)snprintf(user, sizeof(user), "%d-%d", noter->i, i);
        note_user(noter->host, user);
        if (i % 100 == 99) {
            (void)snprintf(user, sizeof(user), "user:%d-%d", noter->i, i);
            clerk_settle(noter->host->clerk);
            if (count_of(noter->host, user) != 1)
                return NULL;
        }
    }
    return arg;
}

static void
test_threads(void **state)
{
    struct noter noter[THREADS];
    pthread_t thread[THREADS];
    struct host host;

    (void)state;
    host_begin(&host, NULL);
    assert_int_equal(clerk_start(host.clerk), MS_OK);
    for (int i = 0; i < THREADS; i++) {
        noter[i] = (struct noter){&host, i};
        assert_int_equal(
            pthread_create(&thread[i], NULL, note_often, &noter[i]), 0);
    }
    clerk_news(host.clerk);
    for (int i = 0; i < THREADS; i++) {
        void *out = NULL;

        assert_int_equal(pthread_join(thread[i], &out), 0);
        assert_ptr_equal(out, &noter[i]);
    }
    clerk_stop(host.clerk);
    assert_int_equal(count_of(&host, NULL), THREADS * THREAD_NOTES);
    assert_int_equal(clerk_lost(host.clerk), 0);
    assert_string_equal(host_end(&host), "");
}

/* ----- no memory */

static void
test_no_memory(void **state)
{
    struct act act = an_act(ACT_EXEMPT, "ann", "");
    struct clerk_needs needs;
    struct clerk *clerk = NULL;
    unsigned failed = 0;
    struct host host;

    (void)state;
    memset(&board, 0, sizeof(board));
    host_begin(&host, a_board);
    (void)set(&host, act);
    needs = needs_of(&host);
    for (unsigned long n = 1; clerk == NULL; n++) {
        scarce_set(n);
        failed += clerk_create(&needs, &clerk) == MS_NOMEM;
        scarce_set(0);
        assert_true(n < 1000);
    }
    assert_true(failed > 8);
    clerk_destroy(clerk);
    scarce_set(1);
    note_user(&host, "ann");
    scarce_set(0);
    assert_int_equal(clerk_lost(host.clerk), 1);
    assert_int_equal(clerk_queued(host.clerk), 0);
    for (unsigned long n = 1; n < 20; n++) {
        note_user(&host, "bob");
        scarce_set(n);
        clerk_beat(host.clerk);
        scarce_set(0);
    }
    clerk_beat(host.clerk);
    assert_int_equal(count_of(&host, "user:bob"), 19);
    clerk_stop(NULL);
    clerk_destroy(NULL);
    (void)host_end(&host);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_note),
        cmocka_unit_test(test_part_of_a_minute),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_woulds_wait_too),
        cmocka_unit_test(test_queue_counts),
        cmocka_unit_test(test_queue_order),
        cmocka_unit_test(test_keeps_nothing),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_clock_ahead),
        cmocka_unit_test(test_cannot_be_written),
        cmocka_unit_test(test_fleet),
        cmocka_unit_test(test_empty_board),
        cmocka_unit_test(test_board_of_others),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_forgotten_before_shared),
        cmocka_unit_test(test_orders_are_followed_once),
        cmocka_unit_test(test_orders_without_memory),
        cmocka_unit_test(test_cases_are_shared),
        cmocka_unit_test(test_cases_wait_for_the_disk),
        cmocka_unit_test(test_cases_without_memory),
        cmocka_unit_test(test_held_no_more),
        cmocka_unit_test(test_held_alone),
        cmocka_unit_test(test_birth),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_freeze_ahead),
        cmocka_unit_test(test_freezes_join),
        cmocka_unit_test(test_feedback),
        cmocka_unit_test(test_feedback_room),
        cmocka_unit_test(test_cases_forgotten),
        cmocka_unit_test(test_acts_forgotten),
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_saved),
        cmocka_unit_test(test_saved_and_forgotten),
        cmocka_unit_test(test_damaged_blobs),
        cmocka_unit_test(test_trimmed_every_hour),
        cmocka_unit_test(test_audits_wait),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory),
    };

    faulty_disk_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
