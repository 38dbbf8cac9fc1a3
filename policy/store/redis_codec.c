/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/store/redis_codec.h"
