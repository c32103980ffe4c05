"""What is known while one function is derived: the derivatives so far, and names that are taken."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from backhand.derive.activity import Active, differentiable
from backhand.derive.fan_in import added, fresh, part_name
from backhand.derive.pairs import ZERO, Pair, Undoing
from backhand.derive.shapes import Instance
from backhand.graph import Call, Loop, NestedKind, Statement, Step, Value
from backhand.passes.nesting import identifier


@dataclass(frozen=True)
class Scope:
    """The body of a kind or of a loop, from its end backwards."""

    active: frozenset[str]
    pairs: Mapping[str, Pair]
    instance: Instance
    uses: Counter[str]
    """How many derivatives each value will get here."""
    taken: set[str]
    body: list[Undoing] = field(default_factory=list)
    parts: dict[str, list[Value]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, kind: NestedKind, active: Active, pairs: Mapping[str, Pair], instance: Instance
    ) -> "Scope":
        uses = Counter(kind.outputs[number].name for number in active.returned)
        names = frozenset(active.values)
        uses.update(_uses(kind.body, names, pairs))
        taken = {identifier(value.name) for value in kind.values()} | set(kind.attributes)
        return cls(names, pairs, instance, uses, taken)

    def inside(self, loop: Loop) -> "Scope":
        """The scope of a loop's body, whose derivatives are its own."""
        uses = Counter(carried.after.name for carried in loop.carried)
        uses.update(each.value.name for each in loop.collected)
        uses.update(_uses(loop.body, self.active, self.pairs))
        first = {letter: self.instance.length(column[0]) for letter, column in loop.sizes}
        instance = replace(self.instance, sizes={**self.instance.sizes, **first})
        return replace(self, instance=instance, uses=uses, body=[], parts={})

    def is_active(self, value: Value) -> bool:
        return value.name in self.active

    def fresh(self, name: str) -> str:
        """The name, or with a number behind it where it is taken."""
        return fresh(name, self.taken)

    def part_name(self, value: Value, through: str) -> str:
        """`dx`, or `dx_z` for the part of `dx` that comes through `z` where there are several."""
        uses = self.uses[value.name]
        name = part_name(identifier(value.name), identifier(through), uses)
        return self.fresh(f"%{name}" if value.is_nameless and uses <= 1 else name)

    def total(self, value: Value) -> Value | None:
        """The derivative by `value`, its parts added up; None where nobody has used it."""
        parts = self.parts.get(value.name, [])
        if not parts or not self.is_active(value):
            return None
        if len(parts) > 1:
            name = identifier(value.name)
            steps = tuple(added(name, parts, self.fresh, lambda part: self.fresh(f"%{part}")))
            self.body.extend(steps)
            self.parts[value.name] = [steps[-1].output]
        return self.parts[value.name][0]

    def cotangent(self, value: Value | None, slot: Value) -> Value:
        """The derivative by one output of a call; zero where nobody has used it here."""
        found = value and self.total(value)
        return found or replace(ZERO, shape=value.shape if value else slot.shape)


def _uses(
    body: Iterable[Statement], active: frozenset[str], pairs: Mapping[str, Pair]
) -> Counter[str]:
    """How many parts the derivative by each value has that is used in a body."""
    uses: Counter[str] = Counter()
    for part in body:
        if isinstance(part, Step):
            if any(value.name in active for value in part.made()):
                uses.update(v.name for v in differentiable(part) if v.name in active)
        elif isinstance(part, Call):
            pair = pairs[part.kind]
            derivatives = zip(part.operands, (*pair.inputs, *pair.parameters), strict=True)
            uses.update(v.name for v, d in derivatives if d is not None and v.name in active)
        else:
            uses.update(v.name for v in dict.fromkeys(part.operands) if v.name in active)
    return uses
