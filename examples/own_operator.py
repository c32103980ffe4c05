"""An operator of PyTorch's that backhand has no rule for, added on one page and written out.

Run it: python examples/own_operator.py
"""

import numpy as np
import torch
from torch import nn

import backhand
from backhand.rules import example, register, uniform


# The operator, and its derivative: `dy` is the derivative of the loss by the result.
def entropy(x):
    return -x * np.log(x)


def entropy_backward(dy, x):
    return -dy * (np.log(x) + 1)


register(
    "entropy",
    entropy,
    entropy_backward,
    wrt="x",
    torch="torch.special.entr(x)",
    noun="h",
    # what the operator is called in a captured graph: the refusal of a module names it
    aten="special_entr.default(x)",
    in_formulas=False,
    examples=[example(x=uniform(0.1, 3, (3, 4)))],
)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)

    def forward(self, x):
        p = torch.softmax(self.first(x), dim=1)
        return torch.special.entr(p).sum(dim=1)


def main() -> None:
    torch.manual_seed(0)
    net, x = Net(), torch.randn(6, 4)
    program = backhand.write(net, (x,))
    print("its lines in the written program:\n")
    for line in program.source.splitlines():
        if "np.log" in line and "=" in line:
            print("   ", line.strip())
    found = backhand.compare(net, (x,))
    print(f"\neach operator and the whole beside PyTorch: {found.verdict}")


if __name__ == "__main__":
    main()
