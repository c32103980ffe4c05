"""What a capture remembers beside the steps: modules, lines, keys, names, sizes, structure."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backhand.capture.exported import Captured, capture
from backhand.capture.trees import Branch, Leaf, numbers
from backhand.graph import Loop, Module
from backhand.passes.kinds import shared_kinds
from backhand.passes.loops import looped
from backhand.passes.names import name_all
from backhand.passes.nested_names import named
from backhand.passes.tree import tree
from tests.capture.running import check_agreement, outputs
from tests.capture.zoo import ZOO, Blocks, Constants, Dropped, Nested, Sequence, Twice

X = torch.randn(3, 4, dtype=torch.float64)
SOURCE = Path(__file__).with_name("zoo.py")


def captured(name: str) -> Captured:
    animal = ZOO[name]
    args, kwargs = animal.arguments(3)
    return capture(animal.module(), args, kwargs, training=animal.training)


def functions(of: Captured) -> list[str]:
    return [step.function for step in of.network.forward.body]


def test_the_calls_of_modules_are_told_apart() -> None:
    found = captured("twice").network.forward.body
    cell, again = Module("cell", "Cell"), Module("cell", "Cell", 1)
    assert [(step.function, step.modules) for step in found] == [
        ("linear", (cell, Module("cell.lin", "Linear"))),
        ("relu", (cell,)),
        ("mul", (cell,)),
        ("mean", ()),
        ("sub", ()),
        ("linear", (again, Module("cell.lin", "Linear", 1))),
        ("relu", (again,)),
        ("mul", (again,)),
    ]


def test_modules_of_a_list_are_told_apart() -> None:
    found = captured("blocks").network.forward.body
    assert [step.modules[0].path for step in found if step.modules][::5] == [
        "blocks.0", "blocks.1", "blocks.2", "head",
    ]  # fmt: skip
    assert found[0].modules == (
        Module("blocks.0", "Residual"),
        Module("blocks.0.inner", "Sequential"),
        Module("blocks.0.inner.0", "LayerNorm"),
    )


def test_a_step_knows_the_users_line() -> None:
    found = captured("mlp").network.forward.body
    places = [step.place for step in found]
    lines = SOURCE.read_text().splitlines()
    assert all(place and place.file == str(SOURCE) for place in places)
    assert all(place and lines[place.line - 1].strip() == place.text for place in places)
    assert [place.text for place in places if place] == [
        "hidden = torch.tanh(self.fc1(x))",
        "hidden = torch.tanh(self.fc1(x))",
        "return self.fc2(hidden).softmax(-1)",
        "return self.fc2(hidden).softmax(-1)",
    ]


def test_keys_of_tied_weights_stand_together_the_users_own_first() -> None:
    found = captured("blocks")
    assert found.keys["blocks_0_inner_1_weight"] == ("blocks.0.inner.1.weight", "head.weight")
    assert found.keys["head_bias"] == ("head.bias",)
    assert found.frozen == {"blocks_1_inner_1_bias"}
    assert found.unused == ("left_over",)
    state = ZOO["blocks"].module().state_dict()
    for name, keys in found.keys.items():
        for key in keys:
            assert np.array_equal(found.arrays[name], state[key].numpy())
    assert {k for keys in found.keys.values() for k in keys} | set(found.unused) == set(state)


def test_the_first_key_is_that_of_the_module_that_uses_the_weight_first() -> None:
    class Late(Blocks):
        def forward(self, x: Tensor) -> Tensor:
            return self.blocks[0](self.head(x)[:, :4] if x.ndim > 2 else x)

    assert capture(Late().double(), (X,)).keys["blocks_0_inner_1_weight"][0] == (
        "blocks.0.inner.1.weight"
    )

    class Head(Blocks):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(x)

    assert capture(Head().double(), (X,)).keys["head_weight"] == (
        "head.weight",
        "blocks.0.inner.1.weight",
    )


def test_a_buffer_stays_one_and_keeps_its_key() -> None:
    found = captured("twice")
    roles = {v.name: v.role for v in found.network.forward.parameters}
    assert roles == {
        "cell_lin_weight": "parameter",
        "cell_lin_bias": "parameter",
        "cell_gain": "buffer",
    }
    assert found.keys["cell_gain"] == ("cell.gain",)


def test_arguments_and_results_keep_their_structure() -> None:
    found = captured("nested")
    args = Branch(
        "tuple",
        (
            Branch("tuple", (Leaf(0), Leaf(1))),
            Branch("dict", (Leaf(2),), ("k",)),
            Leaf(literal=1.5),
        ),
    )
    assert found.inputs == Branch(
        "tuple", (args, Branch("dict", (Leaf(), Leaf(3)), ("mask", "shift")))
    )
    assert found.outputs == Branch(
        "dict",
        (
            Leaf(0),
            Branch("tuple", (Leaf(1), Branch("list", (Leaf(2), Leaf())))),
            Leaf(0),
        ),
        ("sum", "both", "same"),
    )
    forward = found.network.forward
    assert [v.name for v in forward.inputs] == ["pair_0", "pair_1", "more_k", "shift"]
    assert sorted(set(numbers(found.outputs))) == list(range(len(forward.outputs)))


def test_constants_are_worked_out_and_clutter_goes() -> None:
    found = captured("constants")
    assert functions(found) == ["mul", "mul", "add"]
    first, second, third = found.network.forward.body
    table, twice = (v for v in found.network.forward.parameters)
    assert (table.role, twice.role) == ("constant", "constant")
    assert np.array_equal(found.arrays[table.name], np.sin(np.arange(4.0)))
    assert first.inputs == (found.network.forward.inputs[0], table)
    assert second.inputs[1].literal == 0.5
    assert third.inputs[1] == twice


def test_equal_constants_are_one() -> None:
    class Same(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x + torch.arange(4.0).double()) * torch.arange(4.0).double()

    found = capture(Same(), (X,))
    assert [v.name for v in found.network.forward.parameters] == ["constant"]


def test_the_mode_is_left_as_it_was() -> None:
    module = Dropped().double().train()
    module.lin.eval()
    assert "dropout" not in functions(capture(module, (X,)))
    assert (module.training, module.drop.training, module.lin.training) == (True, True, False)
    module.eval()
    assert functions(capture(module, (X,), training=True)).count("dropout_mask") == 3
    assert not any(part.training for part in module.modules())


def test_a_part_in_evaluation_stays_so_while_the_rest_trains() -> None:
    module = Dropped().double().train()
    module.drop.eval()
    assert functions(capture(module, (X,), training=True)) == ["linear", "add"]


def test_a_draw_that_nobody_reads_keeps_its_place() -> None:
    found = captured("dropout, training").network.forward
    assert [step.function for step in found.body] == [
        "linear", "dropout_mask", "dropout", "dropout_mask", "dropout", "dropout_mask", "dropout",
        "add",
    ]  # fmt: skip
    assert found.inputs[-1].role == "generator"


def test_a_batch_of_one_and_a_sequence_of_any_length() -> None:
    module = Sequence().double().eval()
    found = capture(module, (torch.randn(1, 6, 4, dtype=torch.float64),))
    assert found.network.forward.inputs[0].shape == ("B", "T", 4)
    for batch, length in ((1, 6), (3, 2), (2, 9)):
        x = torch.randn(batch, length, 4, dtype=torch.float64)
        check_agreement(module, found, (x,), {})


class Masked(nn.Module):
    """Positions and a mask, made by many steps from the length of a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1])
        seen = places[None, :] <= places[:, None]
        mask = torch.where(seen, 0.0, -30.0).to(x.dtype).expand(x.shape[0], -1, -1)
        x = x + places.to(x.dtype)[:, None].cos() / x.shape[0]
        return torch.softmax(x @ x.transpose(1, 2) + mask, dim=-1) @ x


