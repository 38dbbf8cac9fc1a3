#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A DNS server on a free loopback port, by UDP and TCP, that can be as bad as one likes.

It is a process of its own, which is told its zone as text and tells what it was asked.
A line of a zone is a name, a type or a fault, and what belongs to it; # begins a
remark, and \\DDD in a text is one octet.  *.NAME stands for all below NAME that has no
line of its own.

    a.test       TXT   v=spf1 ip4:192.0.2.1 -all
    a.test       MX    10 mx.a.test
    mx.a.test    A     192.0.2.1
    slow.test    fault delay 500
    b.test       fault servfail

A name that has no line does not exist; `$ttl SECONDS` is how long answers keep (300).
Faults stand before records:

    hang           no answer, ever            delay MS       the right one, late
    servfail, refused, nxdomain, nodata       truncated      whole by TCP only
    cut            truncated, and TCP hangs up               tcp-only       deaf to UDP
    wrong-id       for another question       lame           a referral to the root
    garbage        anything                   half           ends within a record
    huge           a TXT record of 64 KiB     many N         N TXT records more
    tree N DEPTH   SPF records, each with N includes, DEPTH levels of them
    chain DEPTH    each includes the next
"""
import asyncio
import collections
import json
import random
import select
import socket
import struct
import subprocess
import sys

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28}
NAMES = {number: name for name, number in TYPES.items()}
CODES = {'servfail': 2, 'refused': 5}
RIGHT, TRUNCATED, QUESTION = 0x8580, 0x0200, 12  # flags: an answer, authoritative, recursion
FAULTS = ('hang delay servfail refused nxdomain nodata truncated cut tcp-only wrong-id lame '
          'garbage half huge many tree chain').split()
UDP_MOST = 512
TTL_S = 300
PATIENCE_S = 20  # with the server's process


def labels(name):
    """NAME as the wire has it."""
    parts = [p.encode() for p in name.split('.') if p]
    return b''.join(bytes([len(p)]) + p for p in parts) + b'\0'


def strings(data):
    """A TXT record's data: strings of 255 octets."""
    return b''.join(bytes([len(data[at:at + 255])]) + data[at:at + 255]
                    for at in range(0, len(data) or 1, 255))


def octets(text):
    """TEXT with each \\DDD as an octet."""
    first, *rest = text.split('\\')
    return first.encode() + b''.join(bytes([int(r[:3])]) + r[3:].encode() for r in rest)


def data_of(kind, text):
    """A record's data."""
    if kind == 'A':
        return socket.inet_aton(text)
    if kind == 'AAAA':
        return socket.inet_pton(socket.AF_INET6, text)
    if kind == 'MX':
        rank, name = text.split()
        return struct.pack('>H', int(rank)) + labels(name)
    if kind == 'TXT':
        return strings(octets(text))
    return labels(text)  # NS, CNAME, PTR


def read_name(packet, at):
    parts = []
    while packet[at]:
        size = packet[at]
        if size > 63:
            raise ValueError('a compressed question')
        parts.append(packet[at + 1:at + 1 + size].decode('ascii', 'replace'))
        at += 1 + size
    return '.'.join(parts), at + 1


class Zone:
    """All names that are, with their records and their fault."""

    def __init__(self, text=''):
        self.records, self.faults = collections.defaultdict(list), {}
        self.ttl_s = TTL_S
        for line in text.splitlines():
            line = line.partition('#')[0].strip()
            if line:
                name, kind, rest = (line.split(None, 2) + [''])[:3]
                self.add(name.lower(), kind, rest.strip())

    def add(self, name, kind, rest):
        if name == '$ttl':
            self.ttl_s = int(kind)
        elif kind == 'fault':
            what, *arguments = rest.split()
            if what not in FAULTS:
                raise ValueError(what + ': no such fault')
            self.faults[name] = (what, [int(a) for a in arguments])
        else:
            self.records[name].append((TYPES[kind], data_of(kind, rest)))

    def owner(self, name):
        """Whose line holds for NAME: its own, or that of a wildcard; None."""
        if name in self.records or name in self.faults:
            return name
        while '.' in name:
            name = name.partition('.')[2]
            if '*.' + name in self.records or '*.' + name in self.faults:
                return '*.' + name
        return None

    def has_below(self, name):
        return any(n.endswith('.' + name) for n in list(self.records) + list(self.faults))


