#!/usr/bin/env bash
# What a machine does when it begins: secrets, the service, and a word to the stack once it is ready.
set -euo pipefail
umask 077
settings=${SETTINGS:-/etc}
set -a
# shellcheck source=/dev/null
. "$settings/sotto-aws.env"
set +a
# shellcheck source=deploy/aws/instance/metadata.sh
. "$(dirname "$0")/metadata.sh"
instance=$(metadata instance-id)

secret() {
    aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text
}

signal() {
    aws cloudformation signal-resource --stack-name "$STACK" --logical-resource-id Group \
        --unique-id "$instance" --status "$1"
}
trap 'signal FAILURE' ERR

mkdir -p "$settings/sotto"
secret "$KEYS_SECRET" >"$settings/sotto/keys.json"
store=$(secret "$STORE_SECRET")
cat >"$settings/sotto.env" <<END
SOTTO_MODELS__NAMES=$MODELS
SOTTO_STORE__URL=$store
SOTTO_SERVER__PROXIES=$PROXIES
END
printf 'INSTANCE=%s\n' "$instance" >>"$settings/sotto-aws.env"

systemctl enable --now sotto.service sotto-leave.service sotto-report.service
for _ in $(seq "${TRIES:-240}"); do
    if curl --silent --fail --output /dev/null "${SERVER:-http://127.0.0.1:8000}/ready"; then
        signal SUCCESS
        exit 0
    fi
    sleep "${PAUSE:-5}"
done
echo "expected a model to be ready, got none" >&2
signal FAILURE
exit 1
