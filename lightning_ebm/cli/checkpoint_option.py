"""The checkpoint that a command names: loaded as plain data, and of networks like its own."""

from __future__ import annotations

from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_warn
from torch import nn

from lightning_ebm.checkpoints.opening import open_checkpoint
from lightning_ebm.checkpoints.shapes import require_shapes


def load_plain_data_only(settings: Namespace) -> None:
    """Load checkpoints by the loader of plain data, unless told otherwise in so many words.

    Lightning's own default is another for addresses, and with an environment variable set.
    """
    if settings.get("weights_only") is False:
        rank_zero_warn(
            "--weights_only=false: the checkpoint may run any code as it is loaded; use it "
            "for files that you have written yourself"
        )
    elif "weights_only" in settings:
        settings["weights_only"] = True


def require_fitting(settings: Namespace, model: nn.Module) -> None:
    """See that the checkpoint, if there is one, is of networks like the model's.

    Raises:
        SettingError: if it is none, or of others.
    """
    path = settings.get("ckpt_path")
    if path is not None and settings.get("weights_only", True):
        require_shapes(open_checkpoint(path)["state_dict"], model, path=path)
