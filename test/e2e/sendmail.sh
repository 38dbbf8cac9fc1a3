#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# sendmail.sh - a private Sendmail on loopback ports, with a milter before it.
#
#   sendmail.sh install             unpack Sendmail into a folder of its own; it is
#                                   never installed (it and Postfix exclude each other)
#   sendmail.sh start DIR [NAME=VALUE ...]
#   sendmail.sh stop|queue|held|log DIR
#   sendmail.sh map DIR NAME        make DIR/etc/NAME.db of DIR/etc/NAME
#   sendmail.sh run DIR ARGUMENT... sendmail with this configuration (-bt, -Q ...)
#
# All it reads and writes is below DIR, and below MORTSAFE_E2E_ROOT (default
# /var/cache/mortsafe-e2e) for the unpacked programs.  Root starts it; nothing runs
# the queue, so what is accepted stays in DIR/queue.
#
#   mx= submission= submissions=   ports, as 25, 587 and 465 of a real server
#   reinject=                      a port for a content filter's mail: no milter
#   milter=                        inet:PORT@HOST or local:/PATH
#   filter=                        a content filter's socket, before the milter
#   open=yes                       relay for everybody: the milter alone refuses
#   auth_mx=yes auth_plain=yes     AUTH on mx; AUTH without TLS
#   auth_optional=yes              587 and 465 take mail without AUTH as well
#   ipv6=yes                       on [::1] too
#   login=USER@REALM:PASSWORD      repeated (default alice@example.org:secret)
#   user=NAME                      one more local user, repeated
#   mc=                            one more line of sendmail.mc, repeated; @etc@ is
#                                  DIR/etc
#
# Local: example.org (alice bob postmaster abuse); relayed: relay.example.  127.0.0.1
# and ::1 may always relay (a fixed rule), so strangers come from 127.0.0.66 and such.
set -eu
tool=sendmail.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/sandbox.sh"
names='mx submission submissions reinject milter filter open auth_mx auth_plain auth_optional ipv6'
lists='login user mc'
root=$cache/sendmail
programs=$root/usr/libexec/sendmail
macros=$root/usr/share/sendmail/cf
LD_LIBRARY_PATH=$(libraries "$root")
export LD_LIBRARY_PATH

get_unpacked() {
    local packages
    packages="sendmail-bin sendmail-cf $(missing libdb5.3 libldap-2.5-0 \
        liblockfile1 libnsl2 libsasl2-2 libssl3 libwrap0)"
    # shellcheck disable=SC2086 # a list of names
    unpack "$root" $packages
}

# On a host whose name has no dot Sendmail waits for a minute before it does
# anything.  A UTS namespace gives it a better name; where that is forbidden, we wait.
sendmail() {
    local words=("$programs/sendmail" -C "$dir/etc/sendmail.cf" "$@")
    if [[ $(hostname) != *.* ]] && unshare -u true 2>/dev/null; then
        # shellcheck disable=SC2016 # for the inner shell
        words=(unshare -u sh -c 'hostname mx.example.org && exec "$@"' sh
            "${words[@]}")
    fi
    "${words[@]}"
}

running() {
    local pid
    pid=$(head -n 1 "$dir/pid" 2>/dev/null) && [ -n "$pid" ] && lives "$pid"
}

# daemons FAMILY ADDRESS: the operator's DAEMON_OPTIONS lines on our ports.
daemons() {
    local script="s/Family=inet,/Family=$1, Addr=$2, Listen=250,/
        s/Port=25,/Port=${opt[mx]},/
        s/Port=587,/Port=${opt[submission]},/
        s/Port=465,/Port=${opt[submissions]},/"
    ! yes auth_mx || script+="
        /Name=MTA/s/Modify=A, //"
    ! yes auth_optional || script+="
        s/\(Modify=s*E\)a/\1/"
    [ -n "${opt[milter]-}" ] || script+="
        s/, InputMailFilters=[a-z]*//"
    [ -z "${opt[filter]-}" ] || script+="
        s/InputMailFilters=/&upstream;/"
    grep '^DAEMON_OPTIONS' "$(recipe sendmail mortsafe.mc)" | sed "$script"
    [ -z "${opt[reinject]-}" ] ||
        printf "DAEMON_OPTIONS(\`Name=REINJECT, Family=%s, Addr=%s, Port=%s, Modify=A')dnl\n" \
            "$1" "$2" "${opt[reinject]}"
}

