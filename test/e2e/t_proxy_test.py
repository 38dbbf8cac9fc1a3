#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl proxy-test on proxies of our own: open, closed, with a login, and one that
only says that it is open."""
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import place
import tap

CTL = os.path.join(os.path.dirname(place.mortsafe_path()), 'mortsafectl')


class Proxy:
    """HOW: open, closed, login, claims.  One that is open connects to this machine only."""

    def __init__(self, how, *speaks):
        self.how, self.speaks, self.port = how, speaks, place.port()
        self.reached = []
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(('127.0.0.1', self.port))
        self.socket.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client = self.socket.accept()[0]
            threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def talk(self, client):
        with client:
            try:
                if 'telnet' in self.speaks:
                    client.sendall(b'host> ')
                first = client.recv(4096)
                for form, handle in ((b'\x04', self.socks4), (b'\x05', self.socks5)):
                    if first[:1] == form:
                        return handle(client, first)
                if re.match(rb'[A-Z]+ \S+ HTTP/1', first):
                    return self.http(client, first)
                return self.telnet(client, first)
            except (OSError, ValueError):
                return None

    def connect(self, host, port):
        if host not in ('127.0.0.1', '127.0.0.9'):
            raise OSError('for this machine only')
        self.reached.append((host, port))
        return socket.create_connection((host, port), 5)

    def pipe(self, a, b):
        with b:
            while True:
                for one in select.select([a, b], [], [], 5)[0] or [None]:
                    data = one.recv(4096) if one else b''
                    if not data:
                        return
                    (b if one is a else a).sendall(data)

    def grant(self, client, host, port, yes, no):
        """YES and a tunnel, or NO."""
        if self.how == 'closed':
            client.sendall(no)
        elif self.how == 'claims':
            client.sendall(yes)
            client.recv(1)
        else:
            there = self.connect(host, port)
            client.sendall(yes)
            self.pipe(client, there)

    def http(self, client, first):
        if 'http' not in self.speaks:
            return
        line = first.split(b'\r\n')[0].decode()
        verb, where = line.split()[:2]
        if self.how == 'login':
            client.sendall(b'HTTP/1.0 407 Who are you?\r\n\r\n')
        elif verb == 'CONNECT':
            host, port = where.split(':')
            self.grant(client, host, int(port), b'HTTP/1.0 200 OK\r\n\r\n',
                       b'HTTP/1.0 403 No\r\n\r\n')
        elif self.how == 'open':
            host, port = re.match(r'http://([^:/]+):(\d+)/', where).groups()
            with self.connect(host, int(port)) as there:
                there.sendall(first)
                client.sendall(b'HTTP/1.0 502 It said: ' + there.recv(64) + b'\r\n\r\n')
        else:
            client.sendall(b'HTTP/1.0 403 No: ' + where.encode() + b'\r\n\r\n')

    def socks4(self, client, first):
        if 'socks' not in self.speaks:
            return
        host, port = socket.inet_ntoa(first[4:8]), int.from_bytes(first[2:4], 'big')
        if host == '0.0.0.1':
            host = first[9:].split(b'\0')[0].decode()
        no = b'\0\x5d' if self.how == 'login' else b'\0\x5b'
        if self.how == 'login':
            client.sendall(no + bytes(6))
        else:
            self.grant(client, host, port, b'\0\x5a' + bytes(6), no + bytes(6))

    def socks5(self, client, first):
        if 'socks' not in self.speaks:
            return
        if self.how == 'login':
            client.sendall(b'\5\xff')
            return
        client.sendall(b'\5\0')
        want = client.recv(4096)
        host, port = socket.inet_ntoa(want[4:8]), int.from_bytes(want[8:10], 'big')
        self.grant(client, host, port, b'\5\0\0\1' + bytes(6), b'\5\2\0\1' + bytes(6))

    def telnet(self, client, first):
        if 'telnet' in self.speaks and self.how == 'open':
            host, port = first.decode().split()
            self.pipe(client, self.connect(host, int(port)))


def ask(*words):
    done = subprocess.run([CTL, 'proxy-test', '-s', '/nonexistent'] + list(words),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


HTTP = {'HTTP CONNECT', 'HTTP POST', 'HTTP GET', 'HTTP PUT'}
SOCKS = {'SOCKS4', 'SOCKS4a', 'SOCKS5'}


def judge(proxy, code, verdict, name, *words):
    got, text, why = ask('-j', '--port', str(proxy.port), *words, '127.0.0.1')
    tap.equal(got, code, name, text=text, why=why)
    answer = json.loads(text)
    tap.equal(answer['verdict'], verdict, '%s: so it says' % name, why=answer['why'])
    return {t['protocol']: t['answer'] for t in answer['trials']}


def open_ones():
    """Open proxies are found, each by what it speaks"""
    for speaks, found in (('http', HTTP), ('socks', SOCKS), ('telnet', {'telnet'})):
        proxy = Proxy('open', speaks)
        seen = judge(proxy, 1, 'OPEN', 'an open proxy that speaks %s' % speaks)
        tap.equal({k for k, a in seen.items() if a == 'OPEN'}, found, 'found by that', seen=seen)
        tap.ok(all(host == '127.0.0.1' for host, _ in proxy.reached) and proxy.reached,
               'it was sent nowhere but to us', reached=proxy.reached)
    proxy = Proxy('open', 'http', 'socks')
    got, text, _ = ask('--port', str(proxy.port), '127.0.0.1')
    tap.ok(got == 1 and 'squid' in text and 'dante' in text, 'what closes it is told', text=text)


def closed_ones():
    """Proxies that refuse, or want a login, are not open"""
    closed, login = Proxy('closed', 'http', 'socks'), Proxy('login', 'http', 'socks')
    seen = judge(closed, 0, 'none found', 'a closed proxy')
    tap.equal({a for p, a in seen.items() if p in HTTP | SOCKS}, {'refused'}, 'all is refused',
              seen=seen)
    seen = judge(login, 0, 'none found', 'a proxy that wants a login')
    tap.equal({a for p, a in seen.items() if p in HTTP | SOCKS}, {'wants a login'}, 'so it says',
              seen=seen)
    tap.equal(closed.reached + login.reached, [], 'neither went anywhere')


def claims():
    """A yes without the token is no proof"""
    seen = judge(Proxy('claims', 'http', 'socks'), 2, 'cannot tell', 'one that says 200 alone')
    tap.equal({seen[k] for k in SOCKS | {'HTTP CONNECT'}}, {'says yes'}, 'so it says', seen=seen)


def canaries():
    """The canary may sit at another address of ours, and at a port"""
    proxy, port = Proxy('open', 'http'), place.port()
    judge(proxy, 1, 'OPEN', 'with a canary elsewhere', '--canary', '127.0.0.9:%d' % port)
    tap.equal(set(proxy.reached), {('127.0.0.9', port)}, 'there it was reached')
    got, text, why = ask('--canary', '192.0.2.1', '127.0.0.1')
    tap.ok(got == 64 and not text, 'nobody else can be the canary', why=why)


def others():
    """Hosts that are not ours"""
    got, text, why = ask('192.0.2.1')
    tap.equal((got, text), (77, ''), 'somebody else\'s is not tried', why=why)
    got, text, why = ask('--port', str(place.port()), '127.0.0.1')
    tap.ok(got == 0 and 'none found' in text, 'where nobody listens there is none', text=text)
    conf = place.write('own.conf', 'own_hosts = 198.51.100.7\n')
    got, text, why = ask('-x', conf, '198.51.100.8')
    tap.equal(got, 77, 'nor one beside own_hosts', why=why)


tap.run(open_ones, closed_ones, claims, canaries, others)
place.leave()
tap.finish()
