# shellcheck shell=bash
# What the machine is told of itself (IMDSv2).

METADATA=${METADATA:-http://169.254.169.254}

# metadata PATH: the text there; fails where there is none.
metadata() {
    local token
    token=$(curl --silent --fail --max-time 2 --request PUT \
        --header "X-aws-ec2-metadata-token-ttl-seconds: 60" "$METADATA/latest/api/token") || return 1
    curl --silent --fail --max-time 2 --header "X-aws-ec2-metadata-token: $token" \
        "$METADATA/latest/meta-data/$1"
}
