# A platform for production in Frankfurt. Copy this folder, put your names in, and keep the state in a bucket of yours:
#
#   terraform { backend "gcs" {} }        terraform init -backend-config=…

terraform {
  required_version = ">= 1.6"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.0, < 8.0"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = ">= 7.0, < 8.0"
    }
  }
}

provider "google" {
  project = "tidemill-example"
  region  = "europe-west3"

  default_labels = {
    platform    = "tidemill"
    environment = "production"
  }
}

provider "google-beta" {
  project = "tidemill-example"
  region  = "europe-west3"
}

module "tidemill" {
  source = "../../gcp"

  name              = "tidemill-prod"
  namespace         = "tidemill"
  region            = "europe-west3"
  kafka_bootstrap   = "b-1.example.com:9094,b-2.example.com:9094,b-3.example.com:9094"
  api_allowed_cidrs = ["203.0.113.0/24"] # of your office; leave it out where you have a VPN into the network
}

output "tidemill" {
  description = "All that the next steps need."
  value       = module.tidemill
}
