#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The manual pages are sound: mandoc has nothing to say about them, and each
# sentence begins a line.
top=${top_srcdir:-$(dirname "$0")/..}

n=0
bad=0
ok() { # ok STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        bad=1
    fi
}

for page in "$top"/man/*.[0-9]; do
    name=$(basename "$page")
    if command -v mandoc >/dev/null; then
        said=$(mandoc -T lint -W warning "$page" 2>&1)
        printf '%s' "$said" | sed 's/^/# /'
        [ -z "$said" ]
        ok $? "$name is clean under mandoc -T lint"
    else
        n=$((n + 1))
        echo "ok $n - $name # SKIP no mandoc"
    fi
    # outside of literal text, a full stop is followed by the end of its line
    found=$(awk '/^\.Bd/ { literal = 1 } /^\.Ed/ { literal = 0 }
        !literal && !/^\.[A-Z\\]/ && /[a-z]\. +[A-Z]/' "$page")
    printf '%s' "$found" | sed 's/^/# /'
    [ -z "$found" ]
    ok $? "$name has one sentence per line"
done
echo "1..$n"
exit $bad
