# The module planned whole by the providers' own schemas, with answers made up in place of Google's. `make terraform` runs it. Planned
# and not applied: what was applied would have to be destroyed again, which the key refuses.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { id = "projects/tidemill-example", number = "1234567890" }
  }
  # Terraform leaves these unknown in a plan; OpenTofu makes them up, and the provider looks at their form.
  mock_resource "google_service_account" {
    defaults = {
      name   = "projects/tidemill-example/serviceAccounts/made-up@tidemill-example.iam.gserviceaccount.com"
      email  = "made-up@tidemill-example.iam.gserviceaccount.com"
      member = "serviceAccount:made-up@tidemill-example.iam.gserviceaccount.com"
    }
  }
  mock_resource "google_compute_network" {
    defaults = { id = "projects/tidemill-example/global/networks/made-up" }
  }
  mock_resource "google_sql_database_instance" {
    defaults = {
      server_ca_cert = [{ cert = "made-up", common_name = "", create_time = "", expiration_time = "", sha1_fingerprint = "" }]
    }
  }
  mock_resource "google_redis_instance" {
    defaults = {
      server_ca_certs = [{ cert = "made-up", create_time = "", expire_time = "", serial_number = "", sha1_fingerprint = "" }]
    }
  }
}

mock_provider "google-beta" {}

variables {
  name            = "tidemill-prod"
  region          = "europe-west3"
  kafka_bootstrap = "b-1.example.com:9094,b-2.example.com:9094"
}

run "plans_whole" {
  command = plan

  assert {
    condition     = length(google_service_account.service) == 11 && google_container_cluster.this.private_cluster_config[0].enable_private_endpoint
    error_message = "An account for each service, and an API that is in the network alone where no network is named."
  }

  assert {
    condition     = length(google_project_service_identity.agent) == 5 && length(google_kms_crypto_key_iam_member.agent) == 7
    error_message = "Every agent that encrypts has the key: five that are asked for, and those of Storage and Compute."
  }

  assert {
    condition     = output.kustomization == file("../../kubernetes/overlays/gcp/terraform/kustomization.yaml") && output.external_secrets == file("../../kubernetes/overlays/gcp/terraform/secrets.yaml")
    error_message = "The overlay gcp has what this module says of a made-up project, and the tests of Kubernetes look at that: terraform test -verbose prints both."
  }
}

run "opens_its_api_to_named_networks_alone" {
  command = plan

  variables {
    api_allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = !google_container_cluster.this.private_cluster_config[0].enable_private_endpoint && [for one in google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks : one.cidr_block] == ["203.0.113.0/24"]
    error_message = "The API is asked from where it may be."
  }
}

run "refuses_everybody_at_its_api" {
  command         = plan
  expect_failures = [var.api_allowed_cidrs]

  variables {
    api_allowed_cidrs = ["0.0.0.0/0"]
  }
}

run "refuses_a_name_that_accounts_could_not_carry" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "tidemill-production"
  }
}

run "refuses_brokers_without_a_port" {
  command         = plan
  expect_failures = [var.kafka_bootstrap]

  variables {
    kafka_bootstrap = "b-1.example.com"
  }
}
