# The module planned whole by the provider's own schemas, with answers made up in place of AWS's. `make terraform` runs it.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/made-up" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/made-up" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:made-up" }
  }
  mock_resource "aws_eks_cluster" {
    defaults = { identity = [{ oidc = [{ issuer = "https://issuer.example.com/id/1" }] }] }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-00000000000000000", latest_version = 1 }
  }
  mock_resource "aws_msk_configuration" {
    defaults = { arn = "arn:aws:kafka:eu-central-1:123456789012:configuration/made-up/1", latest_revision = 1 }
  }
  mock_resource "aws_msk_cluster" {
    defaults = {
      arn                          = "arn:aws:kafka:eu-central-1:123456789012:cluster/tidemill-production/1"
      bootstrap_brokers_sasl_iam   = "b-1.example.com:9098,b-2.example.com:9098,b-3.example.com:9098"
      bootstrap_brokers_sasl_scram = "b-1.example.com:9096,b-2.example.com:9096,b-3.example.com:9096"
    }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      address = "database.example.com"
      port    = 5432
      master_user_secret = [{
        kms_key_id    = "made-up"
        secret_arn    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!made-up"
        secret_status = "active"
      }]
    }
  }
  mock_resource "aws_elasticache_replication_group" {
    defaults = { primary_endpoint_address = "redis.example.com" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:made-up" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::made-up" }
  }
}

variables {
  name           = "tidemill-production"
  zones          = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  administrators = ["arn:aws:iam::123456789012:role/platform"]
}

run "applies_whole" {
  command = apply

  assert {
    condition     = length(aws_iam_role.service) == 11 && aws_eks_cluster.this.vpc_config[0].endpoint_public_access == false
    error_message = "A role for each service, and an API that is in the network alone where no network is named."
  }

  assert {
    condition     = length(aws_msk_scram_secret_association.this) == 0
    error_message = "Kafka is told of users when their secrets have values, not before."
  }

  assert {
    condition     = output.endpoints.database == "database.example.com:5432" && output.endpoints.redis == "redis.example.com:6379"
    error_message = "Addresses are what make_secrets.py writes into URLs."
  }

  assert {
    condition     = output.kustomization == file("../../kubernetes/overlays/aws/terraform/kustomization.yaml") && output.external_secrets == file("../../kubernetes/overlays/aws/terraform/secrets.yaml")
    error_message = "The overlay aws has what this module says of a made-up account, and the tests of Kubernetes look at that: terraform test -verbose prints both."
  }
}

run "knows_users_of_kafka_when_they_have_passwords" {
  command = plan

  variables {
    secrets_are_filled = true
  }

  assert {
    condition     = length(aws_msk_scram_secret_association.this) == 1
    error_message = "Kafka is told of the users' secrets."
  }
}

run "opens_its_api_to_named_networks_alone" {
  command = plan

  variables {
    api_allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.0/24"])
    error_message = "The API is asked from where it may be."
  }
}

run "refuses_a_name_that_a_database_could_not_carry" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "tidemill--production"
  }
}

run "refuses_everybody_at_its_api" {
  command         = plan
  expect_failures = [var.api_allowed_cidrs]

  variables {
    api_allowed_cidrs = ["0.0.0.0/0"]
  }
}

run "refuses_the_internet_at_kafka_and_database" {
  command         = plan
  expect_failures = [var.operator_cidrs]

  variables {
    operator_cidrs = ["203.0.113.0/24"]
  }
}

run "refuses_a_cluster_that_nobody_may_enter" {
  command         = plan
  expect_failures = [var.administrators]

  variables {
    administrators = []
  }
}

run "refuses_fewer_zones_than_replicas" {
  command         = plan
  expect_failures = [var.zones]

  variables {
    zones = ["eu-central-1a", "eu-central-1b"]
  }
}

run "refuses_an_alias_in_place_of_a_key" {
  command         = plan
  expect_failures = [var.signing_kms_key]

  variables {
    signing_kms_key = "arn:aws:kms:eu-central-1:123456789012:alias/signing"
  }
}