class Server:
    """What answers; asyncio's callbacks come to it."""

    def __init__(self):
        self.zone, self.asked = Zone(), collections.Counter()
        self.random = random.Random(1)

    def answer(self, question, name, kind, owner, code=0, extra=()):
        """The right answer, with records EXTRA, or CODE."""
        found = [(t, d) for t, d in self.zone.records.get(owner, ()) if t in (kind, 5)]
        found = [] if code else found + list(extra)
        if owner is None and not self.zone.has_below(name):
            code = code or 3
        flags = RIGHT | code
        body = question + b''.join(b'\xc0\x0c' + struct.pack('>HHIH', t, 1, self.zone.ttl_s,
                                                         len(d)) + d
                                   for t, d in found)
        if not found:  # how long that may be believed
            keep = min(30, self.zone.ttl_s)
            soa = labels('ns.test') + labels('root.test') + struct.pack('>5I', 1, 1, 1, 1, keep)
            body += b'\0' + struct.pack('>HHIH', 6, 1, keep, len(soa)) + soa
        return struct.pack('>5H', flags, 1, len(found), not found, 0) + body

    def extra(self, fault, given, name, kind):
        """Records that a fault makes up."""
        if kind != TYPES['TXT']:
            return []
        if fault == 'huge':
            return [(kind, strings((b'v=spf1 ' + b'ip4:192.0.2.77 ' * 4400)[:64500] + b'-all'))]
        if fault == 'many':
            return [(kind, strings(b'record %d of many' % n)) for n in range(given[0])]
        wide, deep = given if fault == 'tree' else (1, *given)
        depth = name.count('.')
        if fault in ('tree', 'chain') and depth <= deep:
            terms = ' '.join('include:%d.%s' % (n, name) for n in range(wide))
            return [(kind, strings(('v=spf1 %s -all' % terms).encode()))]
        return [(kind, strings(b'v=spf1 -all'))]

    def reply(self, packet, tcp):
        """What to send for PACKET, and how late in ms; (None, 0): nothing."""
        name, at = read_name(packet, QUESTION)
        kind = struct.unpack('>H', packet[at:at + 2])[0]
        question, name = packet[QUESTION:at + 4], name.lower()
        self.asked['%s %s' % (name, NAMES.get(kind, kind))] += 1
        owner = self.zone.owner(name)
        fault, given = self.zone.faults.get(owner, (None, []))
        made = fault in ('huge', 'many', 'tree', 'chain')
        extra = self.extra(fault, given, name, kind) if made else ()
        code = CODES.get(fault, 3 if fault == 'nxdomain' else 0)
        whole = self.answer(question, name, kind, owner, code, extra)
        ident = packet[:2]
        if fault == 'hang' or fault == 'tcp-only' and not tcp or fault == 'cut' and tcp:
            return None, 0
        if fault == 'nodata':
            whole = self.answer(question, name, 0, owner)
        elif fault == 'wrong-id':
            ident = bytes([packet[0] ^ 0x55, packet[1]])
        elif fault == 'lame':
            root = b'\0' + struct.pack('>HHIH', 2, 1, TTL_S, 9) + labels('ns.root')
            whole = struct.pack('>5H', 0x8000, 1, 0, 1, 0) + question + root
        elif fault == 'garbage':
            whole = self.random.randbytes(80)
        elif fault == 'half':
            whole = whole[:-7]
        most = 65535 if tcp else self.room(packet, at + 4)
        if fault in ('truncated', 'cut') and not tcp or len(whole) + 2 > most:
            whole = struct.pack('>5H', RIGHT | TRUNCATED, 1, 0, 0, 0) + question
        return ident + whole, given[0] if fault == 'delay' else 0

    @staticmethod
    def room(packet, at):
        """How long an answer by UDP may be (RFC 6891: the class of the last record)."""
        if struct.unpack('>H', packet[10:12])[0] and len(packet) >= at + 11:
            return max(UDP_MOST, min(4096, struct.unpack('>H', packet[at + 3:at + 5])[0]))
        return UDP_MOST

    # ----- asyncio's

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _):
        pass

    def error_received(self, _):
        pass

    def datagram_received(self, packet, peer):
        try:
            answer, late_ms = self.reply(packet, False)
        except (IndexError, ValueError, struct.error):
            return
        if answer and late_ms:
            asyncio.get_running_loop().call_later(late_ms / 1000, self.transport.sendto,
                                                  answer, peer)
        elif answer:
            self.transport.sendto(answer, peer)

    async def stream(self, reader, writer):
        """Questions by TCP, one after the other."""
        try:
            while True:
                size, = struct.unpack('>H', await reader.readexactly(2))
                packet = await reader.readexactly(size)
                answer, late_ms = self.reply(packet, True)
                if late_ms:
                    await asyncio.sleep(late_ms / 1000)
                if answer is None:
                    fault = self.zone.faults[self.zone.owner(read_name(packet, 12)[0].lower())]
                    if fault[0] != 'cut':
                        await asyncio.sleep(3600)
                    return
                writer.write(struct.pack('>H', len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError, IndexError, ValueError, struct.error):
            pass
        finally:
            writer.close()

    # ----- who is told what to do, by lines of JSON

    def obey(self, order):
        if 'zone' in order:
            self.zone = Zone(order['zone'])
        if 'forget' in order:
            self.asked.clear()
        return {'asked': self.asked}

    async def serve(self, port):
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, ('127.0.0.1', port))
        server = await asyncio.start_server(self.stream, '127.0.0.1', port, backlog=1000)
        orders = asyncio.StreamReader(limit=1 << 24)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        print(json.dumps({'port': port}), flush=True)
        while True:
            line = await orders.readline()
            if not line:  # who has started us has gone
                break
            try:
                said = self.obey(json.loads(line))
            except (KeyError, ValueError, OSError) as e:
                said = {'error': repr(e)}
            print(json.dumps(said), flush=True)
        server.close()


