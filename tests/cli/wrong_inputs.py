"""Wrong classes, plug-ins, checkpoints, configurations and commands, as data.

`test_wrong_commands.py` runs them, and looks for the words in the line that refuses them.
"""

from __future__ import annotations

PARTS = {
    # Classes of `tests.cli.wrong_parts` in the place of a right one, and words of the sentence.
    ("--model.energy", "NoParameters"): ["model.energy", "NoParameters", "parameters"],
    ("--model.energy", "GivesNaN"): ["model.energy", "GivesNaN", "NaN for points of data"],
    ("--model.energy", "OfAWrongShape"): ["model.energy.event_shape", "2: give the sizes"],
    ("--model.energy", "NoGradient"): ["model.energy", "NoGradient", "gradient"],
    ("--model.energy", "TwoNumbers"): ["model.energy", "(4, 2)"],
    ("--model.energy", "Raises"): ["model.energy", "Raises", "RuntimeError"],
    ("--model.energy", "Exits"): ["model.energy", "Exits", "SystemExit"],
    ("--model.energy", "GivesNothing"): ["model.energy", "GivesNothing", "NoneType"],
    ("--model.energy", "CannotBeMade"): ["model.energy", "CannotBeMade", "no luck"],
    ("--model.energy", "GivesComplex"): ["model.energy", "complex64"],
    ("--model.energy", "RaisesLater"): ["model", "RaisesLater", "LookupError", "later"],
    ("--model.energy", "Couples"): ["model.energy", "batch"],
    ("--model.energy", "Normalises"): ["model.energy", "BatchNorm1d"],
    ("--data", "NotANumber"): ["data", "NaN"],
    ("--data", "Dictionaries"): ["data", "image"],
    ("--data", "Words"): ["data", "str"],
    ("--data", "Complex"): ["data", "complex64"],
    ("--data", "Flat"): ["data", "(32,)"],
    ("--data", "OnePoint"): ["data", "fewer than 2 points"],
    ("--data", "GivesNoLoader"): ["data", "None", "train_dataloader"],
    ("--data", "RaisesInSetup"): ["data", "RaisesInSetup", "LookupError", "no points"],
    ("--data", "ExitsInSetup"): ["data", "ExitsInSetup", "SystemExit"],
    ("--data", "OfOtherShapes"): ["data", "equal size"],
    ("--data", "OfOtherShapesToWorkers"): ["data", "equal size"],
    ("--data", "RaisesInItems"): ["data", "Points", "no such point"],
}

PLUG_INS = {
    # Body of a class `Mine`, and words of the sentence.
    "exits_at_import": ("import sys\nsys.exit(3)", ["exits_at_import", "SystemExit"]),
    "raises_at_import": ("1 / 0", ["raises_at_import", "ZeroDivisionError"]),
    "no_class": ("Mine = 3", ["no_class", "not a lightning_ebm.Sampler"]),
    "raises_in_init": (
        "class Mine(Base):\n    def __init__(self):\n        raise KeyError('gone')",
        ["model.sampler", "raises_in_init", "KeyError"],
    ),
    "exits_in_init": (
        "class Mine(Base):\n    def __init__(self):\n        raise SystemExit(0)",
        ["model.sampler", "exits_in_init", "SystemExit"],
    ),
    "abstract": ("class Mine(Sampler):\n    pass", ["model.sampler", "abstract"]),
    "raises_in_sample": (
        "class Mine(Sampler):\n    def sample(self, problem, n):\n        raise OSError('lost')",
        ["model.sampler", "raises_in_sample", "OSError"],
    ),
    "exits_in_sample": (
        "class Mine(Sampler):\n    def sample(self, problem, n):\n        raise SystemExit(0)",
        ["model.sampler", "exits_in_sample", "SystemExit"],
    ),
    "gives_none": (
        "class Mine(Sampler):\n    def sample(self, problem, n):\n        return None",
        ["model.sampler", "gives_none", "NoneType"],
    ),
    "gives_a_tensor": (
        "class Mine(Sampler):\n    def sample(self, problem, n):\n"
        "        return torch.zeros(n, 2)",
        ["model.sampler", "gives_a_tensor", "Tensor"],
    ),
    "wrong_shape": (
        "class Mine(Sampler):\n    def sample(self, problem, n):\n"
        "        return Draw(torch.zeros(n, 3), {})",
        ["model.sampler", "wrong_shape", "(32, 3)"],
    ),
    "wrong_count": (
        "class Mine(Sampler):\n    def sample(self, problem, n):\n"
        "        return Draw(torch.zeros(n + 1, 2), {})",
        ["model.sampler", "wrong_count", "(33, 2)"],
    ),
    "whole_numbers": (
        "class Mine(Sampler):\n    def sample(self, problem, n):\n"
        "        return Draw(torch.zeros(n, 2).long(), {})",
        ["model.sampler", "whole_numbers", "int64"],
    ),
    "wrong_info": (
        "class Mine(Sampler):\n    def sample(self, problem, n):\n"
        "        return Draw(torch.zeros(n, 2), {'rate': 'high'})",
        ["model.sampler", "wrong_info", "'high'"],
    ),
    "keeps_objects": (
        "class Mine(Base):\n    def get_extra_state(self):\n        return {'kept': Base}\n"
        "    def set_extra_state(self, state):\n        pass",
        ["model.sampler", "keeps_objects", "_extra_state"],
    ),
    "__name__": ("class Mine(Base):\n    pass", ["__name__", "rename"]),
    "with-dashes": ("class Mine(Base):\n    pass", ["with-dashes", "rename"]),
    "with.dots": ("class Mine(Base):\n    pass", ["with.dots", "rename"]),
    "lambda": ("class Mine(Base):\n    pass", ["lambda", "rename"]),
}

