"""The file of providers: its form, and errors that name the field."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from vigil_apps.identity.core.providers import ProviderFileError, allauth_app, read_providers

SECRET = "s3cret-of-the-client"


def write(directory: Path, **changes: Any) -> Path:
    (directory / "secret").write_text(f"{SECRET}\n")
    provider = {
        "id": "main",
        "name": "Example SSO",
        "issuer": "https://sso.example/realms/main/",
        "client_id": "vigil",
        "client_secret_file": str(directory / "secret"),
        **changes,
    }
    path = directory / "providers.yaml"
    path.write_text(yaml.safe_dump({"providers": [{k: v for k, v in provider.items() if v is not None}]}))
    return path


def test_file_is_read_with_its_secret(tmp_path: Path) -> None:
    provider = read_providers(write(tmp_path))["main"]
    assert provider.issuer == "https://sso.example/realms/main", "no slash at the end, as discovery appends its path"
    assert provider.client_secret.get_secret_value() == SECRET
    assert SECRET not in repr(provider)
    assert SECRET not in provider.model_dump_json()
    app = allauth_app(provider)
    assert app["secret"] == SECRET
    assert app["settings"]["oauth_pkce_enabled"] is True


def test_secret_is_found_beside_the_file(tmp_path: Path) -> None:
    provider = read_providers(write(tmp_path, client_secret_file="secret"))["main"]
    assert provider.client_secret.get_secret_value() == SECRET


def test_public_client_has_no_secret(tmp_path: Path) -> None:
    assert read_providers(write(tmp_path, client_secret_file=None))["main"].client_secret.get_secret_value() == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "http://sso.example"}, "providers.0.issuer: must be like https://sso.example/"),
        ({"issuer": "sso.example"}, "providers.0.issuer"),
        ({"id": "Main"}, "providers.0.id: String should match pattern"),
        ({"id": "proxy"}, "providers.0.id: must not be 'proxy'"),
        ({"scopes": ["email"]}, "providers.0.scopes: must contain openid"),
        ({"client_id": None}, "providers.0.client_id: Field required"),
        ({"client_secret": "in the file"}, "client_secret"),
        ({"group_claim": "groups"}, "providers.0.group_claim: Extra inputs are not permitted"),
        ({"client_secret_file": "/nowhere"}, "client_secret_file of main: /nowhere cannot be read: No such file"),
    ],
)
def test_errors_name_the_field_without_values(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ProviderFileError) as caught:
        read_providers(write(tmp_path, **changes))
    assert words in str(caught.value)
    assert "in the file" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not valid YAML"),
        ("", "the file: Input should be"),
        ("providers: []\nmore: 1", "more: Extra inputs are not permitted"),
    ],
)
def test_broken_file(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(text)
    with pytest.raises(ProviderFileError, match=words):
        read_providers(path)
    with pytest.raises(ProviderFileError, match="cannot be read"):
        read_providers(tmp_path / "none.yaml")


def test_two_providers_with_one_id(tmp_path: Path) -> None:
    path = write(tmp_path)
    entry = yaml.safe_load(path.read_text())["providers"][0]
    path.write_text(yaml.safe_dump({"providers": [entry, entry]}))
    with pytest.raises(ProviderFileError, match="each needs an id of its own"):
        read_providers(path)
