# Three brokers, one a zone. Services log in by SCRAM, each as its own user; administrators by their IAM role, who give the users
# their rights (`tidemill topics apply --principal …`). Whoever has been given nothing may do nothing.

resource "aws_msk_configuration" "this" {
  name           = var.name
  kafka_versions = [var.kafka.version]

  server_properties = <<-EOT
    allow.everyone.if.no.acl.found=false
    auto.create.topics.enable=false
    default.replication.factor=3
    min.insync.replicas=2
    num.partitions=1
    offsets.topic.replication.factor=3
    transaction.state.log.min.isr=2
    transaction.state.log.replication.factor=3
    unclean.leader.election.enable=false
  EOT

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_msk_cluster" "this" {
  cluster_name           = var.name
  kafka_version          = var.kafka.version
  number_of_broker_nodes = length(var.zones)
  enhanced_monitoring    = "PER_TOPIC_PER_BROKER"

  broker_node_group_info {
    instance_type   = var.kafka.type
    client_subnets  = [for subnet in aws_subnet.private : subnet.id]
    security_groups = [aws_security_group.store["kafka"].id]

    connectivity_info {
      public_access {
        type = "DISABLED"
      }
    }

    storage_info {
      ebs_storage_info {
        volume_size = var.kafka.disk_gib
      }
    }
  }

  client_authentication {
    unauthenticated = false

    sasl {
      scram = true
      iam   = true
    }
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = aws_kms_key.data.arn

    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this.arn
    revision = aws_msk_configuration.this.latest_revision
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.this["kafka"].name
      }
    }
  }
}

resource "aws_msk_scram_secret_association" "this" {
  count           = var.secrets_are_filled ? 1 : 0
  cluster_arn     = aws_msk_cluster.this.arn
  secret_arn_list = [for secret in aws_secretsmanager_secret.kafka_user : secret.arn]
}

# Whom an administrator becomes to make topics and to give rights: in Kafka, and nothing else.
resource "aws_iam_role" "kafka_administrator" {
  name               = "${var.name}-kafka-administrator"
  assume_role_policy = data.aws_iam_policy_document.assumed_by_administrators.json
}

data "aws_iam_policy_document" "assumed_by_administrators" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = var.administrators
    }
  }
}

resource "aws_iam_role_policy" "kafka_administrator" {
  name   = "administer"
  role   = aws_iam_role.kafka_administrator.id
  policy = data.aws_iam_policy_document.kafka_administrator.json
}

data "aws_iam_policy_document" "kafka_administrator" {
  statement {
    resources = [aws_msk_cluster.this.arn]
    actions = [
      "kafka-cluster:AlterCluster", "kafka-cluster:AlterClusterDynamicConfiguration", "kafka-cluster:Connect",
      "kafka-cluster:DescribeCluster", "kafka-cluster:DescribeClusterDynamicConfiguration",
    ]
  }

  statement {
    resources = [
      "${replace(aws_msk_cluster.this.arn, ":cluster/", ":topic/")}/*",
      "${replace(aws_msk_cluster.this.arn, ":cluster/", ":group/")}/*",
    ]
    actions = [
      "kafka-cluster:AlterTopic", "kafka-cluster:AlterTopicDynamicConfiguration", "kafka-cluster:CreateTopic",
      "kafka-cluster:DeleteTopic", "kafka-cluster:DescribeGroup", "kafka-cluster:DescribeTopic",
      "kafka-cluster:DescribeTopicDynamicConfiguration",
    ]
  }
}
