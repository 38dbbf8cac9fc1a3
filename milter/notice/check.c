/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/check.c - is all there that letters need?  Asked before a
 * configuration is used.
 */
#include <config.h>

#include "milter/notice/notice.h"

#include <stdio.h>

#include "milter/notice/addressee.h"
#include "milter/notice/hook.h"
#include "milter/notice/letter.h"
#include "milter/notice/post.h"
#include "milter/notice/template.h"

enum { TEXT = 5000 };

struct checking {
    void (*line)(void *arg, const char *text);
    void *arg;
    bool good;
};

/* ERR, unless it is MS_OK, is what is wrong with WHAT. */
static void
note(struct checking *c, const char *what, enum ms_err err,
     const struct why *why)
{
    char text[TEXT];

    if (err == MS_OK)
        return;
    (void)snprintf(text, sizeof(text), "%s: %s", what, why->text);
    c->line(c->arg, text);
    c->good = false;
}

static void
check_language(struct checking *c, const struct config *config,
               const char *language)
{
    struct letters *templates = NULL;
    struct why why;
    enum ms_err err;

    err = template_load(config->notice.templates, language, c->line, c->arg,
                        &templates);
    if (err == MS_NOMEM)
        note(c, "notice", why_set(&why, err, "no memory"), &why);
    c->good = c->good && err == MS_OK;
    letters_destroy(templates);
}

static void
check_letters(struct checking *c, const struct config *config)
{
    struct mailbox from;
    struct addressee postmaster;
    struct why why;
    enum ms_err err = letter_mailbox(config->notice.from, &from, &why);

    note(c, "notice: from", err, &why);
    if (err == MS_OK)
        note(c, "notice: postmaster",
             addressee_postmaster(config, &postmaster, &why), &why);
    if (config->notice.smtp != NULL)
        note(c, "notice: smtp", post_check(config->notice.smtp, &why), &why);
    if (config->notice.n_languages == 0)
        check_language(c, config, addressee_language(config));
    for (size_t i = 0; i < config->notice.n_languages; i++)
        check_language(c, config, config->notice.languages[i]);
}

bool
notice_check(const struct config *config,
             void (*line)(void *arg, const char *text), void *arg)
{
    struct checking c = {line, arg, true};
    struct why why;

    if (config->notice.from != NULL)
        check_letters(&c, config);
    if (config->notice.webhook != NULL)
        note(&c, "notice: webhook", hook_check(config->notice.webhook, &why),
             &why);
    return c.good;
}
