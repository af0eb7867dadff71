"""Settings are data that run.json repeats."""

from dataclasses import FrozenInstanceError, fields

import pytest

from stillwatch.detection.settings import SETTINGS_VERSION, Settings


def test_run_json_names_every_setting_and_the_version():
    told = Settings(prior=0.2).as_dict()
    assert told.pop("version") == SETTINGS_VERSION
    assert set(told) == {f.name for f in fields(Settings)}
    assert told["prior"] == 0.2


def test_settings_do_not_change_under_a_scan():
    with pytest.raises(FrozenInstanceError):
        Settings().seed = 1


def test_defaults_are_in_their_ranges():
    settings = Settings()
    for share in (
        "prior",
        "popular_share",
        "tie_share",
        "family_wise_error",
        "accuse_probability",
        "review_probability",
    ):
        assert 0 < getattr(settings, share) < 1, share
    assert settings.review_probability < settings.accuse_probability
    assert settings.group_accounts >= settings.content_accounts > settings.infrastructure_accounts >= 2
    assert settings.tempering > 0
