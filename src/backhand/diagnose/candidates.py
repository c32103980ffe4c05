"""The programs with a mistake that are tried, and which of them can explain what is off."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from backhand.diagnose.catalogue import CATALOGUE
from backhand.diagnose.listing import Listing
from backhand.diagnose.machine import Machine
from backhand.diagnose.mistake import Mistake, Part, Planted, everywhere
from backhand.diagnose.scene import Scene

LIKELY: Mapping[str, tuple[Part, ...]] = {
    "output": ("forward", "dropout", "data"),
    "loss": ("loss", "data"),
    "gradient": ("backward", "loss", "dropout"),
    "weight": ("update", "training", "initialisation", "loss", "dropout", "backward"),
}
"""By the first number that is off, the parts of a program in which its mistake is looked for
first."""
STEPS = frozenset(("update", "train"))
"""The functions that one pass does not call."""
BESIDE: Mapping[str, frozenset[str]] = {
    "output": STEPS | {"network_loss", "network_backward"},
    "loss": STEPS | {"network_backward"},
    "gradient": STEPS,
    "weight": frozenset(),
}
"""By the kind of a number in one pass, the functions that cannot change it."""


def every(machine: Machine, mistakes: Iterable[Mistake] = CATALOGUE) -> Iterator[Planted]:
    """Every single mistake at every place of an experiment's program, made when it is asked for,
    and once for a machine: a large network has many places."""
    nothing = Planted((), (), machine.correct)
    for mistake in mistakes:
        if mistake.name not in machine.planted:
            machine.planted[mistake.name] = tuple(with_one_more(nothing, [mistake]))
        yield from machine.planted[mistake.name]


def with_one_more(base: Planted, mistakes: Iterable[Mistake] = CATALOGUE) -> Iterator[Planted]:
    """A program with one more mistake, for each mistake and place, and at all at once."""
    for mistake in mistakes:
        if mistake in base.mistakes:
            continue
        try:
            alone = [*mistake.changes(base.listing)]
            several = [*everywhere(mistake, base.listing, alone)]
            # where weights are used again, one line of theirs is likely to be several of ours
            changes = [*several, *alone] if base.listing.reused else [*alone, *several]
        except Exception:  # the changed program may lack the form that is looked for
            continue
        for change in changes:
            yield base.with_change(mistake, change)


def kind_of(key: str, parameters: Sequence[str]) -> str:
    """What a number is: output, loss, gradient or weight."""
    name = key.partition("@")[0]
    if name == "loss":
        return "loss"
    if name in parameters:
        return "weight"
    return "gradient" if name.removeprefix("d") in parameters else "output"


def in_likely_order(machine: Machine, off: str) -> Iterator[Planted]:
    """The single mistakes: those of the parts that make what is off come first."""
    first = LIKELY[kind_of(off, machine.correct.parameters)]
    yield from every(machine, sorted(CATALOGUE, key=lambda m: m.part not in first))


def can_explain(
    listing: Listing, correct: Listing, scenes: Sequence[Scene], wrong: Iterable[tuple[int, str]]
) -> bool:
    """Whether a changed program may give other numbers in all these places."""
    changed = changed_functions(listing, correct)
    return all(may_change(changed, scenes[i], key, correct.parameters) for i, key in wrong)


def changed_functions(listing: Listing, correct: Listing) -> frozenset[str]:
    """The functions that a changed program has otherwise than the correct one."""
    return frozenset(n for n, f in listing.functions.items() if correct.functions.get(n) is not f)


def may_change(changed: frozenset[str], scene: Scene, key: str, parameters: Sequence[str]) -> bool:
    """Whether a change of these functions may change a number of a scene: what is computed in a
    pass, or in the first epoch's, is not changed by functions that come after it."""
    kind = kind_of(key, parameters)
    beside = BESIDE[kind]
    if scene.mode == "training":
        beside = beside - STEPS if key.endswith("@1") else frozenset()
        beside |= {"update"} if key.endswith("@1") and kind == "output" else frozenset()
    return not changed <= beside
