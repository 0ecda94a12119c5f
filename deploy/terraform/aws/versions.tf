terraform {
  required_version = ">= 1.6" # of Terraform, and of OpenTofu

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }
}
