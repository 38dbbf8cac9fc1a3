/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives each file of the folder named to the target, and some variations of
 * it: every cut and a flipped bit here and there, from a fixed seed.  TAP.
 */
#include <config.h>

#include "test/fuzz/fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 1 << 20, VARIATIONS = 200 };

static void
vary(const uint8_t *seed, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    unsigned random = 1;

    must(copy != NULL);
    for (int i = 0; i < VARIATIONS && size > 0; i++) {
        size_t cut = (size_t)rand_r(&random) % (size + 1);

        memcpy(copy, seed, size);
        for (int flips = rand_r(&random) % 4; flips > 0; flips--)
            copy[(size_t)rand_r(&random) % size] ^=
                (uint8_t)(1 << rand_r(&random) % 8);
        (void)LLVMFuzzerTestOneInput(copy, cut);
        (void)LLVMFuzzerTestOneInput(copy, size);
    }
    free(copy);
}

static void
play(const char *path)
{
    uint8_t *seed = malloc(MOST);
    FILE *in = fopen(path, "r");
    size_t size;

    must(seed != NULL && in != NULL);
    size = fread(seed, 1, MOST, in);
    fclose(in);
    (void)LLVMFuzzerTestOneInput(seed, size);
    vary(seed, size);
    free(seed);
}

int
main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir");
    const char *name = strrchr(argv[0], '/');
    char dir[PATH_MAX], path[PATH_MAX + 300];
    struct dirent *entry;
    unsigned n = 0;
    DIR *d;

    name = strstr(name != NULL ? name : argv[0], "fuzz_");
    (void)snprintf(dir, sizeof(dir), "%s/test/fuzz/seeds/%s",
                   top != NULL ? top : ".", name != NULL ? name + 5 : "");
    d = opendir(argc > 1 ? argv[1] : dir);
    if (d == NULL) {
        printf("1..1\nnot ok 1 - no seeds in %s\n", dir);
        return 1;
    }
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", argc > 1 ? argv[1] : dir,
                       entry->d_name);
        play(path);
        printf("ok %u - %s and variations of it\n", ++n, entry->d_name);
    }
    closedir(d);
    printf("1..%u\n", n);
    return n == 0;
}
