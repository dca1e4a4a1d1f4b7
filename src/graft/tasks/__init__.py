"""Tasks: what is predicted. One file a task; `task.py` is the contract."""

NOT_PLUGINS = (
    "task",
    "answer_spans",
    "classification",
    "generation",
    "masked_tokens",
    "ngrams",
    "options",
    "packing",
    "pretext",
    "seq2seq",
    "token_blocks",
    "token_loss",
    "words",
)
