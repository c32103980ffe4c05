"""Complex numbers as pairs of real ones: the last axis holds the real and the imaginary part.

The derivative by a complex number is the pair of those by its parts, as PyTorch has it where
`view_as_real` stands at the end. Source: the page of torch on autograd for complex numbers.
"""

import numpy as np

from backhand.rules.register import example, register, uniform


def complex_mul(a, b):
    real = a[..., 0] * b[..., 0] - a[..., 1] * b[..., 1]
    imaginary = a[..., 0] * b[..., 1] + a[..., 1] * b[..., 0]
    return np.stack((real, imaginary), axis=-1)


def complex_mul_backward(dy, a, b):
    # each times the other's conjugate
    turned = np.array([1, -1], dy.dtype)
    return complex_mul(dy, b * turned), complex_mul(dy, a * turned)


register(
    "complex_mul",
    complex_mul,
    complex_mul_backward,
    wrt="ab",
    torch="torch.view_as_real(torch.view_as_complex(a) * torch.view_as_complex(b))",
    noun="turned",
    examples=[
        example(a=uniform(-2, 2, (3, 4, 2)), b=uniform(-2, 2, (3, 4, 2))),
        example(a=uniform(-2, 2, (3, 4, 2)), b=uniform(-2, 2, (4, 2))),
    ],
    in_formulas=False,
)
