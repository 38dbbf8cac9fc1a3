/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy/option_block.h - the kinds of blocks that there are: apart from
 * policy/option.h, whose `struct option` is also getopt_long()'s.
 */
#ifndef MORTSAFE_POLICY_OPTION_BLOCK_H
#define MORTSAFE_POLICY_OPTION_BLOCK_H

enum option_block {
    BLOCK_TOP, /* outside of any block */
    BLOCK_USERS,
    BLOCK_NETWORK,
    BLOCK_DOMAINS,
    BLOCK_LISTENER,
    BLOCK_OWNERS,
    BLOCK_LIMIT,
    BLOCK_ZOMBIE,
    BLOCK_VERDICT,
    BLOCK_NOTICE,
    BLOCK_RESOLVER,
    BLOCK_SPF,
    BLOCK_DNSBL,
    BLOCK_EXEMPT,
    BLOCK_REPLY,
    BLOCK_STORE,
    BLOCK_PRIVACY,
    BLOCK_API,
    BLOCK_API_GROUP, /* inside of it */
    BLOCK_STATUS,
    BLOCK_LOG,
    BLOCKS
};

#endif
