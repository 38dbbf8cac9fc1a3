# SPDX-License-Identifier: BSD-2-Clause
"""Headless Chromium, driven through two pipes: no port, no library.

Messages of the DevTools protocol go over descriptors 3 and 4, each ended by a NUL."""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time

# makes the two pipes 3 and 4, whatever they were
HAND_OVER = ('import os, sys\n'
             'os.dup2(int(sys.argv[1]), 3)\n'
             'os.dup2(int(sys.argv[2]), 4)\n'
             'os.execvp(sys.argv[3], sys.argv[3:])\n')
FLAGS = ['--headless=new', '--remote-debugging-pipe', '--no-first-run', '--no-default-browser-check',
         '--disable-gpu', '--disable-dev-shm-usage', '--disable-extensions',
         '--disable-background-networking', '--disable-component-update', '--disable-sync',
         '--disable-domain-reliability', '--disable-breakpad', '--no-pings', '--mute-audio',
         '--hide-scrollbars', '--force-color-profile=srgb',
         # nothing but loopback can be reached, by name or by number
         '--proxy-server=127.0.0.1:9', '--proxy-bypass-list=127.0.0.1',
         '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']


class Failed(Exception):
    """The browser says no, or nothing."""


def find():
    for name in ('chromium', 'chromium-browser', 'google-chrome'):
        if shutil.which(name):
            return shutil.which(name)
    raise Failed('no chromium: install the package `chromium`')


class Browser:
    """A browser with a profile of its own in FOLDER."""

    def __init__(self, folder, executable=None):
        self.next, self.events, self.rest = 0, [], b''
        here_in, theirs_out = os.pipe()
        theirs_in, here_out = os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)]
        os.close(theirs_in)
        os.close(theirs_out)
        words = [sys.executable, '-c', HAND_OVER, str(high[0]), str(high[1]),
                 executable or find(), *FLAGS, '--user-data-dir=' + os.path.join(folder, 'profile')]
        if os.geteuid() == 0:
            words.append('--no-sandbox')
        self.log = open(os.path.join(folder, 'chromium.log'), 'w')
        self.process = subprocess.Popen(
            words + ['about:blank'], pass_fds=high, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True,
            env=dict(os.environ, HOME=folder, XDG_CONFIG_HOME=folder, XDG_CACHE_HOME=folder))
        for fd in high:
            os.close(fd)
        self.reader, self.writer = here_in, here_out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.call('Browser.close', timeout=5)
            self.process.wait(5)
        except (Failed, OSError, subprocess.TimeoutExpired):
            pass
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        os.close(self.reader)
        os.close(self.writer)
        self.log.close()

    def read(self, deadline):
        while b'\0' not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.reader], [], [], left)[0]:
                raise Failed('the browser does not answer')
            more = os.read(self.reader, 1 << 20)
            if not more:
                raise Failed('the browser is gone, see ' + self.log.name)
            self.rest += more
        one, _, self.rest = self.rest.partition(b'\0')
        return json.loads(one)

    def call(self, method, session=None, timeout=60, **parameters):
        self.next += 1
        message = {'id': self.next, 'method': method, 'params': parameters}
        if session:
            message['sessionId'] = session
        os.write(self.writer, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + timeout
        while True:
            answer = self.read(deadline)
            if answer.get('id') == self.next:
                if 'error' in answer:
                    raise Failed('%s: %s' % (method, answer['error']))
                return answer['result']
            if 'method' in answer:
                self.events.append(answer)

    def tab(self, **how):
        return Tab(self, **how)


class Tab:
    """A page.  HEIGHT is only what is seen first."""

    def __init__(self, browser, width=1280, height=900, dark=False, mobile=False):
        self.browser = browser
        self.target = browser.call('Target.createTarget', url='about:blank')['targetId']
        self.session = browser.call('Target.attachToTarget', targetId=self.target,
                                    flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network', 'Audits'):
            self.call(domain + '.enable')
        self.look(width, height, dark, mobile)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def look(self, width, height=900, dark=False, mobile=False):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=1, mobile=mobile)
        self.call('Emulation.setEmulatedMedia', media='', features=[
            {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])

    def seen(self, *methods):
        """Events of this page so far."""
        return [e for e in self.browser.events
                if e.get('sessionId') == self.session and e['method'] in methods]

    def go(self, url, seconds=20):
        """Open URL and wait until it is loaded."""
        before = len(self.seen('Page.loadEventFired'))
        result = self.call('Page.navigate', url=url)
        if 'errorText' in result:
            raise Failed('%s: %s' % (url, result['errorText']))
        deadline = time.monotonic() + seconds
        while len(self.seen('Page.loadEventFired')) == before:
            self.browser.events.append(self.browser.read(deadline))
        return self

    def evaluate(self, script):
        """The value of SCRIPT, which may be a promise, in a world of its own or not."""
        result = self.call('Runtime.evaluate', expression=script, returnByValue=True,
                           awaitPromise=True)
        if 'exceptionDetails' in result:
            raise Failed(json.dumps(result['exceptionDetails'])[:600])
        return result['result'].get('value')

    def complaints(self):
        """All the browser has to say against the page: console, log, policy, issues."""
        found = []
        for event in self.seen('Runtime.consoleAPICalled', 'Runtime.exceptionThrown',
                               'Log.entryAdded', 'Audits.issueAdded'):
            found.append(json.dumps(event['params'])[:400])
        return found

    def requests(self):
        return [e['params']['request']['url'] for e in self.seen('Network.requestWillBeSent')]

    def failures(self):
        """Requests that came to nothing, blocked ones too."""
        return [e['params'] for e in self.seen('Network.loadingFailed')]

    def headers(self):
        """Of the last document."""
        got = [e['params']['response'] for e in self.seen('Network.responseReceived')
               if e['params']['type'] == 'Document']
        return {k.lower(): v for k, v in got[-1]['headers'].items()} if got else {}

    def screenshot(self, path, whole=True):
        data = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=whole,
                         optimizeForSpeed=False)['data']
        with open(path, 'wb') as out:
            out.write(base64.b64decode(data))
        return path

    def pdf(self):
        return base64.b64decode(self.call('Page.printToPDF', printBackground=True)['data'])

    def press(self, key, code=None, modifiers=0):
        text = {'text': '\r'} if key == 'Enter' else {}
        for kind, more in (('keyDown' if text else 'rawKeyDown', text), ('keyUp', {})):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=code or key, **more,
                      windowsVirtualKeyCode={'Tab': 9, 'Enter': 13}.get(key, 0),
                      modifiers=modifiers)

    def close(self):
        self.browser.call('Target.closeTarget', targetId=self.target)
