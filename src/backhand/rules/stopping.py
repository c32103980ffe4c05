"""Where the derivative stops: `x.detach()`, and what is computed under `torch.no_grad`."""

from backhand.rules.register import example, register, uniform


def detach(x):
    return x


register(
    "detach",
    detach,
    None,
    wrt="",
    none="x",
    torch="x.detach()",
    noun="x",
    examples=[example(x=uniform(-2, 2, (3, 4)))],
    aten="detach.default(x)",
    in_formulas=False,
)
