"""Draws the bars of the paper's figure 2 as SVG: packets per second of the three setups with their deviation, and how many times as fast the switch is,
beside what the paper says. Of a busy machine: undisturbed moments, without deviations."""
import html

NAMES = {'switch': 'in the switch', 'process': 'neighbouring process', 'copies': 'isolated, with copies'}
COLOURS = {'switch': '#2b6cb0', 'process': '#dd8a3c', 'copies': '#8a8f98'}
PAPER = {'process': (1.7, 1.9), 'copies': (2.0, 3.0)}
WIDTH, HEIGHT, TOP, BOTTOM, LEFT, GAP, RIGHT = 900, 400, 60, 70, 60, 70, 20


def nice(value):
    """The next round number for the end of an axis."""
    step = 10 ** (len(str(int(max(value, 1)))) - 1)
    return next(factor * step for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if factor * step >= value)


class Panel:
    """A chart of groups of bars between two x positions."""

    def __init__(self, lines, left, right, highest, groups, bars):
        self.lines, self.left, self.right, self.highest, self.groups, self.bars = lines, left, right, highest, groups, bars

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value, self.highest) / self.highest

    def place(self, group, bar):
        """Left edge and width of a bar."""
        width = (self.right - self.left) / self.groups
        return self.left + group * width + width * (0.12 + 0.76 * bar / self.bars), width * 0.76 / self.bars

    def text(self, x, y, text, anchor='middle', size=12, colour='#222'):
        self.lines.append('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="%s">%s</text>' % (x, y, anchor, size, colour, html.escape(text)))

    def line(self, x1, y1, x2, y2, colour='#222', width=1.0):
        self.lines.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>' % (x1, y1, x2, y2, colour, width))

    def axis(self, title):
        for step in range(6):
            value = self.highest * step / 5
            self.line(self.left, self.y(value), self.right, self.y(value), '#ddd' if step else '#222')
            self.text(self.left - 6, self.y(value) + 4, '%g' % round(value, 2), 'end', 11)
        self.text(self.left, TOP - 14, title, 'start', 13)

    def bar(self, group, number, value, deviation, colour, label):
        x, width = self.place(group, number)
        self.lines.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>' % (x, self.y(value), width * 0.9, self.y(0) - self.y(value), colour))
        middle = x + width * 0.45
        if deviation:
            low, high = self.y(max(0, value - deviation)), self.y(value + deviation)
            self.line(middle, low, middle, high)
            self.line(middle - 4, low, middle + 4, low)
            self.line(middle - 4, high, middle + 4, high)
        self.text(middle, min(self.y(value), self.y(value + (deviation or 0))) - 4, label, size=10)


def write(path, title, rows, is_busy):
    """Writes the figure of one trace: rows are (program, figures of oko bench chain)."""
    rate, deviation, ratio = ((lambda s: 1e3 / s['undisturbed_nanoseconds'], lambda s: 0, lambda s: s['switch_over_this_undisturbed']) if is_busy else (
        lambda s: s['packets_per_second'] / 1e6, lambda s: s['deviation'] / 1e6, lambda s: s['switch_over_this']))
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif">' % (WIDTH, HEIGHT), '<rect width="100%" height="100%" fill="#fff"/>']
    setups = [[(setup['name'], setup) for setup in figures['setups']] for _, figures in rows]
    middle = (WIDTH + LEFT) * 0.55
    rates = Panel(lines, LEFT, middle - GAP / 2, nice(max(rate(s) + deviation(s) for row in setups for _, s in row) * 1.05), len(rows), 3)
    rates.axis('million packets/s, %s%s' % (title, ', undisturbed' if is_busy else ''))
    ratios = Panel(lines, middle + GAP / 2, WIDTH - RIGHT, nice(max([3.2] + [ratio(s) * 1.05 for row in setups for _, s in row])), len(rows), 2)
    ratios.axis('in the switch, times as fast; outlined: the paper')
    for group, ((program, _), row) in enumerate(zip(rows, setups)):
        for number, (name, setup) in enumerate(row):
            rates.bar(group, number, rate(setup), deviation(setup), COLOURS[name], '%.3g' % rate(setup))
        for number, (name, setup) in enumerate(row[1:]):
            ratios.bar(group, number, ratio(setup), None, COLOURS[name], '%.2f' % ratio(setup))
            x, width = ratios.place(group, number)
            low, high = PAPER[name]
            lines.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="#b00020" stroke-width="1.5" stroke-dasharray="4 2"/>' % (
                x - 2, ratios.y(high), width * 0.9 + 4, ratios.y(low) - ratios.y(high)))
        for panel in (rates, ratios):
            panel.text(panel.left + (panel.right - panel.left) / panel.groups * (group + 0.5), HEIGHT - BOTTOM + 18, program)
    for number, (name, text) in enumerate(NAMES.items()):
        lines.append('<rect x="%d" y="%d" width="12" height="12" fill="%s"/>' % (LEFT + number * 190, HEIGHT - 32, COLOURS[name]))
        rates.text(LEFT + number * 190 + 18, HEIGHT - 22, text, 'start')
    lines.append('</svg>')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\n')
