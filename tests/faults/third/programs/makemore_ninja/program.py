import torch

words = ['ab', 'bc', 'ca']
stoi = {'.': 0, 'a': 1, 'b': 2, 'c': 3}
xs, ys = [], []
for w in words:
    chs = ['.'] + list(w) + ['.']
    for ch1, ch2 in zip(chs, chs[1:]):
        xs.append(stoi[ch1])
        ys.append(stoi[ch2])
Xb = torch.tensor(xs)
Yb = torch.tensor(ys)
n = Xb.shape[0]

C = torch.tensor([[0.3, -0.8], [0.9, 0.4], [-0.5, 0.7], [-0.2, -0.6]], dtype=torch.float64)
W1 = torch.tensor([[0.7, -0.4, 0.9], [0.2, 0.6, -0.5]], dtype=torch.float64)
b1 = torch.tensor([0.1, -0.1, 0.2], dtype=torch.float64)
W2 = torch.tensor([[0.4, -0.7, 0.3, 0.2], [-0.6, 0.5, 0.8, -0.3], [0.1, 0.9, -0.4, 0.6]], dtype=torch.float64)
b2 = torch.tensor([0.0, 0.05, -0.05, 0.1], dtype=torch.float64)
parameters = [C, W1, b1, W2, b2]

with torch.no_grad():
    for i in range(15):
        # forward pass, chunkated
        emb = C[Xb]
        hpreact = emb @ W1 + b1
        h = torch.tanh(hpreact)
        logits = h @ W2 + b2
        logit_maxes = logits.max(1, keepdim=True).values
        norm_logits = logits - logit_maxes
        counts = norm_logits.exp()
        counts_sum = counts.sum(1, keepdim=True)
        counts_sum_inv = counts_sum**-1
        probs = counts * counts_sum_inv
        logprobs = probs.log()
        loss = -logprobs[range(n), Yb].mean()

        # manual backprop
        dlogprobs = torch.zeros_like(logprobs)
        dlogprobs[range(n), Yb] = -1.0 / n
        dprobs = (1.0 / probs) * dlogprobs
        dcounts_sum_inv = (counts * dprobs).sum(1, keepdim=True)
        dcounts = counts_sum_inv * dprobs
        dcounts_sum = (-counts_sum**-2) * dcounts_sum_inv
        dcounts += torch.ones_like(counts) * dcounts_sum
        dnorm_logits = counts * dcounts
        dlogits = dnorm_logits.clone()
        dh = dlogits @ W2.T
        dW2 = h.T @ dlogits
        db2 = dlogits.sum(0)
        dhpreact = (1.0 - h**2) * dh
        demb = dhpreact @ W1.T
        dW1 = emb.T @ dhpreact
        db1 = dhpreact.sum(0)
        dC = torch.zeros_like(C)
        for k in range(n):
            ix = Xb[k]
            dC[ix] += demb[k]
        grads = [dC, dW1, db1, dW2, db2]

        # update
        lr = 0.5
        for p, grad in zip(parameters, grads):
            p.data += -lr * grad
        print(f'{i:7d}: {loss.item():.4f}')
