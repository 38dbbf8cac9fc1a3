# SPDX-License-Identifier: BSD-2-Clause
"""A network of the test program's own, in which the Internet is on loopback: about clients
of private addresses nobody is asked.  To be entered before there are threads or sockets.

192.0.2.0/24, 198.51.100.0/24 and 2001:db8::1 to ::f are this machine's own there."""
import ctypes
import fcntl
import os
import socket
import struct
import sys

NETWORKS = '192.0.2.1', '198.51.100.1'
HOSTS6 = ['2001:db8::%x' % n for n in range(1, 16)]
NEW_NETWORK = 0x40000000
SET_ADDRESS, SET_MASK, SET_FLAGS = 0x8916, 0x891c, 0x8914
UP_RUNNING = 0x41


def _tell(family, what, how):
    with socket.socket(family, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, what, how)


def _furnish():
    _tell(socket.AF_INET, SET_FLAGS, struct.pack('16sH22x', b'lo', UP_RUNNING))
    for n, address in enumerate(NETWORKS):
        name = b'lo:%d' % n
        for what, value in (SET_ADDRESS, address), (SET_MASK, '255.255.255.0'):
            _tell(socket.AF_INET, what, struct.pack('16sHH4s16x', name, socket.AF_INET, 0,
                                                    socket.inet_aton(value)))
    if os.path.exists('/proc/net/if_inet6'):
        for address in HOSTS6:
            _tell(socket.AF_INET6, SET_ADDRESS, socket.inet_pton(socket.AF_INET6, address)
                  + struct.pack('Ii', 128, socket.if_nametoindex('lo')))


def enter():
    """Be there, or skip the whole program."""
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(NEW_NETWORK) != 0:
        print('1..0 # SKIP only root may have a network of its own')
        sys.exit(0)
    _furnish()
