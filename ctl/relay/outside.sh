# ----- ways to speak TCP: whichever is there, each from standard input to the
# server and from the server to standard output

tcp_bash() {
    # shellcheck disable=SC2016 # for the inner shell
    $limit bash -c 'exec 5<>"/dev/tcp/$0/$1" || exit 1
        cat <&5 & exec cat >&5' "$address" "$port"
}

tcp_nc() {
    $limit nc "$address" "$port"
}

tcp_python3() {
    $limit python3 -c 'import os, socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
def send():
    while True:
        b = os.read(0, 4096)
        if not b:
            break
        s.sendall(b)
threading.Thread(target=send, daemon=True).start()
while True:
    b = s.recv(4096)
    if not b:
        break
    os.write(1, b)' "$address" "$port"
}

tcp_perl() {
    $limit perl -MIO::Socket::IP -e '
        $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1]) or exit 1;
        if (!fork) { while (sysread(STDIN, $b, 4096)) { syswrite($s, $b) } exit }
        while (sysread($s, $b, 4096)) { syswrite(STDOUT, $b) }' "$address" "$port"
}

# s_client says EHLO and STARTTLS by itself; -quiet also keeps it from taking a
# line that begins with R as a command of its own.
tcp_tls() {
    case $address in
    *:*) to="[$address]:$port" ;;
    *) to=$address:$port ;;
    esac
    $limit openssl s_client -quiet -starttls smtp -connect "$to"
}

find_way() {
    limit=
    ! command -v timeout >/dev/null || limit='timeout 300'
    for way in ${WAY-bash nc python3 perl}; do
        ! command -v "$way" >/dev/null || return 0
    done
    echo "none of bash, nc, python3 and perl is here" >&2
    exit 2
}

# ----- a conversation

# With pipes of its own: what ended the connection before may still be on its way.
begin_tcp() {
    mkfifo "$dir/in" "$dir/out"
    "tcp_$1" <"$dir/in" >"$dir/out" 2>/dev/null &
    exec 3>"$dir/in" 4<"$dir/out"
    rm -f "$dir/in" "$dir/out"
    connected=yes
}

end_tcp() {
    [ -z "$connected" ] || exec 3>&- 4<&-
    connected=
}

say() {
    printf '%s\r\n' "$1" >&3 2>/dev/null
}

# The reply: its code and last line.  False: it has hung up.
hear() {
    lines=0
    while [ "$lines" -lt 100 ] && IFS= read -r line <&4; do
        lines=$((lines + 1))
        line=${line%"$cr"}
        case $line in
        [2-5][0-9][0-9]-STARTTLS) offers_tls=yes ;;
        [2-5][0-9][0-9]-*) ;;
        [2-5][0-9][0-9]' STARTTLS')
            offers_tls=yes code=250
            return 0 ;;
        [2-5][0-9][0-9]*)
            code=${line%"${line#???}"}
            [ "$code" != 421 ]
            return ;;
        *) break ;;
        esac
    done
    code=0
    return 1
}

ask() {
    say "$1" && hear
}

greet() { # PLACE
    case $1 in
    starttls) begin_tcp tls && ask "EHLO $me" && [ "$code" = 250 ] ;;
    helo) begin_tcp "$way" && hear && [ "$code" = 220 ] && ask "HELO $me" ;;
    *) begin_tcp "$way" && hear && [ "$code" = 220 ] && ask "EHLO $me" ;;
    esac
}

# A connection for one more form: a server slows down, or hangs up, after some
# refusals, and takes no more connections after some of those.
ready() { # PLACE
    if [ -n "$connected" ] && { [ "$place" != "$1" ] || [ $errors -ge $quota ] ||
        [ $offers -ge 20 ]; }; then
        ask QUIT
        end_tcp
    fi
    place=$1
    [ -z "$connected" ] || return 0
    pause=1
    while [ $pause -le 16 ]; do
        errors=0 offers=0
        ! greet "$1" || return 0
        end_tcp
        [ "$code" = 421 ] || [ -n "$met" ] || break
        sleep $pause
        pause=$((pause * 2))
        [ $quota -ge 64 ] || quota=$((quota * 2))
    done
    reason="it does not answer at $address port $port, or refuses to talk"
    return 1
}

# ----- a form, as mortsafectl relay-test offers it.  Answers are numbers: 1
# refused, 2 deferred, 3 for a domain it cannot find, 4 hung up or silent, 5
# accepted.  A Postfix as it comes says 454 where it will never relay.

take() { # VERB ARGUMENT
    ask "$1$2" || {
        end_tcp
        return 1
    }
    case $code:$line in
    2*) got=5 ;;
    4*': Relay access denied'*) got=1 ;;
    *' '[45].1.2' '* | *' '[45].1.8' '* | *' 5.1.10 '* | *' 4.4.3 '* | *' 5.7.27 '*) got=3 ;;
    4*) got=2 ;;
    *) got=1 ;;
    esac
    [ "$1" = RSET ] || case $code:$line in
    530:*STARTTLS*) wants=tls ;;
    530:* | 538:*) wants=login ;;
    *) wants='' ;;
    esac
    [ $got = 5 ] || errors=$((errors + 1))
}

worse() {
    [ $got -le "$answer" ] || answer=$got
}

