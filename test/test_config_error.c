/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is wrong or dangerous in a configuration, and the words for it.
 */
#include <config.h>

#include "policy/charge.h"
#include "policy/config.h"

#include "test/heard.h"
#include "test/unit.h"

enum { TODAY_S = 1800000000 /* 2027-01-15 */ };

static struct heard heard;

/* Every error of a text, in order; the text is wrong. */
static const struct {
    const char *name, *text, *heard;
} errors[] = {
    /* lexical */
    {"a byte that is no UTF-8, once a line", "mode = \xff\xff\n\n \xe4",
     "t:1:8: the byte 0xff is no UTF-8\n"
     "t:1:8: mode: `\xff\xff` is none of: observe | enforce\n"
     "t:3:2: the byte 0xe4 is no UTF-8\n"
     "t:3:2: `=` or `{` is missing behind `\xe4`\n"},
    {"a control byte, in a comment too", "# \x01\n",
     "t:1:3: a control byte, 0x01\n"},
    {"a carriage return alone", "# \r x\n", "t:1:3: a control byte, 0x0d\n"},
    {"surrogates and long forms are no UTF-8",
     "# \xed\xa0\x80\n# \xc0\xaf\n# \xf4\x90\x80\x80\n",
     "t:1:3: the byte 0xed is no UTF-8\nt:2:3: the byte 0xc0 is no UTF-8\n"
     "t:3:3: the byte 0xf4 is no UTF-8\n"},
    {"columns count characters", "users { fold = '\xc3\xbc\xe2\x82\xac' x }",
     "t:1:21: fold: a comma is missing before `x`\n"},
    {"a quotation that its line does not close", "user = \"a\nsessions = 5x",
     "t:1:8: the quotation is not closed on its line\n"
     "t:2:12: sessions: `5x` is no number\n"},
    {"the other one", "user = 'a",
     "t:1:8: the quotation is not closed on "
     "its line\n"},
    {"an escape that is none", "user = \"a\\tb\"",
     "t:1:8: behind a backslash only \" \\ and n may stand\n"},
    {"a backslash at the end", "user = \"a\\",
     "t:1:8: the quotation is not closed on its line\n"
     "t:1:8: behind a backslash only \" \\ and n may stand\n"},
    /* grammar */
    {"a word alone", "mode\nobserve\n",
     "t:1:1: `=` or `{` is missing behind `mode`\n"
     "t:2:1: `=` or `{` is missing behind `observe`\n"},
    {"words alone are told once a line", "foo bar baz\nusers {\n foo bar\n}",
     "t:1:1: `=` or `{` is missing behind `foo`\n"
     "t:3:2: `=` or `{` is missing behind `foo`\n"},
    {"a sign where a name should be", "= 5\n, x\n'mode' = x",
     "t:1:1: a name is expected here, not `=`\n"
     "t:2:1: a name is expected here, not `,`\n"
     "t:3:1: a name is expected here, not `mode`\n"},
    {"nothing behind =", "mode =\nsessions = 5\nuser = # x\n",
     "t:1:6: a value is missing behind `=`\n"
     "t:3:6: a value is missing behind `=`\n"},
    {"an option behind =", "mode = sessions = 5",
     "t:1:6: a value is missing behind `=`\n"},
    {"nothing behind a comma", "domains a { list = b, }",
     "t:1:21: a value is missing behind `,`\n"},
    {"an option behind a comma", "domains a { list = b,\n subdomains = yes }",
     "t:1:21: a value is missing behind `,`\n"},
    {"two commas", "domains a { list = b,,c }",
     "t:1:21: a value is missing behind `,`\n"
     "t:1:22: a name is expected here, not `,`\n"},
    {"a comma at the beginning of a line", "domains a { list = b\n , c\n}",
     "t:2:2: a list goes on only behind a comma at the end of the line\n"},
    {"a comma that is missing", "domains a { list = b.example c.example }",
     "t:1:30: list: a comma is missing before `c.example`\n"},
    {"several values for one", "mode = observe, enforce",
     "t:1:17: mode: only one value can stand here\n"},
    {"a text with commas",
     "exempt e { client = ::1 skip = limits note = a, b }",
     "t:1:49: note: a text with commas needs quotes\n"},
    {"a block that is not closed", "users { fold = yes",
     "t:1:1: the block `users` is not closed\n"},
    {"a brace too many", "users { }\n}\n}",
     "t:2:1: `}` closes no block\n"
     "t:3:1: `}` closes no block\n"},
    {"a block in a block", "users {\nstore { path = x\n}\nfold = x }",
     "t:2:1: a block `store` cannot stand inside of `users`\n"
     "t:4:8: fold: `x` is none of: no | yes\n"},
    {"a block without its name", "network { addr = x }",
     "t:1:1: a block `network` needs a name\n"},
    {"a name without need", "users all { fold = x }",
     "t:1:7: a block `users` has no name\n"},
    {"a name that is none", "network 'a b' { }\nlimit a.b { }\nlimit -a { }",
     "t:1:9: `a b` is no name: 1 to 63 letters, digits, _ and -\n"
     "t:2:7: `a.b` is no name: 1 to 63 letters, digits, _ and -\n"
     "t:3:7: `-a` is no name: 1 to 63 letters, digits, _ and -\n"},
    {"a name that means something else", "network logins { }",
     "t:1:1: `network logins` needs `addr`\n"
     "t:1:1: `logins` is a kind of session; no network can be called so\n"},
    {"an unknown option", "sesions = 5",
     "t:1:1: unknown option `sesions`; did you mean `sessions`?\n"},
    {"one that nothing is like", "greylisting = 5",
     "t:1:1: unknown option `greylisting`\n"},
    {"one of another block", "port25 = closed",
     "t:1:1: `port25` belongs in a block `network`\n"},
    {"one of no block", "log { sessions = 5 }",
     "t:1:7: `sessions` stands outside of all blocks\n"},
    {"an unknown block", "limits x { a = b c { } }\nsessions = 0",
     "t:1:1: unknown block `limits`; did you mean `limit`?\n"
     "t:2:12: sessions: `0` is not from 1 to 100000\n"},
    {"what is not built yet is unknown",
     "geo { on = mx }\nprivacy { log = full }",
     "t:1:1: unknown block `geo`\n"
     "t:2:11: unknown option `log`\n"},
    {"an option twice", "mode = observe\nmode = enforce",
     "t:2:1: `mode` is set already at t:1:1\n"},
    {"a block twice", "network a { addr = ::2 }\nnetwork a { addr = ::3 }",
     "t:2:1: `network a` stands already at t:1:1\n"},
    {"a block without a name twice", "users { }\nusers { }",
     "t:2:1: `users` stands already at t:1:1\n"},
    /* single values */
    {"a word that is none", "mode = enfroce",
     "t:1:8: mode: `enfroce` is none of: observe | enforce; did you mean "
     "`enforce`?\n"},
    {"a number below its range", "sessions = 0",
     "t:1:12: sessions: `0` is not from 1 to 100000\n"},
    {"a number above its range", "sessions = 100001",
     "t:1:12: sessions: `100001` is not from 1 to 100000\n"},
    {"a number beyond all", "sessions = 99999999999999999999999",
     "t:1:12: sessions: `99999999999999999999999` is no number\n"},
    {"an octal number", "socket_mode = 0888",
     "t:1:15: socket_mode: `0888` is no octal number\n"},
    {"one above its range", "socket_mode = 01777",
     "t:1:15: socket_mode: `01777` is not from 0000 to 0777\n"},
    {"a size", "store { memory = 1T }",
     "t:1:18: memory: `1T` is no size such as 512M or 1G\n"},
    {"a size below its range", "store { memory = 1M }",
     "t:1:18: memory: `1M` is not from 16M to 1024G\n"},
    {"a size that overflows", "store { memory = 18446744073709551615G }",
     "t:1:18: memory: `18446744073709551615G` is no size such as 512M or "
     "1G\n"},
    {"a size that nearly does", "store { memory = 1844674407370955161G }",
     "t:1:18: memory: `1844674407370955161G` is not from 16M to 1024G\n"},
    {"off or not off", "network x { off = yes, no }\nlimit user { off = on }",
     "t:1:24: off: only one value can stand here\n"
     "t:2:20: off: `on` is none of: no | yes\n"},
    {"a percentage", "limit user { warn = 80 }",
     "t:1:21: warn: `80` is no percentage such as 80%\n"},
    {"all of it is no warning", "limit user { warn = 100% }",
     "t:1:21: warn: `100%` is not from 1% to 99%\n"},
    {"a path", "store { path = var/lib }",
     "t:1:16: path: `var/lib` does not begin with /\n"},
    {"a user", "user = a:b",
     "t:1:8: user: `a:b` is no name of a user or "
     "group\n"},
    {"a day", "network a { addr = ::2 mode = observe until = 2027-02-29 }",
     "t:1:47: until: `2027-02-29` is no day such as 2027-03-31\n"},
    {"a socket of no kind", "socket = /run/x",
     "t:1:10: socket: `/run/x` is none of local:/path, unix:/path, "
     "inet:port@host, inet6:port@host, fd:N\n"},
    {"a socket without path", "socket = unix:x",
     "t:1:10: socket: `x` does not begin with /\n"},
    {"a socket without host", "socket = inet:25",
     "t:1:10: socket: `25` is not of the form port@host\n"},
    {"a port of none", "socket = inet:0@127.0.0.1",
     "t:1:10: socket: the port is not from 1 to 65535\n"},
    {"a descriptor of ours", "socket = fd:2",
     "t:1:10: socket: `2` is no descriptor from 3 to 1023\n"},
    {"a domain", "users { default_domain = a..b }",
     "t:1:26: default_domain: `a..b` is no domain name\n"},
    {"a text that is too long for an SMTP reply",
     "reply relay.hop { text = \"\" }\nreply relay.none { text = b\xc3\xb6se }",
     "t:1:26: text: the text is empty\n"
     "t:2:27: text: a reply can hold printable ASCII only\n"},
    {"a line break in a reply", "reply relay.hop { text = \"a\\nb\" }",
     "t:1:26: text: a reply can hold printable ASCII only\n"},
    {"names in a reply", "reply relay.hop { text = '{sendr} {used' }",
     "t:1:26: text: no reply knows `{sendr}`; did you mean `sender`?\n"
     "t:1:26: text: `{` without a name and `}` behind it\n"},
    {"a reply for no rule", "reply limit.usr { text = x }",
     "t:1:1: there is no rule `limit.usr`; did you mean `limit.user`?\n"},
    {"a reply for what refuses nothing", "reply limit.postmaster { text = x }",
     "t:1:1: there is no rule `limit.postmaster`\n"},
    /* networks, domains, listeners */
    {"a network without addresses", "network a { relay = any }",
     "t:1:1: `network a` needs `addr`\n"},
    {"a prefix in two networks",
     "network a { addr = ::2 }\nnetwork b { addr = ::3, ::2 }",
     "t:2:25: addr: `::2` stands already in network `a`, t:1:20\n"},
    {"the same prefix written in another way",
     "network a { addr = 192.0.2.1 }\nnetwork b { addr = 192.0.2.1/32 }",
     "t:2:20: addr: `192.0.2.1/32` stands already in network `a`, t:1:20\n"},
    {"loopback is a network like others", "network a { addr = 127.0.0.0/8 }",
     "t:1:20: addr: `127.0.0.0/8` stands already in network `loopback`, "
     "built in\n"},
    {"a table of another type", "network a { addr = texthash:/x }",
     "t:1:20: addr: `texthash:/x` is not of the form cidr:/path\n"},
    {"a table that is not there", "owners { file = texthash:/nowhere/x }",
     "t:1:17: /nowhere/x: cannot open it: No such file or directory\n"},
    {"a sender pattern", "network a { addr = ::2 sender = a@, .org, a@b@c }",
     "t:1:33: sender: `a@` cannot stand in a list of sender patterns\n"
     "t:1:43: sender: `a@b@c` cannot stand in a list of sender patterns\n"},
    {"a port", "listener x { port = 0, 65536, 5 }",
     "t:1:21: port: `0` is no port from 1 to 65535\n"
     "t:1:24: port: `65536` is no port from 1 to 65535\n"},
    {"local has no port", "listener local { port = 25 auth = allow }",
     "t:1:18: the listener `local` has no `port`\n"
     "t:1:28: the listener `local` has no `auth`\n"},
    {"owned without owners", "listener submission { sender = owned }",
     "t:1:32: sender: owned needs a block `owners`\n"},
    {"owners without file", "owners { }", "t:1:1: `owners` needs `file`\n"},
    {"domains of none", "domains a { subdomains = yes }",
     "t:1:1: `domains a` needs `list` or `file`\n"},
    {"a domain that is none", "domains a { list = a@b, c d }",
     "t:1:27: list: a comma is missing before `d`\n"},
    {"more than one that are none", "domains a { list = a@b, c/d }",
     "t:1:20: list: `a@b` is no domain name\n"
     "t:1:25: list: `c/d` is no domain name\n"},
    /* limits */
    {"a limit of nothing", "limit x { }",
     "t:1:1: `limit x` needs `key`\nt:1:1: `limit x` needs `count`\n"
     "t:1:1: `limit x` needs `rate`\n"},
    {"a limit without metric is told once",
     "limit x { key = user rate = 5/msg }\n"
     "limit postmaster { count = mesages }",
     "t:1:1: `limit x` needs `count`\n"
     "t:2:28: count: `mesages` is none of: connections | messages | "
     "recipients | external | bad_recipients | bytes; did you mean "
     "`messages`?\n"},
    {"a key", "limit user { key = users }",
     "t:1:20: key: `users` is none of: client | prefix | user | sender | "
     "domain | network; did you mean `user`?\n"},
    {"half a pair", "limit user { key = user+ }",
     "t:1:20: key: `` is none of: client | prefix | user | sender | domain "
     "| network\n"},
    {"a pair of the same", "limit user { key = user+user }",
     "t:1:20: key: both halves of `user+user` are the same\n"},
    {"three", "limit user { key = user+sender+client }",
     "t:1:20: key: `sender+client` is none of: client | prefix | user | "
     "sender | domain | network\n"},
    {"prefix lengths out of range", "limit user { key = prefix/7 }",
     "t:1:20: key: `prefix/7`: prefix lengths are written /24 or /24/56, "
     "from 8 to 32 and 16 to 128\n"},
    {"lengths of what has none", "limit user { key = client/24 }",
     "t:1:20: key: `client/24` is none of: client | prefix | user | sender "
     "| domain | network; did you mean `client`?\n"},
    {"rates", "limit user { rate = 1/5s, 1/1h, 2/60m, x }",
     "t:1:21: rate: the span `5s` is not from 12s to 366d\n"
     "t:1:33: rate: the span 1h stands twice\n"
     "t:1:40: rate: `x` is no rate such as 200/1h\n"},
    {"per message only what a message has many of",
     "limit burst { rate = 5/msg }",
     "t:1:22: rate: /msg is for limits that count recipients or external\n"},
    {"connections of users",
     "limit x { key = user count = connections rate = 1/1h in = strangers }",
     "t:1:17: key: connections can be counted by client, prefix or network "
     "only\n"},
    {"connections of logins",
     "limit x { key = client count = connections rate = 1/1h "
     "in = relays, logins }",
     "t:1:69: in: connections can be counted for strangers and relays "
     "only\n"},
    {"connections held", "limit connect { action = hold }",
     "t:1:26: action: a connection cannot be held\n"},
    {"postmaster counts messages", "limit postmaster { count = recipients }",
     "t:1:28: count: limit.postmaster counts messages\n"},
    {"unknown networks",
     "limit user { in = strangerz, !offise }\n"
     "network office { addr = ::2 }",
     "t:1:19: in: there is no network `strangerz`; did you mean "
     "`strangers`?\n"
     "t:1:30: in: there is no network `offise`; did you mean `office`?\n"},
    {"unknown listeners", "limit user { on = mxx, !submision }",
     "t:1:19: on: there is no listener `mxx`; did you mean `mx`?\n"
     "t:1:24: on: there is no listener `submision`; did you mean "
     "`submission`?\n"},
    {"a kind is no network to skip from",
     "listener x { port = 1 skip = yes from = strangers }",
     "t:1:41: from: there is no network `strangers`\n"},
    {"tables for addresses are cidr tables",
     "limit relay { rates = texthash:/x map = texthash:/x }",
     "t:1:23: rates: `texthash:/x` is not of the form cidr:/path\n"
     "t:1:41: map: `texthash:/x` is not of the form cidr:/path\n"},
    {"tables for users are not", "limit user { rates = cidr:/x }",
     "t:1:22: rates: `cidr:/x` is not of the form texthash:/path\n"},
    {"a table of no type", "limit user { rates = hash:/x }",
     "t:1:22: rates: `hash:/x` is not of the form texthash:/path\n"},
    /* exempt */
    {"nobody is exempt", "exempt e { skip = limits }",
     "t:1:1: `exempt e` needs user, sender, domain, client or network\n"},
    {"from nothing", "exempt e { client = ::1 }",
     "t:1:1: `exempt e` needs skip or class\n"},
    {"from what is not there", "exempt e { client = ::1 skip = limit.usr }",
     "t:1:32: skip: there is no limit `usr`; did you mean `user`?\n"},
    {"from relay rules", "exempt e { client = ::1 skip = relay, limts }",
     "t:1:32: skip: `relay` is none of: limits | limit.NAME | zombies | "
     "zombie.NAME | spf | dnsbl | dnsbl.NAME\n"
     "t:1:39: skip: `limts` is none of: limits | limit.NAME | zombies | "
     "zombie.NAME | spf | dnsbl | dnsbl.NAME; did you mean `limits`?\n"},
    {"from what refuses nothing",
     "exempt e { client = ::1 skip = limit.postmaster }",
     "t:1:32: skip: limit.postmaster refuses nothing; there is nothing to "
     "skip\n"},
    {"no sender is no sender", "exempt e { sender = '<>', ann skip = limits }",
     "t:1:21: sender: `<>` cannot stand in a list of addresses\n"
     "t:1:27: sender: `ann` cannot stand in a list of addresses\n"},
    {"a network that is not there", "exempt e { network = x skip = limits }",
     "t:1:22: network: there is no network `x`\n"},
    /* includes */
    {"a file that is not there", "include /nowhere/x.conf",
     "t:1:9: `/nowhere/x.conf`: cannot open it: No such file or directory\n"},
    {"a folder", "include /tmp", "t:1:9: `/tmp`: it is no regular file\n"},
};

