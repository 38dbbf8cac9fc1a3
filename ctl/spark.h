/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/spark.h - small pictures of numbers in a line of text, of UTF-8 blocks
 * or of ASCII.
 */
#ifndef MORTSAFE_CTL_SPARK_H
#define MORTSAFE_CTL_SPARK_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* A bar of WIDTH columns for SHARE; what is over 1 is full. */
void spark_bar(FILE *to, double share, unsigned width, bool utf8);

/* A column for each number of the list VALUES, the largest being full; what
 * is not 0 can be seen. */
void spark_line(FILE *to, const json_t *values, bool utf8);

#endif
