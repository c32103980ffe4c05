"""No planted slip is missed: each is found where it was planted, or said to be hidden.

A dozen slips of each network as a rule; with BACKHAND_EXAMPLES=1000 every one of them, which takes
some minutes.
"""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from backhand.agreement.comparing import compare
from backhand.agreement.result import Agreement
from backhand.agreement.slips import KINDS, Slip, slips
from backhand.agreement.statements import statements, upstream
from backhand.capture.spec import parse
from backhand.experiment import Experiment
from backhand.rules import formula_rules
from tests.agreement.faulty import NETWORKS, Trial
from tests.random_specs import examples

PASSES = ("network", "network_loss", "network_backward")


def read(name: str) -> Experiment:
    return parse(NETWORKS[name], f"{name}.toml", Path())


@pytest.fixture(params=NETWORKS, scope="module")
def tried(request: pytest.FixtureRequest) -> Iterator[tuple[Trial, Agreement]]:
    experiment = read(request.param)
    with TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield Trial(experiment, Path(place)), compare(experiment, precision="float64")


def chosen(program: str) -> list[Slip]:
    """Slips spread evenly over a program, or all of them."""
    every = slips(program)
    wanted = min(examples(12), len(every))
    return [every[int(i)] for i in np.linspace(0, len(every) - 1, wanted)]


def found(trial: Trial, slip: Slip) -> str:
    """Where a slip is found: `at its step`, `elsewhere`, `nowhere`, or what stops the program."""
    try:
        first = trial.first(trial.with_slip(slip))
    except Exception as error:
        return f"stops the program: {error}"
    if first is None:
        return "nowhere"
    part, name = first
    if part == "update":
        return "at its step" if slip.function == "update" else "elsewhere"
    made_by = statements(trial.program.text)
    lines = upstream(name, made_by, frozenset(trial.passes[-1]) - {name})
    is_there = slip.line in {statement.line for statement in lines}
    if slip.function not in (*PASSES, "update"):  # a helper is planted wherever it is called
        is_there = any(callable_names(trial) & set(statement.reads) for statement in lines)
    return "at its step" if is_there else "elsewhere"


def callable_names(trial: Trial) -> set[str]:
    return {slip.function for slip in slips(trial.program.text)} - {*PASSES, "update"}


def test_every_slip_is_found_where_it_is_or_is_listed(tried: tuple[Trial, Agreement]) -> None:
    trial, agreement = tried
    assert agreement.ok, str(agreement)
    assert trial.first(trial.program) is None
    hidden = {(slip.function, slip.what) for slip in agreement.undetected or ()}
    missed = []
    for slip in chosen(trial.program.text):
        place = found(trial, slip)
        if place == "elsewhere" or (
            place == "nowhere" and (slip.function, slip.what) not in hidden
        ):
            missed.append(f"{slip.what}: found {place}")
    assert not missed, "\n".join(missed)


def test_what_is_listed_as_hidden_is_hidden(tried: tuple[Trial, Agreement]) -> None:
    trial, agreement = tried
    hidden = {(slip.function, slip.what) for slip in agreement.undetected or ()}
    listed = [s for s in slips(trial.program.text) if (s.function, s.what) in hidden]
    assert len(hidden) < len(slips(trial.program.text)) / 10
    assert [slip.what for slip in listed if found(trial, slip) != "nowhere"] == []


def test_the_networks_use_every_rule_and_reach_twelve_layers() -> None:
    networks = [read(name).network for name in NETWORKS]
    used = {step.function for network in networks for step in network.steps}
    assert set(formula_rules()) - used == set()
    assert max(len(network.forward.body) for network in networks) >= 12


def test_every_kind_of_slip_is_planted() -> None:
    with TemporaryDirectory() as place:
        programs = [Trial(read(name), Path(place)).program.text for name in NETWORKS]
    kinds = {slip.kind for program in programs for slip in slips(program)}
    assert kinds == set(KINDS)


def test_a_slip_that_is_not_planted_is_not_found() -> None:
    """What these tests rest on: a right program is found nowhere, whatever its text says."""
    with TemporaryDirectory() as place:
        trial = Trial(read("soft targets"), Path(place))
        slip = slips(trial.program.text)[-1]
        harmless = replace(trial.program, text=trial.program.text + "\n# a remark\n")
        assert trial.first(harmless) is None
        assert trial.first(trial.with_slip(slip)) is not None
