variable "name" {
  description = "Of this platform, in front of every resource's own: one per environment (tidemill-stag, tidemill-prod)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,11}[a-z0-9]$", var.name))
    error_message = "Three to 13 lower-case letters, digits and hyphens, a letter first and no hyphen last: names of service accounts have 30 characters at most."
  }
}

variable "region" {
  description = "Where everything is."
  type        = string
}

variable "api_allowed_cidrs" {
  description = "Networks from which the Kubernetes API may be asked over the internet. Empty: from within the network alone (VPN, Interconnect, a runner of yours there)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.api_allowed_cidrs : can(cidrhost(cidr, 0)) && tonumber(split("/", cidr)[1]) >= 16])
    error_message = "Networks of /16 or smaller, 203.0.113.0/24 for one: not everybody."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the platform (tidemill, tidemill-staging): only its ServiceAccounts get the roles."
  type        = string
  default     = "tidemill"
}

variable "kafka_bootstrap" {
  description = "Brokers of your Kafka that take SASL/SCRAM over TLS, HOST:PORT,…: this module makes none."
  type        = string

  validation {
    condition     = can(regex("^[^,: ]+:[0-9]+(,[^,: ]+:[0-9]+)*$", var.kafka_bootstrap))
    error_message = "HOST:PORT, several with commas and no spaces."
  }
}

variable "nodes" {
  description = "The machines of the cluster: type, how many in each zone at least and at most, GiB of disk each."
  type = object({
    type     = optional(string, "e2-standard-4")
    minimum  = optional(number, 1)
    maximum  = optional(number, 3)
    disk_gib = optional(number, 80)
  })
  default = {}
}

variable "database" {
  description = "Cloud SQL for PostgreSQL: version, tier, GiB of disk at first and at most, whether a second one stands by in another zone, days of backups."
  type = object({
    version         = optional(string, "POSTGRES_17")
    tier            = optional(string, "db-custom-2-8192")
    disk_gib        = optional(number, 50)
    maximum_gib     = optional(number, 500)
    several_zones   = optional(bool, true)
    days_of_backups = optional(number, 14)
  })
  default = {}
}

variable "redis" {
  description = "Memorystore: GiB. Rate limits and answers to requests that are sent again are there, nothing that has to last."
  type = object({
    memory_gib = optional(number, 1)
  })
  default = {}
}

variable "retention" {
  description = "Days for which buckets keep what was overwritten or deleted. What is erased on purpose is gone when they have passed."
  type = object({
    overwritten = optional(number, 14)
    backups     = optional(number, 90)
  })
  default = {}
}

variable "deletion_protection" {
  description = "Whether cluster and database refuse to be deleted. Turn it off, apply, and only then destroy."
  type        = bool
  default     = true
}
