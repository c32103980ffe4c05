"""Mistakes of a training loop that moves the weights one after the other."""

from collections.abc import Iterator

from backhand.diagnose.catalogue.loops import body_of, lines_of, retold
from backhand.diagnose.catalogue.options import training_of
from backhand.diagnose.editing import known
from backhand.diagnose.listing import Listing
from backhand.diagnose.mistake import Change

MOST_NUMBERS = 16
"""Networks of so few numbers are trained one number at a time; others, one array at a time."""


@known(
    "weights moved one after the other",
    "training",
    what="each weight is moved with a prediction that the weights before it have changed already",
    why="the gradient is that of one point: all weights must be moved from there at once",
    fix="compute the whole gradient first, then theta = theta - alpha * gradient",
    known_from="Ng's course, on simultaneous updates",
)
def one_by_one(listing: Listing) -> Iterator[Change]:
    lines, training = lines_of(listing), training_of(listing)
    if not lines or training is None or training.optimizer != "sgd":
        return
    sizes = [listing.experiment.arrays[name].size for name in listing.parameters]
    if sum(sizes) > MOST_NUMBERS or dict(training.options).get("momentum"):
        return
    again = f"{lines['forward']}\n{lines['backward']}"
    moved = lines["update"].replace("gradients", "moving")
    one = (
        "for i, w in enumerate(weights):\n"
        "    for k in range(w.size):\n"
        + "\n".join(f"        {line}" for line in again.splitlines())
        + "\n        moving = [0 * g for g in gradients]"
        "\n        moving[i].flat[k] = gradients[i].flat[k]"
        f"\n        {moved}"
    )
    body = body_of(listing).replace(lines["backward"], "").replace(lines["update"], one)
    yield retold(listing, lines["update"], body=body)
