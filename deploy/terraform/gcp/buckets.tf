# Buckets: versions and training tables, MLflow's runs, backups. Who asked for what is in the audit log of data access.

locals {
  buckets = {
    data    = { overwritten = var.retention.overwritten }
    mlflow  = { overwritten = var.retention.overwritten }
    backups = { overwritten = var.retention.backups }
  }
}

resource "google_storage_bucket" "this" {
  for_each                    = local.buckets
  name                        = "${var.name}-${each.key}-${local.number}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  # What is overwritten or deleted is a version of its own, kept by the rule below; kept twice it would be longer than that says.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  encryption {
    default_kms_key_name = google_kms_crypto_key.data.id
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = each.value.overwritten
      with_state                 = "ARCHIVED"
    }

    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age = 7
    }

    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent]
}

resource "google_project_iam_audit_config" "storage" {
  project = local.project
  service = "storage.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
  }

  audit_log_config {
    log_type = "DATA_WRITE"
  }
}
