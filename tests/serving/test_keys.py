import json
import stat

import pytest

from features.errors import TenureError
from serving import keys
from serving.keys import KeyRing


@pytest.fixture
def file(tmp_path):
    return tmp_path / "new" / "keys.json"


@pytest.fixture
def ring(file, monkeypatch):
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0.0)
    return KeyRing(file)


def test_the_file_holds_no_key_and_nobody_else_may_read_it(file):
    text = keys.add(file, "crm", "score")
    assert text.rpartition("_")[2] not in file.read_text()
    assert text not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_keys_are_never_alike(file):
    assert keys.add(file, "a", "read") != keys.add(file, "b", "read")


def test_a_key_is_found_until_it_is_revoked(file, ring):
    text = keys.add(file, "crm", "score")
    found = ring.find(text)
    assert (found.name, found.scope) == ("crm", "score")
    keys.revoke(file, "crm")
    assert ring.find(text) is None
    assert ring.required


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text.upper(),
        lambda text: text.replace("tenure", "Tenure"),
        lambda text: text.rpartition("_")[0],
        lambda text: "tenure__" + text.rpartition("_")[2],
        lambda text: text + "x" * 10_000,
        lambda text: "\x00",
        lambda text: "ключ_ключ_ключ",
    ],
)
def test_anything_else_is_no_key(file, ring, change):
    text = keys.add(file, "crm", "admin")
    assert ring.find(change(text)) is None


def test_without_a_file_nobody_needs_a_key(ring):
    assert not ring.required


@pytest.mark.parametrize("harm", ["delete", "break", "empty"])
def test_a_lost_or_broken_file_does_not_open_the_service(file, ring, harm):
    text = keys.add(file, "crm", "read")
    assert ring.find(text)
    if harm == "delete":
        file.unlink()
    else:
        file.write_text("{" if harm == "break" else '{"keys": []}')
    assert ring.required
    if harm == "break":
        with pytest.raises(TenureError, match="cannot be read"):
            ring.find(text)
    else:
        assert ring.find(text) is None


def test_a_name_is_given_once_at_a_time(file):
    keys.add(file, "crm", "read")
    with pytest.raises(TenureError, match="already"):
        keys.add(file, "crm", "read")
    keys.revoke(file, "crm")
    keys.add(file, "crm", "read")
    assert [bool(key.revoked_at) for key in keys.load(file)] == [True, False]
    with pytest.raises(TenureError, match="Valid keys: crm"):
        keys.revoke(file, "other")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_key_needs_a_name(file, name):
    with pytest.raises(TenureError, match="names no key"):
        keys.add(file, name, "read")


def test_what_is_no_list_of_keys_is_said_so(file):
    file.parent.mkdir()
    for text in ("[]", "{}", '{"keys": [{"name": 1}]}', "\xff"):
        file.write_text(text)
        with pytest.raises(TenureError, match="no list of keys"):
            keys.load(file)
    file.write_text(json.dumps({"keys": []}))
    assert keys.load(file) == ()
