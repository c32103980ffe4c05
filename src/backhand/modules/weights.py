"""Weights from a file and into one: `.npz`, safetensors or PyTorch's `.pt`, never by pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backhand.errors import BackhandError, did_you_mean

SUFFIXES = (".npz", ".safetensors", ".pt", ".pth")


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a file by their keys.

    Args:
        path: `.npz`, `.safetensors` (needs the package of that name), `.pt` or `.pth` (need torch).

    Raises:
        BackhandError: if there is no such file, or it holds something else than arrays by name.
    """
    file = Path(path)
    _check_suffix(file, SUFFIXES)
    if not file.is_file():
        raise BackhandError("there is no such file", where=str(file), repair="check the path")
    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                return {key: arrays[key] for key in arrays.files if ":" not in key}
        if file.suffix == ".safetensors":
            return dict(_safetensors().load_file(file))
        return _from_torch(file)
    except BackhandError:
        raise
    except Exception as error:
        raise BackhandError(
            "this file holds no arrays by name",
            where=str(file),
            got=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
            repair="save a state_dict, e.g. torch.save(model.state_dict(), file)",
        ) from None


def save_weights(path: str | Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write arrays by their keys as `.npz` or `.safetensors`; the file.

    Raises:
        BackhandError: if a file of that name is there, or it is to be of another kind.
    """
    file = Path(path)
    _check_suffix(file, SUFFIXES[:2])
    if file.exists():
        raise BackhandError(
            "this file is there already", where=str(file), repair="choose another name"
        )
    if file.suffix == ".npz":
        with file.open("xb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    else:
        whole = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
        _safetensors().save_file(whole, file)
    return file


def checked(arrays: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> None:
    """Raise unless there is an array of the right shape for each key, and no other.

    Raises:
        BackhandError: naming the first key that is missing, unknown or of another shape.
    """
    for key, array in wanted.items():
        if key not in arrays:
            raise BackhandError(f"`{key}` is missing", wanted="every key of the `state_dict`")
        if arrays[key].shape != array.shape:
            raise BackhandError(
                f"`{key}` has another shape", wanted=str(array.shape), got=str(arrays[key].shape)
            )
    for key in arrays:
        if key not in wanted:
            raise BackhandError(f"`{key}` is not known", repair=did_you_mean(key, wanted))


def _check_suffix(file: Path, suffixes: tuple[str, ...]) -> None:
    if file.suffix not in suffixes:
        raise BackhandError(
            "weights are not kept in such a file",
            where=str(file),
            wanted=", ".join(suffixes),
            got=file.suffix or "no suffix",
        )


def _safetensors() -> Any:
    try:
        from safetensors import numpy
    except ImportError:
        raise BackhandError(
            "this needs the package safetensors",
            repair="pip install 'backhand[safetensors]', or use .npz",
        ) from None
    return numpy


def _from_torch(file: Path) -> dict[str, np.ndarray]:
    import torch

    found = torch.load(file, map_location="cpu", weights_only=True)
    return {key: tensor.detach().numpy() for key, tensor in found.items()}


def as_pairs(array: np.ndarray) -> np.ndarray:
    """A copy, with each complex number as its real and its imaginary part."""
    if array.dtype.kind != "c":
        return array.copy()
    return np.stack((array.real, array.imag), axis=-1)


def as_complex(pairs: np.ndarray) -> np.ndarray:
    """The complex numbers that are kept as pairs."""
    found: np.ndarray = (
        pairs[..., 0] + np.array(1j, np.result_type(pairs, np.complex64)) * pairs[..., 1]
    )
    return found
