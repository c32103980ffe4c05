import torch

X = torch.tensor([[0.9, -0.3, 0.4], [-0.6, 0.8, 0.2], [0.1, -0.7, 1.1], [0.5, 0.6, -0.8]])
y = torch.tensor([0, 2, 1, 2])

W = torch.tensor([[0.3, -0.2, 0.5], [-0.4, 0.6, 0.1], [0.2, 0.3, -0.6]], requires_grad=True)
b = torch.tensor([0.1, 0.0, -0.2], requires_grad=True)


def softmax(X):
    X_exp = torch.exp(X)
    partition = X_exp.sum(1, keepdim=True)
    return X_exp / partition


def net(X):
    return softmax(torch.matmul(X.reshape((-1, W.shape[0])), W) + b)


def cross_entropy(y_hat, y):
    return -torch.log(y_hat[range(len(y_hat)), y])


def sgd(params, lr, batch_size):
    """Minibatch stochastic gradient descent."""
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


lr = 0.3
num_epochs = 20


def updater(batch_size):
    return sgd([W, b], lr, batch_size)


for epoch in range(num_epochs):
    y_hat = net(X)
    l = cross_entropy(y_hat, y)
    l.sum().backward()
    updater(X.shape[0])
    with torch.no_grad():
        train_l = cross_entropy(net(X), y)
        print(f'epoch {epoch + 1}, loss {float(train_l.mean()):f}')
print(W, b)
