"""Laws of deploy/terraform: nothing is open, everything is encrypted, no right is wide, no secret is in the state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.support.terraform import Block, statements

EVERYBODY: Final = ("0.0.0.0/0", "::/0", "allUsers", "allAuthenticatedUsers")

MUST: Final[Mapping[str, Mapping[str, Any]]] = {
    "aws_cloudwatch_log_group": {"kms_key_id": "a key"},
    "aws_db_instance": {
        "storage_encrypted": True, "kms_key_id": "a key", "master_user_secret_kms_key_id": "a key",
        "performance_insights_kms_key_id": "a key", "publicly_accessible": False,
    },
    "aws_ecr_repository": {"encryption_configuration.kms_key": "a key", "image_tag_mutability": "IMMUTABLE"},
    "aws_eks_cluster": {"encryption_config.provider.key_arn": "a key", "vpc_config.endpoint_private_access": True},
    "aws_elasticache_replication_group": {
        "at_rest_encryption_enabled": True, "kms_key_id": "a key", "transit_encryption_enabled": True,
    },
    "aws_kms_key": {"enable_key_rotation": True},
    "aws_launch_template": {
        "block_device_mappings.ebs.encrypted": True, "metadata_options.http_tokens": "required",
        "metadata_options.http_put_response_hop_limit": 1,
    },
    "aws_msk_cluster": {
        "encryption_info.encryption_at_rest_kms_key_arn": "a key",
        "encryption_info.encryption_in_transit.client_broker": "TLS",
        "encryption_info.encryption_in_transit.in_cluster": True,
        "client_authentication.unauthenticated": False,
        "broker_node_group_info.connectivity_info.public_access.type": "DISABLED",
    },
    "aws_s3_bucket": {},
    "aws_secretsmanager_secret": {"kms_key_id": "a key"},
    "aws_subnet": {"map_public_ip_on_launch": False},
    "google_artifact_registry_repository": {"kms_key_name": "a key", "docker_config.immutable_tags": True},
    "google_compute_subnetwork": {"private_ip_google_access": True},
    "google_container_cluster": {
        "database_encryption.state": "ENCRYPTED", "database_encryption.key_name": "a key",
        "private_cluster_config.enable_private_nodes": True, "datapath_provider": "ADVANCED_DATAPATH",
        "master_authorized_networks_config.gcp_public_cidrs_access_enabled": False,
    },
    "google_container_node_pool": {
        "node_config.boot_disk_kms_key": "a key", "node_config.workload_metadata_config.mode": "GKE_METADATA",
    },
    "google_kms_crypto_key": {"rotation_period": "7776000s"},
    "google_redis_instance": {
        "customer_managed_key": "a key", "transit_encryption_mode": "SERVER_AUTHENTICATION", "auth_enabled": True,
        "connect_mode": "PRIVATE_SERVICE_ACCESS",
    },
    "google_secret_manager_secret": {
        "replication.user_managed.replicas.customer_managed_encryption.kms_key_name": "a key",
    },
    "google_sql_database_instance": {
        "encryption_key_name": "a key", "settings.ip_configuration.ipv4_enabled": False,
        "settings.ip_configuration.ssl_mode": "ENCRYPTED_ONLY",
    },
    "google_storage_bucket": {
        "encryption.default_kms_key_name": "a key", "public_access_prevention": "enforced",
        "uniform_bucket_level_access": True, "versioning.enabled": True,
    },
}  # fmt: skip
"""What each resource that keeps or carries something has to say. "a key" is a reference to one."""

BASIC_ROLES: Final = ("roles/owner", "roles/editor", "roles/viewer", "roles/storage.admin")
"""Roles of Google Cloud that nobody here needs."""
BUCKET_HAS: Final = {
    "aws_s3_bucket_public_access_block": ("block_public_acls", "block_public_policy", "ignore_public_acls",
                                          "restrict_public_buckets"),
    "aws_s3_bucket_server_side_encryption_configuration": (),
    "aws_s3_bucket_versioning": (),
    "aws_s3_bucket_lifecycle_configuration": (),
    "aws_s3_bucket_policy": (),
}  # fmt: skip
"""What stands beside each bucket, and which of its entries must be true."""

_KEEPS: Final = re.compile(
    r"(aws|google)_(\w*(bucket|db_instance|database_instance|redis_instance|cluster|replication_group|repository|volume|disk"
    r"|file_system|log_group|secret|queue|topic|(?<!route_)table|compute_instance|dataset))"
)
_SECRET_VALUES: Final = re.compile(r"(?:\w+_)?password|auth_token|secret_string|secret_data")
_OPTIONAL: Final = {"aws_subnet": {"map_public_ip_on_launch"}}
"""Entries whose absence means what is wanted."""


def open_problems(blocks: Iterable[Block]) -> list[str]:
    """Doors that stand open to everybody. A way out (a route, egress) is none."""
    found = []
    for block in blocks:
        if block.kind == "resource" and re.search(
            r"(ingress|security_group|firewall|_iam_(member|binding))", block.type
        ):
            said = str({key: value for key, value in block.body.items() if key != "egress"})
            found += [f"{block.address} is open to {who}" for who in EVERYBODY if who in said]
    return found


def said_problems(blocks: Iterable[Block], must: Mapping[str, Mapping[str, Any]] = MUST) -> list[str]:
    """Resources that are not encrypted, that an entry of theirs opens to the internet, or that nobody knows."""
    found = []
    for block in blocks:
        if block.kind != "resource":
            continue
        if block.type not in must and _KEEPS.fullmatch(block.type):
            found.append(f"{block.address} keeps something, and no rule says how it is encrypted")
        for path, wanted in must.get(block.type, {}).items():
            values = block.at(path)
            if not values and path in _OPTIONAL.get(block.type, ()):
                continue
            right = bool(values) and all(
                value == wanted or (wanted == "a key" and isinstance(value, str) and "key" in value) for value in values
            )
            if not right:
                found.append(f"{block.address}: {path} has to be {wanted}")
    return found


def bucket_problems(blocks: Iterable[Block]) -> list[str]:
    """Buckets (S3) without what has to stand beside them, or where it is not for every one."""
    blocks = list(blocks)
    found = []
    for bucket in [block for block in blocks if block.type == "aws_s3_bucket"]:
        for type_, entries in BUCKET_HAS.items():
            beside = [
                block
                for block in blocks
                if block.type == type_ and block.body.get("for_each") == f"${{{bucket.address}}}"
            ]
            if not beside:
                found.append(f"{bucket.address} has no {type_} for each")
            found += [
                f"{one.address}: {entry}" for one in beside for entry in entries if one.body.get(entry) is not True
            ]
    return found


def wide_problems(blocks: Iterable[Block], keys: Iterable[str]) -> list[str]:
    """Statements that allow more than they name: an action of stars, or everything there is; roles in all of a project
    of Google Cloud, but for the machines'. In the policy of a key (`keys`: names of documents) "*" means that key.
    """
    found = []
    for document in blocks:
        if role := document.body.get("role", ""):
            found += [f"{document.address} gives {role}" for wide in BASIC_ROLES if wide == role]
        if document.type.startswith("google_project_iam_member") and document.name != "nodes":
            found.append(f"{document.address} gives {role} in all of the project")
        if document.type != "aws_iam_policy_document":
            continue
        for statement in statements(document):
            if statement.get("effect", "Allow") != "Allow":
                continue
            found += [f"{document.address} allows {action}" for action in _items(statement, "actions") if "*" in action]
            if "*" in _items(statement, "resources") and document.name not in keys:
                found.append(f"{document.address} allows {_items(statement, 'actions')} on everything")
            if any("*" in _items(principal, "identifiers") for principal in statement.get("principals", [])):
                found.append(f"{document.address} allows everybody")
    return found


def state_problems(blocks: Iterable[Block]) -> list[str]:
    """Secrets that would stand in Terraform's state."""
    found = []
    for block in blocks:
        if block.type in (
            "random_password",
            "aws_secretsmanager_secret_version",
            "google_secret_manager_secret_version",
        ):
            found.append(f"{block.address} puts a secret into the state")
        keys = [key for key in block.body if block.kind == "resource" and _SECRET_VALUES.fullmatch(key)]
        given = [key for key in keys if key != "manage_master_user_password" or block.body[key] is not True]
        found += [f"{block.address}: {key}" for key in given]
    return found


def _items(body: Mapping[str, Any], key: str) -> list[str]:
    """A list of words, or the words in quotes of the expression that stands there."""
    value = body.get(key, [])
    return [str(item) for item in value] if isinstance(value, list) else re.findall(r'"([^"]*)"', str(value))
