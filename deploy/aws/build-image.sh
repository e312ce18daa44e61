#!/usr/bin/env bash
# Builds the machines' image of the commit that is checked out, and prints its id:
#
#   deploy/aws/build-image.sh sotto-image
#
# The argument names the stack of image.yaml. The AWS CLI has to know who asks.
set -euo pipefail
stack=${1:?expected the name of the stack of image.yaml, got none}
cd "$(dirname "$0")/../.."

output() {
    aws cloudformation describe-stacks --stack-name "$stack" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)
archive=$(mktemp)
trap 'rm -f "$archive"' EXIT
git archive --format=tar.gz --output "$archive" HEAD
aws s3 cp --only-show-errors "$archive" "s3://$(output Sources)/sotto-$version.tar.gz"

image=$(aws imagebuilder start-image-pipeline-execution --output text \
    --image-pipeline-arn "$(output Pipeline)" --query imageBuildVersionArn)
while true; do
    state=$(aws imagebuilder get-image --image-build-version-arn "$image" --output text \
        --query image.state.status)
    case $state in
        AVAILABLE) break ;;
        FAILED | CANCELLED | DEPRECATED | DELETED)
            echo "expected an image, got $state: $image" >&2
            exit 1
            ;;
    esac
    sleep "${PAUSE:-30}"
done
aws imagebuilder get-image --image-build-version-arn "$image" --output text \
    --query "image.outputResources.amis[0].image"
