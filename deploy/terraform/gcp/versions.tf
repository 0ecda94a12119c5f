terraform {
  required_version = ">= 1.6" # of Terraform, and of OpenTofu

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.0, < 8.0"
    }
  }
}

data "google_project" "this" {}

locals {
  project = data.google_project.this.project_id
  number  = data.google_project.this.number
}
