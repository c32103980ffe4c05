"""draws.py against PyTorch itself, bit for bit, and against MT19937's published output."""

import inspect
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from backhand import draws

AVX2 = "AVX" in torch.backends.cpu.get_cpu_capability()
# Without a fused multiply-add PyTorch's own kernels round otherwise (see draws.uniform).
fused_cpu = pytest.mark.skipif(
    not AVX2 and platform.machine() in ("x86_64", "AMD64"), reason="this CPU has no AVX2"
)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])

seeds = st.integers(-(2**63), 2**64 - 1)
shapes = st.lists(st.integers(0, 7), max_size=3).map(tuple)
dtypes = st.sampled_from([np.float32, np.float64])
rates = st.floats(0, 1) | st.sampled_from([0.0, 0.1, 0.4, 0.5, 1.0])
limits = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)


def empty(shape: tuple[int, ...], dtype: type) -> torch.Tensor:
    return torch.empty(shape, dtype=getattr(torch, np.dtype(dtype).name))


def ones(shape: tuple[int, ...], dtype: type) -> torch.Tensor:
    return empty(shape, dtype).fill_(1)


def same_bits(mine: np.ndarray, theirs: torch.Tensor) -> bool:
    """Equal in shape, dtype and every value (-0 equals 0: nothing drawn hangs on a zero's sign)."""
    expected = theirs.detach().numpy()
    alike = mine.shape == expected.shape and mine.dtype == expected.dtype
    return alike and np.array_equal(mine, expected)


def same_place(generator: np.random.RandomState) -> bool:
    """The two streams go on alike: the spare normal number, if any, and the next outputs."""
    spare = draws.normal(generator, (1,), 0, 1, np.float64)
    following = draws.uniform(generator, (3,), 0, 1, np.float64)
    return same_bits(spare, empty((1,), np.float64).normal_()) and same_bits(
        following, empty((3,), np.float64).uniform_()
    )


def units_apart(mine: np.ndarray, theirs: torch.Tensor) -> float:
    """The largest difference, in units in the last place."""
    expected = theirs.numpy()
    unit = np.spacing(np.maximum(np.abs(mine), np.abs(expected)))
    return float(np.max(np.abs(mine.astype(float) - expected) / unit))


def test_the_generator_is_the_published_one() -> None:
    # Matsumoto and Nishimura's reference: the first outputs of init_genrand(5489).
    first = draws.generator(5489).randint(2**32, size=5, dtype=np.int64)
    assert first.tolist() == [3499211612, 581869302, 3890346734, 3586334585, 545404204]


@given(seed=seeds)
def test_every_seed_starts_the_generator_as_in_torch(seed: int) -> None:
    torch.manual_seed(seed)
    assert same_place(draws.generator(seed))


@pytest.mark.parametrize("seed", [-1, -(2**63), 2**32, 2**32 + 7, 2**63, 2**64 - 1])
def test_seeds_beyond_32_bits(seed: int) -> None:
    torch.manual_seed(seed)
    assert same_place(draws.generator(seed))
    torch.manual_seed(seed ^ 1)
    assert not same_place(draws.generator(seed))


@given(seed=seeds, shape=shapes, rate=rates, dtype=dtypes)
def test_dropout_mask(seed: int, shape: tuple[int, ...], rate: float, dtype: type) -> None:
    torch.manual_seed(seed)
    generator = draws.generator(seed)
    for _ in range(3):
        mask = draws.dropout_mask(generator, shape, rate, dtype)
        assert same_bits(mask, functional.dropout(ones(shape, dtype), rate, True))
    assert same_place(generator)


@both_dtypes
def test_dropout_mask_of_a_large_array(dtype: type) -> None:
    torch.manual_seed(1)
    generator = draws.generator(1)
    mask = draws.dropout_mask(generator, (1000, 1000), 0.3, np.dtype(dtype))
    assert same_bits(mask, functional.dropout(ones((1000, 1000), dtype), 0.3, True))
    assert same_place(generator)


