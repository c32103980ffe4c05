"""NamesLSTM: forward and backward pass in NumPy, written by backhand.

captured   torch.export of NamesLSTM by PyTorch 2.13.0
run        python FILE predict input.npz --out output.npz
           python FILE train data.npz --epochs 3 --out trained.npz
           python FILE check
sizes      B batch, V vocabulary (27), C width (32); the other sizes are numbers
names      dX is the derivative of the loss by X and has the shape of X
weights    p holds arrays by their keys in the state_dict, dp derivatives by them
"""

import argparse
import sys
from zipfile import BadZipFile

import numpy as np

ARRAYS = __file__.removesuffix(".py") + ".npz"
SHAPES = {"x": ("B", 24), "targets": ("B", "T")}
V, C = 27, 32


# ---- operators, each followed by its derivative --------------------------------------------------


def at_all_times(x, w):
    # x @ w.T as one product of two matrices, which takes less time than one for each time
    return (x.reshape(-1, x.shape[-1]) @ w.T).reshape(*x.shape[:-1], len(w))


def lstm(x, h, c, w_ih, w_hh, b):
    # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2, so that one tanh makes all four gates
    half = np.repeat(np.array([0.5, 0.5, 1, 0.5], w_hh.dtype), h.shape[-1])
    rest, w, b = 1 - half, w_hh.T * half, b * half
    gates = at_all_times(x, w_ih * half[:, None])  # what the inputs add
    y, cells = np.empty_like(x, shape=(2, *x.shape[:2], h.shape[-1]))
    for t in range(len(x)):
        gates[t] = np.tanh(gates[t] + h @ w + b) * half + rest
        i, f, g, o = np.split(gates[t], 4, axis=-1)
        c = cells[t] = f * c + i * g
        h = y[t] = o * np.tanh(c)
    return y, cells, gates


def before_each(h, y):
    # the states before each time, from the first and those after each
    return np.concatenate([h[None], y[:-1]])


def over_time(dz, x):
    # dw of z = x @ w.T, for all times and the whole batch
    return dz.reshape(-1, dz.shape[-1]).T @ x.reshape(-1, x.shape[-1])


def lstm_backward(dy, dcells, x, h, c, w_ih, w_hh, y, cells, gates):
    dy, dcells, before = dy + np.zeros_like(y), dcells + np.zeros_like(y), before_each(c, cells)
    dh, dc, dz = np.zeros_like(h), np.zeros_like(c), np.empty_like(gates)
    for t in reversed(range(len(x))):
        i, f, g, o = np.split(gates[t], 4, axis=-1)
        tanh_c = np.tanh(cells[t])
        dh = dh + dy[t]
        dc = dc + dcells[t] + dh * o * (1 - tanh_c * tanh_c)
        di, df, dg = dc * g * i * (1 - i), dc * before[t] * f * (1 - f), dc * i * (1 - g * g)
        dz[t] = np.concatenate([di, df, dg, dh * tanh_c * o * (1 - o)], axis=-1)
        dh, dc = dz[t] @ w_hh, dc * f
    return at_all_times(dz, w_ih.T), dh, dc, over_time(dz, x), over_time(dz, before_each(h, y)), dz


def dropout_mask(generator, shape, rate, dtype):
    """0 where dropped, 1 / (1 - rate) where kept, as PyTorch draws it; no generator, no dropout."""
    if generator is None or rate == 0:
        return np.ones(shape, dtype)
    if rate == 1:
        return np.zeros(shape, dtype)
    # A 53-bit fraction below 1 - rate is kept; whole numbers compare faster and as exactly.
    kept = generator.randint(2**53, size=shape, dtype=np.int64) < int((1 - rate) * 2**53)
    return kept.astype(dtype) / (1 - rate)


def added_at(index, dy, shape):
    # what is read several times gets the sum
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, index, dy)
    return dx


def rows(x):
    """An array as a matrix: a row for each place along the axes before the last one."""
    return x.reshape(-1, x.shape[-1])


def log_softmax(x, *, axis=-1):
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def cross_entropy_labels(z, targets, *, ignore_index):
    rows, _ = z.shape
    kept = targets != ignore_index
    log_p = log_softmax(z)
    picked = np.take_along_axis(log_p, np.where(kept, targets, 0).reshape(rows, 1), axis=-1)
    return -np.where(kept, picked[:, 0], 0).sum() / kept.sum(dtype=z.dtype)


def softmax(x, *, axis=-1):
    # the largest becomes 0, so that exp cannot overflow; the quotient stays the same
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def cross_entropy_labels_backward(dloss, z, targets, *, ignore_index):
    kept = targets != ignore_index
    one_hot = np.arange(z.shape[-1]) == targets[:, None]
    # where no target counts nothing gets a derivative
    return dloss * (softmax(z) - one_hot) * kept[:, None] / (kept.sum(dtype=z.dtype) or 1)


