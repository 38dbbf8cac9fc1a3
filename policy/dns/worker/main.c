/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "policy/dns/spf.h"

int main(void) { return 1; }
