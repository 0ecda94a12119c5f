"""The kubelet's stand-in: a node whose pods are processes of this machine, without containers.

It does what the API asks of a kubelet: runs what is bound to it, tells how it is, probes it, ends it by SIGTERM after
`preStop` and by SIGKILL after its grace. It does not do what containers do: there is no other root file system, user,
network policy or memory limit. Paths of mounts are led into a folder of the pod.
"""