def test_positions_and_masks_follow_any_length() -> None:
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    found = capture(Masked(), (x,))
    assert dict(found.network.sizes) == {"B": "batch", "T": "sequence"}
    assert functions(found).count("tril") == 1
    for batch, length in ((2, 5), (3, 9), (1, 3)):
        x = torch.randn(batch, length, 4, dtype=torch.float64)
        check_agreement(Masked(), found, (x,), {})


def test_names_are_those_of_the_source() -> None:
    found = captured("in place")
    names = [
        [wish.name for wish in found.wishes.get(v.name, {}).values() if wish.is_given]
        for step in found.network.forward.body
        for v in step.made()
    ]
    assert names == [["x"], ["y"], ["y"], ["z"], ["y"], [], []]
    body = named(tree(found.network, found.keys), found.wishes).forward.body
    assert [v.name for step in body for v in step.made()] == [
        "lin", "%y2", "y", "z", "%y3", "t", "output",
    ]  # fmt: skip


class Recurrent(nn.Module):
    """Two states come out of a function that sets them again where a condition holds."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(4, 3)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tensor:
        for row in x.unbind(1):
            h, c = self.cell(row, (h, c))
        return h + c


def test_what_a_call_gives_has_the_names_that_its_caller_gives_it() -> None:
    state = torch.randn(2, 3, dtype=torch.float64)
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    found = capture(Recurrent().double(), (x, state, state + 1))
    nested = named(looped(shared_kinds(tree(found.network, found.keys))), found.wishes)
    loop = nested.forward.body[1]
    assert isinstance(loop, Loop)
    assert sorted(value.name for call in loop.body for value in call.made()) == ["c3", "h3"]


def test_floats_have_one_precision_and_a_note_says_so() -> None:
    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.softmax(x.float(), dim=-1, dtype=torch.float32).to(x.dtype)

    found = capture(Inner(), (X,))
    assert functions(found) == ["softmax"]
    assert found.notes == ("What PyTorch computes in float32 within it is computed in float64.",)
    assert captured("mlp").notes == ()


def test_a_batch_that_the_module_fixes_stays_a_number() -> None:
    class Fixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.ones(3, 4, dtype=x.dtype) * 3

    found = capture(Fixed(), (X,))
    assert found.network.sizes == ()
    assert found.network.forward.inputs[0].shape == (3, 4)


def test_what_is_stored_is_a_copy() -> None:
    module = Twice().double()
    found = capture(module, (X,))
    before = found.arrays["cell_lin_weight"].copy()
    with torch.no_grad():
        module.cell.lin.weight.zero_()
    assert np.array_equal(found.arrays["cell_lin_weight"], before)


@pytest.mark.parametrize("name", ZOO)
def test_what_is_nameless_can_be_named(name: str) -> None:
    found = captured(name).network
    name_all(found)
    assert not any(value.is_nameless for value in found.forward.outputs)


def test_outputs_are_called_what_the_module_calls_them() -> None:
    assert [v.name for v in captured("mlp").network.forward.outputs] == ["output"]
    names = [v.name for v in captured("nested").network.forward.outputs]
    assert names == ["output_sum", "both_0", "both_1_0"]


def test_grad_mode_is_inlined_where_nothing_is_trained() -> None:
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4).requires_grad_(False)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                y = self.lin(x)
                z = torch.tanh(y)
            return y.detach() + z

    module = Frozen().double()
    found = capture(module, (X,))
    # the input may have a derivative, which these stop
    assert functions(found) == ["linear", "tanh", "detach", "detach", "add"]
    check_agreement(module, found, (X,), {})


class Stops(nn.Module):
    """A derivative that is not taken, in the midst of what is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.lin(x)
        with torch.no_grad():
            z = y * 2
        return y + z + y.exp().detach()


