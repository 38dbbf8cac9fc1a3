#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The pages in headless Chromium: what a browser says to them, at every width, in light and
in dark; axe-core; the keyboard; print; and pictures of them in the build tree.

The answers they are made of are those of page/fixtures.py.  `test_browser.py picture FILE`
makes the picture for the README."""
import os
import re
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, 'page'), os.path.join(HERE, 'e2e', 'lib')]
import axe  # noqa: E402
import browser  # noqa: E402
import fixtures  # noqa: E402
import served  # noqa: E402
import tap  # noqa: E402

BUILD = os.environ.get('top_builddir', '.')
RENDER = os.environ.get('PAGE_RENDER', os.path.join(BUILD, 'test', 'page_render'))
OUT = os.path.join(BUILD, 'test', 'page')
NAMES = [page.__name__ for page in fixtures.PAGES]
# a sanitizer, in whose builds this is set, has only to do with how pages are made
LOOKED = (['full', 'hostile', 'subject_hostile'] if os.environ.get('MORTSAFE_E2E_STOP')
          else NAMES)
WIDTHS = (320, 768, 961, 1280)
MOST_BYTES = 70000
HOSTILE_BYTES = 100000  # nothing is cut from what an attack makes long

folder = site = chromium = None


def render(name):
    return site.page(name).decode()


def size():
    """A page is small"""
    for name in NAMES:
        most = HOSTILE_BYTES if 'hostile' in name else MOST_BYTES
        length = len(site.page(name))
        tap.ok(0 < length < most, '%s has under %d bytes' % (name, most), length=length)


def looks():
    """Every page, at every width, in light and in dark"""
    try:
        script = axe.source(os.path.join(OUT, 'axe'))
    except axe.Missing as why:
        script = None
        tap.skip('axe-core', why)
    for name in LOOKED:
        tab = chromium.tab()
        tab.go(site.url + name)
        wide, found = [], []
        for dark in (False, True):
            for width in WIDTHS:
                tab.look(width, dark=dark)
                seen = tab.evaluate('document.documentElement.scrollWidth')
                if seen > width:
                    wide.append((width, seen))
            for width in (320, 1280) if script else ():
                tab.look(width, dark=dark)
                # the policy lets no script in; the browser's own door is open
                tab.evaluate(script + ';0')
                result = tab.evaluate(axe.RUN)
                found += ['%d %s: %s' % (width, 'dark' if dark else 'light', v)
                          for v in result['violations']]
                if result['passes'] < 12:
                    found.append('only %d rules had anything to look at' % result['passes'])
        tap.equal(wide, [], '%s never scrolls sideways' % name)
        if script:
            tap.equal(found, [], '%s: axe-core finds nothing, light or dark' % name)
        tap.equal(tab.complaints(), [], '%s: the browser has nothing to say' % name)
        others = [u for u in tab.requests()
                  if not u.startswith((site.url, 'data:image/svg+xml'))]
        tap.equal(others, [], '%s asks nobody else for anything' % name)
        tap.equal(len([u for u in tab.requests() if u.startswith(site.url)]), 1,
                  '%s is one request' % name)
        tab.close()


def policy():
    """The policy lets in our style and nothing else"""
    tab = chromium.tab().go(site.url + 'busy')
    tap.equal(tab.headers().get('content-security-policy'), site.policy, 'it is sent')
    tap.ok("default-src 'none'" in site.policy and 'unsafe' not in site.policy,
           'nothing is allowed that is not named', policy=site.policy)
    tap.equal(tab.evaluate('getComputedStyle(document.querySelector("dl.tiles")).display'),
              'grid', 'the style is in force')
    tab.close()
    tab = chromium.tab().go(site.url + 'busy?evil')
    tap.ok(tab.evaluate('document.title') != 'evil', 'a script that got in would not run')
    blocked = [f for f in tab.failures() if f.get('blockedReason') == 'csp']
    tap.equal(len(blocked), 1, 'a picture from elsewhere would not be fetched')
    tap.ok(any('Content' in c for c in tab.complaints()), 'and these tests would see it')
    tab.close()


def hostile():
    """Foreign text is text"""
    for name in [n for n in NAMES if 'hostile' in n] + ['subject_unseen', 'problem']:
        tab = chromium.tab().go(site.url + name)
        tap.equal(tab.evaluate(
            'document.querySelectorAll("script,img,iframe,object,embed,form,input,base").length'),
            0, '%s: no element that is not ours' % name)
        tap.equal(tab.evaluate('document.querySelectorAll("style").length'), 1,
                  '%s: one style' % name)
        tap.equal(tab.evaluate(
            '[...document.querySelectorAll("*")].flatMap(e => [...e.attributes])'
            '.filter(a => a.name.startsWith("on") || a.name == "style").map(a => a.name)'), [],
            '%s: no attribute that acts' % name)
        tap.equal(tab.evaluate('[...document.links].map(a => a.protocol).filter(p => p != "http:")'),
                  [], '%s: no link leaves http' % name)
        tap.equal(tab.evaluate(
            '[...document.links].filter(a => a.host != location.host).map(a => a.href)'), [],
            '%s: no link leaves the host' % name)
        text = tab.evaluate('document.documentElement.textContent')
        odd = sorted({hex(ord(c)) for c in text
                      if ord(c) < 10 or 0x7f <= ord(c) < 0xa1 or 0x200b <= ord(c) <= 0x200f
                      or 0x202a <= ord(c) <= 0x202e or 0x2060 <= ord(c) <= 0x206f})
        tap.equal(odd, [], '%s: nothing that turns or hides text' % name)
        tab.close()
    tap.ok('&lt;script&gt;alert(1)&lt;/script&gt;@example.org' in render('hostile'),
           'a sender named <script> is shown as that')
    tap.ok(r'\u{202E}gro.elpmaxe@nna' in render('hostile'), 'a mark that turns text is shown')


def linked():
    """A link leads to the subject it names, whatever its name"""
    tab = chromium.tab().go(site.url + 'hostile')
    paths = tab.evaluate('[...document.querySelectorAll("#near a")].map(a => a.pathname)')
    from urllib.parse import unquote
    names = ['user:' + n for n in fixtures.NAMES][:len(paths)]
    tap.equal([unquote(p.split('/')[-1]) for p in paths], names, 'each path has the whole name')
    tap.ok(all(p.count('/') == 2 and p.startswith('/subjects/') for p in paths),
           'and no name makes a path of its own', paths=paths)
    tab.close()


def keyboard():
    """All that can be done can be done with keys"""
    for name in ('busy', 'subject'):
        tab = chromium.tab().go(site.url + name)
        want = tab.evaluate('document.querySelectorAll("a[href],summary").length')
        tab.evaluate('document.body.focus()')
        got, bare = [], []
        for _ in range(want):
            tab.press('Tab')
            one = tab.evaluate(
                '(() => { const e = document.activeElement, s = getComputedStyle(e);'
                ' window.ids = window.ids || new Map();'
                ' if (!ids.has(e)) ids.set(e, ids.size);'
                ' return [ids.get(e), e.tagName, s.outlineStyle, s.outlineWidth,'
                ' e.getBoundingClientRect().width] })()')
            got.append(one[0])
            if one[1] not in ('A', 'SUMMARY') or one[2] == 'none' or one[4] == 0:
                bare.append(one)
        tap.equal(len(set(got)), want, '%s: Tab comes to every link' % name)
        tap.equal(bare, [], '%s: and it is seen where it is' % name)
        tab.close()
    tab = chromium.tab().go(site.url + 'busy')
    tab.press('Tab')
    tap.equal(tab.evaluate('document.activeElement.getAttribute("href")'), '#main',
              'the first key leads past the head of the page')
    tap.equal(tab.evaluate('document.querySelector("details").open'), False, 'the table is shut')
    tab.evaluate('document.querySelector("summary").focus()')
    tab.press('Enter')
    tap.ok(tab.evaluate('document.querySelector("details").open'), 'a key opens it')
    tap.equal(tab.evaluate('document.querySelectorAll("details tbody tr").length'), 24,
              'and it has each hour of the day')
    tab.close()


def refresh():
    """It comes again by itself, without a script"""
    tab = chromium.tab().go(site.url + 'empty?refresh=1')
    deadline = time.monotonic() + 20
    while len(tab.requests()) < 2 and time.monotonic() < deadline:
        chromium.events.append(chromium.read(deadline))
    tap.ok(len(tab.requests()) >= 2, 'the header is obeyed', requests=tab.requests())
    tab.close()
    tap.ok('href="?refresh=no"' in render('busy'), 'and there is a link that stops it')


def printed():
    """It can be printed"""
    for name in ('full', 'subject'):
        tab = chromium.tab()
        tab.look(1280, dark=True)
        tab.go(site.url + name)
        pdf = tab.pdf()
        pages = len(re.findall(rb'/Type\s*/Page\b', pdf))
        tap.ok(pdf.startswith(b'%PDF-') and 1 <= pages <= 5, '%s: on a few pages' % name,
               pages=pages)
        tab.call('Emulation.setEmulatedMedia', media='print', features=[
            {'name': 'prefers-color-scheme', 'value': 'dark'}])
        tap.equal(tab.evaluate('getComputedStyle(document.body).backgroundColor'),
                  'rgb(255, 255, 255)', '%s: on white paper, even for who likes it dark' % name)
        with open(os.path.join(OUT, name + '.pdf'), 'wb') as out:
            out.write(pdf)
        tab.close()


def luminance(colour):
    def linear(part):
        part /= 255
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
    colour = colour.strip().lstrip('#')
    if len(colour) == 3:
        colour = ''.join(c * 2 for c in colour)
    r, g, b = (linear(int(colour[i:i + 2], 16)) for i in (0, 2, 4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def colours():
    """Text has a contrast of 4.5, pictures one of 3 (WCAG 2.2, 1.4.3 and 1.4.11)"""
    names = ['bg', 'card', 'ink', 'soft', 'link', 'ok', 'note', 'warn', 'bad', 'l0', 'l1', 'l2',
             'l3', 'l4']
    for dark in (False, True):
        tab = chromium.tab()
        tab.look(1280, dark=dark)
        tab.go(site.url + 'busy')
        values = tab.evaluate('(() => { const s = getComputedStyle(document.documentElement);'
                              'return %r.map(n => s.getPropertyValue("--" + n)) })()' % names)
        of = dict(zip(names, values))
        weak = ['%s on %s: %.2f' % (name, ground, contrast(of[name], of[ground]))
                for ground in ('bg', 'card') for name in names[2:]
                if contrast(of[name], of[ground]) < (3 if name[1:].isdigit() else 4.5)
                and not (ground == 'bg' and name[1:].isdigit())]
        tap.equal(weak, [], 'in the %s' % ('dark' if dark else 'light'))
        tab.close()


def titles():
    """The title tells the state, for who sees only that"""
    for name, want in (('busy', 'mortsafe: working - mx1.example.org'),
                       ('enforcing', 'mortsafe: working, with a warning - mx1.example.org'),
                       ('degraded', 'mortsafe: in trouble - mx1.example.org'),
                       ('missing', 'mortsafe: state unknown')):
        tap.equal(re.search('<title>(.*?)</title>', render(name))[1], want, name)


PICTURES = (('busy', 1280, False), ('busy', 1280, True), ('busy', 320, False),
            ('enforcing', 1280, False), ('degraded', 1280, True), ('hostile', 768, False),
            ('empty', 1280, False), ('missing', 1280, False), ('subject', 1280, False),
            ('subject', 1280, True), ('subject', 320, True), ('problem', 768, False))


def picture(tab, path):
    """What the README shows: the first screens of a busy day."""
    tab.look(1200, 968)
    tab.go(site.url + 'busy')
    return tab.screenshot(path, whole=False)


def pictures():
    """Pictures, to look at"""
    tab = chromium.tab()
    for name, width, dark in PICTURES:
        tab.look(width, dark=dark)
        tab.go(site.url + name)
        path = os.path.join(OUT, '%s-%d-%s.png' % (name, width, 'dark' if dark else 'light'))
        tap.ok(os.path.getsize(tab.screenshot(path)) > 5000, path)
    path = picture(tab, os.path.join(OUT, 'status.png'))
    size = os.path.getsize(path)
    tap.ok(size < 150 * 1024, 'that of the README is small', size=size)
    tab.close()


def main():
    global folder, site, chromium
    try:
        browser.find()
    except browser.Failed as why:
        print('1..0 # SKIP %s' % why)
        return
    os.makedirs(OUT, exist_ok=True)
    folder = tempfile.mkdtemp(prefix='mortsafe-page-')
    try:
        fixtures.write(folder)
        site = served.Served(RENDER, folder)
        with browser.Browser(folder) as chromium:
            if sys.argv[1:2] == ['picture']:
                picture(chromium.tab(), sys.argv[2])
                return
            tap.run(size, titles, policy, looks, hostile, linked, keyboard, refresh,
                    printed, colours, pictures)
        site.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tap.finish()


main()