@both_dtypes
def test_dropout_mask_at_every_common_rate(dtype: type) -> None:
    torch.manual_seed(1)
    generator = draws.generator(1)
    for rate in (percent / 100 for percent in range(1, 100)):
        mask = draws.dropout_mask(generator, (30, 30), rate, dtype)
        assert mask.any()
        assert same_bits(mask, functional.dropout(ones((30, 30), dtype), rate, True))


@pytest.mark.parametrize(
    ("shape", "rate"), [((5,), 0.0), ((5,), 0), ((5,), 1.0), ((5,), 1), ((0, 3), 0.5), ((), 0.5)]
)
def test_dropout_mask_at_the_edges(shape: tuple[int, ...], rate: float) -> None:
    torch.manual_seed(2)
    generator = draws.generator(2)
    mask = draws.dropout_mask(generator, shape, rate, np.float32)
    assert same_bits(mask, functional.dropout(ones(shape, np.float32), rate, True))
    assert same_place(generator)


def test_without_a_generator_nothing_is_dropped() -> None:
    mask = draws.dropout_mask(None, (2, 3), 0.4, np.float32)
    assert same_bits(mask, functional.dropout(ones((2, 3), np.float32), 0.4, False))


def test_dense_tensors_are_drawn_in_memory_order_and_others_row_major() -> None:
    dense = torch.ones(3, 4).T
    gaps, repeats = torch.ones(4, 6)[:, ::2], torch.ones(4, 1).expand(4, 3)
    for tensor, drawn in [(dense, (3, 4)), (gaps, (4, 3)), (repeats, (4, 3))]:
        torch.manual_seed(3)
        theirs = functional.dropout(tensor, 0.5, True)
        mask = draws.dropout_mask(draws.generator(3), drawn, 0.5, np.float32)
        assert same_bits(mask if drawn == tensor.shape else mask.T, theirs)
    # The order shows: row-major, the transposed tensor's mask would be another.
    wrong = draws.dropout_mask(draws.generator(3), (4, 3), 0.5, np.float32)
    torch.manual_seed(3)
    assert not same_bits(wrong, functional.dropout(dense, 0.5, True))


def test_copied_into_a_program_the_functions_need_only_numpy() -> None:
    source = inspect.getsource(draws.generator) + inspect.getsource(draws.dropout_mask)
    program: dict[str, object] = {"np": np}
    exec(source + "mask = dropout_mask(generator(4), (5, 6), 0.4, np.float64)", program)
    torch.manual_seed(4)
    theirs = functional.dropout(ones((5, 6), np.float64), 0.4, True)
    assert isinstance(program["mask"], np.ndarray)
    assert same_bits(program["mask"], theirs)


@both_dtypes
@pytest.mark.parametrize("mistake", ["halves swapped", "high bits", "kept at rate", "column-major"])
def test_a_wrong_mask_is_seen(mistake: str, dtype: type) -> None:
    bits = draws.generator(5).randint(2**64, size=(6, 8), dtype=np.uint64)
    wrong = {
        "halves swapped": (bits << 32 | bits >> 32) % 2**53 < 0.6 * 2**53,
        "high bits": bits >> 11 < 0.6 * 2**53,
        "kept at rate": bits % 2**53 < 0.4 * 2**53,
        "column-major": (bits % 2**53 < 0.6 * 2**53).reshape(8, 6).T,
    }[mistake]
    torch.manual_seed(5)
    theirs = functional.dropout(ones((6, 8), dtype), 0.4, True)
    assert not same_bits(wrong.astype(dtype) / (1 - 0.4), theirs)


@fused_cpu
@given(seed=seeds, shape=shapes, limits=st.tuples(limits, limits).map(sorted), dtype=dtypes)
def test_uniform(seed: int, shape: tuple[int, ...], limits: list[float], dtype: type) -> None:
    torch.manual_seed(seed)
    generator = draws.generator(seed)
    low, high = limits
    mine = draws.uniform(generator, shape, low, high, dtype)
    assert same_bits(mine, empty(shape, dtype).uniform_(low, high))
    assert same_place(generator)


