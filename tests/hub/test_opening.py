import pytest

from stillwatch.hub.exchange import Exchange
from stillwatch.records.errors import InputError


def test_a_hub_is_opened_again(store, parts):
    anna = parts.Provider(store.create(), "anna")
    anna.post(parts.indicator())
    again = store.open()
    assert again.head() == 1
    assert again.verify() is None


def test_one_folder_has_one_hub(store):
    store.create()
    with pytest.raises(InputError):
        store.create()


def test_where_there_is_none_is_told(tmp_path):
    with pytest.raises(InputError):
        Exchange.open(tmp_path)


def test_the_database_of_another_hub_is_refused(parts, postgres, tmp_path):
    url = postgres.new_database()
    one, other = parts.Store(tmp_path / "one", url), parts.Store(tmp_path / "other", None)
    one.create()
    other.create().close()
    with pytest.raises(InputError, match="another hub"):
        Exchange.open(tmp_path / "other", url)
    with pytest.raises(InputError, match="a hub already"):
        Exchange.create(tmp_path / "third", parts.URL, url)
    assert not (tmp_path / "third" / "hub.json").exists()
    one.end()


@pytest.mark.parametrize("url", ["mysql://x", "postgresql://nobody:hush@127.0.0.1:9/none"])
def test_a_database_that_is_none_is_one_line_without_its_password(tmp_path, parts, url):
    with pytest.raises(InputError) as caught:
        Exchange.create(tmp_path / "hub", parts.URL, url)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)
