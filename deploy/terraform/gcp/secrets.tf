# Places for secrets, and no secret: values are put there by a person or a pipeline (make_secrets.py, docs/clouds-gcp.md).

locals {
  places_of_secrets = toset(concat(keys(local.services), ["signing-key"]))
}

# The files of each workload's Kubernetes Secret as one JSON object, read by that workload's account alone.
resource "google_secret_manager_secret" "this" {
  for_each  = local.places_of_secrets
  secret_id = "${var.name}-${each.key}"

  replication {
    user_managed {
      replicas {
        location = var.region

        customer_managed_encryption {
          kms_key_name = google_kms_crypto_key.data.id
        }
      }
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.agent]
}

resource "google_secret_manager_secret_iam_member" "own" {
  for_each  = merge({ for service in keys(local.services) : service => service }, { signing-key = "trainer" })
  secret_id = google_secret_manager_secret.this[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service[each.value].member
}
