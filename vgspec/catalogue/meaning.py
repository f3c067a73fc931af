"""What the numbers at a model's output mean: what an activation delivers and a loss expects."""

from __future__ import annotations

import enum

__all__ = ["Meaning"]


class Meaning(enum.StrEnum):
    """What a vector of outputs is taken for. The last two are only ever expected, by losses."""

    REAL = "any numbers"
    NON_NEGATIVE = "numbers not below zero"
    SIGNED = "numbers between -1 and 1"
    PROBABILITY = "a probability per entry"
    DISTRIBUTION = "probabilities that sum to one"
    LOG_PROBABILITY = "a log-probability per entry"
    LOG_DISTRIBUTION = "log-probabilities of a distribution"
    LOGIT = "an unbounded score per entry, whose sigmoid is a probability"
    LOGITS = "unbounded scores, whose softmax is a distribution"

    @property
    def probabilities(self) -> bool:
        """Whether every number lies between 0 and 1."""
        return self in (Meaning.PROBABILITY, Meaning.DISTRIBUTION)
