"""TrainingConfig: what goes to JSON comes back, and nothing impossible gets in."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields

import pytest

from olivetti_denoiser.config import TrainingConfig

NUMBERS = [f.name for f in fields(TrainingConfig) if type(f.default) in (int, float)]


def test_to_json_and_back_is_the_same_config(tmp_path):
    config = TrainingConfig(epochs=3, channels=(8, 16), blocks=(1, 2), flip=False, sigma=0.05)
    path = tmp_path / "config.json"
    path.write_text(config.to_json(), encoding="utf-8")
    again = TrainingConfig.from_json(path)
    assert again == config
    assert isinstance(again.channels, tuple)
    assert again.to_json() == config.to_json()


def test_every_option_is_in_the_json_and_has_a_help_text():
    written = json.loads(TrainingConfig().to_json())
    assert set(written) == {option.name for option in fields(TrainingConfig)}
    assert all(option.metadata["help"] for option in fields(TrainingConfig))


def test_a_file_may_hold_some_options_and_the_rest_stand_at_their_defaults(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"epochs": 2}')
    assert TrainingConfig.from_json(path) == TrainingConfig(epochs=2)


def test_a_config_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        TrainingConfig().epochs = 3


def test_whole_numbers_become_the_options_own_type():
    config = TrainingConfig(epochs=3.0, learning_rate=1)
    assert type(config.epochs) is int
    assert type(config.learning_rate) is float


@pytest.mark.parametrize("value", ["3", None, True, float("nan"), float("inf"), [1], -1])
def test_a_number_refuses_what_is_not_one(value):
    for name in NUMBERS:
        with pytest.raises(ValueError, match=rf"^{name} must be .* Received: "):
            TrainingConfig(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
def test_the_bounds_of_an_option_are_allowed_and_what_lies_beyond_is_not(name):
    option = next(f for f in fields(TrainingConfig) if f.name == name)
    step = 1 if type(option.default) is int else 1e-9
    for bound, beyond in ((option.metadata["low"], -step), (option.metadata["high"], step)):
        if bound is None:
            continue
        others = {"sigma_max": 1.0} if name == "sigma" else {}
        others |= {"sigma": 0.005} if name == "sigma_max" else {}
        assert getattr(TrainingConfig(**others, **{name: bound}), name) == bound
        with pytest.raises(ValueError, match=rf"^{name} must be .* Received: "):
            TrainingConfig(**{name: bound + beyond})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"flip": 1}, "flip must be true or false"),
        ({"optimizer": "sgd"}, "optimizer must be one of"),
        ({"loss": 3}, "loss must be one of"),
        ({"channels": 16}, "channels must be a list of whole numbers"),
        ({"channels": ()}, "channels must be a list of whole numbers"),
        ({"channels": (16, "48")}, "channels must be a whole number"),
        ({"channels": (16, 0, 96)}, "channels must be a whole number from 1"),
        ({"channels": (16, 48)}, "one entry a level each"),
        ({"sigma": 0.4}, "sigma must not exceed sigma_max"),
    ],
)
def test_an_impossible_value_is_named_with_what_would_work(options, message):
    with pytest.raises(ValueError, match=message) as refused:
        TrainingConfig(**options)
    assert "Received: " in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"epoch": 2, "seeds": 1}',
            r"unknown option; known are .*epochs.* Received: epoch, seeds",
        ),
        ("[1, 2]", "must be one JSON object. Received: list"),
        ("{epochs: 2}", "not JSON"),
        ('{"epochs": 0}', "epochs must be a whole number of at least 1. Received: 0"),
        (b"\xff\xfe\x00", "not JSON"),
    ],
)
def test_a_file_that_holds_no_config_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "config.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message) as refused:
        TrainingConfig.from_json(path)
    assert "\n" not in str(refused.value)


def test_an_option_of_older_versions_counts_where_it_has_its_only_value():
    assert TrainingConfig.from_dict({"level": "given", "seed": 3}) == TrainingConfig(seed=3)
    with pytest.raises(ValueError, match=r"unknown option; .*Received: level"):
        TrainingConfig.from_dict({"level": "blind"})


def test_a_missing_file_is_refused_with_its_name(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read the config: .* Received: .*absent\.json"):
        TrainingConfig.from_json(tmp_path / "absent.json")
    with pytest.raises(ValueError, match="cannot read the config"):
        TrainingConfig.from_json(tmp_path)


def test_the_network_is_built_of_its_own_options():
    from inspect import signature

    from olivetti_denoiser.network.unet import residual_unet

    assert set(TrainingConfig().network) == set(signature(residual_unet).parameters)
