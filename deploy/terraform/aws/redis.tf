# Rate limits and answers to requests that are sent again, for all processes of ingest and serve. Its token is set by
# `aws elasticache modify-replication-group` (docs/clouds.md) and stands in no state.

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = [for subnet in aws_subnet.private : subnet.id]
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id       = var.name
  description                = "${var.name}: rate limits, answers to requests that are sent again"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.redis.type
  num_cache_clusters         = var.redis.nodes
  automatic_failover_enabled = true
  multi_az_enabled           = true
  port                       = 6379

  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.data.arn
  transit_encryption_enabled = true

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.store["redis"].id]

  log_delivery_configuration {
    destination      = aws_cloudwatch_log_group.this["redis"].name
    destination_type = "cloudwatch-logs"
    log_format       = "json"
    log_type         = "engine-log"
  }

  lifecycle {
    ignore_changes = [auth_token, auth_token_update_strategy]
  }
}
