"""The contract of a measure: figures from the evidence that a test has gathered."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from lightning_ebm.evaluation.evidence import Evidence

Figures = dict[str, Tensor | float]
"""Numbers by name. Names begin with what they speak of: `model/`, `samples/`, `flow/`, `test/`,
`log_z/`, `diagnostics/`, `distance/`, `sampler/`, `classifier/`."""


class Measure(ABC):
    """One thing to know of a model.

    To implement one: write `__call__`, and name the class under `model.measures`. It runs with
    networks frozen, gradients enabled and the random state set aside, in `test`, in `validate` and
    in the validation of `fit`. What does not apply returns nothing.
    """

    @abstractmethod
    def __call__(self, evidence: Evidence) -> Figures:
        """The figures; remarks for the reader go to `evidence.remarks`."""