static void
test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(errors); i++) {
        struct config *config = NULL;

        expect(errors[i].name, heard_load(&heard, errors[i].text, TODAY_S,
                                          &config) == MS_INVALID);
        expect(errors[i].name, config == NULL);
        if (strcmp(heard.text, errors[i].heard) != 0)
            fail_msg("%s:\n%s", errors[i].name, heard.text);
    }
}

/* Every warning of a text that is good. */
static const struct {
    const char *name, *text, *heard;
} warnings[] = {
    {"no domains", "mode = observe",
     "t:1:1: no `domains`: strangers can send to nobody here\n"},
#define D "domains d { list = example.org }\n"
    {"a good file", D, ""},
    {"relaying for a /15", D "network a { addr = 198.18.0.0/15 relay = any }",
     "t:2:1: network `a` may relay from all of 198.18.0.0/15 (t:2:20)\n"},
    {"but not for a /16", D "network a { addr = 198.18.0.0/16 relay = any }",
     ""},
    {"nor for what is private",
     D "network a { addr = 10.0.0.0/8, 172.16.0.0/12, fc00::/7 relay = any }",
     ""},
    {"nor for what holds more than private networks",
     D "network a { addr = 10.0.0.0/7 relay = any }",
     "t:2:1: network `a` may relay from all of 10.0.0.0/7 (t:2:20)\n"},
    {"relaying for an IPv6 /31",
     D "network a { addr = 2001:db8::/31 relay = any }",
     "t:2:1: network `a` may relay from all of 2001:db8::/31 (t:2:20)\n"},
    {"but not for a /32", D "network a { addr = 2001:db8::/32 relay = any }",
     ""},
    {"a wide network that may not relay", D "network a { addr = 0.0.0.0/0 }",
     ""},
    {"logins on mx", D "listener mx { auth = allow }",
     "t:2:22: auth: clients may log in on mx, where passwords are guessed\n"},
    {"logins on mx from a network", D "network a { addr = ::2 auth = allow }",
     "t:2:31: auth: clients in network `a` may log in on mx too\n"},
    {"nobody can send to mx", D "listener mx { auth = require }",
     "t:2:22: auth: other mail servers cannot send to mx\n"},
    {"a day that has passed",
     D "network a { addr = ::2 mode = observe until = 2027-01-14 }",
     "t:2:47: until: it has passed; the mode of network `a` does not hold "
     "any more\n"},
    {"but not today's",
     D "network a { addr = ::2 mode = observe until = 2027-01-15 }", ""},
    {"until without mode", D "network a { addr = ::2 until = 2027-12-31 }",
     "t:2:32: until: it ends the network's `mode`, which is not written\n"},
    {"an exempt that has ended",
     D "exempt e { client = ::1 skip = limit.user until = 2027-01-14 }",
     "t:2:51: until: exempt `e` has ended\n"},
    {"a listener without port", D "listener x { auth = allow }",
     "t:2:1: no client can reach listener `x`: it has no port or name of its "
     "own\n"},
    {"a listener whose port is taken", D "listener x { port = 25 }",
     "t:2:1: no client can reach listener `x`: it has no port or name of its "
     "own\n"
     "t:2:21: port: 25 is listener `mx` already\n"},
    {"one port of several", D "listener x { port = 25, 26 }",
     "t:2:21: port: 25 is listener `mx` already\n"},
    {"a name that is taken, in another case",
     D "listener x { name = Smtp }\nlistener y { name = smtp port = 26 }",
     "t:3:21: name: `smtp` is listener `x` already\n"},
    {"skipping nobody",
     D "listener x { port = 26 skip = yes }\nnetwork loopback { off = yes }",
     "t:2:1: from: no such network is there; nobody is skipped\n"},
    {"a limit on nothing",
     D "limit x { key = user count = messages rate = 1/1h on = mx, !mx }",
     "t:2:56: on: limit `x` holds on no listener\n"},
    {"a limit in nothing",
     D "network a { addr = ::2 }\n"
       "limit x { key = user count = messages rate = 1/1h in = a, !a }",
     "t:3:56: in: limit `x` never holds: nobody there has its key\n"},
    {"a limit for the users of strangers",
     D "limit x { key = user count = messages rate = 1/1h in = strangers }",
     "t:2:56: in: limit `x` never holds: nobody there has its key\n"},
    {"a limit that an exemption always shadows",
     D "network a { addr = ::2 }\n"
       "limit x { key = client count = messages rate = 1/1h in = a }\n"
       "exempt e { network = a skip = limit.x }",
     "t:3:1: limit `x` never holds: all it could count is in exempt `e`, "
     "t:4:1\n"},
    {"not if the exemption has ended",
     D "network a { addr = ::2 }\n"
       "limit x { key = client count = messages rate = 1/1h in = a }\n"
       "exempt e { network = a skip = limit.x until = 2027-01-14 }",
     "t:4:47: until: exempt `e` has ended\n"},
    {"not if it is for some of them",
     D "network a { addr = ::2 }\n"
       "limit x { key = client count = messages rate = 1/1h in = a }\n"
       "exempt e { network = a user = ann skip = limit.x }",
     ""},
    {"everybody is exempt",
     D "exempt e { client = 0.0.0.0/0, ::/0 skip = limit.user }",
     "t:2:1: limit `user` never holds: all it could count is in exempt `e`, "
     "t:2:1\n"},
    {"the same prefix twice in a network",
     D "network a { addr = ::2, ::3, ::2 }",
     "t:2:30: addr: `::2` stands already in network `a`, t:2:20\n"},
    {"a milter for the whole world", D "socket = inet:8891@0.0.0.0",
     "t:2:10: socket: whoever reaches this port can ask; a milter has no "
     "password\n"},
};

