# Images of ours. A tag is pushed once and means the same for ever; what has no tag any more goes.

locals {
  images = toset(["cli", "drift", "inference", "ingest", "mlflow", "trainer", "validator"])
}

resource "google_artifact_registry_repository" "this" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  kms_key_name  = google_kms_crypto_key.data.id

  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "without-a-tag-for-two-weeks"
    action = "DELETE"

    condition {
      tag_state  = "UNTAGGED"
      older_than = "1209600s"
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent]
}
