/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/config_build.h"

int config_dns_stub;
