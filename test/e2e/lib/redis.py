# SPDX-License-Identifier: BSD-2-Clause
"""Real Redis servers on loopback: alone, with Sentinels, or as a Cluster.

Debian's redis-tools is enough: redis-check-rdb is the server, when it is called so.
Every process ends with this one, whatever happens to it.  With a proxy (test/fault/proxy.c;
MORTSAFE_PROXY= if it is elsewhere) in front, clients and servers know each other by the
proxy's ports.
"""
import ctypes
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import daemon
import place

PREFIX = 'mortsafe'
USER, PASSWORD = 'mortsafe', 'not-a-secret-here'
MASTER = 'fleet'
PR_SET_PDEATHSIG = 1


def rights():
    """What the manual tells an operator to grant."""
    with open(os.path.join(place.HERE, '..', '..', 'man', 'mortsafe-policy.7')) as manual:
        text = manual.read()
    rule = text.split('user mortsafe on >PASSWORD', 1)[1].split('.Ed', 1)[0]
    return ' '.join(rule.split())


class Error(Exception):
    """What a server answered that begins with a minus."""


def program(name='redis-server'):
    """How to start a server: its first word, and the file that is run."""
    for file in 'redis-server', 'valkey-server', 'redis-check-rdb':
        found = shutil.which(file)
        if found:
            return name, found
    return None


def _end_with_us():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(words, executable=None, **how):
    """A process that ends with this program, even with SIGKILL."""
    process = subprocess.Popen(words, executable=executable, preexec_fn=_end_with_us,
                               **dict({'stdin': subprocess.DEVNULL}, **how))
    place.undo(lambda: _kill(process))
    return process


def _kill(process):
    if process.poll() is None:
        process.kill()
        process.wait(20)


class Link:
    """A connection: link('SET', 'a', 1) returns what the reply means."""

    def __init__(self, where, timeout=5, context=None):
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(where)
        else:
            self.socket = socket.create_connection(('127.0.0.1', where), timeout)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname='localhost')
        self.file = self.socket.makefile('rb')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *words):
        data = b'*%d\r\n' % len(words)
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            data += b'$%d\r\n%s\r\n' % (len(word), word)
        self.socket.sendall(data)

    def read(self):
        line = self.file.readline()
        if not line.endswith(b'\r\n'):
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        if kind == b'+':
            return rest.decode()
        if kind == b'-':
            return Error(rest.decode('utf-8', 'replace'))
        if kind == b':':
            return int(rest)
        if kind == b'$':
            return None if rest == b'-1' else self.file.read(int(rest) + 2)[:-2]
        return None if rest == b'-1' else [self.read() for _ in range(int(rest))]

    def __call__(self, *words):
        self.send(*words)
        reply = self.read()
        if isinstance(reply, Error):
            raise reply
        return reply


