/* SPDX-License-Identifier: BSD-2-Clause */
#include <config.h>

#include "ctl/relay/advice.h"

#define HOLE(h) (1U << HOLE_##h)
#define HOPS                                                                   \
    (HOLE(PERCENT) | HOLE(BANG) | HOLE(ROUTE) | HOLE(QUOTED) | HOLE(DOUBLE) |  \
     HOLE(BACKUP))
#define FOREIGN (HOLE(ANYBODY) | HOLE(LITERAL) | HOLE(SPELLING))
#define ALL (FOREIGN | HOPS | HOLE(SENDER))

static const struct {
    unsigned holes;
    enum relay_mta mta;
    struct advice advice;
} relays[] = {
    {FOREIGN,
     RELAY_POSTFIX,
     {"Relay for your own networks and for logins only.",
      {"postconf -e 'smtpd_relay_restrictions = permit_mynetworks, "
       "permit_sasl_authenticated, reject_unauth_destination'",
       "postfix reload"}}},
    {FOREIGN,
     RELAY_POSTFIX,
     {"Trust no network that is not yours: a wide mynetworks, or a gateway in "
      "it that others come through, opens the server to all of them.  Write "
      "your own behind these two.",
      {"postconf mynetworks mynetworks_style",
       "postconf -e 'mynetworks = 127.0.0.0/8 [::1]/128'", "postfix reload"}}},
    {FOREIGN | HOLE(BACKUP),
     RELAY_POSTFIX,
     {"Look whether an access table says OK or permit where it should say "
      "DUNNO, whether relay_domains names more than yours, and whether a "
      "service "
      "in master.cf goes by rules of its own.",
      {"postconf -n | grep -E '_restrictions|relay_domains'",
       "postconf -P | grep -E '_restrictions|mynetworks'"}}},
    {HOLE(SENDER),
     RELAY_POSTFIX,
     {"A sender address proves nothing: take check_sender_access and the like "
      "out of what comes before reject_unauth_destination.",
      {"postconf -n | grep -E 'check_sender|permit'",
       "postconf -e 'smtpd_relay_restrictions = permit_mynetworks, "
       "permit_sasl_authenticated, reject_unauth_destination'",
       "postfix reload"}}},
    {HOPS,
     RELAY_POSTFIX,
     {"Follow no second hop in an address.",
      {"postconf -e 'allow_untrusted_routing = no' 'allow_percent_hack = no' "
       "'swap_bangpath = no' 'resolve_dequoted_address = yes'",
       "postfix reload"}}},
    {HOLE(LITERAL),
     RELAY_POSTFIX,
     {"Send to no bare IP address.",
      {"postconf -e 'resolve_numeric_domain = no'", "postfix reload"}}},
    {HOLE(SPELLING),
     RELAY_POSTFIX,
     {"Take addresses as the standard writes them only.",
      {"postconf -e 'strict_rfc821_envelopes = yes'", "postfix reload"}}},
    {HOLE(SUBDOMAIN),
     RELAY_POSTFIX,
     {"Names below a domain need not be taken with it.",
      {"postconf -e 'parent_domain_matches_subdomains ='", "postfix reload"}}},

    {FOREIGN,
     RELAY_SENDMAIL,
     {"Take FEATURE(`promiscuous_relay') and FEATURE(`relay_entire_domain') "
      "out of sendmail.mc, and networks and domains that are not yours out of "
      "access (RELAY) and relay-domains; then make the files anew.",
      {"grep -n relay /etc/mail/sendmail.mc",
       "grep -n RELAY /etc/mail/access; cat /etc/mail/relay-domains",
       "make -C /etc/mail && systemctl restart sendmail"}}},
    {HOLE(SENDER),
     RELAY_SENDMAIL,
     {"A sender address proves nothing: take FEATURE(`relay_local_from') and "
      "FEATURE(`relay_mail_from') out of sendmail.mc.",
      {"grep -nE 'relay_(local|mail)_from' /etc/mail/sendmail.mc",
       "make -C /etc/mail && systemctl restart sendmail"}}},
    {HOPS | HOLE(LITERAL) | HOLE(SPELLING),
     RELAY_SENDMAIL,
     {"Take FEATURE(`loose_relay_check') out of sendmail.mc; where there is "
      "no UUCP, write FEATURE(`nouucp', `reject').",
      {"grep -nE 'loose_relay_check|nouucp' /etc/mail/sendmail.mc",
       "make -C /etc/mail && systemctl restart sendmail"}}},
    {HOLE(SUBDOMAIN) | HOLE(BACKUP),
     RELAY_SENDMAIL,
     {"Write FEATURE(`relay_hosts_only'), so that a name in relay-domains is "
      "that name alone.",
      {"make -C /etc/mail && systemctl restart sendmail"}}},

    {FOREIGN,
     RELAY_EXIM,
     {"Let acl_check_rcpt end in a refusal of what is neither yours nor by a "
      "login, and relay_from_hosts name your networks only (on Debian "
      "dc_relay_nets in /etc/exim4/update-exim4.conf.conf).",
      {"exim -bP hostlist relay_from_hosts",
       "# in acl_check_rcpt:  require message = relay not permitted",
       "#                             domains = +local_domains : "
       "+relay_to_domains",
       "update-exim4.conf && systemctl restart exim4"}}},
    {HOLE(SENDER),
     RELAY_EXIM,
     {"A sender address proves nothing: let no accept in acl_check_rcpt rest "
      "on senders or sender_domains.",
      {"grep -rn 'senders\\|sender_domains' /etc/exim4"}}},
    {HOPS | HOLE(SPELLING),
     RELAY_EXIM,
     {"Refuse local parts with a second hop, at the head of acl_check_rcpt, "
      "and write no percent_hack_domains.",
      {"# deny local_parts = ^.*[@%!/|]", "grep -rn percent_hack /etc/exim4",
       "update-exim4.conf && systemctl restart exim4"}}},
    {HOLE(LITERAL),
     RELAY_EXIM,
     {"Send to no bare IP address: allow_domain_literals = false, and no "
      "router that uses ipliteral.",
      {"grep -rn 'ipliteral\\|allow_domain_literals' /etc/exim4"}}},
    {HOLE(SUBDOMAIN) | HOLE(BACKUP),
     RELAY_EXIM,
     {"Name domains in local_domains and relay_to_domains in full, without an "
      "asterisk.",
      {"exim -bP domainlist relay_to_domains"}}},

    {ALL,
     RELAY_MTA_UNKNOWN,
     {"mortsafe before the server refuses all of these from strangers: see "
      "mortsafectl setup. Close the server all the same.",
      {NULL}}},
};