/* "warning: " before each line of WANTED. */
static bool
is_heard(const char *wanted)
{
    const char *got = heard.text;

    for (; *got != '\0' && *wanted != '\0';
         got = strchr(got, '\n') + 1, wanted = strchr(wanted, '\n') + 1) {
        size_t len = strcspn(wanted, "\n") + 1;

        if (strncmp(got, "warning: ", 9) != 0 ||
            strncmp(got + 9, wanted, len) != 0)
            return false;
    }
    return *got == *wanted;
}

static void
test_warnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(warnings); i++) {
        struct config *config = NULL;

        if (heard_load(&heard, warnings[i].text, TODAY_S, &config) != MS_OK)
            fail_msg("%s:\n%s", warnings[i].name, heard.text);
        if (!is_heard(warnings[i].heard))
            fail_msg("%s:\n%s", warnings[i].name, heard.text);
        config_destroy(config);
    }
}

/* ----- bounds of a whole configuration */

static char text[200000];

static void
begin(void)
{
    text[0] = '\0';
}

static void add(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
add(const char *format, ...)
{
    size_t len = strlen(text);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text + len, sizeof(text) - len, format, args);
    va_end(args);
}

static void
load_and_expect(const char *name, enum ms_err err, const char *wanted)
{
    struct config *config = NULL;

    expect(name, heard_load(&heard, text, TODAY_S, &config) == err);
    if (strcmp(heard.text, wanted) != 0)
        fail_msg("%s:\n%s", name, heard.text);
    config_destroy(config);
}

