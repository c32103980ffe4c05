"""GPT2LMHeadModel: forward and backward pass in NumPy, written by backhand.

captured   torch.export of GPT2LMHeadModel by PyTorch 2.13.0
run        python FILE predict input.npz --out output.npz
           python FILE train data.npz --epochs 3 --out trained.npz
           python FILE check
sizes      B batch, T sequence, V vocabulary (101), C width (64), H heads (4), D width of a head
           (16); the other sizes are numbers
names      dX is the derivative of the loss by X and has the shape of X
weights    p holds arrays by their keys in the state_dict, dp derivatives by them
"""

import argparse
import sys
from zipfile import BadZipFile

import numpy as np

ARRAYS = __file__.removesuffix(".py") + ".npz"
SHAPES = {"input_ids": ("B", "T"), "labels": ("B", "T")}
V, C, H, D = 101, 64, 4, 16


# ---- operators, each followed by its derivative --------------------------------------------------


def softmax(x, *, axis=-1):
    # the largest becomes 0, so that exp cannot overflow; the quotient stays the same
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def dropout_mask(generator, shape, rate, dtype):
    """0 where dropped, 1 / (1 - rate) where kept, as PyTorch draws it; no generator, no dropout."""
    if generator is None or rate == 0:
        return np.ones(shape, dtype)
    if rate == 1:
        return np.zeros(shape, dtype)
    # A 53-bit fraction below 1 - rate is kept; whole numbers compare faster and as exactly.
    kept = generator.randint(2**53, size=shape, dtype=np.int64) < int((1 - rate) * 2**53)
    return kept.astype(dtype) / (1 - rate)


def gelu_tanh(x):
    t = np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x))
    return 0.5 * x * (1 + t), t


def gelu_tanh_backward(dy, x, t):
    slope = (1 - t * t) * (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * x * x)
    return dy * (0.5 * (1 + t) + 0.5 * x * slope)


def layer_norm(x, g, b, *, eps=1e-05):
    centred = x - x.mean(axis=-1, keepdims=True)
    # eps keeps the root away from 0 where all x are equal
    sigma = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
    xhat = centred / sigma
    return g * xhat + b, xhat, sigma


def normalised_backward(ds, xhat, sigma):
    # each x moves every xhat of its row: through the mean, and through the variance
    centred = ds - ds.mean(axis=-1, keepdims=True)
    return (centred - xhat * (ds * xhat).mean(axis=-1, keepdims=True)) / sigma


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


def cross_entropy_labels_backward(dloss, z, targets, *, ignore_index):
    kept = targets != ignore_index
    one_hot = np.arange(z.shape[-1]) == targets[:, None]
    # where no target counts nothing gets a derivative
    return dloss * (softmax(z) - one_hot) * kept[:, None] / (kept.sum(dtype=z.dtype) or 1)


def rows(x):
    """An array as a matrix: a row for each place along the axes before the last one."""
    return x.reshape(-1, x.shape[-1])


# ---- where parameters are found ------------------------------------------------------------------


def inside(p, path):
    """The parameters of the module at `path`, by their names there."""
    start = path + "."
    return {name[len(start) :]: w for name, w in p.items() if name.startswith(start)}


def under(path, dp):
    """The derivatives by the parameters of the module at `path`, by their names here."""
    return {f"{path}.{name}": dw for name, dw in dp.items()}


# ---- modules, each followed by its derivative ----------------------------------------------------


def gpt2_attention(x, p, generator=None):
    B, T = x.shape[:2]
    q, k, v = np.split(x @ p["c_attn.weight"] + p["c_attn.bias"], 3, axis=2)  # each [B, T, C]
    v2 = v.reshape(B, T, -1, D).swapaxes(1, 2)                                # [B, H, T, D]
    q2 = q.reshape(B, T, -1, D).swapaxes(1, 2)                                # [B, H, T, D]
    kt = k.reshape(B, T, -1, D).swapaxes(1, 2).swapaxes(-2, -1)               # [B, H, D, T]
    scores = q2 @ kt * D ** -0.5                                              # [B, H, T, T]
    # [B, H, T, T]
    att = softmax(np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -np.inf))
    mask = dropout_mask(generator, att.shape, 0.1, att.dtype)                 # [B, H, T, T]
    kept = att * mask                                                         # [B, H, T, T]
    t = (kept @ v2).swapaxes(1, 2).reshape(B, T, -1)                          # [B, T, C]
    out = t @ p["c_proj.weight"] + p["c_proj.bias"]                           # [B, T, C]
    mask2 = dropout_mask(generator, out.shape, 0.1, out.dtype)                # [B, T, C]
    out2 = out * mask2                                                        # [B, T, C]
    return out2, (x, v2, q2, kt, att, mask, kept, t, mask2)


