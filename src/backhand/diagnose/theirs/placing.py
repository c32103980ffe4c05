"""Our weights where their program keeps its own, and its weights after training."""

import copy
from typing import Any

import numpy as np

from backhand.diagnose.scene import Stage
from backhand.diagnose.theirs.arguments import Arguments, widths_of
from backhand.diagnose.theirs.layouts import Form, form_of
from backhand.diagnose.theirs.leaves import Leaf, leaves
from backhand.diagnose.theirs.names import fits, gradient_of, plain, slots
from backhand.diagnose.theirs.program import CannotCallError, Program
from backhand.diagnose.theirs.watching import as_array
from backhand.diagnose.theirs.words import ROLES


class Placing(Arguments):
    """Puts weights into a program and takes them out again."""

    def _placed(self, program: Program, stage: Stage) -> Any:
        """Put a stage's weights where the program keeps its own, if it keeps any."""
        found = self._kept(program.root)
        if found:
            self.form = self._form_of(found)
            for slot, (_, _, put) in found.items():
                put(self._like(stage.weights[slot], found[slot][1]))
        elif not isinstance(program.root, dict):
            raise CannotCallError("the weights that the object keeps cannot be found")
        if isinstance(program.root, dict):
            self._place_data(program.root, stage)
        made = program.find("init")
        return self._container(program, made, stage) if made else None

    def _place_data(self, variables: dict[str, Any], stage: Stage) -> None:
        """Put a stage's data where the program has the spec's, for functions that read it there."""
        counts = {len(one.data[0]) for one in self.request.stages}
        for name, value in list(variables.items()):
            if type(value) is int and plain(name) in ROLES["rows"] and value in counts:
                variables[name] = len(stage.data[0])
            for ours, new in zip(self.request.data, stage.data, strict=True):
                array = as_array(value)
                if array is None or array.ndim == 0:
                    continue
                if np.array_equal(array, ours):
                    variables[name] = np.array(new)
                elif np.array_equal(array, ours.T):
                    variables[name] = np.array(new.T)
                elif np.array_equal(array, self.request.target(ours)):
                    variables[name] = self.request.target(new)

    def _kept(self, root: Any) -> dict[int, Leaf]:
        every = [leaf for leaf in leaves(root) if not gradient_of(leaf[0])]
        by_name: dict[str, Leaf] = {}
        for leaf in every:  # what an optimiser keeps has the same names, and comes later
            by_name.setdefault(leaf[0], leaf)
        named = slots(
            [(n, leaf[1].shape) for n, leaf in by_name.items()],
            self.request.layout,
            self.request.given,
        )
        found = {slot: by_name[name] for name, slot in named.items()}
        return found if len(found) == len(self.request.layout.names) else {}

    def _form_of(self, found: dict[int, Leaf]) -> Form:
        arrays = {slot: leaf[1] for slot, leaf in found.items()}
        got = form_of(arrays, self.request.layout, list(self.request.weights))
        square = all(a.ndim != 2 or a.shape[0] == a.shape[1] for a in arrays.values())
        turned = self.form.turned if square else got.turned
        return Form(turned, self.form.columns, got.bias if not self.form.columns else "column")

    def _like(self, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        made = self.form.weight(ours)
        if made.shape != theirs.shape and made.size == theirs.size:
            made = made.T if made.T.shape == theirs.shape else made.reshape(theirs.shape)
        return np.array(made, dtype=theirs.dtype if theirs.dtype.kind == "f" else float)

    def _container(self, program: Program, made: tuple[str, Any], stage: Stage) -> Any:
        """What their initialiser gives, with our weights in it."""
        try:
            arguments = self._arguments(
                program,
                made,
                {"rows": 1, "widths": widths_of(self.request.layout)},
            )
            begun = made[1](*arguments[0], **arguments[1])
        except Exception as error:
            self.said.append(f"{made[0]}: {type(error).__name__}: {error}")
            return None
        self.observed.draws.clear()
        if begun is None or not self._fill(begun, program, made[0], stage):
            return None
        name = made[0]
        kept = begun

        def initial(*_: Any, **__: Any) -> Any:
            return copy.deepcopy(kept)

        holder = program.functions[name]
        space = getattr(holder, "__globals__", {})
        if name in space:
            space[name] = initial
        return copy.deepcopy(begun)

    def _fill(self, begun: Any, program: Program, name: str, stage: Stage) -> bool:
        named = program.returned(name)
        every = list(leaves(begun))
        if isinstance(begun, tuple | list) and isinstance(named, list) and len(named) == len(every):
            every = [(n or leaf[0], leaf[1], leaf[2]) for n, leaf in zip(named, every, strict=True)]
        pairs = [(n, a.shape) for n, a, _ in every]
        found = slots(pairs, self.request.layout, self.request.given)
        shapes = self.request.layout.shapes
        in_order = len(every) == len(shapes) and all(
            fits(a.shape, s) for (_, a, _), s in zip(every, shapes, strict=True)
        )
        if len(found) < len(shapes) and in_order:
            found = {n: i for i, (n, _, _) in enumerate(every)}
        by_name = {leaf[0]: leaf for leaf in every}
        kept = {slot: by_name[n] for n, slot in found.items()}
        if len(kept) < len(self.request.layout.names):
            return False
        self.form = self._form_of(kept)
        for slot, (_, array, put) in kept.items():
            put(self._like(stage.weights[slot], array))
        return True

    def _weights_after(
        self, program: Program, env: dict[str, Any], made: Any, train: Any
    ) -> dict[int, np.ndarray]:
        names = program.returned(train[0]) if train else None
        own = self._own(made, names) if made is not None else {}
        if own:
            return own
        kept = self._kept(program.root)
        if kept:
            return {slot: leaf[1] for slot, leaf in kept.items()}
        if env["holder"] is not None:
            return self._own(env["holder"], None)
        order = self.request.layout.names
        return {i: env["weights by name"][n] for i, n in enumerate(order)}