# ---- where parameters are found ------------------------------------------------------------------


def inside(p, path):
    """The parameters of the module at `path`, by their names there."""
    start = path + "."
    return {name[len(start) :]: w for name, w in p.items() if name.startswith(start)}


def under(path, dp):
    """The derivatives by the parameters of the module at `path`, by their names here."""
    return {f"{path}.{name}": dw for name, dw in dp.items()}


# ---- modules, each followed by its derivative ----------------------------------------------------


def lstm_module(x, p):
    B = x.shape[0]
    x2 = x.swapaxes(0, 1)                   # [24, B, C]
    h = np.zeros((1, B, 96), "float32")[0]  # [B, 96]
    c = np.zeros((1, B, 96), "float32")[0]  # [B, 96]
    h2, cells2, gates = lstm(  # [24, B, 96]
        x2, h, c, p["weight_ih_l0"], p["weight_hh_l0"], p["bias_ih_l0"] + p["bias_hh_l0"]
    )
    output = h2.swapaxes(0, 1)              # [B, 24, 96]
    return output, (x2, h, c, h2, cells2, gates)


def lstm_module_backward(doutput, p, saved):
    x2, h, c, h2, cells2, gates = saved
    dp = {}
    # output = h2.swapaxes(0, 1)
    dh2 = doutput.swapaxes(0, 1)       # [24, B, 96]
    # h2, cells2, gates = lstm(x2, h, c, p["weight_ih_l0"], p["weight_hh_l0"], p["bias_ih_l0"] +
    # p["bias_hh_l0"])
    dx2, _, _, dp["weight_ih_l0"], dp["weight_hh_l0"], db_full = lstm_backward(  # [24, B, C]
        dh2, 0, x2, h, c, p["weight_ih_l0"], p["weight_hh_l0"], h2, cells2, gates
    )
    db = np.sum(db_full, axis=(0, 1))  # [384]
    # x2 = x.swapaxes(0, 1)
    dx = dx2.swapaxes(0, 1)            # [B, 24, C]
    dp["bias_ih_l0"] = db
    dp["bias_hh_l0"] = db
    return dx, dp


def dropout_module(x, generator=None):
    mask_shaped = x.transpose(1, 0, 2)    # [24, B, 96]
    mask_drawn = dropout_mask(generator, mask_shaped.shape, 0.2, mask_shaped.dtype)  # [24, B, 96]
    mask = mask_drawn.transpose(1, 0, 2)  # [B, 24, 96]
    dropout = x * mask                    # [B, 24, 96]
    return dropout, (mask,)


def dropout_module_backward(ddropout, saved):
    (mask,) = saved
    # dropout = x * mask
    dx = ddropout * mask  # [B, 24, 96]
    return dx


def network(x, p, generator=None):
    embedding = p["embedding.weight"][x]                        # [B, 24, C]
    x2, saved_lstm = lstm_module(embedding, inside(p, "lstm"))  # [B, 24, 96]
    dropout, saved_dropout = dropout_module(x2, generator)      # [B, 24, 96]
    output = dropout @ p["output.weight"].T + p["output.bias"]  # [B, 24, V]
    return output, (x, saved_lstm, dropout, saved_dropout)


def network_backward(doutput, p, saved):
    x, saved_lstm, dropout, saved_dropout = saved
    dp = {}
    # output = dropout @ p["output.weight"].T + p["output.bias"]
    ddropout = doutput @ p["output.weight"]                   # [B, 24, 96]
    dp["output.weight"] = rows(doutput).T @ rows(dropout)     # [V, 96]
    dp["output.bias"] = np.sum(doutput, axis=(0, 1))          # [V]
    # dropout = dropout_module(x2, generator)
    dx2 = dropout_module_backward(ddropout, saved_dropout)    # [B, 24, 96]
    # x2 = lstm_module(embedding, inside(p, "lstm"))
    dembedding, dp_lstm = lstm_module_backward(dx2, inside(p, "lstm"), saved_lstm)  # [B, 24, C]
    dp |= under("lstm", dp_lstm)
    # embedding = p["embedding.weight"][x]
    dp["embedding.weight"] = added_at(x, dembedding, (V, C))  # [V, C]
    return dp


def network_loss(outputs, targets):
    B, T = outputs.shape[:2]
    outputs2 = outputs.reshape(B * T, V)  # [B*T, V]
    targets2 = targets.reshape(B * T)     # [B*T]
    loss = cross_entropy_labels(outputs2, targets2, ignore_index=-100)
    return loss, (outputs2, targets2, B, T)


def network_loss_backward(dloss, saved):
    outputs2, targets2, B, T = saved
    # loss = cross_entropy_labels(outputs2, targets2, ignore_index=-100)
    # [B*T, V]
    doutputs2 = cross_entropy_labels_backward(dloss, outputs2, targets2, ignore_index=-100)
    # outputs2 = outputs.reshape(B * T, V)
    doutputs = doutputs2.reshape(B, T, V)  # [B, T, V]
    return doutputs


