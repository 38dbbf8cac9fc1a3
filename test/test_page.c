/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages: what they say of given answers.  How they look, and what a
 * browser makes of them, is test_browser.py's affair.
 */
#include <config.h>

#include "milter/page/page.h"
#include "milter/page/parts.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "test/unit.h"

#define NOW INT64_C(1795357072) /* 2026-11-22 14:17:52 UTC */

/* JSON of TEXT, in which ' stands for ". */
static json_t *
json_of(const char *row, const char *text)
{
    char *copy;
    json_error_t error;
    json_t *json;

    if (text == NULL)
        return NULL;
    copy = strdup(text);
    assert_non_null(copy);
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    json = json_loads(copy, 0, &error);
    if (json == NULL)
        fail_msg("%s: %s in %s", row, error.text, copy);
    free(copy);
    return json;
}

/* PAGE has all of WANT, and none that begin with "!". */
static void
has(const char *row, char *page, const char *const *want)
{
    assert_non_null(page);
    for (; *want != NULL; want++)
        if ((**want == '!') == (strstr(page, *want + (**want == '!')) != NULL))
            fail_msg("%s: %s", row, *want);
    free(page);
}

/* The hash by which a browser knows our style; whoever changes the one must
 * change the other. */
static void
test_policy(void **state)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char base64[64], want[80] = "'sha256-";

    (void)state;
    assert_true(sodium_init() >= 0);
    crypto_hash_sha256(hash, (const unsigned char *)page_style,
                       strlen(page_style));
    sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash),
                      sodium_base64_VARIANT_ORIGINAL);
    memcpy(want + 8, base64, strlen(base64) + 1);
    if (strstr(page_policy(), want) == NULL)
        fail_msg("the style's hash is %s'", want);
    assert_non_null(strstr(page_policy(), "default-src 'none'"));
    /* it stands in the page as it is */
    assert_null(strstr(page_style, "</"));
}

#define OK_HEALTH                                                              \
    "'health':[{'name':'mta','state':'ok','text':'asked 2 s ago'},"            \
    "{'name':'store','state':'ok','text':'it answers'}]"
#define ROW(id, share)                                                         \
    "{'id':'" id "','kind':'user','limit':'user','metric':'external',"         \
    "'used':300,'rate':{'n':300,'span_s':3600,'text':'300/1h'},'share':" share \
    ",'standing':'normal','last_seen':'2026-11-22T14:17:40Z'}"
#define DECISION(subject, deed, more)                                          \
    "{'time':'2026-11-22T14:17:00Z','deed':'" deed "','action':'defer',"       \
    "'rule':'limit.user','subject':'" subject                                  \
    "','metric':'external','used':301,'rate':{'n':300,'span_s':3600,"          \
    "'text':'300/1h'},'retry_s':720,'ref':'02K3F9QX'" more "}"

