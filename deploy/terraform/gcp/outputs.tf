output "cluster" {
  description = "Name of the cluster: gcloud container clusters get-credentials … --region …"
  value       = google_container_cluster.this.name
}

output "images" {
  description = "Address of each image: docker push ADDRESS:TAG."
  value       = local.addresses_of_images
}

output "secrets" {
  description = "Where make_secrets.py's files belong: file, and name of the secret."
  value = merge(
    { for service in keys(local.services) : "services/${service}.json" => google_secret_manager_secret.this[service].secret_id },
    { "signing-key.json" = google_secret_manager_secret.this["signing-key"].secret_id },
  )
}

output "endpoints" {
  description = "What make_secrets.py needs to know of addresses. Cloud SQL's certificate names the instance and not its address."
  value = {
    database = "${google_sql_database_instance.this.private_ip_address}:5432"
    sslmode  = "verify-ca"
    redis    = "${google_redis_instance.this.host}:${google_redis_instance.this.port}"
    runs     = "gs://${google_storage_bucket.this["mlflow"].name}/${local.places.runs.prefix}"
  }
}

output "certificates" {
  description = "Of the authorities that PostgreSQL and Redis are known by (PEM)."
  value = {
    database = nonsensitive(google_sql_database_instance.this.server_ca_cert[0].cert) # the provider takes it for a secret; it is public
    redis    = google_redis_instance.this.server_ca_certs[0].cert
  }
}

output "backups" {
  description = "Where backups belong."
  value       = "gs://${google_storage_bucket.this["backups"].name}/${local.places.backups.prefix}"
}

locals {
  addresses_of_images = {
    for image in local.images : image => "${var.region}-docker.pkg.dev/${local.project}/${google_artifact_registry_repository.this.repository_id}/${image}"
  }
}

# deploy/kubernetes/overlays/gcp/terraform: what differs from cluster to cluster.
output "kustomization" {
  description = "kustomization.yaml of the component that an overlay takes: addresses, images, the account of each ServiceAccount."
  value = yamlencode({
    apiVersion = "kustomize.config.k8s.io/v1alpha1"
    kind       = "Component"
    resources  = ["secrets.yaml"]
    configMapGenerator = [
      {
        name     = "tidemill-settings"
        behavior = "merge"
        literals = [
          "TIDEMILL_ARTIFACTS=gs://${google_storage_bucket.this["data"].name}/${local.places.artifacts.prefix}",
          "TIDEMILL_KAFKA_BOOTSTRAP=${var.kafka_bootstrap}",
          "TIDEMILL_TABLES=gs://${google_storage_bucket.this["data"].name}/${local.places.tables.prefix}",
        ]
      },
      { name = "tidemill-backup", behavior = "merge", literals = ["to=gs://${google_storage_bucket.this["backups"].name}/${local.places.backups.prefix}"] },
    ]
    # By the name that overlays/production gives them.
    images = [for image in sort(local.images) : { name = "registry.example.com/tidemill/${image}", newName = local.addresses_of_images[image] }]
    patches = [for service in keys(local.services) : {
      target = { kind = "ServiceAccount", name = service }
      patch = yamlencode([{ op = "add", path = "/metadata/annotations", value = {
        "iam.gke.io/gcp-service-account" = "${google_service_account.service[service].account_id}@${local.project}.iam.gserviceaccount.com"
      } }])
    }]
  })
}

output "external_secrets" {
  description = "secrets.yaml of that component: for each workload the External Secrets operator brings its Secret as that workload's own account."
  value = join("---\n", concat(
    [for service in keys(local.services) : yamlencode({
      apiVersion = "external-secrets.io/v1"
      kind       = "SecretStore"
      metadata   = { name = service }
      spec = { provider = { gcpsm = {
        projectID = local.project
        auth = { workloadIdentity = {
          clusterLocation   = var.region
          clusterName       = google_container_cluster.this.name
          serviceAccountRef = { name = service }
        } }
      } } }
    })],
    [for name, store in merge({ for service in keys(local.services) : service => service }, { signing-key = "trainer" }) : yamlencode({
      apiVersion                                                                                          = "external-secrets.io/v1"
      kind                                                                                                = "ExternalSecret"
      metadata                                                                                            = { name = name }
      spec = {
        refreshInterval = "1h"
        secretStoreRef  = { kind = "SecretStore", name = store }
        target          = { name = "tidemill-${trimsuffix(name, "-credentials")}" }
        dataFrom        = [{ extract = { key = google_secret_manager_secret.this[name].secret_id } }]
      }
    })],
  ))
}
