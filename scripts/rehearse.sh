#!/usr/bin/env bash
# Rehearse a whole incident on this machine: App Service's part, the target, the load, the verdict.
#
#   scripts/rehearse.sh                             intermittent-5xx, in half a minute once built
#   scripts/rehearse.sh startup-failed --control    another one, or its control, or a fix of it
#   scripts/rehearse.sh --runs 20 --pace 0.1        twenty in a row, and one verdict over all of them
#
# Whatever follows is given to labrat rehearse.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

labrat=$(find_labrat)
exec "$labrat" rehearse "$@"
