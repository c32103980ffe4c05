# Long names, everything in one function, products in place.
import numpy as np


def main():
    np.random.seed(5)
    inputs = np.array([[1,2,3],[4,5,6]], dtype=float)
    targets = np.array([[0,1],[1,0]], dtype=float)
    weights_input_hidden = np.array([[0.1,0.2,0.3,0.4],[0.5,0.6,0.7,0.8],[0.9,1.0,1.1,1.2]])
    weights_hidden_output = np.array([[0.2,0.3],[0.4,0.5],[0.6,0.7],[0.8,0.9]])
    for epoch in range(100):
        hidden_input = np.dot(inputs, weights_input_hidden)
        hidden_output = np.maximum(0, hidden_input)
        dropout_mask = (np.random.rand(*hidden_output.shape) > 0.4).astype(float) / 0.6
        hidden_output *= dropout_mask
        final_input = np.dot(hidden_output, weights_hidden_output)
        exp = np.exp(final_input - np.max(final_input, axis=1, keepdims=True))
        final_output = exp / np.sum(exp, axis=1, keepdims=True)
        error = final_output - targets
        hidden_error = np.dot(error, weights_hidden_output.T)
        hidden_delta = hidden_error * dropout_mask * (hidden_input > 0)
        weights_hidden_output -= 0.01 * np.dot(hidden_output.T, error)
        weights_input_hidden -= 0.01 * np.dot(inputs.T, hidden_delta)
    print(weights_input_hidden)
main()
