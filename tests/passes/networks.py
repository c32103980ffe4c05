"""The networks that the passes are tried on, each with what it is an example of."""

from collections.abc import Callable

from tests.passes.flat import Flat, number

from backhand.graph import Network, Value
from backhand.passes.tree import Keys

Traced = tuple[Network, Keys]


def block(f: Flat, path: str, x: Value, width: int = 4, class_name: str = "Block") -> Value:
    """Two lines: a layer and a kink."""
    with f.module(path, class_name):
        return f.step("relu", f.linear(f"{path}.fc", x, width))


def mlp() -> Traced:
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    with f.module("h", "Sequential"):
        for i in range(3):
            x = block(f, f"h.{i}", x)
    return f.network(f.linear("out", x, 2))


def list_that_is_a_module() -> Traced:
    """A class of the user's own that goes through what it holds itself."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    with f.module("h", "Stack"):
        for i in range(3):
            x = block(f, f"h.{i}", x)
    return f.network(x)


def growing() -> Traced:
    """Equal blocks, each of another width."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for i, width in enumerate([8, 16, 8]):
        x = block(f, f"h.{i}", x, width)
    return f.network(x)


def residual() -> Traced:
    """x goes round each inner block; the first of the stage has a layer on that way."""
    f = Flat(x=("B", 3))
    x = f.inputs[0]
    for i in range(4):
        with f.module(f"stage.{i}", "Residual"):
            around = f.linear(f"stage.{i}.short", x, 4) if i == 0 else x
            x = f.step("add", block(f, f"stage.{i}.body", x), around)
    return f.network(x)


def called_twice() -> Traced:
    f = Flat(x=("B", 4))
    with f.module("enc", "Encoder"):
        once = f.step("tanh", block(f, "enc.cell", f.inputs[0]))
        return f.network(block(f, "enc.cell", once))


def tied() -> Traced:
    """The first table is used again at the end, by another module of which it is the weight too."""
    f = Flat(ids=("B", 5))
    with f.module("embed", "Embedding"):
        table = f.parameter("weight", (9, 4), "head.weight")
        x = f.step("embedding", table, f.inputs[0], shape=("B", 5, 4))
    x = block(f, "mid", x)
    with f.module("head", "Head"):
        return f.network(f.step("exp", f.step("linear", x, table, shape=("B", 5, 9))))


def tuples() -> Traced:
    """A cell gives back two values, and of the last call only one is used."""
    f = Flat(h=("B", 4), c=("B", 4))
    h, c = f.inputs
    for _ in range(3):
        with f.module("cell", "Cell"):
            both = f.linear("cell.lin", f.step("add", h, c), 8)
            h, c = f.steps_out("split", [both], [("B", 4), ("B", 4)], axis=1)
    return f.network(h)


def masked() -> Traced:
    """Each layer has the same mask, draws its own dropout, and is scaled by its own number."""
    f = Flat(x=("B", 4), mask=("B", 4))
    x, mask = f.inputs
    for i in range(3):
        with f.module(f"layers.{i}", "Layer"):
            drawn = f.step("dropout_mask", x, p=0.5)
            x = f.step("mul", f.linear(f"layers.{i}.lin", x, 4), mask)
            x = f.step("mul", x, drawn)
    return f.network(x)


def period_two() -> Traced:
    """Two sorts of layers in one list, by turns, and one that breaks the series."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for i in range(5):
        with f.module(f"layers.{i}", "Odd" if i % 2 else "Even"):
            x = f.step("tanh" if i % 2 else "relu", f.linear(f"layers.{i}.fc", x, 4))
    return f.network(x)


def unet() -> Traced:
    """What the way down makes is taken on the way up, the last first."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    skips = []
    for i, width in enumerate([8, 16, 32]):
        x = block(f, f"down.{i}", x, width, "Conv")
        skips.append(x)
        x = f.step("avg_pool", x)
    x = block(f, "mid", x, 32, "Conv")
    for i, width in enumerate([16, 8, 4]):
        with f.module(f"up.{i}", "Up"):
            x = f.step("mul", x, skips.pop())
            x = block(f, f"up.{i}.conv", x, width, "Conv")
    return f.network(x)