class Dns:
    """The server as others have it, who end it if they choose the PORT.  self.at is mortsafe's
    way to write it."""

    def __init__(self, zone='', port=None):
        self.port = port or self.place()
        self.at = '127.0.0.1@%d' % self.port
        self.process = subprocess.Popen([sys.executable, __file__, str(self.port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hear()
        self.set(zone)

    def place(self):
        """A port in a test program, which ends us with all that it has begun."""
        import place  # which the server's own process has no need for
        place.undo(self.stop)
        return place.port()

    def hear(self):
        """What the server says next: one line, for which nobody waits for ever."""
        if not select.select([self.process.stdout], [], [], PATIENCE_S)[0]:
            raise TimeoutError('the DNS server says nothing')
        return json.loads(self.process.stdout.readline())

    def tell(self, **order):
        self.process.stdin.write(json.dumps(order) + '\n')
        self.process.stdin.flush()
        said = self.hear()
        if 'error' in said:
            raise ValueError(said['error'])
        return said

    def set(self, zone):
        """From now on ZONE, wholly."""
        self.zone = zone
        self.tell(zone=zone)

    def forget(self):
        """Count anew."""
        self.tell(forget=1)

    def asked(self, name=None, kind=None):
        """How often: for NAME (or all below *.NAME) and TYPE, or for anything."""
        total = 0
        for key, n in self.tell()['asked'].items():
            one, _, what = key.rpartition(' ')
            named = name is None or one == name or (name.startswith('*.')
                                                    and one.endswith(name[1:]))
            total += n if named and kind in (None, what) else 0
        return total

    def questions(self):
        """All that was asked, and how often."""
        return self.tell()['asked']

    def stop(self):
        if self.process.poll() is None and not self.process.stdin.closed:
            self.process.stdin.close()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


def ask(port, name, kind, tcp=False, seconds=0.5):
    """A question to 127.0.0.1: (code, records' data, truncated?), or None: no answer."""
    packet = struct.pack('>6H', 0x4242, 0x0100, 1, 0, 0, 0) + labels(name) + struct.pack(
        '>HH', TYPES[kind], 1)
    with socket.socket(type=socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as s:
        s.settimeout(seconds)
        s.connect(('127.0.0.1', port))
        s.sendall(struct.pack('>H', len(packet)) * tcp + packet)
        try:
            if tcp:
                with s.makefile('rb') as whole:
                    data = whole.read(struct.unpack('>H', whole.read(2))[0])
            else:
                data = s.recv(65535)
        except (OSError, struct.error):
            return None
    if data[:2] != packet[:2]:
        return None
    _, flags, _, answers, _, _ = struct.unpack('>6H', data[:12])
    at, records = len(packet), []
    for _ in range(answers):
        size, = struct.unpack('>H', data[at + 10:at + 12])
        records.append(data[at + 12:at + 12 + size])
        at += 12 + size
    return flags & 15, records, bool(flags & TRUNCATED)


def text_of(data):
    """A TXT record's strings, put together."""
    out, at = b'', 0
    while at < len(data):
        out += data[at + 1:at + 1 + data[at]]
        at += 1 + data[at]
    return out


if __name__ == '__main__':
    asyncio.run(Server().serve(int(sys.argv[1])))
