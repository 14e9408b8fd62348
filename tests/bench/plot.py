# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws CPU time and loss of churn by rate: two diagrams with logarithmic axes of rate, in one SVG."""

import math
import statistics
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 420, 300, 60, 40, 50
COLOURS = ("#777777", "#0b6e4f", "#3aa17e", "#c1440e", "#7048a8", "#1c5fa8")


def medians(figures, name, rates, key):
    """[(rate, median)], where there are figures."""
    points = []
    for rate in rates:
        values = [one[key] for one in figures
                  if one["what"] == f"churn {rate}" and one["name"] == name and key in one]
        if values:
            points.append((rate, statistics.median(values)))
    return points


class Diagram:
    def __init__(self, offset, title, rates, highest):
        self.offset, self.title, self.rates, self.highest = offset, title, rates, highest or 1

    def x(self, rate):
        low, high = math.log(min(self.rates)), math.log(max(self.rates))
        part = (math.log(rate) - low) / (high - low) if high > low else 0.5
        return self.offset + LEFT + part * (WIDTH - LEFT - 20)

    def y(self, value):
        return TOP + (1 - value / self.highest) * (HEIGHT - TOP - BOTTOM)

    def frame(self):
        left, right, bottom = self.offset + LEFT, self.offset + WIDTH - 20, self.y(0)
        yield (f'<text x="{left}" y="20" font-weight="bold">{escape(self.title)}</text>')
        for i in range(5):
            value = self.highest * i / 4
            yield f'<line x1="{left}" x2="{right}" y1="{self.y(value):.1f}" y2="{self.y(value):.1f}" stroke="#ddd"/>'
            yield (f'<text x="{left - 6}" y="{self.y(value) + 4:.1f}" text-anchor="end">'
                   f'{value:.3g}</text>')
        for rate in self.rates:
            yield f'<text x="{self.x(rate):.1f}" y="{bottom + 16}" text-anchor="middle">{rate}</text>'
        yield f'<text x="{(left + right) / 2}" y="{bottom + 34}" text-anchor="middle">connections/s</text>'

    def line(self, points, colour):
        path = " ".join(f"{self.x(rate):.1f},{self.y(value):.1f}" for rate, value in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for rate, value in points:
            yield f'<circle cx="{self.x(rate):.1f}" cy="{self.y(value):.1f}" r="3" fill="{colour}"/>'


def draw(file_name, figures, rates):
    names = list(dict.fromkeys(one["name"] for one in figures if one["what"].startswith("churn")))
    lines = []
    for index, (key, factor, title) in enumerate((("ns", 1e-3, "CPU time, µs per connection"),
                                                  ("lost", 100, "lost, %"))):
        series = [[(rate, value * factor) for rate, value in medians(figures, name, rates, key)]
                  for name in names]
        highest = max((value for points in series for _, value in points), default=0)
        diagram = Diagram(index * WIDTH, title, rates, highest)
        lines += diagram.frame()
        for points, colour in zip(series, COLOURS):
            lines += diagram.line(points, colour)
    for index, (name, colour) in enumerate(zip(names, COLOURS)):
        x = LEFT + index * 180
        lines.append(f'<rect x="{x}" y="{HEIGHT + 4}" width="12" height="12" fill="{colour}"/>'
                     f'<text x="{x + 18}" y="{HEIGHT + 14}">{escape(name)}</text>')
    with open(file_name, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT + 30}" '
                   'font-family="sans-serif" font-size="12">\n'
                   f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(lines) + "\n</svg>\n")
