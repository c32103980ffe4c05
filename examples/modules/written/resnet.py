"""ResNet: forward and backward pass in NumPy, written by backhand.

captured   torch.export of ResNet by PyTorch 2.13.0
run        python FILE predict input.npz --out output.npz
           python FILE train data.npz --epochs 3 --out trained.npz
           python FILE check
sizes      B batch; the other sizes are numbers
names      dX is the derivative of the loss by X and has the shape of X
weights    p holds arrays by their keys in the state_dict, dp derivatives by them
"""

import argparse
import sys
from zipfile import BadZipFile

import numpy as np

ARRAYS = __file__.removesuffix(".py") + ".npz"
SHAPES = {"x": ("B", 3, 16, 16), "targets": ("B",)}


# ---- operators, each followed by its derivative --------------------------------------------------


def store(buffer, new):
    buffer[...] = new


def per_channel(v, x):
    # [channels] as [channels, 1, ...], to stand beside x [N, channels, ...]
    return v.reshape(-1, *[1] * (x.ndim - 2))


def standardised_channels(x, eps):
    # over all examples and places; with the mean and the variance of each channel
    axis = (0, *range(2, x.ndim))
    mean = x.mean(axis=axis)
    away = x - per_channel(mean, x)
    var = (away * away).mean(axis=axis)
    return away / per_channel(np.sqrt(var + eps), x), mean, var


def batch_norm_training(x, g, b, mean, var, *, momentum, eps):
    s, batch_mean, batch_var = standardised_channels(x, eps)
    count = x.size // len(mean)
    new_mean = (1 - momentum) * mean + momentum * batch_mean
    new_var = (1 - momentum) * var + momentum * (batch_var * count / (count - 1))
    return per_channel(g, x) * s + per_channel(b, x), new_mean, new_var, s, batch_var


def standardised_channels_backward(ds, s, var, eps):
    # each x moves every s of its channel: through the mean, and through the variance
    axis = (0, *range(2, s.ndim))
    along = per_channel((ds * s).mean(axis=axis), s)
    return (ds - per_channel(ds.mean(axis=axis), s) - s * along) / per_channel(
        np.sqrt(var + eps), s
    )


def over_channel(d):
    # what each channel gets from all examples and places
    return d.sum(axis=(0, *range(2, d.ndim)))


def each(option, axes):
    # one number for all axes, or one for each
    option = option if isinstance(option, tuple) else (option,)
    return option * (axes // len(option))


def windows(x, kernel, stride, dilation):
    # [B, C, *size] as [B, C, *kernel, *places]: for each place of the window, what it sees
    axes = len(kernel)
    stride, dilation = each(stride, axes), each(dilation, axes)
    reach = [gap * (length - 1) + 1 for length, gap in zip(kernel, dilation, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, x.ndim)))
    steps = [slice(None, None, step) for step in (1, 1, *stride, *dilation)]
    return np.moveaxis(seen[tuple(steps)], range(2, x.ndim), range(-axes, 0))


def padded(x, around):
    # in memory the batch comes last from here on: long runs of numbers, which NumPy is fast on
    wide = np.pad(np.moveaxis(x, 0, -1), [(0, 0), *around, (0, 0)])
    return np.moveaxis(wide, -1, 0)


