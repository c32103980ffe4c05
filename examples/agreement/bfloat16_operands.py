"""Matrix products with bfloat16 operands, as mixed precision makes them, taken for float32.

The formula is right: in float64 the two agree. In float32 the products are a hundred times farther
off than float32 can round, and that is found, as long as the sums are not too long: the certain
bound grows with their length n. At n = 4096 it is wider than what bfloat16 loses. The statistical
bound, which grows with the root of n, still objects, and the check says so; but that is no proof.

And with PyTorch in bfloat16 throughout, said with `precision`, there is nothing to find.
"""

from pathlib import Path

import numpy as np
import torch

import backhand
from backhand.capture.spec import parse
from backhand.testing import assert_agrees

SPEC = """
precision = "float64"

[inputs]
x = {{ init = "normal", shape = [8, {n}] }}

[weights]
w = {{ init = "normal", shape = [{n}, 4], std = {std} }}

[network]
steps = ["z = x @ w"]
loss = "mean(z * z)"
"""


def main() -> None:
    for n in (256, 4096):
        print(f"\nn = {n}")
        network = parse(SPEC.format(n=n, std=n**-0.5), f"n{n}.toml", Path())
        x, w = network.arrays["x"], network.arrays["w"]
        print("the formula, in float64:", assert_agrees({"z": x @ w}, network).verdict)
        x16, w16 = (torch.from_numpy(array).bfloat16() for array in (x, w))
        single = {"x": x.astype(np.float32), "w": w.astype(np.float32)}
        try:
            print(assert_agrees({**single, "z": (x16 @ w16).float()}, network))
        except AssertionError as finding:
            print(finding)
        both = backhand.compare(network, precision="bfloat16").step("z").judgements
        shares = ", ".join(f"{j.share:.2g} of the bound in {name}" for name, j in both.items())
        print(f"PyTorch in bfloat16 throughout: z is {shares}")


if __name__ == "__main__":
    main()
