import numpy as np

np.random.seed(3)
X = np.array([[1,2,3],[4,5,6]])
T = np.array([[0,1],[1,0]])
W1 = np.array([[0.1,0.2,0.3,0.4],[0.5,0.6,0.7,0.8],[0.9,1.0,1.1,1.2]])
W2 = np.array([[0.2,0.3],[0.4,0.5],[0.6,0.7],[0.8,0.9]])
def relu(z): return np.maximum(0,z)
def softmax(z):
    e=np.exp(z-np.max(z,axis=1,keepdims=True)); return e/np.sum(e,axis=1,keepdims=True)
lr=0.01
for epoch in range(100):
    z1 = X @ W1
    a1 = relu(z1)
    m = (np.random.rand(*a1.shape) < 0.6) / 0.6
    h = a1*m
    z2 = h @ W2
    p = softmax(z2)
    loss = -np.sum(T*np.log(p))
    dz2 = p - T
    dW2 = h.T @ dz2
    dh = dz2 @ W2.T
    da1 = dh*m
    dz1 = da1*(z1>0)
    dW1 = X.T @ dz1
    W1 -= lr*dW1
    W2 -= lr*dW2
print(W1, W2)
