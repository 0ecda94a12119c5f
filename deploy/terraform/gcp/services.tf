# An account for each ServiceAccount of deploy/kubernetes (Workload Identity): what it reads and what it changes in the buckets.

locals {
  # Where things are: TIDEMILL_ARTIFACTS, TIDEMILL_TABLES, MLflow's runs, backups.
  places = {
    artifacts = { bucket = "data", prefix = "artifacts" }
    tables    = { bucket = "data", prefix = "tables" }
    runs      = { bucket = "mlflow", prefix = "artifacts" }
    backups   = { bucket = "backups", prefix = "tidemill" }
  }

  # `changes` includes reading. A service that uses no store has its secret and nothing else.
  services = {
    ingest           = { reads = [], changes = [] }
    validator        = { reads = [], changes = [] }
    serve            = { reads = ["artifacts"], changes = [] }
    stream           = { reads = ["artifacts"], changes = [] }
    drift-profile    = { reads = [], changes = [] }
    drift-detect     = { reads = ["artifacts"], changes = [] }
    trainer          = { reads = [], changes = ["artifacts", "tables"] }
    release          = { reads = [], changes = [] }
    mlflow           = { reads = [], changes = ["runs"] }
    backup           = { reads = ["artifacts", "tables"], changes = ["backups"] }
    keda-credentials = { reads = [], changes = [] } # nobody runs as it: it is for bringing KEDA's secret
  }

  grants = merge([for service, of in local.services : merge(
    { for place in of.reads : "${service} reads ${place}" => { service = service, place = local.places[place], role = "roles/storage.objectViewer" } },
    { for place in of.changes : "${service} changes ${place}" => { service = service, place = local.places[place], role = "roles/storage.objectUser" } },
  )]...)
}

resource "google_service_account" "service" {
  for_each     = local.services
  account_id   = "${var.name}-${each.key}"
  display_name = "${each.key} of ${var.name}"
}

resource "google_service_account_iam_member" "service" {
  for_each           = google_service_account.service
  service_account_id = each.value.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.project}.svc.id.goog[${var.namespace}/${each.key}]"
  depends_on         = [google_container_cluster.this]
}

# Objects below the prefix; and the bucket's list, which names no object and is asked with a prefix of its own.
resource "google_storage_bucket_iam_member" "objects" {
  for_each = local.grants
  bucket   = google_storage_bucket.this[each.value.place.bucket].name
  role     = each.value.role
  member   = google_service_account.service[each.value.service].member

  condition {
    title      = "below ${each.value.place.prefix}"
    expression = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.this[each.value.place.bucket].name}/objects/${each.value.place.prefix}/\")"
  }
}

resource "google_storage_bucket_iam_member" "list" {
  for_each = { for key in distinct([for grant in local.grants : "${grant.service} ${grant.place.bucket}"]) : key => split(" ", key) }
  bucket   = google_storage_bucket.this[each.value[1]].name
  role     = google_project_iam_custom_role.list.id
  member   = google_service_account.service[each.value[0]].member
}

resource "google_project_iam_custom_role" "list" {
  role_id     = "${replace(var.name, "-", "_")}_list"
  title       = "Lists objects of ${var.name}"
  permissions = ["storage.buckets.get", "storage.objects.list"]
}
