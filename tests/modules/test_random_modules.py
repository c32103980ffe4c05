"""Random modules: results and vector-Jacobian products, in float64, against autograd."""

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.modules.agreeing import assert_writes
from tests.modules.random_modules import WIDTH, Move, Moves, plans
from tests.random_specs import examples


@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=plans, outputs=st.integers(1, 3), batch=st.integers(2, 4))
def test_random(plan: list[Move], outputs: int, batch: int) -> None:
    torch.manual_seed(0)
    module = Moves(plan, outputs)
    x, y = torch.randn(batch, WIDTH), torch.randn(batch, WIDTH)
    assert_writes(module, (x, y), others=[(torch.randn(5, WIDTH), torch.randn(5, WIDTH))])
