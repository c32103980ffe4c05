import torch


class Module():
    def __call__(self, *args):
        self.args = args
        self.out = self.forward(*args)
        return self.out

    def forward(self):
        raise Exception('not implemented')

    def backward(self):
        self.bwd(self.out, *self.args)


class Relu(Module):
    def forward(self, inp):
        return inp.clamp_min(0.)

    def bwd(self, out, inp):
        inp.g = (inp > 0).double() * out.g


class Lin(Module):
    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, inp):
        return inp @ self.w + self.b

    def bwd(self, out, inp):
        inp.g = out.g @ self.w.t()
        self.w.g = inp.t() @ out.g
        self.b.g = out.g.sum(0)


class Mse(Module):
    def forward(self, inp, targ):
        return (inp.squeeze() - targ).pow(2).mean()

    def bwd(self, out, inp, targ):
        inp.g = 2 * (inp.squeeze() - targ).unsqueeze(-1) / targ.shape[0]


class Model():
    def __init__(self, w1, b1, w2, b2):
        self.layers = [Lin(w1, b1), Relu(), Lin(w2, b2)]
        self.loss = Mse()

    def __call__(self, x, targ):
        for l in self.layers:
            x = l(x)
        return self.loss(x, targ)

    def backward(self):
        self.loss.backward()
        for l in reversed(self.layers):
            l.backward()


torch.set_default_dtype(torch.float64)
x_train = torch.tensor([[0.6, -1.1, 0.4], [-0.2, 0.9, 0.7], [1.3, 0.2, -0.5], [-0.8, -0.4, 1.0]])
y_train = torch.tensor([3., 1., 2., 0.])
w1 = torch.tensor([[0.5, -0.8, 0.3, 0.6], [0.4, 0.2, -0.7, 0.1], [-0.3, 0.9, 0.5, -0.2]])
b1 = torch.tensor([0.1, 0.0, 0.2, -0.1])
w2 = torch.tensor([[0.7], [-0.4], [0.6], [0.5]])
b2 = torch.tensor([0.3])
model = Model(w1, b1, w2, b2)
lr = 0.05
for i in range(15):
    loss = model(x_train, y_train)
    model.backward()
    for l in model.layers:
        if isinstance(l, Lin):
            l.w -= l.w.g * lr
            l.b -= l.b.g * lr
    print(i, loss.item())
