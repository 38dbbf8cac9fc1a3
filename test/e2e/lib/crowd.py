# SPDX-License-Identifier: BSD-2-Clause
"""Many milter sessions at once, in a thread of their own, and what became of them."""
import asyncio
import collections
import itertools
import struct
import threading
import time

import milter

RELAY_DENIED = (550, 551, 554)
NO_LOGIN = (530, 550, 554)


class Frames(milter.Milter):
    """The packets of a session without a connection: written to self.out; self.owed
    answers are to be read for them."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.steps, self.macros, self.one_by_one = 0, {}, False
        self.out, self.owed = bytearray(), 0

    def raw(self, data):
        self.out += data

    def answer(self):
        self.owed += 1
        return milter.Answer('none')

    def offer(self):
        self.frame(milter.NEGOTIATE,
                   struct.pack('>III', 6, milter.ALL_ACTIONS, milter.ALL_STEPS))


class Session:
    """One connection of a crowd.  ask('rcpt', '<a@b>') is Milter's rcpt()."""

    def __init__(self, where, book, limit_s=30):
        self.where, self.book, self.limit_s = where, book, limit_s
        self.frames = Frames()

    async def __aenter__(self):
        kind, rest = self.where.split(':', 1)
        if kind == 'inet':
            port, host = rest.split('@')
            opened = asyncio.open_connection(host, int(port))
        else:
            opened = asyncio.open_unix_connection(rest)
        self.reader, self.writer = await opened
        self.frames.offer()
        self.writer.write(bytes(self.frames.out))
        self.frames.out.clear()
        _, data = await self._packet()
        self.frames.steps = struct.unpack('>III', data[:12])[2]
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass

    async def _packet(self):
        try:
            size = struct.unpack('>I', await self.reader.readexactly(4))[0]
            data = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            raise milter.Closed from None
        return data[:1], data[1:]

    async def _answer(self):
        while True:
            command, data = await self._packet()
            kind = milter.VERDICTS.get(command, repr(command))
            if kind not in ('progress', 'quarantine') and not kind.startswith('b'):
                return milter.Answer(kind, data.rstrip(b'\0').decode('ascii', 'replace'))

    async def ask(self, what, *arguments, **how):
        """A callback, timed, and its answer."""
        frames = self.frames
        getattr(frames, what)(*arguments, **how)
        began = time.monotonic()
        self.writer.write(bytes(frames.out))
        frames.out.clear()
        owed, frames.owed = frames.owed, 0
        answer = milter.Answer('none')
        try:
            for _ in range(owed):
                answer = await asyncio.wait_for(self._answer(), self.limit_s)
        except asyncio.TimeoutError:
            self.book.hung += 1
            raise milter.Closed from None
        if owed:
            self.book.time(what, began, time.monotonic())
        return answer

    async def greet(self, address, port, tls=False):
        await self.ask('connect', address, macros={'{daemon_port}': str(port)})
        await self.ask('helo', tls=tls)

    async def end(self):
        return await self.ask('step', milter.EOM, b'', {'i': 'Q1'})

    async def quit(self):
        self.frames.frame(milter.QUIT)
        self.writer.write(bytes(self.frames.out))


class Book:
    """What has been seen: answers by kind, and how long callbacks took."""

    def __init__(self):
        self.times = []                        # (began, ms, what)
        self.admitted = collections.Counter()  # messages, by login
        self.tried = collections.Counter()
        self.deferred = collections.Counter()  # 4xx to a login within its limit
        self.rejected = collections.Counter()  # 5xx to a login, ever
        self.relays = 0                        # let through without any right
        self.refused = 0                       # strangers' attempts, as it should be
        self.vague = []                        # and not as it should be
        self.local_deferred = self.local_rejected = 0  # mail to our own domains
        self.broken = self.hung = 0            # sessions that ended badly
        self.replies = collections.Counter()

    def time(self, what, began, ended):
        self.times.append((began, (ended - began) * 1000, what))

    def between(self, first, last):
        return sorted(ms for began, ms, _ in self.times if first <= began < last)


def quantile(times, part):
    """Of sorted TIMES; 0 if there are none."""
    return times[min(len(times) - 1, int(len(times) * part))] if times else 0.0


async def message(session, login, book, recipients=1, stop=None):
    """One message of a login; True if it was taken.  STOP: 'rcpt' aborts it there."""
    book.tried[login] += 1
    sender = '<%s>' % login
    answer = await session.ask('mail', sender, login=login, tls=True)
    for n in range(recipients):
        if answer.refused:
            break
        answer = await session.ask('rcpt', '<v%d@victim.test>' % n)
    if not answer.refused and stop != 'rcpt':
        await session.ask('data')
        answer = await session.end()
        if not answer.refused:
            book.admitted[login] += 1
            return True
    session.frames.abort()
    if answer.refused:
        book.replies[str(answer)[:60]] += 1
        permanent = answer.code // 100 == 5 or answer.kind == 'reject'
        (book.rejected if permanent else book.deferred)[login] += 1
    return False


