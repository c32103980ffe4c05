"""`backhand check`: one submission, or many, against a spec."""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backhand.diagnose.experiments import proposal
from backhand.diagnose.figures import Ranking, Simulations, rank, read_figures
from backhand.diagnose.figures.telling import EXIT_CODES, verdict
from backhand.diagnose.judging import diagnose
from backhand.diagnose.machine import Machine
from backhand.diagnose.theirs.notebook import code_of
from backhand.diagnose.theirs.printed import scenes_of_text
from backhand.diagnose.theirs.running import run_theirs
from backhand.diagnose.theirs.saved import scenes_of_npz
from backhand.diagnose.verdict import Verdict
from backhand.errors import BackhandError
from backhand.experiment import Experiment

RUN = (".py", ".ipynb")
READ = (".npz", ".txt", ".out", ".log")
FIGURES = ".json"
"""Weights that somebody published, made with masks that nobody knows."""
SECONDS = 60.0


@dataclass(frozen=True)
class Checked:
    """A submission and its verdict, or what was wrong with it.

    Figures that somebody published have no verdict, but a ranking for each set of them.
    """

    file: Path
    verdict: Verdict | None
    error: str = ""
    raised: BackhandError | None = None
    rankings: tuple[Ranking, ...] = ()

    @property
    def exit_code(self) -> int:
        """The verdict's, or the worst of the rankings'; 2 where there is neither."""
        if self.rankings:
            return worst(EXIT_CODES[verdict(ranking)] for ranking in self.rankings)
        return 2 if self.verdict is None else self.verdict.exit_code


def worst(codes: Iterable[int]) -> int:
    """1 if there is a mistake; else 3 if one cannot be told, 2 if one could not be run; else 0."""
    found = set(codes)
    return next(code for code in (1, 3, 2, 0) if code in found)


def submissions(files: Sequence[Path]) -> list[Path]:
    """The files, with a folder's own in place of the folder.

    Raises:
        BackhandError: if one is not there.
    """
    found: list[Path] = []
    for file in files:
        if file.is_dir():
            found += sorted(p for p in file.iterdir() if p.suffix in (*RUN, *READ))
        elif file.exists():
            found.append(file)
        else:
            raise BackhandError("there is no such file", where=str(file))
    if not found:
        raise BackhandError(
            "nothing to check", where=", ".join(map(str, files)),
            wanted=f"files that end in {', '.join((*RUN, *READ, FIGURES))}",
        )  # fmt: skip
    return found


def runs_code(files: Sequence[Path]) -> bool:
    """Whether any of the files is a program."""
    return any(file.suffix in RUN for file in files)


def names_given(words: Sequence[str]) -> dict[str, str]:
    """`theirs=ours` pairs, and .toml files of them, as a mapping.

    Raises:
        BackhandError: if one is neither.
    """
    found: dict[str, str] = {}
    for word in words:
        theirs, equals, ours = word.partition("=")
        if equals and theirs and ours:
            found[theirs.strip()] = ours.strip()
        elif word.endswith(".toml"):
            found |= _names_of(Path(word))
        else:
            raise BackhandError(
                "this maps no name", where="--map", wanted="theirs=ours, or a .toml file", got=word
            )
    return found


def _names_of(file: Path) -> dict[str, str]:
    try:
        told = tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise BackhandError("this is not TOML", where=str(file), got=str(error)) from None
    return {str(theirs): str(ours) for theirs, ours in told.items()}


def check_all(
    experiment: Experiment,
    files: Sequence[Path],
    *,
    folder: Path = Path(),
    given: Mapping[str, str] | None = None,
    time_limit: float = SECONDS,
    progress: Callable[[int], None] | None = None,
) -> list[Checked]:
    """Check every submission; what is wrong with one does not stop the others."""
    machine = Machine(experiment, folder)
    found = []
    for i, file in enumerate(files):
        try:
            if file.suffix == FIGURES:
                found.append(Checked(file, None, rankings=rankings_of(experiment, file)))
            else:
                found.append(Checked(file, check_one(machine, file, given or {}, time_limit)))
        except BackhandError as error:
            found.append(Checked(file, None, str(error), error))
        if progress:
            progress(i + 1)
    return found


def rankings_of(experiment: Experiment, file: Path) -> tuple[Ranking, ...]:
    """Which mistakes lead to weights like those of a file, for each set of them in it.

    Raises:
        BackhandError: if it has no weights of this experiment.
    """
    sets = read_figures(file, experiment)
    simulations = Simulations(experiment)
    return tuple(rank(simulations, figures) for figures in sets)


def check_one(
    machine: Machine, file: Path, given: Mapping[str, str], time_limit: float = SECONDS
) -> Verdict:
    """Diagnose one submission.

    Raises:
        BackhandError: if it cannot be read or run, or nothing in it can be compared.
    """
    if file.suffix == ".npz":
        scenes = scenes_of_npz(machine, file, given)
        return _with_experiment(machine, diagnose(machine, scenes))
    if file.suffix in (".txt", ".out", ".log"):
        scenes = scenes_of_text(machine, _text(file), str(file), given)
        return _with_experiment(machine, diagnose(machine, scenes))
    text = code_of(file) if file.suffix == ".ipynb" else _text(file)
    answer = run_theirs(machine, file, text, given, time_limit)
    scenes = [scene for scene in answer.scenes if scene.seen]
    if not scenes:
        raise BackhandError(
            "nothing in this program can be compared",
            where=str(file),
            wanted="functions such as forward, loss, backward, train; or a script with such names",
            got="; ".join(filter(None, (answer.failed, *answer.why))),
            repair="say which of your names is which of ours: --map theirs=ours",
        )
    verdict = diagnose(machine, scenes)
    if verdict.ties:
        verdict = _told_apart(machine, verdict, file, text, given, time_limit)
    notes = (*verdict.notes, *([f"it stops with {answer.failed}"] if answer.failed else []))
    return replace(verdict, missing=_missing(machine, verdict), notes=notes)


def _with_experiment(machine: Machine, verdict: Verdict) -> Verdict:
    """The verdict with the experiment that would tell its ties apart."""
    if not verdict.ties:
        return verdict
    return replace(verdict, experiment=proposal(machine, verdict.matching))


def _told_apart(
    machine: Machine,
    verdict: Verdict,
    file: Path,
    text: str,
    given: Mapping[str, str],
    time_limit: float,
) -> Verdict:
    """The verdict after their code was run in the experiment that tells its ties apart; where it
    cannot be called there, the experiment is proposed."""
    proposed = _with_experiment(machine, verdict)
    stage = proposed.experiment.stage if proposed.experiment else None
    if stage is None:
        return proposed
    answer = run_theirs(machine, file, text, given, time_limit, (stage,))
    if not any(scene.name == stage.name and scene.seen for scene in answer.scenes):
        return proposed
    again = diagnose(machine, [scene for scene in answer.scenes if scene.seen])
    if again.outcome != verdict.outcome:
        return proposed
    return _with_experiment(machine, replace(again, settled_by=stage.name))


def _missing(machine: Machine, verdict: Verdict) -> tuple[str, ...]:
    network = machine.experiment.network
    wanted = [v.name for v in network.forward.outputs]
    wanted += ["loss"] if network.loss else []
    wanted += [f"d{n}" for n in machine.correct.parameters] if network.backward else []
    wanted += list(machine.correct.parameters) if machine.experiment.training else []
    return tuple(n for n in wanted if n not in verdict.compared)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BackhandError("this file cannot be read", where=str(file), got=str(error)) from None
