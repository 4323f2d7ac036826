"""What is kept of an estimate of log Z: the number that normalises a density, and its worth."""

from __future__ import annotations

from dataclasses import dataclass

from lightning_ebm.evaluation.log_z.sandwich import Sandwich
from lightning_ebm.evaluation.log_z.verdict import Verdict


@dataclass(frozen=True)
class LogZ:
    """An estimate of log Z in nats; `print` shows its verdict, which says the rest.

    Attributes:
        value: the best single value.
        standard_error: of the value; infinite where it is unknown. It knows nothing of mass that
            was never visited.
        lower: below which log Z does not lie, by two standard errors of what was estimated.
        upper: above which it does not lie, what may lie unseen included.
        trusted: whether nothing speaks against it.
        verdict: that, in a sentence, with what does.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    trusted: bool
    verdict: str

    @classmethod
    def of(cls, sandwich: Sandwich, verdict: Verdict) -> LogZ:
        """What is kept of estimates and of their verdict."""
        low, high = sandwich.interval
        return cls(
            sandwich.log_z, sandwich.standard_error, low, high, verdict.trusted, verdict.sentence
        )

    def __str__(self) -> str:
        """The verdict, and the standard error."""
        return f"{self.verdict}; standard error {self.standard_error:.2g}"
