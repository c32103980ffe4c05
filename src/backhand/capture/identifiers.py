"""Names for what a module calls anything: its own may hold blanks, quotes, line ends or code."""

import keyword
import re
from dataclasses import dataclass, field

from backhand.passes.reserved import TRAINING_NAMES, is_reserved


@dataclass
class Identifiers:
    """Gives names that are fit for a program, each once."""

    taken: set[str] = field(default_factory=set)

    def give(self, wish: str, otherwise: str, *, is_input: bool = False) -> str:
        """`fc1.weight` becomes `fc1_weight`; what is taken is numbered.

        Neither a name nor the name of its derivative is one that another value or its derivative
        has. A word that programs use for themselves gets `otherwise` in front, as does what
        does not begin with a letter; where nothing is left, `otherwise` is the name.
        """
        base = identifier(wish, otherwise)
        if is_reserved(base) or keyword.iskeyword(base) or (is_input and base in TRAINING_NAMES):
            base = f"{otherwise}_{base}"
        name, number = base, 1
        while not self._is_free(name):
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name

    def _is_free(self, name: str) -> bool:
        around = {name, "d" + name, *([name[1:]] if name.startswith("d") else [])}
        return not (around & self.taken or is_reserved(name))


def identifier(wish: str, otherwise: str) -> str:
    """The closest name that has letters, digits and single `_` alone, and begins with a letter."""
    plain = re.sub(r"[\W_]+", "_", wish, flags=re.ASCII).strip("_")
    if not plain:
        return otherwise
    return plain if plain[0].isalpha() else f"{otherwise}_{plain}"


def one_line(text: str) -> str:
    """Text from outside, such as a module's path, with control characters and the like escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]