#define KIND(k) (1U << PROXY_##k)
#define HTTP (KIND(CONNECT) | KIND(POST) | KIND(GET) | KIND(PUT))
#define SOCKS (KIND(SOCKS4) | KIND(SOCKS4A) | KIND(SOCKS5))

static const struct {
    unsigned kinds;
    struct advice advice;
} proxies[] = {
    {HTTP | SOCKS | KIND(TELNET),
     {"Which program is it?  Look who listens on the port.", {"ss -ltnp"}}},
    {HTTP,
     {"squid: allow your own networks only, tunnels to port 443 only, and deny "
      "the rest at the end.",
      {"acl localnet src 192.0.2.0/24  # yours",
       "http_access deny CONNECT !SSL_ports", "http_access allow localnet",
       "http_access deny all"}}},
    {HTTP,
     {"Apache httpd: ProxyRequests is for forward proxies; a web server needs "
      "it off, and ProxyPass works without it.",
      {"ProxyRequests Off", "apachectl -M | grep proxy_connect",
       "a2dismod proxy_connect && systemctl reload apache2"}}},
    {HTTP,
     {"nginx: proxy_pass must name your server, not what the client asked for.",
      {"grep -rnE 'proxy_pass[^;]*\\$(host|http_host|request_uri)' "
       "/etc/nginx"}}},
    {HTTP | SOCKS,
     {"3proxy, dante: listen inside only, and let nobody in without a login "
      "or from elsewhere.",
      {"# 3proxy.cfg:   auth strong / allow * 192.0.2.0/24 / deny *",
       "# danted.conf:  internal: 192.0.2.1",
       "#               client pass { from: 192.0.2.0/24 to: 0.0.0.0/0 }",
       "#               client block { from: 0.0.0.0/0 to: 0.0.0.0/0 }"}}},
    {SOCKS,
     {"ssh: -D, and -L or -R with -g, listen for everybody; bind them to "
      "loopback, and let sshd do so.",
      {"ps ax | grep '[s]sh .*-[DgLR]'", "ssh -D 127.0.0.1:1080 host",
       "# sshd_config:  GatewayPorts no"}}},
    {KIND(TELNET),
     {"telnet gateways: switch them off, ssh has taken their place.",
      {"systemctl disable --now telnet.socket inetd xinetd"}}},
    {HTTP | SOCKS | KIND(TELNET),
     {"A router that opens ports on request (UPnP) may have opened this one: "
      "switch UPnP off and take away forwardings that nobody asked for.",
      {"upnpc -l"}}},
    {HTTP | SOCKS | KIND(TELNET),
     {"Nobody installed it?  Then it is malware that rents the machine out: "
      "take it off the network, look how it came in, set it up anew and change "
      "its passwords.  Until then, let the firewall close the port.",
      {NULL}}},
};

const char *
advice_mta_name(enum relay_mta mta)
{
    static const char *const names[] = {[RELAY_MTA_UNKNOWN] = "any mail server",
                                        [RELAY_POSTFIX] = "Postfix",
                                        [RELAY_SENDMAIL] = "Sendmail",
                                        [RELAY_EXIM] = "Exim"};

    return names[mta];
}

const struct advice *
advice_relay(unsigned wanted, enum relay_mta mta, size_t n)
{
    for (size_t i = 0; i < sizeof(relays) / sizeof(relays[0]); i++)
        if (relays[i].mta == mta && (relays[i].holes & wanted) != 0 && n-- == 0)
            return &relays[i].advice;
    return NULL;
}

const struct advice *
advice_proxy(unsigned wanted, size_t n)
{
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
        if ((proxies[i].kinds & wanted) != 0 && n-- == 0)
            return &proxies[i].advice;
    return NULL;
}
