"""The homework's published figures, and whether the judgements are calibrated."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backhand.capture.spec import load
from backhand.diagnose.checking import Checked
from backhand.diagnose.figures import Simulations, figures, rank, read_figures
from backhand.diagnose.figures.hypotheses import hypotheses
from backhand.diagnose.figures.published import printed_units
from backhand.diagnose.figures.recipe import recipe
from backhand.diagnose.figures.simulate import final_weights
from backhand.diagnose.figures.simulations import RUNS
from backhand.diagnose.figures.telling import headline, reasons, verdict
from backhand.diagnose.telling import json_of, told
from backhand.errors import BackhandError
from backhand.report import figures as report_figures
from backhand.report.figures import section
from tests.diagnose_figures.exam import homework, mark

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def simulations() -> Simulations:
    return Simulations(homework())


def published(library: str) -> dict[str, np.ndarray]:
    given = homework().published
    assert given is not None
    return dict(given.weights[library])


def test_the_published_pytorch_weights_are_a_run_of_the_correct_network(
    simulations: Simulations,
) -> None:
    """The homework's page has distance 3.45 and 56 %, from 20,000 runs of its own."""
    found = rank(simulations, figures(published("torch"), simulations.experiment))
    assert verdict(found) == "correct"
    assert found.first is found.correct
    assert found.first.fit.distance == pytest.approx(3.45, abs=0.15)
    assert 0.4 < found.first.fit.p < 0.7


def test_the_published_numpy_weights_are_not_and_the_two_mistakes_are_named(
    simulations: Simulations,
) -> None:
    """The homework's page has distance 14.9 for the correct network, and 1.96 for the mistakes."""
    found = rank(simulations, figures(published("numpy"), simulations.experiment, "float64"))
    assert verdict(found) == "mistake"
    assert found.first.hypothesis.mistakes == (
        "mask not scaled",
        "mask ignored in the backward pass",
    )
    assert found.tied == (found.first,)
    assert found.first.fit.distance == pytest.approx(1.96, abs=0.1)
    assert found.correct is not None
    assert found.correct.fit.distance == pytest.approx(14.9, abs=0.5)
    assert found.correct.fit.p < 0.001
    assert "mask not scaled and mask ignored in the backward pass" in headline(found)
    assert "none of 2,000 runs" in reasons(found)[0]


def test_pytorchs_weights_are_off_the_plane_that_the_two_mistakes_cannot_leave(
    simulations: Simulations,
) -> None:
    name = "mask not scaled and mask ignored in the backward pass"
    two = next(h for h in simulations.hypotheses if h.name == name)
    given = figures(published("torch"), simulations.experiment)
    cloud = simulations.cloud(two, RUNS, given)
    assert cloud is not None
    fit = cloud.fit(given)
    assert fit.free == 6
    assert fit.excess > 100
    assert fit.p == 0


@pytest.mark.parametrize("name", ["correct", "mask not scaled", "one weight not updated (w1)"])
def test_p_values_are_uniform_under_the_true_hypothesis(
    name: str, simulations: Simulations
) -> None:
    """Of 1,000 sets of figures; the bounds are 4 standard deviations of a share, so 1 in 16,000."""
    true = next(h for h in simulations.hypotheses if h.name == name)
    made = final_weights(true.recipe, simulations.experiment, 1000, seed=77)
    p = []
    for run in range(1000):
        weights = {n: np.round(array[run], 4) for n, array in made.items()}
        given = figures(weights, simulations.experiment)
        cloud = simulations.cloud(true, RUNS, given)
        assert cloud is not None
        p.append(cloud.fit(given).p)
    for level in (0.01, 0.1, 0.5, 0.9):
        # 2,000 runs held back have an error of their own
        error = np.sqrt(level * (1 - level) * (1 / 1000 + 1 / 2000))
        assert np.mean(np.array(p) <= level) == pytest.approx(level, abs=4 * error), level


def test_what_a_mistake_makes_is_traced_back_to_it(simulations: Simulations) -> None:
    for name in ("mask not scaled", "no dropout in training", "mask ignored in the backward pass"):
        true = next(c for c in simulations.candidates if c.hypothesis.name == name)
        assert mark(simulations, true, 5, 8).first >= 0.8


def test_figures_that_nothing_leads_to_are_not_known(simulations: Simulations) -> None:
    weights = {name: array + 0.5 for name, array in published("torch").items()}
    found = rank(simulations, figures(weights, simulations.experiment))
    assert verdict(found) == "not known"
    assert headline(found) == "not a run of the correct network, nor of any known mistake."


