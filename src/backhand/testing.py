"""For tests: `assert_agrees` in the place of `numpy.testing.assert_allclose`, with no tolerance.

from backhand.testing import assert_agrees

def test_my_backward_pass():
    z1, dw1 = mine()
    assert_agrees({"z1": z1, "dw1": dw1}, "homework.toml")
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backhand.agreement.comparing import compare
from backhand.agreement.result import Agreement
from backhand.agreement.traces import compare_arrays, plain
from backhand.capture.spec import load
from backhand.errors import BackhandError
from backhand.experiment import Experiment

Arrays = Mapping[str, Any]
Network = str | Path | Experiment


def assert_agrees(program_or_arrays: Arrays | str | Path, reference: Arrays | Network) -> Agreement:
    """Fail unless every step agrees within its rounding bound; the message is the finding.

    Args:
        program_or_arrays: arrays by the names of the network's values (`z1`, `loss`, `dw1`), as
            your code makes them at the network's data and initial weights, NumPy's or PyTorch's;
            or the file of a NumPy program as `backhand write` makes it, with your changes.
        reference: the spec of the network, a file or what was read from one. The two may change
            places: a spec first, then PyTorch's arrays.

    Returns:
        The agreement, for a closer look.

    Raises:
        AssertionError: if a step differs, or if it cannot be told.
        BackhandError: if the two cannot be compared at all.
    """
    if isinstance(program_or_arrays, Mapping) and isinstance(reference, Mapping):
        raise BackhandError(
            "two sets of arrays have no bound between them",
            wanted="a spec on one side: it says what is computed, and with it how it may round",
            repair="write the network as a spec (`backhand new`)",
        )
    if isinstance(reference, Mapping):
        found = _of_arrays(reference, program_or_arrays)  # type: ignore[arg-type]
    elif isinstance(program_or_arrays, Mapping):
        found = _of_arrays(program_or_arrays, reference)
    else:
        found = compare(reference, program=program_or_arrays)
    if not found.ok:
        raise AssertionError(f"\n{found}")
    return found


def _of_arrays(arrays: Arrays, network: Network) -> Agreement:
    experiment = network if isinstance(network, Experiment) else load(Path(network))
    return compare_arrays(experiment, {"yours": {0: plain(arrays)}})
