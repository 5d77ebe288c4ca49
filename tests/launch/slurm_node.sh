#!/usr/bin/env bash
# A Slurm of one node on this machine, without systemd, for tests: slurm_node.sh start|stop FOLDER
# Needs root, and Debian's slurmctld, slurmd, slurm-client and munge. Listens on loopback alone;
# export SLURM_CONF=FOLDER/slurm.conf to use it.
set -eu
folder=$2
export SLURM_CONF=$folder/slurm.conf

start() {
  mkdir -p "$folder"/{state,spool} /run/munge
  [ -s /etc/munge/munge.key ] || { head -c 1024 /dev/urandom > /etc/munge/munge.key; }
  chown munge:munge /etc/munge/munge.key /run/munge
  chmod 400 /etc/munge/munge.key
  munge -n > /dev/null 2>&1 || setpriv --reuid munge --regid munge --clear-groups munged
  host=$(hostname -s)
  port=$((20000 + RANDOM % 12000))
  cat > "$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoInAddrAny
FirstJobId=$((RANDOM + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
  slurmctld
  slurmd
  wait_until 'sinfo -h -o %T | grep -q idle'
}

stop() {
  scancel --me || true
  wait_until '! squeue -h | grep -q .' || true
  pids="$(cat "$folder/slurmd.pid") $(cat "$folder/slurmctld.pid")"
  kill $pids
  wait_until "! kill -0 $pids"
}

wait_until() {
  for _ in $(seq 80); do
    eval "$1" 2> /dev/null && return
    sleep 0.25
  done
  echo "waited in vain for: $1" >&2
  return 1
}

"$1"
