"""A size as a number among arrays, as in `x.sum(axis=1) / T`."""

from backhand.rules.register import example, register


def size(*, of):
    return of


register(
    "size",
    size,
    None,
    wrt="",
    torch="torch.tensor(of)",
    noun="count",
    examples=[example(of=3)],
    in_formulas=False,
)
