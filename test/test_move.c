/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving subjects between stores by way of a file: all of them arrive, as old
 * as they are, and a file that is not whole changes nothing.
 */
#include <config.h>

#include "milter/move.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "milter/move_line.h"
#include "test/store_lab.h"
#include "test/unit.h"

enum { SPAN_S = 3600, SLICE_S = 300, DAY_S = 86400, TEXT_MAX = 1 << 20 };

static const uint64_t hourly = UINT64_C(0x0123456789abcdef), daily = 7;

static struct store_clock
clock_of(struct lab *lab)
{
    return (struct store_clock){.now = lab_clock, .arg = lab};
}

/* What LAB's store exports, in *LEN bytes; free() ends it. */
static char *
exported(struct lab *lab, struct move_counts *counts, size_t *len)
{
    struct why why = {""};
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    assert_non_null(out);
    if (move_export(lab->store, clock_of(lab), "mx1", out, NULL, counts,
                    &why) != MS_OK)
        fail_msg("export: %s", why.text);
    assert_int_equal(fclose(out), 0);
    return text;
}

static enum ms_err
import(struct lab *lab, const char *text, size_t len,
       struct move_counts *counts, struct why *why)
{
    FILE *in = tmpfile();
    enum ms_err err;

    why->text[0] = '\0';
    assert_non_null(in);
    assert_int_equal(fwrite(text, 1, len, in), len);
    rewind(in);
    err = move_import(lab->store, clock_of(lab), in, NULL, counts, why);
    assert_int_equal(fclose(in), 0);
    return err;
}

static void
must_import(struct lab *lab, const char *text, size_t len,
            struct move_counts *counts)
{
    struct why why;

    if (import(lab, text, len, counts, &why) != MS_OK)
        fail_msg("import: %s", why.text);
}

/* Three subjects: two with windows, one of them judged; and one quarantined
 * that has none. */
static void
fill(struct lab *lab)
{
    struct subject ann = lab_subject("user:ann@example.org");
    struct subject odd = lab_subject("sender:\x01 \"\\\xff@example.org");
    struct subject host = lab_subject("client:2001:db8::1");
    struct subject pair;

    assert_true(subject_make_pair(SUBJECT_USER, "ann@example.org",
                                  SUBJECT_SENDER, "bob@example.org", &pair));
    assert_true(lab_take(lab, &ann, hourly, SPAN_S, 3, 100));
    assert_true(lab_take(lab, &ann, daily, DAY_S, 40, 1000));
    lab_pass(lab, 2 * SLICE_S * 1000);
    assert_true(lab_take(lab, &ann, hourly, SPAN_S, 4, 100));
    assert_true(lab_take(lab, &odd, hourly, SPAN_S, 5, 100));
    assert_true(lab_take(lab, &pair, hourly, SPAN_S, 6, UINT32_MAX));
    assert_int_equal(lab_judge(lab, &ann, STANDING_THROTTLED, 77, 300), MS_OK);
    assert_int_equal(lab_judge(lab, &host, STANDING_QUARANTINED, 0, 0), MS_OK);
}

/* ----- there and back */

static void
check_filled(struct lab *lab, const char *way)
{
    struct subject ann = lab_subject("user:ann@example.org");
    struct subject odd = lab_subject("sender:\x01 \"\\\xff@example.org");
    struct subject host = lab_subject("client:2001:db8::1");
    struct store_record *r = calloc(1, sizeof *r);
    bool found = false;

    assert_non_null(r);
    expect(way, lab_used(lab, &ann, hourly) == 7);
    expect(way, lab_used(lab, &ann, daily) == 40);
    expect(way, lab_used(lab, &odd, hourly) == 5);
    assert_int_equal(store_get(lab->store, &ann, lab_now(lab), &found, r),
                     MS_OK);
    expect(way, found && r->state.standing == STANDING_THROTTLED);
    expect(way, r->state.throttle == 77 && r->state.len == 300);
    assert_int_equal(store_get(lab->store, &host, lab_now(lab), &found, r),
                     MS_OK);
    expect(way, found && r->state.standing == STANDING_QUARANTINED);
    free(r);
}