def gpt2_attention_backward(dout2, p, saved):
    x, v2, q2, kt, att, mask, kept, t, mask2 = saved
    B, T = dout2.shape[:2]
    dp = {}
    # out2 = out * mask2
    dout = dout2 * mask2                                                        # [B, T, C]
    # out = t @ p["c_proj.weight"] + p["c_proj.bias"]
    dt = dout @ p["c_proj.weight"].T                                            # [B, T, C]
    dp["c_proj.weight"] = rows(t).T @ rows(dout)                                # [C, C]
    dp["c_proj.bias"] = np.sum(dout, axis=(0, 1))                               # [C]
    # t = (kept @ v2).swapaxes(1, 2).reshape(B, T, -1)
    dout3 = dt.reshape(B, T, H, D).swapaxes(1, 2)                               # [B, H, T, D]
    dkept = dout3 @ v2.swapaxes(-1, -2)                                         # [B, H, T, T]
    dv2 = kept.swapaxes(-1, -2) @ dout3                                         # [B, H, T, D]
    # kept = att * mask
    datt = dkept * mask                                                         # [B, H, T, T]
    # att = softmax(np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, -np.inf))
    dscores = np.tril(att * (datt - (datt * att).sum(axis=-1, keepdims=True)))  # [B, H, T, T]
    # scores = q2 @ kt * D ** -0.5
    dz = dscores * D ** -0.5                                                    # [B, H, T, T]
    dq2 = dz @ kt.swapaxes(-1, -2)                                              # [B, H, T, D]
    dkt = q2.swapaxes(-1, -2) @ dz                                              # [B, H, D, T]
    # q2 = q.reshape(B, T, -1, D).swapaxes(1, 2)
    dq = dq2.swapaxes(1, 2).reshape(B, T, C)                                    # [B, T, C]
    # v2 = v.reshape(B, T, -1, D).swapaxes(1, 2)
    dv = dv2.swapaxes(1, 2).reshape(B, T, C)                                    # [B, T, C]
    # kt = k.reshape(B, T, -1, D).swapaxes(1, 2).swapaxes(-2, -1)
    dk = dkt.swapaxes(-2, -1).swapaxes(1, 2).reshape(B, T, C)                   # [B, T, C]
    # q, k, v = np.split(x @ p["c_attn.weight"] + p["c_attn.bias"], 3, axis=2)
    dc_attn = np.concatenate((dq, dk, dv), axis=2)                              # [B, T, 3*C]
    dx = dc_attn @ p["c_attn.weight"].T                                         # [B, T, C]
    dp["c_attn.weight"] = rows(x).T @ rows(dc_attn)                             # [C, 3*C]
    dp["c_attn.bias"] = np.sum(dc_attn, axis=(0, 1))                            # [3*C]
    return dx, dp


def gpt2_mlp(x, p, generator=None):
    x2 = x @ p["c_fc.weight"] + p["c_fc.bias"]               # [B, T, 4*C]
    x3, t = gelu_tanh(x2)                                    # each [B, T, 4*C]
    x4 = x3 @ p["c_proj.weight"] + p["c_proj.bias"]          # [B, T, C]
    mask = dropout_mask(generator, x4.shape, 0.1, x4.dtype)  # [B, T, C]
    x5 = x4 * mask                                           # [B, T, C]
    return x5, (x, x2, x3, t, mask)


def gpt2_mlp_backward(dx5, p, saved):
    x, x2, x3, t, mask = saved
    dp = {}
    # x5 = x4 * mask
    dx4 = dx5 * mask                              # [B, T, C]
    # x4 = x3 @ p["c_proj.weight"] + p["c_proj.bias"]
    dx3 = dx4 @ p["c_proj.weight"].T              # [B, T, 4*C]
    dp["c_proj.weight"] = rows(x3).T @ rows(dx4)  # [4*C, C]
    dp["c_proj.bias"] = np.sum(dx4, axis=(0, 1))  # [C]
    # x3, t = gelu_tanh(x2)
    dx2 = gelu_tanh_backward(dx3, x2, t)          # [B, T, 4*C]
    # x2 = x @ p["c_fc.weight"] + p["c_fc.bias"]
    dx = dx2 @ p["c_fc.weight"].T                 # [B, T, C]
    dp["c_fc.weight"] = rows(x).T @ rows(dx2)     # [C, 4*C]
    dp["c_fc.bias"] = np.sum(dx2, axis=(0, 1))    # [4*C]
    return dx, dp


