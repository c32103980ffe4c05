"""Networks as people write them, against PyTorch in evaluation and in training; and functions with
a derivative of their own."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backhand.errors import BackhandError
from backhand.modules import write
from tests.modules.agreeing import assert_agrees, assert_close, doubles, numbers
from tests.modules.networks import NETWORKS, Made


@pytest.fixture(autouse=True)
def _in_float64() -> Any:
    """What PyTorch makes without being told a format is in the module's."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network(name: str, training: bool) -> None:
    torch.manual_seed(0)
    module, args, others = NETWORKS[name]()
    module.double().train(training)
    program = write(module, doubles(args))
    for given in (args, *others):
        assert_agrees(program, module, doubles(given), seed=5 if program.interface.draws else None)


def test_evaluation_has_its_own_constants_and_reads_what_training_changes() -> None:
    torch.manual_seed(0)
    module = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)).double().train()
    x = torch.randn(5, 4)
    program = write(module, (x,))
    for _ in range(3):
        module(x)
        program(x.numpy())
    assert_close(program.predict(x.numpy()), numbers(module.eval()(x)))


def test_noise_is_drawn_without_a_seed_too() -> None:
    program = write(Made(lambda self, x: x + torch.randn_like(x)).eval(), (torch.zeros(20, 20),))
    once, again = (program(torch.zeros(20, 20).numpy()) for _ in range(2))
    assert (once != again).all()


class Rounded(torch.autograd.Function):
    """The derivative is passed straight through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        return dy


class Doubled(torch.autograd.Function):
    """Its derivative is that of its forward, which writes into what it has made."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.exp().mul_(2).sqrt_()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return dy * y / 2


Doubled.forward = staticmethod(lambda x: x.exp().mul_(2).sqrt_())  # type: ignore[method-assign]


def test_a_derivative_of_its_own_is_refused() -> None:
    module = Made(lambda self, x: Rounded.apply(self.l(x)), l=nn.Linear(3, 3))
    with pytest.raises(BackhandError) as caught:
        write(module, (torch.randn(2, 3),))
    text = str(caught.value)
    assert "`Rounded` has a derivative of its own, which PyTorch's exporter does not see" in text
    assert "Rounded.apply(self.l(x))" in text
    assert "(torch.round(x) - x).detach()" in text


def test_a_derivative_of_its_own_that_is_the_forward_s_is_written() -> None:
    module = Made(lambda self, x: Doubled.apply(self.l(x)), l=nn.Linear(3, 3)).double()
    x = torch.randn(2, 3)
    assert_agrees(write(module, (x,)), module, (x,))


def test_the_exporter_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x

    with pytest.raises(BackhandError, match="depends on the numbers in its arrays"):
        write(Made(forward), (torch.randn(2, 3),))
    assert capfd.readouterr() == ("", "")


def test_other_complex_numbers_are_refused_with_a_hint() -> None:
    module = Made(lambda self, x: torch.fft.fft(x).real)
    with pytest.raises(BackhandError, match="of complex numbers there are products and sums"):
        write(module, (torch.randn(2, 3),))
