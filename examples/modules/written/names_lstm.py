"""NamesLSTM: forward and backward pass in NumPy, written by backhand.

captured   torch.export of NamesLSTM by PyTorch 2.13.0
run        python FILE predict input.npz --out output.npz
           python FILE train data.npz --epochs 3 --out trained.npz
           python FILE check
sizes      B batch; the other sizes are numbers
names      dX is the derivative of the loss by X and has the shape of X
weights    p holds arrays by their keys in the state_dict, dp derivatives by them
"""

import argparse
import sys

import numpy as np

ARRAYS = __file__.removesuffix(".py") + ".npz"


# ---- operators, each followed by its derivative --------------------------------------------------


def gate(z):
    # the sigmoid without a choice for each element, over which processors stumble; neither
    # exponent is above 0
    return np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z)))


def lstm(x, h, c, w_ih, w_hh, b):
    gates = x @ w_ih.T + b  # what the inputs add, for all times at once
    size, w = h.shape[-1], w_hh.T.copy()  # in one piece, because each time reads it
    y, cells = np.empty_like(x, shape=(2, *x.shape[:2], size))
    for t in range(len(x)):
        z = gates[t] + h @ w
        i, f, _, o = np.split(gate(z), 4, axis=-1)
        g = np.tanh(z[:, 2 * size : 3 * size])
        c = f * c + i * g
        h = o * np.tanh(c)
        y[t], cells[t], gates[t] = h, c, np.concatenate([i, f, g, o], axis=-1)
    return y, cells, gates


def over_time(dz, x):
    # dw of z = x @ w.T, for all times and the whole batch
    return dz.reshape(-1, dz.shape[-1]).T @ x.reshape(-1, x.shape[-1])


def before_each(h, y):
    # the states before each time, from the first and those after each
    return np.concatenate([h[None], y[:-1]])


def lstm_backward(dy, dcells, x, h, c, w_ih, w_hh, y, cells, gates):
    i, f, g, o = np.split(gates, 4, axis=-1)
    tanh_c = np.tanh(cells)
    # what dc, or dh for the last, is multiplied with to be the derivative by each gate's sum
    slopes = [g * i * (1 - i), before_each(c, cells) * f * (1 - f), i * (1 - g * g)]
    dz = np.concatenate([*slopes, tanh_c * o * (1 - o)], axis=-1)
    dc_by_dh = o * (1 - tanh_c * tanh_c)
    dy, dcells = dy + np.zeros_like(y), dcells + np.zeros_like(y)
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    for t in reversed(range(len(x))):
        dh = dh + dy[t]
        dc = dc + dcells[t] + dh * dc_by_dh[t]
        dz[t] *= np.concatenate([dc, dc, dc, dh], axis=-1)
        dh, dc = dz[t] @ w_hh, dc * f[t]
    return dz @ w_ih, dh, dc, over_time(dz, x), over_time(dz, before_each(h, y)), dz


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
    t = x.swapaxes(0, 1)                     # [24, B, 24]
    t2 = np.zeros((1, B, 96), "float32")[0]  # [B, 96]
    t3 = np.zeros((1, B, 96), "float32")[0]  # [B, 96]
    # [24, B, 96], [24, B, 96], [24, B, 384]
    y, cells2, gates = lstm(
        t, t2, t3, p["weight_ih_l0"], p["weight_hh_l0"], p["bias_ih_l0"] + p["bias_hh_l0"]
    )
    output = y.swapaxes(0, 1)                # [B, 24, 96]
    return output, (t, t2, t3, y, cells2, gates)


def lstm_module_backward(doutput, p, saved):
    t, t2, t3, y, cells2, gates = saved
    dp = {}
    # output = y.swapaxes(0, 1)
    dy = doutput.swapaxes(0, 1)           # [24, B, 96]
    # y, cells2, gates = lstm(t, t2, t3, p["weight_ih_l0"], p["weight_hh_l0"], p["bias_ih_l0"] +
    # p["bias_hh_l0"])
    # [24, B, 24], [384, 24], [384, 96], [24, B, 384]
    dt, _, _, dp["weight_ih_l0"], dp["weight_hh_l0"], d_t4_full = lstm_backward(
        dy, 0, t, t2, t3, p["weight_ih_l0"], p["weight_hh_l0"], y, cells2, gates
    )
    dt4 = np.sum(d_t4_full, axis=(0, 1))  # [384]
    # t = x.swapaxes(0, 1)
    dx = dt.swapaxes(0, 1)                # [B, 24, 24]
    dp["bias_ih_l0"] = dt4
    dp["bias_hh_l0"] = dt4
    return dx, dp


