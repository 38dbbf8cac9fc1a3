/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * milter/notice/deliver.h - the outbox is emptied.
 */
#ifndef MORTSAFE_MILTER_NOTICE_DELIVER_H
#define MORTSAFE_MILTER_NOTICE_DELIVER_H

#include "milter/notice/inside.h"

/* Send all that is due, one thread at a time; when the next is (INT64_MAX:
 * nothing waits). */
int64_t notice_deliver(struct notice *notice);

#endif