static void
expect_error(const char *name, unsigned line, const char *who, unsigned most,
             const char *what)
{
    char wanted[128];

    (void)snprintf(wanted, sizeof(wanted),
                   "t:%u:1: from here on, %s together have more than "
                   "%u %s\n",
                   line, who, most, what);
    load_and_expect(name, MS_INVALID, wanted);
}

/* The built-in limits have 12 rates for 2 kinds of keys, which are also those
 * of the 2 built-in rules about zombies. */
static void
test_bounds(void **state)
{
    (void)state;
    begin();
    add("domains d { list = example.org }\n");
    for (unsigned i = 0; i < CHARGE_ITEMS - 14; i++)
        add("limit x%u { key = user count = messages rate = 1/1h }\n", i);
    load_and_expect("as many rates as a step can hold", MS_OK, "");
    add("limit y1 { key = user count = messages rate = 1/1h }\n");
    add("limit y2 { key = user count = messages rate = 1/1h }\n");
    expect_error("one rate more", CHARGE_ITEMS - 12, "all limits",
                 CHARGE_ITEMS - 2, "rates");

    begin();
    add("domains d { list = example.org }\n");
    for (unsigned i = 0; i < CHARGE_SUBJECTS - 2; i++)
        add("limit x%u { key = prefix/24/%u count = messages rate = 1/1h }\n",
            i, 16 + i);
    load_and_expect("as many kinds of keys as a step can hold", MS_OK, "");
    add("limit y { key = network count = messages rate = 1/1h }\n");
    expect_error("one kind more", CHARGE_SUBJECTS, "limits and zombies",
                 CHARGE_SUBJECTS, "kinds of keys");
    add("zombie account { off = yes }\nzombie machine { off = yes }\n"
        "limit y2 { key = user count = messages rate = 1/1h }\n");
    expect_error("zombies' kinds were the limits' too", CHARGE_SUBJECTS,
                 "limits and zombies", CHARGE_SUBJECTS, "kinds of keys");

    begin();
    add("domains d { list = example.org }\n");
    for (unsigned i = 1; i <= 60; i++)
        add("listener x%u { port = 1%u }\n", i, i);
    load_and_expect("64 listeners are fine", MS_OK, "");
    add("listener y { port = 21 }\n");
    load_and_expect("65 are not", MS_INVALID,
                    "t:62:1: more than 64 listeners\n");

    begin();
    for (unsigned i = 0; i < 1500; i++)
        add("x%u = y\n", i);
    assert_int_equal(heard_load(&heard, text, TODAY_S, NULL), MS_INVALID);
    assert_non_null(strstr(heard.text, "t:700:1: unknown option `x699`\n"));

    begin();
    for (unsigned i = 0; i < 20000; i++)
        add("a{");
    load_and_expect("blocks in blocks", MS_INVALID,
                    "t:1:1: unknown block `a`\n");
}

/* Ends the rest of a thousand errors by counting them. */
static size_t told;
static char last[128];

static void
count_line(void *arg, const char *line)
{
    (void)arg;
    told++;
    (void)snprintf(last, sizeof(last), "%s", line);
}

static void
test_many_errors(void **state)
{
    const struct config_report report = {count_line, count_line, NULL};
    struct config *config = NULL;

    (void)state;
    begin();
    for (unsigned i = 0; i < 1500; i++)
        add("x%u = y\n", i);
    assert_int_equal(
        config_load_text("t", text, (struct wall){TODAY_S}, &report, &config),
        MS_INVALID);
    assert_int_equal(told, 1001);
    assert_string_equal(last, "and 500 more errors");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_many_errors),
    };

    return cmocka_run_group_tests_name("config_error", tests, NULL, NULL);
}
