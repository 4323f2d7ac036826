"""`python -m lightning_ebm`, which torchrun needs, is the command `lightning`."""

from lightning_ebm.cli import main

main()
