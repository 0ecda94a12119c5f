output "cluster" {
  description = "Name of the cluster: aws eks update-kubeconfig --name …"
  value       = aws_eks_cluster.this.name
}

output "kafka_administrator" {
  description = "What an administrator needs to make topics and give rights: the role to become, and the brokers that take it."
  value = {
    role      = aws_iam_role.kafka_administrator.arn
    bootstrap = aws_msk_cluster.this.bootstrap_brokers_sasl_iam
  }
}

output "database_owner_secret" {
  description = "ARN of the secret with the password of PostgreSQL's owner, which RDS changes by itself."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "images" {
  description = "Address of the repository of each image: docker push ADDRESS:TAG."
  value       = local.addresses_of_images
}

output "secrets" {
  description = "Where make_secrets.py's files belong: file, and name of the secret."
  value = merge(
    { for service, secret in aws_secretsmanager_secret.service : "services/${service}.json" => secret.name },
    { for user, secret in aws_secretsmanager_secret.kafka_user : "kafka/${user}.json" => secret.name },
    { "signing-key.json" = aws_secretsmanager_secret.signing_key.name },
  )
}

output "endpoints" {
  description = "What make_secrets.py needs to know of addresses."
  value = {
    database = "${aws_db_instance.this.address}:${aws_db_instance.this.port}"
    redis    = "${aws_elasticache_replication_group.this.primary_endpoint_address}:${aws_elasticache_replication_group.this.port}"
    runs     = "s3://${aws_s3_bucket.this["mlflow"].bucket}/${local.places.runs.prefix}"
  }
}

output "backups" {
  description = "Where backups belong."
  value       = "s3://${aws_s3_bucket.this["backups"].bucket}/${local.places.backups.prefix}"
}

# deploy/kubernetes/overlays/aws/terraform: what differs from cluster to cluster.
output "kustomization" {
  description = "kustomization.yaml of the component that an overlay takes: addresses, images, the role of each ServiceAccount."
  value = yamlencode({
    apiVersion = "kustomize.config.k8s.io/v1alpha1"
    kind       = "Component"
    resources  = ["secrets.yaml"]
    configMapGenerator = [
      {
        name     = "tidemill-settings"
        behavior = "merge"
        literals = [
          "AWS_REGION=${local.region}",
          "TIDEMILL_ARTIFACTS=s3://${aws_s3_bucket.this["data"].bucket}/${local.places.artifacts.prefix}",
          "TIDEMILL_KAFKA_BOOTSTRAP=${aws_msk_cluster.this.bootstrap_brokers_sasl_scram}",
          "TIDEMILL_TABLES=s3://${aws_s3_bucket.this["data"].bucket}/${local.places.tables.prefix}",
        ]
      },
      { name = "tidemill-backup", behavior = "merge", literals = ["to=s3://${aws_s3_bucket.this["backups"].bucket}/${local.places.backups.prefix}"] },
    ]
    # By the name that overlays/production gives them.
    images = [for image in sort(local.images) : { name = "registry.example.com/tidemill/${image}", newName = local.addresses_of_images[image] }]
    patches = [for service in keys(local.services) : {
      target = { kind = "ServiceAccount", name = service }
      patch  = yamlencode([{ op = "add", path = "/metadata/annotations", value = { "eks.amazonaws.com/role-arn" = "arn:${local.partition}:iam::${local.account}:role/${aws_iam_role.service[service].name}" } }])
    }]
  })
}

output "external_secrets" {
  description = "secrets.yaml of that component: for each workload the External Secrets operator brings its Secret by that workload's own role."
  value = join("---\n", concat(
    [for service in keys(local.services) : yamlencode({
      apiVersion = "external-secrets.io/v1"
      kind       = "SecretStore"
      metadata   = { name = service }
      spec = { provider = { aws = {
        service = "SecretsManager"
        region  = local.region
        auth    = { jwt = { serviceAccountRef = { name = service } } }
      } } }
    })],
    [for name, of in merge(
      { for service in keys(local.services) : service => { store = service, secret = aws_secretsmanager_secret.service[service].name } },
      { signing-key = { store = "trainer", secret = aws_secretsmanager_secret.signing_key.name } },
      ) : yamlencode({
        apiVersion = "external-secrets.io/v1"
        kind       = "ExternalSecret"
        metadata   = { name = name }
        spec = {
          refreshInterval = "1h"
          secretStoreRef  = { kind = "SecretStore", name = of.store }
          target          = { name = "tidemill-${trimsuffix(name, "-credentials")}" }
          dataFrom        = [{ extract = { key = of.secret } }]
        }
    })],
  ))
}
