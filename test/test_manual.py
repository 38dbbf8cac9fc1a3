#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The manual says what the program does: options, examples, rules, usage."""
import glob
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.environ.get('top_srcdir') or os.path.join(os.path.dirname(__file__), '..')
BUILD = os.environ.get('top_builddir') or '.'
MORTSAFE = os.environ.get('MORTSAFE') or os.path.join(BUILD, 'mortsafe')
PAGES = sorted(glob.glob(os.path.join(TOP, 'man', '*.[0-9]')))
CONF = os.path.join(TOP, 'man', 'mortsafe.conf.5')
POLICY = os.path.join(TOP, 'man', 'mortsafe-policy.7')
DAEMON = os.path.join(TOP, 'man', 'mortsafe.8')

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


def lines(path):
    with open(path, encoding='utf-8') as page:
        return page.read().splitlines()


# ----- the table of options

def option_table():
    """{(block, option): what the manual must say about it}, in order."""
    listed = subprocess.run([os.path.join(BUILD, 'test', 'list_options')],
                            stdout=subprocess.PIPE, check=True, encoding='ascii').stdout
    return {(row[0], row[1]): describe(*row[2:])
            for row in (line.split('\t') for line in listed.splitlines())}


def size(n):
    for unit in 'KMG':
        if n % 1024 or n == 0:
            return str(n)
        n //= 1024
        if n % 1024 or unit == 'G':
            return '%d%s' % (n, unit)


