"""The lines of a listing's training loop."""

import ast

from backhand.diagnose.listing import Listing, text_of
from backhand.diagnose.mistake import Change


def loop_of(listing: Listing) -> tuple[str, str, str, str] | None:
    """The training loop's lines: before the loop, its head, its body, and what follows."""
    if not listing.has("train"):
        return None
    body = listing.functions["train"].body
    for i, statement in enumerate(body):
        if isinstance(statement, ast.For):
            head = text_of(statement).splitlines()[0]
            inner = "\n".join(map(text_of, statement.body))
            before, after = body[:i], body[i + 1 :]
            return (
                "\n".join(map(text_of, before)),
                head,
                inner,
                "\n".join(map(text_of, after)),
            )
    return None


def retold(listing: Listing, where: str, *, before: str = "", head: str = "", body: str) -> Change:
    """The loop with other lines: before it, at its head, in it."""
    loop = loop_of(listing)
    assert loop is not None
    first, old_head, _, last = loop
    indented = "\n".join("    " + text for text in body.splitlines())
    lines = [first, before, head or old_head, indented, last]
    return Change(where, listing.with_lines("train", "\n".join(lines)))


def lines_of(listing: Listing) -> dict[str, str]:
    """The loop's lines by what they do: forward, loss, backward, update; empty without a loop."""
    loop = loop_of(listing)
    found: dict[str, str] = {}
    if loop is None:
        return found
    for text in loop[2].splitlines():
        for part, call in (
            ("backward", "network_backward("),
            ("loss", "network_loss("),
            ("update", "update("),
            ("forward", "network("),
            ("record", "losses.append("),
        ):
            if call in text:
                found.setdefault(part, text)
                break
    return found if {"forward", "backward", "update"} <= set(found) else {}


def body_of(listing: Listing) -> str:
    loop = loop_of(listing)
    assert loop is not None
    return loop[2]


def data_arguments(listing: Listing) -> list[str]:
    tree = listing.functions.get("train")
    names = [a.arg for a in tree.args.args] if tree else []
    return names[: names.index("weights")] if "weights" in names else []
