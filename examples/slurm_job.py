"""Write a script over SFTP, run it on a Slurm cluster, and read its result."""

from __future__ import annotations

import argparse

import xenon

SCRIPT = b'echo "$1 times $2 is $(($1 * $2)), says $(hostname)"\n'


def main() -> None:
    """Multiply two numbers on a cluster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("location", help="the cluster's login node, as host or host:port")
    parser.add_argument("user", help="the name of your account there")
    parser.add_argument("key", help="the file of your private key")
    parser.add_argument("--known-hosts", default="", help="a file with the host's key, instead of ~/.ssh/known_hosts")
    arguments = parser.parse_args()
    credential = xenon.CertificateCredential(certfile=arguments.key, username=arguments.user)
    sftp, ssh = ({f"xenon.adaptors.{kind}.knownHostsFile": arguments.known_hosts} for kind in ("filesystems.sftp", "schedulers.ssh"))
    with (
        xenon.init(),
        xenon.FileSystem.create("sftp", arguments.location, certificate_credential=credential, properties=sftp) as files,
        xenon.Scheduler.create("slurm", f"ssh://{arguments.location}", certificate_credential=credential, properties=ssh) as cluster,
    ):
        files.create_directory("multiplication")  # relative to your home directory, like all paths here
        files.write_to_file("multiplication/script.sh", SCRIPT)
        job = xenon.JobDescription(
            executable="sh", arguments=["script.sh", "6", "7"], working_directory="multiplication", stdout="result.txt"
        )
        status = cluster.wait_until_done(cluster.submit_batch_job(job))
        print(f"{status.state}, exit code {status.exit_code}")
        print(b"".join(files.read_from_file("multiplication/result.txt")).decode().strip())
        files.delete("multiplication", recursive=True)


if __name__ == "__main__":
    main()
