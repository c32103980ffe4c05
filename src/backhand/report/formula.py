"""Formulas on the page: only MathML gets through, whatever names a network has."""

from xml.etree import ElementTree

from markupsafe import Markup

from backhand.write.formulas import mathml

NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
ELEMENTS = frozenset(
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded mphantom "
    "msub msup msubsup munder mover munderover mmultiscripts mtable mtr mtd mprescripts none "
    "menclose mfenced".split()
)
ATTRIBUTES = frozenset(
    "display displaystyle mathvariant stretchy fence separator form largeop movablelimits accent "
    "accentunder linethickness lspace rspace minsize maxsize symmetric width height depth voffset "
    "columnalign rowspacing columnspacing columnlines rowlines scriptlevel notation xmlns "
    "columnspan rowspan".split()
)


def formula(latex: str) -> Markup:
    """LaTeX as MathML for the page; as plain text if what came back is anything else."""
    if not latex:
        return Markup()
    text = mathml(latex)
    if not _is_mathml(text):
        return Markup("<code>{}</code>").format(latex)
    return Markup(text)  # noqa: S704  (every element and attribute was looked at)


def _is_mathml(text: str) -> bool:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return False
    return all(
        element.tag.removeprefix(NAMESPACE) in ELEMENTS and ATTRIBUTES.issuperset(element.attrib)
        for element in root.iter()
    )
