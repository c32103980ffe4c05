"""GPT-2 as the `transformers` package has it, with its twelve layers, narrow; AdamW."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel


def make_model():
    """The network with its own loss, an input, and what training needs."""
    torch.manual_seed(0)
    size = {"vocab_size": 101, "n_positions": 32, "n_embd": 64, "n_head": 4, "n_layer": 12}
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    model = GPT2LMHeadModel(GPT2Config(**size, **ends, use_cache=False)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.001)
    tokens = torch.randint(0, 101, (2, 16))
    inputs = {"input_ids": tokens, "labels": tokens}
    return model, inputs, {"loss": "loss", "optimizer": optimizer}
