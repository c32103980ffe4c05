"""`make opinfo`: every sample of PyTorch's operators and modules, counted into support.json.

python -m tests.opinfo                  what is not counted yet
python -m tests.opinfo --again softmax  these names afresh
python -m tests.opinfo --show           the figures alone
"""

import argparse
import logging
import time
import warnings

import torch

from tests.opinfo.results import store, stored, summary
from tests.opinfo.samples import modules, operators
from tests.opinfo.sweep import outcomes, swept


def main() -> None:
    """Sweep, name by name; what is found is stored after each, so it can be broken off."""
    parser = argparse.ArgumentParser(prog="python -m tests.opinfo", description=__doc__)
    parser.add_argument("--again", nargs="*", help="names to count afresh; none: all of them")
    parser.add_argument("--limit", type=float, default=120, help="seconds for a name")
    parser.add_argument("--show", action="store_true", help="print the figures and stop")
    options = parser.parse_args()
    results = stored()
    every = [*operators(), *modules()]
    left = [name for name in every if name not in results["operators"] | results["modules"]]
    if not options.show:
        names = left if options.again is None else options.again or every
        _sweep(names, options.limit)
        results = stored()
    print(summary(results))


def _sweep(names: list[str], limit: float) -> None:
    warnings.simplefilter("ignore")
    logging.getLogger("torch").setLevel(logging.CRITICAL)
    torch.set_num_threads(1)
    list(outcomes("nn.Linear", "float64"))  # all is imported before the first process is forked
    for name in names:
        begun = time.monotonic()
        record = swept(name, limit)
        store("modules" if name in modules() else "operators", name, record)
        counts = {k: v for k, v in record["float64"].items() if k not in ("rules", "why")}
        print(f"{name}: {counts} {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