def gpt2_block(x, p, generator=None):
    x2, xhat, sigma = layer_norm(x, p["ln_1.weight"], p["ln_1.bias"])     # [B, T, C]
    out, saved_attn = gpt2_attention(x2, inside(p, "attn"), generator)    # [B, T, C]
    x3 = out + x                                                          # [B, T, C]
    x4, xhat2, sigma2 = layer_norm(x3, p["ln_2.weight"], p["ln_2.bias"])  # [B, T, C]
    ff, saved_mlp = gpt2_mlp(x4, inside(p, "mlp"), generator)             # [B, T, C]
    x5 = x3 + ff                                                          # [B, T, C]
    return x5, (xhat, sigma, saved_attn, xhat2, sigma2, saved_mlp)


def gpt2_block_backward(dx5, p, saved):
    xhat, sigma, saved_attn, xhat2, sigma2, saved_mlp = saved
    dp = {}
    # ff = gpt2_mlp(x4, inside(p, "mlp"), generator)
    dx4, dp_mlp = gpt2_mlp_backward(dx5, inside(p, "mlp"), saved_mlp)           # [B, T, C]
    dp |= under("mlp", dp_mlp)
    # x4, xhat2, sigma2 = layer_norm(x3, p["ln_2.weight"], p["ln_2.bias"])
    dx3_x4 = normalised_backward(dx4 * p["ln_2.weight"], xhat2, sigma2)         # [B, T, C]
    dp["ln_2.weight"] = np.sum(dx4 * xhat2, axis=(0, 1))                        # [C]
    dp["ln_2.bias"] = np.sum(dx4, axis=(0, 1))                                  # [C]
    # x3 is used twice: its derivatives add
    dx3 = dx5 + dx3_x4                                                          # [B, T, C]
    # out = gpt2_attention(x2, inside(p, "attn"), generator)
    dx2, dp_attn = gpt2_attention_backward(dx3, inside(p, "attn"), saved_attn)  # [B, T, C]
    dp |= under("attn", dp_attn)
    # x2, xhat, sigma = layer_norm(x, p["ln_1.weight"], p["ln_1.bias"])
    dx_x2 = normalised_backward(dx2 * p["ln_1.weight"], xhat, sigma)            # [B, T, C]
    dp["ln_1.weight"] = np.sum(dx2 * xhat, axis=(0, 1))                         # [C]
    dp["ln_1.bias"] = np.sum(dx2, axis=(0, 1))                                  # [C]
    # x is used twice: its derivatives add
    dx = dx3 + dx_x2                                                            # [B, T, C]
    return dx, dp


def gpt2_model(input_ids, p, generator=None):
    T = input_ids.shape[1]
    position_ids = np.arange(T).reshape((1, -1))                          # [1, T]
    x = p["wte.weight"][input_ids] + p["wpe.weight"][position_ids]        # [B, T, C]
    mask = dropout_mask(generator, x.shape, 0.1, x.dtype)                 # [B, T, C]
    x2 = x * mask                                                         # [B, T, C]
    saved_h = []
    for i in range(12):
        x2, saved_block = gpt2_block(x2, inside(p, f"h.{i}"), generator)  # [B, T, C]
        saved_h.append(saved_block)
    x3, xhat, sigma = layer_norm(x2, p["ln_f.weight"], p["ln_f.bias"])    # [B, T, C]
    return x3, (input_ids, position_ids, mask, saved_h, xhat, sigma)


def gpt2_model_backward(dx3, p, saved):
    input_ids, position_ids, mask, saved_h, xhat, sigma = saved
    dp = {}
    # x3, xhat, sigma = layer_norm(x2, p["ln_f.weight"], p["ln_f.bias"])
    dx2 = normalised_backward(dx3 * p["ln_f.weight"], xhat, sigma)             # [B, T, C]
    dp["ln_f.weight"] = np.sum(dx3 * xhat, axis=(0, 1))                        # [C]
    dp["ln_f.bias"] = np.sum(dx3, axis=(0, 1))                                 # [C]
    for i in reversed(range(12)):
        # x2 = gpt2_block(x2, inside(p, f"h.{i}"), generator)
        dx2, dp_h = gpt2_block_backward(dx2, inside(p, f"h.{i}"), saved_h[i])  # [B, T, C]
        dp |= under(f"h.{i}", dp_h)
    # x2 = x * mask
    dx = dx2 * mask                                                            # [B, T, C]
    # x = p["wte.weight"][input_ids] + p["wpe.weight"][position_ids]
    dp["wpe.weight"] = added_at(position_ids, np.sum(dx, axis=0, keepdims=True), (32, C))  # [32, C]
    dp["wte.weight"] = added_at(input_ids, dx, (V, C))                         # [V, C]
    return dp


