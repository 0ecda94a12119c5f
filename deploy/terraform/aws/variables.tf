variable "name" {
  description = "Of this platform, in front of every resource's own: one per environment (tidemill-staging, tidemill-production)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,23}$", var.name)) && !can(regex("--|-$", var.name))
    error_message = "Three to 24 lower-case letters, digits and hyphens, a letter first, no hyphen last and no two together: databases and clusters are named by it."
  }
}

variable "zones" {
  description = "Availability zones, one broker of Kafka in each."
  type        = list(string)

  validation {
    condition     = length(var.zones) == 3 && length(distinct(var.zones)) == 3
    error_message = "Three different zones: topics are written to three brokers, and two must have a record before it is acknowledged."
  }
}

variable "cidr" {
  description = "Addresses of the network; a /16 to a /20."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.cidr, 4, 15)) && tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "An IPv4 network of /16 to /20, 10.40.0.0/16 for one."
  }
}

variable "administrators" {
  description = "ARNs of the IAM roles that may do anything in the cluster, and that Kafka takes as its administrators: people's, and the one that deploys."
  type        = list(string)

  validation {
    condition     = length(var.administrators) > 0 && alltrue([for arn in var.administrators : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+", arn))])
    error_message = "At least one ARN of an IAM role, arn:aws:iam::123456789012:role/platform for one: without it nobody may enter the cluster."
  }
}

variable "api_allowed_cidrs" {
  description = "Networks from which the Kubernetes API may be asked over the internet. Empty: from within the network alone (VPN, Direct Connect, a runner of yours there)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.api_allowed_cidrs : can(cidrhost(cidr, 0)) && tonumber(split("/", cidr)[1]) >= 16])
    error_message = "Networks of /16 or smaller, 203.0.113.0/24 for one: not everybody."
  }
}

variable "operator_cidrs" {
  description = "Private networks (behind a VPN, say) from which people reach Kafka and PostgreSQL, with their own log-ins."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.operator_cidrs : can(regex("^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168)\\.", cidr)) && can(cidrhost(cidr, 0))])
    error_message = "Private networks alone (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and parts of them): Kafka and the database are not on the internet."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the platform (tidemill, tidemill-staging): only its ServiceAccounts get the roles."
  type        = string
  default     = "tidemill"
}

variable "kubernetes_version" {
  description = "Of the cluster: 1.31 or later."
  type        = string
  default     = "1.33"
}

variable "nodes" {
  description = "The machines of the cluster: types, how many at least and at most, GiB of disk each."
  type = object({
    types    = optional(list(string), ["m7i.xlarge"])
    minimum  = optional(number, 3)
    maximum  = optional(number, 9)
    disk_gib = optional(number, 80)
  })
  default = {}
}

variable "kafka" {
  description = "MSK: version, type of broker, GiB of disk each."
  type = object({
    version  = optional(string, "3.9.x.kraft")
    type     = optional(string, "kafka.m7g.large")
    disk_gib = optional(number, 200)
  })
  default = {}
}

variable "database" {
  description = "RDS PostgreSQL: version, class, GiB of disk at first and at most, whether a second one stands by in another zone, days of backups."
  type = object({
    version         = optional(string, "17")
    class           = optional(string, "db.m7g.large")
    disk_gib        = optional(number, 50)
    maximum_gib     = optional(number, 500)
    several_zones   = optional(bool, true)
    days_of_backups = optional(number, 14)
  })
  default = {}

  validation {
    condition     = var.database.days_of_backups >= 1 && var.database.days_of_backups <= 35
    error_message = "RDS keeps backups for 1 to 35 days."
  }
}

variable "redis" {
  description = "ElastiCache (Valkey): type, and nodes. Rate limits and answers to requests that are sent again are there, nothing that has to last."
  type = object({
    type  = optional(string, "cache.t4g.small")
    nodes = optional(number, 2)
  })
  default = {}

  validation {
    condition     = var.redis.nodes >= 2
    error_message = "Two nodes at least, so that one may fail."
  }
}

variable "retention" {
  description = "Days: of logs, and of what was overwritten or deleted in a bucket. What is erased on purpose is gone when the latter have passed."
  type = object({
    logs        = optional(number, 365)
    overwritten = optional(number, 14)
    backups     = optional(number, 90)
  })
  default = {}
}

variable "deletion_protection" {
  description = "Whether the database refuses to be deleted. Turn it off, apply, and only then destroy."
  type        = bool
  default     = true
}

variable "signing_kms_key" {
  description = "ARN of the KMS key (ECC_NIST_P256, SIGN_VERIFY) by which the trainer signs versions, where TIDEMILL_SIGNING_SERVICE names one: it then may ask that key to sign."
  type        = string
  default     = null

  validation {
    condition     = var.signing_kms_key == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$", var.signing_kms_key))
    error_message = "The ARN of a key itself, arn:aws:kms:eu-central-1:123456789012:key/…, and not of an alias: a right on an alias is none on its key."
  }
}
