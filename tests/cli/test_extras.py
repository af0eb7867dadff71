import pytest

from stillwatch.cli.extras import EXTRAS, needing
from stillwatch.records.errors import InputError


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_package_names_its_extra(extra):
    for name in EXTRAS[extra]:
        with pytest.raises(InputError, match=rf"stillwatch\[{extra}\]"), needing(extra):
            raise ModuleNotFoundError("none", name=f"{name}.inner")


def test_what_no_extra_brings_is_a_fault_of_ours():
    with pytest.raises(ModuleNotFoundError), needing("hub"):
        raise ModuleNotFoundError("none", name="stillwatch.nowhere")