# ---- training ------------------------------------------------------------------------------------


def gradients(x, targets, p, generator=None):
    """The loss, and its derivatives by the parameters."""
    output, saved = network(x, p, generator)
    loss, saved_by_loss = network_loss(output, targets)
    doutput = network_loss_backward(1.0, saved_by_loss)
    return loss, network_backward(doutput, p, saved)


def new_state(p):
    """What RMSprop keeps of each parameter: v."""
    return {name: np.zeros_like(w) for name, w in p.items()}


def update(p, dp, state, step, learning_rate=0.002):
    """One step of RMSprop, in place; steps count from 1."""
    for name, dw in dp.items():
        w = p[name]
        v = state[name]
        v *= 0.99
        v += (1 - 0.99) * dw * dw
        root = np.sqrt(v) + 1e-08
        w -= learning_rate * dw / root


# ---- the command line ----------------------------------------------------------------------------


def stop(words):
    print(words, file=sys.stderr)
    sys.exit(2)


def load(file):
    """The arrays of an .npz file by their names."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, TypeError, ValueError, EOFError, BadZipFile) as error:
        stop(f"no .npz file can be read from {file}: {error}")


def load_data(file, *names):
    """The arrays of these names, whose shapes must be those that the network takes."""
    arrays, sizes = load(file), {}
    for name in names:
        if name not in arrays:
            stop(f"{file} has no array `{name}`, but {', '.join(arrays)}")
        shape, found = SHAPES[name], arrays[name].shape
        if len(shape) == len(found):  # each letter stands for one number, wherever it is
            sizes = dict(zip(shape, found, strict=True)) | sizes
        wanted = tuple(s if isinstance(s, int) else sizes.get(s, s) for s in shape)
        if found != wanted:
            stop(f"{file}: the shape of `{name}` is {found}, and not {wanted}")
    return arrays


def parameters(file=ARRAYS):
    """The weights in a file, without what `check` reads in it."""
    return {name: w for name, w in load(file).items() if ":" not in name}


def predict(arrays, p, generator=None):
    """The outputs by their names."""
    output, _ = network(arrays["x"], p, generator)
    return {"output": output}


def train(arrays, p, epochs, batch, seed, learning_rate):
    """Change the weights in place, and say the mean loss of each epoch."""
    generator = np.random.RandomState(seed)
    state, step = new_state(p), 0
    for epoch in range(1, epochs + 1):
        order, total = generator.permutation(len(arrays["x"])), 0.0
        for count, first in enumerate(range(0, len(order), batch), 1):
            some = order[first : first + batch]
            loss, dp = gradients(arrays["x"][some], arrays["targets"][some], p, generator)
            step, total = step + 1, total + loss
            update(p, dp, state, step, learning_rate)
            print(f"\repoch {epoch}, step {step}: loss {total / count:.6f}", end="", flush=True)
        print()
    return p


def check():
    """Hold this program against what PyTorch computed when it was written."""
    arrays, p = load(ARRAYS), parameters()
    given = {name[6:]: a for name, a in arrays.items() if name.startswith("given:")}
    found = predict(given, p, np.random.RandomState(0))
    found["loss"], dp = gradients(given["x"], given["targets"], p, np.random.RandomState(0))
    found |= {"d " + name: dw for name, dw in dp.items()}
    agree = []
    # a bound is how far rounding can lead, a reach 8 times how far it led at random
    for key, most in arrays.items():
        kind, _, name = key.partition(":")
        if kind in ("bound", "reach"):
            far = np.max(np.abs(found[name] - arrays["torch:" + name]), initial=0)
            agree.append(far <= most)
            word = "agrees" if agree[-1] else "DIFFERS"
            print(f"{word:8} {far:.1e} of {kind} {most:.1e}  {name}")
    print(f"{sum(agree)} of {len(agree)} agree")
    return all(agree)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["predict", "train", "check"])
    parser.add_argument("data", nargs="?", default="data.npz", help="an .npz of x, targets")
    parser.add_argument("--weights", default=ARRAYS, help="an .npz of trained weights")
    parser.add_argument("--out", default="out.npz", help="for the outputs or the trained weights")
    for option, number in [("--epochs", 1), ("--batch", 64), ("--seed", 0), ("--lr", 0.002)]:
        parser.add_argument(option, type=type(number), default=number)
    given = parser.parse_args()
    if given.command == "check":
        sys.exit(0 if check() else 1)
    p = parameters(given.weights)
    if given.command == "train":
        arrays = load_data(given.data, "x", "targets")
        made = train(arrays, p, given.epochs, given.batch, given.seed, given.lr)
    else:
        made = predict(load_data(given.data, "x"), p)
    np.savez(given.out, **made)
    print(f"written: {given.out}")


if __name__ == "__main__":
    main()