static void
test_home(void **state)
{
    static const struct {
        const char *row, *status, *near, *decisions, *would;
        const char *want[8];
    } rows[] = {
        {"nothing is to be had, and this is told",
         NULL,
         NULL,
         NULL,
         NULL,
         {"<title>mortsafe: state unknown</title>", "Its state is unknown.",
          "Cannot tell", "The daemon does not say how it is",
          "There is no history to show", "!mortsafe: working"}},
        {"all is well, and nobody came",
         "{'mode':'enforce'," OK_HEALTH "}",
         "{'subjects':[]}",
         "{'decisions':[]}",
         "{'rows':[]}",
         {"<title>mortsafe: working</title>", "Enforcing.",
          "Nobody has used up a limit.", "Nobody is near a limit.",
          "Nobody was stopped.", "Nothing waits.", "!Cannot tell"}},
        {"observing is told first",
         "{'mode':'observe'," OK_HEALTH "}",
         "{'subjects':[]}",
         "{'decisions':[]}",
         "{'rows':[{'rule':'limit.user','subject':'user:a','action':'defer',"
         "'n':3,'first':null,'last':'2026-11-22T14:17:40Z'}]}",
         {"Observing only: nothing is refused.",
          "1 subject would have been stopped.", "mortsafectl would",
          "Would have been stopped"}},
        {"who has used up a limit stands on top, and once",
         "{'mode':'enforce'," OK_HEALTH "}",
         "{'subjects':[" ROW("user:ann", "1.0") "," ROW(
             "user:ann",
             "1.2") "," ROW("user:bob",
                            "1.003") "," ROW("user:cy",
                                             "0.8") "," ROW("user:dee",
                                                            "0.49") "]"
                                                                    "}",
         NULL,
         NULL,
         {"2 users have used up a limit.",
          "2 have used up a limit, 1 comes "
          "close.",
          "href=\"subjects/user:cy\"", "!user:dee", "Perhaps", "100 %"}},
        {"a warning is told with its words",
         "{'mode':'enforce','health':[{'name':'mta','state':'warning','text':"
         "'no session for 25 minutes'}]}",
         NULL,
         NULL,
         NULL,
         {"mortsafe: working, with a warning", "mta: no session for 25 minutes",
          "smtpd_milters", "silent"}},
        {"an error is trouble",
         "{'mode':'enforce','health':[{'name':'store','state':'error','text':"
         "'away'},{'name':'mta','state':'warning','text':'x'}]}",
         NULL,
         NULL,
         NULL,
         {"mortsafe: in trouble", "store: away", "In trouble."}},
        {"a state that nobody knows is no good one",
         "{'health':[{'name':'store','state':7,'text':null}]}",
         NULL,
         NULL,
         NULL,
         {"mortsafe: in trouble", "no words for it"}},
        {"decisions about the same are one line",
         "{'mode':'enforce'," OK_HEALTH "}",
         NULL,
         "{'decisions':[" DECISION("user:ann", "done", "") "," DECISION(
             "user:bob", "done",
             "") "," DECISION("user:ann", "done",
                              "") "," DECISION("user:ann", "would", "") "]}",
         "{'rows':[]}",
         {"2 subjects were stopped lately.", "2 <small>since <time>14:17:00",
          "Would defer", "Deferred", "in 11 min", "02K3F9QX"}},
        {"our own faults are owned up to",
         "{'mode':'enforce'," OK_HEALTH "}",
         NULL,
         "{'decisions':[" DECISION("user:ann", "done", ",'error':'store'") "]}",
         "{'rows':[]}",
         {"1 decision lately for faults of our own.", "our own fault: store"}},
        {"answers of wrong types are no answers",
         "{'mode':7,'health':{},'store':[],'sessions':3,'config':'x',"
         "'fleet':'x','mode_act':[1],'started':5}",
         "{'subjects':{'a':1}}",
         "{'decisions':'x'}",
         "{'rows':[1,null,'x']}",
         {"mortsafe: working", "The daemon does not say how it is: ask"}},
        {"a fleet's host that differs is marked",
         "{'mode':'enforce'," OK_HEALTH
         ",'fleet':{'degraded':true,'degraded_since':'2026-11-22T14:00:00Z',"
         "'foreign_key':true,'nodes':[{'name':'r1','up':false,'trouble':"
         "'gone'}],'members':[{'name':'mx1','version':'1','config':'a',"
         "'mode':'enforce','self':true,'seen_s':1},{'name':'mx2','version':'1'"
         ",'config':'b','mode':'enforce','self':false,'seen_s':90}]}}",
         NULL,
         NULL,
         NULL,
         {"Degraded", "14:00:00", "Foreign key", "this host",
          "b</bdi> <span class=\"tag\">differs</span>",
          "!a</bdi> <span class=\"tag\">differs</span>", "gone"}},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *status = json_of(rows[i].row, rows[i].status);
        json_t *near = json_of(rows[i].row, rows[i].near);
        json_t *decisions = json_of(rows[i].row, rows[i].decisions);
        json_t *would = json_of(rows[i].row, rows[i].would);
        size_t len;

        has(rows[i].row,
            page_home(&(struct page_home){.status = status,
                                          .near = near,
                                          .decisions = decisions,
                                          .would = would,
                                          .now_s = NOW},
                      &len),
            rows[i].want);
        json_decref(status);
        json_decref(near);
        json_decref(decisions);
        json_decref(would);
    }
}

