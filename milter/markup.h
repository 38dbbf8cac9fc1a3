/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MORTSAFE_MILTER_MARKUP_H
#define MORTSAFE_MILTER_MARKUP_H

#endif
