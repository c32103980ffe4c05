"""The network as a picture: a box for each value with its shape, and lines for what flows.

A value of a few numbers in a row is drawn as that many dots, so that a small network looks as it
does in a textbook: all dots joined where every number depends on every one before, dot to dot
where each goes its own way. All colours come from the page's style sheet.
"""

from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from backhand.graph import Network, Size, Value, shape_text
from backhand.report import svg
from backhand.report.layout import Box, Detour, Layout, layout

MOST_DOTS = 8
MANY_ROWS = 14
"""Beyond that many rows the picture is drawn closer together, without dots."""

MIXING = ("matmul", "affine", "linear", "softmax", "log_softmax")
"""Operators whose every result depends on every number of the row."""

WIDTH, CHANNEL, MARGIN, AWAY = 244.0, 13.0, 8.0, 20.0
"""Of a box, of a detour's channel, around the drawing, and from a box to what stands beside it."""
STACKED = 32.0
LEAST = 0.7
"""How small the drawing may become before its box scrolls."""
LONGEST = 11
"""Characters of a name that fit; the whole of it appears under the pointer."""


@dataclass(frozen=True)
class _Places:
    """Where rows and lanes begin, in the drawing's own units."""

    dotted: bool
    height: float
    tops: tuple[float, ...]
    lefts: tuple[float, ...]
    beside: float
    """How wide what stands beside a box is."""
    width: float
    bottom: float

    def left(self, box: Box) -> float:
        return self.lefts[box.lane]

    def top(self, box: Box) -> float:
        return self.tops[box.row]

    def centre(self, box: Box) -> float:
        """Where lines come and go: right of the middle, since names need more room than shapes."""
        return self.left(box) + 0.54 * WIDTH

    def dots(self, box: Box) -> list[float]:
        """The dots' places from left to right; none if the value is not shown as dots."""
        count = _dots(box.value) if self.dotted else 0
        gap = 80 / max(count, 5)
        return [self.centre(box) + (i - (count - 1) / 2) * gap for i in range(count)]


@dataclass(frozen=True)
class Picture:
    """The drawing, and whether any value is shown as dots."""

    drawing: Markup
    dotted: bool


def picture(network: Network, links: frozenset[str] = frozenset()) -> Picture:
    """The network drawn; the boxes of values in `links` lead to `#step-NAME`."""
    plan = layout(network)
    places = _places(plan)
    boxes = {box.name: box for box in plan.boxes}
    outputs = {value.name for value in network.forward.outputs}
    drawn = [_frame(box, places, outputs) for box in plan.boxes]
    drawn += [
        _flow(boxes[parent], box, places)
        for box in plan.boxes
        for parent in box.parents
        if box.row - boxes[parent].row == 1
    ]
    drawn += [_detour(detour, places) for detour in plan.detours]
    drawn += [_contents(box, places, links) for box in plan.boxes]
    drawn += [mark for box in plan.boxes for mark in _beside(box, places)]
    label = f"The network {network.name}, from its inputs at the top to the end at the bottom"
    drawing = svg.drawing(places.width, places.bottom, label, *drawn, class_="picture",
                          style=f"min-width: {svg.number(LEAST * places.width)}px")  # fmt: skip
    return Picture(drawing, any(places.dots(box) for box in plan.boxes))


def _dots(value: Value) -> int:
    last: Size = value.shape[-1] if len(value.shape) == 2 else 0
    return last if isinstance(last, int) and last <= MOST_DOTS else 0


def _places(plan: Layout) -> _Places:
    dotted = plan.rows <= MANY_ROWS
    height, gap = (44.0, 38.0) if dotted else (30.0, 18.0)
    tops, y = [], MARGIN
    for row in range(plan.rows):
        most = max(len(box.beside) for box in plan.boxes if box.row == row)
        taller = max(0.0, most * STACKED - height)
        tops.append(y + taller / 2)
        y += height + taller + gap
    beside = max((_beside_width(v) for box in plan.boxes for v in box.beside), default=0.0)
    lefts, x = [], MARGIN
    for lane in range(plan.lanes):
        channels = [d.channel + 1 for d in plan.detours if d.start.lane == lane]
        x += max(channels, default=0) * CHANNEL + (8 if channels else 0)
        lefts.append(x)
        has_beside = any(box.beside for box in plan.boxes if box.lane == lane)
        x += WIDTH + (AWAY + beside if has_beside else 0) + 24
    width, bottom = x - 24 + MARGIN, y - gap + MARGIN
    return _Places(dotted, height, tuple(tops), tuple(lefts), beside, width, bottom)


def _beside_width(value: Value) -> float:
    return 36 + 8 * len(_short(value.name)) + 6.7 * len(shape_text(value.shape))


def _flow(parent: Box, box: Box, places: _Places) -> Markup:
    """Lines from a box to one in the row below."""
    y1, y2 = places.top(parent) + places.height, places.top(box)
    above, below = places.dots(parent), places.dots(box)
    if parent.lane == box.lane and above and (below or not box.value.shape):
        return _threads(parent, box, places)
    x1, x2 = places.centre(parent), places.centre(box)
    half = (y1 + y2) / 2
    if x1 == x2:
        return Markup().join([svg.line(x1, y1, x2, y2 - 5, "flow"), _arrow(x2, y2)])
    bend = svg.element(
        "path",
        d=f"M{svg.number(x1)} {svg.number(y1)}C{svg.number(x1)} {svg.number(half + 8)} "
        f"{svg.number(x2)} {svg.number(half - 8)} {svg.number(x2)} {svg.number(y2 - 5)}",
        class_="flow",
    )
    return Markup().join([bend, _arrow(x2, y2)])


