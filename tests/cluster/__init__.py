"""A real Kubernetes for tests: `cluster` is a control plane with simulated nodes, `any_cluster` may be another one.

    def test_second_gpu_is_the_last(cluster: ControlPlane, namespace: str) -> None:
        with cluster.add_node("gpu-1", gpus={"nvidia.com/gpu": 2}) as node:
            cluster.apply(Path("manifests/…"))                      # YAML text, a file or dictionaries
            mark = cluster.audit_mark()
            kubeconfig = cluster.service_account_kubeconfig(namespace, "vigil-operator")   # has only RBAC's rights
            with cluster.kubelet.script(CrashLoops(exit_code=3, logs="no GPU\n"), labels={"vigil.dev/camera": "a"}):
                cluster.restart_apiserver(kill=True)                # also kill_/start_apiserver, etcd_frozen()
                pods = cluster.kubectl_json("get", "pods", "--namespace", namespace)["items"]
            node.stop_heartbeat()                                   # the node is lost
            writes = cluster.audit_events(since=mark, verbs=WRITE_VERBS, user_agent="vigil-operator")
            leaked = [key for key, value in cluster.etcd_contents() if b"hunter2" in value]

`namespace` is deleted after the test. Logs, kubeconfigs and the audit log are in build/cluster/<run>/. For a cluster
with other options, or to oneself: `ControlPlane(kubernetes_binaries, run_folder("mine"), ControlPlaneOptions(…))`.
`container_cluster` (module `node`) adds a node that runs real containers, from images built here by buildah.
By hand: `python -m tests.cluster` starts one and prints the line that points kubectl at it.
"""
