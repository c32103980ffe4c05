import numpy as np
X = np.array([ [0,0,1],[0,1,1],[1,0,1],[1,1,1] ])
y = np.array([[0,1,1,0]]).T
syn0 = np.array([[-0.25, -0.34, -0.69, -0.53], [-0.4, 1.42, 1.94, 0.44], [-0.02, 0.76, 2.05, -1.59]])
syn1 = np.array([[0.58], [-0.99], [-0.4], [-2.0]])
for j in range(100):
    l1 = 1/(1+np.exp(-(np.dot(X,syn0))))
    l2 = 1/(1+np.exp(-(np.dot(l1,syn1))))
    l2_delta = (y - l2)*(l2*(1-l2))
    l1_delta = l2_delta.dot(syn1.T) * (l1 * (1-l1))
    syn1 += l1.T.dot(l2_delta)
    syn0 += X.T.dot(l1_delta)
print(syn0)
print(syn1)
print(l2)
