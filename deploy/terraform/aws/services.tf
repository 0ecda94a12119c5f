# A role for each ServiceAccount of deploy/kubernetes (IRSA): what it reads and what it changes in the buckets, and its own secret.

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

  pods = merge(
    { for service in keys(local.services) : "${var.namespace}:${service}" => service },
    { "kube-system:aws-node" = "network" },
  )
  issuer    = replace(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://", "")
  grants    = { for service, of in local.services : service => [for place in concat(of.reads, of.changes) : local.places[place]] }
  with_keys = { for service, of in local.services : service => length(of.changes) > 0 }
}

data "aws_iam_policy_document" "assumed_by_pod" {
  for_each = local.pods

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.cluster.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:${each.key}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "service" {
  for_each           = local.services
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assumed_by_pod["${var.namespace}:${each.key}"].json
}

resource "aws_iam_role_policy" "service" {
  for_each = local.services
  name     = "own"
  role     = aws_iam_role.service[each.key].id
  policy   = data.aws_iam_policy_document.service[each.key].json
}

data "aws_iam_policy_document" "service" {
  for_each = local.services

  statement {
    sid       = "OwnSecret"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = concat([aws_secretsmanager_secret.service[each.key].arn], each.key == "trainer" ? [aws_secretsmanager_secret.signing_key.arn] : [])
  }

  statement {
    sid       = "Decrypt"
    actions   = concat(["kms:Decrypt"], local.with_keys[each.key] ? ["kms:GenerateDataKey"] : [])
    resources = [aws_kms_key.data.arn]
  }

  dynamic "statement" {
    for_each = each.key == "trainer" && var.signing_kms_key != null ? [true] : []

    content {
      sid       = "Sign"
      actions   = ["kms:GetPublicKey", "kms:Sign"]
      resources = [var.signing_kms_key]
    }
  }

  # Clients look whether there is a bucket by this where they may not list all of it.
  dynamic "statement" {
    for_each = length(local.grants[each.key]) > 0 ? [true] : []

    content {
      sid       = "WhereBucketsAre"
      actions   = ["s3:GetBucketLocation"]
      resources = distinct([for place in local.grants[each.key] : aws_s3_bucket.this[place.bucket].arn])
    }
  }

  # Without it an object that is not there would be "forbidden" instead of "not found".
  dynamic "statement" {
    for_each = local.grants[each.key]

    content {
      actions   = ["s3:ListBucket"]
      resources = [aws_s3_bucket.this[statement.value.bucket].arn]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = [statement.value.prefix, "${statement.value.prefix}/*"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.grants[each.key]

    content {
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.this[statement.value.bucket].arn}/${statement.value.prefix}/*"]
    }
  }

  dynamic "statement" {
    for_each = [for place in each.value.changes : local.places[place]]

    content {
      actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
      resources = ["${aws_s3_bucket.this[statement.value.bucket].arn}/${statement.value.prefix}/*"]
    }
  }
}
