"""Wrong settings, as data: what is added to a right command, and the key and value to be named.

`test_wrong_commands.py` runs them. A row of `SETTINGS` is an option and what it must not be; its
key is the last word of the option. `.nan` and `.inf` are YAML's spelling, and are named as Python
spells them.
"""

from __future__ import annotations

HUGE = "1000000000000"
NOT_COUNTS = ["0", "-3", ".nan", "2.5", HUGE]
NOT_POSITIVE = ["0", "-1", ".nan", ".inf"]

MODEL = {
    "--model.n_chains": [*NOT_COUNTS, "many"],
    "--model.n_samples": NOT_COUNTS,
    "--model.log_z_draws": ["0", HUGE],
    "--model.evaluation_draws": ["0", HUGE],
    "--model.annealing_steps": ["-1", HUGE],
    "--model.ladder_rounds": ["-1", HUGE],
    "--model.search_steps": ["-1", HUGE],
    "--model.flow_updates": ["0", HUGE],
    "--model.flow_pretraining": ["-1", ".nan", HUGE],
    "--model.temperature": NOT_POSITIVE,
    "--model.base_widening": NOT_POSITIVE,
    "--model.difference_penalty": ["-1", ".nan", ".inf"],
    "--model.magnitude_penalty": ["-1", ".nan"],
    "--model.gradient_penalty": ["-1", ".nan"],
    "--model.energy_clip": ["0", "-5", ".nan", "tight"],
    "--model.flow_clip": ["0", "-5", ".nan"],
    "--model.energy_average": ["0", "1", "-1", ".nan"],
    "--model.most_rollbacks": ["-1", "2.5"],
    "--model.base": ["uniform"],
    "--model.scheduler_interval": ["minute"],
    "--model.energy_optimizer.init_args.lr": [".inf", "fast"],
    "--model.energy_optimizer.init_args.weight_decay": ["-1", ".nan"],
    "--model.energy_optimizer.init_args.eps": ["-1"],
}
NETWORKS = {
    "--model.energy.init_args.event_shape": ["[]", "[0]", "[-2]", "[3]", "[2, 1]", "abc"],
    "--model.energy.init_args.hidden": ["[0]", "[-4]", "[1000000000]"],
    "--model.energy.init_args.bound": NOT_POSITIVE,
    "--model.flow.init_args.event_shape": ["[]", "[1]", "[3]"],
    "--model.flow.init_args.n_layers": ["0", "-1", HUGE],
    "--model.flow.init_args.hidden": ["0", HUGE],
    "--model.flow.init_args.n_modes": ["0", HUGE],
}
DATA = {
    "--data.init_args.train_size": ["0", "-1", HUGE, "most"],
    "--data.init_args.test_size": ["0", HUGE],
    "--data.init_args.batch_size": ["0", "-1", "641", HUGE],
    "--data.init_args.seed": ["-1", ".nan"],
    "--data.init_args.density.init_args.weight": ["0", "1", ".nan"],
    "--data.init_args.density.init_args.scale": NOT_POSITIVE,
    "--data.init_args.density.init_args.separation": [".nan", ".inf"],
}
TRAINER = {
    "--seed_everything": ["-1", "4294967296", "seed"],
    "--trainer.max_steps": ["many", "-5"],
    "--trainer.max_epochs": ["-2"],
    "--trainer.devices": ["0", "[3]", "100000"],
    "--trainer.val_check_interval": ["0"],
    "--trainer.check_val_every_n_epoch": ["0"],
    "--trainer.accelerator": ["abacus"],
    "--trainer.precision": ["7"],
    "--trainer.log_every_n_steps": ["0", "-1"],
    "--trainer.barebones": ["true"],
    "--trainer.logger": ["CSVLogger", "TensorBoardLogger", "NoLogger"],
    "--trainer.gradient_clip_val": ["0", "-1", ".nan"],
    "--trainer.accumulate_grad_batches": ["0", "-1"],
    "--trainer.limit_train_batches": ["-1", "1.5"],
    "--pictures.every_n_steps": ["0", "-1"],
    "--pictures.n_images": ["0", HUGE],
    "--checkpoint.save_top_k": ["-2"],
    "--checkpoint.every_n_train_steps": ["-1"],
    "--checkpoint.filename": ["{step:q}", "{step"],
    "--checkpoint.dirpath": ["/proc/none", "base.yaml"],
    "--config": [".", "absent.yaml", "/proc/self/mem"],
}
SAMPLERS = {
    "ula": {"n_steps": NOT_COUNTS, "step_size": [*NOT_POSITIVE, "abc"]},
    "mala": {"target_acceptance": ["0", "1", ".nan"], "step_size": ["0"], "n_steps": ["0"]},
    "hmc": {"n_leapfrog": ["0", HUGE], "mass": ["0", "-1"]},
    "flow_mcmc": {
        "n_proposals": ["0", HUGE],
        "shares": ["[]"],
        "n_local": ["-1"],
        "n_global": ["-1"],
        "data_share": ["-0.5", "1.5", ".nan"],
    },
    "flow_tempering": {
        "n_rounds": ["0"],
        "n_rungs": ["1", HUGE],
        "max_rejection": ["0", "1", ".nan"],
        "n_local": ["0"],
        "n_sweeps": ["0"],
        "max_age": NOT_POSITIVE,
        "most_rounds": ["0"],
        "evaluation_rounds": ["0"],
    },
    "coopflow": {"limit": NOT_POSITIVE, "data_share": ["2"], "step_size": ["0"]},
    "nt_ebm": {"n_leapfrog": ["0"], "step_size": [".nan"], "n_steps": ["-1"]},
}
SETTINGS = MODEL | NETWORKS | DATA | TRAINER

