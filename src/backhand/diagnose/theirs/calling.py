"""Calling their functions, or a class's methods, with our inputs and weights."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.diagnose.scene import Stage
from backhand.diagnose.theirs.draws import Observed
from backhand.diagnose.theirs.layouts import FORMS
from backhand.diagnose.theirs.names import plain, role
from backhand.diagnose.theirs.placing import Placing
from backhand.diagnose.theirs.program import CannotCallError, Program
from backhand.diagnose.theirs.request import Request
from backhand.diagnose.theirs.watching import as_array

STEPS = 3


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


class Session(Placing):
    """Their program with arrays laid out in one form, called in every stage."""

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
        start = self.observed.begin()
        try:
            seen, _ = self._pass(program, env, training)
        finally:
            between = self.observed.between(start)
        draws = list(self.observed.draws)
        if training and not draws and not self._is_switched(program):
            return self._scene(stage, "pass", {}, [])
        drawn = (
            draws and not self._is_evaluated(program) and (training or not self._is_split(program))
        )
        mode = "pass" if training or drawn else "evaluation"
        if env.get("mask_given") is not None:
            draws = [{"kind": "mask", "values": env["mask_given"], "probability": None}]
        return {**self._scene(stage, mode, seen, draws), "between": between}

    def _is_switched(self, program: Program) -> bool:
        """Whether their forward pass can be told that it is in training."""
        forward = program.find("forward", training=True)
        if forward is None:
            return False
        names = inspect.signature(forward[1]).parameters
        told = {role(n) for n in names} & {"training", "mask", "rng"}
        return bool(told) or "train" in plain(forward[0]) or "dropout" in plain(forward[0])

    def _is_evaluated(self, program: Program) -> bool:
        """Whether their forward pass is told that it is in use: then it should not draw."""
        forward = program.find("forward")
        names = inspect.signature(forward[1]).parameters if forward else ()
        return any(role(name) == "training" for name in names)

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

    def _pass(
        self, program: Program, env: dict[str, Any], training: bool
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        seen: dict[str, np.ndarray] = {}
        both = program.find("both")
        forward = program.find("forward", training=training)
        is_split = self._is_split(program)
        forward = forward or (None if training and is_split else self._scores(both))
        if forward:
            made = self._call(program, forward, env)
            self._took(program, forward[0], made, env, seen)
            if is_split:
                return seen, env
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

    def _is_split(self, program: Program) -> bool:
        """Whether their one function trains where it is given a target, and else is in use."""
        is_one = not program.find("forward") and self._scores(program.find("both")) is not None
        return is_one and self.request.draws

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
        counted = train and self._takes_epochs(train[1])
        trains = counted or program.find("update") or program.find("step")
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

    def _renew(self, env: dict[str, Any], made: Any) -> None:
        own = self._own(made, None)
        names = self.request.layout.names
        env["weights by name"] = {**env["weights by name"], **{names[i]: a for i, a in own.items()}}
        if isinstance(made, dict) or env["holder"] is not None:
            env["holder"] = made


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
