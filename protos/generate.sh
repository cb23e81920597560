#!/usr/bin/env bash
# Makes the Python stubs beside the .proto files, or in the folder given. tests/unit/test_protos.py compares.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
"${PYTHON:-python}" -m grpc_tools.protoc -I"$here" --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" \
  "$here"/memcube/v1/*.proto
# The files are memcube/v1/*.proto for every language; their Python package is memcube.protos.memcube.v1.
sed -i -E 's/^from memcube\.v1 import/from memcube.protos.memcube.v1 import/' "$out"/memcube/v1/*_pb2*.py "$out"/memcube/v1/*_pb2.pyi
