/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MORTSAFE_MILTER_API_ROUTES_H
#define MORTSAFE_MILTER_API_ROUTES_H

#endif