@fused_cpu
@both_dtypes
@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 0.3), (-0.1, 0.1), (-2.3, 1.1), (0.1, 0.7), (1000, 1000.01)]
)
def test_uniform_of_many(low: float, high: float, dtype: type) -> None:
    torch.manual_seed(6)
    mine = draws.uniform(draws.generator(6), (300, 400), low, high, dtype)
    assert same_bits(mine, empty((300, 400), dtype).uniform_(low, high))


@fused_cpu
@both_dtypes
def test_ties_of_uniform_are_rounded_as_the_instruction_rounds_them(dtype: type) -> None:
    torch.manual_seed(7)
    mine = draws.uniform(draws.generator(7), (500,), 1e-30, 3, dtype)
    assert same_bits(mine, empty((500,), dtype).uniform_(1e-30, 3))
    assert not np.array_equal(mine, draws.uniform(draws.generator(7), (500,), 0, 3, dtype))


@fused_cpu
@both_dtypes
def test_rounding_twice_would_be_seen(dtype: type) -> None:
    low, span = dtype(-0.1), dtype(0.1) - dtype(-0.1)
    fraction = draws.uniform(draws.generator(7), (99,), 0, 1, dtype)
    torch.manual_seed(7)
    assert not same_bits(fraction * span + low, empty((99,), dtype).uniform_(-0.1, 0.1))


@fused_cpu
@pytest.mark.parametrize(("mean", "std"), [(1e-90, 3.0), (-1e-90, 3.0), (1e-17, 1.5)])
def test_ties_of_normal_are_rounded_as_the_instruction_rounds_them(mean: float, std: float) -> None:
    torch.manual_seed(8)
    mine = draws.normal(draws.generator(8), (500,), mean, std, np.float64)
    assert same_bits(mine, empty((500,), np.float64).normal_(mean, std))
    without_mean = draws.normal(draws.generator(8), (500,), 0, std, np.float64)
    assert not np.array_equal(mine, without_mean)


@fused_cpu
@given(
    seed=seeds,
    sizes=st.lists(st.integers(0, 40), max_size=5),
    mean=st.just(0.0) | st.floats(1e-100, 3) | st.floats(-3, -1e-100),
    std=st.just(0.0) | st.floats(1e-100, 5),
)
def test_normal_in_float64(seed: int, sizes: list[int], mean: float, std: float) -> None:
    torch.manual_seed(seed)
    generator = draws.generator(seed)
    for size in sizes:
        mine = draws.normal(generator, (size,), mean, std, np.float64)
        assert same_bits(mine, empty((size,), np.float64).normal_(mean, std))
    assert same_place(generator)


def test_many_normals_in_float64() -> None:
    torch.manual_seed(8)
    mine = draws.normal(draws.generator(8), (300, 401), 0, 0.02, np.float64)
    assert same_bits(mine, empty((300, 401), np.float64).normal_(0, 0.02))


@fused_cpu
@given(seed=seeds, sizes=st.lists(st.integers(0, 15), min_size=1, max_size=5))
def test_few_normals_in_float32(seed: int, sizes: list[int]) -> None:
    torch.manual_seed(seed)
    generator = draws.generator(seed)
    for size in sizes:
        mine = draws.normal(generator, (size,), 0.5, 2, np.float32)
        assert same_bits(mine, empty((size,), np.float32).normal_(0.5, 2))
    assert same_place(generator)


@pytest.mark.skipif(not AVX2, reason="measured with PyTorch's AVX2 kernel")
@pytest.mark.parametrize("size", [16, 17, 31, 500_000])
def test_many_normals_in_float32_are_within_5_units(size: int) -> None:
    torch.manual_seed(9)
    generator = draws.generator(9)
    mine = draws.normal(generator, (size,), 0, 1, np.float32)
    assert units_apart(mine, empty((size,), np.float32).normal_()) <= 5
    assert same_place(generator)


@pytest.mark.skipif(not AVX2, reason="measured with PyTorch's AVX2 kernel")
def test_five_in_six_normals_in_float32_are_the_same() -> None:
    torch.manual_seed(9)
    mine = draws.normal(draws.generator(9), (100_000,), 0.1, 0.3, np.float32)
    same = mine == empty((100_000,), np.float32).normal_(0.1, 0.3).numpy()
    assert np.mean(same) > 0.8


