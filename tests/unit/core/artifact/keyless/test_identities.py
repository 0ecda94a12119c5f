"""The file of trusted identities: what it says exactly counts, and whatever else it says is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.artifact.keyless.identities import Identity, read_identities, trust_identity
from tidemill.errors import ConfigError

ANNA = Identity("anna@example.org", "https://accounts.example.org")
TRAINER = Identity("https://kubernetes.io/namespaces/a/serviceaccounts/trainer", "https://kubernetes.default.svc")
ITEM = "- identity: anna@example.org\n  issuer: https://accounts.example.org\n"


def test_what_is_added_stands_behind_what_was_there_with_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "identities.yaml"
    assert trust_identity(ANNA, path)
    path.write_text("# the risk team\n" + path.read_text() + "# its trainer follows")
    assert trust_identity(TRAINER, path)
    assert not trust_identity(ANNA, path)
    assert read_identities(path) == (ANNA, TRAINER)
    assert "# the risk team" in path.read_text() and "# its trainer" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_name_with_quotes_and_colons_comes_back_as_it_was(tmp_path: Path) -> None:
    odd = Identity('a"b: #c\\d', "https://x.example.org/#y")
    path = tmp_path / "identities.yaml"
    with pytest.raises(ConfigError, match="by hand"):  # it has a space, and no such name is taken
        trust_identity(odd, path)
    odd = Identity('a"b:#c\\d', odd.issuer)
    assert trust_identity(odd, path)
    assert read_identities(path) == (odd,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "lists no identities"),
        ("[]", ":1:1 .*lists no identities"),
        ("identities: []", "lists no identities"),
        ("- anna@example.org", ":1:3 .*each item has the two keys"),
        ("- identity: anna@example.org", ":1:3 .*`issuer` is missing"),
        ("- issuer: https://a.example.org", "`identity` is missing"),
        (ITEM + "  subject: x", ":3:3 .*'subject' is no key of an identity"),
        (ITEM + "  issuer: https://b.example.org", ":3:3 .*`issuer` stands twice"),
        (ITEM + ITEM, ":3:3 .*twice"),
        ("- identity: '*@example.org'\n  issuer: https://a.example.org", ":1:13 .*looks like a pattern"),
        ("- identity: ^anna\n  issuer: https://a.example.org", "looks like a pattern"),
        ("- identity: anna\n  issuer: https://*.example.org", ":2:11 .*looks like a pattern"),
        ("- identity: anna\n  issuer: accounts.example.org", "is no URL"),
        ("- identity: ''\n  issuer: https://a.example.org", "not an empty one"),
        ("- identity: 7\n  issuer: https://a.example.org", "is a text"),
        ("- identity: [a]\n  issuer: https://a.example.org", "is a text"),
        ("- identity: 'an na'\n  issuer: https://a.example.org", "a space or a control character"),
        ("- identity: \"an\\u202Ena\"\n  issuer: https://a.example.org", "a space or a control character"),
        ("- [: }", "is not YAML"),
        ("[" * 5_000, "is not YAML"),
        ("&a [*a]", "is not YAML"),
        ("- identity: \xff", "UTF-8"),
        ("#" * (1 << 20) + "##", "has more than"),
    ],
)  # fmt: skip
def test_whatever_is_no_list_of_exact_identities_is_refused_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "identities.yaml"
    path.write_bytes(text.encode("latin-1") if "\xff" in text else text.encode())
    with pytest.raises(ConfigError, match=told) as found:
        read_identities(path)
    assert str(path) in str(found.value) and "TIDEMILL_TRUSTED_IDENTITIES" in str(found.value)


def test_a_list_to_which_nothing_can_be_added_at_the_end_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "identities.yaml"
    text = '[{"identity": "anna@example.org", "issuer": "https://accounts.example.org"}]'
    path.write_text(text)
    assert read_identities(path) == (ANNA,)
    with pytest.raises(ConfigError, match="add by hand 'https://kubernetes"):
        trust_identity(TRAINER, path)
    assert path.read_text() == text


def test_a_file_that_is_not_there_now_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="models new-key"):
        read_identities(tmp_path / "identities.yaml")
