import numpy as np

n = 6
Xb = np.array([[-1.23, 0.27, 1.36, 1.38], [-0.71, 0.14, -0.58, -2.33], [0.11, 1.08, 1.58, 0.93], [-0.65, -0.34, -1.07, 0.49], [-1.37, 0.65, 1.74, 1.47], [0.27, 2.17, 0.44, -0.23]])
Yb = np.array([0, 2, 1, 1, 0, 2])

W1 = np.array([[0.8, -0.46, -0.19, -0.59, -0.64], [-0.86, 0.34, 0.18, -0.98, 0.13], [0.41, 1.13, 0.58, 0.06, -0.29], [0.51, 0.87, 0.63, 0.1, 0.31]])
b1 = np.array([0.14, 0.62, -0.5, -0.35, -0.57])
bngain = np.array([[1.1, 0.9, 1.0, 1.2, 0.8]])
bnbias = np.array([[0.1, -0.1, 0.05, 0.0, 0.2]])
W2 = np.array([[0.12, -1.16, 0.43], [0.4, -0.14, 0.16], [-0.02, -1.06, -0.48], [0.37, 0.1, -0.79], [0.57, -0.48, -0.56]])
b2 = np.array([0.77, -0.18, 0.37])
parameters = [W1, b1, W2, b2, bngain, bnbias]

lossi = []
for i in range(20):
    # forward pass, "chunkated" into smaller steps that are possible to backward one at a time
    hprebn = Xb @ W1 + b1
    bnmeani = 1/n*hprebn.sum(0, keepdims=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1/(n-1)*(bndiff2).sum(0, keepdims=True)
    bnvar_inv = (bnvar + 1e-5)**-0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = np.tanh(hpreact)
    logits = h @ W2 + b2
    logit_maxes = logits.max(1, keepdims=True)
    norm_logits = logits - logit_maxes
    counts = np.exp(norm_logits)
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    loss = -logprobs[range(n), Yb].mean()

    # backward pass
    dlogprobs = np.zeros_like(logprobs)
    dlogprobs[range(n), Yb] = -1.0/n
    dprobs = (1.0 / probs) * dlogprobs
    dcounts_sum_inv = (counts * dprobs).sum(1, keepdims=True)
    dcounts = counts_sum_inv * dprobs
    dcounts_sum = (-counts_sum**-2) * dcounts_sum_inv
    dcounts += np.ones_like(counts) * dcounts_sum
    dnorm_logits = counts * dcounts
    dlogits = dnorm_logits.copy()
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1.0 - h**2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdims=True)
    dbnraw = bngain * dhpreact
    dbnbias = dhpreact.sum(0, keepdims=True)
    dbndiff = bnvar_inv * dbnraw
    dbnvar_inv = (bndiff * dbnraw).sum(0, keepdims=True)
    dbnvar = (-0.5*(bnvar + 1e-5)**-1.5) * dbnvar_inv
    dbndiff2 = (1.0/(n-1))*np.ones_like(bndiff2) * dbnvar
    dbndiff += (2*bndiff) * dbndiff2
    dhprebn = dbndiff.copy()
    dbnmeani = (-dbndiff).sum(0)
    dhprebn += 1.0/n * (np.ones_like(hprebn) * dbnmeani)
    dW1 = Xb.T @ dhprebn
    db1 = dhprebn.sum(0)
    grads = [dW1, db1, dW2, db2, dbngain, dbnbias]

    # update
    lr = 0.1
    for p, grad in zip(parameters, grads):
        p += -lr * grad

    lossi.append(loss)
    if i % 5 == 0:
        print(f'{i:7d}/{20:7d}: {loss:.4f}')
