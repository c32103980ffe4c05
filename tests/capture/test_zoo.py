"""Modules captured and run in NumPy beside PyTorch, at the captured batch and at others."""

import pytest

from backhand.capture.exported import capture
from tests.capture.running import check_agreement
from tests.capture.zoo import ZOO


@pytest.mark.parametrize("name", ZOO)
def test_the_network_computes_what_the_module_computes(name: str) -> None:
    animal = ZOO[name]
    module = animal.module()
    args, kwargs = animal.arguments(4)
    captured = capture(module, args, kwargs, training=animal.training)
    assert dict(captured.network.sizes) == dict(animal.sizes)
    module.train(animal.training)
    for batch in (4, 7, 1):
        args, kwargs = animal.arguments(batch)
        check_agreement(module, captured, args, kwargs)
