import numpy as np
from numpy.random import randn


class RNN:
    # A many-to-one vanilla recurrent network.

    def __init__(self, input_size, output_size, hidden_size=4):
        self.Whh = randn(hidden_size, hidden_size) / 2
        self.Wxh = randn(hidden_size, input_size) / 2
        self.Why = randn(output_size, hidden_size) / 2
        self.bh = np.zeros((hidden_size, 1))
        self.by = np.zeros((output_size, 1))

    def forward(self, inputs):
        h = np.zeros((self.Whh.shape[0], 1))
        self.last_inputs = inputs
        self.last_hs = {0: h}
        for i, x in enumerate(inputs):
            h = np.tanh(self.Wxh @ x + self.Whh @ h + self.bh)
            self.last_hs[i + 1] = h
        y = self.Why @ h + self.by
        return y, h

    def backprop(self, d_y, learn_rate=2e-2):
        n = len(self.last_inputs)
        d_Why = d_y @ self.last_hs[n].T
        d_by = d_y
        d_Whh = np.zeros(self.Whh.shape)
        d_Wxh = np.zeros(self.Wxh.shape)
        d_bh = np.zeros(self.bh.shape)
        d_h = self.Why.T @ d_y
        for t in reversed(range(n)):
            temp = (1 - self.last_hs[t + 1] ** 2) * d_h
            d_bh += temp
            d_Whh += temp @ self.last_hs[t].T
            d_Wxh += temp @ self.last_inputs[t].T
            d_h = self.Whh.T @ temp
        self.Whh -= learn_rate * d_Whh
        self.Wxh -= learn_rate * d_Wxh
        self.Why -= learn_rate * d_Why
        self.bh -= learn_rate * d_bh
        self.by -= learn_rate * d_by


def softmax(xs):
    return np.exp(xs) / sum(np.exp(xs))


vocab = ['good', 'bad', 'very']


def create_inputs(text):
    inputs = []
    for w in text.split(' '):
        v = np.zeros((len(vocab), 1))
        v[vocab.index(w)] = 1
        inputs.append(v)
    return inputs


np.random.seed(5)
rnn = RNN(3, 2)
rnn.Wxh = np.array([[0.3, -0.6, 0.2], [0.5, 0.4, -0.3], [-0.7, 0.1, 0.6], [0.2, 0.8, -0.5]])
rnn.Whh = np.array([[0.4, -0.2, 0.1, 0.3], [0.2, 0.5, -0.4, -0.1], [-0.3, 0.6, 0.2, 0.4], [0.1, -0.5, 0.3, 0.2]])
rnn.Why = np.array([[0.6, -0.4, 0.3, 0.5], [-0.2, 0.7, 0.1, -0.6]])

inputs = create_inputs('very very bad')
target = 1
for epoch in range(12):
    out, _ = rnn.forward(inputs)
    probs = softmax(out)
    loss = -np.log(probs[target])
    d_L_d_y = probs.copy()
    d_L_d_y[target] -= 1
    rnn.backprop(d_L_d_y, learn_rate=0.1)
    print('Epoch %d loss %.4f' % (epoch, loss[0]))
print(rnn.Wxh, rnn.Whh, rnn.Why, rnn.bh, rnn.by)
