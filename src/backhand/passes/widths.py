"""Letters for numbers that are sizes all over a network: its width, its heads, its vocabulary.

A number is told by what is done with it, never by how often it occurs: an embedding that the
network's own input chooses from has the vocabulary and the width; a width that `reshape` takes
apart before axes are exchanged has the heads and the width of one. A number that is two such
things, or that is also the size of something else that is known, has no letter.
"""

from collections import Counter
from collections.abc import Collection, Iterator

from backhand.graph import Network, Size, Step, Width

TABLES = frozenset({"embedding", "padded_embedding"})
LAYERS = frozenset({"affine", "linear", "linear_no_bias", "addmm"})
TIMES = range(2, 9)
EXCHANGING = frozenset({"swapaxes", "transpose", "moveaxis"})
VOCABULARY, WIDTH, HEADS, HEAD = "V", "C", "H", "D"
SMALLEST = 4
"""A smaller size has no letter: numbers as small as that are in too many shapes."""
MEANINGS = {VOCABULARY: "vocabulary", WIDTH: "width", HEADS: "heads", HEAD: "width of a head"}


def widths_of(network: Network) -> tuple[Width, ...]:
    """The letters for the sizes of a flat network, of which no two have one number."""
    found: dict[str, int] = {}
    tables = list(_tables(network))
    if tables:
        found[VOCABULARY], found[WIDTH] = tables[0]
    whole, heads, head = _heads(network)
    if whole:
        found.setdefault(WIDTH, whole)
        found |= {HEADS: heads, HEAD: head}
    times, others = Counter(found.values()), _others(network)
    taken = {letter for letter, _ in network.sizes}
    return tuple(
        Width(letter, length, MEANINGS[letter], _multiples(network, letter, length, others))
        for letter, length in found.items()
        if letter not in taken and length >= SMALLEST and times[length] == 1
        if length not in others
    )


def _multiples(
    network: Network, letter: str, length: int, others: Collection[Size]
) -> tuple[int, ...]:
    """The widths of layers that are some times that of the network, as 4 * 64 within GPT-2."""
    if letter != WIDTH:
        return ()
    steps = (step for step in network.forward.body if step.function in LAYERS)
    made = {step.made()[0].shape[-1] for step in steps}
    widths = {length * times for times in TIMES} & made - set(others)
    return tuple(sorted(w for w in widths if isinstance(w, int)))


def _tables(network: Network) -> Iterator[tuple[int, int]]:
    """The rows and the width of each embedding that chooses by an input of the network."""
    inputs = {value.name for value in network.forward.inputs}
    for step in network.forward.body:
        if step.function in TABLES and step.inputs[1].name in inputs:
            rows, width = step.inputs[0].shape
            if isinstance(rows, int) and isinstance(width, int):
                yield rows, width


def _heads(network: Network) -> tuple[int, int, int]:
    """The width that is taken apart most often, its heads, and the width of one; else zeros."""
    made = {value.name: step for step in network.forward.body for value in step.made()}
    parts = (_part(made.get(step.inputs[0].name)) for step in network.forward.body
             if step.function in EXCHANGING)  # fmt: skip
    counts = Counter(part for part in parts if part is not None)
    if not counts:
        return 0, 0, 0
    # keys and values may have fewer heads than queries: the most heads are those of the network
    (_, _, head), _ = counts.most_common(1)[0]
    return max(part for part in counts if part[2] == head)


def _part(step: Step | None) -> tuple[int, int, int] | None:
    """48, 4 and 12 for `[B, T, 48]` as `[B, T, 4, 12]`."""
    if step is None or step.function != "reshape":
        return None
    before, after = step.inputs[0].shape, step.made()[0].shape
    match before[-1:], after[-2:]:
        case (int(whole),), (int(heads), int(head)) if (
            len(after) == len(before) + 1 and heads * head == whole and heads > 1 and head > 1
        ):
            return whole, heads, head
    return None


def _others(network: Network) -> set[Size]:
    """Numbers that stand for something else: a length of an input, and the rows of a table that
    positions choose from."""
    forward = network.forward
    found: set[Size] = set()
    for value in forward.inputs:
        is_row = value.numbers == "float" and len(value.shape) > 1
        found |= set(value.shape[:-1] if is_row else value.shape)
    inputs = {value.name for value in forward.inputs}
    for step in forward.body:
        if step.function in TABLES and step.inputs[1].name not in inputs:
            found.add(step.inputs[0].shape[0])
    return found
