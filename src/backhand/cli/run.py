"""`backhand run`."""

from pathlib import Path

from backhand.cli.shared import HOMEWORK, Out, Seed, Spec, epochs_of, interruptible, progress_bar


def run(spec: Spec = None, out: Out = None, seed: Seed = None) -> None:
    """Write both programs, run them, print their tasks, and write a report."""
    from rich.console import Console

    from backhand.capture.spec import load
    from backhand.folder import results
    from backhand.report import figures, page, terminal
    from backhand.run import trace
    from backhand.study import formats_run, study
    from backhand.writers.files import save_programs, save_weights

    experiment = load(spec or HOMEWORK, seed)
    folder = out or Path("backhand-out") / experiment.name
    epochs = epochs_of(experiment)
    with (
        interruptible(),
        results(folder) as scratch,
        progress_bar((1 + len(formats_run(experiment))) * epochs) as told,
    ):
        programs = save_programs(experiment, scratch)
        found = study(experiment, programs, scratch, told)
        save_weights(experiment, found.traces[0].training, scratch / "weights.npz")
        trace.save(scratch / "trace.npz", found.traces)
        with progress_bar(100, "simulating") as heard:
            simulated = figures.remembered(experiment, folder, scratch, heard)
        page.write_page(found, scratch / "report.html", simulated)
        written = sorted(path.name for path in scratch.iterdir())
    terminal.show(found, Console(highlight=False))
    print(f"\nWritten into {folder}: {', '.join(written)}")
