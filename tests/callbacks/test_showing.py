"""Pictures reach whichever logger can show them, by the methods that it has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import Logger
from matplotlib.figure import Figure

from lightning_ebm.callbacks import Pictures
from lightning_ebm.callbacks.showing import pixels


class Remote(Logger):
    """What loggers of Lightning have in common."""

    def __init__(self):
        self.shown = []

    name, version = "remote", "0"

    def log_hyperparams(self, params, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        pass


class StandInForWandb(Remote):
    """With the signature and the checks of Lightning's WandbLogger."""

    def log_image(
        self, key: str, images: list[Any], step: int | None = None, **kwargs: Any
    ) -> None:
        assert isinstance(images, list)
        assert all(len(value) == len(images) for value in kwargs.values())
        self.shown.append((key, images[0].shape, step, kwargs["caption"][0]))


class StandInForMLflow(Remote):
    """With the run's id, and a client with the signature of MlflowClient's method."""

    run_id = "abc"

    @property
    def experiment(self):
        def log_image(
            run_id: str,
            image: numpy.ndarray,
            artifact_file: str | None = None,
            key: str | None = None,
            step: int | None = None,
        ) -> None:
            assert image.dtype == numpy.uint8
            self.shown.append((run_id, image.shape, artifact_file))

        return SimpleNamespace(log_image=log_image)


def test_every_logger_that_can_shows_the_pictures(
    small_module, small_data, small_trainer, tmp_path
):
    wandb, mlflow = StandInForWandb(), StandInForMLflow()
    loggers = [CSVLogger(tmp_path), wandb, mlflow]
    trainer = small_trainer(max_steps=4, logger=loggers, callbacks=[Pictures(every_n_steps=2)])
    trainer.fit(small_module("flow_mcmc"), datamodule=small_data())
    shape = wandb.shown[0][1]
    assert wandb.shown == [
        ("pictures/model", shape, 2, "FlowMCMCSampler, step 2"),
        ("pictures/model", shape, 4, "FlowMCMCSampler, step 4"),
    ]
    assert shape[0] > 1000
    assert [path for _, _, path in mlflow.shown] == [
        "pictures/model_step_000002.png",
        "pictures/model_step_000004.png",
    ]
    assert {(run, size) for run, size, _ in mlflow.shown} == {("abc", shape)}


def test_panels_say_what_they_are(small_module, small_data, small_trainer, monkeypatch):
    figures: list[Figure] = []
    monkeypatch.setattr(
        "lightning_ebm.callbacks.pictures.pixels", lambda f: (figures.append(f), pixels(f))[1]
    )
    trainer = small_trainer(max_steps=1, callbacks=[Pictures()])
    trainer.fit(small_module("flow_mcmc"), datamodule=small_data())
    (figure,) = figures
    assert [panel.get_title() for panel in figure.axes] == [
        "data: 32 of the batch",
        "32 chains",
        "density of the model",
        "density of the flow",
    ]
