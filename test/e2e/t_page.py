#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The status page and the page of a subject, from the daemon into a browser, with names and
with pseudonyms, while customers and attackers send mail."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, 'lib'), os.path.join(HERE, '..', 'page')]
import axe
import browser
import place
import tap
from api import Api
from daemon import BASE, Mortsafe
from milter import session
from tap import equal, ok

BUILD = os.environ.get('top_builddir', os.path.dirname(place.mortsafe_path()))
OUT = os.path.join(BUILD, 'test', 'page')
LIMITS = '''
listener submission { port = 587  auth = require  tls = allow }
limit burst { key = user  count = messages  rate = 5/1h }
zombie account { mode = enforce }
'''
EVIL = '<script>alert(1)</script>'
chromium = None


def started(mode, names):
    number = place.port()
    safe = Mortsafe('status { listen = inet:%d@127.0.0.1  names = %s }\n%s'
                    % (number, names, LIMITS),
                    config=BASE.replace('mode = enforce', 'mode = ' + mode)).start()
    return safe, Api(('127.0.0.1', number)), 'http://127.0.0.1:%d/' % number


def send(safe, login, count):
    for _ in range(count):
        with session(safe.socket, '198.18.0.9', port=587) as m:
            m.message('<%s@example.org>' % login, ['<v@victim.test>', '<w@victim.test>'],
                      login=login)


def busy(safe, api):
    """Mail of a day; and wait until it is written down."""
    send(safe, 'ann', 8)
    send(safe, EVIL, 7)
    send(safe, 'bob', 2)
    place.until(lambda: len(api.get('/v1/decisions').json['decisions']) >= 5,
                'decisions to be written down', 10)


def look(tab, url, name):
    """What every page must be; then its text."""
    before = len(tab.requests())
    tab.go(url)
    equal(tab.complaints(), [], name + ': the browser has nothing to say')
    equal([u for u in tab.requests()[before:] if not u.startswith('data:image/svg+xml')], [url],
          name + ': one request')
    equal(tab.evaluate('document.querySelectorAll("script,img,iframe").length'), 0,
          name + ': nothing in it but ours')
    for width in (320, 1280):
        tab.look(width)
        ok(tab.evaluate('document.documentElement.scrollWidth') <= width,
           '%s: nothing sticks out at %d' % (name, width))
    try:
        tab.evaluate(axe.source(os.path.join(OUT, 'axe')) + ';0')
        equal(tab.evaluate(axe.RUN)['violations'], [], name + ': axe-core finds nothing')
    except axe.Missing as why:
        tap.skip('axe-core', why)
    tab.screenshot(os.path.join(OUT, 'daemon-%s.png' % name))
    return tab.evaluate('document.body.innerText')


