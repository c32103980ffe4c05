"""What the check can see: known slips, run on the numbers at hand, that would pass as rounding."""

import ast
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from backhand.agreement.feeding import GENERATOR, PARTS, Values
from backhand.agreement.scenes import Scene
from backhand.agreement.slips import Slip, slips
from backhand.agreement.statements import Statement, statements
from backhand.experiment import Experiment
from backhand.rules.updates import UPDATES
from backhand.run.probes import with_loss
from backhand.run.program import namespace_of
from backhand.run.reference import state_name
from backhand.writers.numpy_training import kept_state
from backhand.writers.program import Program

STALE = "__stale__"

Pair = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""A value as it was, as it is with a slip, the reference's, and its bound."""


class Silent:
    """A recorder that lets every value pass."""

    def value(self, name: str, value: Any) -> Any:
        return value

    def epoch_done(self) -> None:
        return None


class Sight:
    """A program whose statements can be run one by one, changed, on the numbers of a scene."""

    def __init__(
        self, program: Program, experiment: Experiment, precision: str, folder: Path
    ) -> None:
        self.program, self.experiment = program, experiment
        self.space = namespace_of(program, Silent(), getattr(np, precision), folder)
        self.statements = list(dict.fromkeys(statements(program.text).values()))
        self.code = {s.line: compile(s.code, program.file, "exec") for s in self.statements}
        self.weights = [value.name for value in experiment.network.forward.parameters]
        self.right: dict[Scene, dict[str, np.ndarray]] = {}
        nodes = ast.parse(program.text).body
        self.functions = {n.name: n for n in nodes if isinstance(n, ast.FunctionDef)}

    @cached_property
    def slips(self) -> tuple[Slip, ...]:
        """Every known slip of the program's text."""
        return slips(self.program.text)

    def line(self, slip: Slip) -> str:
        """The line that a slip is in, as it stands in the program."""
        return self.program.text.splitlines()[slip.line - 1].partition("  #")[0].strip()

    def shows(self, slip: Slip, scenes: Iterable[Scene]) -> float:
        """By how many times its bound a slip shows in the first scene in which it is out of it, or
        at most; infinite where it stops the program or changes a shape, 0 where it changes no
        number."""
        most = 0.0
        with np.errstate(all="ignore"):
            for scene in scenes:
                most = max(most, self._shows(slip, scene))
                if most > 1:
                    break
        return most

    def _shows(self, slip: Slip, scene: Scene) -> float:
        is_stale = slip.kind == "stale value"
        if (is_stale and not scene.stale) or (slip.function == "update" and not scene.after):
            return 0.0
        right = self._as_they_are(scene)  # not below, where what fails is laid to the slip
        try:
            return max((_ratio(*pair) for pair in self._changed(slip, scene, right)), default=0.0)
        except Exception:
            # a slip may do anything to the lines below: that it stops them is how it shows
            return np.inf

    def _changed(self, slip: Slip, scene: Scene, right: Values) -> Iterator[Pair]:
        """What the slip changes."""
        self.space[STALE] = lambda name, current: scene.stale[name]
        if slip.function in PARTS:
            yield from self._run(scene, right, {slip.line: _code(slip.tree)}, "")
            return
        kept = self.space[slip.function]
        try:
            exec(_planted(self.functions[slip.function], slip), self.space)
            if slip.function != "update":
                yield from self._run(scene, right, {}, slip.function)
                return
            for name, array in self._after_update(scene).items():
                if ("update", name) in scene.bounds:
                    was, bound = right[_after(name)], scene.bounds["update", name]
                    yield was, array, scene.after[name], bound
        finally:
            self.space[slip.function] = kept

    def _run(
        self, scene: Scene, right: Values, changed: Mapping[int, Any], helper: str
    ) -> Iterator[Pair]:
        """Run the statements that are changed or call the helper, and those that they reach."""
        moved = dict(scene.values)
        stirred: set[str] = set()
        for statement in self.statements:
            if GENERATOR in statement.reads and scene.epoch:
                continue  # the masks of an epoch are drawn once
            is_changed = statement.line in changed
            is_calling = bool(helper) and bool(self.callers & set(statement.reads))
            if not (is_changed or is_calling or stirred & set(statement.reads)):
                continue
            code = changed.get(statement.line, self.code[statement.line])
            made = self._executed(code, statement, moved)
            for name, array in made.items():
                key = (PARTS[statement.function], name)
                if key in scene.bounds:  # the lines below are fed the reference's
                    yield right[name], array, scene.values[name], scene.bounds[key]
                else:
                    moved[name] = array
                    stirred.add(name)

    @cached_property
    def callers(self) -> set[str]:
        """The program's functions that are called by lines: any may call the changed one."""
        return set(self.functions) - set(PARTS)

    def _as_they_are(self, scene: Scene) -> dict[str, np.ndarray]:
        """What the program's own statements make in a scene."""
        if scene not in self.right:
            made: dict[str, np.ndarray] = {}
            for statement in self.statements:
                if not (GENERATOR in statement.reads and scene.epoch):
                    made |= self._executed(self.code[statement.line], statement, scene.values)
            if scene.after:
                made |= {_after(n): array for n, array in self._after_update(scene).items()}
            self.right[scene] = made
        return self.right[scene]

    def _executed(
        self, code: Any, statement: Statement, values: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        weights = tuple(values[name] for name in self.weights)
        local = {**values, "weights": weights, GENERATOR: None}
        exec(code, self.space, local)
        return {name: np.asarray(local[name]) for name in statement.makes}

    def _after_update(self, scene: Scene) -> dict[str, np.ndarray]:
        """Weights and states after one step, from those of the scene."""
        training = self.experiment.training
        assert training is not None
        kept = [UPDATES[training.optimizer].torch_states[s] for s in kept_state(training)]
        weights = [scene.values[name].copy() for name in self.weights]
        gradients = [scene.values["d" + name] for name in self.weights]
        state = [tuple(scene.states[state_name(k, n)].copy() for k in kept) for n in self.weights]
        self.space[STALE] = _of_this_weight(scene.stale, self.weights, weights, gradients)
        given = {"weights": weights, "gradients": gradients, "state": state, "step": scene.epoch}
        update = self.space["update"]
        names = update.__code__.co_varnames[: update.__code__.co_argcount]
        update(*(given[name] for name in names))
        found = dict(zip(self.weights, weights, strict=True))
        for name, arrays in zip(self.weights, state, strict=True):
            found |= {state_name(k, name): a for k, a in zip(kept, arrays, strict=True)}
        return found


def _of_this_weight(
    stale: Values, names: Sequence[str], weights: Sequence[Any], gradients: Sequence[Any]
) -> Callable[[str, Any], np.ndarray]:
    """In the loop over the weights, `w` or `dw` as it was: of the weight whose turn it is."""
    turns = {id(array): name for array, name in zip(weights, names, strict=True)}
    turns |= {id(array): f"d{name}" for array, name in zip(gradients, names, strict=True)}
    return lambda _, current: stale[turns[id(current)]]


def _after(name: str) -> str:
    """Keeps a weight after the update apart from the weight before it."""
    return f"{name} after"


def _ratio(right: np.ndarray, wrong: np.ndarray, reference: np.ndarray, bound: np.ndarray) -> float:
    if wrong.shape != reference.shape:
        return np.inf
    if np.array_equal(right, wrong, equal_nan=True):
        return 0.0
    gap = np.abs(wrong - reference)
    gap = np.where(np.isnan(gap) & np.isfinite(reference), np.inf, gap)
    ratio = np.where(gap > 0, gap / bound, 0.0)
    # a change that the reference happens to share is seen no more than rounding is
    return float(np.nanmax(ratio, initial=np.finfo(float).tiny))


def _code(tree: ast.stmt) -> Any:
    """A changed statement, compiled; a loss that is returned gets its name."""
    (statement, *_) = with_loss([_with_current(tree)])
    module = ast.fix_missing_locations(ast.Module([statement], []))
    return compile(module, "slip", "exec")


def _planted(function: ast.FunctionDef, slip: Slip) -> Any:
    """A function with the slip in it, compiled."""
    changed = _Planting(slip).visit(copy.deepcopy(function))
    return compile(ast.fix_missing_locations(ast.Module([changed], [])), "slip", "exec")


class _Planting(ast.NodeTransformer):
    def __init__(self, slip: Slip) -> None:
        self.tree = _with_current(slip.tree)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.stmt) and _place(node) == _place(self.tree):
            return self.tree
        return super().generic_visit(node)


def _with_current(tree: ast.stmt) -> ast.stmt:
    """A copy in which a stale value is asked for with the current one beside its name."""
    changed = copy.deepcopy(tree)
    for node in ast.walk(changed):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == STALE and len(node.args) == 1:
            (name,) = node.args
            assert isinstance(name, ast.Constant)
            node.args.append(ast.copy_location(ast.Name(str(name.value), ast.Load()), name))
    return changed


def _place(statement: ast.stmt) -> tuple[int, int]:
    return statement.lineno, statement.col_offset
