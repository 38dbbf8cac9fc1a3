# SPDX-License-Identifier: BSD-2-Clause
"""axe-core, of the npm registry, unpacked into a folder; never installed.

Node packages differ in who brings npm (Debian's `npm`, or a nodejs of another maker
with npm in it), so npm is not asked for by name of its package where it is there."""
import base64
import hashlib
import os
import shutil
import subprocess
import tarfile

NAME, VERSION = 'axe-core', '4.14.1'
INTEGRITY = ('FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37Og'
             'udVGtQ==')


class Missing(Exception):
    """What there must be to have it, in words."""


def verify(path):
    with open(path, 'rb') as packed:
        return base64.b64encode(hashlib.sha512(packed.read()).digest()).decode() == INTEGRITY


def fetch(folder):
    """The packed file in FOLDER, fetched at the first time, and its hash compared."""
    path = os.path.join(folder, '%s-%s.tgz' % (NAME, VERSION))
    if os.path.exists(path) and verify(path):
        return path
    if not shutil.which('npm'):
        raise Missing('npm is missing: ./bootstrap check installs it (Debian: npm)')
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(
        ['npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder,
         '--cache', os.path.join(folder, 'npm'), '%s@%s' % (NAME, VERSION)],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise Missing('npm pack %s@%s: %s' % (NAME, VERSION, done.stderr.strip()[-400:]))
    if not verify(path):
        os.unlink(path)
        raise Missing('%s is not the file whose hash is written down here' % path)
    return path


def source(folder):
    """The text of the script."""
    with tarfile.open(fetch(folder)) as packed:
        return packed.extractfile('package/axe.min.js').read().decode()


# every rule there is but those that are experiments, best practices included
RUN = '''
(async () => {
  const found = await axe.run(document, {resultTypes: ['violations', 'incomplete']});
  const brief = list => list.map(v => v.id + ': ' + v.nodes.slice(0, 4).map(
      n => n.target.join(' ') + ' ' + (n.any.concat(n.all, n.none)[0] || {}).message).join(' | '));
  return {violations: brief(found.violations), incomplete: brief(found.incomplete),
          passes: found.passes.length};
})()
'''
