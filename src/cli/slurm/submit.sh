#!/bin/bash
# Submits the sweep in this directory to Slurm, one task per cell. Arguments are passed to sbatch, for
# example --cpus-per-task=8 --time=2:00:00 --partition=long. Finished cells are skipped: to run missing
# cells, submit again. When all tasks have ended, run: neurogain sweep --collect DIR
#
# Variables: NEUROGAIN is the program, if it is not in PATH; NEUROGAIN_DATA is the directory of the data
# (default: ./data).
set -euo pipefail
if ! program=$(command -v "${NEUROGAIN:-neurogain}"); then
    echo "error: ${NEUROGAIN:-neurogain} was not found; add it to PATH, or set NEUROGAIN to its path" >&2
    exit 1
fi
NEUROGAIN=$(realpath "$program")
NEUROGAIN_DATA=$(realpath -m "${NEUROGAIN_DATA:-data}")
export NEUROGAIN NEUROGAIN_DATA
cd "$(dirname "${BASH_SOURCE[0]}")"
exec sbatch "$@" job.sh
