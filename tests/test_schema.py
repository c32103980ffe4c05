"""The JSON Schema and the reader of specs say the same."""

import json
import math
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backhand.capture import arrays, spec
from backhand.cli import HOMEWORK
from backhand.rules.updates import UPDATES

SCHEMA = json.loads(spec.SCHEMA.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SPECS = [HOMEWORK, HOMEWORK.parent / "capture" / "starter.toml"]
SPECS += sorted((Path(__file__).parent.parent / "examples").glob("*.toml"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", SPECS, ids=lambda file: file.stem)
def test_specs_that_run_are_valid(file: Path) -> None:
    spec.load(file)
    VALIDATOR.validate(tomllib.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("section", spec.KEYS)
def test_keys_are_the_same(section: str) -> None:
    properties = SCHEMA["properties"]
    described: dict[str, Any] = {
        "": SCHEMA,
        "print": properties["print"]["items"],
        "precision": properties["precision"]["oneOf"][1],
    }.get(section) or properties[section]
    assert set(described["properties"]) == set(spec.KEYS[section])
    assert described["additionalProperties"] is False


def test_words_are_the_same() -> None:
    properties = SCHEMA["properties"]
    assert set(properties["training"]["properties"]["optimizer"]["enum"]) == set(UPDATES)
    options = {option for update in UPDATES.values() for option in update.options}
    assert options | {"optimizer", "epochs"} == set(properties["training"]["properties"])
    recipe = SCHEMA["$defs"]["array"]["oneOf"][3]["properties"]["init"]["enum"]
    assert set(recipe) == set(arrays.RECIPES)


def test_limits_are_the_same() -> None:
    described = SCHEMA["properties"]["training"]["properties"]
    for update in UPDATES.values():
        for option, limit in update.limits.items():
            if isinstance(update.defaults.get(option), bool):
                assert described[option] == {"type": "boolean"}
                continue
            wanted = {"type": "number"}
            if limit.low > -math.inf:
                wanted["exclusiveMinimum" if limit.above else "minimum"] = limit.low
            if limit.high < math.inf:
                wanted["maximum" if limit.up_to else "exclusiveMaximum"] = limit.high
            assert described[option] == wanted, option


@pytest.mark.parametrize(
    "text",
    [
        "seed = -1",
        'precision = "float16"',
        "[inputs]\nx = 3",
        '[network]\nsteps = "z = x"',
        "[training]\nepochs = 0",
        '[training]\nepochs = 1\noptimizer = "sdg"',
        "[[print]]\nrows = 'p'\nvalue = 'p'",
        "[extra]",
    ],
)
def test_mistakes_are_invalid(text: str) -> None:
    whole = tomllib.loads(text)
    whole.setdefault("inputs", {"x": [[1]]})
    whole.setdefault("network", {"steps": ["z = x * 2"]})
    assert list(VALIDATOR.iter_errors(whole))
