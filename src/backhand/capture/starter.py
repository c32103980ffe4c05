"""The commented spec that `backhand new NAME` writes."""

from pathlib import Path

from backhand.capture.spec import check_spec_name
from backhand.errors import BackhandError

TEMPLATE = Path(__file__).with_name("starter.toml")


def write_starter(name: str, folder: Path) -> Path:
    """Write NAME.toml into a folder and return its path.

    Raises:
        BackhandError: if the name cannot be a file's, or the file exists.
    """
    stem = name.removesuffix(".toml")
    check_spec_name(stem, "backhand new")
    file = folder / f"{stem}.toml"
    text = TEMPLATE.read_text(encoding="utf-8").replace("NAME", stem, 1)
    try:
        with file.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except FileExistsError:
        raise BackhandError(
            "this file exists, and it stays", where=str(file), repair="choose another name"
        ) from None
    except OSError as error:
        raise BackhandError(f"cannot be written ({error.strerror})", where=str(file)) from None
    return file