def paste(safe, command):
    """A command as the page shows it, in a shell."""
    tool = '%s -s %s' % (os.path.join(os.path.dirname(place.mortsafe_path()), 'mortsafectl'),
                         safe.api)
    done = subprocess.run(['sh', '-c', command.replace('mortsafectl', tool, 1)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    equal((done.returncode, done.stderr), (0, ''), command, out=done.stdout)


def quarantined(safe, tab, url):
    """Who is quarantined stands on both pages, and is let go as the page says"""
    path = '/v1/subjects/user:ann%40example.org/quarantine'
    equal(Api(safe.api).post(path, {'note': 'ticket 4711'}).status, 200, 'ann is quarantined')
    text = look(tab, url, 'zombies')
    ok('Quarantined and throttled' in text and 'ticket 4711' in text, 'the first page tells who')
    ok('1 is quarantined' in text, 'and how many')
    text = look(tab, url + 'subjects/user:ann@example.org', 'quarantined')
    ok('Is it a zombie?' in text and 'by an operator' in text and 'ticket 4711' in text,
       'her own tells why')
    ok(tab.evaluate('document.querySelectorAll("#pics .turn").length') > 0,
       'and marks it in the day')
    label = tab.evaluate('document.querySelector("#pics .cols").getAttribute("aria-label")')
    ok('quarantined from' in label, 'in words, too', label=label)
    command = tab.evaluate('[...document.querySelectorAll("#help code")]'
                           '.map(e => e.textContent).find(t => t.includes(" release "))')
    paste(safe, command)
    ok('On probation' in look(tab, url + 'subjects/user:ann@example.org', 'released'),
       'what the page says lets her go')


def with_names():
    """With names, enforcing"""
    safe, api, url = started('enforce', 'yes')
    busy(safe, api)
    tab = chromium.tab()
    text = look(tab, url, 'names')
    ok(tab.evaluate('document.title').startswith('mortsafe: working'), 'the title tells the state',
       title=tab.evaluate('document.title'))
    ok('Enforcing.' in text and '2 users have used up a limit.' in text, 'so does the headline',
       text=text[:300])
    ok('ann@example.org' in text and EVIL in text, 'names are shown as they are')
    ok('limit.burst' in text and 'Deferred' in text, 'and what was decided')
    link = tab.evaluate('[...document.links].find(a => a.textContent == "ann@example.org").href')
    equal(link, url + 'subjects/user:ann@example.org', 'a link leads to the subject')
    text = look(tab, link, 'subject')
    ok('Stopped' in text and 'Room returns in' in text, 'it says that it is stopped, and how long')
    ok('mortsafectl reset user:ann@example.org burst' in text, 'and what can be done')
    quarantined(safe, tab, url)
    evil = tab.go(url).evaluate('[...document.links].find(a => a.textContent.includes("<s")).href')
    text = look(tab, evil, 'evil')
    ok(EVIL in text and "mortsafectl show 'user:%s" % EVIL in text,
       'a hostile name is text, and quoted for the shell', text=text[:400])
    for command in tab.evaluate('[...document.querySelectorAll("#help code")]'
                                '.map(e => e.textContent)'):
        paste(safe, command.replace('RATES', '50/1h'))
    tab.close()
    safe.end()


def with_pseudonyms():
    """With pseudonyms, observing"""
    safe, api, url = started('observe', 'no')
    busy(safe, api)
    tab = chromium.tab()
    text = look(tab, url, 'pseudonyms')
    html = api.get('/').text
    ok('Observing only: nothing is refused.' in text, 'the headline tells the mode')
    ok('would have been stopped' in text and 'Would defer' in text, 'and who would be stopped')
    leaks = [n for n in ('ann', 'bob', 'script>alert', '198.18.0.9', 'victim.test') if n in html]
    equal(leaks, [], 'no name, no address')
    ok('user:~' in html, 'but pseudonyms')
    link = tab.evaluate('document.querySelector("#near a").href')
    text = look(tab, link, 'pseudonym')
    leaks = [n for n in ('ann@', 'bob@', 'alert(1)', '198.18.0.9', 'victim.test') if n in text]
    equal(leaks, [], 'nor on the page of a subject')
    ok('Its name is not shown here' in text and 'mortsafectl reset' not in text,
       'which tells how to come to the name')
    tab.close()
    safe.end()


def headers():
    """Its headers, and what it is not"""
    safe, api, url = started('enforce', 'yes')
    home = api.get('/')
    equal(home.status, 200, 'it is there, before anybody has come')
    equal(home.headers['Content-Type'], 'text/html; charset=utf-8', 'it is HTML')
    equal(home.headers['Refresh'], '30', 'it asks to be fetched again')
    equal(api.get('/?refresh=no').headers['Refresh'], None, 'but not who wants it to stand still')
    ok("default-src 'none'" in home.headers['Content-Security-Policy'], 'its policy is strict')
    equal(home.headers['Cache-Control'], 'no-store', 'nobody keeps it')
    head = api.ask('HEAD', '/')
    equal((head.status, head.body), (200, b''), 'HEAD has no body')
    for path, status in (('/?refresh=1', 400), ('/?x=', 400), ('/subjects/user:nobody@x.y', 404),
                         ('/subjects/%3Cscript%3E', 404)):
        answer = api.get(path)
        equal((answer.status, answer.headers['Content-Type']),
              (status, 'text/html; charset=utf-8'), '%s is a page that says no' % path)
        ok('<script' not in answer.text, 'and quotes nothing as markup')
    equal(api.get('/subjects/x/y').status, 404, 'there are no pages below a subject')
    safe.end()


def main():
    global chromium
    try:
        browser.find()
    except browser.Failed as why:
        print('1..0 # SKIP %s' % why)
        return
    os.makedirs(OUT, exist_ok=True)
    with browser.Browser(place.folder()) as chromium:
        tap.run(headers, with_names, with_pseudonyms)
    tap.finish()


main()
