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

code=$(find policy milter ctl -name '*.[ch]')
pure=$(find policy -maxdepth 1 -name '*.[ch]'; find policy/detector -name '*.[ch]')
store=$(find policy/store -name '*.[ch]')
dns=$(find policy/dns -maxdepth 1 -name '*.[ch]')
# shellcheck disable=SC2086
{
none 'policy/ includes neither libmilter nor milter/' \
    '#include *[<"](libmilter|milter)/' $pure $store $dns
none 'the rules know no store' '#include *"policy/store/' $pure
none 'the rules and the stores know no DNS' '#include *"policy/dns/' \
    $pure $store
none 'the DNS knows no store' '#include *"policy/store/' $dns
none 'libunbound is known to the resolver only' '#include *<unbound' \
    $(echo $code | tr ' ' '\n' | grep -vE 'policy/dns/(resolver|unbound)\.c')
none 'libspf2 and seccomp are known to mortsafe-spf only' \
    '#include *<(spf2|seccomp)' \
    $(echo $code | tr ' ' '\n' | grep -v 'policy/dns/worker/')
none 'mortsafe-spf is part of nothing else' '#include *"policy/dns/worker/' \
    $(echo $code | tr ' ' '\n' | grep -v 'policy/dns/worker/')
none 'mortsafe-spf opens nothing and asks nobody' \
    '\<(f?open|socket|connect|getaddrinfo|res_n?query|posix_spawn)\(' \
    policy/dns/worker/*.[ch]
none 'SQLite is known to the files of the store and the diary only' \
    '#include *<sqlite3' $(echo $code | tr ' ' '\n' |
        grep -vE 'policy/store/(statefile|sqlfile)\.c|milter/diary/')
none 'hiredis is known to the codec only' '#include *<hiredis' \
    $(echo $code | tr ' ' '\n' | grep -v 'policy/store/redis/codec\.c')
none 'OpenSSL is known to TLS streams and the relay test only' '#include *<openssl' \
    $(echo $code | tr ' ' '\n' | grep -vE 'policy/store/redis/tls\.c|ctl/relay/conn\.c')
none 'the rules and the stores know no JSON' '#include *<jansson' $pure $store
none 'HTTP is known to the server only' '#include *<microhttpd' \
    $(echo $code | tr ' ' '\n' | grep -v 'milter/api/server\.c')
none 'what makes up the shared store is its own affair' \
    '#include *"policy/store/redis/(core|ticket|settle|record|keeper|drain|standing|known)\.h' \
    $(echo $code | tr ' ' '\n' |
        grep -vE 'store/redis(/(core|ticket|settle|record|keeper|drain|standing|known|board))?\.[ch]$')
none 'the clerk alone asks the board: no message waits for it' '\<store_board_' \
    $(echo $code | tr ' ' '\n' | grep -vE '^milter/clerk/|^policy/store/')
none 'policy/ reads no clock' \
    '\<(time|clock_gettime|gettimeofday|localtime|ctime)\(' $pure $store $dns
none 'policy/ writes no log and never exits' \
    '\<(syslog|exit|_exit|abort|perror)\([^3]' $pure $store $dns
none 'the pages are pure: they know JSON, not the daemon, and read no clock' \
    '#include *"milter/(desk|daemon|api|clerk|diary|now)|\<(time|clock_gettime|now_read)\(' \
    milter/page/*.[ch]
none 'what goes into a page raw is a constant of ours' \
    'markup_raw\([^,]*, [^;]*(page_string|json_string_value)' milter/page/*.c
none 'the tool knows the rules and itself, neither store nor daemon' \
    '#include *(<libmilter|"(milter|test|policy/store)/)' ctl/*.[ch]
none 'a replay counts in memory, and nowhere else' \
    '#include *(<libmilter|"(milter|test)/|"policy/store/(redis|sq|state|saver|open))' \
    ctl/replay/*.[ch]
none 'libcurl is known to the client and to notices only' '#include *<curl/' \
    $(echo $code | tr ' ' '\n' | grep -vE 'ctl/client\.c|milter/notice/')
none 'doubles decide in the detector only' '\<(double|float)\>' $(echo $code |
    tr ' ' '\n' | grep -E '^policy/' | grep -vE '^policy/(detector/|store/redis/codec)')
none 'GMime is known to the reader and the writer of reports only' '#include *<gmime' \
    $(echo $code | tr ' ' '\n' | grep -vE 'ctl/(report|abuse_mail)\.c')
none 'one file of the tool, and one for mortsafe-spf, start programs' \
    '\<posix_spawnp?\(' $(echo $code | tr ' ' '\n' |
        grep -vE 'ctl/run\.c|policy/dns/spf_process\.c')
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
    $(for file in $(find policy milter ctl -name '*.c'); do
        grep -m 1 '#include' "$file" | grep -q '<config.h>' || echo "$file"
    done)
}
echo "1..$n"
