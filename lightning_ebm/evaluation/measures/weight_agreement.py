"""Whether the weights of chains and those of the model can be one and the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_ebm.metrics import FALSE_ALARM, Weights, clopper_pearson


def disagreeing(chains: Weights, model: Tensor, model_draws: Tensor) -> Tensor:
    """Groups whose weights among chains and in the model differ beyond their errors, `(K,)` bool.

    They differ if their intervals do not meet. The intervals of the chains, which have an end even
    where no chain met a group, and those of the model each hold all K weights but for 1 case in
    2,000: a false alarm, in any of the groups, is rarer than 1 in 1,000.

    Args:
        chains: weights among independent chains.
        model: weights of the model, `(K,)`.
        model_draws: independent draws that these are worth, `(K,)`; infinite where they are exact.
    """
    exact = model_draws.isinf()
    level = 1 - FALSE_ALARM / len(model)
    low, high = clopper_pearson(model, model_draws.masked_fill(exact, 1.0), level)
    low, high = torch.where(exact, model, low), torch.where(exact, model, high)
    return (high < chains.lowest) | (low > chains.highest)


def effective_sample_size(weights: Tensor, errors: Tensor) -> Tensor:
    """Independent draws that would be as certain, w(1 - w)/error² `(K,)`; infinite at error 0."""
    draws = weights * (1 - weights) / errors.square()
    return draws.masked_fill(errors == 0, torch.inf)


def doubt(
    kind: str, names: Sequence[object], chains: Weights, model: Tensor, differ: Tensor
) -> str:
    """The clause that says where chains and model differ most, for their size.

    Args:
        kind: "mode" or "class".
        names: what the groups are called.
        chains: weights among chains.
        model: weights of the model, `(K,)`.
        differ: which of them differ, `(K,)` bool, one at least.
    """
    gap = (chains.value - model).abs() / (chains.value + model)
    k = int(gap.masked_fill(~differ, -1).argmax())
    if chains.unmet[k]:
        return f"no chain met {kind} {names[k]}, which has {share(model[k])} of the model"
    return (
        f"{kind} {names[k]} has a weight of {share(chains.value[k])} among the chains and of "
        f"{share(model[k])} in the model"
    )


def share(value: Tensor | float) -> str:
    """A share in three decimals, or two digits where that says more."""
    value = float(value)
    return f"{value:.3f}" if value >= 0.001 or value == 0 else f"{value:.1e}"
