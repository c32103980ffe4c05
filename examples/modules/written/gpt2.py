"""GPT2LMHeadModel: forward and backward pass in NumPy, written by backhand.

captured   torch.export of GPT2LMHeadModel by PyTorch 2.13.0
run        python FILE predict input.npz --out output.npz
           python FILE train data.npz --epochs 3 --out trained.npz
           python FILE check
sizes      B batch, T sequence; the other sizes are numbers
names      dX is the derivative of the loss by X and has the shape of X
weights    p holds arrays by their keys in the state_dict, dp derivatives by them
"""

import argparse
import sys

import numpy as np

ARRAYS = __file__.removesuffix(".py") + ".npz"


# ---- operators, each followed by its derivative --------------------------------------------------


def safe_softmax(x, *, axis=-1):
    # a row that is -inf everywhere attends to nothing: all of it becomes 0
    empty = (x == -np.inf).all(axis=axis, keepdims=True)
    e = np.exp(x - np.where(empty, 0, x.max(axis=axis, keepdims=True)))
    return e / np.where(empty, 1, e.sum(axis=axis, keepdims=True))


def dropout_mask(generator, shape, rate, dtype):
    """0 where dropped, 1 / (1 - rate) where kept, as PyTorch draws it; no generator, no dropout."""
    if generator is None or rate == 0:
        return np.ones(shape, dtype)
    if rate == 1:
        return np.zeros(shape, dtype)
    # A 53-bit fraction below 1 - rate is kept; whole numbers compare faster and as exactly.
    kept = generator.randint(2**53, size=shape, dtype=np.int64) < int((1 - rate) * 2**53)
    return kept.astype(dtype) / (1 - rate)


def standardised(x, axis, eps):
    # eps keeps the root away from 0 where all x are equal
    mu = x.mean(axis=axis, keepdims=True)
    sigma = np.sqrt(((x - mu) ** 2).mean(axis=axis, keepdims=True) + eps)
    return (x - mu) / sigma


def standardised_backward(ds, x, axis, eps):
    # each x moves every s along the axis: through the mean, and through the variance
    mu = x.mean(axis=axis, keepdims=True)
    sigma = np.sqrt(((x - mu) ** 2).mean(axis=axis, keepdims=True) + eps)
    s = (x - mu) / sigma
    centred = ds - ds.mean(axis=axis, keepdims=True)
    return (centred - s * (ds * s).mean(axis=axis, keepdims=True)) / sigma


def added_at(index, dy, shape):
    # what is read several times gets the sum
    dx = np.zeros(shape, dy.dtype)
    np.add.at(dx, index, dy)
    return dx


def pairs(widths):
    # before and behind, the last axis last
    return list(zip(widths[-2::-2], widths[::-2], strict=True))


