#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mortsafectl(8), the help and the completions say what the table of commands says; the
manual's examples are what is printed."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap_ctl import BUILD, CTL, HERE, TOP, end, environment, ok, run  # noqa: E402
from test_golden import ROWS, WAYS  # noqa: E402

PAGE = os.path.join(TOP, 'man', 'mortsafectl.8')


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def table():
    """[{name, group, brief, synopsis, options: [(name, letter, argument)], choices}]; the
    first holds what all commands take."""
    listed = subprocess.run([os.path.join(BUILD, 'test', 'ctl', 'list_commands')], check=True,
                            stdout=subprocess.PIPE, encoding='ascii').stdout
    rows = []
    for what, *rest in (line.split('\t') for line in listed.splitlines()):
        if what == 'command':
            rows.append({'name': rest[0], 'group': rest[1], 'brief': rest[2], 'synopsis': [],
                         'options': [], 'choices': []})
        elif what == 'option':
            rows[-1]['options'].append(tuple(rest))
        else:
            rows[-1][{'synopsis': 'synopsis', 'choice': 'choices'}[what]].append(rest[0])
    return rows


# ----- the manual

def item(option):
    name, letter, argument = option
    argument = ' Ar ' + argument if argument else ''
    return '.It Fl -%s%s' % (name, argument) + (
        ' , Fl %s%s' % (letter, argument) if letter != '-' else '')


def section(lines, head):
    start = lines.index(head) + 1
    level = head[:4]
    ends = [i for i in range(start, len(lines)) if lines[i].startswith(('.Sh', level))]
    return lines[start:ends[0] if ends else None]


def manual(rows):
    lines = read(PAGE).splitlines()
    common = section(lines, '.Sh DESCRIPTION')
    ok([one for one in common if one.startswith('.It Fl')] == [item(o) for o in
                                                              rows[0]['options']],
       'the page has the options of all commands', common)
    page = section(lines, '.Sh COMMANDS')
    heads = [one for one in page if one.startswith('.It Ic ')]
    ok(heads == ['.It Ic ' + row['name'] for row in rows[1:]],
       'the page has all commands, in the order of the table', heads)
    groups = list(dict.fromkeys(row['group'] for row in rows[1:]))
    ok([one[4:] for one in page if one.startswith('.Ss ')] == groups, 'and all groups', groups)
    for row in rows[1:]:
        inside = section(page, '.Ss ' + row['group'])
        ok('.It Ic ' + row['name'] in inside, '%s is in its group' % row['name'])
        start = page.index('.It Ic ' + row['name']) + 1
        part = page[start:next((i for i in range(start, len(page))
                                if page[i].startswith(('.It Ic', '.Ss'))), None)]
        want = [('.D1 mortsafectl %s %s' % (row['name'], one)).rstrip()
                for one in row['synopsis']]
        ok([one for one in part if one.startswith('.D1')] == want,
           'it tells how %s is called' % row['name'], want, part)
        ok([one for one in part if one.startswith('.It')] == [item(o) for o in row['options']],
           'and the options of %s' % row['name'], part)


def examples():
    """A block under a comment `ctl NAME WAY' is the call and the output of that golden file."""
    lines = read(PAGE).splitlines()
    found = 0
    for i, line in enumerate(lines):
        match = re.fullmatch(r'\.\\" ctl (\S+) (\S+)', line)
        if not match:
            continue
        found += 1
        name, way = match.groups()
        text = '\n'.join(re.sub(r'^\\&', '', one).replace('\\e', '\\')
                         for one in lines[i + 2:lines.index('.Ed', i)])
        arguments = next(row[2] for row in ROWS if row[0] == name)
        if isinstance(arguments, str):
            arguments = arguments.split()
        golden = read(os.path.join(HERE, 'golden', name + '.txt'))
        printed = re.search(r'^===== %s: exit \d+\n(.*?)(?=^=====|^-----|\Z)' % way, golden,
                            re.S | re.M).group(1)
        want = '$ mortsafectl %s\n%s' % (shlex.join(WAYS[way][1] + arguments), printed)
        ok(text == want.rstrip('\n'), 'the example of `%s` is what it prints' % arguments[0],
           text, want)
    ok(found >= 5, 'there are examples', found)


# ----- help

def helped(rows):
    shown = run('help').stdout.decode()
    for row in rows[1:]:
        ok(re.search(r'^  %s +%s$' % (row['name'], re.escape(row['brief'])), shown, re.M),
           'help has %s' % row['name'], shown)
        one = run(['help', row['name']], {'COLUMNS': '0'}).stdout.decode()
        for synopsis in row['synopsis']:
            ok(('mortsafectl %s %s' % (row['name'], synopsis)).rstrip() in one.splitlines(),
               'help tells how %s is called' % row['name'], one)
        for name, letter, argument in row['options']:
            ok(re.search(r'^  %s --%s%s +\S' % ('-%s,' % letter if letter != '-' else '   ',
                                                name, ' ' + re.escape(argument) if argument else ''),
                         one, re.M), 'help has --%s of %s' % (name, row['name']), one)


# ----- completions

def completions(rows):
    for shell in 'bash', 'zsh', 'fish':
        done = run(['completion', shell])
        text = done.stdout.decode()
        ok(done.returncode == 0, 'there are completions for ' + shell, done.stderr)
        words = set(re.findall(r'[\w-]+', text))
        for row in rows:
            want = {row['name']} if row['name'] else set()
            for name, letter, _ in row['options']:
                want.add(name if shell == 'fish' else '--' + name)
            for one in row['choices']:
                want.update(re.findall(r'[\w-]+', one))
            missing = {one for one in want if one not in words and one not in
                       {w.lstrip('-') for w in words}}
            ok(not missing, '%s completes %s' % (shell, row['name'] or 'common options'),
               missing)
        if shutil.which(shell) is None:
            ok(True, '%s reads them # SKIP no %s' % (shell, shell))
            continue
        with tempfile.NamedTemporaryFile() as file:
            file.write(done.stdout)
            file.flush()
            read_in = subprocess.run([shell, '-n', file.name], stderr=subprocess.PIPE)
            ok(read_in.returncode == 0 and not read_in.stderr, shell + ' reads them',
               read_in.stderr)


def bash_completes():
    if shutil.which('bash') is None:
        ok(True, 'bash completes # SKIP no bash')
        return
    script = run(['completion', 'bash']).stdout.decode() + r'''
function=$(complete -p mortsafectl | sed 's/.*-F \([^ ]*\) .*/\1/')
while read -r line; do
    read -ra COMP_WORDS <<<"$line"
    [[ $line == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
    "$function" mortsafectl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"
done
'''
    rows = [('mortsafectl sta', {'status', 'stats'}), ('mortsafectl log --us', {'--user'}),
            ('mortsafectl completion f', {'fish'}), ('mortsafectl mode enf', {'enforce'}),
            ('mortsafectl exempt d', {'del'}), ('mortsafectl --color al', {'always'})]
    for line, want in rows:
        done = subprocess.run(['bash', '-c', script], input=line + '\n', encoding='utf-8',
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment({}))
        ok(set(done.stdout.split()) == want and not done.stderr,
           'bash completes `%s`' % line, done.stdout, done.stderr)


def main():
    if not os.access(CTL, os.X_OK):
        print('1..0 # SKIP no mortsafectl to ask')
        return 0
    rows = table()
    manual(rows)
    examples()
    helped(rows)
    completions(rows)
    bash_completes()
    return end()


if __name__ == '__main__':
    sys.exit(main())
