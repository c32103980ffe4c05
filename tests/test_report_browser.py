"""The report in a real browser: nothing sticks out of the page, on a phone or on a desktop."""

import os
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from backhand.capture.spec import parse
from backhand.report.page import write_page
from backhand.study import study
from backhand.writers.files import save_programs

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
POLICY = re.compile(r"<meta http-equiv=.Content-Security-Policy.[^>]*>")
MEASURE = """<script>
addEventListener("load", () => {
  const page = document.documentElement;
  for (const details of document.querySelectorAll("details")) details.open = true;
  const formulas = [...document.querySelectorAll("math")].map(m => m.getBoundingClientRect().width);
  const said = [page.scrollWidth, innerWidth, formulas.filter(width => width > 0).length];
  parent.postMessage(said.join(" "), "*");
});
</script>"""
FRAME = """<body style="margin:0">
<iframe src="{file}" style="border:0" width="{width}" height="900"></iframe>
<p id="said">nothing</p>
<script>
addEventListener("message", e => {{ document.getElementById("said").textContent = e.data }})
</script>
"""
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=10000",
    "--window-size=1400,1000",
    "--dump-dom",
]


def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI") != "true":
        pytest.skip("needs Chromium")
    assert found, "CI=true, but there is no Chromium"
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The homework's report, with a script that says how wide it is."""
    folder = tmp_path_factory.mktemp("report")
    text = files("backhand").joinpath("homework.toml").read_text(encoding="utf-8")
    experiment = parse(text, "homework.toml", folder)
    file = folder / "report.html"
    write_page(study(experiment, save_programs(experiment, folder), folder), file)
    html = POLICY.sub("", file.read_text(encoding="utf-8"))
    file.write_text(html.replace("</body>", MEASURE + "</body>"), encoding="utf-8")
    return file


@pytest.mark.browser
@pytest.mark.parametrize("width", [380, 390, 768, 1280])
def test_nothing_sticks_out_at_any_width(width: int, report: Path, tmp_path: Path) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(file=report.as_uri(), width=width), encoding="utf-8")
    command = [browser(), *QUIET, f"--user-data-dir={tmp_path / 'profile'}", frame.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said = re.search(r'<p id="said">(\d+) (\d+) (\d+)</p>', done.stdout)
    assert said, done.stdout[-2000:]
    needed, wide, formulas = (int(number) for number in said.groups())
    assert wide == width
    assert needed <= width
    assert formulas > 10
