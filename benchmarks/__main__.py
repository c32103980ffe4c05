"""`make bench`: every figure that the project promises, measured on this machine."""

import os
import tempfile
from pathlib import Path

THREADS = "1"  # the same for both sides; set before NumPy and torch are imported
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, THREADS)

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from backhand.capture.spec import load  # noqa: E402
from backhand.cli import HOMEWORK  # noqa: E402
from backhand.write.files import write_programs  # noqa: E402
from benchmarks import by_hand, specs  # noqa: E402
from benchmarks.timing import Paired, paired, per_call, process  # noqa: E402


def main_job() -> Paired:
    """The whole process of `backhand run` against importing NumPy and torch."""
    with tempfile.TemporaryDirectory() as folder:
        return paired(
            process(["-m", "backhand", "run"], folder),
            process(["-c", "import numpy, torch"], folder),
            repeats=7,
        )


def step_against_hand() -> Paired:
    """One training step of the homework, written program against the same by hand."""
    program, _ = specs.modules()
    x, y = program.data()
    return paired(
        per_call(lambda n: program.train(x, y, program.initial_weights(), n), 3000),
        per_call(lambda n: by_hand.train(x, y, *program.initial_weights(), n), 3000),
        repeats=15,
    )


def step_against_torch() -> Paired:
    """One training step of the homework, PyTorch eager against the written NumPy program."""
    program, reference = specs.modules()
    ours, theirs = program.data(), reference.data()
    return paired(
        per_call(lambda n: reference.train(*theirs, reference.initial_weights(), n), 1000),
        per_call(lambda n: program.train(*ours, program.initial_weights(), n), 3000),
        repeats=15,
    )


def mlp_against_torch() -> Paired:
    """One SGD step of an MLP 784-512-512-10, batch 128, float32."""
    with tempfile.TemporaryDirectory() as folder:
        program, reference = specs.modules(specs.mlp_spec(Path(folder)))
    ours, theirs = program.data(), reference.data()
    our_weights, their_weights = program.initial_weights(), reference.initial_weights()
    return paired(
        per_call(lambda n: program.train(*ours, our_weights, n), 20),
        per_call(lambda n: reference.train(*theirs, their_weights, n), 20),
        repeats=15,
    )


def writing() -> Paired:
    """Spec to both texts, against reading the spec alone."""
    return paired(
        per_call(lambda n: [write_programs(load(HOMEWORK)) for _ in range(n)], 5),
        per_call(lambda n: [load(HOMEWORK) for _ in range(n)], 5),
        repeats=9,
    )


def main() -> None:
    """Measure and print the table."""
    table = Table("figure", "ours", "peer", "ratio", "promised", title="medians of paired runs")
    hand, eager, mlp, text, job = (
        step_against_hand(), step_against_torch(), mlp_against_torch(), writing(), main_job()
    )  # fmt: skip
    table.add_row("homework, one training step / by hand", f"{hand.first * 1e6:.1f} us",
                  f"{hand.second * 1e6:.1f} us", f"{hand.ratio:.2f}", "<= 1.05")  # fmt: skip
    table.add_row("PyTorch eager / homework, one step", f"{eager.second * 1e6:.1f} us",
                  f"{eager.first * 1e6:.1f} us", f"{eager.ratio:.2f}", ">= 5")  # fmt: skip
    table.add_row("MLP 784-512-512-10, B = 128, one step", f"{mlp.first * 1e3:.2f} ms",
                  f"{mlp.second * 1e3:.2f} ms", f"{mlp.ratio:.2f}", "<= 1.1")  # fmt: skip
    table.add_row("writing both programs from a spec", f"{text.first * 1e3:.1f} ms", "", "",
                  "< 50 ms")  # fmt: skip
    table.add_row("backhand run / import numpy, torch", f"{job.first:.2f} s",
                  f"{job.second:.2f} s", f"{job.ratio:.2f}", "<= 2")  # fmt: skip
    Console().print(table)


main()