offer() { # MAIL RCPT SECOND
    offers=$((offers + 1))
    if [ "$place" = rset ]; then
        take 'MAIL FROM:' '<>' && take RSET '' || return 1
    fi
    take 'MAIL FROM:' "$1" || return 1
    if [ $got != 5 ]; then
        worse
        take RSET ''
        return
    fi
    take 'RCPT TO:' "$2" || return 1
    worse
    if [ -n "$3" ]; then
        take 'RCPT TO:' "$3" || return 1
        worse
    fi
    take RSET ''
}

# In PLACE; a server that hangs up in the midst of it is asked once more.
try() { # PLACE MAIL RCPT SECOND
    answer=0
    for turn in 1 2; do
        ready "$1" || return 1
        met=yes
        ! offer "$2" "$3" "$4" || return 0
        end_tcp
    done
    [ $answer = 5 ] || answer=4
}

check() {
    try $base "$sender" "<postmaster@$domain>" '' || return 1
    if [ "$wants" = tls ] && [ -n "$offers_tls" ] && command -v openssl >/dev/null; then
        base=starttls
        try $base "$sender" "<postmaster@$domain>" '' || return 1
    fi
    if [ $answer != 5 ]; then
        sender='<>'
        try $base "$sender" "<postmaster@$domain>" '' || return 1
    fi
    [ $answer = 5 ] || try $base "$sender" '<postmaster>' '' || return 1
    [ $answer != 5 ] || own=yes
    try $base "$sender" "<no-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')@$domain>" '' ||
        return 1
    [ $answer != 5 ] || catch_all=yes
    try $base "$sender" "<relay-test@$foreign>" '' || return 1
    plain=$answer plain_wants=$wants
}

try_forms() { # PLACE
    : >"$dir/$1"
    while IFS='|' read -r end name mail rcpt second; do
        try "$1" "${mail:-$sender}" "$rcpt" "$second" || return 1
        echo "$answer" >>"$dir/$1"
        printf '.' >&2
        # of a server that relays for anybody the first form tells enough
        [ "$1" = $base ] || [ "$plain" != 5 ] || break
    done <"$dir/forms"
}

try_places() {
    places='ehlo'
    ! command -v openssl >/dev/null || [ -z "$offers_tls" ] || places="$places starttls"
    places="$places helo rset"
    for one in $places; do
        try_forms "$one" || return 1
    done
}

# ----- what it means

word() {
    case $1 in
    1) echo refused ;;
    2) echo deferred ;;
    3) echo 'no domain' ;;
    4) echo 'hung up' ;;
    5) echo ACCEPTED ;;
    *) echo '-' ;;
    esac
}

count() {
    forms=0 holes=0 doubtful=0 unsettled=0
    exec 5<"$dir/forms" 6<"$dir/ehlo" 7<"$dir/starttls" 8<"$dir/helo" 9<"$dir/rset"
    while IFS='|' read -r end name mail rcpt second <&5; do
        forms=$((forms + 1)) worst=0 said=
        a='' b='' c='' d=''
        read -r a <&6
        read -r b <&7
        read -r c <&8
        read -r d <&9
        for answer in "$a" "$b" "$c" "$d"; do
            [ "${answer:-0}" -le $worst ] || worst=$answer
            said="$said $(word "$answer" | tr ' ' -)"
        done
        # shellcheck disable=SC2086 # four words
        printf '%-38s %-9s %-9s %-9s %-9s\n' "$name" $said
        case $end:$said in
        harmless:*) ;;
        *deferred*) unsettled=$((unsettled + 1)) ;;
        esac
        [ $worst = 5 ] || continue
        case $end:$catch_all in
        elsewhere:* | here:) holes=$((holes + 1)) ;;
        here:yes) doubtful=$((doubtful + 1)) ;;
        esac
    done
}

finish() { # CODE VERDICT SENTENCE
    printf '\nVerdict: %s: %s.\n' "$2" "$3"
    exit "$1"
}

judge() {
    [ "$holes" = 0 ] ||
        finish 1 OPEN "$holes of $forms forms were accepted for an address elsewhere"
    [ -z "$reason" ] || finish 2 'cannot tell' "$reason"
    case $plain in
    3) finish 2 'cannot tell' "it cannot find the domain $foreign: name another with --foreign" ;;
    2) finish 2 'cannot tell' 'a plain foreign address was only put off: try again later' ;;
    4) finish 2 'cannot tell' 'it hung up at a plain foreign address' ;;
    esac
    [ -n "$own" ] || [ "$plain_wants" = login ] ||
        finish 2 'cannot tell' "it refused even mail to its own postmaster@$domain"
    [ "$doubtful" = 0 ] ||
        finish 2 'cannot tell' "it takes any mailbox of $domain, so that $doubtful forms prove nothing before delivery"
    [ "$unsettled" = 0 ] ||
        finish 2 'cannot tell' "$unsettled of $forms forms were put off: try again in ten minutes"
    finish 0 closed "none of $forms forms was accepted for an address elsewhere"
}

cr=$(printf '\r')
me=[192.0.2.99] sender='<relay-test@example.net>'
connected='' place='' met='' own='' base=ehlo wants='' plain_wants='' catch_all='' plain='' reason='' offers_tls=''
errors=0 offers=0 quota=8 code=0
trap '' PIPE
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' HUP INT TERM
: >"$dir/ehlo" >"$dir/starttls" >"$dir/helo" >"$dir/rset"
vectors >"$dir/forms"
find_way
echo "Trying $address port $port, by $way; no message is sent."
! check || try_places
[ -z "$connected" ] || ask QUIT
end_tcp
echo >&2
printf '%-38s %-9s %-9s %-9s %-9s\n' FORM EHLO STARTTLS HELO RSET
count
judge