def time(ms):
    return '%ds' % (ms // 1000) if ms % 1000 == 0 else '%dms' % ms


def span(s):
    return next('%d%s' % (s // n, unit) for n, unit in
                ((86400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')) if s % n == 0 and (s or n == 1))


def describe(kind, name, words, least, most, preset, needed):
    least, most = int(least), int(most)
    what = {
        'words': 'one of ' + ', '.join(words.split('|')),
        'number': 'number from %d to %d' % (least, most),
        'octal': 'octal number from %04o to %04o' % (least, most),
        'percentage': 'percentage from %d%% to %d%%' % (least, most),
        'size': 'size from %s to %s' % (size(least), size(most)),
        'time': 'time from %s to %s' % (time(least), time(most)),
        'span': 'span from %s to %s' % (span(least), span(most)),
        'text': '%s of at most %d bytes' % (name, most),
    }.get(kind, name)
    return '%s; %s' % (what, 'needed' if needed
                       else 'default ' + preset if preset else 'no default')


def manual_table():
    """The same out of the page: `Ss' heads a block, `It Ic' an option."""
    found, block, inside = {}, None, False
    page = lines(CONF)
    for i, line in enumerate(page):
        if line.startswith('.Sh '):
            inside = line == '.Sh BLOCKS AND OPTIONS'
        elif line.startswith('.Ss '):
            block = '' if line == '.Ss Outside of blocks' else line[4:]
        elif inside and line.startswith('.It Ic '):
            key = block, line[7:]
            ok(key not in found, 'the page has %s.%s once' % key)
            match = re.fullmatch(r'\.Pq (.*)', page[i + 1])
            found[key] = match.group(1) if match else page[i + 1]
    return found


def test_options():
    table, manual = option_table(), manual_table()
    for key, want in table.items():
        name = '.'.join(key).lstrip('.')
        ok(key in manual, 'mortsafe.conf(5) has ' + name)
        if key in manual:
            ok(manual[key] == want, '%s has its type, range and default' % name,
               'page: ' + manual[key], 'table: ' + want)
    for key in manual:
        ok(key in table, '%s.%s of the page is an option' % key)
    ok(list(manual) == list(table), 'they stand in the order of the table')
    return table


# ----- examples

def literals(path):
    """(what the comment in front says, first line, text) of each literal block."""
    page = lines(path)
    for i, line in enumerate(page):
        if not line.startswith('.Bd -literal'):
            continue
        end = page.index('.Ed', i)
        text = '\n'.join(one.replace('\\e', '\\').replace('\\&', '')
                         for one in page[i + 1:end]) + '\n'
        before = page[i - 1]
        yield before[4:] if before.startswith('.\\" ') else '', i + 2, text


def daemon_user():
    """Who `mortsafe -n' becomes, or somebody if there is no such user."""
    try:
        return pwd.getpwnam('mortsafe')
    except KeyError:
        return pwd.getpwnam('nobody')


def make_files(folder):
    """The keys, passwords, certificates and templates that the examples name."""
    def path(name):
        return os.path.join(folder, name)

    user = ['-u', daemon_user().pw_name] if os.geteuid() == 0 else []
    subprocess.run([MORTSAFE, '--make-key', path('site.key')] + user, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=redis.example.net',
                    '-keyout', path('redis.key'), '-out', path('redis.crt')],
                   check=True, stderr=subprocess.DEVNULL)
    shutil.copy(path('redis.crt'), path('redis-ca.crt'))
    shutil.copytree(os.path.join(TOP, 'contrib', 'notices'), path('notices'))
    for name in 'redis.pass', 'sentinel.pass', 'webhook.key', 'root.key':
        with open(path(name), 'w', encoding='ascii') as out:
            out.write('secret\n')
    for name in 'redis.key', 'redis.pass', 'sentinel.pass', 'webhook.key':
        os.chmod(path(name), 0o640)
        if os.geteuid() == 0:
            os.chown(path(name), 0, daemon_user().pw_gid)


def run(text, folder, *options):
    """Check TEXT as a configuration whose tables are in FOLDER."""
    path = os.path.join(folder, 'mortsafe.conf')
    with open(path, 'w', encoding='utf-8') as out:
        out.write(text.replace('/etc/mortsafe/', folder + '/'))
    return subprocess.run([MORTSAFE, '-n', '-x', path] + list(options),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding='utf-8')


def written(printed, folder):
    """The options that a file wrote, out of what `mortsafe -n -v' printed."""
    blocks, key = [''], None
    for line in printed.splitlines():
        head = re.match(r'\s*(\w+) (?:\S+ )?\{', line)
        option = re.match(r'\s*(\w+) =', line)
        if head:
            blocks.append(head.group(1))
        elif line.strip() == '}':
            blocks.pop()
        elif option:
            key = blocks[-1], option.group(1)
        if not head and '# ' + folder in line:
            yield key


def test_examples(table):
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        make_files(folder)
        for page in PAGES:
            for what, _, text in literals(page):
                if what.startswith('table '):
                    with open(os.path.join(folder, what[6:]), 'w', encoding='utf-8') as out:
                        out.write(text)
        for page in PAGES:
            for what, at, text in literals(page):
                if what != 'config':
                    continue
                name = '%s:%d' % (os.path.basename(page), at)
                done = run(text, folder, '-v')
                ok(done.returncode == 0, 'the example at %s is accepted' % name, done.stderr)
                if page == CONF:
                    seen.update(written(done.stdout, folder))
        for key in table:
            ok(key in seen, 'mortsafe.conf(5) has an example of ' + '.'.join(key).lstrip('.'))
        test_built_in(folder)


def test_built_in(folder):
    page = lines(CONF)
    start = page.index('.Sh BUILT IN')
    text = next(text for what, at, text in literals(CONF) if what == 'config' and at > start)
    bare, full = (re.sub(r' *# .*', '', run(one, folder, '-v').stdout) for one in ('', text))
    ok(bare and bare == full, 'what the page calls built in is built in')


# ----- rules and their words

def sources():
    """The rules' and the milter's source, string literals in a row joined."""
    text = ''
    for folder in 'policy', 'milter':
        for path in sorted(glob.glob(os.path.join(TOP, folder, '*.c'))):
            with open(path, encoding='utf-8') as source:
                text += source.read()
    return re.sub(r'"\s*"', '', text)


def test_rules():
    source = sources()
    page = lines(POLICY)
    page = page[page.index('.Sh RULES'):]
    page = page[:next(i for i, line in enumerate(page) if i and line.startswith('.Sh '))]
    for line in page:
        if line.startswith('.Dl '):
            words = line[4:].split(' ', 2)[2]
            ok('"%s"' % words in source, 'a refusal says: ' + words)
    rulings = re.findall(r'= \{OF_(\w+), "(\w+)", (\d+),\s*"([\d.]+)",\s*"([^"]*)"', source)
    ok(len(rulings) >= 10, 'the rulings were found in the source', rulings)
    for of, name, code, enhanced, words in rulings:
        rule = ('.It Cm relay.' + name if of == 'RELAY'
                else '.It Cm %s.\\& Ns Ar name Ns Cm .%s' % (of.lower(), name))
        ok(rule in page and '.Dl %s %s %s' % (code, enhanced, words) in page,
           'mortsafe-policy(7) has %s, %s %s %s' % (rule[7:], code, enhanced, words))
    findings = re.findall(r'= \{(?:"(spf\.\w+)"|NULL), (\d+), (\d+), "([\d.]+)",\s*"([^"]*)"', source)
    ok(len(findings) >= 10, 'what the DNS leads to was found in the source', findings)
    for rule, reject, defer, detail, words in findings:
        codes = '%s 5.%s' % (reject, detail) if reject != '0' else '%s 4.%s' % (defer, detail)
        ok((not rule or '.It Cm ' + rule in page) and '.Dl %s %s' % (codes, words) in page,
           'mortsafe-policy(7) has %s, %s %s' % (rule or 'dnsbl.NAME', codes, words))
    for rule in sorted(set(re.findall(r'"(error\.\w+)"', source))):
        ok(any(line.endswith('Cm ' + rule) for line in page), 'mortsafe-policy(7) has ' + rule)


# ----- the command line

def test_usage():
    usage = subprocess.run([MORTSAFE, '-?'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           encoding='ascii').stderr
    options = re.findall(r'^  -(\w|-[\w-]+)(?: (\w+))? ', usage, re.M)
    page = lines(DAEMON)
    items = [line for line in page if line.startswith('.It Fl ')]
    for letter, argument in options:
        want = '.It Fl %s%s' % (letter, ' Ar ' + argument if argument else '')
        ok(want in items, 'mortsafe(8) explains -%s %s' % (letter, argument), items)
    ok(len(items) == len(options), 'mortsafe(8) explains no other option', items, options)


# ----- what SIGUSR2 tells

def test_state():
    with open(os.path.join(TOP, 'milter', 'status.c'), encoding='utf-8') as source:
        keys = re.findall(r'put_\w+\([^"]*?"(\w+)"', source.read())
    page = lines(DAEMON)
    page = page[page.index('.Ss The state of the store'):]
    page = page[1:next(i for i, line in enumerate(page) if i and line.startswith('.Ss '))]
    told = set(re.findall(r'\w+', '\n'.join(one for one in page if one.startswith(('.It', '.Cm')))))
    ok(len(keys) > 20, 'the keys of the state were found in the source', keys)
    for key in sorted(set(keys)):
        ok(key in told, 'mortsafe(8) explains %s of the state' % key)


if not os.access(MORTSAFE, os.X_OK):
    print('1..0 # SKIP no mortsafe to ask')
    sys.exit(0)
test_examples(test_options())
test_rules()
test_usage()
test_state()
print('1..%d' % count)
sys.exit(1 if failed else 0)