COMBINED = {
    # Arguments added, and words of the sentence.
    "--model.sampler=flow_mcmc --model.flow=null": ["model.flow", "null"],
    "--trainer.logger=CSVLogger": ["--trainer.logger.save_dir=", "CSVLogger"],
    ("--trainer.logger=CSVLogger --trainer.logger.save_dir=logs --trainer.logger.nam=x"): [
        "trainer.logger",
        "nam",
    ],
    (
        "--model.sampler=flow_mcmc --model.sampler.init_args.n_local=0 "
        "--model.sampler.init_args.n_global=0"
    ): ["n_local", "0"],
    "--model.base=flow --model.flow_pretraining=0": ["model.flow_pretraining", "0"],
    (
        "--model.sampler=ula --model.sampler.init_args.start=Persistent "
        "--model.sampler.init_args.start.init_args.size=0"
    ): ["size", "0"],
    (
        "--model.sampler=ula --model.sampler.init_args.start=Persistent "
        "--model.sampler.init_args.start.init_args.restart=2"
    ): ["restart", "2"],
    (
        "--model.sampler=flow_mcmc --model.sampler.init_args.local=GeneralisedHMC "
        "--model.sampler.init_args.local.init_args.persistence=1"
    ): ["persistence", "1"],
    (
        "--model.sampler=flow_mcmc --model.sampler.init_args.local=GeneralisedHMC "
        "--model.sampler.init_args.local.init_args.drift=-1"
    ): ["drift", "-1"],
    (
        "--model.sampler=flow_mcmc --model.flow_optimizer=torch.optim.Adam "
        "--model.flow_optimizer.init_args.lr=-2"
    ): ["model.flow_optimizer", "-2"],
    (
        "--model.energy_scheduler=torch.optim.lr_scheduler.CosineAnnealingLR "
        "--model.energy_scheduler.init_args.T_max=0"
    ): ["model.energy_scheduler", "Zero"],
    (
        "--model.energy_scheduler=torch.optim.lr_scheduler.StepLR "
        "--model.energy_scheduler.init_args.step_size=0"
    ): ["model.energy_scheduler", "zero"],
    (
        "--model.energy_scheduler=torch.optim.lr_scheduler.OneCycleLR "
        "--model.energy_scheduler.init_args.max_lr=0.1 "
        "--model.energy_scheduler.init_args.total_steps=1"
    ): ["model.energy_scheduler", "total_steps 1", "2"],
    "--model.energy_optimizer=torch.optim.LBFGS": ["model.energy_optimizer", "closure"],
    "--model.energy=ConvNet --model.energy.init_args.event_shape=[1,8]": ["event_shape", "[1, 8]"],
    "--model.energy=ConvNet --model.energy.init_args.event_shape=[1,4,4]": [
        "widths",
        "[32, 64, 128]",
    ],
    (
        "--model.energy=ConvNet --model.energy.init_args.event_shape=[1,8,8] "
        "--model.energy.init_args.widths=[0]"
    ): ["widths", "[0]"],
    "--model.flow=Glow --model.flow.init_args.event_shape=[2]": ["event_shape", "[2]"],
    (
        "--model.flow=NeuralSpline --model.flow.init_args.event_shape=[2] "
        "--model.flow.init_args.n_bins=0"
    ): ["n_bins", "0"],
    (
        "--model.flow=NeuralSpline --model.flow.init_args.event_shape=[2] "
        "--model.flow.init_args.tail_bound=-1"
    ): ["tail_bound", "-1"],
    "--data=Digits --data.init_args.classes=[0,0]": ["classes", "[0, 0]"],
    "--data=Digits --data.init_args.classes=[11]": ["classes", "11"],
    "--data=Digits --data.init_args.classes=[]": ["classes", "[]"],
    "--data=Digits --data.init_args.class_weights=[1]": ["class_weights", "1"],
    "--data=Digits --data.init_args.noise=-1": ["noise", "-1"],
    "--data=Digits --data.init_args.validation_size=-1": ["validation_size", "-1"],
    "--data=Digits --data.init_args.validation_size=99999": ["validation_size", "99999"],
    "--data=Digits --data.init_args.space=log": ["space", "log"],
    "--data=Digits --model.energy=ConvNet --model.energy.init_args.event_shape=[3,8,8]": [
        "model.energy.event_shape",
        "[3, 8, 8]",
        "[1, 8, 8]",
    ],
    (
        "--data=Digits --model.energy=ConvNet --model.energy.init_args.event_shape=[1,8,8] "
        "--model.flow.init_args.event_shape=[64]"
    ): ["model.flow.event_shape", "[64]", "[1, 8, 8]"],
    "--data=MNIST --data.data_dir=none --data.download=false": ["data_dir", "none"],
    "--data=FourModes": ["data", "FourModes"],
    "--data.init_args.density=Moons --data.density.init_args.radius=-1": ["radius", "-1"],
    "--data.init_args.density=Rings --data.density.init_args.scale=0": ["scale", "0"],
    "--data.init_args.density=Checkerboard --data.density.init_args.squares=0": ["squares", "0"],
    "--data.init_args.density=OppositeModes --data.density.init_args.dimension=0": [
        "dimension",
        "0",
    ],
    "--data.init_args.density=OppositeModes --data.density.init_args.dimension=3": [
        "event_shape",
        "[2]",
        "[3]",
    ],
    "--trainer.default_root_dir=base.yaml/below": ["trainer.default_root_dir", "base.yaml/below"],
    "--trainer.default_root_dir=/proc/none": ["trainer.default_root_dir", "/proc/none"],
    "--model.energy_optimizer.init_args.lr=-1": ["model.energy_optimizer", "-1"],
    "--model.energy_optimizer.init_args.lr=.nan": ["model.energy_optimizer", "nan"],
    "--model.energy_optimizer.init_args.betas=[0.5,1.5]": [
        "model.energy_optimizer",
        "beta",
        "1.5",
    ],
    "--model.energy_optimizer.init_args.betas=[-1,0.9]": ["model.energy_optimizer", "beta", "-1"],
    "--model.sampler=hmc --model.sampler.init_args.mass=[1,0]": ["mass", "[1.0, 0.0]"],
    "--model.sampler=hmc --model.sampler.init_args.mass=[1,1,1]": ["mass", "[1.0, 1.0, 1.0]"],
    "--model.sampler=flow_mcmc --model.sampler.init_args.shares=[0.5,2]": ["shares", "[0.5, 2.0]"],
    "--pictures.show_range=[1,1]": ["pictures.show_range", "[1.0, 1.0]"],
    "--trainer.limit_val_batches=1.0 --trainer.val_check_interval=1000": [
        "val_check_interval",
        "1000",
    ],
}