static void
move_between(const struct lab_kind *from_kind, const struct lab_kind *to_kind)
{
    struct lab *from = lab_create(from_kind), *to = lab_create(to_kind);
    struct move_counts out, in;
    char way[64], *text;
    size_t len;

    (void)snprintf(way, sizeof way, "%s to %s", from_kind->name, to_kind->name);
    fill(from);
    to->wall_s = from->wall_s;
    text = exported(from, &out, &len);
    expect(way, out.subjects == 4 && out.windows == 4);
    must_import(to, text, len, &in);
    expect(way, in.subjects == 4 && in.windows == 4 && in.aged == 0);
    expect(way, in.replaced == 0 && in.verified == 4);
    check_filled(to, way);
    must_import(to, text, len, &in); /* which changes nothing */
    expect(way, in.replaced == 4 && in.verified == 4);
    check_filled(to, way);
    free(text);
    text = exported(to, &out, &len);
    expect(way, out.subjects == 4 && out.windows == 4);
    must_import(from, text, len, &in);
    expect(way, in.replaced == 4 && in.verified == 4);
    check_filled(from, way);
    free(text);
    lab_end(from);
    lab_end(to);
}

static void
test_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < lab_n_kinds; i++)
        for (size_t j = 0; j <= i; j++)
            move_between(&lab_kinds[i], &lab_kinds[j]);
}

static void
test_empty(void **state)
{
    struct lab *lab = lab_create(&lab_kinds[0]);
    struct move_counts counts;
    size_t len;
    char *text = exported(lab, &counts, &len);

    (void)state;
    assert_int_equal(counts.subjects, 0);
    must_import(lab, text, len, &counts);
    assert_int_equal(counts.subjects, 0);
    free(text);
    lab_end(lab);
}

/* ----- time goes on between the two */

static const struct {
    const char *name;
    int64_t away_s;
    uint64_t hour, day; /* what is left */
    uint64_t aged;
} ages[] = {
    {"at once", 0, 7, 40, 0},
    {"less than a slice is none", SLICE_S - 1, 7, 40, 0},
    {"the older slice goes", 11 * SLICE_S, 4, 40, 0},
    {"the whole span is over", SPAN_S + SLICE_S, 0, 40, 3},
    {"all is", 2 * DAY_S, 0, 0, 4},
    {"a clock that is behind makes nothing younger", -DAY_S, 7, 40, 0},
    {"a clock that is far behind", -1700000000, 7, 40, 0},
};

static void
test_ages(void **state)
{
    struct lab *from = lab_create(&lab_kinds[0]);
    struct subject ann = lab_subject("user:ann@example.org");
    struct move_counts counts;
    size_t len;
    char *text;

    (void)state;
    fill(from);
    text = exported(from, &counts, &len);
    for (size_t i = 0; i < ROWS(ages); i++) {
        struct lab *to = lab_create(&lab_kinds[0]);

        to->wall_s = from->wall_s + ages[i].away_s;
        must_import(to, text, len, &counts);
        expect(ages[i].name, lab_used(to, &ann, hourly) == ages[i].hour);
        expect(ages[i].name, lab_used(to, &ann, daily) == ages[i].day);
        expect(ages[i].name, counts.aged == ages[i].aged);
        expect(ages[i].name, counts.verified == 4);
        lab_end(to);
    }
    free(text);
    lab_end(from);
}

/* ----- damaged files: nothing is imported */

static void
expect_nothing(struct lab *lab, const char *name)
{
    struct store_stats *stats = calloc(1, sizeof *stats);

    assert_non_null(stats);
    store_stats(lab->store, stats);
    for (size_t i = 0; i < SUBJECT_KINDS; i++)
        expect(name, stats->subjects[i] == 0);
    free(stats);
}

