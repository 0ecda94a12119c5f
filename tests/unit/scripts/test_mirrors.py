"""What pip is told of its registry reaches uv; what is wrong is said in words."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))
import mirrors

PYTHON = Path(sys.executable)


@pytest.fixture
def pip_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is set for pip or uv but what a test sets."""
    for name in list(mirrors.os.environ):
        if name.startswith(("PIP_", "UV_")) or name in ("SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://mirror.example/simple\ncert = /etc/mirror.pem\ntimeout = 60\n"
        "[install]\ntrusted-host = mirror.example\n"
    )


@pytest.mark.usefixtures("pip_says")
def test_a_mirror_in_pips_configuration_is_uvs_too() -> None:
    env = mirrors.uv_environment(PYTHON)
    assert env["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert env["SSL_CERT_FILE"] == "/etc/mirror.pem"
    assert env["UV_INSECURE_HOST"] == "mirror.example"


@pytest.mark.usefixtures("pip_says")
def test_the_environment_wins_over_the_file_and_uvs_own_over_pips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert mirrors.uv_environment(PYTHON)["UV_DEFAULT_INDEX"] == "https://other.example/simple"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://third.example/simple")
    assert mirrors.uv_environment(PYTHON)["UV_DEFAULT_INDEX"] == "https://third.example/simple"


@pytest.mark.usefixtures("pip_says")
def test_only_link_folders_that_exist_are_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path} {tmp_path}/missing")
    assert mirrors.uv_environment(PYTHON)["UV_FIND_LINKS"] == str(tmp_path)


@pytest.mark.usefixtures("pip_says")
def test_a_registry_that_refuses_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        monkeypatch.setenv("PIP_INDEX_URL", f"https://127.0.0.1:{port}/simple")
        problem = mirrors.unreachable(PYTHON)
    assert problem is not None
    assert f"127.0.0.1:{port}" in problem
    assert "PIP_INDEX_URL" in problem


@pytest.mark.usefixtures("pip_says")
def test_a_registry_that_answers_and_a_folder_of_wheels_are_no_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        monkeypatch.setenv("PIP_INDEX_URL", f"https://127.0.0.1:{server.getsockname()[1]}/simple")
        assert mirrors.unreachable(PYTHON) is None
    monkeypatch.setenv("PIP_INDEX_URL", "file:///srv/wheels")
    assert mirrors.unreachable(PYTHON) is None
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert mirrors.unreachable(PYTHON) is None
