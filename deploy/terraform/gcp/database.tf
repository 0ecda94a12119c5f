# PostgreSQL: keys, audit log, runs, versions; MLflow's. The owner's password is set by `gcloud sql users set-password`, the services'
# roles and passwords are made by deploy/compose/databases.sh. None of them is in Terraform's state.

resource "google_sql_database_instance" "this" {
  name                = var.name
  region              = var.region
  database_version    = var.database.version
  encryption_key_name = google_kms_crypto_key.data.id
  deletion_protection = var.deletion_protection

  settings {
    tier                        = var.database.tier
    edition                     = "ENTERPRISE"
    availability_type           = var.database.several_zones ? "REGIONAL" : "ZONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = var.database.disk_gib
    disk_autoresize             = true
    disk_autoresize_limit       = var.database.maximum_gib
    deletion_protection_enabled = var.deletion_protection

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.this.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.database.days_of_backups
      }
    }

    insights_config {
      query_insights_enabled = true
    }

    dynamic "database_flags" {
      for_each = {
        "cloudsql.iam_authentication" = "on"
        log_checkpoints               = "on"
        log_connections               = "on"
        log_disconnections            = "on"
        log_lock_waits                = "on"
        log_min_duration_statement    = "1000"
        log_statement                 = "ddl"
      }

      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }

  depends_on = [google_service_networking_connection.this, google_kms_crypto_key_iam_member.agent]
}

resource "google_sql_database" "tidemill" {
  name     = "tidemill"
  instance = google_sql_database_instance.this.name
}
