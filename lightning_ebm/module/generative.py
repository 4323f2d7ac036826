"""The model as a distribution to draw from: samples, and completion; none of it changes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_ebm.errors import SettingError
from lightning_ebm.module.completion import completed
from lightning_ebm.module.distribution import ModelDistribution
from lightning_ebm.module.normalised import CHUNK, NormalisedModel
from lightning_ebm.module.settings import MOST_CHAINS
from lightning_ebm.networks import sampling
from lightning_ebm.random_state import isolated, seed_process
from lightning_ebm.ranges import require_count

STREAM = 2**32
"""Where the streams of random numbers of `sample` and `complete` begin, apart from predict's."""


class GenerativeModel(NormalisedModel):
    """What `EBMLightningModule` draws, without a Trainer."""

    _n_looks: int = 0

    @property
    def density(self) -> ModelDistribution:
        """The model for libraries that take a `torch.distributions.Distribution`."""
        return ModelDistribution(self)

    def sample(
        self,
        sample_shape: int | Sequence[int] = (),
        seed: int | None = None,
        chunk_size: int | None = None,
    ) -> Tensor:
        """Draw points `(*sample_shape, *event)` by chains of the sampler that begin anew.

        They begin as the sampler's do, from the flow or from noise, run `evaluation_draws` draws
        and longer while they do not agree. Where the model is its base still, before `fit`, they
        are of the base. Chains of a sampler that is not exact end where that sampler leads.

        Args:
            sample_shape: a number or a shape.
            seed: what the draws depend on beside torch's seed; by default one call differs from
                the next.
            chunk_size: chains at once; by default all.

        Raises:
            SettingError: if the shape of a point is not known, or that of the sample is none.
        """
        shape = _sizes(sample_shape)
        event, n = self.event_shape, math.prod(shape)
        at_once = require_count("chunk_size", chunk_size, null="all") or max(n, 1)
        firsts = range(0, n, at_once)
        stream = self._stream(seed, len(firsts))
        with self._as_it_is():
            parts = [
                self.fresh_draw(min(at_once, n - first), stream=stream + k).x
                for k, first in enumerate(firsts)
            ]
        x = torch.cat(parts) if parts else self.reference.mean.new_empty(0, *event)
        return x.view(*shape, *event)

    def complete(
        self,
        x: Tensor,
        observed: Tensor,
        n_steps: int = 1000,
        n_warmup: int = 500,
        seed: int | None = None,
        chunk_size: int = CHUNK,
    ) -> Tensor:
        """Draw the coordinates u that were not observed, given those that were, o.

        By MALA on u ↦ p(o, u), which leaves p(u | o) invariant, from a draw of the reference for
        each point; local, so that it does not cross between far modes: see `completed`.

        Args:
            x: points `(*batch, *event)`; what is not observed there is not looked at.
            observed: which coordinates are given, bool, of a shape that broadcasts to `x`.
            n_steps: MALA steps after the warm-up.
            n_warmup: steps over which the step size of each chain adapts.
            seed: as in `sample`.
            chunk_size: points at once.

        Returns:
            The points, completed: one draw for each; repeat points for more.

        Raises:
            SettingError: if shapes do not fit, or `observed` is no mask.
        """
        require_count("n_steps", n_steps)
        require_count("n_warmup", n_warmup, least=0)
        require_count("chunk_size", chunk_size)
        flat = self._flat(x).to(self.reference.mean)
        mask = _spread(observed, x).reshape(flat.shape).to(flat.device)
        stream = self._stream(seed, 1)
        with self._as_it_is(), isolated():
            seed_process(torch.initial_seed() + stream, self.global_rank)
            problem = self.problem(None, self.evaluated_energy)
            with sampling(*problem.networks):
                parts = [
                    completed(problem, points.clone(), given.clone(), n_steps, n_warmup)
                    for points, given in zip(
                        flat.split(chunk_size), mask.split(chunk_size), strict=True
                    )
                ]
        return torch.cat(parts).view(x.shape).to(x.device)

    def _stream(self, seed: int | None, n: int) -> int:
        if seed is not None:
            return STREAM * (2 + require_count("seed", seed, least=0, most=2**62))
        self._n_looks += n
        return STREAM + self._n_looks - n


def _sizes(sample_shape: int | Sequence[int]) -> tuple[int, ...]:
    given = sample_shape if isinstance(sample_shape, Sequence) else (sample_shape,)
    sizes = tuple(require_count("sample_shape", size, least=0) for size in given)
    require_count("sample_shape", math.prod(sizes), least=0, most=MOST_CHAINS)
    return sizes


def _spread(observed: Tensor, x: Tensor) -> Tensor:
    if not isinstance(observed, Tensor) or observed.dtype != torch.bool:
        kind = observed.dtype if isinstance(observed, Tensor) else type(observed).__name__
        raise SettingError(
            f"observed is of {kind}: give a tensor of torch.bool as mask, true where given"
        )
    try:
        return observed.to(x.device).expand(x.shape)
    except RuntimeError as failure:
        raise SettingError(
            f"observed has shape {tuple(observed.shape)}, and points have {tuple(x.shape)}: give "
            "a mask of the shape of one point, or of all"
        ) from failure
