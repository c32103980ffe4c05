"""`make bench`: every figure that the project promises, measured on this machine."""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

THREADS = "1"  # the same for both sides; set before NumPy and torch are imported
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, THREADS)

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from backhand.agreement.comparing import compare, shortened, watched  # noqa: E402
from backhand.capture.spec import load  # noqa: E402
from backhand.cli import HOMEWORK  # noqa: E402
from backhand.experiment import Experiment, Library, Precision  # noqa: E402
from backhand.run.program import run_numpy  # noqa: E402
from backhand.run.reference import run_torch  # noqa: E402
from backhand.writers.files import save_programs, write_programs  # noqa: E402
from backhand.writers.program import Program  # noqa: E402
from benchmarks import by_hand, modules, specs  # noqa: E402
from benchmarks.timing import Paired, paired, per_call, process  # noqa: E402

Programs = Mapping[Library, Program]


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


def comparing_the_homework() -> Paired:
    """All 100 epochs step by step, in float64 and in float32, known slips included; against both
    programs' runs."""
    experiment = load(HOMEWORK)
    with tempfile.TemporaryDirectory() as folder:
        programs = save_programs(experiment, Path(folder))
        return paired(
            per_call(lambda n: [compare(experiment) for _ in range(n)], 1),
            per_call(lambda n: [study_runs(experiment, programs, Path(folder))] * n, 1),
            repeats=5,
        )


def study_runs(experiment: Experiment, programs: Programs, folder: Path) -> None:
    """The runs that a comparison watches, unwatched."""
    for precision in ("float64", "float32"):
        run_numpy(programs["numpy"], experiment, precision, folder)
        run_torch(programs["torch"], experiment, precision, folder)


def comparing_large_steps(precision: Precision) -> Paired:
    """One epoch of the MLP compared step by step, against the plain program's epoch: the time of
    20 epochs less that of 10, over 10, so that what is done once does not count."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        experiment = load(specs.mlp_spec(folder))
        program, _ = specs.modules(folder / "mlp.toml")
        data = [array.astype(precision) for array in program.data()]
        weights = [array.astype(precision) for array in program.initial_weights()]

        def compared(epochs: int) -> float:
            few = shortened(experiment, epochs)
            start = time.perf_counter()
            watched(few, save_programs(few, folder), folder, precision)
            return time.perf_counter() - start

        return paired(
            lambda: (compared(20) - compared(10)) / 10,
            per_call(lambda n: program.train(*data, weights, n), 20),
            repeats=5,
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
    homework, single, double = (
        comparing_the_homework(), comparing_large_steps("float32"),
        comparing_large_steps("float64"),
    )  # fmt: skip
    table.add_row("comparing the homework / the same runs", f"{homework.first:.2f} s",
                  f"{homework.second:.2f} s", f"{homework.ratio:.1f}", "< 3 s")  # fmt: skip
    for name, found in (("float32", single), ("float64", double)):
        table.add_row(f"comparing an epoch of the MLP, {name} / plain",
                      f"{found.first * 1e3:.0f} ms", f"{found.second * 1e3:.1f} ms",
                      f"{found.ratio:.1f}", "<= 12")  # fmt: skip
    for case in modules.CASES:
        found = modules.against_torch(case)
        table.add_row(f"{case.name} / PyTorch eager", f"{found.first * 1e3:.1f} ms",
                      f"{found.second * 1e3:.1f} ms", f"{found.ratio:.2f}",
                      f"<= {case.promised}")  # fmt: skip
    text = modules.writing_against_export()
    table.add_row("writing GPT-2, 124M / torch.export", f"{text.first:.2f} s",
                  f"{text.second:.2f} s", f"{text.ratio:.2f}", "<= 1")  # fmt: skip
    Console().print(table)


main()