#define STANDER(subject, standing, more)                                       \
    "{'subject':'" subject "','standing':'" standing                           \
    "','since':'2026-11-22T12:17:52Z','cause':'evidence','reason':'score 62: " \
    "<b>','held':41,'observed':false" more "}"

/* Who is quarantined or throttled, and what keeps the detector from it. */
static void
test_zombies(void **state)
{
    static const struct {
        const char *row, *zombies, *held;
        const char *want[10];
    } rows[] = {
        {"nothing is to be had",
         NULL,
         NULL,
         {"Standings are not to be had", "!more, ", "!alarm\"><"}},
        {"nobody stands so",
         "{'standings':[],'counts':{'quarantined':0,'throttled':0,'watched':7,"
         "'probation':1}}",
         "{'held':[],'here':0,'oldest':null}",
         {"Nobody is quarantined or throttled.", "7 watched and 1 on probation",
          "no message", "!is not believed", "!Too many at once"}},
        {"who stands so is told with why, since when, and what is held",
         "{'standings':[" STANDER("user:ann", "quarantined", "") "," STANDER(
             "user:bob", "throttled",
             ",'note':'x'") "],'counts':{'quarantined':1,'throttled':3,"
                            "'watched':0,'probation':0}}",
         "{'held':[],'here':41,'oldest':'2026-11-22T12:17:52Z'}",
         {"href=\"subjects/user:ann\"", "Quarantined</span>",
          "Throttled</span>", "score 62: &lt;b&gt;", "2 h<",
          "class=\"n\" data-l=\"held\">41", "the oldest for 2 h",
          "1 is quarantined, 3 are throttled.", "2 more, "}},
        {"who was only observed would be",
         "{'standings':[{'subject':'user:ann','standing':'quarantined',"
         "'observed':true}],'counts':{'quarantined':1}}",
         NULL,
         {"Would be quarantined", "if this were enforced", "It seems so"}},
        {"an operator's word is told with his name",
         "{'standings':[{'subject':'user:ann','standing':'quarantined',"
         "'cause':'operator','by':'eve (uid 7)','note':'ticket <4711>',"
         "'reason':''}],'counts':{'quarantined':1}}",
         NULL,
         {"by an operator, <bdi>eve (uid 7)</bdi>", "ticket &lt;4711&gt;"}},
        {"what is wrong with many stands on top",
         "{'standings':[],'counts':{},'braking':true,'frozen':true}",
         NULL,
         {"A filter is not believed.", "Too many at once."}},
        {"answers of wrong types are no answers",
         "{'standings':'x','counts':[1],'braking':1,'frozen':'yes'}",
         "{'here':'x','oldest':7}",
         {"Nobody is quarantined", "!is not believed", "!Too many at"}},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *zombies = json_of(rows[i].row, rows[i].zombies);
        json_t *held = json_of(rows[i].row, rows[i].held);
        size_t len;

        has(rows[i].row,
            page_home(&(struct page_home){.zombies = zombies,
                                          .held = held,
                                          .now_s = NOW},
                      &len),
            rows[i].want);
        json_decref(zombies);
        json_decref(held);
    }
}

#define ZOMBIE(standing, mode)                                                 \
    "'zombie':{'standing':'" standing                                          \
    "','rule':'zombie.account','mode':'" mode                                  \
    "','class':'person','since':'2026-11-22T12:17:52Z','until':null,"          \
    "'cause':'evidence','observed':false,'score':68.1,'rate':100,"             \
    "'families':[{'family':'content','decibels':38.04,'text':'12 of 20'}],"    \
    "'usual':{'hour':24,'day':100,'new':20,'networks':1,'senders':1},"         \
    "'now':{'hour':311,'day':340,'new':290,'networks':7,'senders':1,'spam':"   \
    "12,'judged':20,'unknown':1,'complaints':0},'quarantines':2,"              \
    "'newer':false}"

