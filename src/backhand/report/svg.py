"""SVG elements as text: every name and number is escaped here, once."""

from markupsafe import Markup, escape

Number = float | int


def number(value: Number) -> str:
    """At most two decimals, and none that are zero: short, and the same on every machine."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-0", "0" if abs(value) < 0.005 else "-0")


def element(name: str, *children: Markup | str, **attributes: Number | str) -> Markup:
    """`<name attributes>children</name>`; a trailing or inner `_` of a keyword stands for `-`.

    `class_` is `class`, as it is a word of Python.
    """
    parts = [name]
    for key, value in attributes.items():
        shown = value if isinstance(value, str) else number(value)
        parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(shown)}"')
    inside = Markup("").join(children)
    opening = Markup(" ".join(parts))
    return Markup(f"<{opening}>{inside}</{name}>") if inside else Markup(f"<{opening}/>")


def drawing(
    width: Number, height: Number, label: str, *children: Markup, class_: str, style: str = ""
) -> Markup:
    """An `<svg>` that scales with its box, and says to a screen reader what it shows."""
    return element(
        "svg",
        element("title", label),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="group",
        aria_label=label,
        class_=class_,
        **({"style": style} if style else {}),
    )


def line(x1: Number, y1: Number, x2: Number, y2: Number, class_: str) -> Markup:
    return element("path", d=f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", class_=class_)


def rectangle(
    x: Number, y: Number, width: Number, height: Number, class_: str, radius: Number = 0
) -> Markup:
    return element("rect", x=x, y=y, width=width, height=height, rx=radius, class_=class_)


def text(x: Number, y: Number, words: str, class_: str = "") -> Markup:
    return element("text", words, x=x, y=y, class_=class_)
