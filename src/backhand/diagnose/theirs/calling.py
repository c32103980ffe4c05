"""Calling their functions, or a class's methods, with our inputs and weights."""

import ast
import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from backhand.diagnose.scene import Stage
from backhand.diagnose.theirs.draws import Observed
from backhand.diagnose.theirs.layouts import FORMS, Form, form_of
from backhand.diagnose.theirs.leaves import Leaf, leaves
from backhand.diagnose.theirs.names import (
    fits,
    gradient_of,
    plain,
    role,
    slots,
    weight_key,
)
from backhand.diagnose.theirs.request import Request
from backhand.diagnose.theirs.watching import as_array
from backhand.diagnose.theirs.words import CALLED

STEPS = 3
LOSS = ("loss", "cost", "mse", "entropy")
"""Parts of a loss function's name."""


class CannotCallError(Exception):
    """An argument of theirs that cannot be guessed, or a result that does not fit."""


class Program:
    """What can be called: the functions of a file, or the methods of an object of its class."""

    def __init__(
        self, tree: ast.AST, functions: dict[str, Any], root: Any, given: dict[str, str]
    ) -> None:
        self.tree, self.functions, self.root, self.given = tree, functions, root, given

    def find(self, kind: str, *, training: bool = False) -> tuple[str, Any] | None:
        """The function of a kind; for training one that says so, if there is one."""
        names = CALLED[kind]
        for name, function in self.functions.items():
            if self.given.get(name) == kind:
                return name, function
        if kind in ("loss", "step", "update", "both"):
            together = [n for n in self.functions if self._gives_gradients(n)]
            if kind == "both" and together:
                return together[0], self.functions[together[0]]
            names = tuple(n for n in names if n not in map(plain, together))
        matched = [(n, f) for n, f in self.functions.items() if plain(n) in map(plain, names)]
        loose = [
            (n, f) for n, f in self.functions.items()
            if any(plain(n).startswith(known) for known in names if len(known) > 4)
            or (kind == "loss" and any(word in plain(n) for word in LOSS))
        ]  # fmt: skip
        every = matched + [pair for pair in loose if pair not in matched]
        marked = [p for p in every if "train" in plain(p[0]) or "dropout" in plain(p[0])]
        if kind in ("forward", "backward") and training and marked:
            return marked[0]
        if kind in ("forward", "backward"):
            every = [p for p in every if p not in marked] or every
            every.sort(key=lambda p: plain(p[0]).startswith("predict"))
        return every[0] if every else None

    def _gives_gradients(self, name: str) -> bool:
        """Whether a function returns a loss and gradients, by the names in its return."""
        given = self.returned(name)
        if not isinstance(given, list) or not given or role(str(given[0])) != "loss":
            return False
        rest = [n for part in given[1:] for n in (part if isinstance(part, list) else [part])]
        return any(role(str(n)) == "grads" or gradient_of(str(n)) for n in rest)

    def returned(self, name: str) -> Any:
        """The names in the last return statement of a function: nested as there."""
        found: Any = None
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        found = _names_of(inner.value)
        return found

    def body(self, name: str) -> ast.FunctionDef | None:
        """The definition of a function."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node
        return None


def _names_of(node: ast.expr) -> Any:
    if isinstance(node, ast.Tuple | ast.List):
        return [_names_of(e) for e in node.elts]
    if isinstance(node, ast.Name):
        return node.id
    return ast.unparse(node) if isinstance(node, ast.Attribute) else ""


def called_scenes(
    program: Callable[[], Program], request: Request, observed: Observed
) -> tuple[list[dict[str, Any]], list[str]]:
    """The scenes of the way of laying arrays out that fits best, and why others did not."""
    best: list[dict[str, Any]] = []
    score: tuple[float, float] = (-1.0, 0.0)
    why: list[str] = []
    for form in FORMS:
        try:
            scenes, said = Session(program, request, observed, form).scenes()
        except CannotCallError as error:
            why.append(str(error))
            continue
        why += said
        if not scenes:
            continue
        count = sum(len(s["seen"]) for s in scenes if _is_whole(s, request))
        off = _off(scenes, request)
        if (count, -off) > score:
            best, score = scenes, (count, -off)
        if off < 1e-6 and count >= 4:
            break
    return best, list(dict.fromkeys(why))


def _is_whole(scene: dict[str, Any], request: Request) -> bool:
    output = next(iter(request.outputs))
    seen = scene["seen"].get(output)
    rows = len(scene["data"][0])
    return seen is None or seen.shape == (rows, *request.outputs[output][1:])


def _off(scenes: list[dict[str, Any]], request: Request) -> float:
    output = next(iter(request.outputs))
    for scene in scenes:
        seen = scene["seen"].get(output)
        if scene["name"] == request.stages[0].name and seen is not None:
            wanted = request.expected[output]
            return float(np.abs(seen - wanted).max()) if seen.shape == wanted.shape else 1e9
    return 1e9


class Session:
    """Their program with arrays laid out in one form, called in every stage."""

    def __init__(
        self, program: Callable[[], Program], request: Request, observed: Observed, form: Form
    ) -> None:
        self.make, self.request, self.observed, self.form = program, request, observed, form
        self.said: list[str] = []

    def scenes(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Every stage as evaluation, as a pass with dropout, and as training."""
        found = []
        for stage in self.request.stages:
            scene = self._safely(self._passed, stage, False)
            if scene:
                found.append(scene)
            if self.request.draws:
                scene = self._safely(self._passed, stage, True)
                if scene:
                    found.append(scene)
        if self.request.epochs:
            trained = [self._safely(self._trained, stage) for stage in self.request.stages[:2]]
            found += _from_given_weights([scene for scene in trained if scene])
        return _without_repeats(found), self.said

    def _safely(self, run: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any] | None:
        self.observed.draws.clear()
        try:
            scene = run(*arguments)
        except Exception as error:
            self.said.append(f"{type(error).__name__}: {error}")
            return None
        return scene if scene["seen"] else None

    def _passed(self, stage: Stage, training: bool) -> dict[str, Any]:
        program = self.make()
        holder = self._placed(program, stage)
        env = self._environment(stage, holder, training)
        seen, _ = self._pass(program, env, training)
        draws = list(self.observed.draws)
        if training and not draws and not self._is_switched(program):
            return self._scene(stage, "pass", {}, [])
        mode = "pass" if draws or training else "evaluation"
        if env.get("mask_given") is not None:
            draws = [{"kind": "mask", "values": env["mask_given"], "probability": None}]
        return self._scene(stage, mode, seen, draws)

    def _is_switched(self, program: Program) -> bool:
        """Whether their forward pass can be told that it is in training."""
        forward = program.find("forward", training=True)
        if forward is None:
            return False
        names = inspect.signature(forward[1]).parameters
        told = {role(n) for n in names} & {"training", "mask", "rng"}
        return bool(told) or "train" in plain(forward[0]) or "dropout" in plain(forward[0])

    def _scene(
        self, stage: Stage, mode: str, seen: dict[str, np.ndarray], draws: list[dict[str, Any]],
        epochs: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        draws = self.form.draws(draws)
        return {"name": stage.name, "mode": mode, "weights": list(stage.weights),
                "data": list(stage.data), "seen": seen, "draws": draws, "notes": [],
                "epochs": epochs}  # fmt: skip

    def _environment(self, stage: Stage, holder: Any, training: bool) -> dict[str, Any]:
        request, form = self.request, self.form
        env: dict[str, Any] = {}
        inputs = len(request.inputs)
        arrays = [form.data(a) for a in stage.data[:inputs]]
        arrays += [form.data(request.target(a)) for a in stage.data[inputs:]]
        env |= dict(zip((*request.inputs, *request.targets), arrays, strict=True))
        env["x"], env["y"] = arrays[0], arrays[len(request.inputs)] if request.targets else None
        own = dict(zip(request.layout.names, map(form.weight, stage.weights), strict=True))
        env["weights by name"] = own
        env["one-hot"] = form.data(stage.data[inputs]) if request.targets else None
        env["holder"] = holder
        env["training"] = training
        env["lr"] = request.options.get("learning_rate", 0.01)
        env["rate"] = request.rates[0] if request.rates else 0.0
        env["keep"] = 1 - env["rate"]
        env["rows"] = len(stage.data[0])
        return env

    # --- weights ----------------------------------------------------------------------------------

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
        for name, value in list(variables.items()):
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
            arguments = self._arguments(program, made, {"rows": 1, "sizes": True, **self._sizes()})
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

    def _sizes(self) -> dict[str, Any]:
        matrices = [s for s in self.request.layout.shapes if len(s) >= 2]
        widths = [matrices[0][0], *(s[-1] for s in matrices)] if matrices else []
        return {"widths": widths}

    # --- one pass ---------------------------------------------------------------------------------

    def _pass(
        self, program: Program, env: dict[str, Any], training: bool
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        seen: dict[str, np.ndarray] = {}
        both = program.find("both")
        forward = program.find("forward", training=training) or self._scores(both)
        if forward:
            made = self._call(program, forward, env)
            self._took(program, forward[0], made, env, seen)
        if both and not forward:
            made = self._call(program, both, env)
            self._took_loss_and_gradients(program, both[0], made, env, seen)
            return seen, env
        loss = program.find("loss")
        if loss and loss != forward:
            try:
                value = self._call(program, loss, env)
            except Exception as error:
                self.said.append(f"{loss[0]}: {error}")
            else:
                value = value[0] if isinstance(value, tuple) else value
                array = as_array(value)
                if array is not None and array.size == 1:
                    seen["loss"] = array.reshape(())
                    env["loss"] = value
        backward = program.find("backward", training=training)
        if backward:
            try:
                made = self._call(program, backward, env)
            except Exception as error:
                self.said.append(f"{backward[0]}: {type(error).__name__}: {error}")
            else:
                names = program.returned(backward[0])
                self._took_gradients(backward[0], made, names, program, env, seen)
        elif both:
            made = self._call(program, both, env)
            self._took_loss_and_gradients(program, both[0], made, env, seen)
        return seen, env

    def _scores(self, both: tuple[str, Any] | None) -> tuple[str, Any] | None:
        """The function that gives a loss and gradients as one that gives the outputs, where it does
        so without a target."""
        if both is None:
            return None
        parameters = inspect.signature(both[1]).parameters.values()
        targets = [p for p in parameters if role(p.name) == "y" and p.default is None]
        if not targets:
            return None
        wrapped = functools.wraps(both[1])(lambda *a, **k: both[1](*a, **k))
        kept = [p for p in parameters if p not in targets]
        wrapped.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
        return both[0], wrapped

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
        named = list(_flat(made, program.returned(name)))
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
        depth = sum(len(s) >= 2 for s in request.layout.shapes)
        ordered = (
            [p for p in fitting if p[0] == output]
            + [p for p in fitting if role(p[0]) == "p"]
            + [p for p in fitting if plain(p[0]) in (f"a{depth}", f"h{depth}", f"o{depth}")]
        )
        first = as_array(made[0]) if isinstance(made, tuple) else None
        if ordered:
            chosen = ordered[0][1]
        elif first is not None and fits(first.shape, shape) and len(rest) == 1:
            chosen = made[0]
        else:
            chosen = (
                fitting[-1][1] if not isinstance(made, tuple) or len(fitting) > 1 else fitting[0][1]
            )
        env["p"] = chosen
        array = as_array(chosen)
        assert array is not None
        seen[output] = self.form.output(array, shape)

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
        named = [(n, a) for n, v in _flat(made, names) if (a := as_array(v)) is not None]
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

    # --- training ---------------------------------------------------------------------------------

    def _trained(self, stage: Stage) -> dict[str, Any]:
        program = self.make()
        holder = self._placed(program, stage)
        env = self._environment(stage, holder, True)
        self.observed.draws.clear()
        env["epochs"] = STEPS
        seen: dict[str, np.ndarray] = {}
        train = program.find("train")
        if train and self._takes_epochs(train[1]):
            made = self._call(program, train, env)
        else:
            made = self._loop(program, env, seen)
        after = self._weights_after(program, env, made, train)
        shapes = self.request.layout.shapes
        same = [self.form.own_weight(a, shapes[i]) for i, a in after.items()]
        begun = [stage.weights[i] for i in after]
        trains = train or program.find("update") or program.find("step")
        if not trains and all(map(np.array_equal, same, begun)):
            raise CannotCallError("there is nothing that trains")
        for slot, array in after.items():
            own = shapes[slot]
            seen[f"{self.request.layout.names[slot]}@end"] = self.form.own_weight(array, own)
        return self._scene(stage, "training", seen, list(self.observed.draws), STEPS)

    def _takes_epochs(self, function: Any) -> bool:
        return any(role(n) == "epochs" for n in inspect.signature(function).parameters)

    def _loop(self, program: Program, env: dict[str, Any], seen: dict[str, np.ndarray]) -> Any:
        step, update = program.find("step"), program.find("update")
        backward = program.find("backward", training=True)
        if not step and not update and not backward:
            raise CannotCallError("there is nothing that trains")
        made = None
        for number in range(1, STEPS + 1):
            env["count"] = number
            if step:
                made = self._call(program, step, env)
            else:
                _, env = self._pass(program, env, True)
                if backward and "grads" not in env:
                    raise CannotCallError("the backward pass cannot be called")
                made = self._call(program, update, env) if update else None
            if made is not None and self._is_weights(made):
                self._renew(env, made)
        return made

    def _is_weights(self, made: Any) -> bool:
        return bool(self._own(made, None))

    def _renew(self, env: dict[str, Any], made: Any) -> None:
        own = self._own(made, None)
        names = self.request.layout.names
        env["weights by name"] = {**env["weights by name"], **{names[i]: a for i, a in own.items()}}
        if isinstance(made, dict) or env["holder"] is not None:
            env["holder"] = made

    def _own(self, made: Any, names: Any) -> dict[int, np.ndarray]:
        layout = self.request.layout
        if (
            as_array(made) is not None
            and len(layout.names) > 1
            and not isinstance(made, list | tuple)
        ):
            return {}
        named = list(_flat(made, names))
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

    # --- arguments --------------------------------------------------------------------------------

    def _call(self, program: Program, found: tuple[str, Any], env: dict[str, Any]) -> Any:
        args, kwargs = self._arguments(program, found, env)
        return found[1](*args, **kwargs)

    def _arguments(
        self, program: Program, found: tuple[str, Any], env: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        parameters = list(inspect.signature(found[1]).parameters.values())
        for i, parameter in enumerate(parameters):
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            value, known = self._value(program, found[0], parameter, i, parameters, env)
            if not known:
                if parameter.default is not parameter.empty:
                    continue
                raise CannotCallError(
                    f"`{parameter.name}` of {found[0]} cannot be guessed: "
                    f"say --map {parameter.name}=..."
                )
            if parameter.default is parameter.empty and parameter.kind != parameter.KEYWORD_ONLY:
                args.append(value)
            else:
                kwargs[parameter.name] = value
        return args, kwargs

    def _value(
        self, program: Program, function: str, parameter: inspect.Parameter, place: int,
        parameters: list[inspect.Parameter], env: dict[str, Any],
    ) -> tuple[Any, bool]:  # fmt: skip
        name = self.request.given.get(parameter.name, parameter.name)
        returned = env.get("returned", {})
        if env.get("widths") is not None:
            return self._size(name, parameter, env)
        if name in self.request.layout.names and name in env["weights by name"]:
            return env["weights by name"][name], True
        if self._is_pairs(name, parameters):
            columns = [[row.reshape(-1, 1) for row in a] for a in self._rows(env)]
            return list(zip(*columns, strict=True)), True
        if role(name) == "y" and any(word in plain(name) for word in ("enc", "hot")):
            return env["one-hot"], True
        if name in (*self.request.inputs, *self.request.targets):
            return env[name], True
        if name in returned:
            return returned[name], True
        weight = self._weight_argument(name, parameters, env)
        if weight is not None:
            return weight, True
        kind = role(name)
        return self._by_role(program, function, kind, name, parameter, env)

    def _is_pairs(self, name: str, parameters: list[inspect.Parameter]) -> bool:
        """Whether an argument of a training loop holds inputs and targets together."""
        roles = [role(p.name) for p in parameters]
        return (
            "data" in plain(name) and "epochs" in roles and "y" not in roles
            and role(name) == "x" and len(self.request.targets) == 1
        )  # fmt: skip

    def _rows(self, env: dict[str, Any]) -> list[np.ndarray]:
        """The inputs and the targets, examples as rows."""
        return [a.T if self.form.columns else a for a in (env["x"], env["y"])]

    def _weight_argument(
        self, name: str, parameters: list[inspect.Parameter], env: dict[str, Any]
    ) -> np.ndarray | None:
        own = env["weights by name"]
        layout = self.request.layout
        key = gradient_of(name)
        wanted = [p.name for p in parameters if bool(gradient_of(p.name)) == bool(key)]
        found: dict[str, int] = {}
        weights = [i for i in range(len(layout.names)) if layout.kind(i) == "weight"]
        biases = [i for i in range(len(layout.names)) if layout.kind(i) == "bias"]
        for kind, free in (("weight", weights), ("bias", biases)):
            same = [
                n
                for n in wanted
                if (weight_key(gradient_of(n) or n) or ("",))[0] == kind
                and role(n) not in ("params", "x", "p", "cache")
            ]
            order = sorted(same) if all(n[-1:].isdigit() for n in same) else same
            last = "".join(c for c in order[-1] if c.isdigit()) if order else ""
            if len(order) < len(free) and last.isdigit() and int(last) <= len(free):
                found |= {
                    n: free[int("".join(c for c in n if c.isdigit())) - 1]
                    for n in order
                    if any(c.isdigit() for c in n)
                }
            else:
                found |= dict(zip(order, free, strict=False))
        if name not in found:
            return None
        slot = found[name]
        if key:
            grads = self._gradients(env.get("grads"), None) if env.get("grads") is not None else {}
            gradient: np.ndarray | None = grads.get(slot)
            return gradient
        weight: np.ndarray = own[layout.names[slot]]
        return weight

    def _size(
        self, name: str, parameter: inspect.Parameter, env: dict[str, Any]
    ) -> tuple[Any, bool]:
        """An argument of an initialiser: the network's sizes, or what it takes by itself."""
        widths, short = env["widths"], plain(name)
        if short in (
            "layers",
            "sizes",
            "layersizes",
            "layerdims",
            "dims",
            "widths",
            "layersdims",
            "shape",
        ):
            return list(widths), True
        if parameter.default is not parameter.empty and not isinstance(parameter.default, int):
            return None, False
        if "hid" in short or short in ("nh", "h", "units", "width"):
            return widths[1], True
        if short.startswith(
            ("nout", "out", "ny", "nclass", "numclass", "classes", "k", "dout", "nlabels", "o", "c")
        ) or short.endswith("out"):
            return widths[-1], True
        if "in" in short or short in ("nx", "d", "nfeatures", "features", "dim"):
            return widths[0], True
        if short in ("rng", "generator"):
            return np.random.default_rng(0), True
        return (0, True) if short == "seed" else (None, False)

    def _by_role(
        self, program: Program, function: str, kind: str, name: str, parameter: inspect.Parameter,
        env: dict[str, Any],
    ) -> tuple[Any, bool]:  # fmt: skip
        has_default = parameter.default is not parameter.empty
        if kind == "params":
            return self._holder(program, function, parameter.name, env), True
        if kind in ("x", "y", "lr", "rate", "keep") and env.get(kind) is not None:
            if kind == "lr" and name == "rate" and self.request.draws and not has_default:
                return env["lr"], True
            return env[kind], True
        if kind == "p" and env.get("p") is not None:
            return env["p"], True
        if kind == "cache" and "cache" in env:
            return env["cache"], True
        if kind == "grads" and "grads" in env:
            return env["grads"], True
        if kind == "loss" and "loss" in env:
            return env["loss"], True
        if kind == "epochs" and "epochs" in env:
            return env["epochs"], True
        if kind == "rows" and not has_default:
            return env["rows"], True
        if kind == "training":
            if isinstance(parameter.default, str) or plain(name) == "mode":
                return "train" if env["training"] else "test", True
            return env["training"], True
        if kind == "rng":
            text = ast.unparse(program.tree)
            is_new = "default_rng" in text or ".integers(" in text
            made = np.random.default_rng(0) if is_new else np.random.RandomState(0)
            return made if env["training"] or not has_default else None, True
        if kind == "mask" and self.request.draws:
            return self._mask(env), True
        if plain(name) in ("t", "step", "i") and "count" in env:
            return env["count"], True
        return None, False

    def _mask(self, env: dict[str, Any]) -> Any:
        rate = env["rate"]
        widths = self._sizes()["widths"]
        if "mask_given" not in env:
            shape = (env["rows"], widths[1])
            kept = np.random.RandomState(1).rand(*shape) < 1 - rate
            env["mask_given"] = kept / (1 - rate) if env["training"] else np.ones(shape)
        return self.form.data(env["mask_given"])

    def _holder(self, program: Program, function: str, name: str, env: dict[str, Any]) -> Any:
        """The weights in the container that a function expects them in."""
        if env["holder"] is not None:
            return env["holder"]
        own = env["weights by name"]
        keys = list(dict.fromkeys(_keys(program.tree, name)))
        layout = self.request.layout
        if keys and all(isinstance(k, str) for k in keys):
            found = slots([(k, _guessed(k, layout)) for k in keys], layout, self.request.given)
            if len(found) == len(keys):
                env["holder"] = {k: own[layout.names[found[k]]] for k in keys}
                return env["holder"]
        env["holder"] = list(own.values())
        return env["holder"]


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


def _guessed(key: str, layout: Any) -> tuple[int, ...]:
    """The shape of a weight by its name alone."""
    kind, index = weight_key(key) or ("weight", "")
    same = [i for i in range(len(layout.names)) if layout.kind(i) == kind]
    digits = "".join(c for c in index if c.isdigit())
    place = int(digits) - 1 if digits and int(digits) >= 1 else 0
    return tuple(layout.shapes[same[min(place, len(same) - 1)]]) if same else ()


def _keys(definition: ast.AST, name: str) -> Iterator[Any]:
    """The constant keys by which functions read an argument of that name."""
    seen = set()
    for node in ast.walk(definition):
        match node:
            case ast.Subscript(value=ast.Name(id=base), slice=ast.Constant(value=key)) if (
                base == name
            ):
                if key not in seen:
                    seen.add(key)
                    yield key


def _flat(made: Any, names: Any) -> Iterator[tuple[str, Any]]:
    """What a function returned, flat, with the names of its return statement or its keys."""
    if isinstance(made, dict):
        for key, value in made.items():
            yield from (
                _flat(value, str(key))
                if not isinstance(value, dict | tuple | list)
                else _flat(value, None)
            )
    elif isinstance(made, list) and isinstance(names, str) and not _is_numbers(made):
        for i, value in enumerate(made, 1):
            yield from _flat(value, f"{names}{i}")
    elif isinstance(made, tuple | list) and not _is_numbers(made):
        given = names if isinstance(names, list) and len(names) == len(made) else [None] * len(made)
        for value, name in zip(made, given, strict=True):
            yield from _flat(value, name)
    else:
        yield (names if isinstance(names, str) else ""), made


def _is_numbers(made: Any) -> bool:
    return bool(made) and all(isinstance(v, int | float) for v in made)


def _from_given_weights(trained: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """None where other weights led to the same ones: the training makes its own beginning."""
    if len(trained) == 2:
        first, second = (scene["seen"] for scene in trained)
        if all(np.array_equal(first[key], second.get(key)) for key in first):
            return []
    return trained


def _without_repeats(scenes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """No two scenes of the same stage and mode: one is enough where nothing is switched."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for scene in scenes:
        found.setdefault((scene["name"], scene["mode"]), scene)
    return list(found.values())
