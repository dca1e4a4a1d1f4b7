"""Keep transformers from talking while Graft calls it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no report of new weights: a new head is meant to have some."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def never_ask_for_masks() -> None:
    """Texts in packs have no masks by intent; transformers warns if one begins with padding."""
    logging.getLogger("transformers.modeling_utils").addFilter(_is_not_about_masks)


def _is_not_about_masks(record: logging.LogRecord) -> bool:
    return "passing in an `attention_mask`" not in record.getMessage()
