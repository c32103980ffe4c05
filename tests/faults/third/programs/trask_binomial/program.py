import numpy as np

X = np.array([[0.5, 0.2, 1.0], [0.1, 0.9, 1.0], [0.8, 0.4, 1.0], [0.7, 0.6, 1.0]])
y = np.array([[0, 1, 1, 0]]).T
alpha, hidden_dim, dropout_percent, do_dropout = (0.5, 4, 0.2, True)
np.random.seed(1)
synapse_0 = 2 * np.random.random((3, hidden_dim)) - 1
synapse_1 = 2 * np.random.random((hidden_dim, 1)) - 1
for j in range(25):
    layer_1 = (1 / (1 + np.exp(-(np.dot(X, synapse_0)))))
    if do_dropout:
        mask = np.random.binomial(1, 1 - dropout_percent, size=layer_1.shape) * (1.0 / (1 - dropout_percent))
        layer_1_out = layer_1 * mask
    layer_2 = 1 / (1 + np.exp(-(np.dot(layer_1_out, synapse_1))))
    layer_2_error = layer_2 - y
    layer_2_delta = layer_2_error * (layer_2 * (1 - layer_2))
    layer_1_delta = layer_2_delta.dot(synapse_1.T) * mask * (layer_1 * (1 - layer_1))
    synapse_1 -= (alpha * layer_1_out.T.dot(layer_2_delta))
    synapse_0 -= (alpha * X.T.dot(layer_1_delta))
    if j % 5 == 0:
        print("Error:" + str(np.mean(np.abs(layer_2_error))))
