"""Where the boxes of the network's picture go: rows by depth, lanes for what runs in parallel.

Inputs, steps and the loss are boxes. What a step takes from outside the flow (weights, targets,
a dropout mask) stands beside it, again at each use, so that no line has to cross the picture.
"""

from dataclasses import dataclass

from backhand.graph import Network, Step, Value


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
    """In the order in which they are computed."""
    inputs = [v for v in network.forward.inputs if v.role == "input"]
    boxes = [Box(value, "", ()) for value in inputs]
    masks = {s.output.name: s.output for s in network.steps if s.function == "dropout_mask"}
    flow = {value.name for value in inputs}
    for step in network.steps:
        if step.function == "dropout_mask":
            continue
        arrays = [v for v in step.inputs if v.literal is None and v.role != "generator"]
        parents = tuple(dict.fromkeys(v.name for v in arrays if v.name in flow))
        beside = tuple(dict.fromkeys(v for v in arrays if v.name not in flow or v.name in masks))
        for value in step.made():
            boxes.append(Box(value, _operator(step), parents, beside))
            flow.add(value.name)
    return boxes


def _operator(step: Step) -> str:
    """`dropout 0.4`, `mul 0.5`: the function and the numbers that belong to it."""
    numbers = [f"{v.literal:g}" for v in step.inputs if v.literal is not None]
    numbers += [f"{value:g}" for name, value in step.attributes if name in ("rate", "exponent")]  # type: ignore[str-bytes-safe]
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
