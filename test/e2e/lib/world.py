# SPDX-License-Identifier: BSD-2-Clause
"""A mail server with mortsafe before it, as most test programs need it."""
import functools
import itertools
import os
import shutil
import traceback

import daemon
import mta
import place
import tap

_address = itertools.count(1)


def address():
    """A loopback address nobody used yet: a new client with empty counts."""
    n = next(_address)
    return '127.1.%d.%d' % divmod(n, 256)


def local_socket():
    """A Unix socket in a folder where mortsafe may make and remove it."""
    folder = place.path('socket-%d' % place.port())
    os.mkdir(folder, 0o755)
    shutil.chown(folder, daemon.USER)
    return 'local:%s/milter.sock' % folder


class World:
    """KIND is postfix or sendmail, EXTRA goes to mortsafe's configuration, options to
    the mail server.  self.server and self.safe are running."""

    def __init__(self, kind, extra='', socket=None, config=None, tls='require', **options):
        self.kind = kind
        self.server = mta.KINDS[kind](**options)
        ports = {k: getattr(self.server, k) for k in ('mx', 'submission', 'submissions')}
        ports['tls'] = tls
        if kind == 'sendmail' and socket is None:
            # Over TCP each event would take 40 ms: Sendmail writes it in two pieces.
            socket = local_socket()
        self.safe = daemon.Mortsafe(extra, config=config, ports=ports, socket=socket)
        spec = self.server.milter(self.safe.socket)
        if self.server.options.pop('milter', 'yes') != 'no':
            self.server.options['milter'] = spec
        if 'milter_local' in self.server.options:
            self.server.options['milter_local'] = spec

    def start(self):
        self.safe.start()
        self.server.start()
        return self

    def refusals(self, source, wanted, **keys):
        """The decisions against client SOURCE, once there are WANTED of them."""
        def found():
            return [d for d in self.safe.decisions(**keys) if '[%s]' % source in d.line]
        try:
            place.until(lambda: len(found()) >= wanted, 'the log', 3)
        except TimeoutError:
            pass  # the caller's check tells
        return found()


def main(world, *tests):
    """Run TESTS on a WORLD that is made here, end it, and exit."""
    try:
        world = world().start()
    except Exception:
        tap.ok(False, 'the servers start', raised=traceback.format_exc())
        tests = ()
    for test in tests:
        tap.run(functools.update_wrapper(functools.partial(test, world), test))
    if tests:
        tap.ok(world.safe.alive(), 'mortsafe still runs')
        tap.equal(world.safe.end(), 0, 'mortsafe ends with 0')
    place.leave()
    tap.finish()
