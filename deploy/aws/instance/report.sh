#!/usr/bin/env bash
# Tells CloudWatch each minute how many streams are open here. The group is scaled by the average.
set -euo pipefail

# Of all dialects; fails where the server does not answer.
sessions() {
    curl --silent --fail --max-time 5 "${SERVER:-http://127.0.0.1:8000}/metrics" |
        awk '/^sotto_sessions\{/ { sum += $NF } END { print sum + 0 }'
}

while true; do
    if open=$(sessions); then
        aws cloudwatch put-metric-data --namespace Sotto --metric-name Sessions --unit Count \
            --dimensions "AutoScalingGroupName=$STACK" --value "$open" ||
            echo "CloudWatch did not take the figure" >&2
    fi
    [ -z "${ONCE:-}" ] || exit 0
    sleep 60
done
