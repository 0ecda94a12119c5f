# Rate limits and answers to requests that are sent again, for all processes of ingest and serve. Google makes the password, and it
# can be read by `gcloud redis instances get-auth-string`; Terraform keeps it in its state too, where it is the only one.

resource "google_redis_instance" "this" {
  name                    = var.name
  region                  = var.region
  tier                    = "STANDARD_HA"
  memory_size_gb          = var.redis.memory_gib
  redis_version           = "REDIS_7_2"
  authorized_network      = google_compute_network.this.id
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  customer_managed_key    = google_kms_crypto_key.data.id
  depends_on              = [google_service_networking_connection.this, google_kms_crypto_key_iam_member.agent]
}
