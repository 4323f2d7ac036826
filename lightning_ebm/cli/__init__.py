"""The command `lightning`: LightningCLI with packaged configurations and a list of samplers."""

from lightning_ebm.cli.main import main

__all__ = ["main"]
