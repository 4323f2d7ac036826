"""The model as a density: log p(x), score, energy, log Z; none of it changes the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self

import torch
from torch import Tensor

from lightning_ebm.batches import require_finite_points
from lightning_ebm.checkpoints.reading import METRICS, run_folder
from lightning_ebm.errors import SettingError
from lightning_ebm.evaluation.log_z import LogZ
from lightning_ebm.module.model import EnergyBasedModel
from lightning_ebm.module.normaliser import Normaliser
from lightning_ebm.module.unprepared import stood_in
from lightning_ebm.networks import bare, sampling
from lightning_ebm.problem import Problem
from lightning_ebm.ranges import require_count

CHUNK = 1024
"""Points that are evaluated at once, unless told otherwise."""
AS_MADE = "as the module was made with"


class NormalisedModel(EnergyBasedModel):
    """What `EBMLightningModule` says of points, without a Trainer.

    The energy is the one that is evaluated, the moving average once it has begun. Points have
    shape `(*batch, *event)` and may lie on any device; answers come back there.

    Attributes:
        normaliser: keeps the latest estimate of log Z.
    """

    normaliser: Normaliser

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: str | Path | IO[bytes],
        *args: Any,  # noqa: ANN401 - Lightning's signature
        **kwargs: Any,  # noqa: ANN401
    ) -> Self:
        """As `EnergyBasedModel` loads it, with log Z as it was saved, or as a test found it since.

        Raises:
            SettingError: as there.
        """
        module = super().load_from_checkpoint(checkpoint_path, *args, **kwargs)
        if isinstance(checkpoint_path, (str, Path)):
            tested = run_folder(Path(checkpoint_path)) / METRICS
            module.normaliser.take_written(tested, module._evaluated_weights())
        return module

    @property
    def event_shape(self) -> torch.Size:
        """Shape of one point.

        Raises:
            SettingError: if it is not known before data has been seen.
        """
        shape = self.reference.mean.shape
        if len(shape) == 0:
            raise SettingError(
                "the shape of a point is not known before data has been seen: call fit, or give "
                "the energy an attribute event_shape"
            )
        return shape

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of one batch of distributions: there is one, so that it is empty."""
        return torch.Size()

    @property
    def log_z(self) -> LogZ:
        """The latest estimate of log Z, by which `log_prob` is normalised, with its verdict.

        Raises:
            SettingError: if there is none, or the weights have changed since.
        """
        return self.normaliser.of(self._evaluated_weights())

    def log_prob(self, x: Tensor, chunk_size: int = CHUNK) -> Tensor:
        """Log-density of points, normalised by the latest estimate of log Z.

        A warning says so where that estimate is not trusted: it is off by the same number of nats
        at every point, so that differences hold.

        Args:
            x: points `(*batch, *event)`.
            chunk_size: points evaluated at once.

        Returns:
            Numbers `(*batch,)`.

        Raises:
            SettingError: if there is no estimate of these weights, or points have another shape.
        """
        log_z = self.log_z
        if not log_z.trusted:
            warnings.warn(f"log_prob rests on an estimate: {log_z}", stacklevel=2)
        return self._at(x, lambda problem, part: problem.log_prob(part), chunk_size) - log_z.value

    def unnormalised_log_prob(self, x: Tensor, chunk_size: int = CHUNK) -> Tensor:
        """-E(x)/T + log b(x), which needs no estimate, `(*batch, *event)` to `(*batch,)`."""
        return self._at(x, lambda problem, part: problem.log_prob(part), chunk_size)

    def score(self, x: Tensor, chunk_size: int = CHUNK) -> Tensor:
        """Gradient of the log-density in the points, `(*batch, *event)`; needs no estimate."""
        return self._at(x, lambda problem, part: problem.log_prob_and_score(part)[1], chunk_size)

    def energies(self, x: Tensor, chunk_size: int = CHUNK) -> Tensor:
        """E(x) without what it tilts, `(*batch, *event)` to `(*batch,)`.

        `model.energy` itself is the network that is trained, and may be called too.
        """
        energy = self.tilted(self.evaluated_energy).energies

        def at(_: Problem, part: Tensor) -> Tensor:
            with torch.no_grad():
                return energy(part)

        return self._at(x, at, chunk_size)

    def estimate_log_z(
        self,
        data: Tensor | None = None,
        *,
        n_samples: int | None = None,
        log_z_draws: int | None = None,
        annealing_steps: int | None = None,
        ladder_rounds: int | None = None,
        search_steps: int | None = None,
    ) -> LogZ:
        """Estimate log Z as `lightning test` does, and normalise `log_prob` by it from here on.

        The estimate goes into every checkpoint that is saved from here on. What is not given is as
        the module was made with.

        Args:
            data: held-out points, from which chains also look for mass that the estimate missed;
                without any, a mode that only data knows of may be missed and not be noticed.
            n_samples: fresh chains.
            log_z_draws: weighted draws of the flow, where one has learned.
            annealing_steps: steps of annealed paths, where none has.
            ladder_rounds: rounds of a ladder, where the flow's draws are worth little.
            search_steps: steps of the chains that look for missed mass.

        Raises:
            SettingError: if points have another shape or are not finite, or nothing is left to
                estimate it by.
        """
        effort: dict[str, Any] = {
            "n_samples": require_count("n_samples", n_samples, null=AS_MADE),
            "log_z_draws": require_count("log_z_draws", log_z_draws, null=AS_MADE),
            "annealing_steps": require_count(
                "annealing_steps", annealing_steps, least=0, null=AS_MADE
            ),
            "ladder_rounds": require_count("ladder_rounds", ladder_rounds, least=0, null=AS_MADE),
            "search_steps": require_count("search_steps", search_steps, least=0, null=AS_MADE),
        }
        given = {key: value for key, value in effort.items() if value is not None}
        mean = self.reference.mean
        held_out = mean.new_empty(0, *self.event_shape) if data is None else self._flat(data)
        require_finite_points(held_out)
        with self._as_it_is():
            found = replace(self.evaluation, **given).estimate(self.subject(), held_out.to(mean))
        if found is None:
            raise SettingError(
                "log Z cannot be estimated: annealing_steps is 0, and no flow has learned; give "
                "some 100 steps"
            )
        self.normalise_by(found)
        return found

    def normalise_by(self, log_z: LogZ | None) -> None:
        """Keep an estimate as the latest, if there is one."""
        if log_z is not None:
            self.normaliser.take(log_z, self._evaluated_weights())

    def _at(self, x: Tensor, of: Callable[[Problem, Tensor], Tensor], chunk_size: int) -> Tensor:
        require_count("chunk_size", chunk_size)
        flat = self._flat(x)
        problem = self.problem(None, self.evaluated_energy)
        with self._as_it_is(), sampling(*problem.networks):
            parts = [
                of(problem, part.clone().to(self.reference.mean)).detach().to(x.device)
                for part in flat.split(chunk_size)
            ]
        values = torch.cat(parts)
        batch = x.shape[: x.dim() - len(self.event_shape)]
        return values.view(batch + values.shape[1:])

    def _flat(self, x: Tensor) -> Tensor:
        event = self.event_shape
        if not isinstance(x, Tensor) or x.is_complex():
            kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise SettingError(f"points are of {kind}: give a tensor of real numbers")
        if x.shape[x.dim() - len(event) :] != event or x.dim() < len(event):
            raise SettingError(
                f"points have shape {tuple(x.shape)}, but one point of this model has "
                f"{tuple(event)}: give shape (n, {', '.join(map(str, event))})"
            )
        return x.detach().reshape(-1, *event)

    def _evaluated_weights(self) -> dict[str, Tensor]:
        energy, base = bare(self.evaluated_energy), self.base
        weights = energy.state_dict(prefix="energy.")
        weights |= {} if base is None else base.state_dict(prefix="base.")
        tensors = {key: value for key, value in weights.items() if isinstance(value, Tensor)}
        return tensors | {"temperature": torch.tensor(self.temperature, device=self.device)}

    @contextmanager
    def _as_it_is(self) -> Iterator[None]:
        if self.prepared:
            yield
            return
        flows = [flow for flow in (self.flow, self.base_flow) if flow is not None]
        with stood_in(self.reference, flows):
            yield
