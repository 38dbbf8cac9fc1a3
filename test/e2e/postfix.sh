#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# postfix.sh - a private Postfix on loopback ports, with a milter before it.
#
#   postfix.sh install              get Postfix: installed where this machine has
#                                   no mail server (neither started nor configured),
#                                   else unpacked into a folder of its own
#   postfix.sh unpack               the second of these, in any case
#   postfix.sh start DIR [NAME=VALUE ...]
#   postfix.sh reload|stop|queue|log DIR
#   postfix.sh run DIR COMMAND ...  a Postfix command (postsuper, sendmail ...)
#
# All it reads and writes is below DIR, and below MORTSAFE_E2E_ROOT (default
# /var/cache/mortsafe-e2e) for the unpacked programs.  It must be started by root.
#
#   mx= submission= submissions=   ports, as 25, 587 and 465 of a real server
#   reinject= refilter=            ports for a content filter's mail: without the
#                                  milter, as it should be; with it, as it happens
#   proxied=                       a port that wants a PROXY header first
#   milter= milter_local=          for SMTP; for mail of sendmail(1): inet:HOST:PORT
#                                  or unix:/PATH
#   filter=                        a content filter's socket, before the milter (SMTP)
#   networks=                      mynetworks (default 127.0.0.9/32, so that
#                                  127.0.0.1 is a stranger)
#   open=yes                       relay for everybody: the milter alone refuses
#   auth_mx=yes auth_plain=yes     AUTH and STARTTLS on mx; AUTH without TLS
#   ipv6=yes                       on [::1] too
#   deliver=discard                throw mail away (default: it stays in the queue)
#   login=USER@REALM:PASSWORD      repeated (default alice@example.org:secret)
#   user=NAME                      one more local user, repeated
#   main= master=                  one more line of main.cf, master.cf, repeated
#
# Local: example.org (alice bob postmaster abuse); relayed: relay.example;
# virtual: info@virtual.example -> bob@example.org.  XCLIENT from loopback is allowed.
set -eu
tool=postfix.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/sandbox.sh"
names='mx submission submissions reinject refilter proxied milter milter_local
    filter networks open auth_mx auth_plain ipv6 deliver'