class Server:
    """One process.  KIND is data, cluster or sentinel.  self.public is the port that clients
    are told: the proxy's, if there is one."""
    environment = {}  # of the process, besides ours

    def __init__(self, kind='data', settings=(), tls=False, unix=False, proxied=False):
        self.kind, self.tls = kind, tls
        self.port = place.port()
        self.bus = place.port() if kind == 'cluster' else 0
        self.proxied = proxied
        self.public = place.port() if proxied else self.port
        self.dir = place.path('redis-%d' % self.port)
        os.mkdir(self.dir, 0o755)
        self.socket = os.path.join(self.dir, 's') if unix else None
        self.logfile = os.path.join(self.dir, 'log')
        self.process = None
        self.context = tls.client() if tls else None
        self._link = None
        lines = ['bind 127.0.0.1', 'daemonize no', 'dir ' + self.dir, 'logfile log']
        lines += ['port 0', 'tls-port %d' % self.port] if tls else ['port %d' % self.port]
        if unix:
            lines += ['unixsocket ' + self.socket, 'unixsocketperm 777']
        if tls:
            lines += ['tls-cert-file ' + tls.cert, 'tls-key-file ' + tls.key,
                      'tls-ca-cert-file ' + tls.ca, 'tls-auth-clients optional']
        if kind != 'sentinel':
            # What SIGKILL leaves is all that was acknowledged.
            lines += ['save ""', 'appendonly yes', 'appendfsync no', 'enable-debug-command yes',
                      'repl-diskless-sync-delay 0', 'repl-ping-replica-period 1',
                      'auto-aof-rewrite-percentage 0',
                      'user %s on >%s %s' % (USER, PASSWORD, rights())]
            if proxied:  # the matrix has a prefix for each row
                lines[-1] += ' ~{0}*:* &{0}*:*'.format(PREFIX)
                lines += ['replica-announce-ip 127.0.0.1',
                          'replica-announce-port %d' % self.public]
        if kind == 'cluster':
            lines += ['cluster-enabled yes', 'cluster-config-file nodes',
                      'cluster-port %d' % self.bus, 'cluster-announce-ip 127.0.0.1',
                      'cluster-announce-port %d' % self.public,
                      'cluster-announce-bus-port %d' % self.bus, 'cluster-node-timeout 1000']
        self.conf = os.path.join(self.dir, 'conf')
        with open(self.conf, 'w') as out:
            out.write('\n'.join(lines + list(settings)) + '\n')

    def start(self, *options, wait=True):
        name, file = program('redis-sentinel' if self.kind == 'sentinel' else 'redis-server')
        self.process = spawn([name, self.conf, *options], executable=file,
                             env=dict(os.environ, **self.environment),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if wait:
            place.until(self.serves, 'redis on port %d: %s' % (self.port, self.log()[-800:]), 20)
        return self

    def serves(self):
        try:
            return self('PING') == 'PONG'
        except (OSError, EOFError, Error):
            return False

    def log(self):
        try:
            with open(self.logfile, errors='replace') as log:
                return log.read()
        except FileNotFoundError:
            return ''

    def link(self, timeout=5):
        return Link(self.port, timeout, self.context)

    def __call__(self, *words):
        """As the administrator, over a connection that is kept.  A server hangs up when
        its role changes: then over another."""
        kept = self._link is not None
        if not kept:
            self._link = self.link()
        try:
            return self._link(*words)
        except (OSError, EOFError) as e:
            self._link.close()
            self._link = None
            if kept and not isinstance(e, TimeoutError):
                return self(*words)
            raise

    def info(self, section='everything'):
        text = self('INFO', section).decode('utf-8', 'replace')
        return dict(line.split(':', 1) for line in text.splitlines() if ':' in line)

    def cluster(self):
        text = self('CLUSTER', 'INFO').decode()
        return dict(line.split(':', 1) for line in text.splitlines() if ':' in line)

    def called(self):
        """How often each command has been carried out."""
        return {k[8:]: int(v.split('calls=')[1].split(',')[0])
                for k, v in self.info('commandstats').items() if k.startswith('cmdstat_')}

    def signal(self, how):
        self.process.send_signal(how)

    def kill(self):
        if self._link:
            self._link.close()
            self._link = None
        _kill(self.process)

    def restart(self, *options, wait=True):
        self.kill()
        return self.start(*options, wait=wait)

    def keys(self, pattern='*'):
        found, cursor = [], b'0'
        while True:
            cursor, some = self('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
            found += some
            if cursor == b'0':
                return found


class Authority:
    """A CA made for the test, and a server's certificate of it."""

    def __init__(self):
        self.dir = place.path('ca-%d' % place.port())
        os.mkdir(self.dir, 0o755)
        self.ca, self.ca_key, self.cert, self.key, self.ask, self.names = (
            os.path.join(self.dir, name)
            for name in ('ca.pem', 'ca.key', 'cert.pem', 'key.pem', 'ask', 'names'))
        with open(self.names, 'w') as out:
            out.write('subjectAltName = DNS:localhost, IP:127.0.0.1\n')
        curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
        place.call('openssl', 'req', '-x509', *curve, '-days', '30', '-subj', '/CN=test CA',
                   '-keyout', self.ca_key, '-out', self.ca)
        place.call('openssl', 'req', *curve, '-subj', '/CN=localhost', '-keyout', self.key,
                   '-out', self.ask)
        place.call('openssl', 'x509', '-req', '-days', '30', '-in', self.ask, '-CA', self.ca,
                   '-CAkey', self.ca_key, '-CAcreateserial', '-extfile', self.names,
                   '-out', self.cert)
        os.chmod(self.key, 0o644)

    def client(self):
        return ssl.create_default_context(cafile=self.ca)


class Proxy:
    """The fault proxy before SERVERS, one after the other."""

    def __init__(self, servers):
        words = ['127.0.0.1:%d=127.0.0.1:%d' % (s.public, s.port) for s in servers]
        self.servers = list(servers)
        self.process = spawn([proxy_path()] + words, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, bufsize=1)
        if self.process.stdout.readline().strip() != 'ready':
            raise RuntimeError('the fault proxy does not start')

    def tell(self, order, servers=None):
        """ORDER for all, or for those of SERVERS; the last answer."""
        which = ['*'] if servers is None else [self.servers.index(s) for s in servers]
        for one in which:
            self.process.stdin.write('%s %s\n' % (one, order))
            self.process.stdin.flush()
            answer = self.process.stdout.readline().strip()
            if not answer.startswith('ok'):
                raise RuntimeError('proxy: %s: %s' % (order, answer))
        return answer

    def stats(self):
        """Connections now and ever, replies sent late, commands seen."""
        return [int(n) for n in self.tell('stats').split()[1:]]


def proxy_path():
    top = os.path.join(place.HERE, '..', '..')
    beside = os.path.join(os.path.dirname(place.mortsafe_path()), 'test', 'fault', 'proxy')
    found = os.environ.get('MORTSAFE_PROXY')
    for name in [found] if found else ['test/fault/proxy', beside,
                                       top + '/build/test/fault/proxy']:
        if os.access(name, os.X_OK):
            return os.path.abspath(name)
    raise RuntimeError('no fault proxy: make test/fault/proxy, or say MORTSAFE_PROXY=')


def secret(name, text):
    """A file that only mortsafe's user may read."""
    file = place.write(name, text, 0o400)
    shutil.chown(file, daemon.USER)
    return file


class Layout:
    """Servers that are one store.  self.servers hold data, self.sentinels do not."""
    name = 'standalone'

    def __init__(self, proxied=False):
        self.servers, self.sentinels = [], []
        self.proxy = None
        self.prefix = PREFIX
        self.make(proxied)

    def start(self):
        for server in self.servers:
            server.start()
        if any(s.proxied for s in self.servers):
            self.proxy = Proxy(self.servers)
        self.join()
        return self

    def make(self, proxied):
        self.servers = [Server(proxied=proxied)]

    def join(self):
        pass

    def agreed(self):
        """Do the servers know who does what?"""
        return all(s.serves() for s in self.servers)

    def patience(self, ms):
        """How long a master may be silent before it is replaced."""

    def masters(self):
        return self.servers[:1]

    def owner(self, _key):
        return self.masters()[0]

    def where(self):
        return 'url = redis://%s@127.0.0.1:%d/0' % (USER, self.servers[0].public)

    def settings(self, folder, more='', where=None, key=None):
        """A store block for a daemon whose own files are in FOLDER."""
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
            shutil.chown(folder, daemon.USER)
        return ('store { type = redis\n %s\n prefix = %s\n password_file = %s\n path = %s\n'
                ' %s }\nprivacy { key_file = %s }\n'
                % (where or self.where(), self.prefix, secret('password', PASSWORD + '\n'),
                   folder, more, key or site_key()))

    def stop(self):
        for server in self.sentinels + self.servers:
            if server.process:
                server.kill()
        if self.proxy:
            _kill(self.proxy.process)

    def keys(self):
        return [(m, k) for m in self.masters() for k in m.keys(self.prefix + ':*')]

    def flush(self):
        for master in self.masters():
            master('FLUSHALL')


class Socket(Layout):
    """On a Unix socket."""
    name = 'unix'

    def make(self, proxied):
        self.servers = [Server(unix=True)]

    def where(self):
        return 'url = unix://%s@%s?db=0' % (USER, self.servers[0].socket)


class Tls(Layout):
    name = 'tls'

    def make(self, proxied):
        self.authority = Authority()
        self.servers = [Server(tls=self.authority)]

    def where(self):
        return ('url = rediss://%s@localhost:%d/0\n ca_file = %s'
                % (USER, self.servers[0].public, self.authority.ca))


class Sentinel(Layout):
    """A master, two replicas, three Sentinels."""
    name = 'sentinel'

    def make(self, proxied):
        self.servers = [Server(proxied=proxied)]
        first = self.servers[0].public
        self.servers += [Server(proxied=proxied, settings=['replicaof 127.0.0.1 %d' % first])
                         for _ in range(2)]
        self.sentinels = [Server('sentinel', [
            'sentinel monitor %s 127.0.0.1 %d 2' % (MASTER, first),
            'sentinel down-after-milliseconds %s 60000' % MASTER,
            'sentinel failover-timeout %s 3000' % MASTER,
        ]) for _ in range(3)]

    def start(self):
        # Replicas and Sentinels reach the master by the proxy.
        if self.servers[0].proxied:
            self.proxy = Proxy(self.servers)
        for server in self.servers + self.sentinels:
            server.start()
        self.join()
        return self

    def join(self):
        place.until(self.agreed, 'Sentinels that know each other and the replicas', 30)

    def agreed(self):
        try:
            for sentinel in self.sentinels:
                known = sentinel('SENTINEL', 'MASTER', MASTER)
                known = dict(zip(known[::2], known[1::2]))
                if (int(known[b'num-other-sentinels']) < 2 or int(known[b'num-slaves']) < 2
                        or known[b'flags'] != b'master'):
                    return False
            master = self.masters()
            return master and master[0].info('replication')['connected_slaves'] == '2'
        except (Error, OSError, EOFError):
            return False

    def patience(self, ms):
        for sentinel in self.sentinels:
            sentinel('SENTINEL', 'SET', MASTER, 'down-after-milliseconds', ms)

    def masters(self):
        """Whom the Sentinels name."""
        for sentinel in self.sentinels:
            try:
                _, port = sentinel('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)
            except (Error, OSError, EOFError):
                continue
            return [s for s in self.servers if s.public == int(port)]
        return []

    def where(self):
        return ('url = redis://%s@/0\n sentinel = %s\n master = %s'
                % (USER, ', '.join('127.0.0.1:%d' % s.port for s in self.sentinels), MASTER))


class Cluster(Layout):
    """Three masters with a replica each."""
    name = 'cluster'

    def make(self, proxied):
        self.servers = [Server('cluster', proxied=proxied) for _ in range(6)]

    def join(self):
        ids = [s('CLUSTER', 'MYID') for s in self.servers]
        for n, server in enumerate(self.servers):
            server('CLUSTER', 'SET-CONFIG-EPOCH', n + 1)
            if n < 3:
                server('CLUSTER', 'ADDSLOTSRANGE', n * 16384 // 3, (n + 1) * 16384 // 3 - 1)
            for other in self.servers[:n]:  # gossip alone would take long
                server('CLUSTER', 'MEET', '127.0.0.1', other.public, other.bus)
        place.until(lambda: all(s.cluster()['cluster_known_nodes'] == '6' for s in self.servers),
                    'nodes that have met', 30)
        for n in range(3, 6):
            place.until(lambda n=n: self._replicate(self.servers[n], ids[n - 3]), 'a replica', 20)
        place.until(self.agreed, 'a Cluster that is well', 30)
        self.patience(60000)

    @staticmethod
    def _replicate(server, ident):
        try:
            return server('CLUSTER', 'REPLICATE', ident) == 'OK'
        except Error:
            return False

    def agreed(self):
        try:
            return (all(s.cluster()['cluster_state'] == 'ok' and
                        len(s('CLUSTER', 'SLOTS')) >= 3 and
                        all(len(slot) == 4 for slot in s('CLUSTER', 'SLOTS'))
                        for s in self.servers) and
                    all(s.info('replication').get('master_link_status', 'up') == 'up'
                        for s in self.servers))
        except (Error, OSError, EOFError):
            return False

    def patience(self, ms):
        for server in self.servers:
            server('CONFIG', 'SET', 'cluster-node-timeout', ms)

    def masters(self):
        """Those that own slots, as any living node tells."""
        for server in self.servers:
            try:
                ports = {slot[2][1] for slot in server('CLUSTER', 'SLOTS')}
            except (Error, OSError, EOFError):
                continue
            return [s for s in self.servers if s.public in ports]
        return []

    def owner(self, key):
        slot = self.servers[0]('CLUSTER', 'KEYSLOT', key)
        for first, last, node, *_ in self.servers[0]('CLUSTER', 'SLOTS'):
            if first <= slot <= last:
                return next(s for s in self.servers if s.public == node[1])
        raise LookupError(key)

    def move(self, slot, source, target):
        """Move SLOT with its keys, as an operator's tool does."""
        ids = [s('CLUSTER', 'MYID') for s in (source, target)]
        target('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[0])
        source('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[1])
        while True:
            keys = source('CLUSTER', 'GETKEYSINSLOT', slot, 100)
            if not keys:
                break
            for key in keys:
                source('MIGRATE', '127.0.0.1', target.port, key, 0, 5000)
        for server in target, source:
            server('CLUSTER', 'SETSLOT', slot, 'NODE', ids[1])

    def where(self):
        return ('url = %s\n cluster = yes'
                % ', '.join('redis://%s@127.0.0.1:%d' % (USER, s.public) for s in self.servers))


LAYOUTS = {one.name: one for one in (Layout, Socket, Tls, Sentinel, Cluster)}


def site_key(name='site.key'):
    """A key made as an operator makes it."""
    file = place.path(name)
    if not os.path.exists(file):
        place.call(place.mortsafe_path(), '--make-key', file, '-u', daemon.USER)
    return file


class Host(daemon.Mortsafe):
    """mortsafe as one of those that share LAYOUT; MORE goes to its block store."""

    def __init__(self, layout, extra='', more='', where=None, key=None, ports=None,
                 base=daemon.BASE):
        self.folder = place.path('state-%d' % place.port())
        self.starts = 0
        store = layout.settings(self.folder, more, where, key)
        super().__init__(extra, base.replace('store { type = memory }', store), ports)

    def launch(self, **how):
        if os.path.exists(self.logfile):
            self.starts = self.log().count(' started')
        return super().launch(**how)

    def ready(self):
        """It listens early and waits a moment for the store before it takes sessions."""
        return self.log().count(' started') > self.starts

    def told(self, word=''):
        """Lines of the log with WORD that are no decisions, and that nobody asked for."""
        return [line for line in self.log().splitlines()
                if word in line and line and not daemon.LINE.search(line)
                and not re.match(r'(store|counts): \w+=', line)]

    def local(self):
        """Decisions made without the store."""
        return [d for d in self.decisions() if d.store == 'local']

    def figures(self):
        """What SIGUSR2 has the log tell: NAME=NUMBER."""
        seen = len(self.log())
        self.process.send_signal(signal.SIGUSR2)
        place.until(lambda: 'waits=' in self.log()[seen:], 'the state in the log')
        time.sleep(0.05)
        return {k: int(v) for k, v in re.findall(r'\b(\w+)=(\d+)\b', self.log()[seen:])}

    def settled(self):
        """Wait until what it has counted alone is in the store."""
        place.until(lambda: self.figures()['deltas'] == 0, 'counts to be added', 20)

    def normal(self, send, seconds=20):
        """Wait until it decides in the store; SEND() has it decide once."""
        def decided():
            lines = self.log().count('action=')
            seen = len(self.local())
            send()
            place.until(lambda: self.log().count('action=') > lines, 'a decision')
            return len(self.local()) == seen
        place.until(decided, 'the store to be in use: ' + self.log()[-500:], seconds)