def dropout_module(x, generator=None):
    t = x.transpose(1, 0, 2)                               # [24, B, 96]
    mask = dropout_mask(generator, t.shape, 0.2, t.dtype)  # [24, B, 96]
    t2 = mask.transpose(1, 0, 2)                           # [B, 24, 96]
    x2 = x * t2                                            # [B, 24, 96]
    return x2, (t2,)


def dropout_module_backward(dx2, saved):
    (t2,) = saved
    # x2 = x * t2
    dx = dx2 * t2  # [B, 24, 96]
    return dx


def network(x, p, generator=None):
    x2 = p["embedding.weight"][x]                                # [B, 24, 24]
    lstm2, saved_lstm = lstm_module(x2, inside(p, "lstm"))       # [B, 24, 96]
    dropout2, saved_dropout = dropout_module(lstm2, generator)   # [B, 24, 96]
    output = dropout2 @ p["output.weight"].T + p["output.bias"]  # [B, 24, 27]
    return output, (x, saved_lstm, dropout2, saved_dropout)


def network_backward(doutput, p, saved):
    x, saved_lstm, dropout2, saved_dropout = saved
    dp = {}
    # output = dropout2 @ p["output.weight"].T + p["output.bias"]
    ddropout2 = doutput @ p["output.weight"]                                    # [B, 24, 96]
    # [27, 96]
    dp["output.weight"] = (
        doutput.reshape(-1, doutput.shape[-1]).T @ dropout2.reshape(-1, dropout2.shape[-1])
    )
    dp["output.bias"] = np.sum(doutput, axis=(0, 1))                            # [27]
    # dropout2 = dropout_module(lstm2, generator)
    dlstm2 = dropout_module_backward(ddropout2, saved_dropout)                  # [B, 24, 96]
    # lstm2 = lstm_module(x2, inside(p, "lstm"))
    dx2, dp_lstm = lstm_module_backward(dlstm2, inside(p, "lstm"), saved_lstm)  # [B, 24, 24]
    dp |= under("lstm", dp_lstm)
    # x2 = p["embedding.weight"][x]
    dp["embedding.weight"] = added_at(x, dx2, (27, 24))                         # [27, 24]
    return dp


def lstm_module_evaluated(x, p):
    B = x.shape[0]
    t = x.swapaxes(0, 1)                     # [24, B, 24]
    t2 = np.zeros((1, B, 96), "float32")[0]  # [B, 96]
    t3 = np.zeros((1, B, 96), "float32")[0]  # [B, 96]
    # [24, B, 96]
    y, *_ = lstm(t, t2, t3, p["weight_ih_l0"], p["weight_hh_l0"], p["bias_ih_l0"] + p["bias_hh_l0"])
    output = y.swapaxes(0, 1)                # [B, 24, 96]
    return output


def network_evaluated(x, p):
    x2 = p["embedding.weight"][x]                             # [B, 24, 24]
    lstm2 = lstm_module_evaluated(x2, inside(p, "lstm"))      # [B, 24, 96]
    output = lstm2 @ p["output.weight"].T + p["output.bias"]  # [B, 24, 27]
    return output


def network_loss(outputs, targets):
    B, T = outputs.shape[:2]
    t = outputs.reshape(T * B, 27)  # [T*B, 27]
    t2 = targets.reshape(T * B)     # [T*B]
    output = cross_entropy_labels(t, t2, ignore_index=-100)
    return output, (t, t2, B, T)


