#!/usr/bin/env bash
# Sotto as a service, from the folder of its source, on Amazon Linux 2023 with NVIDIA's driver.
set -euo pipefail
source=$1
here=$(cd "$(dirname "$0")" && pwd)
systemd=/etc/systemd/system

dnf install --assumeyes python3.11 jq
python3.11 -m venv /opt/sotto
/opt/sotto/bin/pip install --no-cache-dir --compile --constraint "$source/ci/constraints.txt" \
    "${source}[jwt,postgres]" nvidia-cublas-cu12==12.9.2.10

install --directory "$systemd/sotto.service.d" /opt/sotto-aws
install --mode 0644 "$source/deploy/systemd/sotto.service" "$systemd/"
install --mode 0644 "$source/deploy/systemd/sotto.service.d/cuda.conf" "$here/aws.conf" \
    "$systemd/sotto.service.d/"
install --mode 0755 "$here/begin.sh" "$here/leave.sh" "$here/report.sh" /opt/sotto-aws/
install --mode 0644 "$here/metadata.sh" /opt/sotto-aws/
install --mode 0644 "$here/sotto-leave.service" "$here/sotto-report.service" "$systemd/"
systemctl daemon-reload