write_mc() {
    local etc=$dir/etc
    cat <<-X
	divert(-1)dnl
	define(\`_CF_DIR_', \`$macros/')dnl
	include(\`$macros/m4/cf.m4')dnl
	divert(0)dnl
	VERSIONID(\`private')dnl
	OSTYPE(\`linux')dnl
	define(\`confDOMAIN_NAME', \`mx.example.org')dnl
	define(\`ALIAS_FILE', \`$etc/aliases')dnl
	define(\`QUEUE_DIR', \`$dir/queue')dnl
	define(\`STATUS_FILE', \`$dir/statistics')dnl
	define(\`HELP_FILE', \`$etc/helpfile')dnl
	define(\`confPID_FILE', \`$dir/pid')dnl
	define(\`confSERVICE_SWITCH_FILE', \`$etc/switch')dnl
	define(\`confCW_FILE', \`-o $etc/local-host-names')dnl
	define(\`confCR_FILE', \`-o $etc/relay-domains')dnl
	define(\`confTRUSTED_USERS_FILE', \`-o $etc/trusted-users')dnl
	define(\`confDELIVERY_MODE', \`queueonly')dnl
	define(\`confDONT_PROBE_INTERFACES', \`True')dnl
	define(\`confTO_IDENT', \`0s')dnl
	define(\`confLOG_LEVEL', \`9')dnl
	define(\`confMAX_DAEMON_CHILDREN', \`0')dnl
	define(\`confQUEUE_LA', \`1000')dnl
	define(\`confREFUSE_LA', \`1000')dnl
	define(\`confBAD_RCPT_THROTTLE', \`0')dnl
	define(\`confSERVER_CERT', \`$etc/cert.pem')dnl
	define(\`confSERVER_KEY', \`$etc/key.pem')dnl
	define(\`confCACERT', \`$etc/cert.pem')dnl
	define(\`confCACERT_PATH', \`$etc')dnl
	define(\`confAUTH_MECHANISMS', \`PLAIN LOGIN CRAM-MD5')dnl
	define(\`confAUTH_REALM', \`example.org')dnl
	define(\`confAUTH_OPTIONS', \`A$(yes auth_plain || echo ' p')')dnl
	TRUST_AUTH_MECH(\`PLAIN LOGIN CRAM-MD5')dnl
	define(\`confDONT_BLAME_SENDMAIL', \`TrustStickyBit,GroupWritableDirPathSafe')dnl
	FEATURE(\`no_default_msa')dnl
	FEATURE(\`nocanonify')dnl
	FEATURE(\`accept_unresolvable_domains')dnl
	LOCAL_DOMAIN(\`example.org mx.example.org [127.0.0.1] [IPv6:0:0:0:0:0:0:0:1]')dnl
	RELAY_DOMAIN(\`relay.example')dnl
	X
    ! yes open || echo "FEATURE(\`promiscuous_relay')dnl"
    printf '%s' "${opt[mc]-}" | sed "s|@etc@|$etc|g"
    [ -z "${opt[filter]-}" ] ||
        echo "MAIL_FILTER(\`upstream', \`S=local:${opt[filter]}, F=T')dnl"
    [ -z "${opt[milter]-}" ] || sed -n "s|S=[a-z0-9]*:[^,]*|S=${opt[milter]}|
        /^MAIL_FILTER/p" "$(recipe sendmail mortsafe.mc)"
    daemons inet 127.0.0.1
    ! yes ipv6 || daemons inet6 ::1
    # The Cyrus library learns from its environment where its settings are.
    printf '%s\n' 'MAILER(local)dnl' 'MAILER(smtp)dnl' LOCAL_CONFIG \
        "ESASL_CONF_PATH=$etc/sasl"
}

write_configuration() {
    local etc=$dir/etc
    [ "$(id -u)" = 0 ] || die "Sendmail is started by root"
    [ -x "$programs/sendmail" ] || die "no Sendmail: run '$0 install'"
    install -d -m 755 "$dir" "$etc" "$dir/log"
    install -d -m 700 "$dir/queue"
    certificate "$etc"
    # shellcheck disable=SC2086 # a list of words
    logins "$etc/sasl" root Sendmail.conf ${opt[login]-alice@example.org:secret}
    # shellcheck disable=SC2086
    printf '%s: /dev/null\n' alice bob postmaster abuse ${opt[user]-} >"$etc/aliases"
    printf '%s\n' 'hosts files' 'aliases files' >"$etc/switch"
    : >"$etc/helpfile"
    install -m 600 /dev/null "$dir/statistics"
    write_mc >"$etc/sendmail.mc"
    (cd "$macros" && m4 "$etc/sendmail.mc") >"$etc/sendmail.cf"
    sendmail -bi >"$dir/log/aliases" 2>&1 || {
        cat "$dir/log/aliases" >&2
        die "no alias file"
    }
}

start() {
    local port
    read_options "$@"
    for port in "${opt[mx]}" "${opt[submission]}" "${opt[submissions]}"; do
        ! listening "$port" || die "port $port is taken"
    done
    write_configuration
    rm -f "$dir/pid"
    # -bD does not go to the background by itself, -X records the conversations.
    (sendmail -bD -X "$dir/log/transcript") >"$dir/log/start" 2>&1 </dev/null &
    for port in "${opt[mx]}" "${opt[submission]}" "${opt[submissions]}"; do
        until_true 700 listening_or_dead "$port" $! || :
        running || {
            cat "$dir/log/start" >&2
            die "did not start"
        }
    done
}

listening_or_dead() {
    listening "$1" || ! lives "$2"
}

gone() {
    ! running
}

stop() {
    running || return 0
    kill "$(head -n 1 "$dir/pid")"
    until_true 50 gone || die "still running below $dir"
}

command=${1-help}
dir=${2-}
case $command in
install)
    [ -x "$programs/sendmail" ] || get_unpacked
    exit ;;
start | stop | queue | held | log | map | run) ;;
*)
    sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}//p' "$0"
    exit 64 ;;
esac
case $dir in
/*) ;;
*) die "DIR must be an absolute path" ;;
esac
shift 2
case $command in
start) start "$@" ;;
stop) stop ;;
queue) sendmail -bp ;;
held) sendmail -bp -qQ ;;
log) cat "$dir/log/transcript" ;;
map) # shellcheck disable=SC2094 # it writes NAME.db
    "$programs/makemap" -C "$dir/etc/sendmail.cf" hash "$dir/etc/$1" <"$dir/etc/$1" ;;
run) sendmail "$@" ;;
esac
