"""Hooks on derivatives are refused: what is written would be differentiated without them."""

import pytest
import torch
from torch import Tensor, nn

from backhand.capture.exported import capture
from backhand.errors import BackhandError

X = torch.linspace(-1, 1, 6).reshape(2, 3)
HOOK = "a hook may change a derivative"


class InForward(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y = x * 2
        if y.requires_grad:
            y.register_hook(lambda d: d * 0)
        return torch.tanh(y)


def test_a_hook_in_a_forward_is_refused_with_its_line() -> None:
    with pytest.raises(BackhandError, match=HOOK) as raised:
        capture(nn.Sequential(nn.Linear(3, 3), InForward()), (X,))
    assert "y.register_hook(lambda d: d * 0)" in str(raised.value)
    assert __file__ in str(raised.value)


def test_a_hook_on_a_parameter_is_refused() -> None:
    module = nn.Linear(3, 2)
    handle = module.weight.register_hook(lambda d: d * 0)
    with pytest.raises(BackhandError, match="the parameter `weight`"):
        capture(module, (X,))
    handle.remove()
    capture(module, (X,))


def test_a_hook_on_a_module_is_refused() -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    module[1].register_full_backward_hook(lambda m, d, out: None)
    with pytest.raises(BackhandError, match="the module `1`"):
        capture(module, (X,))
