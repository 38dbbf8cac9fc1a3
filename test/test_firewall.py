#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""contrib/firewall: nft takes the files as they are, and what they say comes true.
Packets are made here and go through a network namespace with the rules: what comes
out at the other end has passed."""
import ctypes
import fcntl
import os
import pwd
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import time

TOP = os.path.abspath(os.environ.get('top_srcdir') or
                      os.path.join(os.path.dirname(__file__), '..'))
FOLDER = os.path.join(TOP, 'contrib', 'firewall')
NFT = shutil.which('nft', path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')
TUN, TAP = 0x1001, 0x1002  # with IFF_NO_PI
SYN, FIN, RST = 2, 1, 4
count = failed = 0


def ok(passed, name, *seen):
    global count, failed
    count += 1
    print('%sok %d - %s' % ('' if passed else 'not ', count, name), flush=True)
    if not passed:
        failed += 1
        for one in seen:
            for line in str(one).splitlines():
                print('#   ' + line)


def nft(*words):
    done = subprocess.run([NFT, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


# ----- a namespace of our own

def enter():
    """Into a new network namespace, as root or as a user that is root in its own; false
    where neither may be."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, network = 0x10000000, 0x40000000
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        return libc.unshare(network) == 0
    if libc.unshare(user | network):
        return False
    rights = {'setgroups': 'deny', 'uid_map': '0 %d 1' % uid, 'gid_map': '0 %d 1' % gid}
    for name, text in rights.items():
        with open('/proc/self/' + name, 'w') as out:
            out.write(text)
    return True


def setting(name, value):
    with open('/proc/sys/net/' + name, 'w') as out:
        out.write(value)


class Wire:
    """An interface whose other end is here."""
    control = None

    def __init__(self, name, kind=TUN):
        self.name = name.encode()
        self.fd = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, 0x400454ca, struct.pack('16sH22x', self.name, kind))
        if kind == TUN:
            setting('ipv6/conf/%s/accept_dad' % name, '0')
        up(self.name)

    def address(self, four, bits, six):
        ask(socket.AF_INET, 0x8916, struct.pack('16sHH4s16x', self.name, socket.AF_INET, 0,
                                                socket.inet_aton(four)))
        mask = struct.pack('>I', (0xffffffff << (32 - bits)) & 0xffffffff)
        ask(socket.AF_INET, 0x891c, struct.pack('16sHH4s16x', self.name, socket.AF_INET, 0, mask))
        ask(socket.AF_INET6, 0x8916, socket.inet_pton(socket.AF_INET6, six)
            + struct.pack('Ii', 64, socket.if_nametoindex(self.name.decode())))

    def read(self, wanted, seconds):
        """The first packet for which WANTED is true, else None."""
        end = time.monotonic() + seconds
        while select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
            packet = os.read(self.fd, 4096)
            if wanted(packet):
                return packet
        return None


def ask(family, what, how):
    with socket.socket(family, socket.SOCK_DGRAM) as control:
        return fcntl.ioctl(control, what, how)


def up(name):
    ask(socket.AF_INET, 0x8914, struct.pack('16sH22x', name, 0x41))


