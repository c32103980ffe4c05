"""Code in colour. The classes are Pygments' own; the colours stand in the page's style sheet."""

import ast
from functools import lru_cache

from markupsafe import Markup


def python(text: str) -> Markup:
    """Python, escaped and marked up; the caller puts `<code>` or `<pre>` around it."""
    from pygments.lexers.python import PythonLexer

    return _highlighted(text, PythonLexer)


def toml(text: str) -> Markup:
    """A spec, escaped and marked up."""
    from pygments.lexers.configs import TOMLLexer

    return _highlighted(text, TOMLLexer)


@lru_cache(maxsize=1024)
def _highlighted(text: str, lexer: type) -> Markup:
    from pygments import highlight
    from pygments.formatters.html import HtmlFormatter

    made = lexer(stripnl=False, ensurenl=False)
    return Markup(highlight(text, made, HtmlFormatter(nowrap=True)).rstrip("\n"))


def functions(program: str) -> dict[str, str]:
    """The functions of a program by name, each as it stands there."""
    lines = program.splitlines()
    found = [node for node in ast.parse(program).body if isinstance(node, ast.FunctionDef)]
    return {f.name: "\n".join(lines[f.lineno - 1 : f.end_lineno]) for f in found}
