# SPDX-License-Identifier: BSD-2-Clause
"""tests/RESULTS.md: one line for each long run. Written by programs, never by hand."""
import datetime
import fcntl
import os
import subprocess

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
PATH = os.path.join(ROOT, 'tests', 'RESULTS.md')
COLUMNS = ('date', 'commit', 'what', 'build', 'figures', 'bound', 'verdict')
HEAD = f"""# Results

What long runs measured, newest last; the programs that measure write this file. A commit with `+` had uncommitted changes in the sources.

| {' | '.join(COLUMNS)} |
|{'---|' * len(COLUMNS)}
"""


def commit():
    """Short name of what is checked out; `+` after it when sources differ from it."""
    def git(*words):
        return subprocess.run(['git', '-C', ROOT, *words], capture_output=True, text=True).stdout.strip()
    changed = git('status', '--porcelain', '--', 'common', 'webfront', 'cachenode', 'balancer')
    return (git('rev-parse', '--short', 'HEAD') or 'unknown') + ('+' if changed else '')


def record(row):
    """Appends a line. row: what, build, figures, bound, passed (bool) or verdict; date and commit are filled in when they are missing."""
    row = dict(row)
    row.setdefault('date', datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M'))
    row.setdefault('commit', commit())
    row.setdefault('verdict', 'passed' if row.get('passed') else 'failed')
    cells = [str(row.get(column, '')).replace('|', '/').replace('\n', ' ').replace(ROOT + '/', '') for column in COLUMNS]
    with open(PATH, 'a+') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0, os.SEEK_END)
        if file.tell() == 0:
            file.write(HEAD)
        file.write('| ' + ' | '.join(cells) + ' |\n')