def _threads(parent: Box, box: Box, places: _Places) -> Markup:
    """A line for each pair of dots of which the lower depends on the upper."""
    y1 = places.top(parent) + places.height / 2
    y2 = places.top(box) + (places.height / 2 if box.value.shape else 0)
    above, below = places.dots(parent), places.dots(box) or [places.centre(box)]
    own_way = len(above) == len(below) and box.operator.split()[0] not in MIXING
    pairs = zip(above, below, strict=True) if own_way else ((a, b) for a in above for b in below)
    threads = [svg.line(a, y1, b, y2, "thread") for a, b in pairs]
    return svg.element("g", *threads)


def _arrow(x: float, y: float, dx: float = 0, dy: float = 1) -> Markup:
    """The point of an arrow that arrives at (x, y) in the direction (dx, dy)."""
    corners = [(x, y), (x - 6 * dx - 3.5 * dy, y - 6 * dy - 3.5 * dx),
               (x - 6 * dx + 3.5 * dy, y - 6 * dy + 3.5 * dx)]  # fmt: skip
    points = " ".join(f"{svg.number(a)},{svg.number(b)}" for a, b in corners)
    return svg.element("polygon", points=points, class_="arrow")


def _detour(detour: Detour, places: _Places) -> Markup:
    """Out to the left, down its channel, and in from the left, or from above in another lane."""
    start, end = detour.start, detour.end
    x = places.left(start) - 8 - (detour.channel + 0.5) * CHANNEL
    y1 = places.top(start) + places.height / 2 + 6
    if start.lane == end.lane:
        y2 = places.top(end) + places.height / 2 - 6
        x2 = places.left(end)
        points = [(places.left(start), y1), (x, y1), (x, y2), (x2 - 5, y2)]
        return Markup().join([_rounded(points), _arrow(x2, y2, 1, 0)])
    y2, x2 = places.top(end), places.centre(end) - 14
    points = [(places.left(start), y1), (x, y1), (x, y2 - 11), (x2, y2 - 11), (x2, y2 - 5)]
    return Markup().join([_rounded(points), _arrow(x2, y2)])


def _rounded(points: list[tuple[float, float]], radius: float = 5) -> Markup:
    """A line through the points with its corners rounded off."""
    path = f"M{svg.number(points[0][0])} {svg.number(points[0][1])}"
    for (a, b), (c, d) in zip(pairwise(points), pairwise(points[1:]), strict=False):
        corner, before, after = b, _towards(b, a, radius), _towards(c, d, radius)
        path += f"L{_pair(before)}Q{_pair(corner)} {_pair(after)}"
    return svg.element("path", d=path + f"L{_pair(points[-1])}", class_="flow detour")


def _pair(point: tuple[float, float]) -> str:
    return f"{svg.number(point[0])} {svg.number(point[1])}"


def _towards(a: tuple[float, float], b: tuple[float, float], far: float) -> tuple[float, float]:
    """The point that lies `far` from `a` on the way to `b`, at most half of it."""
    length = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1e-9)
    part = min(far / length, 0.5)
    return a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part


def _frame(box: Box, places: _Places, outputs: set[str]) -> Markup:
    role = "in" if box.value.role == "input" else "out" if box.name in outputs else "step"
    frame = svg.rectangle(places.left(box), places.top(box), WIDTH, places.height, "frame", 7)
    return svg.element("g", frame, class_=f"box {role}")


def _contents(box: Box, places: _Places, links: frozenset[str]) -> Markup:
    """Dots and words, over the lines; under them something that a pointer can hit."""
    x, y, middle = places.left(box), places.top(box), places.height / 2
    operator = box.operator or "input"
    dots = places.dots(box)
    words = [svg.text(x + 10, y + (18 if places.dotted else 19), _short(box.name), "name")]
    if places.dotted:
        most = LONGEST if dots else LONGEST + 10
        words.append(svg.text(x + 10, y + 34, _short(operator, most), "op"))
    else:
        words.append(svg.text(places.centre(box), y + 19, _short(operator), "op middle"))
    shape = shape_text(box.value.shape) if box.value.shape else "one number"
    drawn = svg.element(
        "g",
        svg.element("title", f"{box.name}, {shape}: {operator}"),
        svg.rectangle(x, y, WIDTH, places.height, "target-area", 7),
        *(svg.element("circle", cx=at, cy=y + middle, r=4.5, class_="dot") for at in dots),
        *words,
        svg.text(x + WIDTH - 10, y + middle + 4, shape, "shape"),
    )
    return svg.element("a", drawn, href=f"#step-{box.name}") if box.name in links else drawn


def _short(name: str, most: int = LONGEST) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _beside(box: Box, places: _Places) -> list[Markup]:
    """What a step takes from outside the flow: weights, targets, a mask."""
    drawn = []
    x = places.left(box) + WIDTH + AWAY
    middle = places.top(box) + places.height / 2
    for i, value in enumerate(box.beside):
        y = middle + STACKED * (i - (len(box.beside) - 1) / 2)
        into = min(max(y, places.top(box) + 8), places.top(box) + places.height - 8)
        kind = {"parameter": "weight", "target": "target"}.get(value.role, "mask")
        drawn += [
            svg.line(x, y, x - AWAY + 5, into, "flow"),
            _arrow(x - AWAY, into, -1, 0),
            svg.element(
                "g",
                svg.element("title", f"{value.name} {shape_text(value.shape)}: {kind}"),
                svg.rectangle(x, y - 14, places.beside, 28, "frame", 14),
                svg.text(x + 12, y + 4.5, _short(value.name), "name"),
                svg.text(x + places.beside - 12, y + 4.5, shape_text(value.shape), "shape"),
                class_=f"box {kind}",
            ),
        ]
    return drawn
