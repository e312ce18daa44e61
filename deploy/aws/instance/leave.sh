#!/usr/bin/env bash
# Leaves in order when the machine is about to be taken away, two minutes before, or when the group
# has no use for it: no new streams, then SIGTERM, which lets the open ones go elsewhere.
set -euo pipefail
# shellcheck source=deploy/aws/instance/metadata.sh
. "$(dirname "$0")/metadata.sh"

must_leave() {
    metadata spot/instance-action >/dev/null && return 0
    [ "$(metadata autoscaling/target-lifecycle-state)" = Terminated ]
}

until must_leave; do
    sleep "${PAUSE:-5}"
done

echo "this machine is to go: no new streams"
aws elbv2 deregister-targets --target-group-arn "$TARGETS" --targets "Id=$INSTANCE" ||
    echo "the load balancer did not hear it; its health check will" >&2
systemctl stop sotto.service
# Where no hook waits, as with a spot machine that is taken away, there is nothing to complete.
aws autoscaling complete-lifecycle-action --auto-scaling-group-name "$STACK" \
    --lifecycle-hook-name leave --instance-id "$INSTANCE" --lifecycle-action-result CONTINUE || true
