"""Where people sign in, from the environment (`TIDEMILL_OIDC_*`)."""

from __future__ import annotations

from pydantic import Field, SecretStr

from tidemill.settings import KafkaSettings


class SignInSettings(KafkaSettings):
    """With an issuer, what a person does by command line needs a sign-in, and is noted under its name."""

    oidc_issuer: str = Field(
        "",
        description="The OpenID provider where people sign in (`tidemill login`), such as https://login.example.com. "
        "Set: keys, releases, retrainings and other acts are refused without a sign-in. Empty: the login name of the "
        "system is noted.",
    )
    oidc_client_id: str = Field(
        "tidemill-cli",
        description="The client as which the command line is registered there: a public one, with PKCE and a redirect "
        "to http://127.0.0.1 on any port.",
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="The client's secret, where the provider gives installed programs one."
    )
    oidc_scopes: str = Field(
        "openid profile email offline_access",
        description="What is asked for, separated by blanks; openid must be among them. Scopes such as predict, too, "
        "where the access token is for ingest and serve.",
    )
