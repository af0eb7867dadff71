"""Settings from a file: what is named changes, the rest stays, and mistakes end in one line that mends them."""

import json
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.settings import SETTINGS_VERSION, Settings
from stillwatch.detection.settings_file import CHOICES, RANGES, changed, read_settings, settings_of
from stillwatch.records.errors import InputError


def written(folder, text):
    file = folder / "settings.yaml"
    file.write_text(text)
    return file


def test_what_is_named_changes_and_the_rest_stays(tmp_path):
    file = written(tmp_path, "# ours\nprior: 0.005\nmin_exchanges: 60\nfamily_wise_error: 1e-3\n")
    assert read_settings(file) == replace(Settings(), prior=0.005, min_exchanges=60, family_wise_error=0.001)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_is_the_defaults(tmp_path, text):
    assert read_settings(written(tmp_path, text)) == Settings()


def test_the_settings_of_a_run_can_be_given_as_they_are(tmp_path):
    settings = Settings(prior=0.2, seed=7)
    assert read_settings(written(tmp_path, json.dumps(settings.as_dict()))) == settings


@pytest.mark.parametrize("word", CHOICES["left_out"])
def test_a_setting_may_be_a_word(tmp_path, word):
    assert read_settings(written(tmp_path, json.dumps({"left_out": word}))) == Settings(left_out=word)


def test_the_command_line_s_prior_goes_first(tmp_path):
    file = written(tmp_path, "prior: 0.3\nseed: 5")
    assert settings_of(file) == Settings(prior=0.3, seed=5)
    assert settings_of(file, 0.1) == Settings(prior=0.1, seed=5)
    assert settings_of(None, 0.1) == Settings(prior=0.1)
    assert settings_of(None) == Settings()


def test_what_is_not_named_can_be_that_of_other_settings(tmp_path):
    base = Settings(prior=0.3, family_wise_error=0.05)
    assert read_settings(written(tmp_path, "family_wise_error: 0.1"), base) == Settings(
        prior=0.3, family_wise_error=0.1
    )


def test_defaults_lie_in_their_ranges():
    names = {field.name for field in fields(Settings)}
    assert set(RANGES) <= names
    for name, allowed in RANGES.items():
        assert allowed.holds(getattr(Settings(), name)), name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("priors: 0.1", r"no setting is called priors; did you mean prior\?; the settings are prior, seed,"),
        ("zebra: 1", "no setting is called zebra; the settings are prior"),
        ("prior: 1", "prior cannot be 1; give a number above 0 and below 1"),
        ("prior: little", "prior cannot be 'little'; give a number above 0"),
        ("prior: yes", "prior cannot be True"),
        ("prior: .nan", "prior cannot be nan"),
        ("prior:", "prior cannot be None"),
        ("tempering: .inf", "tempering cannot be inf"),
        ("seed: 1.5", "seed cannot be 1.5; give a whole number from 0 to"),
        ("group_accounts: 1", "group_accounts cannot be 1; give a whole number from 2"),
        ("min_exchanges: 0", "min_exchanges cannot be 0; give a whole number of 1 or more"),
        ("neighbours: 1", "neighbours cannot be 1; give a whole number from 2 to 1000"),
        ("bands_per_exchange: 8", "no setting is called bands_per_exchange"),
        ("tempering: 0", "tempering cannot be 0; give a number above 0"),
        ("review_probability: 0.95", r"review_probability \(0.95\) is above accuse_probability \(0.9\)"),
        ("version: '1999.1'", f"settings of version 1999.1, and this program has {SETTINGS_VERSION}"),
        ("- prior", "no settings by name; write one setting a line, as prior: 0.01"),
        ("prior 0.1", "no settings by name"),
        ("prior: [0.1", "settings.yaml:1: not YAML"),
        ("prior: \x01", "not YAML"),
        (
            "left_out: timing",
            "left_out cannot be 'timing'; give one of \"\", content, timing and volume, identity",
        ),
        ("left_out: 3", "left_out cannot be 3"),
    ],
)
def test_a_mistake_is_one_line_that_says_how_to_mend_it(tmp_path, text, says):
    with pytest.raises(InputError, match=says) as told:
        read_settings(written(tmp_path, text))
    assert "settings.yaml" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(
        InputError, match=r"none\.yaml: cannot read the settings \(no such file or directory\)"
    ):
        read_settings(tmp_path / "none.yaml")
    (tmp_path / "raw.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_settings(tmp_path / "raw.yaml")


@given(st.data())
def test_whatever_is_in_range_comes_back(tmp_path_factory, data):
    name = data.draw(st.sampled_from(sorted(set(RANGES) - {"accuse_probability", "review_probability"})))
    low, high = RANGES[name].low, min(RANGES[name].high, 1e6)
    if isinstance(getattr(Settings(), name), int):
        value = data.draw(st.integers(int(low), int(high)))
    else:
        closed = RANGES[name].closed
        value = data.draw(st.floats(low, high, exclude_min=not closed, exclude_max=not closed))
    file = written(tmp_path_factory.mktemp("s"), json.dumps({name: value}))
    settings = read_settings(file)
    assert settings == replace(Settings(), **{name: value})
    assert changed(settings) == (
        {} if asdict(Settings())[name] == value else {name: asdict(Settings())[name]}
    )
