"""The model as a density, p(x) ∝ exp(-E(x)/T) b(x), and what a sampler is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from lightning_ebm.base_measure import GaussianBase
from lightning_ebm.flows import Flow
from lightning_ebm.problem import Distribution, Problem, Tilt


@dataclass(frozen=True)
class ModelDensity:
    """An energy, and what it tilts. It owns nothing: networks are the module's.

    Attributes:
        energy: maps points `(n, *event)` to energies `(n,)` or `(n, 1)`.
        base: b, or None.
        temperature: T.
        reference: a Gaussian fitted to data.
    """

    energy: nn.Module
    base: Distribution | None
    temperature: float
    reference: GaussianBase

    @property
    def log_density(self) -> Callable[[Tensor], Tensor]:
        """-E(x)/T + log b(x), `(n, *event)` to `(n,)`; a `Tilt` where there is a base."""
        return self.tilt if self.base is None else Tilt(self.tilt, self.base)

    def tilt(self, x: Tensor) -> Tensor:
        """-E(x)/T, `(n, *event)` to `(n,)`."""
        return -self.energies(x) / self.temperature

    def energies(self, x: Tensor) -> Tensor:
        """E(x) `(n,)`, of a network that gives shape `(n,)` or `(n, 1)`."""
        values: Tensor = self.energy(x)
        return values.squeeze(1) if values.dim() == 2 else values

    def problem(
        self, flow: Flow | None, data: Tensor | None, networks: tuple[nn.Module | None, ...]
    ) -> Problem:
        """What a sampler is asked to sample.

        Args:
            flow: what proposes and pulls back, if anything.
            data: a batch of data.
            networks: what else is to be frozen while a sampler runs.
        """
        return Problem(
            log_density=self.log_density,
            event_shape=tuple(self.reference.mean.shape),
            reference=self.reference,
            proposal=flow,
            flow=flow,
            data=data,
            networks=tuple(n for n in (self.energy, *networks) if n is not None),
        )
