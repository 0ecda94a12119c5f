# A platform for production in Frankfurt. Copy this folder, put your names in, and keep the state in a bucket of yours:
#
#   terraform { backend "s3" {} }        terraform init -backend-config=…

terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"

  default_tags {
    tags = { platform = "tidemill", environment = "production" }
  }
}

module "tidemill" {
  source = "../../aws"

  name               = "tidemill-production"
  namespace          = "tidemill"
  zones              = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  administrators     = ["arn:aws:iam::123456789012:role/platform"]
  api_allowed_cidrs  = ["203.0.113.0/24"] # of your office; leave it out where you have a VPN into the network
  operator_cidrs     = []                 # networks behind that VPN
  secrets_are_filled = var.secrets_are_filled
}

variable "secrets_are_filled" {
  description = "False at the first apply, true from the second on (docs/clouds.md)."
  type        = bool
  default     = false
}

output "tidemill" {
  description = "All that the next steps need."
  value       = module.tidemill
}
