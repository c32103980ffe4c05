"""What their functions return, under our names: outputs, loss, gradients, weights."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.diagnose.theirs.draws import Observed
from backhand.diagnose.theirs.layouts import Form
from backhand.diagnose.theirs.leaves import leaves
from backhand.diagnose.theirs.names import fits, gradient_of, plain, role, slots, weight_key
from backhand.diagnose.theirs.program import CannotCallError, Program, flat
from backhand.diagnose.theirs.request import Request
from backhand.diagnose.theirs.watching import as_array


class Base:
    """Their program with arrays laid out in one form; what is said of it is kept."""

    def __init__(
        self, program: Callable[[], Program], request: Request, observed: Observed, form: Form
    ) -> None:
        self.make, self.request, self.observed, self.form = program, request, observed, form
        self.said: list[str] = []


class Results(Base):
    """Sorts what a function of theirs returned."""

    def _took(
        self,
        program: Program,
        name: str,
        made: Any,
        env: dict[str, Any],
        seen: dict[str, np.ndarray],
    ) -> None:
        """Keep what the forward function gave, under its own names and as output and cache."""
        request = self.request
        output = next(iter(request.outputs))
        shape = (env["rows"], *request.outputs[output][1:])
        named = list(flat(made, program.returned(name)))
        env["returned"] = {n: v for n, v in named if n}
        rest = made[1:] if isinstance(made, tuple) and len(made) > 1 else ()
        env["cache"] = made if not rest else rest[0] if len(rest) == 1 else rest
        env["everything"] = made
        fitting = [
            (n, v) for n, v in named
            if (a := as_array(v)) is not None and (fits(a.shape, shape) or a.shape == shape)
        ]  # fmt: skip
        env["p"] = None
        if not fitting:
            if isinstance(made, tuple):
                env["p"] = made[0]
            elif as_array(made) is not None:
                raise CannotCallError(
                    f"{name} gives shape {np.shape(made)} where {shape} is wanted"
                )
            return
        chosen = self._chosen(fitting, made, output, shape)
        env["p"] = chosen
        array = as_array(chosen)
        assert array is not None
        seen[output] = self.form.output(array, shape)

    def _chosen(
        self,
        fitting: list[tuple[str, Any]],
        made: Any,
        output: str,
        shape: tuple[int, ...],
    ) -> Any:
        """Of the results with its shape the one that is the output: by its name, else its place."""
        depth = sum(len(s) >= 2 for s in self.request.layout.shapes)
        ordered = (
            [p for p in fitting if p[0] == output]
            + [p for p in fitting if role(p[0]) == "p"]
            + [p for p in fitting if plain(p[0]) in (f"a{depth}", f"h{depth}", f"o{depth}")]
        )
        first = as_array(made[0]) if isinstance(made, tuple) else None
        if ordered:
            return ordered[0][1]
        if first is not None and fits(first.shape, shape) and len(made) == 2:
            return made[0]
        return fitting[-1][1]

    def _took_gradients(
        self,
        name: str,
        made: Any,
        names: Any,
        program: Program,
        env: dict[str, Any],
        seen: dict[str, np.ndarray],
    ) -> None:
        env["grads"] = made
        found = self._gradients(made, names)
        if not found:
            found = self._gradients_kept(program.root)
        if any(self._of_one_example(array, slot, env["rows"]) for slot, array in found.items()):
            raise CannotCallError(f"{name} is of one example")
        for slot, array in found.items():
            own = self.request.layout.shapes[slot]
            seen[f"d{self.request.layout.names[slot]}"] = self.form.own_weight(array, own)

    def _of_one_example(self, array: np.ndarray, slot: int, rows: int) -> bool:
        """Whether a bias's gradient, examples as columns, has one for each example: a backward pass
        that is meant for one example does not sum."""
        shape = self.request.layout.shapes[slot]
        is_bias = self.request.layout.kind(slot) == "bias"
        return self.form.columns and is_bias and array.shape == (*shape, rows) and rows > 1

    def _took_loss_and_gradients(
        self,
        program: Program,
        name: str,
        made: Any,
        env: dict[str, Any],
        seen: dict[str, np.ndarray],
    ) -> None:
        parts = list(made) if isinstance(made, tuple) else [made]
        numbers = [p for p in parts if (a := as_array(p)) is not None and a.size == 1]
        if numbers:
            seen["loss"] = np.asarray(as_array(numbers[0])).reshape(())
        rest = [p for p in parts if not any(p is n for n in numbers)]
        names = program.returned(name)
        if isinstance(names, list) and len(names) == len(parts):
            names = [n for n, p in zip(names, parts, strict=True) if any(p is r for r in rest)]
        if len(rest) == 1:
            names = names[0] if isinstance(names, list) and len(names) == 1 else names
        self._took_gradients(
            name, rest[0] if len(rest) == 1 else tuple(rest), names, program, env, seen
        )

    def _gradients(self, made: Any, names: Any) -> dict[int, np.ndarray]:
        if made is None:
            return {}
        layout = self.request.layout
        named = [(n, a) for n, v in flat(made, names) if (a := as_array(v)) is not None]
        keys = {n: gradient_of(n) or n for n, _ in named if n}
        own = [(keys[n], a.shape) for n, a in named if n and weight_key(keys[n])]
        given = {keys[n]: self.request.given.get(n, "")[1:] for n, _ in named if n}
        found = slots(own, layout, {k: v for k, v in given.items() if v})
        result = {found[keys[n]]: a for n, a in named if n and keys[n] in found}
        if len(result) == len(layout.names):
            return result
        arrays = [a for _, a in named]
        for order in (arrays, arrays[::-1]):
            if len(order) == len(layout.names) and all(
                fits(a.shape, s) for a, s in zip(order, layout.shapes, strict=True)
            ):
                return dict(enumerate(order))
        by_shape = _by_shape(arrays, layout.shapes)
        if not result and len(by_shape) == len(layout.names):
            return by_shape
        if not result and len(arrays) == len(layout.names):  # one of them has another shape
            return dict(enumerate(arrays))
        return result

    def _gradients_kept(self, root: Any) -> dict[int, np.ndarray]:
        layout = self.request.layout
        every = [(gradient_of(n), a) for n, a, _ in leaves(root) if gradient_of(n)]
        found = slots([(n, a.shape) for n, a in every], layout, {})
        return {found[n]: a for n, a in every if n in found}

    def _is_weights(self, made: Any) -> bool:
        return bool(self._own(made, None))

    def _own(self, made: Any, names: Any) -> dict[int, np.ndarray]:
        layout = self.request.layout
        if (
            as_array(made) is not None
            and len(layout.names) > 1
            and not isinstance(made, list | tuple)
        ):
            return {}
        named = list(flat(made, names))
        arrays = [(n, a) for n, v in named if (a := as_array(v)) is not None and a.ndim]
        found = slots([(n, a.shape) for n, a in arrays if n], layout, self.request.given)
        if len(found) == len(layout.names):
            return {found[n]: a for n, a in arrays if n in found}
        plain_ones = [a for _, a in arrays]
        if len(plain_ones) >= len(layout.names) and all(
            fits(a.shape, s) for a, s in zip(plain_ones, layout.shapes, strict=False)
        ):
            return dict(enumerate(plain_ones[: len(layout.names)]))
        return {}


def _by_shape(
    arrays: list[np.ndarray], shapes: tuple[tuple[int, ...], ...]
) -> dict[int, np.ndarray]:
    """Each array at the first free place that it fits."""
    found: dict[int, np.ndarray] = {}
    for array in arrays:
        free = (i for i, s in enumerate(shapes) if i not in found and fits(array.shape, s))
        place = next(free, None)
        if place is not None:
            found[place] = array
    return found
