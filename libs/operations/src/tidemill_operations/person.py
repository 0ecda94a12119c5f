"""Who types: the name that stands in the audit log and with releases."""

from __future__ import annotations

import os
import pwd


def who() -> str:
    """The person who has signed in, with the login name, where people sign in (`TIDEMILL_OIDC_ISSUER`); else the login
    name alone. Raises ConfigError where somebody has to sign in, RetryLater where the provider does not answer.
    """
    from tidemill_operations.sign_in.settings import SignInSettings

    settings = SignInSettings()
    if not settings.oidc_issuer:
        return login_name()
    from tidemill_operations.sign_in.session import session

    person, _ = session(settings)
    return f"{person}, as {login_name()}"


def login_name() -> str:
    """The login name of the process's real user, by the system's user database.

    Not `getpass.getuser()`: that believes LOGNAME and USER, which whoever types may set to anybody's name.
    """
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
