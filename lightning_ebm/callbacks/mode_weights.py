"""Weights of the modes of chains and flow, as scalars, where the modes are known."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch

from lightning_ebm.callbacks.model_of import model_of
from lightning_ebm.evaluation import mode_weights, total_variation
from lightning_ebm.needed import needed
from lightning_ebm.random_state import isolated
from lightning_ebm.ranges import require_count
from lightning_ebm.undeclared import undeclared


class ModeWeights(L.Callback):
    """Log how the chains and the flow spread over known modes.

    These are not the model's weights: chains that never cross keep the weights they began with,
    and look right for ever. The model's are in `val/` and `test/`.

    Args:
        n_flow_samples: draws of the flow that are counted.
    """

    def __init__(self, n_flow_samples: int = 1000) -> None:
        require_count("n_flow_samples", n_flow_samples)
        self.n_flow_samples = n_flow_samples

    @torch.no_grad()
    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Log at the steps at which the trainer logs."""
        model, interval = model_of(pl_module), undeclared(trainer).log_every_n_steps
        density = model.known_density
        if density is None or interval == 0 or trainer.global_step % interval:
            return
        samples = {"chains": needed(model.latest_draw).x}
        if model.sampler.uses_flow:
            with isolated():
                samples["flow"] = needed(model.flow).sample(self.n_flow_samples)[0]
        for name, x in samples.items():
            weights = mode_weights(x, density)
            error = total_variation(weights, density.mode_weights)
            scalars = {f"{name}/mode_weight_{k}": weight for k, weight in enumerate(weights)}
            scalars[f"{name}/mode_weight_tv"] = error
            model.log_dict({k: v.float() for k, v in scalars.items()}, sync_dist=True)
