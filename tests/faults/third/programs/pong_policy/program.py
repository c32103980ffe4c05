""" Trains an agent with (stochastic) Policy Gradients. """
import numpy as np

# hyperparameters
H = 4  # number of hidden layer neurons
learning_rate = 1e-2
decay_rate = 0.99  # decay factor for RMSProp leaky sum of grad^2

# model initialization
model = {}
model['W1'] = np.array([[0.4, -0.6, 0.2], [-0.3, 0.5, 0.7], [0.8, 0.1, -0.4], [0.6, 0.3, 0.5]])
model['W2'] = np.array([0.7, -0.5, 0.6, 0.3])

rmsprop_cache = {k: np.zeros_like(v) for k, v in model.items()}


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))  # sigmoid "squashing" function to interval [0,1]


def policy_forward(x):
    h = np.dot(model['W1'], x)
    h[h < 0] = 0  # ReLU nonlinearity
    logp = np.dot(model['W2'], h)
    p = sigmoid(logp)
    return p, h  # return probability of taking action 2, and hidden state


def policy_backward(eph, epdlogp):
    """ backward pass. (eph is array of intermediate hidden states) """
    dW2 = np.dot(eph.T, epdlogp).ravel()
    dh = np.outer(epdlogp, model['W2'])
    dh[eph <= 0] = 0  # backpro prelu
    dW1 = np.dot(dh.T, epx)
    return {'W1': dW1, 'W2': dW2}


observations = np.array([[0.9, -0.2, 0.4], [0.3, 0.8, -0.6], [-0.5, 0.7, 1.0], [0.2, -0.9, 0.5]])
actions = [1, 0, 0, 1]
advantages = np.array([[1.2], [-0.7], [0.4], [-0.9]])

for episode in range(20):
    hs, dlogps = [], []
    for x, y in zip(observations, actions):
        aprob, h = policy_forward(x)
        hs.append(h)
        dlogps.append(y - aprob)  # grad that encourages the action that was taken

    epx = np.vstack(observations)
    eph = np.vstack(hs)
    epdlogp = np.vstack(dlogps)
    epdlogp *= advantages  # modulate the gradient with advantage (PG magic happens right here.)
    grad = policy_backward(eph, epdlogp)

    # perform rmsprop parameter update
    for k, v in model.items():
        g = grad[k]  # gradient
        rmsprop_cache[k] = decay_rate * rmsprop_cache[k] + (1 - decay_rate) * g**2
        model[k] += learning_rate * g / (np.sqrt(rmsprop_cache[k]) + 1e-5)

print(model)
