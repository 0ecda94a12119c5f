"""The modules of deploy/terraform keep the laws of `checks/terraform.py`, each of which is broken once here."""

from __future__ import annotations

import pytest

from tests.contract.checks.terraform import (
    bucket_problems,
    open_problems,
    said_problems,
    state_problems,
    wide_problems,
)
from tests.support.terraform import MODULES, module, parsed

KEYS = ("key", "platform_key")
"""Policies of keys."""


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_open_unencrypted_wide_or_secret(name: str) -> None:
    blocks = module(name)
    assert len(blocks) > 20
    assert open_problems(blocks) == []
    assert said_problems(blocks) == []
    assert bucket_problems(blocks) == []
    assert wide_problems(blocks, KEYS) == []
    assert state_problems(blocks) == []


def test_a_door_that_is_open_to_everybody_is_found() -> None:
    rule = 'resource "aws_vpc_security_group_ingress_rule" "all" { cidr_ipv4 = "0.0.0.0/0" }'
    assert open_problems(parsed(rule)) == ["aws_vpc_security_group_ingress_rule.all is open to 0.0.0.0/0"]
    assert open_problems(parsed('resource "aws_route_table" "out" { route { cidr_block = "0.0.0.0/0" } }')) == []


def test_a_store_without_a_key_or_of_a_kind_that_nobody_thought_of_is_found() -> None:
    database = 'resource "aws_db_instance" "x" {\n storage_encrypted = true\n publicly_accessible = true\n}'
    found = said_problems(parsed(database))
    assert "aws_db_instance.x: kms_key_id has to be a key" in found
    assert "aws_db_instance.x: publicly_accessible has to be False" in found
    assert not any("storage_encrypted" in one for one in found)
    assert said_problems(parsed('resource "aws_sqs_queue" "x" {}')) == [
        "aws_sqs_queue.x keeps something, and no rule says how it is encrypted"
    ]


def test_a_bucket_that_may_become_public_or_is_not_encrypted_is_found() -> None:
    text = """
resource "aws_s3_bucket" "this" {}
resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this
  block_public_acls = true
  block_public_policy = false
  ignore_public_acls = true
}
"""
    found = bucket_problems(parsed(text))
    assert "aws_s3_bucket_public_access_block.this: block_public_policy" in found
    assert "aws_s3_bucket_public_access_block.this: restrict_public_buckets" in found
    assert "aws_s3_bucket.this has no aws_s3_bucket_server_side_encryption_configuration for each" in found


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ('actions = ["s3:*"]\n resources = ["arn:aws:s3:::one/*"]', "data allows s3:*"),
        ('actions = ["s3:GetObject"]\n resources = ["*"]', "data allows ['s3:GetObject'] on everything"),
        ('actions = concat(["s3:Get*"], [])\n resources = ["arn"]', "data allows s3:Get*"),
        (
            'actions = ["sts:AssumeRole"]\n principals {\n type = "AWS"\n identifiers = ["*"]\n }',
            "data allows everybody",
        ),
        ('effect = "Deny"\n actions = ["s3:*"]\n resources = ["*"]', None),
    ],
)
def test_a_right_that_is_wider_than_it_names_is_found(statement: str, problem: str | None) -> None:
    of = 'data "aws_iam_policy_document" "x"'
    text = f"{of} {{\n statement {{\n {statement}\n }}\n}}"
    dynamic = f'{of} {{\n dynamic "statement" {{\n for_each = [1]\n content {{\n {statement}\n }}\n }}\n}}'
    expected = [] if problem is None else [problem.replace("data", "aws_iam_policy_document.x", 1)]
    assert wide_problems(parsed(text), KEYS) == expected == wide_problems(parsed(dynamic), KEYS)


def test_a_role_in_all_of_a_project_and_a_basic_one_are_found() -> None:
    member = 'resource "google_project_iam_member" "all" { role = "roles/storage.objectUser" }'
    assert wide_problems(parsed(member), KEYS) == [
        "google_project_iam_member.all gives roles/storage.objectUser in all of the project"
    ]
    owner = 'resource "google_storage_bucket_iam_member" "all" { role = "roles/owner" }'
    assert wide_problems(parsed(owner), KEYS) == ["google_storage_bucket_iam_member.all gives roles/owner"]
    everybody = 'resource "google_storage_bucket_iam_member" "all" { member = "allUsers" }'
    assert open_problems(parsed(everybody)) == ["google_storage_bucket_iam_member.all is open to allUsers"]


def test_a_secret_that_would_stand_in_the_state_is_found() -> None:
    assert state_problems(parsed('resource "random_password" "x" {}')) == [
        "random_password.x puts a secret into the state"
    ]
    assert state_problems(parsed('resource "aws_db_instance" "x" { password = var.password }')) == [
        "aws_db_instance.x: password"
    ]
    assert state_problems(parsed('resource "aws_db_instance" "x" { manage_master_user_password = true }')) == []
