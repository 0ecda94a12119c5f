terraform {
  required_version = ">= 1.6" # of Terraform, and of OpenTofu

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.0, < 8.0"
    }
    google-beta = { # for service agents alone (keys.tf), which the other has no resource of
      source  = "hashicorp/google-beta"
      version = ">= 7.0, < 8.0"
    }
  }
}

data "google_project" "this" {}

locals {
  project = trimprefix(data.google_project.this.id, "projects/") # `project_id` is what a reader asks by, and computed by nobody
  number  = data.google_project.this.number
}
