/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl/load.h - a configuration file for commands that ask no daemon.
 */
#ifndef MORTSAFE_CTL_LOAD_H
#define MORTSAFE_CTL_LOAD_H

#include "ctl/out.h"
#include "policy/config.h"

/*
 * Load PATH into *CONFIG, which config_destroy() ends; its warnings are passed
 * over, for `check` tells them.  CTL_OK, EX_NOINPUT, EX_CONFIG or EX_OSERR,
 * having complained.
 */
int load_config(const struct out *out, const char *path,
                struct config **config);

#endif