def test_an_odd_normal_waits_for_the_next_call() -> None:
    torch.manual_seed(10)
    generator = draws.generator(10)
    for shape in [(3,), (20,), (0,), (2, 2), (1,)]:
        mine = draws.normal(generator, shape, 0, 1, np.float64)
        assert same_bits(mine, empty(shape, np.float64).normal_())
    forgetful = draws.generator(10)
    first = draws.normal(forgetful, (3,), 0, 1, np.float64)
    forgetful.set_state({**forgetful.get_state(legacy=False), "has_gauss": 0})
    second = draws.normal(forgetful, (3,), 0, 1, np.float64)
    whole = draws.normal(draws.generator(10), (6,), 0, 1, np.float64)
    assert not np.array_equal(np.concatenate([first, second]), whole)


@fused_cpu
@both_dtypes
@given(seed=seeds, fan_in=st.integers(1, 40), fan_out=st.integers(1, 40))
def test_a_new_linear_layer(dtype: type, seed: int, fan_in: int, fan_out: int) -> None:
    torch.manual_seed(seed)
    layer = torch.nn.Linear(fan_in, fan_out, dtype=empty((), dtype).dtype)
    generator = draws.generator(seed)
    bound = 1 / fan_in**0.5
    weight = draws.kaiming_uniform(generator, (fan_out, fan_in), fan_in, dtype)
    assert same_bits(weight, layer.weight)
    assert same_bits(draws.uniform(generator, (fan_out,), -bound, bound, dtype), layer.bias)
    assert same_place(generator)


@fused_cpu
@both_dtypes
@given(seed=seeds, fan_in=st.integers(1, 40), fan_out=st.integers(1, 40))
def test_uniform_initialisers(dtype: type, seed: int, fan_in: int, fan_out: int) -> None:
    torch.manual_seed(seed)
    generator = draws.generator(seed)
    shape = (fan_out, fan_in)
    xavier = draws.xavier_uniform(generator, shape, fan_in, fan_out, dtype)
    assert same_bits(xavier, torch.nn.init.xavier_uniform_(empty(shape, dtype)))
    kaiming = draws.kaiming_uniform(generator, shape, fan_in, dtype, slope=0)
    assert same_bits(kaiming, torch.nn.init.kaiming_uniform_(empty(shape, dtype)))


@given(seed=seeds, fan_in=st.integers(1, 40), fan_out=st.integers(1, 40))
def test_normal_initialisers(seed: int, fan_in: int, fan_out: int) -> None:
    torch.manual_seed(seed)
    generator = draws.generator(seed)
    shape = (fan_out, fan_in)
    xavier = draws.xavier_normal(generator, shape, fan_in, fan_out, np.float64)
    assert same_bits(xavier, torch.nn.init.xavier_normal_(empty(shape, np.float64)))
    kaiming = draws.kaiming_normal(generator, shape, fan_in, np.float64)
    assert same_bits(kaiming, torch.nn.init.kaiming_normal_(empty(shape, np.float64)))


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="an x86 setting")
def test_a_cpu_without_avx2_draws_the_same_masks_and_near_normals(tmp_path: Path) -> None:
    script = (
        "import numpy, sys, torch; torch.manual_seed(11);"
        "mask = torch.nn.functional.dropout(torch.ones(50, 60), 0.4, True);"
        "numpy.savez(sys.argv[1], mask=mask, normal=torch.randn(100_000))"
    )
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
    subprocess.run([sys.executable, "-c", script, tmp_path / "old"], env=environment, check=True)
    old = np.load(tmp_path / "old.npz")
    generator = draws.generator(11)
    mask = draws.dropout_mask(generator, (50, 60), 0.4, np.float32)
    assert same_bits(mask, torch.from_numpy(old["mask"]))
    near = draws.normal(generator, (100_000,), 0, 1, np.float32)
    assert np.max(np.abs(near - old["normal"])) <= 3e-6
    assert units_apart(near, torch.from_numpy(old["normal"])) > 5
