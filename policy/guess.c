/* SPDX-License-Identifier: BSD-2-Clause */
/* policy/guess.c - what a word was most likely meant to be. */
#include <config.h>

#include "policy/guess.h"

#include <stdio.h>
#include <string.h>

/* Levenshtein's distance; both are shorter than GUESS_WORD. */
static size_t
distance(const char *a, const char *b)
{
    size_t row[GUESS_WORD + 1], i, j, n = strlen(b);

    for (j = 0; j <= n; j++)
        row[j] = j;
    for (i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (j = 0; j < n; j++) {
            size_t best = diagonal + (a[i] != b[j]);

            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j + 1] + 1 < best)
                best = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[n];
}

void
guess_start(struct guess *guess, const char *word)
{
    size_t third = strlen(word) / 3 + 1;

    *guess = (struct guess){word, "", third < 3 ? third : 3};
}

void
guess_try(struct guess *guess, const char *candidate)
{
    size_t here;

    if (strlen(guess->word) >= GUESS_WORD || strlen(candidate) >= GUESS_WORD)
        return;
    here = distance(guess->word, candidate);
    if (here > guess->distance ||
        (here == guess->distance && guess->best[0] != '\0'))
        return;
    memcpy(guess->best, candidate, strlen(candidate) + 1);
    guess->distance = here;
}

char *
guess_print(const struct guess *guess, char buf[GUESS_TEXT])
{
    buf[0] = '\0';
    if (guess->best[0] != '\0')
        snprintf(buf, GUESS_TEXT, "; did you mean `%s`?", guess->best);
    return buf;
}