static void
test_standing(void **state)
{
    static const struct {
        const char *row, *subject;
        const char *want[10];
    } rows[] = {
        {"who was never judged has no word about it",
         "{'id':'user:ann','standing':'normal','zombie':null,'changes':[],"
         "'held':[],'notices':[]}",
         {"!Is it a zombie?", "!Changes of its standing", "!that is held",
          "!Who was told", "!mortsafectl quarantine"}},
        {"evidence is told line by line, beside what is usual",
         "{'id':'user:ann','standing':'quarantined'," ZOMBIE("quarantined",
                                                             "enforce") "}",
         {"Quarantined</span>, for what stands below",
          "<b>38.0 dB</b> 12 of 20", "score now <b>68.1</b> dB",
          "quarantined 2 times", "<b class=\"near\">311</b>",
          "<b class=\"fine\">1</b>",
          "flagged 12 of 20 messages; 1 recipient was unknown; 0 complaints",
          "let through: 100 recipients an hour",
          "mortsafectl release user:ann"}},
        {"who is only observed is not stopped",
         "{'id':'user:ann','standing':'throttled'," ZOMBIE("throttled",
                                                           "observe") "}",
         {"Would be throttled", ">observes</span>", "!Let it go again",
          "mortsafectl quarantine user:ann"}},
        {"changes, held mail and letters are listed",
         "{'id':'user:ann','standing':'normal','changes':[{'at':"
         "'2026-11-22T12:17:52Z','from':'throttled','to':'quarantined',"
         "'cause':'evidence','by':'','note':'','families':[{'family':'bulk',"
         "'decibels':24.1,'text':'<b>'}],'ids':['4XkA']}],'held':[{'at':"
         "'2026-11-22T12:17:52Z','host':'mx1','id':'4XkB','from':'','"
         "recipients':3,'command':{'deliver':'postsuper -H 4XkB'}}],"
         "'notices':[{'at':'2026-11-22T12:17:52Z','kind':'quarantined','to':"
         "'a@b.test','result':'failed','error':'no answer','webhook':false},"
         "{'kind':'x','result':'sent','webhook':true}]}",
         {"was throttled", "24.1 dB</b> &lt;b&gt;", "<code>4XkA</code>",
          "postsuper -H 4XkB", "&lt;&gt;", "Failed</span> <small>no answer",
          "the webhook", "for what it sent"}},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *subject = json_of(rows[i].row, rows[i].subject);
        size_t len;

        has(rows[i].row, page_subject(subject, NOW, false, &len), rows[i].want);
        json_decref(subject);
    }
}

/* HISTORY of N minutes that began at START, one recipient each. */
static json_t *
history_of(const char *start, size_t n)
{
    json_t *accepted = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(accepted, json_integer(1));
    return json_pack("{s:s, s:s, s:i, s:{s:o, s:[i]}}", "range", "24h", "start",
                     start, "step_s", 60, "outcomes", "accepted", accepted,
                     "deferred", 5);
}

static void
test_history(void **state)
{
    static const struct {
        const char *row, *start;
        size_t n;
        const char *want[4];
    } rows[] = {
        {"a whole day",
         "2026-11-21T14:18:00Z",
         1440,
         {"accepted <b>1,440</b>", "deferred <b>5</b>", "1 a minute"}},
        {"a day that has just begun",
         "2026-11-22T14:17:00Z",
         1,
         {"accepted <b>1</b>", "<title>14:00: 1 accepted"}},
        {"no minute", "2026-11-22T14:17:00Z", 0, {"no history to show"}},
        {"more than a day",
         "2026-11-21T14:18:00Z",
         1441,
         {"no history to show"}},
        {"a start that is none", "yesterday", 1440, {"no history to show"}},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *history = history_of(rows[i].start, rows[i].n);
        size_t len;

        has(rows[i].row,
            page_home(&(struct page_home){.history = history, .now_s = NOW},
                      &len),
            rows[i].want);
        json_decref(history);
    }
}

