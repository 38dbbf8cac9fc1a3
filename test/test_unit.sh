#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The units: systemd understands them, and the service is shut in well enough.
top=${top_srcdir:-$(dirname "$0")/..}
most=14 # tenths of exposure, as `systemd-analyze security` counts

command -v systemd-analyze >/dev/null || {
    echo '1..0 # SKIP no systemd-analyze'
    exit 0
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

n=0
bad=0
ok() { # ok STATUS NAME; what was said is in $dir/out
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# /' "$dir/out"
        bad=1
    fi
}

# As installed, but that /bin/true stands for the daemon.
units=$dir/units
mkdir "$units"
cp "$top/contrib/systemd/mortsafe.socket" "$units"
sed -e 's|@sbindir@/mortsafe|/bin/true|' \
    "$top/contrib/systemd/mortsafe.service.in" >"$units/mortsafe.service"
! grep -n '@[a-z]*@' "$units"/* >"$dir/out"
ok $? 'no placeholder is left'

# A host may be without systemd's own units, and the user is made at installation.
systemd-analyze verify --man=no "$units/mortsafe.socket" \
    "$units/mortsafe.service" >"$dir/all" 2>&1
grep 'mortsafe\.\(service\|socket\)' "$dir/all" >"$dir/out"
[ ! -s "$dir/out" ]
ok $? 'systemd has nothing to say about the units'

exposure() { # exposure UNIT NAME
    systemd-analyze security --offline=yes --no-pager --threshold=$most \
        "$1" >"$dir/out" 2>&1
    status=$?
    if grep -q 'Unknown\|unrecognized option' "$dir/out"; then
        n=$((n + 1))
        echo "ok $n - exposure # SKIP this systemd-analyze knows no --offline"
    else
        sed -n 's/^→ /# /p' "$dir/out"
        ok $status "$2"
    fi
}
exposure "$units/mortsafe.service" 'its exposure is at most 1.4'

# Sendmail's recipe moves the socket.
mkdir "$units/mortsafe.socket.d"
cp "$top/contrib/sendmail/mortsafe.socket.conf" \
    "$units/mortsafe.socket.d/sendmail.conf"
systemd-analyze verify --man=no "$units/mortsafe.socket" >"$dir/all" 2>&1
grep 'mortsafe\.socket\|sendmail\.conf' "$dir/all" >"$dir/out"
[ ! -s "$dir/out" ]
ok $? "Sendmail's drop-in fits the socket unit"

# The drop-in for a Redis elsewhere opens the way there and no other.
mkdir "$units/mortsafe.service.d" "$dir/both"
cp "$top/contrib/systemd/redis.conf" "$top/contrib/systemd/webhook.conf" \
    "$top/contrib/systemd/resolver.conf" "$units/mortsafe.service.d"
systemd-analyze verify --man=no "$units/mortsafe.service" >"$dir/all" 2>&1
grep 'mortsafe\.service\|\(redis\|webhook\|resolver\)\.conf' "$dir/all" \
    >"$dir/out"
[ ! -s "$dir/out" ]
ok $? 'the drop-ins for a Redis, a webhook and name servers fit the service unit'
cat "$units/mortsafe.service" "$top/contrib/systemd/redis.conf" \
    >"$dir/both/mortsafe.service"
exposure "$dir/both/mortsafe.service" 'with it, the exposure is at most 1.4, too'

if command -v systemd-sysusers >/dev/null; then
    mkdir -p "$dir/root/etc"
    : >"$dir/root/etc/passwd"
    : >"$dir/root/etc/group"
    systemd-sysusers --root="$dir/root" - \
        <"$top/contrib/sysusers.d/mortsafe.conf" >"$dir/out" 2>&1
    grep -q '^mortsafe:.*:/var/lib/mortsafe:/usr/sbin/nologin$' \
        "$dir/root/etc/passwd"
    ok $? 'systemd-sysusers makes the user'
fi
if command -v systemd-tmpfiles >/dev/null; then
    sed 's/ mortsafe mortsafe / root root /' \
        "$top/contrib/tmpfiles.d/mortsafe.conf" >"$dir/tmpfiles.conf"
    systemd-tmpfiles --root="$dir/root" --create "$dir/tmpfiles.conf" \
        >"$dir/out" 2>&1
    [ -d "$dir/root/var/lib/mortsafe" ] && [ -d "$dir/root/run/mortsafe" ]
    ok $? 'systemd-tmpfiles makes the folders'
fi
echo "1..$n"
exit $bad