names=${names//$'\n'/ }
lists='login user main master'
root=$cache/postfix

# Where the programs are: unpacked if they were, else the machine's.
find_programs() {
    if [ -x "$root/usr/sbin/postfix" ]; then
        commands=$root/usr/sbin daemons=$root/usr/lib/postfix/sbin
        meta=$root/etc/postfix
        LD_LIBRARY_PATH=$root/usr/lib/postfix:$(libraries "$root")
        export LD_LIBRARY_PATH
    else
        commands=/usr/sbin daemons=/usr/lib/postfix/sbin meta=/etc/postfix
        root=
    fi
    [ -x "$commands/postfix" ] || die "no Postfix: run '$0 install'"
    PATH=$commands:$PATH
    # Two accounts that Postfix must tell apart from others; without its own, two
    # that every Debian has and that own nothing here.
    owner=mail drop=news
    if getent passwd postfix >/dev/null && getent group postdrop >/dev/null; then
        owner=postfix drop=postdrop
    fi
}

get_unpacked() {
    local packages
    packages="postfix $(missing libdb5.3 libicu72 libnsl2 libsasl2-2 libssl3)"
    # shellcheck disable=SC2086 # a list of names
    unpack "$root" $packages
    # Unpacked, the package has its map types' table elsewhere.
    cp "$root/usr/share/postfix/dynamicmaps.cf" "$root/etc/postfix/"
}

get_installed() {
    local policy=/usr/sbin/policy-rc.d ours=no
    if [ ! -e $policy ]; then # nothing is started while this stands
        ours=yes
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    echo 'postfix postfix/main_mailer_type select No configuration' |
        debconf-set-selections
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get install -q -y --no-install-recommends postfix || {
        apt-get -q update
        apt-get install -q -y --no-install-recommends postfix
    }
    [ $ours = no ] || rm -f $policy
    trap - EXIT
}

running() {
    local pid
    pid=$(tr -d ' ' <"$dir/spool/pid/master.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && lives "$pid"
}

write_main() {
    local users line key networks=${opt[networks]-127.0.0.9/32}
    local milter=${opt[milter]-} pass=
    local first=${opt[filter]:+unix:${opt[filter]}, }
    ! yes open || networks='0.0.0.0/0 [::]/0'
    [ "${opt[deliver]-keep}" = discard ] || pass='local, smtp, relay, virtual, lmtp'
    # shellcheck disable=SC2086 # a list of words
    users=$(printf '{%s = x} ' alice bob postmaster abuse ${opt[user]-})
    {
        cat <<-X
	compatibility_level = 3.6
	command_directory = $commands
	daemon_directory = $daemons
	shlib_directory = ${root:-}/usr/lib/postfix
	meta_directory = $meta
	sendmail_path = $commands/sendmail
	mail_owner = $owner
	setgid_group = $drop
	import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH
	export_environment = TZ MAIL_CONFIG LANG LD_LIBRARY_PATH
	queue_directory = $dir/spool
	data_directory = $dir/data
	maillog_file = $dir/log/maillog
	maillog_file_prefixes = $dir
	multi_instance_enable = no
	inet_interfaces = loopback-only
	inet_protocols = all
	myhostname = mx.example.org
	mydomain = example.org
	myorigin = example.org
	mydestination = example.org, localhost, mx.example.org
	mynetworks = $networks
	relay_domains = relay.example
	virtual_alias_domains = virtual.example
	virtual_alias_maps = inline:{ {info@virtual.example = bob@example.org} }
	local_recipient_maps = inline:{ $users}
	alias_maps =
	alias_database =
	defer_transports = $pass
	smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
	smtpd_authorized_xclient_hosts = 127.0.0.0/8, [::1]
	smtpd_peername_lookup = no
	smtpd_client_connection_rate_limit = 0
	smtpd_client_connection_count_limit = 0
	smtpd_error_sleep_time = 0
	smtpd_hard_error_limit = 10000
	smtpd_recipient_limit = 2000
	smtpd_timeout = 60s
	smtpd_sasl_type = cyrus
	smtpd_sasl_path = smtpd
	cyrus_sasl_config_path = $dir/etc/sasl
	smtpd_sasl_local_domain = example.org
	smtpd_sasl_security_options = noanonymous
	smtpd_tls_cert_file = $dir/etc/cert.pem
	smtpd_tls_key_file = $dir/etc/key.pem
	non_smtpd_milters = ${opt[milter_local]-}
	milter_default_action = tempfail
	X
        if [ -n "$milter" ]; then
            sed "/^#/d; s|unix:/mortsafe/[a-z]*\.sock|$milter|
                s|^smtpd_milters = |&$first|" \
                "$(recipe postfix main.cf)"
        fi
    } >"$dir/etc/main.cf"
    while IFS= read -r line; do # replace: Postfix warns of a second entry
        [ -n "$line" ] || continue
        key=${line%%=*}
        key=${key%% *}
        sed -i "/^$key *=/d" "$dir/etc/main.cf"
        printf '%s\n' "$line" >>"$dir/etc/main.cf"
    done <<<"${opt[main]-}"
}

# service PORT RECIPE OPTION...: listen on PORT with what the operator's recipe
# says for service RECIPE, then the options; chroot would need a whole tree.
service() {
    local port=$1 like=$2 address option
    shift 2
    for address in 127.0.0.1 $(! yes ipv6 || echo '[::1]'); do
        echo "$address:$port inet n - n - - smtpd"
        [ -z "$like" ] || awk -v like="$like" '
            /^[^ \t#]/ { on = ($1 == like) }
            /^[ \t]/ && on' "$(recipe postfix master.cf)"
        for option; do
            echo "  -o $option"
        done
    done
}

write_master() {
    local level=none
    ! yes auth_mx || level=may
    {
        service "${opt[mx]}" smtp syslog_name=mx \
            smtpd_sasl_auth_enable="${opt[auth_mx]-no}" smtpd_tls_security_level=$level
        service "${opt[submission]}" submission syslog_name=submission \
            smtpd_tls_auth_only="$(yes auth_plain && echo no || echo yes)"
        service "${opt[submissions]}" submissions syslog_name=submissions
        [ -z "${opt[reinject]-}" ] ||
            service "${opt[reinject]}" 127.0.0.1:10026 syslog_name=reinject mynetworks=127.0.0.0/8
        [ -z "${opt[refilter]-}" ] ||
            service "${opt[refilter]}" '' syslog_name=refilter mynetworks=127.0.0.0/8
        [ -z "${opt[proxied]-}" ] ||
            service "${opt[proxied]}" smtp syslog_name=proxied smtpd_upstream_proxy_protocol=haproxy
        cat <<-'X'
	postlog   unix-dgram n - n - 1 postlogd
	pickup    unix n - n 60    1 pickup
	cleanup   unix n - n -     0 cleanup
	qmgr      unix n - n 300   1 qmgr
	tlsmgr    unix - - n 1000? 1 tlsmgr
	rewrite   unix - - n -     - trivial-rewrite
	showq     unix n - n -     - showq
	flush     unix n - n 1000? 0 flush
	proxymap  unix - - n -     - proxymap
	proxywrite unix - - n -    1 proxymap
	anvil     unix - - n -     1 anvil
	verify    unix - - n -     1 verify
	scache    unix - - n -     1 scache
	bounce    unix - - n -     0 bounce
	defer     unix - - n -     0 bounce
	trace     unix - - n -     0 bounce
	error     unix - - n -     - error
	retry     unix - - n -     - error
	X
        # Every delivery agent by its own name, so that macros show it, and none
        # that would deliver.
        printf '%s unix - - n - - discard\n' discard local virtual lmtp smtp relay
        printf '%s' "${opt[master]-}"
    } >"$dir/etc/master.cf"
}

write_configuration() {
    [ "$(id -u)" = 0 ] || die "Postfix is started by root"
    find_programs
    install -d -m 755 "$dir" "$dir/etc" "$dir/spool" "$dir/spool/pid" "$dir/log"
    (cd "$dir/spool" && install -d -m 700 -o "$owner" "$dir/data" active bounce \
        corrupt defer deferred flush hold incoming private saved trace)
    install -d -m 710 -o "$owner" -g "$drop" "$dir/spool/public"
    install -d -m 1730 -o "$owner" -g "$drop" "$dir/spool/maildrop"
    printf 'root=%q\n' "$root" >"$dir/where"
    certificate "$dir/etc"
    # shellcheck disable=SC2086 # a list of words
    logins "$dir/etc/sasl" "$owner" smtpd.conf ${opt[login]-alice@example.org:secret}
    write_main
    write_master
    # Postfix waits until the files it reads are more than a second old.
    touch -d '1 minute ago' "$dir/etc/main.cf" "$dir/etc/master.cf"
}

ports() {
    echo "${opt[mx]}" "${opt[submission]}" "${opt[submissions]}" \
        "${opt[reinject]-}" "${opt[refilter]-}" "${opt[proxied]-}"
}

start() {
    local port
    read_options "$@"
    for port in $(ports); do
        ! listening "$port" || die "port $port is taken"
    done
    write_configuration
    # "postfix start" takes two seconds more, for checks that do not concern us.
    setsid "$daemons/master" -c "$dir/etc" >"$dir/log/start" 2>&1 </dev/null &
    for port in $(ports); do
        until_true 100 listening "$port" || {
            cat "$dir/log/start" "$dir/log/maillog" >&2
            die "nobody listens on $port"
        }
    done
}

stop() {
    running || return 0
    local pid # also of the process group
    pid=$(tr -d ' ' <"$dir/spool/pid/master.pid")
    kill -- -"$pid"
    until_true 2 gone || kill -9 -- -"$pid"
    until_true 50 gone || die "still running below $dir"
}

gone() {
    ! running
}

command=${1-help}
dir=${2-}
case $command in
install)
    if [ -x "$root/usr/sbin/postfix" ] || is_installed postfix; then
        exit 0
    elif has_mta; then
        get_unpacked
    else
        get_installed
    fi
    exit ;;
unpack)
    get_unpacked
    exit ;;
start | reload | stop | queue | log | run) ;;
*)
    sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}//p' "$0"
    exit 64 ;;
esac
case $dir in
/*) ;;
*) die "DIR must be an absolute path" ;; # a relative one makes reload do nothing
esac
shift 2
if [ "$command" != start ]; then
    [ -r "$dir/where" ] || die "never started: $dir"
    # shellcheck source=/dev/null
    . "$dir/where"
    find_programs
fi
case $command in
start) start "$@" ;;
reload) postfix -c "$dir/etc" reload ;;
stop) stop ;;
queue) postqueue -c "$dir/etc" -j ;;
log) cat "$dir/log/maillog" ;;
run) MAIL_CONFIG=$dir/etc "$@" ;;
esac
