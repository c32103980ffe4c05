"""What is found must not depend on how busy the machine is that the tests run on."""

import pytest

from backhand.diagnose.search import SECONDS, Search

PATIENCE = 5
"""So many times as long may a search compute here."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches have more time."""
    has_time = Search.has_time

    def has_more_time(search: Search, seconds: float = SECONDS) -> bool:
        return has_time(search, seconds * PATIENCE)

    monkeypatch.setattr(Search, "has_time", has_more_time)