def slice_only() -> Traced:
    """Of a list the first three repeat, the fourth is wider inside."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for i in range(4):
        with f.module(f"layers.{i}", "Layer"):
            x = f.step("relu", f.linear(f"layers.{i}.fc", x, 4))
            x = f.step("tanh", x) if i == 3 else x
    return f.network(x)


def numbers() -> Traced:
    """One class whose numbers differ: they are given by the call, also through another module."""
    f = Flat(x=("B", 4, 16))
    x = f.inputs[0]
    for i, stride in enumerate([1, 2, 2]):
        with f.module(f"stage{i}", "Stage"):
            x = f.step("neg", x)
            with f.module(f"stage{i}.conv", "Conv"):
                w = f.parameter("weight", (4, 4, 3))
                x = f.step("conv1d", x, w, stride=stride, padding=(1,), mode="zeros")
                x = f.step("mul", x, number(0.5 * stride))
    return f.network(x)


def structures() -> Traced:
    """One class with and without a shortcut: two kinds."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for name in ("a", "b", "c"):
        with f.module(name, "Conv2dBN"):
            y = f.step("relu", f.linear(f"{name}.fc", x, 4))
            x = f.step("add", x, y) if name == "b" else y
    return f.network(x)


def outer() -> Traced:
    """Every layer uses a parameter that belongs to the whole, and a module that does."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    scale = f.parameter("scale", (4,))
    for i in range(2):
        with f.module(f"h.{i}", "Layer"):
            x = f.step("mul", f.linear(f"h.{i}.fc", x, 4), scale)
            x = block(f, "shared", x)
            x = f.linear("last", x, 4)
    return f.network(x)


def heads() -> Traced:
    """Equal modules beside one another: nothing is carried, all is collected."""
    f = Flat(x=("B", 4))
    made = [block(f, f"heads.{i}", f.inputs[0]) for i in range(3)]
    return f.network(f.steps_out("concatenate", made, [("B", 12)], axis=1)[0])


def lists_of_operators() -> Traced:
    """Operators of a Sequential, all dissolved: plain lines that repeat."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    with f.module("net", "Sequential"):
        for i in range(0, 8, 2):
            x = f.linear(f"net.{i}", x, 4)
            with f.module(f"net.{i + 1}", "ReLU"):
                x = f.step("relu", x)
    return f.network(x)


def steps_in_time() -> Traced:
    """A cell reads one column after the other: what goes up is no number of a list."""
    f = Flat(x=("B", 5, 4), h=("B", 4))
    x, h = f.inputs
    for i in range(5):
        column = f.step("select", x, shape=("B", 4), axis=1, index=i)
        with f.module("cell", "Cell"):
            h = f.step("tanh", f.step("add", f.linear("cell.fc", column, 4), h))
    return f.network(h)


def lines_again() -> Traced:
    """A method by hand: the same lines four times, each on what came out before."""
    f = Flat(x=("B", 4))
    x = f.inputs[0]
    for _ in range(4):
        x = f.step("add", x, f.step("mul", f.linear("slope", x, 4), number(0.1)))
    return f.network(x)


def unbound() -> Traced:
    """A cell goes through what one line made: x one row after the other."""
    f = Flat(x=("B", 4, 4), h=("B", 4))
    x, h = f.inputs
    for row in f.steps_out("unbind", [x], [("B", 4)] * 4, axis=1):
        with f.module("cell", "Cell"):
            h = f.step("tanh", f.step("add", f.linear("cell.fc", row, 4), h))
    return f.network(h)


EXAMPLES = (
    *(mlp, list_that_is_a_module, growing, residual, called_twice, tied, tuples, masked),
    *(period_two, unet, slice_only, numbers, structures, outer, heads, lists_of_operators),
    *(steps_in_time, lines_again, unbound),
)
ALL: dict[str, Callable[[], Traced]] = {build.__name__: build for build in EXAMPLES}