class Crowd:
    """SOCKETS are daemons; sessions take turns among them."""

    def __init__(self, sockets, pause=0.05):
        self.sockets, self.pause = list(sockets), pause
        self.book = Book()
        self.greedy_left = None  # how many attempts the greedy login may still make
        self.stopping = False
        self.loop = asyncio.new_event_loop()
        self.tasks = []
        self._turn, self._start = itertools.count(), itertools.count()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine, seconds=60):
        """Run it there and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def add(self, behaviour, *arguments):
        async def live():
            await asyncio.sleep((next(self._start) % 97) / 97 * self.pause)
            while not self.stopping:
                try:
                    await behaviour(*arguments)
                except milter.Closed:
                    self.book.broken += 1
                    await asyncio.sleep(0.1)
                except OSError:
                    self.book.broken += 1
                    await asyncio.sleep(0.1)
        self.tasks.append(asyncio.run_coroutine_threadsafe(live(), self.loop))

    def session(self):
        return Session(self.sockets[next(self._turn) % len(self.sockets)], self.book)

    async def rest(self):
        await asyncio.sleep(self.pause)

    # ----- behaviours: each is one session

    async def innocent(self, login, messages=5):
        """Far within its limits; one message of five is aborted."""
        async with self.session() as s:
            await s.greet('192.0.2.7', 587, tls=True)
            for n in range(messages):
                await message(s, login, self.book, stop='rcpt' if n % 5 == 3 else None)
                await self.rest()
            await s.quit()

    async def greedy(self, login, messages=5):
        """As much as it can get."""
        async with self.session() as s:
            await s.greet('192.0.2.8', 587, tls=True)
            for _ in range(messages):
                if self.stopping:
                    break
                if self.greedy_left is None or self.greedy_left > 0:
                    if self.greedy_left is not None:
                        self.greedy_left -= 1
                    await message(s, login, self.book)
                await asyncio.sleep(self.pause / 4)
            await s.quit()

    async def stranger(self, address):
        """Tries to relay, and to submit without a login; may write to us."""
        book = self.book
        async with self.session() as s:
            await s.greet(address, 25)
            await s.ask('mail', '<s@spam.test>')
            answer = await s.ask('rcpt', '<v@victim.test>')
            if answer.code in RELAY_DENIED:
                book.refused += 1
            elif not answer.refused:
                book.relays += 1
            else:
                book.vague.append(str(answer))
            answer = await s.ask('rcpt', '<bob@example.org>')
            if answer.refused:
                book.local_deferred += answer.code // 100 != 5
                book.local_rejected += answer.code // 100 == 5
                s.frames.abort()
            else:
                await s.ask('data')
                book.local_rejected += (await s.end()).code // 100 == 5
            await s.quit()
        await self.rest()
        async with self.session() as s:
            await s.greet(address, 587, tls=True)
            answer = await s.ask('mail', '<s@spam.test>', tls=True)
            if not answer.refused:
                answer = await s.ask('rcpt', '<v@victim.test>')
            if not answer.refused:
                book.relays += 1
            elif answer.code in NO_LOGIN:
                book.refused += 1
            else:
                book.vague.append(str(answer))
            await s.quit()
        await self.rest()

    # ----- deeds

    async def _lockstep(self, n, deed, login, stage):
        """N sessions just before STAGE (rcpt or end), then DEED(), then all at once;
        milliseconds and answer of each."""
        sessions, times = [], []
        for i in range(n):
            s = await self.session().__aenter__()
            await s.greet('192.0.2.9', 587, tls=True)
            await s.ask('mail', '<%s>' % (login % i), login=login % i, tls=True)
            if stage == 'end':
                await s.ask('rcpt', '<v@victim.test>')
                await s.ask('data')
            sessions.append(s)
        deed()
        began = time.monotonic()

        async def go(s):
            answer = await (s.end() if stage == 'end' else s.ask('rcpt', '<v@victim.test>'))
            times.append(((time.monotonic() - began) * 1000, str(answer)))
        await asyncio.gather(*map(go, sessions), return_exceptions=True)
        for s in sessions:
            await s.__aexit__()
        return sorted(times)

    def lockstep(self, n, deed, login='step%d@example.org', stage='rcpt'):
        return self.run(self._lockstep(n, deed, login, stage))

    async def _once(self, session, login, recipients=1):
        async with session as s:
            await s.greet('192.0.2.10', 587, tls=True)
            return await message(s, login, self.book, recipients)

    def once(self, login, recipients=1):
        """One message now; was it taken?"""
        return self.run(self._once(self.session(), login, recipients))

    def once_at(self, where, login):
        """The same by one daemon."""
        return self.run(self._once(Session(where, self.book), login))

    async def _all_at_once(self, n, login, messages, recipients):
        async def one():
            async with self.session() as s:
                await s.greet('192.0.2.11', 587, tls=True)
                for _ in range(messages):
                    await message(s, login, self.book, recipients)
                await s.quit()
        return await asyncio.gather(*(one() for _ in range(n)), return_exceptions=True)

    def all_at_once(self, n, login, messages=1, recipients=1):
        """N sessions of one login; what they raised, if anything."""
        done = self.run(self._all_at_once(n, login, messages, recipients), 120)
        return [e for e in done if e is not None]

    def stop(self):
        self.stopping = True
        for task in self.tasks:
            try:
                task.result(40)
            except Exception:  # pylint: disable=broad-except
                self.book.broken += 1
        self.tasks = []

    def close(self):
        self.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
