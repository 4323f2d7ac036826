"""A run prints nothing of Lightning's own concerns, and all that is of the user's."""

from __future__ import annotations

import warnings

import pytest

from lightning_ebm.cli.noise import spare_advice_on_workers, without_noise
from lightning_ebm.data import KnownDensity, TwoModes

SMALL = """
trainer: {max_steps: 2, accelerator: cpu, enable_progress_bar: false, limit_val_batches: 0}
model:
  sampler: ula
  energy: {class_path: MLP, init_args: {event_shape: [2], hidden: [8]}}
pictures: {every_n_steps: 1000}
data:
  class_path: KnownDensity
  init_args: {density: TwoModes, train_size: 32, test_size: 32, batch_size: 16}
"""


def test_a_fit_prints_what_is_of_use(lightning, tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    fit = lightning("fit", "--config=small.yaml")
    assert fit.returncode == 0, fit.stderr
    for noise in ("Tip", "litlogger", "LeafSpec", "available: False"):
        assert noise not in fit.stderr
    assert "Seed set to 0" in fit.stderr
    assert "smaller than the logging interval" in fit.stderr


class Mine(KnownDensity):
    """Data of somebody's own."""


@pytest.mark.parametrize(("data", "advised"), [(KnownDensity, False), (Mine, True)])
def test_advice_on_workers_is_for_those_who_have_the_setting(data, advised):
    with warnings.catch_warnings(record=True) as caught, without_noise():
        spare_advice_on_workers(data(TwoModes()))
        warnings.warn("The 'val_dataloader' does not have many workers which", stacklevel=1)
        warnings.warn("another matter", stacklevel=1)
    said = [str(warning.message) for warning in caught]
    assert said[-1] == "another matter"
    assert (len(said) == 2) == advised