CHECKPOINTS = {
    # What becomes of a right checkpoint, and words of the sentence.
    "https://example.org/model.ckpt": (None, ["an address"]),
    "s3://bucket/model.ckpt": (None, ["an address"]),
    "missing.ckpt": (None, ["not a file"]),
    ".": (None, ["is a folder"]),
    "base.yaml/model.ckpt": (None, ["not a file"]),
    "empty.ckpt": (lambda whole: b"", ["is empty"]),
    "cut.ckpt": (lambda whole: whole[: len(whole) // 2], ["cut short"]),
    "text.ckpt": (lambda whole: b"weights: 1\n" * 99, ["no checkpoint"]),
    "flipped.ckpt": (lambda whole: whole[:80] + b"\xff" * 400 + whole[480:], ["damaged"]),
}

YAML = {
    # Contents of a configuration, and words of the sentence.
    "empty.yaml": ("", ["is empty"]),
    "comment.yaml": ("# nothing yet\n", ["is empty"]),
    "list.yaml": ("- model\n- trainer\n", ["holds a list"]),
    "word.yaml": ("model\n", ["holds a str"]),
    "broken.yaml": ("model: [unclosed\n", ["not valid YAML"]),
    "tabs.yaml": ("model:\n\tsampler: ula\n", ["not valid YAML"]),
    "binary.yaml": (b"\x80\x02\xff\x00", ["not valid YAML"]),
    "code.yaml": ("model: !!python/object/apply:os.getcwd []\n", ["not valid YAML"]),
    "deep.yaml": ("[" * 5000, ["nested too deeply"]),
    "unknown.yaml": ("modle:\n  sampler: ula\n", ["modle"]),
    "scalar.yaml": ("model: 3\n", ["model", "3"]),
    "trainer.yaml": ("trainer: [1]\n", ["trainer"]),
    "nested.yaml": ("model:\n  sampler: {class_path: [ula]}\n", ["model.sampler"]),
    "numbers.yaml": ("3: 4\n", ["3"]),
}

OTHER = [
    # Whole commands, and words of the sentence.
    ([], ["subcommand"]),
    (["fitt"], ["fitt"]),
    (["fit"], ["model.energy", "--config"]),
    (["test"], ["--ckpt_path"]),
    (["validate", "--config=base.yaml"], ["--ckpt_path"]),
    (["fit", "--config=base.yaml", "--trainer.max_stepz=3"], ["--trainer.max_stepz=3"]),
    (["fit", "--config=base.yaml", "--model.sampler=ulla"], ["model.sampler", "'ulla'", "'ula'"]),
    (["fit", "--config=base.yaml", "--model.energy=Foo"], ["model.energy", "'Foo'", "MLP"]),
    (["fit", "--config=base.yaml", "--model.flow=1"], ["model.flow", "1"]),
    (["fit", "--config=base.yaml", "--model.measures=3"], ["model.measures", "3"]),
    (["fit", "--config=base.yaml", "--trainer.callbacks=Foo"], ["trainer.callbacks", "Foo"]),
    (["fit", "--config=base.yaml", "--trainer.logger=Foo"], ["trainer.logger", "Foo"]),
    (["samplers", "--all"], ["--all"]),
    (["reproduce", "everything"], ["everything", "motivating"]),
    (["reproduce", "motivating", "--seeds=0"], ["--seeds", "0"]),
    (["reproduce", "motivating", "--data-dir=x"], ["--data-dir", "motivating"]),
]
