"""Known slips of the pen, planted one at a time into a written NumPy program.

A slip is a small change of one statement: a sign, a factor, a missing mask, the wrong axis. What
they are is a catalogue over the text of any program, a user's own rules included: no operator is
known here by name, only NumPy's functions are.
"""

from backhand.agreement.slips.catalogue import KINDS, Slip, planted, slips

__all__ = ["KINDS", "Slip", "planted", "slips"]
