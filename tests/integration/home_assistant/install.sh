#!/usr/bin/env bash
# Install Home Assistant into DIRECTORY for test_real_home_assistant.py. It needs Python 3.13 and about 500 MB, and is
# therefore neither part of `make setup` nor locked by hash.
set -euo pipefail
directory=$(realpath -m "${1:?usage: bash tests/integration/home_assistant/install.sh DIRECTORY}")
cd "$(dirname "$0")/../../.."
bash tools/bootstrap.sh
tools/uv.sh venv --quiet --python 3.13 "$directory"
tools/uv.sh pip install --quiet --python "$directory/bin/python" \
  homeassistant==2025.4.4 paho-mqtt==2.1.0 home-assistant-frontend==20250411.0 PyTurboJPEG==1.7.5
printf 'VIGIL_TEST_HASS=%s/bin/hass\n' "$directory"