def test_a_derivative_that_is_not_taken_is_a_step() -> None:
    module = Stops().double()
    found = capture(module, (X,))
    assert functions(found) == ["linear", "mul", "detach", "add", "exp", "detach", "add"]
    check_agreement(module, found, (X,), {})


HOSTILE = [
    'w"]; import os; abort()  #',
    "x\n\nimport os",
    "import",
    "np",
    "weights",
    "print",
    "__build_class__",
    "Ω weight",
    "1st",
    "   ",
    "x",
    "dx",
    "%1",
    "w w",
    "w_w",
]


class Hostile(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for number, name in enumerate(HOSTILE):
            self.register_parameter(name, nn.Parameter(torch.full((4,), float(number))))

    def forward(self, x: Tensor) -> Tensor:
        for name in HOSTILE:
            x = x + getattr(self, name)
        return x


def test_names_of_a_module_cannot_become_code() -> None:
    hostile = type('Hostile"""\nimport os', (Hostile,), {})
    module = nn.ModuleDict({'a"\nimport os': hostile().double()})

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: Tensor) -> Tensor:
            return self.inner['a"\nimport os'](x)

    found = capture(Around(), (X,))
    forward = found.network.forward
    names = [v.name for v in (*forward.inputs, *forward.parameters)]
    assert len(set(names)) == len(HOSTILE) + 1
    assert all(name.isidentifier() and name.isascii() for name in names)
    for taken in ("import", "np", "weights", "print", "__build_class__"):
        assert taken not in names
    assert not any("\n" in m.path + m.class_name for step in forward.body for m in step.modules)
    keys = {key for keys in found.keys.values() for key in keys}
    assert keys == {f'inner.a"\nimport os.{name}' for name in HOSTILE}
    assert "\n" not in capture(hostile().double(), (X,)).network.name


def test_derivatives_have_names_of_their_own() -> None:
    found = capture(Hostile().double(), (X,)).network.forward
    names = {v.name for v in (*found.inputs, *found.parameters)}
    assert not {"d" + name for name in names} & names


@pytest.mark.parametrize("kind", [Nested, Constants])
def test_the_same_module_gives_the_same_network(kind: Any) -> None:
    name = {Nested: "nested", Constants: "constants"}[kind]
    assert str(captured(name).network) == str(captured(name).network)


def test_plain_numbers_give_what_numbers_with_bounds_give() -> None:
    found = captured("mlp")
    x = torch.randn(2, 3, dtype=torch.float64)
    (plain,), (with_bound,) = (
        outputs(found, (x,), {}, exact=True),
        outputs(found, (x,), {}),
    )
    assert np.array_equal(plain, with_bound.value)