static void
test_refresh(void **state)
{
    static const char *const moving[] = {"href=\"?refresh=no\"",
                                         "refreshes every 30 s", NULL};
    static const char *const still[] = {"href=\"?\"", "stands still",
                                        "!refreshes every", NULL};
    static const char *const hidden[] = {"Names are pseudonyms here", NULL};
    struct page_home facts = {.now_s = NOW};
    size_t len;

    (void)state;
    has("it refreshes", page_home(&facts, &len), moving);
    facts.still = true;
    has("unless it is asked not to", page_home(&facts, &len), still);
    facts.pseudonyms = true;
    has("pseudonyms are explained", page_home(&facts, &len), hidden);
}

#define LIMIT(name, mode, share, room)                                         \
    "{'limit':'" name "','metric':'external','mode':'" mode                    \
    "','origin':'built in','rate':{'n':300,'span_s':3600,'text':'300/1h'},"    \
    "'by':'configuration','used':300,'share':" share ",'room_s':" room         \
    ",'span_s':3600,'slice_s':300,'slices':[0,0,0,0,0,0,0,0,0,0,0,0,300]}"
#define SUBJECT(id, limits, more)                                              \
    "{'id':'" id "','kind':'user','key':'ann','standing':'normal',"            \
    "'first_seen':null,'last_seen':'2026-11-22T14:17:40Z','limits':[" limits   \
    "]" more "}"

static void
test_subject(void **state)
{
    static const struct {
        const char *row, *subject;
        bool pseudonyms;
        const char *want[7];
    } rows[] = {
        {"nothing is known",
         "{}",
         false,
         {"No limit counts it.", "None is known.",
          "has not seen it in the last 30 days"}},
        {"it is let through",
         SUBJECT("user:ann", LIMIT("user", "enforce", "0.5", "0"), ""),
         false,
         {"Let through.",
          "<b>limit user</b>: 300 external recipients, of "
          "300/1h",
          "50 %", "mortsafectl reset user:ann user</code>"}},
        {"it is stopped, and when there is room again",
         SUBJECT("user:ann", LIMIT("user", "enforce", "1.0", "720"), ""),
         false,
         {"Stopped</span> by", "Room returns in 12 min, at 14:29 UTC."}},
        {"waiting does not help",
         SUBJECT("user:ann", LIMIT("user", "enforce", "1.0", "null"), ""),
         false,
         {"Waiting does not help.", "not by waiting"}},
        {"a limit that observes stops nobody",
         SUBJECT("user:ann",
                 LIMIT("a", "observe", "3.0", "720") "," LIMIT("b", "enforce",
                                                               "0.2", "0"),
                 ""),
         false,
         {"Would be stopped, if this were enforced,", "limit a", "observes",
          "!Stopped</span>"}},
        {"what stops it is named before what is fuller and observes",
         SUBJECT("user:ann",
                 LIMIT("a", "observe", "3.0", "720") "," LIMIT("b", "enforce",
                                                               "1.0", "60"),
                 ""),
         false,
         {"Stopped</span> by <b>limit b</b>", "in 1 min, at 14:18 UTC"}},
        {"who is exempt is not stopped",
         SUBJECT("user:ann", LIMIT("user", "enforce", "1.0", "720"),
                 ",'exemptions':[{'kind':'exempt','limit':null,'until':null,"
                 "'by':'bob (uid 7)','note':'n'}]"),
         false,
         {"it is exempt", "Exempt from all limits", "for ever", "bob (uid 7)",
          "!Stopped</span>"}},
        {"an exemption from something else changes nothing",
         SUBJECT("user:ann", LIMIT("user", "enforce", "1.0", "720"),
                 ",'exemptions':[{'name':'x','limits':['other']}]"),
         false,
         {"Stopped</span> by", "Exempt from limits other"}},
        {"what was raised is told",
         SUBJECT("user:ann", LIMIT("user", "enforce", "0.1", "0"),
                 ",'acts':[{'kind':'raise','limit':'user','rates':'2000/1d',"
                 "'until':'2027-01-01T00:00:00Z','by':'bob','note':''}]"),
         false,
         {"Raised: limit user to 2000/1d", "1 Jan 00:00"}},
        {"commands can be pasted, whatever the name",
         SUBJECT("user:$(x);y", LIMIT("user", "enforce", "1.0", "1"), ""),
         false,
         {"mortsafectl show &#39;user:$(x);y&#39;</code>", "!show user:$(x)"}},
        {"a name that cannot be typed makes no command",
         SUBJECT("user:\\u202ea", LIMIT("user", "enforce", "1.0", "1"), ""),
         false,
         {"holds what cannot be typed", "\\u{202E}a", "!mortsafectl reset"}},
        {"nor does a pseudonym",
         SUBJECT("user:~K7Q2M9XD", LIMIT("user", "enforce", "1.0", "1"),
                 ",'decisions':[" DECISION("user:~K7Q2M9XD", "done", "") "]"),
         true,
         {"Its name is not shown here.", "mortsafectl why 02K3F9QX",
          "!mortsafectl reset"}},
        {"decisions are told in words",
         SUBJECT("user:ann", "",
                 ",'decisions':[" DECISION(
                     "user:ann", "done",
                     ",'from':'','to':'b@x','nrcpt':3,'code':450,'enhanced':"
                     "'4.7.1','text':'too <many>'") "]"),
         false,
         {"Deferred", "from &lt;&gt; to <bdi>b@x</bdi> and 2 more",
          "Told: \xe2\x80\x9c"
          "450 4.7.1 too &lt;many&gt;\xe2\x80\x9d"}},
        {"answers of wrong types are no answers",
         "{'id':5,'limits':[1,null,{'slices':[null,'x'],'slice_s':-1}],"
         "'decisions':[0],'pictures':{'hours':{'counts':[]},'days':7},"
         "'also':[3],'exemptions':[{'limits':[1]}],'acts':'x'}",
         false,
         {"What it has sent"}},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        json_t *subject = json_of(rows[i].row, rows[i].subject);
        size_t len;

        has(rows[i].row, page_subject(subject, NOW, rows[i].pseudonyms, &len),
            rows[i].want);
        json_decref(subject);
    }
}

