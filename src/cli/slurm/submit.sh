#!/bin/bash
# Submits the sweep in this directory, a task a cell. Arguments go to sbatch: --cpus-per-task=8
# --time=2:00:00 --partition=long. A task whose cell has ended does nothing, so that submitting
# again runs what is missing. When all have ended: neurogain sweep --collect DIR
#
# NEUROGAIN names the program where it is not in PATH; the data are where NEUROGAIN_DATA says, or
# else in ./data, as everywhere.
set -euo pipefail
if ! program=$(command -v "${NEUROGAIN:-neurogain}"); then
    echo "error: no ${NEUROGAIN:-neurogain} here; put it into PATH, or name it with NEUROGAIN" >&2
    exit 1
fi
NEUROGAIN=$(realpath "$program")
NEUROGAIN_DATA=$(realpath -m "${NEUROGAIN_DATA:-data}")
export NEUROGAIN NEUROGAIN_DATA
cd "$(dirname "${BASH_SOURCE[0]}")"
exec sbatch "$@" job.sh
