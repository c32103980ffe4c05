# The behaviour of the homework's published answer: the mask is a coin for each unit.
import numpy as np

np.random.seed(11)
x = np.array([[1, 2, 3], [4, 5, 6]])
y_true = np.array([[0, 1], [1, 0]])
w1 = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]])
w2 = np.array([[0.2, 0.3], [0.4, 0.5], [0.6, 0.7], [0.8, 0.9]])


def forward_pass(x, w1, w2, dropout_rate=0.0):
    hidden_in = np.dot(x, w1)
    hidden = np.maximum(0, hidden_in)
    dropped = hidden
    if dropout_rate > 0:
        keep = np.random.rand(*hidden.shape) > dropout_rate
        dropped = hidden * keep / (1 - dropout_rate)
    scores = np.dot(dropped, w2)
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    output = exps / exps.sum(axis=1, keepdims=True)
    return hidden_in, hidden, dropped, output


for epoch in range(100):
    hidden_in, hidden, dropped, output = forward_pass(x, w1, w2, 0.4)
    d_scores = output - y_true
    d_w2 = np.dot(dropped.T, d_scores)
    d_hidden = np.dot(d_scores, w2.T) * (dropped > 0) / (1 - 0.4)
    d_hidden[hidden_in <= 0] = 0
    d_w1 = np.dot(x.T, d_hidden)
    w1 = w1 - 0.01 * d_w1
    w2 = w2 - 0.01 * d_w2
print(w1)
print(w2)
