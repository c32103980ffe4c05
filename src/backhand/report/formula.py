"""Formulas on the page: only MathML gets through, whatever names a network has."""

from xml.etree import ElementTree

from markupsafe import Markup

from backhand.writers.formulas import mathml

NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
ELEMENTS = """
    math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded mphantom
    msub msup msubsup munder mover munderover mtable mtr mtd menclose mfenced
"""
ATTRIBUTES = """
    display displaystyle mathvariant stretchy fence separator form largeop movablelimits accent
    accentunder linethickness lspace rspace minsize maxsize symmetric width height depth voffset
    columnalign rowspacing columnspacing columnlines rowlines scriptlevel notation
"""


def formula(latex: str) -> Markup:
    """LaTeX as MathML for the page; as plain text if what came back is anything else."""
    if not latex:
        return Markup()
    text = mathml(latex)
    if not _is_mathml(text):
        return Markup("<code>{}</code>").format(latex)
    return Markup(text)  # every element and attribute was looked at


def _is_mathml(text: str) -> bool:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return False
    elements, attributes = frozenset(ELEMENTS.split()), frozenset(ATTRIBUTES.split())
    return all(
        element.tag.removeprefix(NAMESPACE) in elements and attributes.issuperset(element.attrib)
        for element in root.iter()
    )
