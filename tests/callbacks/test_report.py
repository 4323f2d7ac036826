"""The report of a test: the verdict first, figures by question, errors beside them."""

from __future__ import annotations

import math
import re

import pytest

from lightning_ebm.callbacks.layout import as_tested, layout
from lightning_ebm.callbacks.report import show_report, with_error

FIGURES = {
    "model/log_z": -1.76612,
    "log_z/bridge_standard_error": 0.0035,
    "log_z/lower": -1.7729,
    "log_z/lower_standard_error": math.inf,
    "test/nll": 0.170951,
    "model/class_weight_tv": 0.0090472,
    "diagnostics/energy_r_hat": 1.0114,
    "diagnostics/energy_ess_bulk": 5120.0,
    "data/class_weight_0": 0.3,
    "data/class_weight_1": 0.7,
    "model/class_weight_0": 0.3088,
    "model/class_weight_1": 0.6912,
    "model/class_weight_standard_error_0": 0.00509,
    "model/class_weight_ess": 8289.9,
    "distance/flow_data_mmd": 0.0076,
}
VERDICT = "log Z by flow: not trusted: [one reason] that is long " + "and " * 30 + "ends"


def lines(capsys: pytest.CaptureFixture[str], *remarks: str) -> list[str]:
    show_report(FIGURES, remarks)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_the_verdict_is_first_and_whole_and_other_remarks_last(capsys):
    shown = lines(capsys, "chains stood", VERDICT)
    assert shown[0] == VERDICT
    assert shown[-1] == "chains stood"


def test_figures_stand_under_their_question_with_errors_and_units(capsys):
    shown = lines(capsys)
    order = ["Can it be believed?", "Is it right?", "Do chains mix?", "Weights of classes"]
    places = [shown.index(title) for title in order]
    assert places == sorted(places)
    believed, right, mix, weights = (
        shown[first:last] for first, last in zip(places, [*places[1:], None], strict=True)
    )
    assert "model/log_z -1.7661 ± 0.0035 nats" in believed
    assert "log_z/lower -1.773 nats" in believed
    assert "model/class_weight_tv 0.009047 share" in right
    assert "diagnostics/energy_ess_bulk 5,120 draws" in mix
    assert "class data model" in weights
    assert "0 0.3 0.3088 ± 0.0051" in weights
    assert "1 0.7 0.6912" in weights
    assert not any("mmd" in line for line in shown)


def test_classes_have_names_or_numbers_in_their_order(capsys):
    groups = ["10", "9", "upper east", "-1", "cat"]
    named = {f"model/class_weight_{group}": 0.2 for group in groups}
    others = {f"model/class_weight_{kind}_cat": 0.01 for kind in ("standard_error", "lower")}
    show_report(named | others | {"model/class_weight_ess": 99.0}, [])
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    rows = [line for line in shown if "0.2" in line]
    assert rows == ["-1 0.2", "9 0.2", "10 0.2", "cat 0.200 ± 0.010", "upper east 0.2"]
    assert not any("99" in line or "lower" in line for line in shown)
    tags = [as_tested(name) for name in [*named, *others]]
    (charts,) = layout(tags).values()
    (pattern,) = charts["the model's weights"][1]
    assert [tag for tag in tags if re.match(pattern, tag)] == tags[: len(groups)]


def test_a_question_without_figures_is_not_asked(capsys):
    show_report({"test/nll": 1.0}, [])
    shown = capsys.readouterr().out
    assert "Is it right?" in shown
    assert "chains mix" not in shown
    assert "Weights" not in shown


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (-1.76612, 0.0035, "-1.7661 ± 0.0035"),
        (12345.6, 123.0, "12,346 ± 123"),
        (0.5, 0.0, "0.5"),
        (0.123456, None, "0.1235"),
        (8289.9, None, "8,290"),
        (math.nan, 0.1, "unknown"),
        (math.inf, None, "inf"),
    ],
)
def test_a_number_has_as_many_digits_as_its_error_leaves_sure(value, error, shown):
    assert with_error(value, error) == shown
