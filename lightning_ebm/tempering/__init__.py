"""Replica exchange between a distribution that can be drawn and a model, a file per part."""

from lightning_ebm.tempering.exchange import Exchange, exchange
from lightning_ebm.tempering.ladder import Ladder
from lightning_ebm.tempering.ladder_log_z import LadderLogZ, ladder_log_z
from lightning_ebm.tempering.path import GeometricPath, Rungs, on_path
from lightning_ebm.tempering.pooled import pooled_log_weights, resampled
from lightning_ebm.tempering.record import LadderRecord, beside, merged, record
from lightning_ebm.tempering.replica_exchange import ReplicaExchange, Round
from lightning_ebm.tempering.replicas import Replicas

__all__ = [
    "Exchange",
    "GeometricPath",
    "Ladder",
    "LadderLogZ",
    "LadderRecord",
    "ReplicaExchange",
    "Replicas",
    "Round",
    "Rungs",
    "beside",
    "exchange",
    "ladder_log_z",
    "merged",
    "on_path",
    "pooled_log_weights",
    "record",
    "resampled",
]
