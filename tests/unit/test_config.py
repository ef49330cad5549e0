"""TrainingConfig: what goes to JSON comes back, and nothing impossible gets in."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from olivetti_denoiser.config import PRESETS, TrainingConfig

NUMBERS = [field for field in fields(TrainingConfig) if type(field.default) in (int, float)]


def test_to_json_and_back_is_the_same_config(tmp_path):
    config = TrainingConfig(epochs=3.0, channels=(8, 16), blocks=(1, 2), flip=False, sigma=0.05)
    path = tmp_path / "config.json"
    path.write_text(config.to_json(), encoding="utf-8")
    again = TrainingConfig.from_json(path)
    assert again == config
    assert (type(again.channels), type(again.epochs)) == (tuple, int)
    assert set(json.loads(config.to_json())) == {option.name for option in fields(TrainingConfig)}


def test_options_go_over_a_file_and_a_file_over_a_preset(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"epochs": 2, "seed": 1}')
    config = TrainingConfig.from_options({"seed": 5}, path=path, preset="quick")
    assert config == TrainingConfig(epochs=2, seed=5, steps_per_epoch=200)
    assert PRESETS["default"] == {}
    colour = TrainingConfig.from_options({}, preset="colour")
    assert (colour.planes, colour.noise) == (3, "both")


@pytest.mark.parametrize("option", NUMBERS, ids=lambda option: option.name)
def test_the_bounds_of_an_option_are_allowed_and_what_lies_beyond_is_not(option):
    name, step = option.name, 1 if type(option.default) is int else 1e-9
    for bound, beyond in ((option.metadata["low"], -step), (option.metadata["high"], step)):
        if bound is None:
            continue
        other = {"sigma": {"sigma_max": 1.0}, "sigma_max": {"sigma": 0.005}}.get(name, {})
        assert getattr(TrainingConfig(**other, **{name: bound}), name) == bound
        with pytest.raises(ValueError, match=rf"^{name} must be .* Received: "):
            TrainingConfig(**{name: bound + beyond})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": "3"}, "epochs must be a whole number"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"sigma": float("nan")}, "sigma must be a number"),
        ({"flip": 1}, "flip must be true or false"),
        ({"loss": 3}, "loss must be one of"),
        ({"channels": ()}, "channels must be a list of whole numbers"),
        ({"channels": (16, "48")}, "channels must be a whole number"),
        ({"channels": (16, 48)}, "one entry a level each"),
        ({"sigma": 0.4}, "sigma must not exceed sigma_max"),
        ({"noise": "camera"}, "a camera's noise is learned by a network for colour"),
        ({"epoch": 2, "seeds": 1}, r"unknown option; known are .*epochs.* Received: epoch, seeds"),
        ({"level": "blind"}, "unknown option; .*Received: level"),  # of older versions
    ],
)
def test_an_impossible_value_is_named_with_what_would_work(options, message):
    with pytest.raises(ValueError, match=message) as refused:
        TrainingConfig.from_dict(options)
    assert "Received: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_option_of_older_versions_counts_where_it_has_its_only_value():
    assert TrainingConfig.from_dict({"level": "given", "seed": 3}) == TrainingConfig(seed=3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[1, 2]", "must be one JSON object. Received: list"),
        (b"{epochs: 2}", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (None, r"cannot read the config: .* Received: .*config\.json"),
    ],
)
def test_a_file_that_holds_no_config_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as refused:
        TrainingConfig.from_json(path)
    assert "\n" not in str(refused.value)
