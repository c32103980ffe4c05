"""`python -m tests.faults.third [PROGRAM [FOLDER]]`: as the second exam, other programs."""

from pathlib import Path

from tests.faults.second.__main__ import main

if __name__ == "__main__":
    main(Path(__file__).parent / "programs")
