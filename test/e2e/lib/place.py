# SPDX-License-Identifier: BSD-2-Clause
"""Where a test program lives: a folder, ports of its own, and processes it must end."""
import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

if os.geteuid() != 0:
    print('1..0 # SKIP only root can start a mail server')
    sys.exit(0)

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_held = []        # sockets that keep a port's number ours
_undo = []        # what ends things, newest last
_folder = None


def folder():
    """The program's own folder, which every user may search."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix='mortsafe-e2e-')
        os.chmod(_folder, 0o755)
        undo(_clean)
    return _folder


def path(*parts):
    return os.path.join(folder(), *parts)


def _clean():
    if os.environ.get('MORTSAFE_E2E_KEEP'):
        print('# kept: ' + _folder)
    else:
        shutil.rmtree(_folder, ignore_errors=True)


def write(name, text, mode=0o644):
    with open(path(name), 'w') as out:
        out.write(text)
    os.chmod(path(name), mode)
    return path(name)


def undo(function):
    _undo.append(function)


def leave():
    while _undo:
        try:
            _undo.pop()()
        except Exception as e:  # the next thing must be ended all the same
            print('# while ending: %r' % e)


atexit.register(leave)
for _signal in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(_signal, lambda *_: (leave(), os._exit(70)))


def _has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(('::1', 0))
        return True
    except OSError:
        return False


IPV6 = _has_ipv6()


def port():
    """A free loopback port.  An abstract socket of that number keeps other test
    programs off it; it lies below the ports that the kernel gives to clients."""
    while True:
        number = random.randrange(20000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind('\0mortsafe-e2e-%d' % number)
            for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'))[:1 + IPV6]:
                with socket.socket(family) as probe:
                    probe.bind((host, number))
        except OSError:
            claim.close()
            continue
        _held.append(claim)
        return number


def listening(number):
    """Asked of the kernel: a trial connection would be a session."""
    end = ':%04X' % number
    for name in '/proc/net/tcp', '/proc/net/tcp6':
        with open(name) as table:
            for line in table:
                field = line.split()
                if field[1].endswith(end) and field[3] == '0A':
                    return True
    return False


def until(condition, what, seconds=10):
    """Wait until CONDITION() is true and return that, or fail."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError('waited %s s for: %s' % (seconds, what))
        time.sleep(0.01)


def call(*command, **how):
    """Run a command that must succeed; returns what it printed."""
    done = subprocess.run(command, stdin=how.pop('stdin', subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          errors='replace', **how)
    if done.returncode:
        raise RuntimeError('%s: exit %d: %s%s' % (' '.join(command), done.returncode,
                                                 done.stdout, done.stderr))
    return done.stdout


def mortsafe_path():
    found = os.environ.get('MORTSAFE')
    for name in [found] if found else ['mortsafe', 'build/mortsafe']:
        name = os.path.join(HERE, '..', '..', name)
        if os.access(name, os.X_OK):
            return os.path.abspath(name)
    sys.exit('no mortsafe: build it, or say MORTSAFE=/its/path')
