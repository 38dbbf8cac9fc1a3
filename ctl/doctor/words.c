/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/doctor/words.h"

#include <string.h>
#include <strings.h>

static const char gaps[] = ", \t\r\n";

/* The N bytes at TEXT, without blanks around them, as far as they fit. */
static void
take(char out[WORDS_TEXT], const char *text, size_t n)
{
    size_t skip = strspn(text, " \t");

    skip = skip < n ? skip : n;
    text += skip;
    n -= skip;
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    n = n < WORDS_TEXT ? n : WORDS_TEXT - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

/* How long what stands in braces at TEXT is, both included; without its end,
 * all that is left. */
static size_t
braced(const char *text)
{
    size_t depth = 0, n = 0;

    for (; text[n] != '\0'; n++) {
        if (text[n] == '{')
            depth++;
        else if (text[n] == '}' && --depth == 0)
            return n + 1;
    }
    return n;
}

bool
words_next(const char **at, char out[WORDS_TEXT])
{
    const char *text = *at + strspn(*at, gaps);
    size_t n;

    if (*text == '\0') {
        *at = text;
        return false;
    }
    if (*text == '{') {
        n = braced(text);
        take(out, text + 1, n - (text[n - 1] == '}' && n > 1 ? 2 : 1));
    } else {
        n = strcspn(text, gaps);
        take(out, text, n);
    }
    *at = text + n;
    return true;
}

bool
words_has(const char *text, const char *word)
{
    char one[WORDS_TEXT];

    while (words_next(&text, one)) {
        if (strcasecmp(one, word) == 0)
            return true;
    }
    return false;
}

bool
words_value(const char *text, const char *name, char out[WORDS_TEXT])
{
    size_t len = strlen(name);

    while (*text != '\0') {
        size_t n;

        text += strspn(text, gaps);
        n = strcspn(text, ",");
        if (n > len && strncasecmp(text, name, len) == 0) {
            size_t blanks = strspn(text + len, " \t");

            if (text[len + blanks] == '=') {
                take(out, text + len + blanks + 1, n - len - blanks - 1);
                return true;
            }
        }
        text += n;
    }
    return false;
}
