"""Samplers without a model to train: of a function, a distribution, or a network."""

from lightning_ebm.standalone.result import SampleResult
from lightning_ebm.standalone.running import sample
from lightning_ebm.standalone.summary import Summary

__all__ = ["SampleResult", "Summary", "sample"]
