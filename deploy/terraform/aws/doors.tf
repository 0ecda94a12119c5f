# Who may reach what: the cluster's pods and nodes, only the port that is spoken there; people from networks that are named.

locals {
  doors = {
    kafka-scram = { group = "kafka", port = 9096 } # services, by user and password
    kafka-iam   = { group = "kafka", port = 9098 } # administrators, by their roles
    database    = { group = "database", port = 5432 }
    redis       = { group = "redis", port = 6379 }
    endpoints   = { group = "endpoints", port = 443 }
  }
}

resource "aws_security_group" "store" {
  for_each    = toset([for door in local.doors : door.group])
  name        = "${var.name}-${each.key}"
  description = "${each.key} of ${var.name}: from the cluster alone, to nobody"
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "from_cluster" {
  for_each                     = local.doors
  security_group_id            = aws_security_group.store[each.value.group].id
  description                  = "${each.key} from the cluster"
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "from_operators" {
  for_each = {
    for pair in setproduct(["kafka-iam", "database"], var.operator_cidrs) : "${pair[0]} ${pair[1]}" => { door = local.doors[pair[0]], cidr = pair[1] }
  }
  security_group_id = aws_security_group.store[each.value.door.group].id
  description       = "people: ${each.key}"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.door.port
  to_port           = each.value.door.port
}
