# shellcheck shell=bash disable=SC2034,SC2154 # names of the script that reads this
# SPDX-License-Identifier: BSD-2-Clause
#
# lib/sandbox.sh - what postfix.sh and sendmail.sh have in common: options as
# NAME=VALUE words, packages unpacked into a private folder, a certificate and
# a password file.  Sourced by bash; $tool is the script's name.

PATH=$PATH:/usr/sbin:/sbin
cache=${MORTSAFE_E2E_ROOT:-/var/cache/mortsafe-e2e}

die() {
    echo "$tool: $*" >&2
    exit 1
}

# read_options WORD...: each NAME=VALUE becomes an entry of the associative
# array opt; the names in $lists may come again and collect lines.
declare -A opt
read_options() {
    local word name
    for word; do
        name=${word%%=*}
        [[ $word == *=* ]] || die "$word: not NAME=VALUE"
        [[ " $names $lists " == *" $name "* ]] || die "$name: no such option"
        if [[ " $lists " == *" $name "* ]]; then
            opt[$name]+="${word#*=}"$'\n'
        else
            opt[$name]=${word#*=}
        fi
    done
}

yes() {
    [ "${opt[$1]-no}" = yes ]
}

# Is somebody listening on this TCP port?  The kernel is asked, because a trial
# connection would be a session to the MTA's milter.
listening() {
    local hex
    hex=$(printf %04X "$1")
    grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F]*:0000 0A " \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Does process PID live?  One that only waits to be reaped does not.
lives() {
    local state
    read -r _ _ state _ 2>/dev/null <"/proc/$1/stat" && [ "$state" != Z ]
}

# until_true TENTHS COMMAND...: repeat COMMAND until it succeeds.
until_true() {
    local left=$1
    shift
    left=$((left * 5))
    until "$@"; do
        [ $((left -= 1)) -gt 0 ] || return 1
        sleep 0.02
    done
}

is_installed() {
    dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Is some mail server installed?  Then nothing may be installed beside it.
has_mta() {
    [ -e /usr/sbin/sendmail ] || dpkg-query -W -f '${Status} ${Provides}\n' |
        grep -q 'ok installed.*mail-transport-agent'
}

# unpack ROOT PACKAGE...: the packages' files below ROOT, and nothing else of
# them: no account, no configuration, no service.
unpack() {
    local root=$1 tmp deb
    shift
    tmp=$(mktemp -d)
    chmod 755 "$tmp"
    if ! (cd "$tmp" && apt-get -q download "$@" >log 2>&1); then
        apt-get -q update >/dev/null || :
        (cd "$tmp" && apt-get -q download "$@" >log 2>&1) || {
            cat "$tmp/log" >&2
            rm -r "$tmp"
            die "cannot download: $*"
        }
    fi
    install -d -m 755 "$root"
    for deb in "$tmp"/*.deb; do
        dpkg -x "$deb" "$root"
    done
    # Programs with privileges of their own would not see LD_LIBRARY_PATH.
    find "$root" -type f -perm /6000 -exec chmod ug-s {} +
    rm -r "$tmp"
}

# missing PACKAGE...: those that are not installed.
missing() {
    local name
    for name; do
        is_installed "$name" || echo "$name"
    done
}

libraries() {
    echo "$1/usr/lib/$(uname -m)-linux-gnu:$1/lib/$(uname -m)-linux-gnu"
}

# certificate DIR: DIR/key.pem and DIR/cert.pem for mx.example.org.
certificate() {
    [ ! -s "$1/key.pem" ] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 30 -subj /CN=mx.example.org -keyout "$1/key.pem" \
        -out "$1/cert.pem" 2>/dev/null || die "openssl made no certificate"
    chmod 600 "$1/key.pem"
}

# logins DIR OWNER CONF USER@REALM:PASSWORD...: the Cyrus library's own password
# file below DIR, readable for group OWNER, and its settings in DIR/CONF.
logins() {
    local dir=$1 owner=$2 conf=$3 login name
    shift 3
    command -v saslpasswd2 >/dev/null || die "saslpasswd2 is missing (sasl2-bin)"
    install -d -m 755 "$dir"
    printf '%s\n' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' \
        "sasldb_path: $dir/passwords" 'mech_list: PLAIN LOGIN CRAM-MD5' \
        >"$dir/$conf"
    for login; do
        name=${login%%:*}
        printf %s "${login#*:}" | saslpasswd2 -p -c -f "$dir/passwords" \
            -u "${name#*@}" "${name%%@*}" || die "no password for $name"
    done
    chgrp "$owner" "$dir/passwords"
    chmod 640 "$dir/passwords"
}

# recipe KIND FILE: where the lines are that an operator is to use.
recipe() {
    local file=$here/../../contrib/$1/$2
    [ -r "$file" ] || die "cannot read $file"
    echo "$file"
}
