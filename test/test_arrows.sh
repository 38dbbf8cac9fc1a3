#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Which folder may include which, and what no source may call.
cd "${top_srcdir:?}" || exit 1
n=0

# none NAME PATTERN FILE...: no line of FILEs matches
none() {
    name=$1 pattern=$2
    shift 2
    n=$((n + 1))
    found=$(grep -nE "$pattern" "$@" /dev/null)
    if [ -z "$found" ]; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        echo "$found" | sed 's/^/# /'
    fi
}

code=$(find policy milter -name '*.[ch]')
pure=$(find policy -maxdepth 1 -name '*.[ch]')
store=$(find policy/store -name '*.[ch]')
# shellcheck disable=SC2086
{
none 'policy/ includes neither libmilter nor milter/' \
    '#include *[<"](libmilter|milter)/' $pure $store
none 'the rules know no store' '#include *"policy/store/' $pure
none 'only SQLite is known to policy/store, and in one file' \
    '#include *<sqlite3' $pure $(echo $store | tr ' ' '\n' |
        grep -v 'statefile')
none 'hiredis is known to the codec only' '#include *<hiredis' \
    $(echo $code | tr ' ' '\n' | grep -v 'policy/store/redis/codec\.c')
none 'OpenSSL is known to the TLS streams only' '#include *<openssl' \
    $(echo $code | tr ' ' '\n' | grep -v 'policy/store/redis/tls\.c')
none 'JSON is read by one file, which reads what was exported' \
    '#include *<jansson' \
    $(echo $code | tr ' ' '\n' | grep -v 'milter/move_line\.c')
none 'what makes up the shared store is its own affair' \
    '#include *"policy/store/redis/(core|ticket|settle|record|keeper|drain|standing|known)\.h' \
    $(echo $code | tr ' ' '\n' |
        grep -vE 'store/redis(/(core|ticket|settle|record|keeper|drain|standing|known))?\.[ch]$')
none 'policy/ reads no clock' \
    '\<(time|clock_gettime|gettimeofday|localtime|ctime)\(' $pure $store
none 'policy/ writes no log and never exits' \
    '\<(syslog|exit|_exit|abort|perror)\([^3]' $pure $store
none 'no shell, no other program' '\<(popen|system|exec[lv]p?e?)\(' $code
none 'nothing unbounded or unchecked' \
    '\<(strcpy|strcat|sprintf|vsprintf|gets|strtok|strncpy|alloca|ato[il])\(' \
    $code
none 'nothing that is not thread-safe' \
    '\<(strerror|getpwuid|getpwnam|getgrnam|inet_ntoa|gethostby[a-z]*)\(' $code
none 'every source begins with its licence' '^' \
    $(for file in $code; do
        head -n 1 "$file" | grep -q 'SPDX-License-Identifier' || echo "$file"
    done)
none 'every .c file includes config.h before anything' '^' \
    $(for file in $(find policy milter -name '*.c'); do
        grep -m 1 '#include' "$file" | grep -q '<config.h>' || echo "$file"
    done)
}
echo "1..$n"
