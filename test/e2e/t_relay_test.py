#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl relay-test on real servers: open, closed, open with mortsafe before it."""
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import daemon
import mta
import place
import tap
import world

CTL = os.path.join(os.path.dirname(place.mortsafe_path()), 'mortsafectl')
# Postfix lets a second pass before each message that is begun and given up.
QUICK = {'postfix': {'main': ['in_flow_delay = 0']}, 'sendmail': {}}


def ask(*words):
    """Returns the exit code, what was printed, and the complaints."""
    done = subprocess.run([CTL, 'relay-test', '-s', '/nonexistent'] + list(words),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def judge(server, code, name, *words, verdict):
    got, text, why = ask('-j', '--domain', 'example.org', '--relay-domain', 'relay.example',
                         *words, '127.0.0.1:%d' % server.mx)
    tap.equal(got, code, name, text=text[-500:], why=why)
    answer = json.loads(text)
    tap.equal(answer['verdict'], verdict, '%s: so it says' % name, why=answer['why'])
    return answer


def strangers(kind):
    """How a test on loopback is a stranger: XCLIENT, or an address that is not trusted."""
    return [] if kind == 'postfix' else ['--from', '127.0.0.66', '--stranger']


def a_closed(kind):
    server = mta.KINDS[kind](auth_mx='yes', **QUICK[kind]).start()
    answer = judge(server, 0, 'a closed %s' % kind, *strangers(kind), verdict='closed')
    tap.ok(len(answer['forms']) > 70, 'all forms were tried', n=len(answer['forms']))
    bad = [f for f in answer['forms']
           for p in ('helo', 'ehlo', 'rset') if f[p] not in ('refused', 'hung up')]
    tap.equal([f['form'] for f in bad if f['form'] not in
               ('a name below the domain', 'the null address')], [], 'each is refused in each place')
    tap.equal(answer['tls'], True, 'STARTTLS was offered')
    tap.ok(all(f['starttls'] == 'refused' for f in answer['forms']), 'and tried')
    tap.equal(answer['xclient'], kind == 'postfix', 'by XCLIENT where that is allowed')
    tap.equal(server.queue(), [], 'no message was sent')
    if kind == 'postfix':
        by_script(server, 0, 'closed')
    server.stop()


def by_script(server, code, verdict):
    """The printed script comes to the same verdict, in each way it can speak TCP."""
    got, text, why = ask('--print-script', '--domain', 'example.org',
                         '127.0.0.1:%d' % server.mx)
    tap.equal(got, 0, 'a script is printed', why=why)
    script = place.write('relay-%d.sh' % server.mx, text)
    for way in ('bash', 'python3', 'perl'):
        done = subprocess.run(['sh', script], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=120,
                              env=dict(os.environ, WAY=way))
        tap.equal(done.returncode, code, 'the script says %s by %s' % (verdict, way),
                  out=done.stdout[-500:], err=done.stderr[-500:])
        tap.ok('Verdict: %s' % verdict in done.stdout, 'and in words by %s' % way)


def an_open(kind):
    server = mta.KINDS[kind](auth_mx='yes', open='yes', **QUICK[kind]).start()
    answer = judge(server, 1, 'an open %s' % kind, *strangers(kind), verdict='OPEN')
    tap.ok('anybody' in answer['holes'], 'anybody may send', holes=answer['holes'])
    got, text, why = ask(*strangers(kind), '127.0.0.1:%d' % server.mx)
    tap.equal(got, 1, 'and for people', why=why)
    closes = {'postfix': 'reject_unauth_destination', 'sendmail': 'promiscuous_relay'}
    tap.ok(closes[kind] in text, 'what closes it is told', text=text[-900:])
    tap.equal(server.queue(), [], 'no message was sent')
    judge(server, 1, 'the same, and messages', '--deliver', 'me@elsewhere.test',
          *strangers(kind), verdict='OPEN')
    queue = server.queue()
    tap.ok(len(queue) > 30, 'a message by each form that is accepted', n=len(queue))
    tap.ok(all('elsewhere.test' in r for m in queue for r in m.recipients),
           'all of them to the one address', queue=queue)
    if kind == 'postfix':
        by_script(server, 1, 'OPEN')
    server.stop()


def trusted(kind):
    """A server that trusts where this runs: no verdict."""
    how = {'networks': '127.0.0.0/8', 'main': ['smtpd_authorized_xclient_hosts =',
                                               'in_flow_delay = 0']}
    server = mta.KINDS[kind](**(how if kind == 'postfix' else {})).start()
    answer = judge(server, 2, 'a %s that trusts us' % kind, verdict='cannot tell')
    tap.ok(answer['trusted'], 'it says so')
    got, text, _ = ask('127.0.0.1:%d' % server.mx)
    tap.ok(got == 2 and '--print-script' in text, 'and what to do instead', text=text)
    server.stop()


def guarded(kind):
    """mortsafe before an open server closes it."""
    w = world.World(kind, auth_mx='yes', open='yes', **QUICK[kind]).start()
    answer = judge(w.server, 0, 'an open %s with mortsafe before it' % kind,
                   *strangers(kind), verdict='closed')
    tap.equal([f['form'] for f in answer['forms'] if 'ACCEPTED' in
               [f[p] for p in ('helo', 'ehlo', 'starttls', 'rset')]], [], 'no form passes')
    tap.ok(w.safe.decisions(rule='relay.denied'), 'mortsafe refused it')
    w.server.stop()
    w.safe.end()


def closed_postfix():
    """A closed Postfix"""
    a_closed('postfix')


def closed_sendmail():
    """A closed Sendmail"""
    a_closed('sendmail')


def open_postfix():
    """An open Postfix"""
    an_open('postfix')


def open_sendmail():
    """An open Sendmail"""
    an_open('sendmail')


def trusting():
    """Servers that trust whoever asks"""
    trusted('postfix')
    trusted('sendmail')


def with_mortsafe():
    """Open servers behind mortsafe"""
    guarded('postfix')
    guarded('sendmail')


def by_tls_alone():
    """Postfix that talks only by TLS, and one as it comes"""
    port = place.port()
    encrypted = ['127.0.0.1:%d inet n - n - - smtpd' % port,
                 '  -o smtpd_tls_security_level=encrypt']
    for networks, code, verdict in ('127.0.0.9/32', 0, 'closed'), ('0.0.0.0/0', 1, 'OPEN'):
        server = mta.Postfix(networks=networks, master=encrypted,
                             main=['in_flow_delay = 0', 'smtpd_relay_restrictions = '
                                   'permit_mynetworks, defer_unauth_destination']).start()
        judge(server, code, 'a Postfix that says 454, or relays', verdict=verdict)
        server.mx = port
        answer = judge(server, code, 'the same by TLS alone', verdict=verdict)
        plain = answer['forms'][0]
        tap.equal((plain['ehlo'], plain['starttls']),
                  ('refused', 'ACCEPTED' if code else 'refused'), 'it was asked there')
        by_script(server, code, verdict)
        server.stop()


def others():
    """Hosts that are not ours"""
    got, text, why = ask('192.0.2.1')
    tap.equal((got, text), (77, ''), 'somebody else\'s is not tried', why=why)
    tap.ok('own_hosts' in why, 'and what to do is told', why=why)
    nobody = str(place.port())
    got, text, why = ask('127.0.0.1:' + nobody)
    tap.ok(got == 2 and 'cannot tell' in text, 'where nobody listens nothing can be told',
           text=text, why=why)
    tap.equal(ask('127.0.0.1:0')[0], 64, 'port 0 is none')
    tap.equal(ask('--print-script', '127.0.0.1')[0], 64, 'a script wants a domain')
    tap.equal(ask('--deliver', 'x', '127.0.0.1:' + nobody)[0], 64, 'an address that is none')


tap.run(closed_postfix, closed_sendmail, open_postfix, open_sendmail, trusting, with_mortsafe,
        by_tls_alone, others)
place.leave()
tap.finish()
