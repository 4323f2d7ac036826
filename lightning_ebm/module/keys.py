"""Names of weights in a checkpoint: the same for an energy that is wrapped, and without chains."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from lightning_ebm.module.process_state import PREFIX
from lightning_ebm.networks import wrapping

ENERGY = "energy."


def name_plainly(module: nn.Module) -> None:
    """Let a module's `state_dict` and `load_state_dict` speak of weights by their plain names.

    Wrappers of the energy write their names into its keys; they are left out, so that a model is
    compiled in one run and not in the next. A state without the sampler's, which a checkpoint
    keeps for each process apart, leaves the sampler as it is.
    """
    module.register_state_dict_post_hook(_without_wrapper)
    module.register_load_state_dict_pre_hook(_completed)


def _without_wrapper(
    module: nn.Module, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any]
) -> None:
    _rename(state_dict, prefix + ENERGY + _wrapping_of_energy(module), prefix + ENERGY)


def _completed(
    module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *rest: object
) -> None:
    _rename(state_dict, prefix + ENERGY, prefix + ENERGY + _wrapping_of_energy(module))
    if not any(key.startswith(prefix + PREFIX) for key in state_dict):
        sampler = module.get_submodule("sampler")
        state_dict.update(sampler.state_dict(prefix=prefix + PREFIX))


def _wrapping_of_energy(module: nn.Module) -> str:
    return wrapping(module.get_submodule("energy"))


def _rename(state_dict: dict[str, Any], old: str, new: str) -> None:
    if old == new:
        return
    for key in [key for key in state_dict if key.startswith(old)]:
        state_dict[new + key.removeprefix(old)] = state_dict.pop(key)
