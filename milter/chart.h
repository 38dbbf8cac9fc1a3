/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MORTSAFE_MILTER_CHART_H
#define MORTSAFE_MILTER_CHART_H

#endif
