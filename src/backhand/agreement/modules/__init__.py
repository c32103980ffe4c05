"""Do a module's NumPy program and PyTorch agree? Step by step, and as a whole."""

from backhand.agreement.modules.comparing import compare_module
from backhand.agreement.modules.result import ModuleAgreement, ModuleStep

__all__ = ["ModuleAgreement", "ModuleStep", "compare_module"]