def test_the_simulation_is_the_written_program() -> None:
    """Without dropout there is nothing random: the runs are what PyTorch computes."""
    torch = pytest.importorskip("torch")
    x = torch.tensor([[1.0, 2, 3], [4, 5, 6]], dtype=torch.float64)
    y = torch.tensor([[0.0, 1], [1, 0]], dtype=torch.float64)
    experiment = homework()
    w1, w2 = (
        torch.tensor(experiment.arrays[n], dtype=torch.float64, requires_grad=True)
        for n in ("w1", "w2")
    )
    for _ in range(100):
        p = torch.softmax(torch.relu(x @ w1) @ w2, dim=1)
        d1, d2 = torch.autograd.grad(-(y * torch.log(p)).sum(), (w1, w2))
        with torch.no_grad():
            w1 -= 0.01 * d1
            w2 -= 0.01 * d2
    dry = next(h for h in hypotheses(experiment)[0] if h.name == "no dropout in training")
    ours = final_weights(dry.recipe, experiment, 2, seed=0)
    np.testing.assert_allclose(ours["w1"][1], w1.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(ours["w2"][0], w2.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("spec", ["residual.toml", "sklearn_mlp.toml", "cs231n_regularised.toml"])
def test_other_networks_can_be_simulated(spec: str) -> None:
    experiment = load(EXAMPLES / spec)
    alone = final_weights(recipe(experiment), experiment, 1, seed=0)
    many = final_weights(recipe(experiment), experiment, 3, seed=0)
    assert len(hypotheses(experiment)[0]) > 30
    for name, array in experiment.arrays.items():
        if name in many:
            assert many[name].shape == (3, *array.shape)
            if not experiment.draws:
                np.testing.assert_allclose(many[name][2], alone[name][0], rtol=1e-12)


# --- reading -----------------------------------------------------------------------------------


def test_figures_are_found_at_any_depth_of_a_file(tmp_path: Path) -> None:
    weights = {name: array.tolist() for name, array in published("numpy").items()}
    file = tmp_path / "published.json"
    file.write_text(json.dumps({"note": "x", "task3": {"numpy": weights, "torch": weights}}))
    one, other = read_figures(file, homework())
    assert (one.title, other.title) == ("task3.numpy", "task3.torch")
    assert one.off[0] == pytest.approx(5e-9, rel=1e-2)
    assert other.off[0] > one.off[0]  # float32 rounds each epoch


@pytest.mark.parametrize(
    ("printed", "units"),
    [
        ([0.0439, 0.468, 0.6263], [1e-4, 1e-4, 1e-4]),
        ([1.2345e-05, 12.345, 0.0], [1e-9, 1e-3, 1e-9]),  # PyTorch's scientific notation
        ([1.0, 2.0], [1.0, 1.0]),
    ],
)
def test_the_last_printed_digit(printed: list[float], units: list[float]) -> None:
    np.testing.assert_allclose(printed_units(np.array(printed)), units)


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackhandError, match="no weight `w3`"):
        figures({"w3": np.zeros(3)}, homework())
    with pytest.raises(BackhandError, match=r"shape \[3, 4\]"):
        figures({"w1": np.zeros(3)}, homework())
    file = tmp_path / "other.json"
    file.write_text("{}")
    with pytest.raises(BackhandError, match="no weights of this network"):
        read_figures(file, homework())
    file.write_text("{")
    with pytest.raises(BackhandError, match="cannot be read as JSON"):
        read_figures(file, homework())


def test_the_section_of_the_report(simulations: Simulations) -> None:
    rankings = [
        rank(simulations, figures(published(library), simulations.experiment, "float64", library))
        for library in ("torch", "numpy")
    ]
    text = section(rankings)
    assert text == section(rankings)
    assert text.count("<svg") == 1
    assert "numpy: not a run of the correct network. It looks like: mask not scaled" in text
    assert "torch: consistent with the correct network" in text


def test_what_check_says_of_them(simulations: Simulations) -> None:
    rankings = tuple(
        rank(simulations, figures(published(library), simulations.experiment, "float64", library))
        for library in ("torch", "numpy")
    )
    checked = Checked(Path("published.json"), None, rankings=rankings)
    assert checked.exit_code == 1
    text = told(checked)
    assert "torch: consistent with the correct network." in text
    assert "fix:   mask / (1 - rate)" in text
    assert "mask" not in told(checked, "where")
    first, second = json.loads(json_of([checked]))[0]["figures"]
    assert (first["verdict"], second["verdict"]) == ("correct", "mistake")
    assert Checked(Path("x"), None, rankings=rankings[:1]).exit_code == 0


def test_the_section_is_kept_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(report_figures, "rankings_of", lambda *_: made.append(1) or [])
    monkeypatch.setattr(report_figures, "section", lambda _: "<p>&lt;</p>")
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    first = report_figures.remembered(homework(), tmp_path / "none", tmp_path / "first")
    second = report_figures.remembered(homework(), tmp_path / "first", tmp_path / "second")
    assert first == second == "<p>&lt;</p>\n"
    assert made == [1]
    other = replace(homework(), seed=1)
    report_figures.remembered(other, tmp_path / "first", tmp_path / "second")
    assert made == [1, 1]
