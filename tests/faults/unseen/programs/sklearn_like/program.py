import numpy as np


class MLPClassifier:
    def __init__(self, n_hidden=5, eta=0.3, n_iter=20, random_state=7):
        self.n_hidden = n_hidden
        self.eta = eta
        self.n_iter = n_iter
        self.random_state = random_state

    def _onehot(self, y, n_classes):
        return np.eye(n_classes)[y]

    def _sigmoid(self, z):
        return 1.0 / (1.0 + np.exp(-z))

    def _softmax(self, z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def _forward(self, X):
        z_h = X @ self.w_h + self.b_h
        a_h = self._sigmoid(z_h)
        z_out = a_h @ self.w_out + self.b_out
        a_out = self._softmax(z_out)
        return z_h, a_h, z_out, a_out

    def _compute_cost(self, y_enc, output):
        return -np.sum(y_enc * np.log(output)) / y_enc.shape[0]

    def _backward(self, X, a_h, a_out, y_enc):
        delta_out = (a_out - y_enc) / X.shape[0]
        grad_w_out = a_h.T @ delta_out
        grad_b_out = delta_out.sum(axis=0)
        delta_h = (delta_out @ self.w_out.T) * a_h * (1.0 - a_h)
        grad_w_h = X.T @ delta_h
        grad_b_h = delta_h.sum(axis=0)
        return grad_w_h, grad_b_h, grad_w_out, grad_b_out

    def fit(self, X, y):
        rgen = np.random.RandomState(self.random_state)
        n_output = np.unique(y).shape[0]
        self.b_h = np.zeros(self.n_hidden)
        self.w_h = rgen.normal(0.0, 0.5, size=(X.shape[1], self.n_hidden))
        self.b_out = np.zeros(n_output)
        self.w_out = rgen.normal(0.0, 0.5, size=(self.n_hidden, n_output))
        self.costs_ = []
        y_enc = self._onehot(y, n_output)
        for _ in range(self.n_iter):
            _, a_h, _, a_out = self._forward(X)
            self.costs_.append(self._compute_cost(y_enc, a_out))
            g_w_h, g_b_h, g_w_out, g_b_out = self._backward(X, a_h, a_out, y_enc)
            self.w_h -= self.eta * g_w_h
            self.b_h -= self.eta * g_b_h
            self.w_out -= self.eta * g_w_out
            self.b_out -= self.eta * g_b_out
        return self

    def predict_proba(self, X):
        return self._forward(X)[-1]

    def predict(self, X):
        return np.argmax(self.predict_proba(X), axis=1)


X = np.array([[5.1, 3.5], [4.9, 3.0], [6.2, 2.9], [5.9, 3.2], [7.1, 3.0]]) - np.array([5.8, 3.1])
y = np.array([0, 0, 1, 1, 2])
clf = MLPClassifier().fit(X, y)
print(clf.costs_)
print(clf.predict(X))
