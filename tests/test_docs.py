"""The documents are true: what they show is what the tool does."""

import re
from pathlib import Path

import pytest

from backhand.agreement.comparing import compare
from backhand.capture.spec import load, parse
from backhand.cli import HOMEWORK
from backhand.errors import BackhandError
from backhand.report.operators import markdown_page
from backhand.rules import all_rules
from backhand.writers.files import write_programs

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md")]


def code_blocks(file: Path, language: str) -> list[str]:
    text = file.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [code for name, code in blocks if name == language]


def test_the_table_of_operators_is_current() -> None:
    assert (ROOT / "docs" / "operators.md").read_text(encoding="utf-8") == markdown_page(), (
        "run `make docs`"
    )


def test_the_readme_shows_the_program_that_is_written() -> None:
    (shown,) = code_blocks(ROOT / "README.md", "python")
    assert shown.strip() in write_programs(load(HOMEWORK))["numpy"].text


def test_the_readme_shows_the_finding_that_is_made(tmp_path: Path) -> None:
    (shown,) = [block for block in code_blocks(ROOT / "README.md", "") if "First at" in block]
    text = write_programs(load(HOMEWORK))["numpy"].text
    (tmp_path / "mine.py").write_text(text.replace("da1 = dh * mask", "da1 = dh"))
    found = compare(HOMEWORK, program=tmp_path / "mine.py", epochs=1)
    assert shown.strip() in str(found)


def test_the_architecture_shows_a_rule_that_exists() -> None:
    (shown,) = code_blocks(ROOT / "docs" / "architecture.md", "python")
    rule = all_rules()["tanh"]
    assert rule.backward is not None
    assert rule.forward.source.strip() in shown
    assert rule.backward.source.strip() in shown


def test_the_spec_on_the_page_works(tmp_path: Path) -> None:
    (text,) = code_blocks(ROOT / "docs" / "spec.md", "toml")
    experiment = parse(text, "page.toml", tmp_path)
    assert [v.name for v in experiment.network.forward.outputs] == ["p"]


def test_the_error_on_the_page_is_the_error(tmp_path: Path) -> None:
    shown = code_blocks(ROOT / "docs" / "spec.md", "")[-1]
    lines = [
        "[inputs]",
        "x = [[1, 2]]",
        "",
        "[network]",
        "# one",
        "# two",
        "steps = [",
        '"a = x * 2",',
    ]
    text = "\n".join([*lines, '"z = rleu(a)",', "]"])
    with pytest.raises(BackhandError) as caught:
        parse(text, "mine.toml", tmp_path)
    assert f"backhand: {caught.value}" == shown.strip()


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", file.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (file.parent / target).exists(), target