static void
test_problem(void **state)
{
    static const char *const want[] = {"<title>Unknown subject</title>",
                                       "nothing is known of &lt;b&gt;",
                                       "HTTP status 404", "href=\"/\"", NULL};
    static const char *const least[] = {"HTTP status 500", NULL};
    size_t len;

    (void)state;
    has("a problem",
        page_problem(404, "Unknown subject", "nothing is known of <b>", &len),
        want);
    has("of few words", page_problem(500, "", NULL, &len), least);
}

static void
test_numbers(void **state)
{
    static const struct {
        uint64_t n;
        const char *number, *bytes, *span;
    } rows[] = {
        {0, "0", "0 B", "0 s"},
        {59, "59", "59 B", "59 s"},
        {60, "60", "60 B", "1 min"},
        {999, "999", "999 B", "16 min"},
        {1000, "1,000", "1.0 kB", "16 min"},
        {3600, "3,600", "3.6 kB", "1 h"},
        {7500, "7,500", "7.5 kB", "2 h 5 min"},
        {172800, "172,800", "172.8 kB", "2 d"},
        {1234567, "1,234,567", "1.2 MB", "14 d"},
        {UINT64_MAX, "18,446,744,073,709,551,615", "18,446.7 PB",
         "213503982334601 d"},
    };
    struct markup m = MARKUP_EMPTY;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text;

        page_number(&m, rows[i].n);
        markup_raw(&m, "|");
        page_amount(&m, "bytes", rows[i].n);
        markup_raw(&m, "|");
        page_amount(&m, "messages", rows[i].n);
        markup_raw(&m, "|");
        page_span(&m, rows[i].n);
        text = markup_end(&m, NULL);
        assert_non_null(text);
        assert_memory_equal(text, rows[i].number, strlen(rows[i].number));
        expect(rows[i].number, strstr(text, rows[i].bytes) != NULL);
        expect(rows[i].number,
               strcmp(strrchr(text, '|') + 1, rows[i].span) == 0);
        free(text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy),  cmocka_unit_test(test_home),
        cmocka_unit_test(test_zombies), cmocka_unit_test(test_standing),
        cmocka_unit_test(test_history), cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_subject), cmocka_unit_test(test_problem),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