static void
refuse(struct lab *lab, const char *name, const char *text, size_t len,
       const char *said)
{
    struct move_counts counts;
    struct why why;
    enum ms_err err = import(lab, text, len, &counts, &why);

    if (err == MS_OK || strstr(why.text, said) == NULL)
        fail_msg("%s: %d, %s", name, err, why.text);
    expect_nothing(lab, name);
}

static void
test_truncated(void **state)
{
    struct lab *lab = lab_create(&lab_kinds[0]);
    struct lab *to = lab_create(&lab_kinds[0]);
    struct move_counts counts;
    size_t len, cut;
    char *text, name[32];

    (void)state;
    fill(lab);
    text = exported(lab, &counts, &len);
    for (cut = 0; cut < len; cut += cut + 40 < len ? 7 : 1) {
        (void)snprintf(name, sizeof name, "cut at %zu", cut);
        refuse(to, name, text, cut,
               cut == 0 ? "line 1: the file is empty" : "line ");
    }
    refuse(to, "cut behind a line", text,
           (size_t)(strchr(text, '\n') - text) + 1,
           "line 2: the file ends without its last line");
    free(text);
    lab_end(lab);
    lab_end(to);
}

/* Any byte that is another. */
static void
test_edited(void **state)
{
    struct lab *lab = lab_create(&lab_kinds[0]);
    struct lab *to = lab_create(&lab_kinds[0]);
    struct move_counts counts;
    size_t len, i;
    char *text, name[32];

    (void)state;
    fill(lab);
    text = exported(lab, &counts, &len);
    for (i = 0; i < len; i++) {
        const char was = text[i];

        /* "time" of the last line is not in the sum */
        if (i > len - 160 && was >= '0' && was <= '9')
            continue;
        text[i] ^= 1;
        (void)snprintf(name, sizeof name, "byte %zu", i);
        refuse(to, name, text, len, "");
        text[i] = was;
    }
    free(text);
    lab_end(lab);
    lab_end(to);
}

/* A file of the lines HEAD, those of BODY, and an end that fits them. */
static size_t
forge(const char *head, const char *body, uint64_t subjects, uint64_t windows,
      char *out)
{
    unsigned char hash[32];
    char hex[65];
    int len = snprintf(out, TEXT_MAX, "%s%s", head, body);

    assert_true(len >= 0 && len < TEXT_MAX - 1024);
    (void)crypto_generichash(hash, sizeof hash, (unsigned char *)out,
                             (unsigned long long)len, NULL, 0);
    (void)sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    len += snprintf(out + len, 1024,
                    "{\"end\":true,\"subjects\":%d,\"windows\":%d,\"time\":0,"
                    "\"sum\":\"%s\"}\n",
                    (int)subjects, (int)windows, hex);
    return (size_t)len;
}

#define HEAD "{\"format\":\"mortsafe-export\",\"version\":1}\n"
#define SUBJECT(standing, throttle, state, first, last, windows)               \
    "{\"kind\":\"user\",\"name\":\"user:a\",\"subject\":\"AQIAAWE=\","         \
    "\"standing\":\"" standing "\",\"throttle\":" throttle                     \
    ",\"state\":\"" state "\",\"first_seen\":" first ",\"last_seen\":" last    \
    ",\"windows\":[" windows "]}\n"
#define WINDOW(id, span, slices)                                               \
    "{\"id\":\"" id "\",\"span\":" span ",\"limit\":5,\"slices\":[" slices "]" \
    "}"
#define SLICES "0,0,0,0,0,0,0,0,0,0,0,0"
#define GOOD_WINDOW WINDOW("0000000000000001", "60", SLICES ",1")

