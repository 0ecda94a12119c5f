# A key for what the platform keeps. Google's own service agents encrypt by it; people and services have no right on it.

resource "google_kms_key_ring" "this" {
  name     = var.name
  location = var.region
}

resource "google_kms_crypto_key" "data" {
  name            = "data"
  key_ring        = google_kms_key_ring.this.id
  rotation_period = "7776000s" # 90 days

  lifecycle {
    prevent_destroy = true # what it encrypts could never be read again
  }
}

# Agents that exist only when they are asked for; those of Storage and Compute are there as soon as their API is on.
resource "google_project_service_identity" "agent" {
  provider = google-beta
  for_each = toset(["artifactregistry.googleapis.com", "container.googleapis.com", "redis.googleapis.com", "secretmanager.googleapis.com", "sqladmin.googleapis.com"])
  service  = each.key
}

data "google_storage_project_service_account" "this" {}

locals {
  agents = merge(
    { for service, agent in google_project_service_identity.agent : service => agent.email },
    {
      "compute.googleapis.com" = "service-${local.number}@compute-system.iam.gserviceaccount.com"
      "storage.googleapis.com" = data.google_storage_project_service_account.this.email_address
    },
  )
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each      = local.agents
  crypto_key_id = google_kms_crypto_key.data.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}
