"""The LightningModule: training, evaluation hooks, and what a resumed run needs."""

from lightning_ebm.module.module import EBMLightningModule

__all__ = ["EBMLightningModule"]
