"""Where the boxes of the network's picture go: rows by depth, lanes for what runs in parallel.

Inputs, steps and the loss are boxes. What a step takes from outside the flow (weights, targets,
a dropout mask) stands beside it, again at each use, so that no line has to cross the picture.
"""

from dataclasses import dataclass

from backhand.graph import Network, Step, Value

ARITHMETIC = ("add", "sub", "mul", "div", "neg")


@dataclass(frozen=True)
class Box:
    """One box of the flow. `parents` are the names of the boxes whose lines come in."""

    value: Value
    operator: str
    parents: tuple[str, ...]
    beside: tuple[Value, ...] = ()
    row: int = 0
    lane: int = 0

    @property
    def name(self) -> str:
        return self.value.name


@dataclass(frozen=True)
class Detour:
    """A line that skips rows: it runs in a channel to the left of the lane it starts in."""

    start: Box
    end: Box
    channel: int


@dataclass(frozen=True)
class Layout:
    boxes: tuple[Box, ...]
    detours: tuple[Detour, ...]

    @property
    def rows(self) -> int:
        return 1 + max(box.row for box in self.boxes)

    @property
    def lanes(self) -> int:
        return 1 + max(box.lane for box in self.boxes)


def layout(network: Network) -> Layout:
    """Place every box of a network."""
    boxes = _boxes(network)
    rows = _rows(boxes)
    placed = _in_lanes(boxes, rows)
    return Layout(tuple(placed.values()), _detours(placed))


def _boxes(network: Network) -> list[Box]:
    """In the order in which they are computed; a nameless value is part of the box that uses it."""
    inputs = [v for v in network.forward.inputs if v.role == "input"]
    boxes = [Box(value, "", ()) for value in inputs]
    flow = {value.name for value in inputs}
    within: dict[str, tuple[Step, ...]] = {}
    for step in network.steps:
        if step.function == "dropout_mask":
            continue
        parts = (*(s for v in step.inputs for s in within.get(v.name, ())), step)
        made = step.made()
        if len(made) == 1 and made[0].is_nameless:
            within[made[0].name] = parts
            continue
        arrays = [v for part in parts for v in part.inputs if _is_shown(v, within)]
        parents = tuple(dict.fromkeys(v.name for v in arrays if v.name in flow))
        beside = tuple(dict.fromkeys(v for v in arrays if v.name not in flow))
        boxes += [Box(value, _operator(parts), parents, beside) for value in made]
        flow.update(value.name for value in made)
    return boxes


def _is_shown(value: Value, within: dict[str, tuple[Step, ...]]) -> bool:
    return value.literal is None and value.role != "generator" and value.name not in within


def _operator(steps: tuple[Step, ...]) -> str:
    """`dropout 0.4`, `mul 0.5`: the function and the numbers that belong to it; of several steps
    the functions, arithmetic left out."""
    if len(steps) > 1:
        functions = dict.fromkeys(step.function for step in steps)
        return ", ".join([f for f in functions if f not in ARITHMETIC] or functions)
    (step,) = steps
    numbers = [f"{v.literal:g}" for v in step.inputs if v.literal is not None]
    attributes = dict(step.attributes)
    numbers += [f"{attributes[name]}" for name in ("rate", "exponent") if name in attributes]
    return " ".join([step.function, *numbers])


def _rows(boxes: list[Box]) -> dict[str, int]:
    """The longest way from an input; what depends on no input stands just above its use."""
    rows: dict[str, int] = {}
    inputs = {box.name for box in boxes if box.value.role == "input"}
    downstream: set[str] = set()
    users: dict[str, list[str]] = {box.name: [] for box in boxes}
    for box in boxes:
        rows[box.name] = 1 + max((rows[p] for p in box.parents), default=-1)
        if any(p in inputs or p in downstream for p in box.parents):
            downstream.add(box.name)
        for parent in box.parents:
            users[parent].append(box.name)
    for box in reversed(boxes):
        if users[box.name] and box.name not in downstream:
            rows[box.name] = min(rows[user] for user in users[box.name]) - 1
    return rows


def _in_lanes(boxes: list[Box], rows: dict[str, int]) -> dict[str, Box]:
    """Each box goes below its first parent if that place is free, else into the next free lane."""
    placed: dict[str, Box] = {}
    taken: set[tuple[int, int]] = set()
    for box in sorted(boxes, key=lambda b: rows[b.name]):
        row = rows[box.name]
        near = [p for p in box.parents if rows[p] == row - 1]
        wanted = [placed[p].lane for p in (*near, *box.parents)]
        lane = next((lane for lane in wanted if (row, lane) not in taken), None)
        if lane is None:
            lane = next(n for n in range(len(boxes)) if (row, n) not in taken)
        taken.add((row, lane))
        placed[box.name] = Box(box.value, box.operator, box.parents, box.beside, row, lane)
    return placed


def _detours(placed: dict[str, Box]) -> tuple[Detour, ...]:
    """Short ones close to the boxes, and no two in one channel side by side."""
    long = [
        (placed[parent], box)
        for box in placed.values()
        for parent in box.parents
        if box.row - placed[parent].row > 1
    ]
    detours: list[Detour] = []
    for start, end in sorted(long, key=lambda ends: ends[1].row - ends[0].row):
        used = {
            d.channel
            for d in detours
            if d.start.lane == start.lane and d.start.row < end.row and start.row < d.end.row
        }
        channel = next(n for n in range(len(long)) if n not in used)
        detours.append(Detour(start, end, channel))
    return tuple(detours)
