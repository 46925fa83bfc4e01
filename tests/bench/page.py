# SPDX-License-Identifier: BSD-2-Clause
"""deploy/docs/performance.md and performance.svg: what compare and situations measured, put between the page's marks."""
import datetime
import html
import os
import re
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), '..', 'support'))
import contenders
import plot
import results

BEGIN, END = '<!-- measured by tests/bench; do not edit -->', '<!-- end -->'
LEFT, BAR, RIGHT, WIDTH, MOST = 290, 9, 90, 860, 4.0
SETTINGS = {'with logs': 'access logs on', 'without logs': 'access logs off'}


def ratios(measured):
    """[(scenario, {setting: ratio})], the better of ours where the chain was measured with both kinds of sockets."""
    rows = []
    for scenario in contenders.SCENARIOS:
        found = {}
        for setting in SETTINGS:
            values = [row['ratio'] for row in measured.get(setting, {}).get(scenario.name, {}).values() if 'ratio' in row]
            if values:
                found[setting] = max(values)
        if found:
            rows.append((scenario.what, found))
    return rows


def svg(measured):
    """A bar for each kind of work: the best peer's processor time divided by ours."""
    rows, top = ratios(measured), 64
    height = top + len(rows) * (3 * BAR + 4) + 40
    x_of = lambda ratio: LEFT + (WIDTH - LEFT - RIGHT) * min(ratio, MOST) / MOST
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">', plot.STYLE,
           f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
           '<text x="16" y="22" class="title">Processor time of the best peer ÷ ours (right of 1: ours is cheaper)</text>']
    for at, (setting, words) in enumerate(SETTINGS.items()):
        x = LEFT + at * 180
        out.append(f'<rect x="{x}" y="36" width="26" height="{BAR}" fill="{plot.COLOURS[at]}"/><text x="{x + 34}" y="45">{words}</text>')
    for mark in range(int(MOST) + 1):
        x = x_of(mark)
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 8}" y2="{height - 30}" class="{"axis" if mark == 1 else "grid"}"/>'
                   f'<text x="{x:.1f}" y="{height - 14}" text-anchor="middle">{mark}</text>')
    for at, (what, found) in enumerate(rows):
        y = top + at * (3 * BAR + 4)
        out.append(f'<text x="{LEFT - 10}" y="{y + BAR + 4}" text-anchor="end">{html.escape(what)}</text>')
        for number, setting in enumerate(SETTINGS):
            if setting in found:
                x = x_of(found[setting])
                out.append(f'<rect x="{LEFT}" y="{y + number * (BAR + 1)}" width="{x - LEFT:.1f}" height="{BAR}" fill="{plot.COLOURS[number]}"/>'
                           f'<text x="{x + 6:.1f}" y="{y + number * (BAR + 1) + BAR}">{found[setting]:.2f}</text>')
    return '\n'.join(out + ['</svg>', ''])


def write(directory, name, text, picture=None):
    """Puts `text` between the marks of that name, the picture beside the page."""
    path = os.path.join(directory, 'performance.md')
    with open(path) as file:
        page = file.read()
    head = f'Measured {datetime.date.today()} at commit {results.commit()}.'
    begin = BEGIN.replace('measured', f'{name}: measured', 1)
    new, count = re.subn(re.escape(begin) + '.*?' + re.escape(END), lambda _: f'{begin}\n{head}\n\n{text.strip()}\n{END}', page, flags=re.S)
    if count != 1:
        raise RuntimeError(f'{path} has no place for {name}')
    with open(path, 'w') as file:
        file.write(new)
    if picture:
        with open(os.path.join(directory, 'performance.svg'), 'w') as file:
            file.write(picture)
