"""Norms, convolutions, pools and resizing of modules, on PyTorch's own samples for them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tests.rules.swept import Outcome, Run, outcome, samples
from torch import Tensor, nn

from backhand.capture.exported import capture

NAMES = [
    *("group_norm", "layer_norm", "rms_norm", "local_response_norm"),
    *(f"conv{n}d" for n in (1, 2, 3)),
    *(f"conv_transpose{n}d" for n in (1, 2, 3)),
    *(f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)),
    *(f"adaptive_{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)),
    *(f"max_unpool{n}d" for n in (1, 2, 3)),
]
REFUSED = {"group_norm": 2}
"""Samples that stay refused: nothing at all to normalise."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_pytorchs_own_samples(name: str, dtype: torch.dtype) -> None:
    found = [
        outcome(module, module.inputs)
        for module, _ in zip(samples(f"nn.functional.{name}", "", dtype), range(14), strict=False)
    ]
    others = [one for one in found if one.word != "agrees"]
    assert len(others) <= REFUSED.get(name, 0), others
    assert {one.word for one in others} <= {"refused"}, others


class Resized(nn.Module):
    def __init__(self, **options: object) -> None:
        super().__init__()
        self.options = options

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, **self.options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "axes"),
    [(m, n) for n in (1, 2, 3) for m in ("nearest", "nearest-exact")]
    + [("linear", 1), ("bilinear", 2), ("trilinear", 3), ("bicubic", 2), ("area", 2)],
)
def test_interpolate(mode: str, axes: int) -> None:
    shape = (2, 3, 4, 5, 3)[: axes + 2]
    x = torch.tensor(np.random.default_rng(1).normal(size=shape))
    size = (7, 3, 5)[:axes]
    given = [{"size": size}, {"scale_factor": 2.0}]
    if "linear" in mode or "cubic" in mode:
        given += [{**one, "align_corners": True} for one in given]
    for options in given:
        assert outcome(Resized(mode=mode, **options), [x]) == Outcome("agrees"), options


NORMS = [
    (nn.BatchNorm1d(3), (5, 3)),
    (nn.BatchNorm1d(3), (5, 3, 4)),
    (nn.BatchNorm2d(3, affine=False), (5, 3, 4, 2)),
    (nn.BatchNorm3d(3, momentum=0.3), (5, 3, 2, 2, 2)),
    (nn.BatchNorm2d(3, track_running_stats=False), (5, 3, 4, 2)),
    (nn.BatchNorm2d(3, affine=False, track_running_stats=False), (5, 3, 4, 2)),
    (nn.InstanceNorm2d(3), (5, 3, 4, 2)),
    (nn.InstanceNorm1d(3, affine=True), (5, 3, 4)),
]


@pytest.mark.parametrize(("module", "shape"), NORMS)
@pytest.mark.parametrize("training", [False, True])
def test_norms_of_channels(module: nn.Module, shape: tuple[int, ...], training: bool) -> None:
    module = module.double()
    draw = np.random.default_rng(2)
    for value in (*module.parameters(), *module.buffers()):
        if value.is_floating_point():
            value.data = torch.tensor(draw.uniform(0.5, 2, value.shape))
    x = torch.tensor(draw.normal(size=shape))
    captured = capture(module, [x], training=training)
    run = Run.of(captured, [x.numpy()])
    ours = {buffer: run.known[new] for buffer, new in captured.updated.items()}
    module.train(training)
    theirs = module(x).detach().numpy()
    np.testing.assert_allclose(run.outputs()[0], theirs, rtol=1e-12, atol=1e-12)
    state = module.state_dict()
    tracks = training and isinstance(module, nn.modules.batchnorm._BatchNorm)
    assert bool(ours) is (tracks and module.track_running_stats)
    for buffer, value in ours.items():
        (key,) = captured.keys[buffer]
        np.testing.assert_allclose(value, state[key].numpy(), rtol=1e-12)


def test_a_weight_of_length_and_direction() -> None:
    model = torch.nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)).double()
    x = torch.tensor(np.random.default_rng(2).normal(size=(5, 4)))
    assert outcome(model, [x]) == Outcome("agrees")
