import numpy as np


class NeuralNetClassifier:
    """A small estimator with the interface of scikit-learn."""

    def __init__(self, hidden_layer_size=4, alpha=0.6, learning_rate_init=0.02, beta_1=0.9,
                 beta_2=0.999, epsilon=1e-8, max_iter=20):
        self.hidden_layer_size = hidden_layer_size
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter

    def _init_coef(self):
        self.coefs_ = [
            np.array([[0.27, 1.0, -0.16, -0.58], [0.04, 0.91, 0.2, -0.18], [-0.5, -0.31, 0.15, -1.49]]),
            np.array([[-0.25, 0.42, 1.15], [-1.29, 0.43, 0.28], [0.46, 0.53, 0.49], [-0.57, -0.08, -0.38]]),
        ]
        self.intercepts_ = [np.zeros(4), np.zeros(3)]
        self._m = [np.zeros_like(p) for p in self.coefs_ + self.intercepts_]
        self._v = [np.zeros_like(p) for p in self.coefs_ + self.intercepts_]
        self._t = 0

    def _one_hot(self, y):
        Y = np.zeros((len(y), self.n_classes_))
        Y[np.arange(len(y)), y] = 1
        return Y

    def _forward(self, X):
        self.z1_ = X @ self.coefs_[0] + self.intercepts_[0]
        self.a1_ = np.tanh(self.z1_)
        z2 = self.a1_ @ self.coefs_[1] + self.intercepts_[1]
        e = np.exp(z2 - z2.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def _loss(self, P, Y):
        n = Y.shape[0]
        ll = -np.sum(Y * np.log(P)) / n
        penalty = self.alpha / (2 * n) * sum(np.sum(c ** 2) for c in self.coefs_)
        return ll + penalty

    def _backward(self, X, P, Y):
        n = X.shape[0]
        delta2 = (P - Y) / n
        coef_grad2 = self.a1_.T @ delta2 + self.alpha / n * self.coefs_[1]
        intercept_grad2 = delta2.sum(axis=0)
        delta1 = delta2 @ self.coefs_[1].T * (1 - self.a1_ ** 2)
        coef_grad1 = X.T @ delta1 + self.alpha / n * self.coefs_[0]
        intercept_grad1 = delta1.sum(axis=0)
        return [coef_grad1, coef_grad2], [intercept_grad1, intercept_grad2]

    def _update(self, coef_grads, intercept_grads):
        self._t += 1
        params = self.coefs_ + self.intercepts_
        grads = coef_grads + intercept_grads
        for i, (p, g) in enumerate(zip(params, grads)):
            self._m[i] = self.beta_1 * self._m[i] + (1 - self.beta_1) * g
            self._v[i] = self.beta_2 * self._v[i] + (1 - self.beta_2) * (g ** 2)
            m_hat = self._m[i] / (1 - self.beta_1 ** self._t)
            v_hat = self._v[i] / (1 - self.beta_2 ** self._t)
            p -= self.learning_rate_init * m_hat / (np.sqrt(v_hat) + self.epsilon)

    def fit(self, X, y):
        self.n_classes_ = len(np.unique(y))
        Y = self._one_hot(y)
        self._init_coef()
        self.loss_curve_ = []
        for _ in range(self.max_iter):
            P = self._forward(X)
            self.loss_curve_.append(self._loss(P, Y))
            coef_grads, intercept_grads = self._backward(X, P, Y)
            self._update(coef_grads, intercept_grads)
        return self

    def predict_proba(self, X):
        return self._forward(X)

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)

    def score(self, X, y):
        return np.mean(self.predict(X) == y)


if __name__ == "__main__":
    X = np.array([[-0.23, 2.93, -1.13], [0.74, 0.88, 1.17], [0.31, -0.09, -0.21], [-1.01, -0.19, -0.41], [0.98, -0.11, 0.61], [-2.11, -0.44, -0.04]])
    y = np.array([0, 1, 2, 1, 0, 2])
    clf = NeuralNetClassifier().fit(X, y)
    print("loss curve:", clf.loss_curve_)
    print("probabilities:", clf.predict_proba(X))
    print("accuracy:", clf.score(X, y))
    print("coefs:", clf.coefs_)
    print("intercepts:", clf.intercepts_)