def network_loss_backward(doutput, saved):
    t, t2, B, T = saved
    # output = cross_entropy_labels(t, t2, ignore_index=-100)
    dt = cross_entropy_labels_backward(doutput, t, t2, ignore_index=-100)  # [T*B, 27]
    # t = outputs.reshape(T * B, 27)
    doutputs = dt.reshape(B, T, 27)                                        # [B, T, 27]
    return doutputs


# ---- training ------------------------------------------------------------------------------------


def gradients(x, targets, p, generator=None):
    """The loss, and its derivatives by the parameters."""
    output, saved = network(x, p, generator)
    loss, saved_by_loss = network_loss(output, targets)
    doutput = network_loss_backward(1.0, saved_by_loss)
    dp = network_backward(doutput, p, saved)
    return loss, dp


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


def load(file):
    """The arrays of an .npz file by their names."""
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def parameters():
    """The arrays that lie beside this program, without what `check` reads."""
    return {name: w for name, w in load(ARRAYS).items() if ":" not in name}


def predict(arrays, p, generator=None):
    """The outputs by their names."""
    x = arrays["x"]
    output = network_evaluated(x, p)
    return {"output": output}


def train(arrays, p, epochs, batch, seed, learning_rate):
    """Change the weights in place; return the mean loss of each epoch."""
    generator = np.random.RandomState(seed)
    state, step, means = new_state(p), 0, []
    for epoch in range(epochs):
        order = generator.permutation(len(arrays["x"]))
        losses = []
        for first in range(0, len(order), batch):
            rows = order[first : first + batch]
            x, targets = arrays["x"][rows], arrays["targets"][rows]
            loss, dp = gradients(x, targets, p, generator)
            step += 1
            update(p, dp, state, step, learning_rate)
            losses.append(float(loss))
            print(f"\repoch {epoch + 1}, step {step}: loss {loss:.6f}", end="", file=sys.stderr)
        means.append(float(np.mean(losses)))
        print(f"\repoch {epoch + 1} of {epochs}: loss {means[-1]:.6f}".ljust(60))
    return means


def compared(name, ours, theirs, bound):
    """Say how far an array is from PyTorch's, and whether rounding explains it."""
    far = float(np.max(np.abs(ours - theirs), initial=0))
    known = bool(np.isfinite(bound))
    word = "no bound" if not known else "agrees" if far <= bound else "DIFFERS"
    print(f"{word:8}  {far:.1e} of {float(bound):.1e}  {name}")
    return word


def check():
    """Hold this program against what PyTorch computed when it was written."""
    arrays, p = load(ARRAYS), parameters()
    given = {name[6:]: a for name, a in arrays.items() if name.startswith("given:")}
    found = predict(given, p, np.random.RandomState(0))
    found["loss"], dp = gradients(given["x"], given["targets"], p, np.random.RandomState(0))
    found |= {"d " + name: dw for name, dw in dp.items()}
    theirs = {name[6:]: a for name, a in arrays.items() if name.startswith("torch:")}
    words = [
        compared(name, found[name], theirs[name], arrays["bound:" + name]) for name in theirs
    ]
    count = words.count("agrees")
    print(f"{count} of {len(words)} agree within a bound")
    return "DIFFERS" not in words


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("predict", help="outputs for an .npz of x")
    one.add_argument("input")
    one.add_argument("--out", help="an .npz for the outputs, which are else printed")
    one = commands.add_parser("train", help="on an .npz of x, targets")
    one.add_argument("data")
    one.add_argument("--epochs", type=int, default=1)
    one.add_argument("--batch", type=int, default=64)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--lr", type=float, default=0.002)
    one.add_argument("--out", required=True, help="an .npz for the trained weights")
    commands.add_parser("check", help="hold this program against PyTorch's numbers")
    given = parser.parse_args()
    if given.command == "predict":
        outputs = predict(load(given.input), parameters())
        if given.out:
            np.savez(given.out, **outputs)
        else:
            print(outputs)
    elif given.command == "train":
        p = parameters()
        train(load(given.data), p, given.epochs, given.batch, given.seed, given.lr)
        np.savez(given.out, **p)
        print(f"the trained weights are in {given.out}")
    else:
        sys.exit(0 if check() else 1)


if __name__ == "__main__":
    main()
