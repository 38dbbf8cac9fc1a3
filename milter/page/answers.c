/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four questions of an operator, answered.
 */
#include <config.h>

#include "milter/page/parts.h"

static void
begin_answer(struct markup *m, const char *question, enum page_level level,
             const char *answer, const char *where)
{
    markup_put(m, "<div><dt>%s</dt><dd><a href=\"#%s\">", question, where);
    page_state(m, level, answer);
    markup_raw(m, "</a><p>");
}

static void
end_answer(struct markup *m)
{
    markup_raw(m, "</p></dd></div>");
}

/* "store: it does not answer", of a row of health. */
static void
put_row(struct markup *m, const json_t *row)
{
    const char *text = page_string(row, "text");

    markup_put(m, "%s: ", page_string(row, "name"));
    markup_text(m, text != NULL ? text : "no words for it", 160);
}

static void
answer_working(struct page *p, const struct page_home *f,
               const struct page_verdict *v)
{
    static const char *const words[] = {"Yes", "Yes", "Yes, but look", "No"};
    const char *question = "Is it working?";
    struct markup *m = &p->m;

    if (!v->known) {
        begin_answer(m, question, PAGE_BAD, "Cannot tell", "health");
        markup_raw(m, "The daemon does not say how it is.");
        end_answer(m);
        return;
    }
    begin_answer(m, question, v->working, words[v->working], "health");
    if (v->worst != NULL)
        put_row(m, v->worst);
    else
        markup_put(m, "%s",
                   page_string(page_health_row(f->status, "mta"), "text"));
    end_answer(m);
}

/* "1 is quarantined, 2 are throttled." */
static void
put_zombies(struct markup *m, const struct page_verdict *v)
{
    if (v->quarantined > 0) {
        page_number(m, v->quarantined);
        markup_raw(m, v->quarantined == 1 ? " is quarantined"
                                          : " are quarantined");
    }
    if (v->throttled > 0) {
        markup_raw(m, v->quarantined > 0 ? ", " : "");
        page_number(m, v->throttled);
        markup_raw(m, v->throttled == 1 ? " is throttled" : " are throttled");
    }
    markup_raw(m, v->enforced > 0 ? "." : ", if this were enforced.");
}

static void
answer_abuse(struct page *p, const struct page_verdict *v)
{
    const char *question = "Is anyone abusing us now?";
    uint64_t full = v->full_users + v->full_clients + v->full_others;
    struct markup *m = &p->m;

    if (v->quarantined + v->throttled > 0) {
        begin_answer(m, question, v->enforced > 0 ? PAGE_WARN : PAGE_NOTE,
                     v->enforced > 0 ? "Yes, and held back" : "It seems so",
                     "zombies");
        put_zombies(m, v);
    } else if (!v->near_known) {
        begin_answer(m, question, PAGE_WARN, "Cannot tell", "near");
        markup_raw(m, "The counts are not to be had.");
    } else if (full > 0) {
        begin_answer(m, question, PAGE_WARN, "Perhaps", "near");
        page_number(m, full);
        markup_raw(m, full == 1 ? " has used up a limit"
                                : " have used up a limit");
        if (v->close > 0) {
            markup_raw(m, ", ");
            page_number(m, v->close);
            markup_raw(m, v->close == 1 ? " comes close" : " come close");
        }
        markup_raw(m, ".");
    } else if (v->close > 0) {
        begin_answer(m, question, PAGE_NOTE, "Not yet", "near");
        page_number(m, v->close);
        markup_raw(m, v->close == 1 ? " comes close to a limit."
                                    : " come close to a limit.");
    } else {
        begin_answer(m, question, PAGE_OK, "No", "near");
        markup_raw(m, "Nobody is near a limit.");
    }
    end_answer(m);
}

static void
put_would(struct markup *m, const struct page_verdict *v)
{
    page_plural(m, v->would, "subject", "subjects");
    markup_raw(m, " would have been stopped.");
}

static void
answer_wrongly(struct page *p, const struct page_verdict *v)
{
    const char *question = "Is anyone wrongly stopped?";
    struct markup *m = &p->m;

    if (v->faults > 0) {
        begin_answer(m, question, PAGE_BAD, "Yes", "decisions");
        page_plural(m, v->faults, "decision", "decisions");
        markup_raw(m, " lately for faults of our own.");
    } else if (!v->decisions_known || !v->would_known) {
        begin_answer(m, question, PAGE_WARN, "Cannot tell", "decisions");
        markup_raw(m, "The diary of decisions is not to be had.");
    } else if (v->stopped > 0) {
        begin_answer(m, question, PAGE_NOTE, "Look at them", "decisions");
        page_plural(m, v->stopped, "subject was", "subjects were");
        markup_raw(m, " stopped lately.");
        if (v->would > 0) {
            markup_raw(m, " ");
            put_would(m, v);
        }
    } else if (v->would > 0) {
        begin_answer(m, question, PAGE_OK, "No", "would");
        put_would(m, v);
    } else {
        begin_answer(m, question, PAGE_OK, "No", "decisions");
        markup_raw(m, "Nobody was stopped.");
    }
    end_answer(m);
}

static void
put_waiting(struct markup *m, const json_t *status)
{
    uint64_t running = page_count(status, "callbacks.running");
    uint64_t queued = page_count(status, "diary.queued");

    if (running == 0 && queued == 0) {
        markup_raw(m, "Nothing waits.");
        return;
    }
    page_plural(m, running, "question is", "questions are");
    markup_raw(m, " being answered");
    if (queued > 0) {
        markup_raw(m, ", ");
        page_plural(m, queued, "decision", "decisions");
        markup_raw(m, " being written down");
    }
    markup_raw(m, ".");
}

static void
answer_stuck(struct page *p, const struct page_home *f,
             const struct page_verdict *v)
{
    const char *question = "Is anything stuck?";
    struct markup *m = &p->m;

    if (!v->known) {
        begin_answer(m, question, PAGE_BAD, "Cannot tell", "health");
        markup_raw(m, "The daemon does not say how it is.");
    } else if (v->stuck != NULL) {
        begin_answer(m, question, v->stuck_level,
                     v->stuck_level == PAGE_BAD ? "Yes" : "Perhaps", "health");
        put_row(m, v->stuck);
    } else {
        begin_answer(m, question, PAGE_OK, "No", "health");
        put_waiting(m, f->status);
    }
    end_answer(m);
}

void
page_answers(struct page *p, const struct page_home *f,
             const struct page_verdict *v)
{
    markup_raw(&p->m, "<dl class=\"answers\">");
    answer_working(p, f, v);
    answer_abuse(p, v);
    answer_wrongly(p, v);
    answer_stuck(p, f, v);
    markup_raw(&p->m, "</dl>\n");
}
