"""Running a listing in a scene: the same inputs, weights and masks, whatever the mistakes in it."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from backhand.derive.network import derive
from backhand.diagnose.listing import Listing, in_two_terms, listing_of, text_of
from backhand.diagnose.scene import Draw, Scene
from backhand.draws import dropout_mask
from backhand.experiment import Experiment
from backhand.writers import numpy_program, shared

if TYPE_CHECKING:
    from backhand.diagnose.mistake import Planted

Reading = Literal["below", "above"]
"""Which uniform numbers keep a unit: those below 1 - rate, or those from the rate on."""

BACKWARD = "network_backward"
KEPT_EPOCHS = (1, 2, 3)
"""Epochs of which everything is kept, beside the last."""

SAME_RATE = 1e-9


class CannotReplayError(Exception):
    """Their draws do not fit what the program asks for."""


class Replay:
    """Gives a program the masks that another program drew, whatever shape it drew them in."""

    def __init__(self, draws: Sequence[Draw], reading: Reading) -> None:
        self.draws = [draw for draw in draws if draw.kind != "order"]
        self.reading = reading
        self.place = 0

    def mask(self, shape: tuple[int, ...], rate: float) -> np.ndarray:
        """The next mask of a shape: 0 or 1 / (1 - rate)."""
        parts: list[np.ndarray] = []
        while True:
            if self.place == len(self.draws):
                raise CannotReplayError("their program drew fewer masks")
            draw = self.draws[self.place]
            self.place += 1
            whole = _fitting(draw.values, shape)
            if whole is not None and not parts:
                return np.asarray(self._bits(draw, whole, rate) / (1 - rate))
            if draw.values.size == int(np.prod(shape[1:])):
                parts.append(self._bits(draw, draw.values, rate).ravel())
                if len(parts) == shape[0]:
                    return np.asarray(np.stack(parts).reshape(shape) / (1 - rate))

    def _bits(self, draw: Draw, values: np.ndarray, rate: float) -> np.ndarray:
        if draw.kind == "uniform":
            kept = values < 1 - rate if self.reading == "below" else values >= rate
            return np.asarray(kept, dtype=float)
        if draw.probability is not None and abs(draw.probability - (1 - rate)) > SAME_RATE:
            raise CannotReplayError(f"their units are kept with probability {draw.probability:g}")
        return np.asarray(values != 0, dtype=float)


def _fitting(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """An array in this shape: as it is, or transposed, or with axes of 1 left out."""
    if values.shape == shape:
        return values
    if values.T.shape == shape:
        return values.T
    if values.size == int(np.prod(shape)) and len(shape) > 1 and 1 in shape:
        return values.reshape(shape)
    return None


@dataclass(frozen=True)
class _Arguments:
    """The names of what the functions of a program are called with."""

    data: tuple[str, ...]
    call: tuple[str, ...]
    loss: tuple[str, ...]
    backward: tuple[str, ...]


class Machine:
    """Runs listings of one experiment; what is the same for all of them is prepared once."""

    def __init__(self, experiment: Experiment, folder: Path) -> None:
        self.experiment, self.folder = experiment, folder
        self.correct = listing_of(experiment)
        text = numpy_program.write(experiment).text
        self.base: dict[str, Any] = {
            "__name__": "backhand_program",
            "__file__": str(folder / "numpy_program.py"),
        }
        exec(compile(ast.parse(text), "numpy_program.py", "exec"), self.base)
        self._made: dict[int, tuple[ast.FunctionDef, FunctionType]] = {}
        self._last: tuple[Listing, dict[str, Any], dict[str, Any]] | None = None
        """The listing that was run last, with its namespace: most are run in several scenes."""
        self.planted: dict[str, tuple[Planted, ...]] = {}
        """The programs with each single mistake that was asked for, by its name."""

    @cached_property
    def _arguments(self) -> "_Arguments":
        experiment = self.experiment
        network = experiment.network
        return _Arguments(
            tuple(shared.data_names(experiment)),
            tuple(shared.call_names(experiment)),
            tuple(shared.loss_arguments(experiment)) if network.loss else (),
            tuple(shared.backward_arguments(experiment)) if network.backward else (),
        )

    @cached_property
    def step_by_step(self) -> Listing | None:
        """The program whose derivatives are those of one operator each, as many people take them:
        softmax and cross-entropy apart. None where the correct program is that one."""
        network = self.experiment.network
        if network.backward is None or network.loss is None:
            return None
        plain = replace(network, backward=None, saved=(), saved_by_loss=())
        experiment = replace(self.experiment, network=derive(plain, together=False))
        other = listing_of(experiment)
        mine, theirs = (text_of(one.functions[BACKWARD]) for one in (self.correct, other))
        return None if mine == theirs else in_two_terms(other)

    def namespace(self, listing: Listing) -> dict[str, Any]:
        """The functions of a listing, which see each other and nothing else of ours."""
        if self._last is None or self._last[0] is not listing:
            space = self._new_namespace(listing)
            self._last = listing, space, dict(space)
        _, space, as_made = self._last
        space.update(as_made)  # a run puts watched functions in the place of some
        return space

    def _new_namespace(self, listing: Listing) -> dict[str, Any]:
        space = dict(self.base)
        for name, tree in listing.functions.items():
            made = self._function(tree)
            space[name] = FunctionType(made.__code__, space, name, made.__defaults__)
            space[name].__kwdefaults__ = made.__kwdefaults__
        return space

    def _function(self, tree: ast.FunctionDef) -> FunctionType:
        found = self._made.get(id(tree))
        if found is None:
            space = dict(self.base)
            module = ast.Module([tree], [])
            exec(compile(module, "numpy_program.py", "exec"), space)
            found = self._made[id(tree)] = (tree, space[tree.name])
        return found[1]

    def run(
        self,
        listing: Listing,
        scene: Scene,
        reading: Reading = "below",
        *,
        call: Any = None,
        array: Callable[[np.ndarray], np.ndarray] = np.array,
    ) -> dict[str, np.ndarray]:
        """What a program computes in a scene, under the names of `Scene.seen`.

        `call` calls its functions in one pass; `array` makes the weights that it begins with.

        Raises:
            Exception: whatever the changed program raises.
        """
        space = self.namespace(listing)
        space["dropout_mask"], space["DRAWS"] = self._masks(scene, reading)
        space["ORDERS"] = iter([d.values for d in scene.draws or () if d.kind == "order"])
        called = call or (lambda function, *arguments: function(*arguments))
        data = space["given_data"](*(np.array(a) for a in scene.data))
        weights = space["given_weights"](tuple(np.array(w) for w in scene.weights))
        weights = tuple(array(np.array(w)) for w in weights)
        if scene.mode == "training":
            return self._trained(space, data, weights, scene)
        generator = space["DRAWS"] if scene.mode == "pass" else None
        return self._passed(space, data, weights, generator, called)

    def _masks(self, scene: Scene, reading: Reading) -> tuple[Callable[..., Any], Any]:
        """`dropout_mask` and the generator that it is called with in training."""
        if scene.draws is None:
            seed = self.experiment.seed
            return dropout_mask, np.random.RandomState(seed)
        replay = Replay(scene.draws, reading)

        def replayed(generator: Any, shape: tuple[int, ...], rate: float, dtype: Any) -> np.ndarray:
            if generator is None or rate == 0:
                return np.ones(shape, dtype)
            return replay.mask(tuple(shape), rate).astype(dtype)

        return replayed, replay

    def _passed(
        self,
        space: dict[str, Any],
        data: tuple[Any, ...],
        weights: tuple[Any, ...],
        generator: Any,
        called: Callable[..., Any],
    ) -> dict[str, Any]:
        experiment = self.experiment
        network = experiment.network
        wanted = self._arguments
        given = dict(zip(wanted.data, data, strict=True))
        given["weights"] = weights
        arguments = [given[n] for n in wanted.call]
        if experiment.draws:
            arguments.append(generator)
        made = called(space["network"], *arguments)
        outputs, saved = made if network.backward else (made, ())
        names = shared.names(network.forward.outputs)
        values = dict(zip(names, (outputs,) if len(names) == 1 else outputs, strict=True))
        if network.loss is None:
            return values
        given |= values
        given["saved"] = saved
        loss = called(space["network_loss"], *(given[n] for n in wanted.loss))
        if network.saved_by_loss:
            loss, given["saved_by_loss"] = loss
        values["loss"] = loss
        if network.backward:
            slopes = called(space["network_backward"], *(given[n] for n in wanted.backward))
            values |= {f"d{n}": g for n, g in zip(self.correct.parameters, slopes, strict=True)}
        return values

    def _trained(
        self, space: dict[str, Any], data: Any, weights: tuple[np.ndarray, ...], scene: Scene
    ) -> dict[str, np.ndarray]:
        outputs = shared.names(self.experiment.network.forward.outputs)
        watch = _Watch(space, self.correct.parameters, weights, outputs)
        losses = space["train"](*data, weights, epochs=scene.epochs)
        values = watch.values(scene.epochs)
        values |= {f"loss@{e}": np.array(losses[e - 1]) for e in KEPT_EPOCHS if e <= len(losses)}
        if losses:
            values["loss@end"] = np.array(losses[-1])
        values["losses"] = np.array(losses)
        names = tuple(outputs)
        if any(key.endswith("@after") for key in scene.seen):
            after = self._passed(watch.originals, data, weights, None, lambda f, *a: f(*a))
            values |= {f"{n}@after": after[n] for n in (*names, "loss")}
        return values


class _Watch:
    """Keeps what a training loop computes, epoch by epoch."""

    def __init__(
        self,
        space: dict[str, Any],
        names: tuple[str, ...],
        weights: tuple[np.ndarray, ...],
        outputs: list[str],
    ) -> None:
        self.names, self.weights, self.output_names = names, weights, outputs
        self.outputs: list[tuple[np.ndarray, ...]] = []
        self.originals = dict(space)
        self.gradients: list[tuple[np.ndarray, ...]] = []
        self.pending: tuple[np.ndarray, ...] = ()
        self.after: list[tuple[np.ndarray, ...]] = []
        update = space["update"]
        network = space["network"]

        def watched_network(*arguments: Any) -> Any:
            found = network(*arguments)
            if self._early:
                made = found[0] if len(outputs) > 1 else (found[0],)
                self.outputs.append(tuple(np.array(a) for a in made))
            else:
                self.outputs.append(())
            return found

        def watched_update(*arguments: Any) -> Any:
            self._take(arguments[1])
            found = update(*arguments)
            self.after.append(tuple(np.array(w) for w in weights) if self._early else ())
            return found

        space["network"] = watched_network
        space["update"] = watched_update

    def _take(self, gradients: Any) -> None:
        """Keep the gradients of an update; they may come one weight at a time, the last first."""
        self.pending = (*(np.array(g) for g in gradients), *self.pending)
        if len(self.pending) >= len(self.names):
            self.gradients.append(self.pending if self._early else ())
            self.pending = ()

    @property
    def _early(self) -> bool:
        return len(self.after) < KEPT_EPOCHS[-1] * max(8, len(self.names))

    def values(self, epochs: int) -> dict[str, np.ndarray]:
        found = {f"{n}@end": np.array(w) for n, w in zip(self.names, self.weights, strict=True)}
        each, calls = _each(len(self.after), epochs), _each(len(self.gradients), epochs)
        for epoch in KEPT_EPOCHS:
            if epoch * max(each, calls) > max(len(self.after), len(self.gradients)):
                break
            if each:
                after = self.after[epoch * each - 1]
                found |= {f"{n}@{epoch}": w for n, w in zip(self.names, after, strict=False)}
            passes = _each(len(self.outputs), epochs)
            if passes and epoch * passes <= len(self.outputs):
                made = self.outputs[(epoch - 1) * passes]
                found |= {f"{n}@{epoch}": a for n, a in zip(self.output_names, made, strict=False)}
            if calls:
                slopes = self.gradients[(epoch - 1) * calls]
                found |= {f"d{n}@{epoch}": g for n, g in zip(self.names, slopes, strict=False)}
        return found


def _each(calls: int, epochs: int) -> int:
    """How many calls an epoch has; one, where they do not come out even."""
    return calls // epochs if epochs and calls % epochs == 0 else min(1, calls)
