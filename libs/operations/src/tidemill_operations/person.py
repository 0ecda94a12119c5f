"""Who types: the name that stands in the audit log and with releases."""

from __future__ import annotations

import os
import pwd


def who() -> str:
    """The login name of the process's real user, by the system's user database.

    Not `getpass.getuser()`: that believes LOGNAME and USER, which whoever types may set to anybody's name.
    """
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
