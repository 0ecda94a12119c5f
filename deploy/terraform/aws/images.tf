# Images of ours. A tag is pushed once and means the same for ever; what has no tag any more goes.

locals {
  images = toset(["cli", "drift", "inference", "ingest", "mlflow", "trainer", "validator"])
  addresses_of_images = {
    for image, repository in aws_ecr_repository.this :
    image => "${local.account}.dkr.ecr.${local.region}.${data.aws_partition.this.dns_suffix}/${repository.name}"
  }
}

resource "aws_ecr_repository" "this" {
  for_each             = local.images
  name                 = "${var.name}/${each.key}"
  image_tag_mutability = "IMMUTABLE"

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.data.arn
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each   = aws_ecr_repository.this
  repository = each.value.name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "without a tag for two weeks"
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    }]
  })
}
