"""`tidemill.yaml`: settings that hold for a folder, below environment variables and above defaults.

A key is a setting's name without its prefix: `partitions` is `TIDEMILL_PARTITIONS`. What the file says becomes part of
the process's environment, and so holds for every command, every service and what they start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tidemill.errors import ConfigError
from tidemill.secret_files import SUFFIX
from tidemill.setting_names import SETTING_NAMES

if TYPE_CHECKING:
    import yaml

__all__ = ["CONFIG_FILE", "NAMED_BY", "ConfigMistake", "apply_config", "config_path", "put_into", "read_config"]

CONFIG_FILE: Final = "tidemill.yaml"
NAMED_BY: Final = "TIDEMILL_CONFIG"
CLIENT: Final = "kafka_"
"""Settings of Kafka's own client begin so, whatever they are (`tidemill.kafka.pass_through`)."""
OTHER_VARIABLES: Final = {"schema_registry_url": "SCHEMA_REGISTRY_URL"}


@dataclass(frozen=True, slots=True)
class ConfigMistake:
    """One thing that is wrong in the file; `line` and `column` from 1."""

    file: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


def config_path() -> Path | None:
    """The file that TIDEMILL_CONFIG names, else the working folder's, if it has one. Raises ConfigError where the named
    one is not there.
    """
    named = os.environ.get(NAMED_BY)
    if named:
        if not Path(named).is_file():
            raise ConfigError(f"{NAMED_BY} names {named}, and there is no such file")
        return Path(named)
    return Path(CONFIG_FILE) if Path(CONFIG_FILE).is_file() else None


def apply_config(environment: MutableMapping[str, str] | None = None) -> dict[str, str]:
    """Puts into the environment (this process's, where none is given) what it does not say itself; gives the file's
    settings by variable.

    Raises ConfigError with all mistakes of the file.
    """
    path = config_path()
    if path is None:
        return {}
    stated, mistakes = read_config(path)
    if mistakes:
        raise ConfigError("\n".join(map(str, mistakes)))
    return put_into(os.environ if environment is None else environment, stated)


def put_into(environment: MutableMapping[str, str], stated: Mapping[str, str]) -> dict[str, str]:
    """Adds settings to an environment where it does not say them itself; gives them by variable."""
    for key, value in stated.items():
        others = (variable(key) + SUFFIX, OTHER_VARIABLES.get(key))
        if not any(other in environment for other in others if other):
            environment.setdefault(variable(key), value)
    return {variable(key): value for key, value in stated.items()}


def variable(key: str) -> str:
    """The environment variable of a key."""
    return f"TIDEMILL_{key.upper()}"


def read_config(path: Path) -> tuple[dict[str, str], list[ConfigMistake]]:
    """The settings as texts, and what is wrong. A key without a value is as good as none."""
    import yaml

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        return {}, [ConfigMistake(path, 1, 1, f"cannot be read: {error}")]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return {}, [ConfigMistake(path, line, column, f"is not YAML: {error.problem}")]
    except (yaml.YAMLError, RecursionError) as error:
        return {}, [ConfigMistake(path, 1, 1, f"is not YAML: {error}")]
    if root is None:
        return {}, []
    if not isinstance(root, yaml.MappingNode):
        return {}, [ConfigMistake(path, 1, 1, "must be settings, one a line, such as `partitions: 4`")]
    found: dict[str, str] = {}
    mistakes: list[ConfigMistake] = []
    for key, node in root.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        problem = _key_problem(name, found)
        at = key if problem else node
        value = "" if problem else _text(node)
        problem = problem or (f"`{name}` must be a value, or a list of values" if value is None else "")
        if problem:
            mistakes.append(ConfigMistake(path, at.start_mark.line + 1, at.start_mark.column + 1, problem))
        elif value:
            found[name] = value
    return found, mistakes


def _key_problem(name: str, found: MutableMapping[str, str]) -> str:
    if name in found:
        return f"`{name}` stands twice"
    if name in SETTING_NAMES or (name.startswith(CLIENT) and len(name) > len(CLIENT)):
        return ""
    from tidemill.contracts.model_file.yaml.suggestions import near

    plain = name.lower().removeprefix("tidemill_")
    if plain in SETTING_NAMES:
        return f"unknown setting {name!r}: here it is called {plain!r}"
    return ": ".join(filter(None, (f"unknown setting {name!r}", near(plain, SETTING_NAMES))))


def _text(node: yaml.Node) -> str | None:
    """A value as a variable would have it; None where it is neither a value nor a list of values."""
    import yaml

    if isinstance(node, yaml.ScalarNode):
        if node.tag.endswith(":null"):
            return ""
        return node.value.lower() if node.tag.endswith(":bool") and node.style is None else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        items = [str(item.value) for item in node.value if isinstance(item, yaml.ScalarNode)]
        return ",".join(items) if len(items) == len(node.value) else None
    return None
