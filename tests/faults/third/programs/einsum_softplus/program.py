import numpy as np

x = np.array([[0.3, -0.7, 1.1], [-1.2, 0.4, 0.5], [0.8, 0.9, -0.3]])
t = np.array([[0.4, -0.1], [1.0, 0.6], [-0.5, 0.2]])
U = np.array([[0.5, -0.2, 0.7, 0.1], [0.3, 0.6, -0.4, 0.8], [-0.6, 0.2, 0.3, -0.5]])
c = np.array([0.1, 0.0, -0.2, 0.3])
V = np.array([[0.4, -0.3], [0.6, 0.2], [-0.5, 0.7], [0.1, 0.9]])
k = np.array([0.2, -0.1])
vU, vc, vV, vk = 0.0, 0.0, 0.0, 0.0
lr, mu = 0.1, 0.8

for it in range(18):
    a = np.einsum("ni,ij->nj", x, U) + c
    h = np.log1p(np.exp(a))
    y = np.einsum("nj,jk->nk", h, V) + k
    r = y - t
    loss = 0.5 * np.einsum("nk,nk->", r, r) / len(x)

    gy = r / len(x)
    gV = np.einsum("nj,nk->jk", h, gy)
    gk = np.einsum("nk->k", gy)
    gh = np.einsum("nk,jk->nj", gy, V)
    ga = gh / (1 + np.exp(-a))
    gU = np.einsum("ni,nj->ij", x, ga)
    gc = np.einsum("nj->j", ga)

    vU = mu * vU + gU
    vc = mu * vc + gc
    vV = mu * vV + gV
    vk = mu * vk + gk
    U = U - lr * vU
    c = c - lr * vc
    V = V - lr * vV
    k = k - lr * vk
    print(it, loss)
print(U, c, V, k)
