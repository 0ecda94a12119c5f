"""`tidemill login`, `logout` and `whoami`: signing in at an OpenID provider."""

from __future__ import annotations

import click

from tidemill_cli.json_option import Output, json_option
from tidemill_operations.sign_in.settings import SignInSettings


@click.command()
@click.option("--no-browser", is_flag=True, help="Print the address to open, and open nothing.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(1), default=300.0, show_default=True, help="How long to wait, in s."
)
@json_option
def login(no_browser: bool, wait_s: float, said: Output) -> None:
    """Sign in at the provider of TIDEMILL_OIDC_ISSUER, in a browser on this machine.

    What you do from then on (keys, releases, retrainings, ...) is noted under your name there, which the provider
    proves each time. `tidemill whoami --token` gives a token for ingest and serve.
    """
    from tidemill_operations.sign_in.session import sign_in

    def show(address: str) -> None:
        said.say(f"Sign in here: {address}", err=True)
        if not no_browser:
            click.launch(address)

    settings = SignInSettings()
    person = sign_in(settings, show, wait_s)
    said.say(f"signed in at {person.issuer} as {person}")
    said.tell({"issuer": person.issuer, "subject": person.subject, "name": person.name})


@click.command()
@json_option
def logout(said: Output) -> None:
    """Forget the sign-in on this machine. The provider's own session stays."""
    from tidemill_operations.sign_in.session import forget

    gone = forget()
    said.say("signed out" if gone else "nobody was signed in")
    said.tell({"signed_out": gone})


@click.command()
@click.option("--token", is_flag=True, help="Print the access token, renewed where it is about to end.")
@json_option
def whoami(token: bool, said: Output) -> None:
    """Under which name your acts are noted.

    \b
    curl -H "Authorization: Bearer $(tidemill whoami --token)" http://127.0.0.1:8082/v1/models
    """
    from tidemill_operations.person import login_name
    from tidemill_operations.sign_in.session import session

    settings = SignInSettings()
    if not settings.oidc_issuer and not token:
        said.say(f"{login_name()} (the login name: no TIDEMILL_OIDC_ISSUER is set)")
        return said.tell({"issuer": None, "subject": None, "name": login_name()})
    person, found = session(settings)
    said.say(found.access_token if token else f"{person} at {person.issuer}, as {login_name()}")
    secret = {"access_token": found.access_token} if token else {}
    return said.tell({"issuer": person.issuer, "subject": person.subject, "name": person.name} | secret)
