from math import exp, log

inputs = [[-1.95, 0.59, -0.92], [0.23, 0.02, 0.55], [-0.32, -1.42, -0.76], [-0.64, -0.45, 1.01]]
targets = [[1, 0], [0, 1], [0, 1], [1, 0]]

w_hidden = [[-0.43, 0.07, 0.29], [1.16, 0.27, -0.71], [0.37, -0.11, 0.81]]
b_hidden = [0.56, -0.33, -0.64]
w_out = [[0.13, 0.4], [-0.35, 0.24], [0.28, -1.18]]
b_out = [0.07, -0.18]


def sigmoid(v):
    return 1.0 / (1.0 + exp(-v))


def forward(row):
    hidden = []
    for j in range(3):
        total = b_hidden[j]
        for i in range(3):
            total += row[i] * w_hidden[i][j]
        hidden.append(sigmoid(total))
    scores = []
    for k in range(2):
        total = b_out[k]
        for j in range(3):
            total += hidden[j] * w_out[j][k]
        scores.append(total)
    top = max(scores)
    exps = [exp(s - top) for s in scores]
    probs = [e / sum(exps) for e in exps]
    return hidden, probs


for epoch in range(15):
    grad_w_hidden = [[0.0] * 3 for _ in range(3)]
    grad_b_hidden = [0.0] * 3
    grad_w_out = [[0.0] * 2 for _ in range(3)]
    grad_b_out = [0.0] * 2
    loss = 0.0
    outputs = []
    for row, target in zip(inputs, targets):
        hidden, probs = forward(row)
        outputs.append(probs)
        for k in range(2):
            loss -= target[k] * log(probs[k]) / len(inputs)
        delta_out = [(probs[k] - target[k]) / len(inputs) for k in range(2)]
        delta_hidden = []
        for j in range(3):
            back = 0.0
            for k in range(2):
                back += delta_out[k] * w_out[j][k]
            delta_hidden.append(back * hidden[j] * (1 - hidden[j]))
        for j in range(3):
            for k in range(2):
                grad_w_out[j][k] += delta_out[k] * hidden[j]
        for k in range(2):
            grad_b_out[k] += delta_out[k]
        for i in range(3):
            for j in range(3):
                grad_w_hidden[i][j] += delta_hidden[j] * row[i]
        for j in range(3):
            grad_b_hidden[j] += delta_hidden[j]
    for i in range(3):
        for j in range(3):
            w_hidden[i][j] -= 0.5 * grad_w_hidden[i][j]
    for j in range(3):
        b_hidden[j] -= 0.5 * grad_b_hidden[j]
        for k in range(2):
            w_out[j][k] -= 0.5 * grad_w_out[j][k]
    for k in range(2):
        b_out[k] -= 0.5 * grad_b_out[k]
    print(epoch, loss)
print(w_hidden, b_hidden, w_out, b_out)
