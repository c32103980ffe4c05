import numpy as np


class SVM:

    def __init__(self, learning_rate=0.05, lambda_param=0.02, n_iters=30):
        self.lr = learning_rate
        self.lambda_param = lambda_param
        self.n_iters = n_iters
        self.w = None
        self.b = None

    def initialize(self, n_features):
        self.w = np.linspace(-0.3, 0.4, n_features)
        self.b = 0.1

    def decision_function(self, X):
        return np.dot(X, self.w) + self.b

    def hinge_loss(self, X, y):
        distances = 1 - y * self.decision_function(X)
        distances = np.maximum(0, distances)
        return self.lambda_param * np.dot(self.w, self.w) + np.mean(distances)

    def gradient(self, X, y):
        n_samples = X.shape[0]
        margin = y * self.decision_function(X)
        violated = margin < 1
        dw = 2 * self.lambda_param * self.w - np.dot(X[violated].T, y[violated]) / n_samples
        db = -np.sum(y[violated]) / n_samples
        return dw, db

    def fit(self, X, y):
        y_ = np.where(y <= 0, -1, 1)
        self.initialize(X.shape[1])
        self.history = []
        for _ in range(self.n_iters):
            dw, db = self.gradient(X, y_)
            self.history.append(self.hinge_loss(X, y_))
            self.w = self.w - self.lr * dw
            self.b = self.b - self.lr * db
        return self

    def predict(self, X):
        return np.sign(self.decision_function(X))


if __name__ == "__main__":
    X = np.array([[1.5, 0.4, -0.3], [-0.9, 1.1, 0.6], [0.7, -1.3, 0.8], [-0.2, -0.6, -1.1], [0.4, 0.9, 1.2]])
    y = np.array([1, 0, 1, 0, 1])
    clf = SVM()
    clf.fit(X, y)
    print(clf.w, clf.b)
    print(clf.history)