def pad_constant(x, *, widths, value=0.0):
    around = [(0, 0)] * (x.ndim - len(widths) // 2) + pairs(widths)
    y = np.pad(x, np.maximum(around, 0), constant_values=value)
    return y[tuple(slice(max(-n, 0), min(m, 0) or None) for n, m in around)]


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


def conv1d_module(x, p):
    B, T, C = x.shape[:3]
    D = p["bias"].shape[0]
    t = x.reshape(-1, C)                                 # [T*B, C]
    x2 = (p["bias"] + t @ p["weight"]).reshape(B, T, D)  # [B, T, D]
    return x2, (t,)


def conv1d_module_backward(dx2, p, saved):
    (t,) = saved
    B, T, D = dx2.shape[:3]
    C = t.shape[1]
    dp = {}
    # x2 = (p["bias"] + t @ p["weight"]).reshape(B, T, D)
    dx3 = dx2.reshape(T * B, D)              # [T*B, D]
    dp["bias"] = np.sum(dx3, axis=0)         # [D]
    dt = dx3 @ p["weight"].swapaxes(-1, -2)  # [T*B, C]
    dp["weight"] = t.T @ dx3                 # [C, D]
    # t = x.reshape(-1, C)
    dx = dt.reshape(B, T, C)                 # [B, T, C]
    return dx, dp


def gpt2_attention(x, mask, p, generator=None):
    B, T = x.shape[:2]
    c_attn, saved_c_attn = conv1d_module(x, inside(p, "c_attn"))          # [B, T, 144]
    # [B, T, 48], [B, T, 48], [B, T, 48]
    q, k, v = np.split(c_attn, 3, axis=2)
    v2 = v.reshape(B, T, -1, 12).swapaxes(1, 2)                           # [B, 4, T, 12]
    q2 = q.reshape(B, T, -1, 12).swapaxes(1, 2)                           # [B, 4, T, 12]
    t = k.reshape(B, T, -1, 12).swapaxes(1, 2).swapaxes(-2, -1)           # [B, 4, 12, T]
    z = q2 @ t                                                            # [B, 4, T, T]
    att = safe_softmax(np.where(mask, z * 0.28867513459481287, -np.inf))  # [B, 4, T, T]
    mask2 = dropout_mask(generator, att.shape, 0.1, att.dtype)            # [B, 4, T, T]
    kept = att * mask2                                                    # [B, 4, T, T]
    t2 = (kept @ v2).swapaxes(1, 2).reshape(B, T, -1)                     # [B, T, 48]
    out, saved_c_proj = conv1d_module(t2, inside(p, "c_proj"))            # [B, T, 48]
    mask3 = dropout_mask(generator, out.shape, 0.1, out.dtype)            # [B, T, 48]
    out2 = out * mask3                                                    # [B, T, 48]
    return out2, (mask, saved_c_attn, v2, q2, t, att, mask2, kept, saved_c_proj, mask3)


def gpt2_attention_backward(dout2, p, saved):
    mask, saved_c_attn, v2, q2, t, att, mask2, kept, saved_c_proj, mask3 = saved
    B, T = dout2.shape[:2]
    dp = {}
    # out2 = out * mask3
    dout = dout2 * mask3                                       # [B, T, 48]
    # out = conv1d_module(t2, inside(p, "c_proj"))
    dt2, dp_c_proj = conv1d_module_backward(dout, inside(p, "c_proj"), saved_c_proj)  # [B, T, 48]
    dp |= under("c_proj", dp_c_proj)
    # t2 = (kept @ v2).swapaxes(1, 2).reshape(B, T, -1)
    dout3 = dt2.reshape(B, T, 4, 12).swapaxes(1, 2)            # [B, 4, T, 12]
    dkept = dout3 @ v2.swapaxes(-1, -2)                        # [B, 4, T, T]
    dv2 = kept.swapaxes(-1, -2) @ dout3                        # [B, 4, T, 12]
    # kept = att * mask2
    datt = dkept * mask2                                       # [B, 4, T, T]
    # att = safe_softmax(np.where(mask, z * 0.28867513459481287, -np.inf))
    # [B, 4, T, T]
    dz = (
        np.where(mask, att * (datt - (datt * att).sum(axis=-1, keepdims=True)), 0) *
        0.28867513459481287
    )
    # z = q2 @ t
    dq2 = dz @ t.swapaxes(-1, -2)                              # [B, 4, T, 12]
    dt = q2.swapaxes(-1, -2) @ dz                              # [B, 4, 12, T]
    # q2 = q.reshape(B, T, -1, 12).swapaxes(1, 2)
    dq = dq2.swapaxes(1, 2).reshape(B, T, 48)                  # [B, T, 48]
    # v2 = v.reshape(B, T, -1, 12).swapaxes(1, 2)
    dv = dv2.swapaxes(1, 2).reshape(B, T, 48)                  # [B, T, 48]
    # t = k.reshape(B, T, -1, 12).swapaxes(1, 2).swapaxes(-2, -1)
    dk = dt.swapaxes(-2, -1).swapaxes(1, 2).reshape(B, T, 48)  # [B, T, 48]
    # q, k, v = np.split(c_attn, 3, axis=2)
    dc_attn = np.concatenate((dq, dk, dv), axis=2)             # [B, T, 144]
    # c_attn = conv1d_module(x, inside(p, "c_attn"))
    dx, dp_c_attn = conv1d_module_backward(dc_attn, inside(p, "c_attn"), saved_c_attn)  # [B, T, 48]
    dp |= under("c_attn", dp_c_attn)
    return dx, dp


def new_gelu_activation(x):
    t = x * 0.5                           # [B, T, 192]
    t2 = x ** 3.0                         # [B, T, 192]
    t3 = x + t2 * 0.044715                # [B, T, 192]
    a = np.tanh(t3 * 0.7978845608028654)  # [B, T, 192]
    t4 = a + 1.0                          # [B, T, 192]
    t5 = t * t4                           # [B, T, 192]
    return t5, (x, t, a, t4)


def new_gelu_activation_backward(dt5, saved):
    x, t, a, t4 = saved
    # t5 = t * t4
    dt = dt5 * t4                                 # [B, T, 192]
    dt4 = dt5 * t                                 # [B, T, 192]
    # a = np.tanh(t3 * 0.7978845608028654)
    dt3 = dt4 * (1 - a * a) * 0.7978845608028654  # [B, T, 192]
    # t3 = x + t2 * 0.044715
    dt2 = dt3 * 0.044715                          # [B, T, 192]
    # t2 = x ** 3.0
    dx_t2 = dt2 * 3.0 * x ** 2.0                  # [B, T, 192]
    # t = x * 0.5
    dx_t = dt * 0.5                               # [B, T, 192]
    # x is used 3 times: its derivatives add
    dx = dt3 + dx_t2 + dx_t                       # [B, T, 192]
    return dx


def gpt2_mlp(x, p, generator=None):
    x2, saved_c_fc = conv1d_module(x, inside(p, "c_fc"))       # [B, T, 192]
    x3, saved_act = new_gelu_activation(x2)                    # [B, T, 192]
    x4, saved_c_proj = conv1d_module(x3, inside(p, "c_proj"))  # [B, T, 48]
    mask = dropout_mask(generator, x4.shape, 0.1, x4.dtype)    # [B, T, 48]
    x5 = x4 * mask                                             # [B, T, 48]
    return x5, (saved_c_fc, saved_act, saved_c_proj, mask)


def gpt2_mlp_backward(dx5, p, saved):
    saved_c_fc, saved_act, saved_c_proj, mask = saved
    dp = {}
    # x5 = x4 * mask
    dx4 = dx5 * mask                                                          # [B, T, 48]
    # x4 = conv1d_module(x3, inside(p, "c_proj"))
    dx3, dp_c_proj = conv1d_module_backward(dx4, inside(p, "c_proj"), saved_c_proj)  # [B, T, 192]
    dp |= under("c_proj", dp_c_proj)
    # x3 = new_gelu_activation(x2)
    dx2 = new_gelu_activation_backward(dx3, saved_act)                        # [B, T, 192]
    # x2 = conv1d_module(x, inside(p, "c_fc"))
    dx, dp_c_fc = conv1d_module_backward(dx2, inside(p, "c_fc"), saved_c_fc)  # [B, T, 48]
    dp |= under("c_fc", dp_c_fc)
    return dx, dp


def gpt2_block(x, mask, p, generator=None):
    x2 = p["ln_1.weight"] * standardised(x, -1, 1e-05) + p["ln_1.bias"]       # [B, T, 48]
    out, saved_attn = gpt2_attention(x2, mask, inside(p, "attn"), generator)  # [B, T, 48]
    x3 = out + x                                                              # [B, T, 48]
    x4 = p["ln_2.weight"] * standardised(x3, -1, 1e-05) + p["ln_2.bias"]      # [B, T, 48]
    feed_forward_hidden_states, saved_mlp = gpt2_mlp(x4, inside(p, "mlp"), generator)  # [B, T, 48]
    x5 = x3 + feed_forward_hidden_states                                      # [B, T, 48]
    return x5, (x, saved_attn, x3, saved_mlp)


def gpt2_block_backward(dx5, p, saved):
    x, saved_attn, x3, saved_mlp = saved
    dp = {}
    # feed_forward_hidden_states = gpt2_mlp(x4, inside(p, "mlp"), generator)
    dx4, dp_mlp = gpt2_mlp_backward(dx5, inside(p, "mlp"), saved_mlp)           # [B, T, 48]
    dp |= under("mlp", dp_mlp)
    # x4 = p["ln_2.weight"] * standardised(x3, -1, 1e-05) + p["ln_2.bias"]
    dx3_x4 = standardised_backward(dx4 * p["ln_2.weight"], x3, -1, 1e-05)       # [B, T, 48]
    dp["ln_2.weight"] = np.sum(dx4 * standardised(x3, -1, 1e-05), axis=(0, 1))  # [48]
    dp["ln_2.bias"] = np.sum(dx4, axis=(0, 1))                                  # [48]
    # x3 is used twice: its derivatives add
    dx3 = dx5 + dx3_x4                                                          # [B, T, 48]
    # out = gpt2_attention(x2, mask, inside(p, "attn"), generator)
    dx2, dp_attn = gpt2_attention_backward(dx3, inside(p, "attn"), saved_attn)  # [B, T, 48]
    dp |= under("attn", dp_attn)
    # x2 = p["ln_1.weight"] * standardised(x, -1, 1e-05) + p["ln_1.bias"]
    dx_x2 = standardised_backward(dx2 * p["ln_1.weight"], x, -1, 1e-05)         # [B, T, 48]
    dp["ln_1.weight"] = np.sum(dx2 * standardised(x, -1, 1e-05), axis=(0, 1))   # [48]
    dp["ln_1.bias"] = np.sum(dx2, axis=(0, 1))                                  # [48]
    # x is used twice: its derivatives add
    dx = dx3 + dx_x2                                                            # [B, T, 48]
    return dx, dp


def gpt2_model(input_ids, p, generator=None):
    B, T = input_ids.shape[:2]
    position_ids = np.arange(0, T, 1, dtype="int").reshape(1, -1)               # [1, T]
    x = p["wte.weight"][input_ids] + p["wpe.weight"][position_ids]              # [B, T, 48]
    t = np.tril(np.full((T, T), True, "bool"), 0).reshape(1, 1, T, T)           # [1, 1, T, T]
    mask = np.broadcast_to(t, (B, 1, T, T))                                     # [B, 1, T, T]
    mask2 = dropout_mask(generator, x.shape, 0.1, x.dtype)                      # [B, T, 48]
    x2 = x * mask2                                                              # [B, T, 48]
    saved_h = []
    for i in range(12):
        x2, saved_block = gpt2_block(x2, mask, inside(p, f"h.{i}"), generator)  # [B, T, 48]
        saved_h.append(saved_block)
    x6 = p["ln_f.weight"] * standardised(x2, -1, 1e-05) + p["ln_f.bias"]        # [B, T, 48]
    return x6, (input_ids, position_ids, mask2, x2, saved_h)


def gpt2_model_backward(dx6, p, saved):
    input_ids, position_ids, mask2, x2, saved_h = saved
    dp = {}
    # x6 = p["ln_f.weight"] * standardised(x2, -1, 1e-05) + p["ln_f.bias"]
    dx5 = standardised_backward(dx6 * p["ln_f.weight"], x2, -1, 1e-05)          # [B, T, 48]
    dp["ln_f.weight"] = np.sum(dx6 * standardised(x2, -1, 1e-05), axis=(0, 1))  # [48]
    dp["ln_f.bias"] = np.sum(dx6, axis=(0, 1))                                  # [48]
    for i in reversed(range(12)):
        # x2 = gpt2_block(x2, mask, inside(p, f"h.{i}"), generator)
        dx5, dp_h = gpt2_block_backward(dx5, inside(p, f"h.{i}"), saved_h[i])   # [B, T, 48]
        dp |= under(f"h.{i}", dp_h)
    # x2 = x * mask2
    dx = dx5 * mask2                                                            # [B, T, 48]
    # x = p["wte.weight"][input_ids] + p["wpe.weight"][position_ids]
    # [32, 48]
    dp["wpe.weight"] = added_at(position_ids, np.sum(dx, axis=0, keepdims=True), (32, 48))
    dp["wte.weight"] = added_at(input_ids, dx, (101, 48))                       # [101, 48]
    return dp


def network(input_ids, labels, p, generator=None):
    x, saved_transformer = gpt2_model(input_ids, inside(p, "transformer"), generator)  # [B, T, 48]
    logits = x @ p["transformer.wte.weight"].T                   # [B, T, 101]
    labels2 = pad_constant(labels, widths=(0, 1), value=-100.0)  # [B, T + 1]
    logits2 = logits.reshape(-1, 101)                            # [T*B, 101]
    shift_labels = labels2[:, 1:].reshape(-1)                    # [T*B]
    loss = cross_entropy_labels(logits2, shift_labels, ignore_index=-100)
    return loss, logits, (x, saved_transformer, logits2, shift_labels)


def network_backward(dloss, p, saved):
    x, saved_transformer, logits2, shift_labels = saved
    B, T = x.shape[:2]
    dp = {}
    # loss = cross_entropy_labels(logits2, shift_labels, ignore_index=-100)
    # [T*B, 101]
    dlogits2 = cross_entropy_labels_backward(dloss, logits2, shift_labels, ignore_index=-100)
    # logits2 = logits.reshape(-1, 101)
    dlogits = dlogits2.reshape(B, T, 101)                         # [B, T, 101]
    # logits = x @ p["transformer.wte.weight"].T
    dx = dlogits @ p["transformer.wte.weight"]                    # [B, T, 48]
    # [101, 48]
    dtransformer_wte_weight_logits = (
        dlogits.reshape(-1, dlogits.shape[-1]).T @ x.reshape(-1, x.shape[-1])
    )
    # x = gpt2_model(input_ids, inside(p, "transformer"), generator)
    dp_transformer = gpt2_model_backward(dx, inside(p, "transformer"), saved_transformer)
    dtransformer_wte_weight_x = dp_transformer.pop("wte.weight")  # [101, 48]
    dp |= under("transformer", dp_transformer)
    # [101, 48], transformer_wte_weight is used twice: its derivatives add
    dp["transformer.wte.weight"] = dtransformer_wte_weight_logits + dtransformer_wte_weight_x
    return dp


# ---- training ------------------------------------------------------------------------------------


def gradients(input_ids, labels, p, generator=None):
    """The loss, and its derivatives by the parameters."""
    loss, _, saved = network(input_ids, labels, p, generator)
    dp = network_backward(1.0, p, saved)
    return loss, dp


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


def load(file):
    """The arrays of an .npz file by their names."""
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def parameters():
    """The arrays that lie beside this program, without what `check` reads."""
    p = {name: w for name, w in load(ARRAYS).items() if ":" not in name}
    # two names of one array
    p["lm_head.weight"] = p["transformer.wte.weight"]
    return p


def predict(arrays, p, generator=None):
    """The outputs by their names."""
    input_ids, labels = arrays["input_ids"], arrays["labels"]
    loss, logits, _ = network(input_ids, labels, p, generator)
    return {"loss": loss, "logits": logits}


def train(arrays, p, epochs, batch, seed, learning_rate):
    """Change the weights in place; return the mean loss of each epoch."""
    generator = np.random.RandomState(seed)
    state, step, means = new_state(p), 0, []
    for epoch in range(epochs):
        order = generator.permutation(len(arrays["input_ids"]))
        losses = []
        for first in range(0, len(order), batch):
            rows = order[first : first + batch]
            input_ids, labels = arrays["input_ids"][rows], arrays["labels"][rows]
            loss, dp = gradients(input_ids, labels, p, generator)
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
    found["loss"], dp = gradients(given["input_ids"], given["labels"], p, np.random.RandomState(0))
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
    one = commands.add_parser("predict", help="outputs for an .npz of input_ids, labels")
    one.add_argument("input")
    one.add_argument("--out", help="an .npz for the outputs, which are else printed")
    one = commands.add_parser("train", help="on an .npz of input_ids, labels")
    one.add_argument("data")
    one.add_argument("--epochs", type=int, default=1)
    one.add_argument("--batch", type=int, default=64)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--lr", type=float, default=0.001)
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
