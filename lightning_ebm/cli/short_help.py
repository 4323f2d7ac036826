"""`lightning --help` and `lightning fit --help`: what is used most, with examples, on one page."""

from __future__ import annotations

import textwrap

from lightning_ebm.cli.configurations import packaged
from lightning_ebm.cli.subcommands import SUBCOMMANDS

FIT = """\
usage: lightning fit --config FILE [--KEY=VALUE ...]

Train an energy-based model. What is used most:

settings
  --config FILE                          YAML, or a packaged configuration; again to stack
  --print_config                         show what all settings come to, and end
  --seed_everything=0                    of everything random

sampler: `lightning samplers` lists them, `lightning samplers NAME` their settings
  --model.sampler=NAME                   draws the negative samples
  --model.sampler.init_args.KEY=VALUE    a setting of it
  --model.n_chains=N                     negative samples per step

energy
  --model.energy=MLP                     or ConvNet, Sequential, any torch module's path
  --model.energy.init_args.KEY=VALUE     event_shape, hidden, bound, ...
  --model.base=gaussian                  what it tilts: gaussian, flow or none
  --model.energy_optimizer.init_args.lr=0.001
  --model.difference_penalty=0.3         holds energies that run away, moves no weights
  --model.energy_average=0.999           moving average of the weights, which is evaluated

flow
  --model.flow=RealNVP                   or NeuralSpline, Glow, a path of zuko or normflows
  --model.flow.init_args.KEY=VALUE       event_shape, n_layers, n_modes, ...
  --model.flow_pretraining=500           steps on data before training
  --model.flow_optimizer.init_args.lr=0.001

data
  --data=FromFile                        or KnownDensity, ImageFolder, FromHuggingFace, Digits,
                                         MNIST, any LightningDataModule's path
  --data.path=points.npy                 a setting of it: path, batch_size, scaling, levels, ...

trainer
  --trainer.max_steps=1500               one batch is one step
  --trainer.accelerator=auto             or cpu, gpu
  --trainer.devices=2 --trainer.strategy=ddp
  --trainer.default_root_dir=FOLDER      runs lie below it, in lightning_logs
  --trainer.max_time=00:01:00:00         then save and end, with status 124

run
  --ckpt_path=last                       go on where a run stopped: last, best or a path
  --then_test=true                       test the model afterwards, in the same folder
  --checkpoint.monitor=val/nll           keep the best by this figure
  --pictures.every_n_steps=500           steps between pictures
  --overwrite=true                       replace files of another run

examples
  lightning fit --config two_modes.yaml
  lightning fit --config two_modes.yaml --model.sampler=ula --trainer.max_steps=500
  lightning fit --config own_points.yaml --data.path=points.npy --then_test=true

all settings: lightning fit --help=all; those of a class: --model.sampler.help=NAME,
--data.help=FromFile, --model.flow.help=RealNVP
"""

LOOK = """\
usage: lightning {command} --ckpt_path=PATH [--KEY=VALUE ...]

{purpose}.
A checkpoint knows the settings that it was trained with; what is said here wins. Used most:

  --ckpt_path=last                       or best, or a path
  --trainer.default_root_dir=FOLDER      where runs of last and best are looked for
  --trainer.accelerator=auto             or cpu, gpu
  --model.n_samples=10000                fresh samples
  --model.evaluation_draws=100           draws of the sampler that a fresh chain runs through
  --model.log_z_draws=10000              draws of the flow for log Z
  --model.search_steps=1000              of chains that look for mass that was missed
  --config FILE                          over the checkpoint's settings

examples
  lightning {command} --ckpt_path=last
  lightning {command} --ckpt_path lightning_logs/version_0/checkpoints/last.ckpt

all settings: lightning {command} --help=all
"""


def overview() -> str:
    """The page of the command itself."""
    commands = "\n".join(f"  {name:11}{purpose}" for name, purpose in SUBCOMMANDS.items())
    shipped = textwrap.fill(", ".join(packaged()), 78, initial_indent="  ", subsequent_indent="  ")
    return f"""\
usage: lightning SUBCOMMAND [--KEY=VALUE ...]

Train, test and sample energy-based models.

subcommands
{commands}

most used of fit; `lightning fit --help` has more by group, `--help=all` has all
  --config FILE                 YAML, or a packaged configuration; again to stack
  --model.sampler=NAME          one that `lightning samplers` lists
  --data.path=FILE              data of your own, with --config own_points.yaml
  --trainer.max_steps=N         one batch is one step
  --ckpt_path=last              go on where a run stopped
  --then_test=true              test the model afterwards, in the same folder
  --print_config                show what all settings come to, and end

examples
  lightning fit --config two_modes.yaml
  lightning fit --config two_modes.yaml --model.sampler=ula
  lightning fit --config own_points.yaml --data.path=points.npy --then_test=true
  lightning test --ckpt_path=last
  lightning predict --ckpt_path=last --model.n_samples=10000
  lightning samplers flow_mcmc
  lightning reproduce motivating --quick
  lightning init my-sampler

packaged configurations
{shipped}

lightning --version says what is installed; the documentation is README.md and docs/
"""


def page(command: str) -> str:
    """The page of `fit`, `validate`, `test` or `predict`."""
    if command == "fit":
        return FIT
    purpose = SUBCOMMANDS[command]
    return LOOK.format(command=command, purpose=purpose[0].upper() + purpose[1:])