def summed(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(source, target, port, flags=SYN):
    """TCP from port 40000 of SOURCE to TARGET."""
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    a, b = socket.inet_pton(family, source), socket.inet_pton(family, target)
    tcp = struct.pack('>HHIIBBHHH', 40000, port, 1, 0, 0x50, flags, 1024, 0, 0)
    whole = summed(a + b + struct.pack('>II', len(tcp), 6) + tcp)
    tcp = tcp[:16] + struct.pack('>H', whole) + tcp[18:]
    if family == socket.AF_INET6:
        return struct.pack('>IHBB', 6 << 28, len(tcp), 6, 64) + a + b + tcp
    head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + a + b
    return head[:10] + struct.pack('>H', summed(head)) + head[12:] + tcp


def to_port(port, at=0):
    """Does a packet (behind AT bytes of a frame) go to that port?"""
    def right(data):
        data = data[at:]
        tcp = data[40:] if data and data[0] >> 4 == 6 else data[20:]
        return len(tcp) >= 14 and struct.unpack('>H', tcp[2:4])[0] == port
    return right


def counters(family, table):
    _, said = nft('list', 'counters', 'table', family, table)
    return {name: int(n) for name, n in
            re.findall(r'counter (\w+) \{\s+packets (\d+)', said)}


PASSED, LOST = 3, 0.15  # seconds in which something comes, or surely nothing


# ----- the files

def files():
    """each file is written as nft wants it, twice over"""
    names = sorted(n for n in os.listdir(FOLDER) if n.endswith('.nft'))
    ok(names == ['bridge.nft', 'host.nft', 'router.nft'], 'the three of them', names)
    for name in names:
        path = os.path.join(FOLDER, name)
        code, said = nft('-c', '-f', path)
        ok(code == 0 and not said, 'nft -c -f %s' % name, said)
        for again in 'loaded', 'loaded once more':
            code, said = nft('-f', path)
            ok(code == 0 and not said, '%s is %s' % (name, again), said)
        with open(path) as text:
            table = re.search(r'^delete table (\w+ \w+)$', text.read(), re.M).group(1)
        code, said = nft('list', 'table', *table.split())
        ok(code == 0 and said.count('dport 25') >= 1 and said.count('limit rate') == 1,
           '%s: once in the kernel, its log limited' % name, said)
        nft('delete', 'table', *table.split())


ROUTED = (  # source, target, port, does it pass?
    ('a customer reaches no port 25 but ours', '10.9.0.5', '203.0.113.9', 25, False),
    ('a customer reaches our mail server', '10.9.0.5', '192.0.2.25', 25, True),
    ('a customer reaches any 587', '10.9.0.5', '203.0.113.9', 587, True),
    ('a customer reaches any 465', '10.9.0.5', '203.0.113.9', 465, True),
    ('a listed server reaches any port 25', '198.51.100.10', '203.0.113.9', 25, True),
    ('the last of a listed network, too', '198.51.100.71', '203.0.113.9', 25, True),
    ('the next behind it does not', '198.51.100.72', '203.0.113.9', 25, False),
    ('IPv6: a customer reaches no port 25 but ours', '2001:db8:9::5', '2001:db8:77::9', 25, False),
    ('IPv6: a customer reaches our mail server', '2001:db8:9::5', '2001:db8::25', 25, True),
    ('IPv6: a customer reaches any 587', '2001:db8:9::5', '2001:db8:77::9', 587, True),
    ('IPv6: a listed network reaches any port 25', '2001:db8:100:10::1', '2001:db8:77::9', 25,
     True),
)


def routes(wire, four, six):
    """Routes by WIRE to these networks."""
    for net, bits in four:
        mask = struct.pack('>I', (0xffffffff << (32 - bits)) & 0xffffffff)
        name = ctypes.create_string_buffer(wire.name)
        net = struct.pack('HH4s8x', socket.AF_INET, 0, socket.inet_aton(net))
        mask = struct.pack('HH4s8x', socket.AF_INET, 0, mask)
        ask(socket.AF_INET, 0x890b,
            struct.pack('@L16s16s16sHhLLhP', 0, net, bytes(16), mask, 1, 0, 0, 0, 0,
                        ctypes.addressof(name)) + bytes(64))
    for net, bits in six:
        ask(socket.AF_INET6, 0x890b, socket.inet_pton(socket.AF_INET6, net) + bytes(32)
            + struct.pack('IHHILIi', 0, bits, 0, 1, 0, 1,
                          socket.if_nametoindex(wire.name.decode())) + bytes(16))


def router():
    """what customers send through a router"""
    lan, wan = Wire('lan0'), Wire('wan0')
    lan.address('10.9.0.1', 24, '2001:db8:9::1')
    wan.address('203.0.113.1', 24, '2001:db8:77::1')
    routes(lan, [('198.51.100.0', 24)], [('2001:db8:100:10::', 64)])
    routes(wan, [('192.0.2.0', 24)], [('2001:db8::', 64)])
    setting('ipv4/ip_forward', '1')
    setting('ipv6/conf/all/forwarding', '1')
    code, said = nft('-f', os.path.join(FOLDER, 'router.nft'))
    ok(code == 0, 'router.nft is loaded', said)
    for name, source, target, port, passes in ROUTED:
        os.write(lan.fd, packet(source, target, port))
        got = wan.read(to_port(port), PASSED if passes else LOST)
        ok(bool(got) == passes, name, got)
        if not passes:
            got = lan.read(to_port(40000), PASSED)
            at = 53 if ':' in source else 33
            ok(got and got[at] & RST, name + ': it is told at once', got)
    os.write(wan.fd, packet('203.0.113.9', '10.9.0.5', 25))
    ok(lan.read(to_port(25), PASSED), 'mail to a customer passes')
    seen = counters('inet', 'port25')
    ok(seen == {'to_smarthosts': 2, 'by_senders': 3, 'refused': 3}, 'each was counted', seen)
    for _ in range(100):
        os.write(lan.fd, packet('10.9.0.5', '203.0.113.9', 25))
    seen = counters('inet', 'port25')
    ok(seen['refused'] == 103, 'a hundred more are refused, whatever the log takes', seen)


def frame(source, target, data, vlan=None):
    """From the interface with number SOURCE to that with number TARGET."""
    kind = struct.pack('>H', 0x86dd if data[0] >> 4 == 6 else 0x0800)
    tag = struct.pack('>HH', 0x8100, vlan) if vlan else b''
    return b''.join(b'\2\0\0\0\0' + bytes([n]) for n in (target, source)) + tag + kind + data


BRIDGED = (  # from which guest, target, port, VLAN, does it pass?
    ('a guest reaches no port 25 but ours', 'vm100', '203.0.113.9', 25, None, False),
    ('a guest reaches our mail server', 'vm100', '192.0.2.26', 25, None, True),
    ('a guest reaches any 587', 'vm100', '203.0.113.9', 587, None, True),
    ('a guest that may reaches any port 25', 'vm101', '203.0.113.9', 25, None, True),
    ('a tag does not help', 'vm100', '203.0.113.9', 25, 7, False),
    ('nor does it hinder', 'vm100', '203.0.113.9', 587, 7, True),
    ('IPv6: a guest reaches no port 25 but ours', 'vm100', '2001:db8:77::9', 25, None, False),
    ('IPv6: a guest reaches our mail server', 'vm100', '2001:db8::26', 25, None, True),
    ('IPv6: a guest that may reaches any port 25', 'vm101', '2001:db8:77::9', 25, None, True),
)


def bridge():
    """what guests send over a bridge"""
    ask(socket.AF_INET, 0x89a0, b'br0'.ljust(16, b'\0'))
    wires = {}
    for name in 'eth0', 'vm100', 'vm101':
        wires[name] = Wire(name, TAP)
        setting('ipv6/conf/%s/disable_ipv6' % name, '1')
        ask(socket.AF_INET, 0x89a2, struct.pack('16si20x', b'br0', socket.if_nametoindex(name)))
    up(b'br0')
    code, said = nft('-f', os.path.join(FOLDER, 'bridge.nft'))
    ok(code == 0, 'bridge.nft is loaded', said)
    uplink = wires['eth0']
    # the bridge learns who is where, or each frame would go to all
    os.write(uplink.fd, frame(0, 100, packet('203.0.113.9', '10.9.0.5', 25)))
    ok(wires['vm100'].read(to_port(25, 14), PASSED), 'mail to a guest passes')
    for name, guest, target, port, vlan, passes in BRIDGED:
        source = '2001:db8:9::5' if ':' in target else '10.9.0.5'
        os.write(wires[guest].fd, frame(int(guest[2:]), 0, packet(source, target, port), vlan))
        got = uplink.read(to_port(port, 18 if vlan else 14), PASSED if passes else LOST)
        ok(bool(got) == passes, name, got)
    seen = counters('bridge', 'port25')
    ok(seen == {'to_smarthosts': 2, 'by_mailers': 2, 'refused': 3}, 'each was counted', seen)


def host():
    """what the users of a server send"""
    up(b'lo')
    wan = Wire('wan0')
    wan.address('203.0.113.1', 24, '2001:db8:77::1')
    code, said = nft('-f', os.path.join(FOLDER, 'host.nft'))
    ok(code == 0, 'host.nft is loaded', said)
    mine, others = (pwd.getpwnam(name).pw_uid for name in ('mail', 'nobody'))
    for name, uid, target, port, passes in (
            ('the mail server reaches any port 25', mine, '203.0.113.9', 25, True),
            ('another user does not', others, '203.0.113.9', 25, False),
            ('root neither', 0, '203.0.113.9', 25, False),
            ('another user reaches any 587', others, '203.0.113.9', 587, True),
            ('IPv6: the mail server reaches any port 25', mine, '2001:db8:77::9', 25, True),
            ('IPv6: another user does not', others, '2001:db8:77::9', 25, False)):
        with connecting(uid, target, port) as s:
            got = wan.read(to_port(port), PASSED if passes else LOST)
            ok(bool(got) == passes, name, got)
            if not passes:
                ok(refused(s), name + ': it is told at once')
    with socket.create_server(('127.0.0.1', 25)):
        with connecting(others, '127.0.0.1', 25) as s:
            ok(not refused(s), 'everybody reaches the mail server on this host')
    with socket.create_server(('203.0.113.1', 25)):
        with connecting(others, '203.0.113.1', 25) as s:
            ok(not refused(s), 'by its other address too')
    seen = counters('inet', 'port25_host')
    ok(seen['by_mailers'] >= 2 and seen['refused'] >= 3, 'each was counted', seen)


def connecting(uid, target, port):
    """A socket of UID's that has begun to connect."""
    os.seteuid(uid)
    try:
        s = socket.socket(socket.AF_INET6 if ':' in target else socket.AF_INET)
        s.setblocking(False)
        s.connect_ex((target, port))
    finally:
        os.seteuid(0)
    return s


def refused(s):
    select.select([], [s], [], PASSED)
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def apart(test):
    """TEST in a process and a namespace of its own."""
    global count, failed
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        before, failed = count, 0
        try:
            if not enter():
                os._exit(77)
            print('# ' + test.__doc__, flush=True)
            test()
        except Exception as e:  # a failed check like any other
            ok(False, test.__name__ + ' came to its end', repr(e))
        sys.stdout.flush()
        os._exit(count - before + (128 if failed else 0))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 77:
        count += 1
        print('ok %d - %s # SKIP no network namespace may be made' % (count, test.__doc__))
    elif code < 0 or code == 128:
        ok(False, test.__name__ + ' ended by itself', code)
    else:
        count += code & 127
        failed += code >> 7


if NFT is None:
    print('1..0 # SKIP no nft (nftables)')
    sys.exit(0)
apart(files)
if os.access('/dev/net/tun', os.R_OK | os.W_OK):
    apart(router)
    apart(bridge)
    if os.geteuid() == 0:
        apart(host)
    else:
        count += 1
        print('ok %d - host # SKIP only root becomes other users' % count)
else:
    count += 1
    print('ok %d - packets # SKIP no /dev/net/tun' % count)
print('1..%d' % count)
sys.exit(1 if failed else 0)
