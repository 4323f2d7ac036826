"""A mistake ends in one sentence that names key, value and remedy, and in exit status 2."""

from __future__ import annotations

import re

import pytest

from lightning_ebm.cli import main


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fit", "--config", "nope.yaml"], "--config is 'nope.yaml', .*one of .*two_modes.yaml"),
        (["fit", "-c", "nope"], "--config is 'nope'"),
        (
            ["fit", "--config", "two_modes.yaml", "--model.sampler=ulla"],
            r"model.sampler is 'ulla', .*did you mean 'ula'\?\): choose one of coopflow",
        ),
        (
            [
                "fit",
                "--config",
                "two_modes.yaml",
                "--model.sampler=ula",
                "--model.sampler.init_args.stepsize=3",
            ],
            "model.sampler is ula, which has no option 'stepsize': it has n_steps, step_size",
        ),
        (
            [
                "fit",
                "--config",
                "two_modes.yaml",
                "--model.sampler=ula",
                "--model.sampler.init_args.step_size=abc",
            ],
            "model.sampler.step_size is 'abc': give a value of type float",
        ),
        (
            [
                "fit",
                "--config",
                "two_modes.yaml",
                "--model.sampler=ula",
                "--model.sampler.init_args.step_size=-1",
            ],
            "step_size is -1.0: it must be positive",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--model.flow=zuko.flows.Foo"],
            r"model.flow is 'zuko.flows.Foo', which cannot be imported \(module .* 'Foo'\): give",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--data=absent.Circle"],
            r"data is 'absent.Circle', which cannot be imported \(No module named 'absent'\)",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--model.energy_optimizer=torch.optim.Foo"],
            r"energy_optimizer is 'torch.optim.Foo', which cannot be imported \(module .* 'Foo'\)",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--model.energy=torch.nn"],
            "model.energy is 'torch.nn', which is no Energy: give the full path of such a class$",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--data=os.path"],
            "data is 'os.path', which is no LightningDataModule: give",
        ),
        (
            ["fit", "--config", "own_points.yaml", "--data.levels=abc"],
            "data.levels is 'abc': give a value of type int or null$",
        ),
        (
            ["fit", "--config", "own_points.yaml", "--data.columns=a"],
            "data.columns is 'a': give a value of type list or null$",
        ),
        (
            ["fit", "--config", "own_points.yaml", "--data.columns=[1.5]"],
            "data.columns is '1.5': give a value of type str or int$",
        ),
        (
            [
                "fit",
                "--config",
                "two_modes.yaml",
                "--model.sampler=ula",
                "--model.sampler.start=Persistent",
                "--model.sampler.start.size=abc",
            ],
            "model.sampler.start.size is 'abc': give a value of type int or null$",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--trainer.max_steps=abc"],
            "trainer.max_steps is 'abc'",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--trainer.max_stepz=3"],
            "no option is called --trainer.max_stepz=3",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--model.base=foo"],
            "model.base is 'foo': give one of 'gaussian', 'flow', 'none'",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--model.energy=Foo"],
            "model.energy is 'Foo', which names no class: .* one of ConvNet, MLP",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--data.init_args.density=Foo"],
            "data.density is 'Foo', which names no class: .*TwoModes",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--data.data_dir=x"],
            "data is KnownDensity, which has no option 'data_dir': it has density, train_size",
        ),
        (
            ["fit", "--config", "two_modes.yaml", "--model.flow=null"],
            "model.flow is null: set model.flow",
        ),
        (["fit"], "model.energy, model.sampler, data must be given: add a --config"),
        (["fitt"], "no subcommand is called 'fitt'.*: choose fit, validate, test, predict, sampl"),
        ([], "a subcommand is missing"),
        (
            ["test", "--config", "two_modes.yaml"],
            "lightning test needs a trained model: give --ck",
        ),
        (
            ["predict", "--config", "two_modes.yaml", "--ckpt_path=no.ckpt"],
            "--ckpt_path is 'no.ckpt', which is not a file",
        ),
        (
            [
                "fit",
                "--config",
                "mnist.yaml",
                "--data.data_dir=none",
                "--data.download=false",
                "--trainer.accelerator=cpu",
            ],
            "none.*train-images",
        ),
    ],
)
def test_one_sentence_and_status_2(arguments, sentence, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1

    assert re.search(sentence, errors[0]), errors[0]


def test_a_broken_configuration_file_is_named(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.yaml").write_text("model: [unclosed\n")
    with pytest.raises(SystemExit) as exit_:
        main(["fit", "--config", "broken.yaml"])
    assert exit_.value.code == 2
    assert "broken.yaml" in capfd.readouterr().err
