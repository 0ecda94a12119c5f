locals {
  log_groups = {
    network    = "/aws/vpc/${var.name}"
    cluster    = "/aws/eks/${var.name}/cluster" # EKS writes to a group of this name and no other
    kafka      = "/aws/msk/${var.name}"
    postgresql = "/aws/rds/instance/${var.name}/postgresql"
    upgrade    = "/aws/rds/instance/${var.name}/upgrade"
    redis      = "/aws/elasticache/${var.name}"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = local.log_groups
  name              = each.value
  retention_in_days = var.retention.logs
  kms_key_id        = aws_kms_key.platform.arn
}
