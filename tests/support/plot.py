# SPDX-License-Identifier: BSD-2-Clause
"""Lines over time as SVG: panels one below the other, axes with units, a legend. Readable on light and on dark ground."""
import html

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 860, 230, 70, 20, 64, 52
COLOURS = ('#2f7ed8', '#d9722e', '#2e9e5b', '#9b59b6')
DASHES = ('', '7 3', '2 3', '9 3 2 3')
STYLE = """<style>
svg { font: 12px sans-serif }
.ground { fill: #ffffff } text { fill: #222222 } .grid { stroke: #dddddd } .axis { stroke: #222222; fill: none }
.line { fill: none; stroke-width: 1.6 } .title { font-size: 14px; font-weight: bold }
@media (prefers-color-scheme: dark) { .ground { fill: #16181c } text { fill: #dddddd } .grid { stroke: #3a3d44 } .axis { stroke: #dddddd } }
</style>"""


def step(span, marks=6):
    """A round distance of marks: 1, 2 or 5 times a power of ten."""
    rough = max(span, 1e-9) / marks
    power = 10.0
    while power > rough:
        power /= 10
    while power * 10 <= rough:
        power *= 10
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def thin(points, most=400):
    """At most so many points; of each run of neighbours the highest stays, so that no peak is lost."""
    size = -(-len(points) // most)
    return [max(points[at:at + size], key=lambda point: point[1]) for at in range(0, len(points), size)]


def number(value):
    return f'{value:.10g}'


class Panel:
    """One diagram. lines: {name: [(x, y)…]}; y begins at 0."""

    def __init__(self, title, unit, lines):
        self.title, self.unit, self.lines = title, unit, lines

    def draw(self, top, end, x_unit):
        highest = max((y for points in self.lines.values() for _, y in points), default=1) * 1.08 or 1
        x_of = lambda x: LEFT + (WIDTH - LEFT - RIGHT) * x / (end or 1)
        y_of = lambda y: top + PANEL * (1 - y / highest)
        out = [f'<text x="{LEFT}" y="{top - 10}" class="title">{html.escape(self.title)} ({self.unit})</text>']
        distance, mark = step(highest), 0
        while mark <= highest:
            y = y_of(mark)
            out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
                       f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number(mark)}</text>')
            mark += distance
        distance, mark = step(end, 8), 0
        while mark <= end * 1.0001:
            x = x_of(mark)
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + PANEL}" class="grid"/>'
                       f'<text x="{x:.1f}" y="{top + PANEL + 16}" text-anchor="middle">{number(mark)}</text>')
            mark += distance
        out.append(f'<path d="M{LEFT} {top}V{top + PANEL}H{WIDTH - RIGHT}" class="axis"/>'
                   f'<text x="{WIDTH - RIGHT}" y="{top + PANEL + 32}" text-anchor="end">{x_unit}</text>')
        for number_of, points in enumerate(self.lines.values()):
            path = ' '.join(f'{x_of(x):.1f},{y_of(y):.1f}' for x, y in thin(points))
            out.append(f'<polyline class="line" points="{path}" stroke="{COLOURS[number_of % 4]}" stroke-dasharray="{DASHES[number_of % 4]}"/>')
        return out


def svg(title, panels, x_unit='minutes'):
    """The whole picture as text."""
    end = max((points[-1][0] for panel in panels for points in panel.lines.values() if points), default=1)
    height = TOP + len(panels) * (PANEL + GAP) + 4
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">', STYLE,
           f'<rect class="ground" width="{WIDTH}" height="{height}"/>', f'<text x="{LEFT}" y="22" class="title">{html.escape(title)}</text>']
    x = WIDTH - RIGHT
    for number_of, name in reversed(list(enumerate(panels[0].lines))):
        x -= 60 + 7 * len(name)
        out.append(f'<line x1="{x}" x2="{x + 34}" y1="42" y2="42" class="line" stroke="{COLOURS[number_of % 4]}" '
                   f'stroke-dasharray="{DASHES[number_of % 4]}"/><text x="{x + 40}" y="46">{html.escape(name)}</text>')
    for at, panel in enumerate(panels):
        out += panel.draw(TOP + at * (PANEL + GAP), end, x_unit)
    return '\n'.join(out + ['</svg>', ''])
