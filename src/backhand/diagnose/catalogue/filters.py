"""Mistakes with convolutions: the filters, and their gradients."""

import ast
from collections.abc import Iterator

from backhand.diagnose.editing import BACKWARD, known, made_by, names_put, put, undone
from backhand.diagnose.listing import Listing, renamed
from backhand.diagnose.mistake import Change

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")


@known(
    "filter flipped",
    "forward",
    what="the filter is turned round: a true convolution where networks take a correlation",
    why="each weight of the filter then meets another pixel than the one it belongs to",
    fix="sum(x[i:i + k, j:j + k] * w), with the filter as it is",
    known_from="scipy.signal.convolve2d turns the filter round; correlate2d does not",
)
def flipped(listing: Listing) -> Iterator[Change]:
    for step, statement in made_by(listing, *CONVOLUTIONS):
        weight = step.inputs[1]
        turned = f"np.flip({weight.name}, {tuple(range(2 - len(weight.shape), 0))})"
        forward = names_put(listing, "network", statement, weight.name, turned)
        yield forward
        for base in (listing, forward.listing):
            changed = base
            for _, made, derivative in undone(listing, *CONVOLUTIONS):
                read = [n.id for n in ast.walk(derivative) if isinstance(n, ast.Name)]
                if made.output.name == step.output.name and weight.name in read:
                    new = renamed(derivative, {weight.name: turned})
                    changed = changed.changed(BACKWARD, derivative, new)
            if changed is not base:
                yield Change(forward.where, changed)


@known(
    "filter's gradient of one place alone",
    "backward",
    what="the filter's gradient holds the part of the last place (or the last example) alone",
    why="a filter is used at every place of every example: its derivatives add",
    fix="dw += ..., with dw set to 0 before the loops",
    known_from="CS231n, assignment 2: = for += in the four loops",
)
def one_place(listing: Listing) -> Iterator[Change]:
    for step, _, statement in undone(listing, *CONVOLUTIONS):
        made = [value.name[1:] for value in step.made()]
        if not set(made) & set(listing.parameters):
            continue
        dz = step.inputs[0].name
        for axes in ("(0,)", f"range(2, {dz}.ndim)", f"(0, *range(2, {dz}.ndim))"):
            last = f"np.ix_(*[[-1] if i in {axes} else range(n) for i, n in enumerate({dz}.shape)])"
            kept = f"kept = np.zeros_like({dz})\nkept[{last}] = {dz}[{last}]\n"
            yield put(listing, BACKWARD, statement, kept + renamed(statement, {dz: "kept"}))