def network(input_ids, labels, p, generator=None):
    x, saved_transformer = gpt2_model(input_ids, inside(p, "transformer"), generator)  # [B, T, C]
    logits = x @ p["transformer.wte.weight"].T                        # [B, T, V]
    labels2 = np.pad(labels, ((0, 0), (0, 1)), constant_values=-100)  # [B, T + 1]
    logits2 = logits.reshape(-1, V)                                   # [B*T, V]
    shift_labels = labels2[:, 1:].reshape(-1)                         # [B*T]
    loss = cross_entropy_labels(logits2, shift_labels, ignore_index=-100)
    return loss, logits, (x, saved_transformer, logits2, shift_labels)


def network_backward(dloss, p, saved):
    x, saved_transformer, logits2, shift_labels = saved
    B, T = x.shape[:2]
    dp = {}
    # loss = cross_entropy_labels(logits2, shift_labels, ignore_index=-100)
    # [B*T, V]
    dlogits2 = cross_entropy_labels_backward(dloss, logits2, shift_labels, ignore_index=-100)
    # logits2 = logits.reshape(-1, V)
    dlogits = dlogits2.reshape(B, T, V)                           # [B, T, V]
    # logits = x @ p["transformer.wte.weight"].T
    dx = dlogits @ p["transformer.wte.weight"]                    # [B, T, C]
    dtransformer_wte_weight_logits = rows(dlogits).T @ rows(x)    # [V, C]
    # x = gpt2_model(input_ids, inside(p, "transformer"), generator)
    dp_transformer = gpt2_model_backward(dx, inside(p, "transformer"), saved_transformer)
    dtransformer_wte_weight_x = dp_transformer.pop("wte.weight")  # [V, C]
    dp |= under("transformer", dp_transformer)
    # [V, C], transformer_wte_weight is used twice: its derivatives add
    dp["transformer.wte.weight"] = dtransformer_wte_weight_logits + dtransformer_wte_weight_x
    return dp


# ---- training ------------------------------------------------------------------------------------


def gradients(input_ids, labels, p, generator=None):
    """The loss, and its derivatives by the parameters."""
    loss, _, saved = network(input_ids, labels, p, generator)
    return loss, network_backward(1.0, p, saved)


def new_state(p):
    """What AdamW keeps of each parameter: m, v."""
    return {name: (np.zeros_like(w), np.zeros_like(w)) for name, w in p.items()}


def update(p, dp, state, step, learning_rate=0.001):
    """One step of AdamW, in place; steps count from 1."""
    for name, dw in dp.items():
        w = p[name]
        m, v = state[name]
        # decoupled: the decay acts on the weight itself, not through the derivative
        w *= 1 - learning_rate * 0.01
        m += (1 - 0.9) * (dw - m)
        v *= 0.999
        v += (1 - 0.999) * dw * dw
        # m and v begin at 0; dividing by 1 - beta ** step makes up for it
        step_size = learning_rate / (1 - 0.9**step)
        root = np.sqrt(v) / (1 - 0.999**step) ** 0.5
        w -= step_size * m / (root + 1e-08)


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
    p = {name: w for name, w in load(file).items() if ":" not in name}
    p["lm_head.weight"] = p["transformer.wte.weight"]  # two names of one array
    return p


def predict(arrays, p, generator=None):
    """The outputs by their names."""
    loss, logits, _ = network(arrays["input_ids"], arrays["labels"], p, generator)
    return {"loss": loss, "logits": logits}


def train(arrays, p, epochs, batch, seed, learning_rate):
    """Change the weights in place, and say the mean loss of each epoch."""
    generator = np.random.RandomState(seed)
    state, step = new_state(p), 0
    for epoch in range(1, epochs + 1):
        order, total = generator.permutation(len(arrays["input_ids"])), 0.0
        for count, first in enumerate(range(0, len(order), batch), 1):
            some = order[first : first + batch]
            loss, dp = gradients(arrays["input_ids"][some], arrays["labels"][some], p, generator)
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
    found["loss"], dp = gradients(given["input_ids"], given["labels"], p, np.random.RandomState(0))
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
    parser.add_argument("data", nargs="?", default="data.npz", help="an .npz of input_ids, labels")
    parser.add_argument("--weights", default=ARRAYS, help="an .npz of trained weights")
    parser.add_argument("--out", default="out.npz", help="for the outputs or the trained weights")
    for option, number in [("--epochs", 1), ("--batch", 64), ("--seed", 0), ("--lr", 0.001)]:
        parser.add_argument(option, type=type(number), default=number)
    given = parser.parse_args()
    if given.command == "check":
        sys.exit(0 if check() else 1)
    p = parameters(given.weights)
    if given.command == "train":
        arrays = load_data(given.data, "input_ids", "labels")
        made = train(arrays, p, given.epochs, given.batch, given.seed, given.lr)
    else:
        made = predict(load_data(given.data, "input_ids", "labels"), p)
    np.savez(given.out, **made)
    print(f"written: {given.out}")


if __name__ == "__main__":
    main()