def in_columns(seen, groups):
    length, sizes = seen.shape[1] // groups, seen.shape[2:]
    for size in sizes[: len(sizes) // 2]:
        length *= size
    return np.moveaxis(seen, 0, -1).reshape(groups, length, -1)


def edges(padding, kernel, dilation):
    # how much is put before and behind each axis; "same" keeps its size, the odd one goes behind
    axes = len(kernel)
    if padding == "valid":
        return [(0, 0)] * axes
    if padding == "same":
        whole = [
            gap * (length - 1) for length, gap in zip(kernel, each(dilation, axes), strict=True)
        ]
        return [(n // 2, n - n // 2) for n in whole]
    return [(n, n) for n in each(padding, axes)]


def correlate(x, w, *, stride=1, padding=0, dilation=1, groups=1):
    kernel = w.shape[2:]
    seen = windows(padded(x, edges(padding, kernel, dilation)), kernel, stride, dilation)
    filters = w.reshape(groups, len(w) // groups, w[0].size)
    y = filters @ in_columns(seen, groups)
    return np.moveaxis(y.reshape(len(w), *seen.shape[x.ndim :], len(x)), -1, 0)


def put_back(parts, size, stride, dilation):
    # each part is added to where `windows` saw it; backwards, so that each sum is in the order
    # of the windows
    axes = len(size)
    stride, dilation = each(stride, axes), each(dilation, axes)
    kernel, places = parts.shape[2 : 2 + axes], parts.shape[2 + axes :]
    x = np.moveaxis(np.zeros((parts.shape[1], *size, len(parts)), parts.dtype), -1, 0)
    for within in reversed(list(np.ndindex(kernel))):
        seen = [
            slice(i * gap, i * gap + step * count, step)
            for i, gap, step, count in zip(within, dilation, stride, places, strict=True)
        ]
        x[(slice(None), slice(None), *seen)] += parts[(slice(None), slice(None), *within)]
    return x


def in_rows(y, groups):
    return np.moveaxis(y, 0, -1).reshape(groups, y.shape[1] // groups, -1)


def correlate_dx(dy, w, size, *, stride=1, padding=0, dilation=1, groups=1):
    around = edges(padding, w.shape[2:], dilation)
    filters = w.reshape(groups, len(w) // groups, w[0].size)
    parts = filters.swapaxes(1, 2) @ in_rows(dy, groups)
    parts = parts.reshape(groups * w.shape[1], *w.shape[2:], *dy.shape[2:], len(dy))
    wide = [n + before + behind for n, (before, behind) in zip(size, around, strict=True)]
    dx = put_back(np.moveaxis(parts, -1, 0), wide, stride, dilation)
    inside = [slice(before, before + n) for n, (before, _) in zip(size, around, strict=True)]
    return dx[..., *inside]


def correlate_dw(dy, x, w, *, stride=1, padding=0, dilation=1, groups=1):
    kernel = w.shape[2:]
    seen = windows(padded(x, edges(padding, kernel, dilation)), kernel, stride, dilation)
    seen = seen[(..., *[slice(places) for places in dy.shape[2:]])]
    return (in_rows(dy, groups) @ in_columns(seen, groups).swapaxes(1, 2)).reshape(w.shape)


def cells(x, size):
    # adaptive windows reach from the whole number below to the one above, and may overlap
    lengths, counts = x.shape[2:], each(size, x.ndim - 2)
    for place in np.ndindex(counts):
        seen = [
            slice(i * length // count, -(-(i + 1) * length // count))
            for i, length, count in zip(place, lengths, counts, strict=True)
        ]
        yield (..., *place), (..., *seen)


def adaptive_avg_pool(x, *, size):
    y = np.empty((*x.shape[:2], *each(size, x.ndim - 2)), x.dtype)
    for place, seen in cells(x, size):
        total = x[seen].sum(axis=tuple(range(2, x.ndim)))
        for length in x[seen].shape[2:]:
            total = total / length
        y[place] = total
    return y


def adaptive_avg_pool_backward(dy, x, *, size):
    dx = np.zeros_like(x)
    for place, seen in cells(x, size):
        share = np.expand_dims(dy[place], tuple(range(2, x.ndim)))
        for length in x[seen].shape[2:]:
            share = share / length
        dx[seen] += share
    return dx


def batch_norm_eval(x, g, b, mean, var, *, eps):
    scale = g / np.sqrt(var + eps)
    return x * per_channel(scale, x) + per_channel(b - mean * scale, x)


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


def batch_norm2d(x, p):
    store(p["num_batches_tracked"], p["num_batches_tracked"] + 1)
    norm, new_running_mean, new_running_var, s, batch_var = batch_norm_training(  # [B, C, D, D]
        x, p["weight"], p["bias"], p["running_mean"], p["running_var"], momentum=0.1, eps=1e-05
    )
    store(p["running_mean"], new_running_mean)
    store(p["running_var"], new_running_var)
    return norm, (s, batch_var)


def batch_norm2d_backward(dnorm, p, saved):
    s, batch_var = saved
    dp = {}
    # norm, new_running_mean, new_running_var, s, batch_var = batch_norm_training(x, p["weight"],
    # p["bias"], p["running_mean"], p["running_var"], momentum=0.1, eps=1e-05)
    dx = standardised_channels_backward(  # [B, C, D, D]
        dnorm * per_channel(p["weight"], dnorm), s, batch_var, 1e-05
    )
    dp["weight"] = over_channel(dnorm * s)  # [C]
    dp["bias"] = over_channel(dnorm)        # [C]
    return dx, dp


def residual_block_1(x, p):
    conv1 = correlate(x, p["conv1.weight"], padding=1)            # [B, C, D, D]
    norm1, saved_norm1 = batch_norm2d(conv1, inside(p, "norm1"))  # [B, C, D, D]
    h = np.maximum(norm1, 0)                                      # [B, C, D, D]
    conv2 = correlate(h, p["conv2.weight"], padding=1)            # [B, C, D, D]
    h2, saved_norm2 = batch_norm2d(conv2, inside(p, "norm2"))     # [B, C, D, D]
    t = h2 + x                                                    # [B, C, D, D]
    x2 = np.maximum(t, 0)                                         # [B, C, D, D]
    return x2, (x, norm1, saved_norm1, h, saved_norm2, t)


def residual_block_1_backward(dx2, p, saved):
    x, norm1, saved_norm1, h, saved_norm2, t = saved
    dp = {}
    # x2 = np.maximum(t, 0)
    dt = dx2 * (t > 0)                                                          # [B, C, D, D]
    # h2 = batch_norm2d(conv2, inside(p, "norm2"))
    dconv2, dp_norm2 = batch_norm2d_backward(dt, inside(p, "norm2"), saved_norm2)  # [B, C, D, D]
    dp |= under("norm2", dp_norm2)
    # conv2 = correlate(h, p["conv2.weight"], padding=1)
    dh = correlate_dx(dconv2, p["conv2.weight"], h.shape[2:], padding=1)        # [B, C, D, D]
    dp["conv2.weight"] = correlate_dw(dconv2, h, p["conv2.weight"], padding=1)  # [C, C, 3, 3]
    # h = np.maximum(norm1, 0)
    dnorm1 = dh * (norm1 > 0)                                                   # [B, C, D, D]
    # norm1 = batch_norm2d(conv1, inside(p, "norm1"))
    # [B, C, D, D]
    dconv1, dp_norm1 = batch_norm2d_backward(dnorm1, inside(p, "norm1"), saved_norm1)
    dp |= under("norm1", dp_norm1)
    # conv1 = correlate(x, p["conv1.weight"], padding=1)
    dx_conv1 = correlate_dx(dconv1, p["conv1.weight"], x.shape[2:], padding=1)  # [B, C, D, D]
    dp["conv1.weight"] = correlate_dw(dconv1, x, p["conv1.weight"], padding=1)  # [C, C, 3, 3]
    # x is used twice: its derivatives add
    dx = dt + dx_conv1                                                          # [B, C, D, D]
    return dx, dp


def residual_block_2(x, p):
    conv1 = correlate(x, p["conv1.weight"], stride=2, padding=1)  # [B, 16, 8, 8]
    norm1, saved_norm1 = batch_norm2d(conv1, inside(p, "norm1"))  # [B, 16, 8, 8]
    h = np.maximum(norm1, 0)                                      # [B, 16, 8, 8]
    conv2 = correlate(h, p["conv2.weight"], padding=1)            # [B, 16, 8, 8]
    h2, saved_norm2 = batch_norm2d(conv2, inside(p, "norm2"))     # [B, 16, 8, 8]
    t = h2 + correlate(x, p["shortcut.weight"], stride=2)         # [B, 16, 8, 8]
    x2 = np.maximum(t, 0)                                         # [B, 16, 8, 8]
    return x2, (x, norm1, saved_norm1, h, saved_norm2, t)


def residual_block_2_backward(dx2, p, saved):
    x, norm1, saved_norm1, h, saved_norm2, t = saved
    dp = {}
    # x2 = np.maximum(t, 0)
    dt = dx2 * (t > 0)                                                           # [B, 16, 8, 8]
    # t = h2 + correlate(x, p["shortcut.weight"], stride=2)
    dx_shortcut = correlate_dx(dt, p["shortcut.weight"], x.shape[2:], stride=2)  # [B, 8, 16, 16]
    dp["shortcut.weight"] = correlate_dw(dt, x, p["shortcut.weight"], stride=2)  # [16, 8, 1, 1]
    # h2 = batch_norm2d(conv2, inside(p, "norm2"))
    dconv2, dp_norm2 = batch_norm2d_backward(dt, inside(p, "norm2"), saved_norm2)  # [B, 16, 8, 8]
    dp |= under("norm2", dp_norm2)
    # conv2 = correlate(h, p["conv2.weight"], padding=1)
    dh = correlate_dx(dconv2, p["conv2.weight"], h.shape[2:], padding=1)         # [B, 16, 8, 8]
    dp["conv2.weight"] = correlate_dw(dconv2, h, p["conv2.weight"], padding=1)   # [16, 16, 3, 3]
    # h = np.maximum(norm1, 0)
    dnorm1 = dh * (norm1 > 0)                                                    # [B, 16, 8, 8]
    # norm1 = batch_norm2d(conv1, inside(p, "norm1"))
    # [B, 16, 8, 8]
    dconv1, dp_norm1 = batch_norm2d_backward(dnorm1, inside(p, "norm1"), saved_norm1)
    dp |= under("norm1", dp_norm1)
    # conv1 = correlate(x, p["conv1.weight"], stride=2, padding=1)
    # [B, 8, 16, 16]
    dx_conv1 = correlate_dx(dconv1, p["conv1.weight"], x.shape[2:], stride=2, padding=1)
    # [16, 8, 3, 3]
    dp["conv1.weight"] = correlate_dw(dconv1, x, p["conv1.weight"], stride=2, padding=1)
    # x is used twice: its derivatives add
    dx = dx_shortcut + dx_conv1                                                  # [B, 8, 16, 16]
    return dx, dp


def network(x, p):
    B = x.shape[0]
    stem = correlate(x, p["stem.weight"], padding=1)                      # [B, 8, 16, 16]
    norm, saved_norm = batch_norm2d(stem, inside(p, "norm"))              # [B, 8, 16, 16]
    x2 = np.maximum(norm, 0)                                              # [B, 8, 16, 16]
    saved_blocks = []
    for i in range(2):
        x2, saved_block = residual_block_1(x2, inside(p, f"blocks.{i}"))  # [B, 8, 16, 16]
        saved_blocks.append(saved_block)
    x3, saved_block2 = residual_block_2(x2, inside(p, "blocks.2"))        # [B, 16, 8, 8]
    x4, saved_block3 = residual_block_1(x3, inside(p, "blocks.3"))        # [B, 16, 8, 8]
    pool = adaptive_avg_pool(x4, size=(1, 1))                             # [B, 16, 1, 1]
    pool2 = pool.reshape(B, 16)                                           # [B, 16]
    classes = pool2 @ p["classes.weight"].T + p["classes.bias"]           # [B, 10]
    return classes, (x, norm, saved_norm, saved_blocks, saved_block2, x4, saved_block3, pool2)


def network_backward(dclasses, p, saved):
    x, norm, saved_norm, saved_blocks, saved_block2, x4, saved_block3, pool2 = saved
    B = dclasses.shape[0]
    dp = {}
    # classes = pool2 @ p["classes.weight"].T + p["classes.bias"]
    dpool2 = dclasses @ p["classes.weight"]                                       # [B, 16]
    dp["classes.weight"] = dclasses.T @ pool2                                     # [10, 16]
    dp["classes.bias"] = np.sum(dclasses, axis=0)                                 # [10]
    # pool2 = pool.reshape(B, 16)
    dpool = dpool2.reshape(B, 16, 1, 1)                                           # [B, 16, 1, 1]
    # pool = adaptive_avg_pool(x4, size=(1, 1))
    dx4 = adaptive_avg_pool_backward(dpool, x4, size=(1, 1))                      # [B, 16, 8, 8]
    # x4 = residual_block_1(x3, inside(p, "blocks.3"))
    dx3, dp_3 = residual_block_1_backward(dx4, inside(p, "blocks.3"), saved_block3)  # [B, 16, 8, 8]
    dp |= under("blocks.3", dp_3)
    # x3 = residual_block_2(x2, inside(p, "blocks.2"))
    # [B, 8, 16, 16]
    dx2, dp_2 = residual_block_2_backward(dx3, inside(p, "blocks.2"), saved_block2)
    dp |= under("blocks.2", dp_2)
    for i in reversed(range(2)):
        # x2 = residual_block_1(x2, inside(p, f"blocks.{i}"))
        # [B, 8, 16, 16]
        dx2, dp_blocks = residual_block_1_backward(dx2, inside(p, f"blocks.{i}"), saved_blocks[i])
        dp |= under(f"blocks.{i}", dp_blocks)
    # x2 = np.maximum(norm, 0)
    dnorm = dx2 * (norm > 0)                                                      # [B, 8, 16, 16]
    # norm = batch_norm2d(stem, inside(p, "norm"))
    dstem, dp_norm = batch_norm2d_backward(dnorm, inside(p, "norm"), saved_norm)  # [B, 8, 16, 16]
    dp |= under("norm", dp_norm)
    # stem = correlate(x, p["stem.weight"], padding=1)
    dx = correlate_dx(dstem, p["stem.weight"], x.shape[2:], padding=1)            # [B, 3, 16, 16]
    dp["stem.weight"] = correlate_dw(dstem, x, p["stem.weight"], padding=1)       # [8, 3, 3, 3]
    return dx, dp


def residual_block_1_evaluated(x, p):
    conv1 = correlate(x, p["conv1.weight"], padding=1)  # [B, C, D, D]
    norm1 = batch_norm_eval(  # [B, C, D, D]
        conv1, p["norm1.weight"], p["norm1.bias"], p["norm1.running_mean"], p["norm1.running_var"],
        eps=1e-05
    )
    h = np.maximum(norm1, 0)                            # [B, C, D, D]
    conv2 = correlate(h, p["conv2.weight"], padding=1)  # [B, C, D, D]
    h2 = batch_norm_eval(  # [B, C, D, D]
        conv2, p["norm2.weight"], p["norm2.bias"], p["norm2.running_mean"], p["norm2.running_var"],
        eps=1e-05
    )
    t = h2 + x                                          # [B, C, D, D]
    x2 = np.maximum(t, 0)                               # [B, C, D, D]
    return x2


def residual_block_2_evaluated(x, p):
    conv1 = correlate(x, p["conv1.weight"], stride=2, padding=1)  # [B, 16, 8, 8]
    norm1 = batch_norm_eval(  # [B, 16, 8, 8]
        conv1, p["norm1.weight"], p["norm1.bias"], p["norm1.running_mean"], p["norm1.running_var"],
        eps=1e-05
    )
    h = np.maximum(norm1, 0)                                      # [B, 16, 8, 8]
    conv2 = correlate(h, p["conv2.weight"], padding=1)            # [B, 16, 8, 8]
    h2 = batch_norm_eval(  # [B, 16, 8, 8]
        conv2, p["norm2.weight"], p["norm2.bias"], p["norm2.running_mean"], p["norm2.running_var"],
        eps=1e-05
    )
    t = h2 + correlate(x, p["shortcut.weight"], stride=2)         # [B, 16, 8, 8]
    x2 = np.maximum(t, 0)                                         # [B, 16, 8, 8]
    return x2


def network_evaluated(x, p):
    B = x.shape[0]
    stem = correlate(x, p["stem.weight"], padding=1)                   # [B, 8, 16, 16]
    norm = batch_norm_eval(  # [B, 8, 16, 16]
        stem, p["norm.weight"], p["norm.bias"], p["norm.running_mean"], p["norm.running_var"],
        eps=1e-05
    )
    x2 = np.maximum(norm, 0)                                           # [B, 8, 16, 16]
    for i in range(2):
        x2 = residual_block_1_evaluated(x2, inside(p, f"blocks.{i}"))  # [B, 8, 16, 16]
    x3 = residual_block_2_evaluated(x2, inside(p, "blocks.2"))         # [B, 16, 8, 8]
    x4 = residual_block_1_evaluated(x3, inside(p, "blocks.3"))         # [B, 16, 8, 8]
    pool = adaptive_avg_pool(x4, size=(1, 1))                          # [B, 16, 1, 1]
    pool2 = pool.reshape(B, 16)                                        # [B, 16]
    classes = pool2 @ p["classes.weight"].T + p["classes.bias"]        # [B, 10]
    return classes


def network_loss(classes, targets):
    loss = cross_entropy_labels(classes, targets, ignore_index=-100)
    return loss, (classes, targets)


def network_loss_backward(dloss, saved):
    classes, targets = saved
    # loss = cross_entropy_labels(classes, targets, ignore_index=-100)
    dclasses = cross_entropy_labels_backward(dloss, classes, targets, ignore_index=-100)  # [B, 10]
    return dclasses


# ---- training ------------------------------------------------------------------------------------


def gradients(x, targets, p):
    """The loss, and its derivatives by the parameters."""
    classes, saved = network(x, p)
    loss, saved_by_loss = network_loss(classes, targets)
    dclasses = network_loss_backward(1.0, saved_by_loss)
    _, dp = network_backward(dclasses, p, saved)
    return loss, dp


def new_state(p):
    """What SGD keeps of each parameter: velocity."""
    return {name: np.zeros_like(w) for name, w in p.items()}


def update(p, dp, state, step, learning_rate=0.1):
    """One step of SGD, in place; steps count from 1."""
    for name, dw in dp.items():
        w = p[name]
        velocity = state[name]
        dw = dw + 0.0001 * w
        velocity *= 0.9
        velocity += dw
        dw = velocity
        w -= learning_rate * dw


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


def predict(arrays, p):
    """The outputs by their names."""
    classes = network_evaluated(arrays["x"], p)
    return {"classes": classes}


def train(arrays, p, epochs, batch, seed, learning_rate):
    """Change the weights in place, and say the mean loss of each epoch."""
    generator = np.random.RandomState(seed)
    state, step = new_state(p), 0
    for epoch in range(1, epochs + 1):
        order, total = generator.permutation(len(arrays["x"])), 0.0
        for count, first in enumerate(range(0, len(order), batch), 1):
            some = order[first : first + batch]
            loss, dp = gradients(arrays["x"][some], arrays["targets"][some], p)
            step, total = step + 1, total + loss
            update(p, dp, state, step, learning_rate)
            print(f"\repoch {epoch}, step {step}: loss {total / count:.6f}", end="", flush=True)
        print()
    return p


def check():
    """Hold this program against what PyTorch computed when it was written."""
    arrays, p = load(ARRAYS), parameters()
    given = {name[6:]: a for name, a in arrays.items() if name.startswith("given:")}
    found = predict(given, p)
    found["loss"], dp = gradients(given["x"], given["targets"], p)
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
    for option, number in [("--epochs", 1), ("--batch", 64), ("--seed", 0), ("--lr", 0.1)]:
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
