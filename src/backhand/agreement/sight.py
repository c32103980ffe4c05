"""What the check can see: known slips, run on the numbers at hand, that would pass as rounding."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from backhand.write.numpy_training import kept_state
from backhand.write.program import Program

STALE = "__stale__"


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
        self.right: dict[tuple[int, int], dict[str, np.ndarray]] = {}

    @cached_property
    def slips(self) -> tuple[Slip, ...]:
        """Every known slip of the program's text."""
        return slips(self.program.text)

    def line(self, slip: Slip) -> str:
        """The line that a slip is in, as it stands in the program."""
        return self.program.text.splitlines()[slip.line - 1].partition("  #")[0].strip()

    def shows(self, slip: Slip, scene: Scene) -> float:
        """By how many times its bound a slip shows in a scene; infinite where it stops the program
        or changes a shape, 0 where it changes no number."""
        with np.errstate(all="ignore"):
            try:
                ratios = [_ratio(*pair) for pair in self._changed(slip, scene)]
            except Exception:
                # a slip may do anything to the lines below: that it stops them is how it shows
                return np.inf
        return max(ratios, default=0.0)

    def _changed(
        self, slip: Slip, scene: Scene
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """What the slip changes: as it was, as it is with the slip, the reference's, its bound."""
        space = {**self.space, STALE: scene.stale.__getitem__}
        if slip.function == "update":
            yield from self._updated(slip, scene, space)
        elif slip.function in PARTS:
            yield from self._run(scene, space, {slip.line: _code(slip.tree)}, {slip.line})
        else:
            yield from self._run(scene, _with_helper(space, self.program.text, slip), {}, set())

    def _run(
        self, scene: Scene, space: dict[str, Any], changed: Mapping[int, Any], lines: set[int]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Run the statements that a slip reaches; without `lines`, all that call a function."""
        moved = dict(scene.values)
        stirred: set[str] = set()
        for statement in self.statements:
            if GENERATOR in statement.reads and scene.epoch:
                continue  # the masks of an epoch are drawn once
            is_reached = statement.line in lines if lines else _calls(statement, space)
            if not is_reached and not stirred & set(statement.reads):
                continue
            code = changed.get(statement.line, self.code[statement.line])
            made = self._executed(space, code, statement, moved)
            for name, array in made.items():
                key = (PARTS[statement.function], name)
                if key in scene.bounds:  # the lines below are fed the reference's
                    yield (
                        self._as_it_was(statement, scene)[name],
                        array,
                        scene.values[name],
                        scene.bounds[key],
                    )
                else:
                    moved[name] = array
                    stirred.add(name)

    def _as_it_was(self, statement: Statement, scene: Scene) -> dict[str, np.ndarray]:
        key = (statement.line, scene.epoch)
        if key not in self.right:
            code = self.code[statement.line]
            self.right[key] = self._executed(self.space, code, statement, scene.values)
        return self.right[key]

    def _executed(
        self, space: dict[str, Any], code: Any, statement: Statement, values: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        local = {**values, GENERATOR: None}
        exec(code, space, local)
        return {name: np.asarray(local[name]) for name in statement.makes}

    def _updated(
        self, slip: Slip, scene: Scene, space: dict[str, Any]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        if not scene.after:
            return
        right = self._after_update(self.space["update"], scene)
        exec(_function_with(self.program.text, slip, watch=True), space)
        for name, array in self._after_update(space["update"], scene, space).items():
            if ("update", name) in scene.bounds:
                yield right[name], array, scene.after[name], scene.bounds["update", name]

    def _after_update(
        self, update: Callable[..., Any], scene: Scene, space: dict[str, Any] | None = None
    ) -> dict[str, np.ndarray]:
        """Weights and states after one step, from those of the scene."""
        training = self.experiment.training
        assert training is not None
        kept = [UPDATES[training.optimizer].torch_states[s] for s in kept_state(training)]
        weights = [scene.values[name].copy() for name in self.weights]
        gradients = [scene.values["d" + name] for name in self.weights]
        state = [tuple(scene.states[state_name(k, n)].copy() for k in kept) for n in self.weights]
        if space is not None:
            space[STALE] = _of_this_weight(scene.stale, self.weights)
        given = {"weights": weights, "gradients": gradients, "state": state, "step": scene.epoch}
        names = update.__code__.co_varnames[: update.__code__.co_argcount]
        update(*(given[name] for name in names))
        found = dict(zip(self.weights, weights, strict=True))
        for name, arrays in zip(self.weights, state, strict=True):
            found |= {state_name(k, name): a for k, a in zip(kept, arrays, strict=True)}
        return found


def _of_this_weight(stale: Values, weights: Sequence[str]) -> Callable[[str], np.ndarray]:
    """`__stale__("dw")` in the loop over the weights: of the first, then of the second."""
    turns = {"w": iter(weights), "dw": iter(["d" + name for name in weights])}
    return lambda name: stale[next(turns[name])]


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


def _calls(statement: Statement, space: Mapping[str, Any]) -> bool:
    return any(callable(space.get(name)) for name in statement.reads)


def _code(tree: ast.stmt) -> Any:
    """A changed statement, compiled; a loss that is returned gets its name."""
    (statement, *_) = with_loss([tree])
    module = ast.fix_missing_locations(ast.Module([statement], []))
    return compile(module, "slip", "exec")


def _with_helper(space: dict[str, Any], text: str, slip: Slip) -> dict[str, Any]:
    """The namespace with a helper function that has the slip in it, and all that call it."""
    exec(_function_with(text, slip, watch=False), space)
    return space


def _function_with(text: str, slip: Slip, *, watch: bool) -> Any:
    """The program's functions, one with the slip in it; those that are compared stay out."""
    tree = ast.parse(text)
    kept = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name not in PARTS]
    if watch:
        kept = [n for n in kept if n.name == "update"]
    changed = [_Planted(slip).visit(n) for n in kept]
    return compile(ast.fix_missing_locations(ast.Module(changed, [])), "slip", "exec")


class _Planted(ast.NodeTransformer):
    def __init__(self, slip: Slip) -> None:
        self.slip = slip

    def generic_visit(self, node: ast.AST) -> ast.AST:
        tree = self.slip.tree
        is_place = isinstance(node, ast.stmt) and node.lineno == tree.lineno
        if is_place and node.col_offset == tree.col_offset:  # type: ignore[attr-defined]
            return tree
        return super().generic_visit(node)
