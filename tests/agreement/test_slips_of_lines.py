"""The slips of single lines: exactly these changes of a kind, written down by hand."""

import pytest

from tests.agreement.small_programs import backward, found, rule


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        # the shape of dz in a comment, or not
        (
            backward("dz = dy * a  # [B, 4]", "db = np.sum(dz, axis=0)  # [4]"),
            "axis",
            ["db = np.sum(dz, axis=1)", "db = np.sum(dz)"],
        ),
        (backward("db = dy.sum(0)"), "axis", ["db = dy.sum(axis=1)", "db = dy.sum()"]),
        (
            backward("dz = dy * a  # [B, 1]", "db = np.sum(dz, axis=0)  # [1]"),
            "axis",
            ["db = np.sum(dz, axis=1)"],
        ),
        (backward("dz = dy * a  # [4]", "db = np.sum(dz, axis=0)"), "axis", []),
        (
            backward("dz = dy * a  # [B, 4]", "ds = np.sum(a + dz, axis=(0, 1))"),
            "axis",
            ["ds = np.sum(a + dz, axis=0)", "ds = np.sum(a + dz, axis=1)", "ds = np.sum(a + dz)"],
        ),
        (
            backward("dz = dy * a  # [B, 4]", "ds = np.sum(2 * dz, axis=(0, 1))"),
            "axis",
            ["ds = np.sum(2 * dz, axis=0)", "ds = np.sum(2 * dz, axis=1)"],
        ),
        (
            backward("m = a.max(axis=-1, keepdims=True)"),
            "axis",
            [
                "m = a.max(axis=-2, keepdims=True)",
                "m = a.max(keepdims=True)",
                "m = a.max(axis=-1)",
            ],
        ),
        (  # [1, 4] against [B, 4] is as [4]
            backward("m = a.max(axis=0, keepdims=True)"),
            "axis",
            ["m = a.max(axis=1, keepdims=True)", "m = a.max(keepdims=True)"],
        ),
        (
            backward("dz = dy * a  # [B, 1]", "ds = np.sum(-dz, axis=(0, 1))"),
            "axis",
            ["ds = np.sum(-dz, axis=1)"],
        ),
        (
            backward("dz = dy * a  # [B, 4]", "ds = np.sum(np.sum(dz, axis=0), axis=0)"),
            "axis",
            [],
        ),
        (
            backward("dz = dy * a  # [B, 4]", "ds = dz.sum()", "dt = ds.sum(axis=0).sum()"),
            "axis",
            ["dt = ds.sum().sum()", "dt = ds.sum(axis=1).sum()"],
        ),
        (
            backward("dz = dy * a  # [B, 2, 4]", "ds = np.sum(np.sum(dz, axis=0), axis=0)"),
            "axis",
            [
                "ds = np.sum(np.sum(dz, axis=1), axis=0)",
                "ds = np.sum(np.sum(dz), axis=0)",
                "ds = np.sum(np.sum(dz, axis=0), axis=1)",
                "ds = np.sum(np.sum(dz, axis=0))",
            ],
        ),
        (
            backward("dz = dy * a  # [4, B]", "ds = np.sum(dz.max(axis=1, keepdims=True), axis=0)"),
            "axis",
            [
                "ds = np.sum(dz.max(axis=0, keepdims=True), axis=0)",
                "ds = np.sum(dz.max(keepdims=True), axis=0)",
                "ds = np.sum(dz.max(axis=1), axis=0)",
                "ds = np.sum(dz.max(axis=1, keepdims=True), axis=1)",
            ],
        ),
        # options that are the same in every call
        (
            rule("x, *, axis=-1", "return x.sum(axis=axis)", calls="f(x, axis=1)"),
            "axis",
            ["return x.sum(axis=0)", "return x.sum()"],
        ),
        (
            rule("x, *, axis=-1", "return x.sum(axis=axis)", calls="f(x, axis=1) + f(x)"),
            "axis",
            ["return x.sum()"],
        ),
        (rule("x, *, axis=None", "return x.sum(axis=axis)"), "axis", []),
        (
            rule("x, *, of='mean'", "return x.mean() if of == 'mean' else x.sum()"),
            "sum for mean",
            ['return x.sum() if of == "mean" else x.sum()'],
        ),
        (
            rule("x, *, of='mean'", "return x.mean() if of == 'mean' else x.sum()"),
            "mean for sum",
            [],
        ),
        (
            backward("dz = dy * a  # [B, 1]", "ds = np.mean(dz, axis=1) + dz.sum()"),
            "mean for sum",
            ["ds = np.mean(dz, axis=1) + dz.mean()"],
        ),
        (backward("dz = dy * a  # [B, 1]", "ds = np.mean(dz, axis=1)"), "sum for mean", []),
        (backward("dz = dy * a  # [B, 1]", "ds = dz / len(dz)"), "wrong count", []),
        (
            backward("t = a / a.shape[-1] / len(b)"),
            "constant left out",
            ["t = a / len(b)", "t = a / a.shape[-1]"],
        ),
        (backward("t = np.full_like(a, b / 2)"), "constant left out", ["t = np.full_like(a, b)"]),
        # tiny constants
        (
            backward("t = np.log(a) / np.sqrt(b)"),
            "epsilon",
            [
                "t = np.log(a) / (np.sqrt(b) + 1e-08)",
                "t = np.log(a + 1e-08) / np.sqrt(b)",
                "t = np.log(a) / np.sqrt(b + 1e-08)",
            ],
        ),
        (backward("t = a / (b + 1e-5)"), "epsilon", ["t = a / b", "t = a / (b + 0.0001)"]),
        (backward("t = a / 2 / len(b)"), "epsilon", []),
        (
            backward("t = np.maximum(a, 1e-12)"),
            "epsilon",
            ["t = a", "t = np.maximum(a, 1e-11)"],
        ),
        (backward("t = 1e-4 * a"), "epsilon", []),
        # comparisons
        (
            backward("t = np.where(a <= b, 1, np.minimum(a, 0))"),
            "comparison",
            [
                "t = np.where(a < b, 1, np.minimum(a, 0))",
                "t = np.where(a >= b, 1, np.minimum(a, 0))",
                "t = np.where(a <= b, 1, np.maximum(a, 0))",
            ],
        ),
        (backward("t = a if len(a) > 1 else b"), "comparison", []),
        # where the sign or the size falls out
        (backward("t = np.abs(-2 * (a - b))"), "swapped operands", []),
        (backward("t = np.abs(-a)"), "sign", ["t = -np.abs(-a)"]),
        (
            rule("x", "e = np.exp(x)", "return e / e.sum()"),
            "factor 2",
            ["return 2 * (e / e.sum())", "y = 2 * f(x)"],
        ),
        (
            rule("x", "e = np.exp(x)", "return e / e.sum() + e"),
            "factor 2",
            ["e = 2 * np.exp(x)", "return 2 * (e / e.sum() + e)", "y = 2 * f(x)"],
        ),
        (backward("t = a > b"), "sign", []),
        (backward("t = a + 0"), "sign", ["t = -(a + 0)"]),
        # what remains when something is left out
        (
            backward("t = 1 / a - 2 * (0.5 - b) / 1"),
            "constant left out",
            [
                "t = 1 / a - 2 * b / 1",
                "t = a - 2 * (0.5 - b) / 1",
                "t = 1 / a - (0.5 - b) / 1",
            ],
        ),
        (
            backward("t = a / b / dy"),
            "missing factor",
            ["t = 1 / b / dy", "t = a / dy", "t = a / b"],
        ),
        (backward("t = a - b + dy"), "missing term", ["t = -b + dy", "t = a + dy", "t = a - b"]),
        (backward("t = a ** 2 + a ** b"), "constant left out", ["t = a + a ** b"]),
        (backward("t = a ** 2"), "swapped operands", ["t = 2 ** a"]),
        (backward("t = 2 ** 0.5 * a"), "swapped operands", []),
        # names that lie near
        (
            rule("a, b", "t = a * b", "return -t", calls="f(x, x)"),
            "wrong array",
            ["return -a", "return -b"],
        ),
        (
            backward(
                "t = dy * a", "u = t * b", "s = u"
            ),  # t and u are derivatives, a and b are not
            "wrong array",
            ["s = t"],
        ),
        (backward("t = dy * a  # [B, 4]", "u = t.T  # [4, B]", "s = u * 2"), "wrong array", []),
        (backward("t = dy * a", "u = t", "s = -u"), "wrong array", []),  # the same array
        # above 0 where its input is: the same question
        (
            rule("x", "a = np.maximum(x, 0)", "return np.where(a > 0, 1, 2)"),
            "wrong array",
            [],
        ),
        (
            rule("x", "a = np.minimum(x, 0)", "return np.where(a > 0, 1, 2)"),
            "wrong array",
            ["return np.where(x > 0, 1, 2)"],
        ),
        (rule("x, *, k=2", "n = k + 1", "return x * n"), "wrong array", []),  # numbers
        (
            backward("t = a.swapaxes(-1, -2) @ b"),
            "transpose",
            ["t = a @ b", "t = a.swapaxes(-1, -2) @ b.T"],
        ),
        # [4, 4]: the rows may be the columns
        (backward("w = a * b  # [4, 4]", "t = w"), "transpose", ["t = w.T"]),
        (backward("w = a * b  # [4, 3]", "t = w"), "transpose", []),
        (
            backward("w = a * b  # [4, 4]", "v = a + b  # [B, 4]", "t = v @ w  # [B, 4]"),
            "swapped operands",
            ["t = w @ v"],
        ),
    ],
)
def test_the_slips_of_one_kind_in_a_line_are_these(
    text: str, kind: str, expected: list[str]
) -> None:
    assert sorted(found(text, kind)) == sorted(expected)
