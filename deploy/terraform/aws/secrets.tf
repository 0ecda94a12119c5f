# Places for secrets, and no secret: values are put there by a person or a pipeline (make_secrets.py, docs/clouds.md), so that none
# is in Terraform's state.

variable "secrets_are_filled" {
  description = "Whether the secrets of Kafka's users have values, as docs/clouds.md says: false at the first apply, true from the second on. Kafka knows the users from then on."
  type        = bool
  default     = false
}

locals {
  kafka_users = toset(["backup", "cli", "drift", "inference", "ingest", "keda", "trainer", "validator"])
}

# The files of each workload's Kubernetes Secret as one JSON object, read by that workload's role alone.
resource "aws_secretsmanager_secret" "service" {
  for_each                = local.services
  name                    = "${var.name}/${each.key}"
  description             = "What ${each.key} logs in with; becomes its Secret in Kubernetes"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret" "signing_key" {
  name                    = "${var.name}/signing-key"
  description             = "By which the trainer signs versions"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 30
}

# {"username": …, "password": …} of each user of Kafka. MSK takes names that begin so alone.
resource "aws_secretsmanager_secret" "kafka_user" {
  for_each                = local.kafka_users
  name                    = "AmazonMSK_${var.name}_${each.key}"
  description             = "User tidemill-${each.key} of Kafka"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 7
}
