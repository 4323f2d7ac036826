"""What a step of training logs: energies, losses, the sampler's figures, the live likelihood."""

from __future__ import annotations

from torch import Tensor

from lightning_ebm.objectives import EnergyLoss
from lightning_ebm.sampler import Draw


def training_figures(
    loss: EnergyLoss,
    flow_loss: Tensor | None,
    draw: Draw,
    temperature: float,
    tilts_flow: bool,  # noqa: FBT001
) -> dict[str, Tensor]:
    """Figures of a step, name to number.

    Args:
        loss: of the energy.
        flow_loss: of the flow, if it learns.
        draw: the negative phase.
        temperature: T.
        tilts_flow: whether the energy tilts a flow, over which its likelihood can be told.
    """
    figures = {
        "energy/data": loss.data.mean(),
        "energy/samples": loss.samples.mean(),
        "energy/difference": loss.data.mean() - loss.samples.mean(),
        "loss/energy": loss.value,
    } | {f"sampler/{key}": value for key, value in draw.info.items()}
    if flow_loss is not None:
        figures["loss/flow"] = flow_loss
    if tilts_flow and "log_z" in draw.info:
        # Of this batch, by log Z of this very draw: neither lags behind the energy.
        gain = -loss.data / temperature - draw.info["log_z"]
        error = draw.info["log_z_standard_error"].square() + gain.var() / len(gain)
        figures["likelihood/over_flow"] = gain.mean()
        figures["likelihood/over_flow_standard_error"] = error.sqrt()
    return {name: value.detach().float() for name, value in figures.items()}
