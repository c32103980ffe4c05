"""Write results into a folder: all of them or none, and never over something the user changed."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from backhand.errors import BackhandError

MANIFEST = ".backhand.json"
"""Lists what backhand wrote into a folder, with a hash, so that it knows its own files again."""


@contextlib.contextmanager
def results(folder: Path) -> Iterator[Path]:
    """A scratch folder whose files move into `folder` when the block ends without an error.

    Raises:
        BackhandError: if `folder` cannot be made, or holds a file of the same name that backhand
            did not write or that was changed since.
    """
    _check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise BackhandError(
            f"this folder cannot be written ({error.strerror})",
            where=str(folder),
            repair="choose another with --out",
        ) from None
    try:
        yield scratch
        _move(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise BackhandError(
            "this is a file, not a folder", where=str(folder), repair="choose another with --out"
        )


def _move(scratch: Path, folder: Path) -> None:
    new = sorted(path for path in scratch.iterdir() if path.is_file())
    known = _manifest(folder)
    for path in new:
        _check_own(folder / path.name, known, path)
    folder.mkdir(exist_ok=True)
    hashes = {path.name: _hash(path) for path in new}
    for path in new:
        os.replace(path, folder / path.name)
    listing = json.dumps({**known, **hashes}, indent=1, sort_keys=True)
    (folder / MANIFEST).write_text(listing + "\n", encoding="utf-8")


def _check_own(target: Path, known: dict[str, str], new: Path) -> None:
    if not target.exists():
        return
    if target.is_file() and _hash(target) in (known.get(target.name), _hash(new)):
        return
    raise BackhandError(
        "this file is not as backhand wrote it, so it stays",
        where=str(target),
        repair="move it away, or choose another folder with --out",
    )


def _manifest(folder: Path) -> dict[str, str]:
    try:
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
