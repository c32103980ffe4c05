# %% cell
import numpy as np
%matplotlib inline
# %% cell
data = np.array([[2.1, 3.0, 4.0], [1.6, 3.0, 3.3], [2.4, 3.0, 3.7], [1.4, 2.0, 2.3], [3.0, 4.0, 5.4], [1.9, 4.0, 3.0]])
X = data[:, :2]
y = data[:, 2:]
m = len(y)
# %% cell
def featureNormalize(X):
    mu = np.mean(X, axis=0)
    sigma = np.std(X, axis=0)
    X_norm = (X - mu) / sigma
    return X_norm, mu, sigma

X, mu, sigma = featureNormalize(X)
X = np.hstack((np.ones((m, 1)), X))
theta = np.zeros((3, 1))
# %% cell
def computeCostMulti(X, y, theta):
    m = len(y)
    h = X @ theta
    J = np.sum((h - y) ** 2) / (2 * m)
    return J

computeCostMulti(X, y, theta)
# %% cell
def gradientDescentMulti(X, y, theta, alpha, num_iters):
    m = len(y)
    J_history = []
    for i in range(num_iters):
        h = X @ theta
        grad = X.T @ (h - y) / m
        theta = theta - alpha * grad
        J_history.append(computeCostMulti(X, y, theta))
    return theta, J_history
# %% cell
alpha = 0.1
num_iters = 50
theta, J_history = gradientDescentMulti(X, y, theta, alpha, num_iters)
print(theta)
print(J_history[-1])