/* Files whose sum is right. */
static const struct {
    const char *name, *head, *body;
    const char *said; /* NULL: it is taken */
} files[] = {
    {"a good one", HEAD, SUBJECT("normal", "0", "", "1", "2", GOOD_WINDOW),
     NULL},
    {"the least of a subject", HEAD,
     SUBJECT("watched", "0", "AA==", "1", "1", ""), NULL},
    {"another file", "{\"format\":\"x\",\"version\":1}\n", "",
     "line 1: not a file that mortsafe exported"},
    {"no JSON", "mode = observe\n", "", "line 1: no JSON"},
    {"a list", "[1]\n", "", "line 1: not a file that mortsafe exported"},
    {"a newer version", "{\"format\":\"mortsafe-export\",\"version\":2}\n", "",
     "line 1: exported by a newer mortsafe, in version 2; this one reads 1"},
    {"no version", "{\"format\":\"mortsafe-export\"}\n", "",
     "line 1: not a file that mortsafe exported"},
    {"an empty line", HEAD, "\n", "line 2: no JSON"},
    {"a second head", HEAD, HEAD, "line 2: not a subject's line"},
    {"a name twice in a line", HEAD, "{\"kind\":\"user\",\"kind\":\"user\"}\n",
     "line 2: no JSON"},
    {"a field too many", HEAD, "{\"end\":true,\"x\":1}\n",
     "line 2: the last line is damaged"},
    {"no end", HEAD, "{\"end\":false}\n", "line 2: the last line is damaged"},
    {"a standing that is none", HEAD,
     SUBJECT("wary", "0", "", "1", "2", GOOD_WINDOW), "line 2: no such"},
    {"a throttle below 0", HEAD,
     SUBJECT("normal", "-1", "", "1", "2", GOOD_WINDOW), "line 2: no such"},
    {"a throttle of 33 bits", HEAD,
     SUBJECT("normal", "4294967296", "", "1", "2", GOOD_WINDOW),
     "line 2: no such"},
    {"a state that is no base64", HEAD,
     SUBJECT("normal", "0", "A", "1", "2", GOOD_WINDOW),
     "line 2: its state is damaged"},
    {"seen last before the first", HEAD,
     SUBJECT("normal", "0", "", "2", "1", GOOD_WINDOW),
     "line 2: it was last seen before"},
    {"a number with a fraction", HEAD,
     SUBJECT("normal", "0", "", "1.5", "2", GOOD_WINDOW),
     "line 2: not a subject's line"},
    {"a span that is too short", HEAD,
     SUBJECT("normal", "0", "", "1", "2",
             WINDOW("0000000000000001", "11", SLICES ",1")),
     "line 2: a window is damaged"},
    {"a span that is too long", HEAD,
     SUBJECT("normal", "0", "", "1", "2",
             WINDOW("0000000000000001", "31622401", SLICES ",1")),
     "line 2: a window is damaged"},
    {"a slice too few", HEAD,
     SUBJECT("normal", "0", "", "1", "2",
             WINDOW("0000000000000001", "60", SLICES)),
     "line 2: a window is damaged"},
    {"a slice of 33 bits", HEAD,
     SUBJECT("normal", "0", "", "1", "2",
             WINDOW("0000000000000001", "60", SLICES ",4294967296")),
     "line 2: a window is damaged"},
    {"an id of 7 bytes", HEAD,
     SUBJECT("normal", "0", "", "1", "2",
             WINDOW("00000000000001", "60", SLICES ",1")),
     "line 2: a window is damaged"},
    {"an id with other letters", HEAD,
     SUBJECT("normal", "0", "", "1", "2",
             WINDOW("000000000000000g", "60", SLICES ",1")),
     "line 2: a window is damaged"},
};

static void
test_forged(void **state)
{
    char *text = malloc(TEXT_MAX);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < ROWS(files); i++) {
        struct lab *to = lab_create(&lab_kinds[0]);
        const char *body = files[i].body;
        const size_t n = strstr(body, "\"kind\":\"user\",\"name\"") != NULL;
        const size_t len =
            forge(files[i].head, body, n, strstr(body, "\"id\"") != NULL, text);
        struct move_counts counts;

        if (files[i].said != NULL)
            refuse(to, files[i].name, text, len, files[i].said);
        else
            must_import(to, text, len, &counts);
        lab_end(to);
    }
    free(text);
}

