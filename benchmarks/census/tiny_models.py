# ruff: noqa
# fmt: off
"""Tiny random-weight models of transformers architectures, for measuring coverage. Material, not project code.

    python tiny_models.py gpt2            # builds one and prints its inputs

`tiny(name)` returns (module, kwargs): a float32 module in eval mode and keyword inputs that its forward accepts.
Needs torch 2.13 and transformers 5.23; loads nothing from a network.
"""
import os, sys, time, warnings
warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import torch, transformers
transformers.logging.set_verbosity_error()
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from benchmarks.census import shrink


def build(name, level, attention="eager"):
    config = CONFIG_MAPPING[name]()
    shrink.shrink(config, int(level), lv15=(level == 1.5))
    shrink.special(name, config, level)
    cls = MODEL_MAPPING[type(config)]
    cls = cls[0] if isinstance(cls, (tuple, list)) else cls
    config._attn_implementation = attention
    return config, (cls._from_config(config) if hasattr(cls, "_from_config") else cls(config))


def tiny(name, attention="eager", seconds=15):
    """(module, kwargs) of the smallest configuration of `name` that runs; RuntimeError with the reasons if none does."""
    reasons = []
    for level in (1, 1.5, 2):
        torch.manual_seed(0)
        try:
            config, module = build(name, level, attention)
        except Exception as error:
            reasons.append(f"level {level}: {type(error).__name__}: {error}")
            continue
        module = module.float().eval()
        start = time.time()
        for kwargs in shrink.candidates(module, config):
            if time.time() - start > seconds:
                break
            try:
                with torch.no_grad():
                    module(**kwargs)
                return module, kwargs
            except Exception as error:
                reasons.append(f"level {level} forward: {type(error).__name__}: {error}")
    raise RuntimeError(f"no tiny {name}: " + " | ".join(reasons)[:500])


if __name__ == "__main__":
    module, kwargs = tiny(sys.argv[1])
    print(type(module).__name__, sum(p.numel() for p in module.parameters()), {k: tuple(v.shape) if hasattr(v, "shape") else v for k, v in kwargs.items()})
