"""What is found must not depend on how busy the machine is that the tests run on."""

import pytest

from backhand.diagnose import search as search_module
from backhand.diagnose.search import Search

PATIENCE = 5
"""So many times as long may a search compute here."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches have more time."""
    has_time = Search.has_time

    def has_more_time(search: Search, seconds: float | None = None) -> bool:
        limit = search_module.SECONDS if seconds is None else seconds
        return has_time(search, limit * PATIENCE)

    monkeypatch.setattr(Search, "has_time", has_more_time)
