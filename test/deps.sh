#!/usr/bin/env bash
# Installs what the test suites need: the S3 clients and the file system tools.
# As root on Debian it installs packages; elsewhere it says what is missing, and the
# tests that need it skip and say so.
set -euo pipefail

# command: Debian package
needs=(
	aws:awscli rclone:rclone restic:restic s3cmd:s3cmd s3fs:s3fs curl:curl
	node:nodejs npm:npm chromium:chromium mkfs.ext4:e2fsprogs mkfs.xfs:xfsprogs mount:mount losetup:mount gcc:gcc rabbitmq-server:rabbitmq-server
)
export PATH="$PATH:/usr/sbin:/sbin"

missing=()
for need in "${needs[@]}"; do
	command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
/usr/bin/python3 -c 'import boto3' 2>/dev/null || missing+=(python3-boto3)
# A shim in front of the packaged client is not the client.
/usr/bin/aws --version >/dev/null 2>&1 || missing+=(awscli)

if [ ${#missing[@]} -eq 0 ]; then
	exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing: ${missing[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
	echo "WARNING: not installed: ${missing[*]}"
	echo "WARNING: the tests that need them will skip. Install them, or run this as root on Debian."
fi
