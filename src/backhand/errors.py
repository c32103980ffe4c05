"""The one way backhand says no: what is wrong, where, what was wanted, what came, the repair."""

from collections.abc import Iterable
from difflib import get_close_matches


class BackhandError(Exception):
    """Input that backhand cannot work with. The command line turns it into exit code 2.

    Every part but `what` may be left out; `str(error)` is the whole message, ready to print.
    """

    def __init__(
        self, what: str, *, where: str = "", wanted: str = "", got: str = "", repair: str = ""
    ) -> None:
        self.what, self.where, self.wanted, self.got, self.repair = what, where, wanted, got, repair
        headline = f"{where}: {what}" if where else what
        details = (("wanted", wanted), ("got", got), ("repair", repair))
        super().__init__("\n".join([headline, *(f"  {k}: {v}" for k, v in details if v)]))

    def located(self, where: str) -> "BackhandError":
        """The same error with a place in front, for code that knows the place only further out."""
        return BackhandError(
            self.what,
            where=f"{where}: {self.where}" if self.where else where,
            wanted=self.wanted,
            got=self.got,
            repair=self.repair,
        )


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """'did you mean `relu`?' for the known word closest to `word`, else `otherwise`."""
    close = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else otherwise


def shown(value: object, limit: int = 60) -> str:
    """A value from outside as one short line for a message: control characters escaped."""
    text = repr(value) if not isinstance(value, str) else repr(value)[1:-1]
    return text if len(text) <= limit else text[: limit - 3] + "..."
