#!/bin/bash
# A temporary, real Slurm of one node: starts munge, slurmctld and slurmd in a separate folder,
# runs the sweep in the directory SWEEP there, and stops them again.
#
#     tests/other_programs/slurm.sh PROGRAM SWEEP
#
# Needs root, and the packages slurm-wlm and munge.
set -euo pipefail
program=$(realpath "$1")
sweep=$(realpath "$2")

folder=$(mktemp -d)
chmod 755 "$folder"
pids=()
stop() {
    code=$?
    if [ "$code" -ne 0 ]; then
        tail -n 30 "$folder"/*.log >&2 || true
    fi
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$folder"
    exit "$code"
}
trap stop EXIT

mkdir "$folder"/{munge,spool,state}
head -c 1024 /dev/urandom >"$folder/munge/key"
chmod 700 "$folder/munge"
chmod 600 "$folder/munge/key"
socket=$folder/socket
munged --foreground --force --key-file="$folder/munge/key" --socket="$socket" \
    --pid-file="$folder/munge/pid" --seed-file="$folder/munge/seed" \
    --log-file="$folder/munge/log" >"$folder/munged.log" 2>&1 &
pids+=($!)

host=$(hostname -s)
port=$((20000 + 2 * ($$ % 5000))) # of its own, where two such tests run at once
cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$socket
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmdSpoolDir=$folder/spool
StateSaveLocation=$folder/state
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$folder/slurm.conf
slurmctld -D >"$folder/slurmctld.log" 2>&1 &
pids+=($!)
slurmd -D -f "$SLURM_CONF" >"$folder/slurmd.log" 2>&1 &
pids+=($!)

# Waits until the command succeeds, at most two minutes.
await() {
    for _ in $(seq 600); do
        if "$@"; then return; fi
        sleep 0.2
    done
    echo "too slow: $*" >&2
    exit 1
}
idle() { [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ]; }
ended() { [ -z "$(squeue --noheader 2>/dev/null)" ]; }

await idle
NEUROGAIN=$program "$sweep/submit.sh"
await ended