/* A line twice, with the sum as it was and with one that fits it. */
static void
test_duplicated(void **state)
{
    static const char one[] = SUBJECT("normal", "0", "", "1", "2", GOOD_WINDOW);
    static const char two[] = SUBJECT("normal", "0", "", "1", "2", GOOD_WINDOW)
        SUBJECT("normal", "0", "", "1", "2", GOOD_WINDOW);
    struct lab *to = lab_create(&lab_kinds[0]);
    char *text = malloc(TEXT_MAX);
    size_t len;

    (void)state;
    assert_non_null(text);
    len = forge(HEAD, two, 1, 1, text);
    refuse(to, "the count", text, len,
           "line 4: the file has 2 subjects and 2 windows, but was written "
           "with 1 and 1");
    len = forge(HEAD, one, 1, 1, text);
    memcpy(text + len, text, len);
    refuse(to, "the whole file", text, 2 * len,
           "line 3: something follows the end");
    free(text);
    lab_end(to);
}

static void
test_long_line(void **state)
{
    struct lab *to = lab_create(&lab_kinds[0]);
    char *text = malloc(TEXT_MAX);

    (void)state;
    assert_non_null(text);
    memset(text, ' ', TEXT_MAX);
    refuse(to, "blanks", text, TEXT_MAX, "line 1: it is too long");
    memset(text, '[', TEXT_MAX);
    text[MOVE_LINE - 2] = '\n';
    refuse(to, "depth", text, TEXT_MAX, "line 1: no JSON");
    memset(text, '\0', TEXT_MAX);
    refuse(to, "zeros", text, 10, "line 1: it is cut short");
    free(text);
    lab_end(to);
}

