"""Nested networks as text, each written by hand."""

from tests.passes.flat import body_text, folded
from tests.passes.networks import ALL, masked, mlp, outer, tuples, unet


def test_the_text_of_equal_layers() -> None:
    assert (
        str(folded(*mlp()))
        == """\
block(x: [B, 4]; fc.weight: [4, 4]) -> v2: [B, 4]:
    v1: [B, 4] = linear(x, fc.weight)
    v2: [B, 4] = relu(v1)

network(x: [B, 4], h_0_fc_weight: [4, 4], h_1_fc_weight: [4, 4], h_2_fc_weight: [4, 4], \
out_weight: [2, 4]) -> v7: [B, 2]:
    for p in h[0:3]:
        x_in: [B, 4] = x, then v2
        v2: [B, 4] = block(x_in; p)
    v6: [B, 4] = the last v2
    v7: [B, 2] = linear(v6, out_weight)"""
    )


def test_the_text_of_an_invariant_mask_and_draws() -> None:
    nested = folded(*masked())
    assert (
        str(nested.functions[0])
        == """\
layer(x: [B, 4], mask: [B, 4]; lin.weight: [4, 4]) -> v4: [B, 4]:
    v1: [B, 4] = dropout_mask(x, p=0.5)
    v2: [B, 4] = linear(x, lin.weight)
    v3: [B, 4] = mul(v2, mask)
    v4: [B, 4] = mul(v3, v1)"""
    )
    assert (
        body_text(nested)
        == """\
    for p in layers[0:3]:
        x_in: [B, 4] = x, then v4
        v4: [B, 4] = layer(x_in, mask; p)
    v12: [B, 4] = the last v4"""
    )


def test_the_text_of_two_carried_values_and_one_module() -> None:
    assert (
        body_text(folded(*tuples()))
        == """\
    for _ in range(3):
        h_in: [B, 4] = h, then v3
        c_in: [B, 4] = c, then v4
        v3: [B, 4], v4: [B, 4] = cell(h_in, c_in; cell)
    v11: [B, 4] = the last v3"""
    )


def test_the_text_of_two_lists_by_turns() -> None:
    assert (
        body_text(folded(*ALL["period_two"]()))
        == """\
    for p, p_2 in zip(layers[0:3:2], layers[1:4:2]):
        x_in: [B, 4] = x, then v4
        v2: [B, 4] = even(x_in; p)
        v4: [B, 4] = odd(v2; p_2)
    v8: [B, 4] = the last v4
    v10: [B, 4] = even(v8; layers.4)"""
    )


def test_the_text_of_collected_values_that_are_taken_the_last_first() -> None:
    assert (
        body_text(folded(*unet()))
        == """\
    for p in down[0:3]:
        x_in: [B, F] = x, then v3
        v2_in: [B, E] = conv(x_in; p)
        v3: [B, E] = avg_pool(v2_in)
    v2: [B, 8], v5: [B, 16], v8: [B, 32] = every v2_in
    v9: [B, 32] = the last v3
    v11: [B, 32] = conv(v9; mid)
    for p_2 in up[0:3]:
        v11_in: [B, F] = v11, then v14
        v8_in: [B, F] = v8, then v5, then v2
        v14: [B, E] = up(v11_in, v8_in; p_2)
    v20: [B, 4] = the last v14"""
    )


def test_the_text_of_numbers_that_differ() -> None:
    conv, stage = folded(*ALL["numbers"]()).functions
    assert (
        str(conv)
        == """\
conv(v1: [B, 4, 16]; weight: [4, 4, 3], stride, scalar) -> v3: [B, 4, 16]:
    v2: [B, 4, 16] = conv1d(v1, weight, stride=stride, padding=(1,), mode='zeros')
    v3: [B, 4, 16] = mul(v2, scalar)"""
    )
    assert (
        str(stage)
        == """\
stage(x: [B, 4, 16]; conv.weight: [4, 4, 3], stride, scalar) -> v3: [B, 4, 16]:
    v1: [B, 4, 16] = neg(x)
    v3: [B, 4, 16] = conv(v1; conv, stride=stride, scalar=scalar)"""
    )


def test_the_text_of_what_belongs_to_others() -> None:
    layer = folded(*outer()).functions[1]
    assert (
        str(layer)
        == """\
layer(x: [B, 4], scale: [4], shared_fc_weight: [4, 4], last_weight: [4, 4]; fc.weight: [4, 4]) \
-> v5: [B, 4]:
    v1: [B, 4] = linear(x, fc.weight)
    v2: [B, 4] = mul(v1, scale)
    v4: [B, 4] = block(v2; /shared)
    v5: [B, 4] = linear(v4, last_weight)"""
    )
