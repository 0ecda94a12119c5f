"""The control plane and KEDA as processes of this machine, in a network of their own."""