/* The longest line there can be is not too long. */
static void
test_longest(void **state)
{
    struct store_record *r = calloc(1, sizeof *r), *read = calloc(1, sizeof *r);
    char part[SUBJECT_PART_MAX + 1], *line;
    enum move_line_kind kind;
    struct move_end end;
    size_t len, i;

    (void)state;
    assert_true(r != NULL && read != NULL);
    memset(part, '\\', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    assert_true(subject_make_pair(SUBJECT_USER, part, SUBJECT_SENDER, part,
                                  &r->subject));
    r->state.len = STORE_STATE_MAX;
    r->state.throttle = UINT32_MAX;
    r->first_seen.s = r->last_seen.s = INT64_MAX;
    r->n_windows = STORE_WINDOWS;
    for (i = 0; i < STORE_WINDOWS; i++) {
        struct store_window *w = &r->windows[i];

        w->window = UINT64_MAX - i;
        w->span_s = 31622400;
        w->limit = UINT32_MAX;
        memset(w->slices, 0xff, sizeof w->slices);
    }
    assert_int_equal(move_line_subject(r, &line, &len), MS_OK);
    assert_true(len < MOVE_LINE);
    assert_int_equal(move_line_read(line, len, &kind, read, &end, NULL), MS_OK);
    assert_int_equal(kind, MOVE_LINE_SUBJECT);
    assert_int_equal(read->n_windows, STORE_WINDOWS);
    assert_int_equal(read->windows[31].window, UINT64_MAX - 31);
    assert_int_equal(read->windows[31].slices[12], UINT32_MAX);
    free(line);
    free(r);
    free(read);
}

/* ----- stores that fail */

struct failing {
    struct store store;
    struct store *real;
    unsigned puts; /* until it fails */
    bool forgets;  /* what is put into it */
};

static enum ms_err
failing_get(struct store *store, const struct subject *subject,
            struct store_time now, bool *found, struct store_record *out)
{
    return store_get(((struct failing *)store)->real, subject, now, found, out);
}

static enum ms_err
failing_put(struct store *store, const struct store_record *record,
            struct store_time now)
{
    struct failing *f = (struct failing *)store;

    if (f->puts == 0)
        return MS_UNAVAIL;
    f->puts--;
    return f->forgets ? MS_OK : store_put(f->real, record, now);
}

static enum ms_err
failing_list(struct store *store, enum subject_kind kind, struct store_time now,
             bool (*each)(void *arg, const struct store_record *record),
             void *arg)
{
    (void)store;
    (void)kind;
    (void)now;
    (void)each;
    (void)arg;
    return MS_UNAVAIL;
}

static const struct store_ops failing_ops = {
    .get = failing_get, .put = failing_put, .list = failing_list};

static void
test_failing(void **state)
{
    struct lab *lab = lab_create(&lab_kinds[0]),
               *to = lab_create(&lab_kinds[0]);
    struct failing f = {.store = {&failing_ops}, .real = to->store, .puts = 2};
    struct move_counts counts;
    struct store *store = to->store;
    FILE *out = tmpfile();
    struct why why;
    size_t len;
    char *text;

    (void)state;
    fill(lab);
    text = exported(lab, &counts, &len);
    to->store = &f.store;
    assert_int_equal(import(to, text, len, &counts, &why), MS_UNAVAIL);
    assert_string_equal(why.text,
                        "line 4: the store has failed behind 2 subjects: "
                        "import the file again, which replaces them");
    f.puts = 9;
    f.forgets = true;
    assert_int_equal(import(to, text, len, &counts, &why), MS_UNAVAIL);
    assert_string_equal(why.text, "2 subjects are not as they were put, such "
                                  "as user+sender:ann@example.org+"
                                  "bob@example.org");
    assert_int_equal(counts.verified, 2);
    assert_non_null(out);
    assert_int_equal(
        move_export(to->store, clock_of(to), "", out, NULL, &counts, &why),
        MS_UNAVAIL);
    assert_int_equal(fclose(out), 0);
    to->store = store;
    free(text);
    lab_end(lab);
    lab_end(to);
}

/* A disk that is full. */
static void
test_full(void **state)
{
    struct lab *lab = lab_create(&lab_kinds[0]);
    FILE *out = fopen("/dev/full", "w");
    struct move_counts counts;
    struct why why;

    (void)state;
    assert_non_null(out);
    fill(lab);
    assert_int_equal(
        move_export(lab->store, clock_of(lab), "", out, NULL, &counts, &why),
        MS_UNAVAIL);
    assert_non_null(strstr(why.text, "No space left"));
    (void)fclose(out);
    lab_end(lab);
}

/* ----- many */

static void
test_many(void **state)
{
    struct lab *from = lab_create(&lab_kinds[0]),
               *to = lab_create(lab_embedded());
    struct move_counts counts;
    char name[64], *text;
    size_t len, i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        struct subject user;

        (void)snprintf(name, sizeof name, "user:u%zu@example.org", i);
        user = lab_subject(name);
        assert_true(
            lab_take(from, &user, hourly, SPAN_S, 1 + (uint32_t)(i % 50), 100));
        assert_true(lab_take(from, &user, daily, DAY_S, 1, 100));
    }
    text = exported(from, &counts, &len);
    assert_int_equal(counts.subjects, 20000);
    assert_int_equal(counts.windows, 40000);
    must_import(to, text, len, &counts);
    assert_int_equal(counts.subjects, 20000);
    assert_int_equal(counts.windows, 40000);
    assert_int_equal(counts.verified, 20000);
    free(text);
    lab_end(from);
    lab_end(to);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),  cmocka_unit_test(test_empty),
        cmocka_unit_test(test_ages),       cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_edited),     cmocka_unit_test(test_forged),
        cmocka_unit_test(test_duplicated), cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_longest),    cmocka_unit_test(test_failing),
        cmocka_unit_test(test_full),       cmocka_unit_test(test_many),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
