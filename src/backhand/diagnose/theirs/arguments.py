"""The arguments that their functions want, by the names of their parameters."""

import ast
import copy
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from backhand.diagnose.theirs.leaves import leaves
from backhand.diagnose.theirs.names import (
    Layout,
    fits,
    gradient_of,
    plain,
    role,
    slots,
    weight_key,
)
from backhand.diagnose.theirs.program import CannotCallError, Program
from backhand.diagnose.theirs.results import Results


class Arguments(Results):
    """Finds what a function of theirs is to be given."""

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
            return size_of(name, parameter, env["widths"])
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
        widths = widths_of(self.request.layout)
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
        env["holder"] = self._like_theirs(program, name, own) or list(own.values())
        return env["holder"]

    def _like_theirs(self, program: Program, name: str, own: dict[str, np.ndarray]) -> Any:
        """The weights in a copy of what the program has under that name: `[(w1, b1), (w2, b2)]`."""
        held = program.root.get(name) if isinstance(program.root, dict) else None
        copied = copy.deepcopy(held) if isinstance(held, list | tuple | dict) else None
        every = list(leaves(copied)) if copied is not None else []
        if len(every) != len(own) or not all(
            fits(array.shape, ours.shape)
            for (_, array, _), ours in zip(every, own.values(), strict=True)
        ):
            return None
        for (_, array, put), ours in zip(every, own.values(), strict=True):
            put(np.array(ours.reshape(array.shape) if ours.size == array.size else ours))
        return copied


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


def size_of(name: str, parameter: inspect.Parameter, widths: list[int]) -> tuple[Any, bool]:
    """An argument of an initialiser: the network's sizes, or what it takes by itself."""
    short = plain(name)
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


def widths_of(layout: Layout) -> list[int]:
    """The network's layer sizes, inputs first, by the shapes of its weights."""
    matrices = [s for s in layout.shapes if len(s) >= 2]
    return [matrices[0][0], *(s[-1] for s in matrices)] if matrices else []
