"""No false alarm: random networks, whose two programs are right, are never said to differ.

A dozen networks as a rule; with BACKHAND_EXAMPLES=2000 that many, which takes half an hour.
"""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backhand.agreement.comparing import compare
from backhand.agreement.result import Agreement
from backhand.capture.spec import parse
from backhand.errors import BackhandError
from backhand.experiment import Format
from tests.agreement.faulty import NETWORKS, Trial
from tests.random_specs import examples, specs


def compared(text: str, precision: Format) -> Agreement | None:
    """The agreement of a spec's two programs; None if PyTorch refuses a loss of nan."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of training that runs away
        try:
            return compare(parse(text, "random.toml", Path()), precision=precision)
        except BackhandError as error:
            if "PyTorch stopped" not in str(error):
                raise
            return None


@given(specs(layers=12, batch=64), st.sampled_from(("float32", "float64")))
@settings(max_examples=examples(12), suppress_health_check=list(HealthCheck), deadline=None)
def test_right_programs_are_never_said_to_differ(text: str, precision: Format) -> None:
    found = compared(text, precision)
    assert found is None or found.verdict != "differs", str(found)


def test_the_check_can_fail() -> None:
    """A network held against PyTorch's run of another, whose loss is a millionth larger."""
    right = NETWORKS["soft targets"]
    other = right.replace('loss = "', 'loss = "1.000001 * ')
    with TemporaryDirectory() as place:
        ours = Trial(parse(right, "right.toml", Path()), Path(place))
        theirs = Trial(parse(other, "other.toml", Path()), Path(place))
        assert ours.first(ours.program) is None
        assert theirs.first(ours.program) == ("loss", "loss")
