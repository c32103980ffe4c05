"""What of 400 real architectures is captured, and what stops the others: `make census`.

`architectures.txt` lists architectures of `transformers` 5.23.0 that `torch.export` captures;
`tiny_models.py` and `shrink.py` build them small. The three were made for a survey of which
operators networks are made of, before this project began, and are kept as they were.
"""
